"""Learning to match: data, batches and validation, which all methods share. What differs is network and objective.

Each batch has people whom both sensors saw, on different walks, and people of a crowd whom only the radar saw. What
the frozen picture network reads of the camera's walks is kept on disk beside it and shared by all methods.
"""

import functools
import hashlib
import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor, nn

from mission_core.camera.snippet import SNIPPET_FRAMES, SNIPPET_RATE
from mission_core.data.walks import (
    MAX_POINTS,
    STATISTICS_SEED,
    CameraWalk,
    RadarWalk,
    WalkSetConfig,
    in_frames,
    load_crowd,
    load_people,
    middle,
    protocol,
    radar_batches,
)
from mission_core.errors import ConfigurationError
from mission_core.evaluation.identification import (
    Calibration,
    Identification,
    check_validation_people,
    fit_calibration,
)
from mission_core.models.matching import MatchingNetwork
from mission_core.models.pictures.network import MIRRORED_JOINTS, PictureNetwork
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.reid.model import best_clips
from mission_core.models.reid.processing import RadarClip, track_motion
from mission_core.sim.cohort import PARAMETERS, parameter_vector, sample_person
from mission_core.train import Schedule, Task, device
from mission_core.types import Float32Array, Float64Array, ImageArray

log = logging.getLogger(__name__)

SHORTEST_QUERY = 2.0
"""That every network reads [s]: the paper's longest."""
SLOWER = 0.25
"""Share of a faster radar's clips of which SNIPPET_RATE frames a second are left: slower radars are read as well."""
CHUNK = 32
"""Queries, and enrolled clips, that validation scores at once."""


@dataclass(frozen=True, kw_only=True)
class MatchingTraining(Schedule):
    """What trainings of all networks that match have in common.

    Attributes:
        name: of the model that comes out.
        method: what is trained, see `models.training.METHODS`.
        network: its shape.
        pictures: the training of the picture network, whose run lies beside this one.
        data: the simulated people both sides learn from; disjoint from every test person.
        crowd: further people whom only the radar saw.
        pairs: people per batch, each with one radar and one camera clip of different walks.
        singles: people of the crowd per batch.
        shortest: radar clip that is learnt from [s]; they are as long as the network reads at most.
    """

    name: str
    method: str
    network: Any
    pictures: PictureTraining
    data: WalkSetConfig = field(default_factory=WalkSetConfig)
    crowd: int = 0
    pairs: int = 64
    singles: int = 0
    shortest: float = SHORTEST_QUERY

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs < 2:
            raise ConfigurationError(f"pairs is {self.pairs}, expected at least 2")
        if min(self.crowd, self.singles) < 0 or (self.singles > 0) != (self.crowd > 0):
            raise ConfigurationError(f"crowd={self.crowd}, singles={self.singles}: expected both above 0, or both 0")
        if not 0.5 <= self.shortest <= SHORTEST_QUERY:
            raise ConfigurationError(f"shortest is {self.shortest:g} s, expected 0.5 to {SHORTEST_QUERY:g}")
        check_validation_people(self.data.validation_people)
        if self.frame_rate > self.data.frame_rate:
            raise ConfigurationError(
                f"the network reads {self.frame_rate:g} frames a second, but the radar of its data gives "
                f"{self.data.frame_rate:g}: raise frame_rate of data"
            )

    @property
    def frame_rate(self) -> float:
        """At which the network reads the radar [Hz]."""
        return SNIPPET_RATE


def check_clip(num_frames: int, num_points: int, frame_rate: float = SNIPPET_RATE) -> None:
    """Whether data sets hold radar clips of that size.

    Raises:
        ConfigurationError: they do not.
    """
    fewest = in_frames(SHORTEST_QUERY, frame_rate)
    if num_frames < fewest:
        raise ConfigurationError(f"num_frames is {num_frames}, expected {fewest} or more to learn from")
    if num_points > MAX_POINTS:
        raise ConfigurationError(f"num_points is {num_points}, but data sets keep {MAX_POINTS}")


# --- what is true of people -------------------------------------------------------------------------------------------


@functools.cache
def _whitening() -> tuple[Float64Array, Float64Array]:
    """Mean (G,) and matrix (G, G) that decorrelate parameters of people who are neither trained nor tested on."""
    people = (sample_person(seed) for seed in range(STATISTICS_SEED, STATISTICS_SEED + 3_000))
    vectors = np.stack([parameter_vector(person) for person in people])
    deviation = vectors.std(axis=0)
    values, axes = np.linalg.eigh(np.cov(vectors / deviation, rowvar=False))
    return vectors.mean(axis=0), (axes / np.sqrt(np.maximum(values, 1e-4))).T / deviation


_SIDED = [PARAMETERS.index(name) for name in ("step_asymmetry", "arm_asymmetry")]


@functools.cache
def latent_parameters(seed: int, mirrored: bool = False) -> Float32Array:
    """(G,) parameters of a simulated person, or of their mirror image, decorrelated over people: N(0, 1) each."""
    mean, matrix = _whitening()
    vector = parameter_vector(sample_person(seed))
    if mirrored:
        vector[_SIDED] *= -1
    return (matrix @ (vector - mean)).astype(np.float32)


# --- walks, ready to be drawn from ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A walk before the radar, F frames, all of one size; see RadarClip and RadarWalk."""

    points: Float32Array
    present: NDArray[np.bool_]
    frames: NDArray[np.bool_]
    places: Float64Array
    joints: Float32Array
    period: float

    @classmethod
    def of(cls, walk: RadarWalk) -> "Heard":
        """Of a walk, as it was tracked."""
        clip = walk.clip(0, len(walk.points), len(walk.points), MAX_POINTS)
        return cls(clip.points, clip.present, clip.frames, walk.places, walk.joints, walk.period)

    def clip(self, window: slice, *, mirrored: bool) -> tuple[RadarClip, Float32Array]:
        """The clip of some frames, or its mirror image, and the true joints (T, 32, 3)."""
        side = np.float32(-1 if mirrored else 1)
        motion = track_motion(self.places[window], self.period) * np.array((1, side, 1), np.float32)
        points = self.points[window] * np.array((1, side, 1, 1, 1), np.float32)
        joints = self.joints[window]
        if mirrored:
            joints = mirrored_joints(joints)
        return RadarClip(points, self.present[window], self.frames[window], motion), joints


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A walk before the camera, F frames: what the picture network read, geometry and true joints.

    Attributes:
        seen: (F, 2, S) float16 as it is, and of its mirror image.
        geometry: (F, 4) [m].
        joints: (F, 32, 3) [m].
        starts: first frames of the clips to learn from.
    """

    seen: NDArray[np.float16]
    geometry: Float32Array
    joints: Float32Array
    starts: Sequence[int]

    def clip(self, start: int, *, mirrored: bool) -> tuple[Float32Array, Float32Array, Float32Array]:
        """Seen (T, S), geometry (T, 4) and joints (T, 32, 3) of the snippet from a frame on."""
        window = slice(start, start + SNIPPET_FRAMES)
        seen = self.seen[window, int(mirrored)].astype(np.float32)
        if not mirrored:
            return seen, self.geometry[window], self.joints[window]
        geometry = self.geometry[window] * np.array((-1, 1, 1, 1), np.float32)
        return seen, geometry, mirrored_joints(self.joints[window])


def mirrored_joints(joints: Float32Array) -> Float32Array:
    """Joints (T, 32, 3) in the frame of `processing.body_frame`, as in a mirror."""
    return (joints * np.array((1, -1, 1), np.float32))[:, MIRRORED_JOINTS]


def look(network: PictureNetwork, walks: Sequence[CameraWalk], directory: Path) -> list[Looked]:
    """What a picture network reads of walks; kept in a file of the directory, and taken from there the next time."""
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(name.encode() + values.cpu().numpy().tobytes())
    for walk in walks:
        digest.update(walk.geometry.tobytes())
    path = directory / f"seen-{digest.hexdigest()[:16]}.npy"
    ends = np.cumsum([len(walk.crops) for walk in walks])
    if not path.is_file():
        _read_pictures(network.to(device()), walks, int(ends[-1]), path)
    seen = np.load(path, mmap_mode="r")
    parts = np.split(seen, ends[:-1])
    return [Looked(part, walk.geometry, walk.joints, walk.starts()) for part, walk in zip(parts, walks, strict=True)]


@torch.inference_mode()
def _read_pictures(network: PictureNetwork, walks: Sequence[CameraWalk], frames: int, path: Path) -> None:
    def read(crops: ImageArray, geometry: Float32Array) -> Float32Array:
        seen = network(torch.from_numpy(crops).to(device()), torch.from_numpy(geometry).to(device()))
        return seen.cpu().numpy()

    partial = path.with_suffix(".partial")
    file, row = None, 0
    for walk in track(walks, "reading pictures"):
        mirrored = np.ascontiguousarray(walk.crops[:, :, ::-1])
        both = np.stack(
            (read(walk.crops, walk.geometry), read(mirrored, walk.geometry * np.array((-1, 1, 1, 1), np.float32))), 1
        )
        if file is None:
            shape = (frames, 2, both.shape[-1])
            file = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
        file[row : row + len(both)] = both
        row += len(both)
    del file
    partial.replace(path)


# --- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """B radar clips of different people; camera clips of the first P of them, of other walks.

    Attributes:
        points: (B, T, N, 5); present: (B, T, N); frames: (B, T); motion: (B, T, 3): see RadarClip.
        radar_joints: (B, T, 32, 3) [m], true where a frame exists.
        seen: (P, S, F); geometry: (P, S, 4); camera_joints: (P, S, 32, 3) [m]: see Looked.
        parameters: (B, G) true parameters of body and gait, decorrelated over people.
    """

    points: Tensor
    present: Tensor
    frames: Tensor
    motion: Tensor
    radar_joints: Tensor
    seen: Tensor
    geometry: Tensor
    camera_joints: Tensor
    parameters: Tensor

    def to(self, where: torch.device) -> "Batch":
        """The batch on another device."""
        return Batch(*(getattr(self, part.name).to(where) for part in fields(self)))


def padded(clip: RadarClip, joints: Float32Array, num_frames: int, num_points: int) -> tuple[NDArray[Any], ...]:
    """Points, present, frames, motion and joints of a clip, at the end of `num_frames` frames."""
    parts = (clip.points[:, :num_points], clip.present[:, :num_points], clip.frames, clip.motion, joints)
    missing = num_frames - len(clip.frames)
    return tuple(np.concatenate([np.zeros((missing, *part.shape[1:]), part.dtype), part]) for part in parts)


def weakened(clip: RadarClip, period: float, rng: np.random.Generator) -> RadarClip:
    """A clip of which some points, sometimes some frames, and sometimes all frames of a faster radar are missing.

    Args:
        clip: that is to be made weaker.
        period: of its frames [s].
        rng: of what is left out.
    """
    frames = clip.frames
    if rng.random() < 0.5:
        frames = frames & (rng.random(len(frames)) > 0.1)
    faster = round(1.0 / (SNIPPET_RATE * period))
    if faster > 1 and rng.random() < SLOWER:
        slower = frames & (np.arange(len(frames)) % faster == rng.integers(faster))
        frames = slower if slower.any() else frames  # of a slow radar's frames some are missing already
    present = clip.present & frames[:, None] & (rng.random(clip.present.shape) > rng.uniform(0.0, 0.2))
    return RadarClip(clip.points * present[..., None], present, frames, clip.motion * frames[:, None])


def remeasured(geometry: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Geometry with the error of a mount measured by hand; sometimes without a calibration at all."""
    if rng.random() < 0.05:
        return np.full_like(geometry, np.nan)
    return geometry * np.float32(rng.normal(1.0, 0.005))


class People:
    """Whom is learnt from and validated with.

    Args:
        config: of the training.
        pictures: the trained picture network.
        directory: of its run, which keeps what it reads.
        workers: processes that simulate what is not simulated yet.
    """

    def __init__(self, config: MatchingTraining, pictures: PictureNetwork, directory: Path, workers: int) -> None:
        learn, self.validation = load_people(config.data, workers, rate=config.frame_rate)
        crowd = load_crowd(config.crowd, workers, rate=config.frame_rate) if config.crowd else []
        self.seeds = [person.seed for person in learn]
        self.heard = [[Heard.of(walk) for walk in person.radar] for person in learn]
        self.crowd = [(seed, Heard.of(walk)) for seed, walk in crowd]
        looked = iter(look(pictures, [w for p in (*learn, *self.validation) for w in p.camera], directory))
        self.looked = [[next(looked) for _ in person.camera] for person in learn]
        self.enrolled = [next(looked) for person in self.validation for _ in person.camera]

    def draw(self, config: MatchingTraining, shape: tuple[int, int], rng: np.random.Generator) -> Batch:
        """A batch, augmented by mirror images, other lengths and starts, lost points and frames, errors of the mount.

        Args:
            config: how many people.
            shape: T, N of its radar clips.
            rng: to draw with.
        """
        chosen = rng.choice(len(self.seeds), min(config.pairs, len(self.seeds)), replace=False).tolist()
        others = rng.integers(len(self.crowd), size=config.singles).tolist() if self.crowd else []
        mirrored = (rng.random(len(chosen) + len(others)) < 0.5).tolist()
        walkers = [(self.seeds[i], _any(self.heard[i], rng)) for i in chosen] + [self.crowd[i] for i in others]
        shortest = in_frames(config.shortest, config.frame_rate)
        radar = [_hear(walk, shortest, shape, flip, rng) for (_, walk), flip in zip(walkers, mirrored, strict=True)]
        camera = [self._look(_any(self.looked[i], rng), flip, rng) for i, flip in zip(chosen, mirrored, strict=False)]
        truth = [latent_parameters(seed, flip) for (seed, _), flip in zip(walkers, mirrored, strict=True)]
        parts = *zip(*radar, strict=True), *zip(*camera, strict=True), truth
        return Batch(*(torch.from_numpy(np.stack(part)) for part in parts))

    def validation_pairs(self, shape: tuple[int, int]) -> Iterator[Batch]:
        """The middle of the validation people's walks, each before the radar with another one before the camera.

        Args:
            shape: T, N of the radar clips.
        """
        looked, pairs = iter(self.enrolled), []
        for person in self.validation:
            pairs += list(zip(person.radar, [next(looked) for _ in person.camera], strict=False))
        for start in range(0, len(pairs), CHUNK):
            radar, camera = [], []
            for walk, sight in pairs[start : start + CHUNK]:
                heard, first = Heard.of(walk), middle(len(walk.points), shape[0])
                radar.append(padded(*heard.clip(slice(first, first + shape[0]), mirrored=False), *shape))
                camera.append(sight.clip(middle(len(sight.geometry), SNIPPET_FRAMES), mirrored=False))
            parts = *zip(*radar, strict=True), *zip(*camera, strict=True), np.zeros((len(radar), 0), np.float32)
            yield Batch(*(torch.from_numpy(np.stack(part)) for part in parts)).to(device())

    @staticmethod
    def _look(walk: Looked, mirrored: bool, rng: np.random.Generator) -> tuple[Float32Array, ...]:
        seen, geometry, joints = walk.clip(walk.starts[int(rng.integers(len(walk.starts)))], mirrored=mirrored)
        return seen, remeasured(geometry, rng), joints


def _hear(
    walk: Heard, shortest: int, shape: tuple[int, int], mirrored: bool, rng: np.random.Generator
) -> tuple[NDArray[Any], ...]:
    most = min(len(walk.frames), shape[0])
    length = int(rng.integers(min(shortest, most), most + 1))
    start = int(rng.integers(len(walk.frames) - length + 1))
    clip, joints = walk.clip(slice(start, start + length), mirrored=mirrored)
    return padded(weakened(clip, walk.period, rng), joints, *shape)


def _any(walks: list[Any], rng: np.random.Generator) -> Any:
    return walks[rng.integers(len(walks))]


# --- the task ---------------------------------------------------------------------------------------------------------


class Objective(nn.Module):
    """What a method minimises; holds what is learnt beside the network."""

    def forward(self, network: Any, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss of a batch, and its parts by name."""
        raise NotImplementedError

    def prepare(self, network: Any, batch: Batch) -> None:
        """Sets what a network knows of its inputs beforehand, from a large batch."""

    def measure(self, network: Any, pairs: Iterable[Batch]) -> Mapping[str, float]:  # noqa: ARG002
        """Figures of validation people's pairs that are told beside how they are ranked; nothing is chosen by them."""
        return {}


class MatchingTask(Task):
    """Radar and camera clips that belong together, among those that do not."""

    def __init__(
        self, config: MatchingTraining, network: MatchingNetwork, objective: Objective, people: People
    ) -> None:
        super().__init__()
        self.network: MatchingNetwork = network
        self.objective = objective
        self._config, self._people = config, people
        self._shape = network.num_frames, network.num_points
        test = protocol(people.validation, *self._shape)
        self._queries, self._truth, self._earlier = test.queries, test.truth, test.earlier
        self._owner, self._galleries = test.owner, test.galleries
        looked = [walk for person in people.validation for walk in person.camera]
        self._clips = [
            (sight, start) for sight, walk in zip(people.enrolled, looked, strict=True) for start in walk.enrolled()
        ]
        rng = np.random.default_rng((config.seed, 1))
        with torch.inference_mode():
            objective.prepare(network, people.draw(config, self._shape, rng))

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """See Task."""
        batch = self._people.draw(self._config, self._shape, rng).to(device())
        loss, parts = self.objective(self.network, batch)
        return loss, {name: float(part.detach()) for name, part in parts.items()}

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task."""
        figures = self.identify().summary()
        pairs = self._people.validation_pairs(self._shape)
        return figures["mAP"], {**figures, **self.objective.measure(self.network, pairs)}

    def calibrate(self) -> None:
        """See Task: probabilities after every window of every track, as the node tells them."""
        radar, camera = self._encoded()

        def fitted() -> Calibration:
            result = self._ranked(self._tracked(radar), camera)
            return fit_calibration(result.distances, result.truth)

        self.network.fit_merging(lambda: -fitted().loss)
        found = fitted()
        self.network.sharpness.fill_(found.sharpness)
        self.network.unknown_logit.fill_(found.unknown_logit)

    def identify(self, *, tracks: bool = False) -> Identification:
        """Ranks the validation people under the honest protocol of `mission_core.evaluation`.

        Args:
            tracks: whether what came before a query in its track counts, if the network merges it.
        """
        radar, camera = self._encoded()
        return self._ranked(self._tracked(radar) if tracks else radar, camera)

    def _encoded(self) -> tuple[Tensor, Tensor]:
        """What the radar saw of every query, and the camera in every enrolled clip."""
        network, here = self.network, device()
        radar = [
            network.encode_radar(*(part.to(here) for part in clips)) for clips in radar_batches(self._queries, CHUNK)
        ]
        camera = []
        for start in range(0, len(self._clips), CHUNK):
            clips = [sight.clip(first, mirrored=False)[:2] for sight, first in self._clips[start : start + CHUNK]]
            seen, geometry = (torch.from_numpy(np.stack(part)).to(here) for part in zip(*clips, strict=True))
            camera.append(network.encode_seen(seen, geometry))
        return torch.cat(radar), torch.cat(camera)

    def _tracked(self, radar: Tensor) -> Tensor:
        """Of every query what its track has said until then."""
        if not self.network.merges:
            return radar
        windows = [(number, *before) for number, before in enumerate(self._earlier)]
        track = torch.repeat_interleave(torch.tensor([len(own) for own in windows])).to(radar.device)
        return self.network.merge_windows(radar[list(itertools.chain(*windows))], track, len(windows))

    def _ranked(self, radar: Tensor, camera: Tensor) -> Identification:
        """Everybody by every query, in each of the galleries."""
        found = [self._distances(radar, camera, clips) for clips in self._galleries]
        return Identification(np.concatenate(found), np.tile(self._truth, len(found)))

    def _distances(self, radar: Tensor, camera: Tensor, clips: NDArray[np.int64]) -> Float64Array:
        """(Q, P) of all queries to everybody, by some of the enrolled clips."""
        network, owner = self.network, self._owner[clips]
        people = int(owner.max()) + 1
        entries = network.merge(camera[torch.from_numpy(clips)], torch.from_numpy(owner).to(device()), people)
        rows = [
            torch.cat([network.distances(queries, chunk) for chunk in entries.split(CHUNK)], dim=1)
            for queries in radar.split(CHUNK)
        ]
        distances = torch.cat(rows).double().cpu().numpy()
        return np.take_along_axis(
            distances, best_clips(distances, np.arange(people) if network.merges else owner), axis=1
        )
