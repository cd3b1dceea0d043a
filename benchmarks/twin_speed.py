"""What a frame of the simulated radar and a picture of the simulated camera cost on one core, by people in the room.

    .venv/bin/python benchmarks/twin_speed.py [--frames 100] [--profile config/radar/walking_10fps.cfg]

People walk up and down before the sensor; each frame poses their bodies, finds what the radar sees of them, synthesises
the ADC's samples and receives them. Others walk before a camera, whose whole pictures are drawn. CPU time of this
process (numerical libraries held to one thread), median over the frames. The last row of each half is a reference that
tells a slow machine from a slow program, run in between: numpy's Fourier transform over the samples of the radar's
frame, and OpenCV's Gaussian blur of a picture.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")})

import cv2
import numpy as np

from mission_core.radar.profile import load_profile
from mission_core.sim.body import Body
from mission_core.sim.cohort import walkers
from mission_core.sim.fmcw import FmcwRadar
from mission_core.sim.gait import Walk
from mission_core.sim.path import back_and_forth
from mission_core.sim.rooms import live_room
from mission_core.sim.scatter import scatterers
from mission_core.sim.view import CameraView
from mission_core.types import Mount

PROFILE = Path(__file__).resolve().parents[1] / "config" / "radar" / "walking_10fps.cfg"
INSTANT = 0.005  # between the poses that velocities are taken from [s]
MOUNT = Mount(height=1.0)
RADAR_STAGES = ("bodies", "scatterers", "signal", "receiver", "sum", "numpy.fft")
CAMERA_STAGES = ("picture", "cv2 blur")
FPS = 15.0
T = TypeVar("T")


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--profile", type=Path, default=PROFILE)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    profile = load_profile(options.profile)
    rows = [(number, *measure_radar(number, options.frames, options.profile)) for number in (1, 2, 3)]
    pictures = [measure_camera(number, options.frames) for number in (1, 2, 3)]

    print(f"{platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f}, {profile.name}, 720p")
    print(f"{options.frames} frames, CPU ms per frame (median), share of one core at {1 / profile.frame_period:.0f} Hz")
    titles = "".join(f"{f'{number} people ({count:.0f} scatterers)':>28}" for number, count, _ in rows)
    print(f"{'':<12}{titles}")
    show(RADAR_STAGES, [costs for _, _, costs in rows], profile.frame_period)
    print(f"share of one core at {FPS:.0f} Hz")
    show(CAMERA_STAGES, pictures, 1 / FPS)


def show(stages: Sequence[str], columns: Sequence[dict[str, float]], period: float) -> None:
    """Prints a row for each stage."""
    for stage in stages:
        cells = ((costs[stage], costs[stage] / period) for costs in columns)
        print(f"{stage:<12}" + "".join(f"{f'{cost * 1e3:.1f} ms {share:6.1%}':>28}" for cost, share in cells))


def measure_radar(number: int, frames: int, path: Path) -> tuple[float, dict[str, float]]:
    """Scatterers per frame, and CPU time of each stage [s]."""
    profile = load_profile(path)
    walks = [
        Walk(person, back_and_forth((2.0, 1.5 * place - 1.5), (6.0, 1.5 * place - 1.5)), seed=place)
        for place, person in enumerate(walkers()[:number])
    ]
    bodies = [Body(walk.person) for walk in walks]
    simulator = FmcwRadar(profile, MOUNT, seed=1)
    spent: dict[str, list[float]] = {stage: [] for stage in RADAR_STAGES}
    counts = []
    for t in 1.0 + np.arange(-3, frames) * profile.frame_period:
        instants = t + np.array([-INSTANT, 0.0, INSTANT])
        posed, surfaces = timed(
            lambda at: [b.samples(w.joints(at)) for b, w in zip(bodies, walks, strict=True)], instants
        )
        found, targets = timed(scatterers, surfaces, INSTANT, MOUNT, range(number))
        synthesised, cube = timed(simulator.cube, targets)
        observed, _ = timed(simulator.observe, targets)
        reference, _ = timed(np.fft.fft, cube)
        costs = (posed, found, synthesised, observed - synthesised, posed + found + observed, reference)
        for stage, cost in zip(RADAR_STAGES, costs, strict=True):
            spent[stage].append(cost)
        counts.append(len(targets.amplitudes))
    return float(np.mean(counts)), {stage: float(np.median(values[3:])) for stage, values in spent.items()}


def measure_camera(number: int, frames: int) -> dict[str, float]:
    """CPU time of a picture, and of blurring it [s]."""
    view = CameraView(live_room("camera", [f"P{index:02d}" for index in range(number)], seed=1), fps=FPS)
    times = []
    for k in range(frames + 3):
        drawn, frame = timed(view.frame, k / FPS, 0)
        blurred, _ = timed(cv2.GaussianBlur, frame.image, (9, 9), 0)
        times.append((drawn, blurred))
    return dict(zip(CAMERA_STAGES, np.median(times[3:], axis=0).tolist(), strict=True))


def timed(work: Callable[..., T], *arguments: Any) -> tuple[float, T]:
    """CPU time [s] and result."""
    begin = time.process_time()
    result = work(*arguments)
    return time.process_time() - begin, result


if __name__ == "__main__":
    main()
