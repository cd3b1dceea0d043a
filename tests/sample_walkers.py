"""Walkers whom anybody could tell apart, and models that do it, or pretend to. For tests of evaluation.

A walker's number is the height of all their points [m] and the grey of their crops, so that a "model" can read it from
either sensor; which walk it is shows in the SNR of the points and in the width of the box.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mission_core.data.takes import CameraTake, RadarTake, Take, TakeInfo, TakeList
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Snippet

SCENES = ("classroom", "corridor", "hall")
FRAMES = 24
SNIPPET = 20
SPEED, WAY = 1.2, 4.8  # of who walks back and forth [m/s], [m]: 4 s to the next turn


def info(person: int, walk: int, sensor: str, *, shared: bool = False, people: int = 1) -> TakeInfo:
    """Of one walk; with `shared` both sensors see the same walks."""
    name = f"P{person:02d}-{walk:02d}" if shared else f"P{person:02d}-{sensor}-{walk:02d}"
    return TakeInfo(
        take_id=f"{name}-{sensor}-{people}",
        person_id=f"P{person:02d}",
        walk_id=f"{name}-{people}",
        sensor="radar" if sensor == "radar" else "camera",
        scene=SCENES[walk % 3],
        angle_deg=15.0 * (walk % 5),
        people=people,
        person_seed=person,
        frames=FRAMES,
    )


def _walk_number(own: TakeInfo) -> int:
    """Of the walk, the same in the takes of both sensors if both saw it."""
    return int(own.walk_id.split("-")[-2]) + 100 * own.person_seed + (10_000 if "camera" in own.walk_id else 0)


def radar_take_of(own: TakeInfo, frames: int = FRAMES) -> RadarTake:
    walk = _walk_number(own)
    points = np.tile(np.array([0.0, 0.0, 0.1 * own.person_seed, 0.0, walk, 0.0], np.float32), (3, 1))
    return RadarTake(
        info=replace(own, frames=frames),
        stamps_ns=np.arange(frames) * 100_000_000,
        points=(points,) * frames,
        positions=np.tile(np.array([3.0, 0.0, 1.0], np.float32), (frames, 1)),
        joints=np.zeros((frames, 32, 3), np.float32),
        velocities=np.zeros(0, np.float32),
        doppler=np.zeros((0, frames), np.float32),
    )


def camera_take_of(own: TakeInfo, frames: int = FRAMES) -> CameraTake:
    walk = _walk_number(own)
    return CameraTake(
        info=replace(own, frames=frames),
        stamps_ns=np.arange(frames) * 100_000_000,
        crops=np.full((frames, 96, 64, 3), 10 * own.person_seed, np.uint8),
        boxes=np.zeros((frames, 4), np.float32),
        geometry=np.full((frames, 4), walk, np.float32),
        joints=np.zeros((frames, 32, 3), np.float32),
        skeletons=np.zeros((frames, 32, 3), np.float32),
    )


def walkers(people: int = 12, walks: int = 8, *, shared: bool = False, pairs: bool = False) -> TakeList:
    """All takes of some walkers; with `pairs` everybody also walked once with somebody else."""
    infos = [
        info(person, walk, sensor, shared=shared)
        for person in range(people)
        for walk in range(walks)
        for sensor in ("radar", "camera")
    ]
    if pairs:
        infos += [info(person, walks, "radar", people=2) for person in range(people)]
    return TakeList(radar_take_of(own) if own.sensor == "radar" else camera_take_of(own) for own in infos)


def laps(people: int = 12, seconds: float = 25.0) -> TakeList:
    """Everybody back and forth before the radar, and for 6 s before the camera."""
    takes: list[Take] = []
    for person in range(people):
        radar, camera = (replace(info(person, 0, sensor), route="laps") for sensor in ("radar", "camera"))
        take = radar_take_of(radar, round(10 * seconds))
        there = _back_and_forth(len(take.positions))
        takes.append(replace(take, positions=np.column_stack((there, take.positions[:, 1:])).astype(np.float32)))
        seen = camera_take_of(camera, 60)
        seen.geometry[:, 1] = _back_and_forth(60)
        takes.append(seen)
    return TakeList(takes)


def _back_and_forth(frames: int) -> np.ndarray:
    """Distance (F,) from the sensor [m]."""
    distance = np.arange(frames) * SPEED / 10
    return 2.0 + WAY - np.abs(distance % (2 * WAY) - WAY)


@dataclass
class Reader:
    """A model that reads the walker's number from both sensors, with some error.

    Attributes:
        error: added to the number [people].
    """

    error: float = 0.0
    name = "reader"
    sha256 = "ab" * 32
    num_frames = 20
    num_points = 8
    snippet_frames = SNIPPET
    merges = False
    fuses = False
    frame_rate = 10.0

    def encode_clip(self, snippet: Snippet) -> np.ndarray:
        return np.array([[snippet.crops[0, 0, 0, 0] / 10.0, snippet.geometry[0, 0]]], np.float32)

    def entries(self, features: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return features, owner

    def encode_radar(self, clips: Sequence[RadarClip]) -> torch.Tensor:
        return torch.tensor([[float(c.points[-1, 0, 2]) * 10.0, float(c.points[-1, 0, 3])] for c in clips])

    def distances(self, clips: Sequence[RadarClip], entries: np.ndarray) -> np.ndarray:
        read = self.encode_radar(clips).numpy()
        rng = np.random.default_rng(int(read.sum() * 1000))
        noise = self.error * rng.normal(size=(len(clips), len(entries)))
        return np.abs(read[:, :1] - entries[:, 0, 0][None] + noise).astype(float)

    def probabilities(self, distances: np.ndarray) -> np.ndarray:
        logits = np.column_stack([-4.0 * distances, np.full(len(distances), -2.0)])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)


class Merging(Reader):
    """The same, but the clips of a person become one entry, and windows add up: their mean is read."""

    merges = True

    def entries(self, features: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        people = int(owner.max()) + 1
        return np.stack([features[owner == person].mean(axis=0) for person in range(people)]), np.arange(people)

    def distances_over_windows(
        self, clips: Sequence[RadarClip], earlier: Sequence[Sequence[torch.Tensor]], entries: np.ndarray
    ) -> np.ndarray:
        new = self.encode_radar(clips)
        read = np.stack([torch.stack([own, *old]).mean(dim=0).numpy() for own, old in zip(new, earlier, strict=True)])
        return np.abs(read[:, :1] - entries[:, 0, 0][None]).astype(float)


class Fusing(Reader):
    """The same, and tells joints that are all 3 cm off before the radar, 4 cm before the camera."""

    fuses = True

    def joints(self, clips: Sequence[RadarClip], _: Sequence[Snippet]) -> tuple[np.ndarray, np.ndarray]:
        off = np.array([0.03, 0.0, 0.0], np.float32), np.array([0.0, 0.04, 0.0], np.float32)
        frames = self.num_frames, self.snippet_frames
        radar, camera = (np.tile(each, (len(clips), count, 32, 1)) for each, count in zip(off, frames, strict=True))
        return radar, camera


class WalkMatcher(Reader):
    """Knows no people: recognises a walk that it has seen in the gallery."""

    def distances(self, clips: Sequence[RadarClip], entries: np.ndarray) -> np.ndarray:
        walks = self.encode_radar(clips).numpy()[:, 1:]
        known = (walks == entries[:, 0, 1][None]).astype(float)
        return 1.0 - known + 0.1 * np.random.default_rng(len(clips)).random(known.shape)


class Listmaker(Reader):
    """Looks at nothing: takes the queries for the enrolled people in the order in which both come, as in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def entries(self, features: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.asked, self.people = 0, int(owner.max()) + 1
        self.owner = owner
        return features, owner

    def distances(self, clips: Sequence[RadarClip], entries: np.ndarray) -> np.ndarray:
        number = self.asked + np.arange(len(clips))
        self.asked += len(clips)
        per_person = max(len(entries) // self.people, 1)
        return np.abs((number // per_person)[:, None] - self.owner[None]).astype(float)
