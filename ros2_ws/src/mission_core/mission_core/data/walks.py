"""Simulated walks for learning: what radar and camera see of many people, each sensor other walks of theirs.

The walks are takes of the data set `population`, as a network reads them: the camera's at 10 Hz, the radar's at the
network's own rate, points relative to the track. Whom the walks are of is known by seed, so what is true of their
bodies and gaits is known as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mission_core.camera.snippet import SNIPPET_FRAMES, SNIPPET_HOP, SNIPPET_RATE, resample
from mission_core.camera.walking import walks_on
from mission_core.data.sets import Plan, Settings, crowd, laps, population, walkers58
from mission_core.data.shards import DataSet, build, default_root
from mission_core.data.takes import CameraTake, RadarTake, TakeSet, radar_take
from mission_core.errors import ConfigurationError
from mission_core.models.reid.processing import RadarClip, frame_points, radar_clip
from mission_core.models.reid.windows import EARLIER_WINDOWS, cut
from mission_core.paths import share_directory
from mission_core.sim.cohort import POPULATION_SEED
from mission_core.types import Float32Array, Float64Array, ImageArray, Snippet

MAX_POINTS = 64
"""Points kept per frame and person, the strongest."""
SNIPPET_SECONDS = SNIPPET_FRAMES / SNIPPET_RATE
COHORT_WALKS = 3
"""Of everybody of the test cohort alone before each sensor."""
STATISTICS_SEED = 1_000_000  # of people who are neither trained nor tested on


@dataclass(frozen=True)
class WalkSetConfig:
    """A population of simulated people.

    Attributes:
        train_people: to learn from.
        validation_people: to select models and calibrate with.
        first_seed: of the training people; validation people follow them.
        walks: of each person alone before each sensor; beside them one with somebody else.
        laps: whether everybody walks back and forth as well.
        frame_rate: of the radar [Hz], which runs the profile walking_<frame_rate>fps.
    """

    train_people: int = 400
    validation_people: int = 60
    first_seed: int = POPULATION_SEED
    walks: int = 2
    laps: bool = False
    frame_rate: float = SNIPPET_RATE

    def __post_init__(self) -> None:
        if self.first_seed < POPULATION_SEED:
            raise ConfigurationError(
                f"first_seed is {self.first_seed}: seeds below {POPULATION_SEED} are kept for test people"
            )
        for name in ("train_people", "validation_people", "walks"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected at least 1")


@dataclass(frozen=True, slots=True, eq=False)
class RadarWalk:
    """One walk as the radar tracked it.

    Attributes:
        points: F arrays (n, 5) float32 as `frame_points` makes them, None where a frame was lost.
        places: (F, 2) centre of the track [m], room frame; NaN where a frame was lost.
        joints: (F, 32, 3) float32 true joints as `body_frame` has them [m].
        period: of the frames [s].
        track: name of the track that it is a part of, "" for one of its own.
    """

    points: tuple[Float32Array | None, ...]
    places: Float64Array
    joints: Float32Array
    period: float
    track: str = ""

    def clip(self, start: int, length: int, num_frames: int, num_points: int) -> RadarClip:
        """The clip of `length` frames from `start` on, or what there is of it, padded to `num_frames`."""
        window = slice(start, start + length)
        return radar_clip(self.points[window], self.places[window], num_frames, num_points, self.period)

    def part(self, window: slice) -> "RadarWalk":
        """Some of its frames."""
        return RadarWalk(self.points[window], self.places[window], self.joints[window], self.period, self.track)


@dataclass(frozen=True, slots=True, eq=False)
class CameraWalk:
    """One walk as the camera saw it.

    Attributes:
        crops, geometry: (F, ...) as in Snippet, of SNIPPET_FRAMES frames at least.
        joints: (F, 32, 3) float32 true joints as `body_frame` has them [m].
        masks: (F, CROP_HEIGHT, CROP_WIDTH) uint8, 255 where a crop shows the person.
        back_and_forth: whether the person walks so.
    """

    crops: ImageArray
    geometry: Float32Array
    joints: Float32Array
    masks: ImageArray
    back_and_forth: bool = False

    def snippet(self, start: int) -> Snippet:
        """The clip that starts at a frame."""
        window = slice(start, start + SNIPPET_FRAMES)
        stamps = np.round(np.arange(SNIPPET_FRAMES) / SNIPPET_RATE * 1e9).astype(np.int64)
        return Snippet(self.crops[window], self.geometry[window], stamps)

    def enrolled(self) -> list[int]:
        """First frames of the clips that are enrolled of it.

        Of a walk that is the middle one, and of somebody who walks back and forth all that enrolment takes; where that
        is none the middle one, too.
        """
        return (self.back_and_forth and self._straight(SNIPPET_HOP)) or [middle(len(self.crops), SNIPPET_FRAMES)]

    def starts(self) -> Sequence[int]:
        """First frames of clips to learn from: any, but of somebody who walks back and forth, as above."""
        return (self.back_and_forth and self._straight(1)) or range(len(self.crops) - SNIPPET_FRAMES + 1)

    def _straight(self, hop: int) -> list[int]:
        every = range(0, len(self.crops) - SNIPPET_FRAMES + 1, hop)
        return [at for at in every if walks_on(self.geometry[at : at + SNIPPET_FRAMES], SNIPPET_RATE)]


@dataclass(frozen=True, slots=True, eq=False)
class PersonWalks:
    """All walks of one person."""

    seed: int
    radar: tuple[RadarWalk, ...]
    camera: tuple[CameraWalk, ...]


# --- data sets ----------------------------------------------------------------------------------------------------


def settings(frame_rate: float) -> Settings:
    """Of simulated walks before a radar of that rate [Hz].

    Raises:
        ConfigurationError: there is no profile of that rate.
    """
    below = share_directory() / "config" / "radar"
    path = below / f"walking_{frame_rate:g}fps.cfg"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in below.glob("walking_[0-9]*fps.cfg")))
        raise ConfigurationError(f"frame_rate is {frame_rate:g} Hz: there is no {path.name} beside {known}")
    return Settings(path)


def load_people(
    config: WalkSetConfig, workers: int = 1, *, rate: float = SNIPPET_RATE
) -> tuple[list[PersonWalks], list[PersonWalks]]:
    """Training and validation people; the population is made on first use, and completed if that was interrupted.

    Args:
        config: of the population.
        workers: processes that simulate.
        rate: at which walks before the radar are read [Hz].
    """
    people = read_walks(*(build(*plan, default_root(), workers=workers) for plan in plans(config)), rate=rate)
    boundary = config.first_seed + config.train_people
    return [p for p in people if p.seed < boundary], [p for p in people if p.seed >= boundary]


def plans(config: WalkSetConfig) -> list[Plan]:
    """The data sets of a population: its straight walks, and where it has them those back and forth."""
    total, given = config.train_people + config.validation_people, settings(config.frame_rate)
    straight = population(given, total, walks=config.walks, first_seed=config.first_seed)
    return [straight, laps(given, total, first_seed=config.first_seed)] if config.laps else [straight]


def load_crowd(people: int, workers: int = 1, *, rate: float = SNIPPET_RATE) -> list[tuple[int, RadarWalk]]:
    """Walks before the radar of further people, each with the seed of who walks; made on first use.

    Their radar has SNIPPET_RATE frames a second, whatever the network reads: many people are dear to simulate, and
    radars of that rate are to be read as well.

    Args:
        people: how many.
        workers: processes that simulate.
        rate: at which walks are read [Hz]; where that is more, frames between are missing.
    """
    made = build(*crowd(settings(SNIPPET_RATE), people), default_root(), workers=workers)
    return [(i.person_seed, walk) for i in made.infos for walk in _radar_walks(radar_take(made, i.take_id), rate)]


def cohort(frame_rate: float, workers: int = 1) -> DataSet:
    """The test cohort with COHORT_WALKS walks of each person before each sensor; made on first use.

    Args:
        frame_rate: of the radar [Hz].
        workers: processes that simulate.
    """
    recipe, jobs = walkers58(settings(frame_rate), walks=COHORT_WALKS, pair_rounds=0)
    return build(replace(recipe, name="walkers58_few"), jobs, default_root(), workers=workers)


def read_walks(*sets: TakeSet, rate: float = SNIPPET_RATE) -> list[PersonWalks]:
    """Everybody whom both sensors followed for as long as a snippet takes, by seed.

    Args:
        sets: of takes of the people.
        rate: at which walks before the radar are read [Hz].
    """
    radar: dict[int, list[RadarWalk]] = {}
    camera: dict[int, list[CameraWalk]] = {}
    for takes in sets:
        for info in sorted(takes.infos, key=lambda info: info.take_id):
            take = takes.take(info.take_id)
            if isinstance(take, RadarTake):
                radar.setdefault(info.person_seed, []).extend(_radar_walks(take, rate))
            else:
                camera.setdefault(info.person_seed, []).extend(_camera_walk(take))
    return [
        PersonWalks(seed, tuple(walks), tuple(camera[seed]))
        for seed, walks in sorted(radar.items())
        if walks and camera.get(seed)
    ]


def walk_before_radar(take: RadarTake, rate: float) -> RadarWalk | None:
    """A take of the radar as a network of that rate [Hz] reads it; None where it is shorter than a snippet."""
    walk = _radar_walk(take, rate)
    return walk if len(walk.points) >= in_frames(SNIPPET_SECONDS, rate) else None


def walk_before_camera(take: CameraTake) -> CameraWalk | None:
    """A take of the camera as the network reads it; None where it is shorter than a snippet."""
    return next(iter(_camera_walk(take)), None)


def _radar_walks(take: RadarTake, rate: float) -> list[RadarWalk]:
    """What is long enough of the walk, cut where somebody turns."""
    walk, shortest = _radar_walk(take, rate), in_frames(SNIPPET_SECONDS, rate)
    windows = cut(walk.places, rate, len(walk.places)) if take.info.route == "laps" else [slice(0, len(walk.places))]
    return [walk.part(window) for window in windows if window.stop - window.start >= shortest]


def _radar_walk(take: RadarTake, rate: float) -> RadarWalk:
    _, nearest, found = resample(take.stamps_ns, rate)
    places = np.where(found[:, None], take.positions[nearest, :2], np.nan).astype(np.float64)
    points = [
        frame_points(take.points[frame], take.positions[frame].astype(np.float64), MAX_POINTS) if there else None
        for frame, there in zip(nearest.tolist(), found.tolist(), strict=True)
    ]
    return RadarWalk(tuple(points), places, take.joints[nearest], 1.0 / rate, take.info.take_id)


def _camera_walk(take: CameraTake) -> list[CameraWalk]:
    _, nearest, _ = resample(take.stamps_ns)
    if len(nearest) < SNIPPET_FRAMES:
        return []
    masks = np.zeros(take.crops.shape[:3], np.uint8) if take.masks is None else take.masks
    parts = (take.crops[nearest], take.geometry[nearest], take.joints[nearest], masks[nearest])
    return [CameraWalk(*parts, back_and_forth=take.info.route == "laps")]


# --- what networks are called with ------------------------------------------------------------------------------------


def stacked(clips: Sequence[RadarClip]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points, present, frames and motion of clips, as a network is called with."""
    return (
        torch.from_numpy(np.stack([clip.points for clip in clips])),
        torch.from_numpy(np.stack([clip.present for clip in clips])),
        torch.from_numpy(np.stack([clip.frames for clip in clips])),
        torch.from_numpy(np.stack([clip.motion for clip in clips])),
    )


def recoloured(crops: ImageArray, rng: np.random.Generator) -> ImageArray:
    """The same clip in other light: colour channels exchanged, contrast and brightness changed."""
    gain, offset = rng.uniform(0.7, 1.3), rng.uniform(-30.0, 30.0)
    table = np.clip(np.arange(256) * gain + offset, 0, 255).astype(np.uint8)
    recoloured: ImageArray = table[crops[..., rng.permutation(3)]]
    return recoloured


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """Queries and gallery of honest evaluation (see `mission_core.evaluation`), people numbered 0..P-1.

    Attributes:
        queries: radar clips, one per radar walk: T frames in its middle.
        truth: (Q,) who walked.
        earlier: of each query, the numbers of those that came before it in the same track.
        snippets: K enrolled clips of all camera walks, see `CameraWalk.enrolled`.
        owner: (K,) whose they are.
        galleries: numbers of the clips of straight walks, and, where some walk back and forth, of theirs. Each is a
            gallery by itself, in which everybody is.
    """

    queries: tuple[RadarClip, ...]
    truth: NDArray[np.int64]
    earlier: tuple[tuple[int, ...], ...]
    snippets: tuple[Snippet, ...]
    owner: NDArray[np.int64]
    galleries: tuple[NDArray[np.int64], ...]


def protocol(people: Sequence[PersonWalks], num_frames: int, num_points: int, length: int | None = None) -> Protocol:
    """Every radar walk as a query against the camera walks of everybody.

    Args:
        people: who walks.
        num_frames: T that the network reads.
        num_points: N that the network reads.
        length: frames of a query, by default T; shorter ones are padded.
    """
    length = length or num_frames
    walks = [(walk, i) for i, person in enumerate(people) for walk in person.radar]
    queries = [walk.clip(middle(len(walk.points), length), length, num_frames, num_points) for walk, _ in walks]
    clips = [(walk, start, i) for i, p in enumerate(people) for walk in p.camera for start in walk.enrolled()]
    owner = np.array([i for *_, i in clips])
    return Protocol(
        tuple(queries),
        np.array([i for _, i in walks]),
        _before([walk.track for walk, _ in walks]),
        tuple(walk.snippet(start) for walk, start, _ in clips),
        owner,
        _galleries(owner, np.array([walk.back_and_forth for walk, *_ in clips])),
    )


def _galleries(owner: NDArray[np.int64], turns: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """See Protocol; whoever has clips of one kind only is in either gallery with them."""
    both = np.intersect1d(owner[turns], owner[~turns])
    kinds = [np.flatnonzero((turns == kind) | ~np.isin(owner, both)) for kind in (False, True)]
    return tuple(kinds if len(both) else [np.arange(len(owner))])


def _before(tracks: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """For each walk the numbers of those before it in its track, as many as the node remembers."""
    found: dict[str, list[int]] = {}
    before = []
    for number, track in enumerate(tracks):
        own = found.setdefault(track or str(number), [])
        before.append(tuple(own[-EARLIER_WINDOWS:]))
        own.append(number)
    return tuple(before)


def in_frames(seconds: float, rate: float) -> int:
    """Frames of a clip of some seconds at a rate [Hz]."""
    return round(seconds * rate)


def middle(frames: int, wanted: int) -> int:
    """First of the `wanted` frames in the middle of a walk, or of all of it."""
    return max(frames - wanted, 0) // 2


def radar_batches(clips: Sequence[RadarClip], size: int = 64) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """What `stacked` makes of radar clips, `size` at a time."""
    for start in range(0, len(clips), size):
        yield stacked(clips[start : start + size])
