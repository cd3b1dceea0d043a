"""Small takes and data sets for tests. Worker processes import this module, so it is no test module itself."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from mission_core.data.shards import Job, Recipe
from mission_core.data.takes import CameraTake, RadarTake, Take, TakeInfo

RADAR = TakeInfo("P03-r1", "P03", "P03-r1", "radar", scene="hall", angle_deg=15.0, frames=3)
CAMERA = TakeInfo("P03-c1", "P03", "P03-c1", "camera", frames=2)
RECIPE = Recipe("tiny", "0.1", seed=3, parameters={"people": 2}, licence="free")


def make_radar_take(info: TakeInfo = RADAR, counts: tuple[int, ...] = (4, 0, 2)) -> RadarTake:
    rng = np.random.default_rng(len(info.take_id))
    return RadarTake(
        info=replace(info, frames=len(counts)),
        stamps_ns=np.arange(len(counts)) * 100_000_000 + 5,
        points=tuple(rng.uniform(-4.0, 4.0, (count, 6)).astype(np.float32) for count in counts),
        positions=rng.uniform(0.0, 8.0, (len(counts), 3)).astype(np.float32),
        joints=rng.uniform(-1.0, 2.0, (len(counts), 32, 3)).astype(np.float32),
        velocities=np.linspace(-4.0, 3.75, 32, dtype=np.float32),
        doppler=rng.uniform(0.0, 40.0, (32, len(counts))).astype(np.float32),
    )


def make_camera_take(info: TakeInfo = CAMERA, frames: int = 2) -> CameraTake:
    # smooth pictures, as JPEG likes them
    ramp = np.linspace(20, 220, 96)[:, None] + np.linspace(0, 30, 64)
    crops = np.stack([np.stack([ramp, ramp[::-1], ramp * 0.5], axis=-1)] * frames).astype(np.uint8)
    masks = np.zeros((frames, 96, 64), np.uint8)
    masks[:, 20:80, 20:40] = 255
    return CameraTake(
        info=replace(info, frames=frames),
        stamps_ns=np.arange(frames) * 66_666_667,
        crops=crops,
        boxes=np.full((frames, 4), 100.25, np.float32),
        geometry=np.full((frames, 4), np.nan, np.float32),
        joints=np.full((frames, 32, 3), 0.5, np.float32),
        skeletons=np.full((frames, 32, 3), 2.5, np.float32),
        masks=masks,
    )


def make(person: int, log: Path | None = None) -> list[Take]:
    if log is not None:
        with log.open("a") as file:
            file.write(f"{person}\n")
    name = f"P{person:02d}"
    return [
        make_radar_take(TakeInfo(f"{name}-r0", name, f"{name}-r0", "radar", person_seed=person)),
        make_camera_take(TakeInfo(f"{name}-c0", name, f"{name}-c0", "camera", person_seed=person)),
    ]


def jobs(people: int = 2, log: Path | None = None) -> list[Job]:
    return [Job(f"P{person:02d}", 2, functools.partial(make, person, log)) for person in range(people)]
