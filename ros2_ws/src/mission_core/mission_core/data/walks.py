"""Simulated walks for learning: what radar and camera see of many people, each sensor other walks of theirs.

People are numbered by seed. `sim.scenario` reserves the seeds of the test cohort; training starts far above them.
"""

import concurrent.futures
import functools
import hashlib
import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from mission_core.calibration import CAMERA_MOUNT, RADAR_MOUNT
from mission_core.camera.snippet import SNIPPET_FRAMES, SNIPPET_RATE
from mission_core.errors import ConfigurationError
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.processing import RadarClip, body_frame, frame_points, radar_clip
from mission_core.paths import share_directory, state_directory
from mission_core.radar.profile import load_profile
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.sim import scenario
from mission_core.sim.camera import SimulatedCamera
from mission_core.sim.motion import Walk, cast
from mission_core.sim.people import Person, gait_vector, sample_person
from mission_core.sim.radar import RadarSimulator
from mission_core.types import NO_TRACK, Float32Array, Float64Array, ImageArray, Snippet, TrackedFrame

log = logging.getLogger(__name__)

GENERATOR_VERSION = 1
"""Grows with every change of the simulator or of the processing that changes the data."""
GROUP = 3
"""People who share the radar's room."""
RADAR_PROFILE = "walking_10fps"
MAX_POINTS = 64
"""Points kept per frame and person, the strongest."""
WARM_UP = 10
"""Radar frames before the recording starts: the tracker has to find everybody."""


@dataclass(frozen=True)
class WalkSetConfig:
    """A set of simulated people.

    Attributes:
        train_people: to learn from.
        validation_people: to select models and calibrate with.
        first_seed: of the training people; validation people follow them. The test cohort lies below 1000.
        radar_walks: per person.
        radar_frames: per radar walk, at 10 Hz; a walk is left out where no single track followed it so long.
        camera_walks: per person, one snippet each.
    """

    train_people: int = 900
    validation_people: int = 99
    first_seed: int = 10_000
    radar_walks: int = 2
    radar_frames: int = 40
    camera_walks: int = 3

    def __post_init__(self) -> None:
        if self.first_seed < 1000:
            raise ConfigurationError(f"first_seed is {self.first_seed}: seeds below 1000 are kept for test people")
        if self.train_people % GROUP or self.validation_people % GROUP:
            raise ConfigurationError(f"train_people and validation_people must be multiples of {GROUP}")


@dataclass(frozen=True, slots=True, eq=False)
class RadarWalk:
    """One walk as the radar tracked it.

    Attributes:
        points: F arrays (n, 5) float32 as `frame_points` makes them.
        joints: (F, 32, 3) float32 true joints as `body_frame` has them [m].
    """

    points: tuple[Float32Array, ...]
    joints: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class CameraWalk:
    """One walk as the camera saw it, with the true joints (T, 32, 3) float32 as `body_frame` has them [m]."""

    snippet: Snippet
    joints: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class PersonWalks:
    """All walks of one person."""

    seed: int
    radar: tuple[RadarWalk, ...]
    camera: tuple[CameraWalk, ...]


# --- simulation ---------------------------------------------------------------------------------------------------


def simulate_group(seeds: Sequence[int], config: WalkSetConfig) -> list[PersonWalks]:
    """Simulates the walks of a few people who share the radar's room."""
    people = [sample_person(seed) for seed in seeds]
    radar: list[list[RadarWalk]] = [[] for _ in people]
    for take in range(config.radar_walks):
        for own, found in zip(radar, _radar_walks(people, seeds[0] * 100 + take, config), strict=True):
            own.extend(found)
    return [
        PersonWalks(person.seed, tuple(own), tuple(_camera_walks(person, config.camera_walks)))
        for person, own in zip(people, radar, strict=True)
    ]


def _radar_walks(people: Sequence[Person], seed: int, config: WalkSetConfig) -> list[list[RadarWalk]]:
    """One scene, seen by radar and tracker: for each person their walk, or nothing where the tracker lost them."""
    profile = load_profile(share_directory() / "config" / "radar" / f"{RADAR_PROFILE}.cfg")
    simulator = RadarSimulator(profile, RADAR_MOUNT, seed)
    tracker = RadarTracker(TrackerConfig(), RADAR_MOUNT)
    rng = np.random.default_rng((seed, 1))
    lanes = scenario.routes(rng, "radar", len(people))
    starts, seeds = rng.uniform(0.0, 30.0, len(people)), rng.integers(2**31, size=len(people))
    walks = [Walk(*arguments) for arguments in zip(people, lanes, seeds.tolist(), starts.tolist(), strict=True)]
    frames, truth = [], []
    for number in range(WARM_UP + config.radar_frames):
        t = number * profile.frame_period
        joints, velocities = cast(walks, t)
        points = simulator.frame(joints, velocities, people)
        frames.append(tracker.step(round(t * 1e9), number, points))
        truth.append(joints)
    joints = np.stack(truth, axis=1)[:, WARM_UP:]  # (P, F, 32, 3)
    return [_follow(frames[WARM_UP:], own) for own in joints]


def _follow(frames: Sequence[TrackedFrame], joints: Float64Array) -> list[RadarWalk]:
    """The walk of one person, from the one track that was nearest to them from the first frame to the last."""
    points, ids = [], set()
    for frame, pose in zip(frames, joints, strict=True):
        distances = {t.track_id: float(np.hypot(*(t.position[:2] - pose[0, :2]))) for t in frame.tracks}
        track_id = min(distances, key=distances.__getitem__, default=NO_TRACK)
        if track_id == NO_TRACK or distances[track_id] > 0.6:
            return []
        ids.add(track_id)
        position = next(t.position for t in frame.tracks if t.track_id == track_id)
        points.append(frame_points(frame.points[frame.labels == track_id], position, MAX_POINTS))
    return [RadarWalk(tuple(points), body_frame(joints))] if len(ids) == 1 else []


def _camera_walks(person: Person, count: int) -> Iterator[CameraWalk]:
    """Snippets of different walks; starts at which the picture does not show the whole person are passed over."""
    for take in range(count):
        walk = scenario.random_walk(person, np.random.default_rng((person.seed, 2, take)), "camera")
        camera = SimulatedCamera([walk], mount=CAMERA_MOUNT, seed=walk.seed)
        starts = np.random.default_rng(walk.seed).permutation(np.arange(0.0, 20.0, 0.5))
        snippet, start = next(
            ((found, start) for start in starts if (found := camera.snippet(float(start))) is not None), (None, 0.0)
        )
        if snippet is not None:
            joints = walk.joints(start + np.arange(len(snippet.crops)) / SNIPPET_RATE)
            yield CameraWalk(snippet, body_frame(joints))


# --- files --------------------------------------------------------------------------------------------------------


def load_people(config: WalkSetConfig, workers: int = 1) -> tuple[list[PersonWalks], list[PersonWalks]]:
    """Training and validation people; simulated on first use, kept in the state directory, resumed if interrupted."""
    total = config.train_people + config.validation_people
    people = load_seeds(range(config.first_seed, config.first_seed + total), config, workers)
    boundary = config.first_seed + config.train_people
    complete = [person for person in people if person.radar and person.camera]
    return [p for p in complete if p.seed < boundary], [p for p in complete if p.seed >= boundary]


def load_seeds(seeds: Sequence[int], config: WalkSetConfig, workers: int = 1) -> list[PersonWalks]:
    """The people of the given seeds, in groups of `GROUP`, from files where they exist."""
    directory = state_directory() / "walks" / generator_id(config)
    directory.mkdir(parents=True, exist_ok=True)
    groups = [tuple(seeds[i : i + GROUP]) for i in range(0, len(seeds), GROUP)]
    paths = [directory / f"{group[0]}-{len(group)}.npz" for group in groups]
    missing = [(path, group) for path, group in zip(paths, groups, strict=True) if not path.exists()]
    if missing:
        log.info("simulating %d people into %s", sum(len(group) for _, group in missing), directory)
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            jobs = [pool.submit(_simulate_to_file, path, group, config) for path, group in missing]
            for job in track(concurrent.futures.as_completed(jobs), "simulating people", total=len(jobs)):
                job.result()
    return [person for path in paths for person in _read(path)]


def generator_id(config: WalkSetConfig) -> str:
    """Names everything that shapes the data: simulator, walks, radar profile, tracker."""
    profile = (share_directory() / "config" / "radar" / f"{RADAR_PROFILE}.cfg").read_text()
    digest = hashlib.sha256(repr((profile, TrackerConfig())).encode()).hexdigest()[:8]
    walks = f"r{config.radar_walks}x{config.radar_frames}-c{config.camera_walks}"
    return f"v{GENERATOR_VERSION}-{walks}-{digest}"


def _simulate_to_file(path: Path, seeds: tuple[int, ...], config: WalkSetConfig) -> None:
    arrays: dict[str, NDArray[np.generic]] = {"seeds": np.array(seeds)}
    for person in simulate_group(seeds, config):
        for i, radar in enumerate(person.radar):
            key = f"{person.seed}/radar/{i}"
            arrays[f"{key}/points"] = np.concatenate(radar.points).astype(np.float16)
            arrays[f"{key}/counts"] = np.array([len(points) for points in radar.points])
            arrays[f"{key}/joints"] = radar.joints.astype(np.float16)
        for i, camera in enumerate(person.camera):
            key = f"{person.seed}/camera/{i}"
            arrays[f"{key}/crops"] = camera.snippet.crops
            arrays[f"{key}/geometry"] = camera.snippet.geometry
            arrays[f"{key}/joints"] = camera.joints.astype(np.float16)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


def _read(path: Path) -> list[PersonWalks]:
    with np.load(path) as arrays:
        return [_read_person(arrays, int(seed)) for seed in arrays["seeds"]]


def _read_person(arrays: Mapping[str, NDArray[Any]], seed: int) -> PersonWalks:
    def walks(sensor: str) -> list[str]:
        return sorted({key.rsplit("/", 1)[0] for key in arrays if key.startswith(f"{seed}/{sensor}/")})

    stamps = np.round(np.arange(SNIPPET_FRAMES) / SNIPPET_RATE * 1e9).astype(np.int64)
    radar = []
    for key in walks("radar"):
        points = arrays[f"{key}/points"].astype(np.float32)
        splits = np.cumsum(arrays[f"{key}/counts"])[:-1]
        radar.append(RadarWalk(tuple(np.split(points, splits)), arrays[f"{key}/joints"].astype(np.float32)))
    camera = [
        CameraWalk(
            Snippet(arrays[f"{key}/crops"], arrays[f"{key}/geometry"], stamps),
            arrays[f"{key}/joints"].astype(np.float32),
        )
        for key in walks("camera")
    ]
    return PersonWalks(seed, tuple(radar), tuple(camera))


# --- batches ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B people, one radar and one camera clip of each, never of the same walk.

    Attributes:
        points: (B, T, N, 5); present: (B, T, N); frames: (B, T): see RadarClip.
        crops: (B, T, H, W, 3) uint8; geometry: (B, T, 4).
        radar_joints, camera_joints: (B, T, 32, 3) [m].
        gait: (B, G) body and gait parameters, standardised over the population of simulated people.
    """

    points: Tensor
    present: Tensor
    frames: Tensor
    crops: Tensor
    geometry: Tensor
    radar_joints: Tensor
    camera_joints: Tensor
    gait: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def sample_batch(people: Sequence[PersonWalks], size: int, config: ReidConfig, rng: np.random.Generator) -> Batch:
    """A random training batch, augmented by late starts, lost points, other colours and light, and errors of the mount.

    The boxes themselves are the simulator's: exact ones, which a detector in real pictures does not give.
    """
    drawn = [people[i] for i in rng.choice(len(people), min(size, len(people)), replace=False)]
    clips, radar_joints, cameras = [], [], []
    for person in drawn:
        radar = person.radar[rng.integers(len(person.radar))]
        start = int(rng.integers(len(radar.points) - config.num_frames + 1))
        window = slice(start, start + config.num_frames)
        clips.append(_weakened(radar_clip(radar.points[window], config.num_frames, config.num_points), rng))
        radar_joints.append(radar.joints[window])
        cameras.append(person.camera[rng.integers(len(person.camera))])
    return Batch(
        *_stacked(clips),
        torch.from_numpy(np.stack([_recoloured(camera.snippet.crops, rng) for camera in cameras])),
        torch.from_numpy(np.stack([_disturbed(camera.snippet.geometry, rng) for camera in cameras])),
        torch.from_numpy(np.stack(radar_joints)),
        torch.from_numpy(np.stack([camera.joints for camera in cameras])),
        torch.from_numpy(np.stack([_standard_gait(person.seed) for person in drawn])),
    )


@functools.cache
def _standard_gait(seed: int) -> Float32Array:
    mean, deviation = _gait_statistics()
    return ((gait_vector(sample_person(seed)) - mean) / deviation).astype(np.float32)


@functools.cache
def _gait_statistics() -> tuple[Float64Array, Float64Array]:
    """Mean and deviation over people who are neither trained nor tested on."""
    vectors = np.stack([gait_vector(sample_person(seed)) for seed in range(1_000_000, 1_001_000)])
    return vectors.mean(axis=0), vectors.std(axis=0)


def _stacked(clips: Sequence[RadarClip]) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.from_numpy(np.stack([clip.points for clip in clips])),
        torch.from_numpy(np.stack([clip.present for clip in clips])),
        torch.from_numpy(np.stack([clip.frames for clip in clips])),
    )


def _weakened(clip: RadarClip, rng: np.random.Generator) -> RadarClip:
    """A clip of which some points, and sometimes the first frames, are missing."""
    frames = clip.frames.copy()
    if rng.random() < 0.3:
        frames[: rng.integers(len(frames) // 2)] = False
    present = clip.present & frames[:, None] & (rng.random(clip.present.shape) > rng.uniform(0.0, 0.2))
    return RadarClip(clip.points * present[..., None], present, frames)


def _recoloured(crops: ImageArray, rng: np.random.Generator) -> ImageArray:
    """The same clip in other light: colour channels exchanged, contrast and brightness changed."""
    gain, offset = rng.uniform(0.7, 1.3), rng.uniform(-30.0, 30.0)
    table = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
    recoloured: ImageArray = table[crops[..., rng.permutation(3)]]
    return recoloured


def _disturbed(geometry: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Metric boxes with the scale error of a mount measured by hand; sometimes unknown, as without calibration."""
    if rng.random() < 0.1:
        return np.full_like(geometry, np.nan)
    return (geometry * rng.normal(1.0, 0.005)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """Queries and gallery of the honest protocol (see `mission_core.evaluate`), people numbered 0..P-1.

    Attributes:
        queries: radar clips, one per radar walk: its last T frames.
        truth: (Q,) who walked.
        snippets: enrolled clips.
        owner: (K,) whose they are.
    """

    queries: tuple[RadarClip, ...]
    truth: NDArray[np.int64]
    snippets: tuple[Snippet, ...]
    owner: NDArray[np.int64]


def protocol(people: Sequence[PersonWalks], num_frames: int, num_points: int) -> Protocol:
    """Every radar walk as a query against every camera walk of everybody."""
    queries = [(radar_clip(w.points, num_frames, num_points), i) for i, p in enumerate(people) for w in p.radar]
    enrolled = [(w.snippet, i) for i, p in enumerate(people) for w in p.camera]
    return Protocol(
        tuple(clip for clip, _ in queries),
        np.array([i for _, i in queries]),
        tuple(snippet for snippet, _ in enrolled),
        np.array([i for _, i in enrolled]),
    )


def radar_batches(clips: Sequence[RadarClip], size: int = 64) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Points, present and frames of radar clips, `size` at a time."""
    for start in range(0, len(clips), size):
        yield _stacked(clips[start : start + size])


def camera_batches(snippets: Sequence[Snippet], size: int = 16) -> Iterator[tuple[Tensor, Tensor]]:
    """Crops and geometry of snippets, `size` at a time."""
    for start in range(0, len(snippets), size):
        chosen = snippets[start : start + size]
        crops = torch.from_numpy(np.stack([snippet.crops for snippet in chosen]))
        yield crops, torch.from_numpy(np.stack([snippet.geometry for snippet in chosen]))
