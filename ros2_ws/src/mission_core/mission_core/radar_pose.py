"""Pose from a real radar's points: the radar branch of the Mission network, trained and measured on MARS.

MARS (An and Ogras, ACM TECS 2021) has people at about 2 m from an IWR1443 on a table of 1 m, who do ten movements of
rehabilitation, and a Kinect v2 beside it. Frames are in the radar's REP-103 frame throughout, joints too.

A split is either of people (nobody who is tested was learnt from) or, as the data set's authors have it, in time order
within every take of people who are all known. What is chosen is chosen on the validation part, which is always taken
from what may be learnt; the network that is tested has then learnt from both.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mission_core.data.real import Recording, load_mars, mars_files
from mission_core.errors import ConfigurationError
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import RadarBranch
from mission_core.train import one_cycle
from mission_core.types import Column, Float32Array

JOINTS = (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20)
"""Of a Kinect v2, those that the authors estimate: all but hands, finger tips and thumbs. The first is the pelvis."""

PARTS = ("train", "validate", "test")  # of every take, in time order: 60, 20 and 20 %
RADAR_HEIGHT = 1.0  # of MARS' table [m]
LONGEST_GAP = 1.0  # between frames of one take: the authors have left single frames out [s]
TAIL = 0.25  # of each take, to choose on, where nobody can be spared
PREDICTED = 256  # windows at once


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Consecutive frames of one person and one movement.

    Attributes:
        person: who it is.
        part: of the recording, one of `PARTS`.
        points: (F, N, 5) float32 x, y [m], z [m] above the floor, strength [dB], velocity [m/s]; 0 where absent.
        present: (F, N) bool, which points exist.
        joints: (F, J, 3) float32 [m], the truth, on the points' axes.
    """

    person: str
    part: str
    points: Float32Array
    present: NDArray[np.bool_]
    joints: Float32Array

    def __len__(self) -> int:
        return len(self.points)

    def frames(self, first: int, last: int) -> "Take":
        """Some of the frames."""
        part = slice(first, last)
        return Take(self.person, self.part, self.points[part], self.present[part], self.joints[part])


@dataclass(frozen=True, slots=True)
class Split:
    """What is learnt from, chosen on and tested on.

    Attributes:
        name: of it.
        learn: takes to learn from while something is chosen.
        validation: takes to choose on; nobody of the test is among them where the split is of people.
        test: takes to measure on, once.
    """

    name: str
    learn: tuple[Take, ...]
    validation: tuple[Take, ...]
    test: tuple[Take, ...]


@dataclass(frozen=True)
class Variant:
    """What is chosen on the validation part.

    Attributes:
        window: T, frames that the network sees together.
        relative: whether points and joints are taken about the middle of the window's points; else about a fixed place.
    """

    window: int
    relative: bool

    def __str__(self) -> str:
        return f"{self.window} frame{'s' if self.window > 1 else ''}, {'cloud' if self.relative else 'absolute'}"


@dataclass(frozen=True)
class Budget:
    """How long is learnt; the same for every variant and split.

    Attributes:
        steps: batches.
        frames: of a batch, in windows of any length.
        learning_rate: peak of a one-cycle schedule of AdamW.
    """

    steps: int = 1200
    frames: int = 256
    learning_rate: float = 2e-3


@dataclass(frozen=True, slots=True)
class PoseError:
    """How far estimated joints are from true ones, means over frames and joints [cm].

    Attributes:
        depth: absolute error away from the radar (x; MARS calls it y).
        lateral: absolute error across (y; MARS: x).
        height: absolute error in z.
        distance: Euclidean.
        shape: Euclidean once both pelvises lie on each other: the pose without the place.
    """

    depth: float
    lateral: float
    height: float
    distance: float
    shape: float

    @property
    def axes(self) -> float:
        """Mean of the absolute errors of the three axes, which the authors publish."""
        return (self.depth + self.lateral + self.height) / 3


def pose_error(predicted: Float32Array, joints: Float32Array) -> PoseError:
    """Compares joints (F, J, 3) [m] with the truth, the first joint being the pelvis."""
    apart = predicted.astype(np.float64) - joints
    depth, lateral, height = (100 * np.abs(apart).mean(axis=(0, 1))).tolist()
    distance, shape = (100 * float(np.linalg.norm(d, axis=-1).mean()) for d in (apart, apart - apart[:, :1]))
    return PoseError(depth, lateral, height, distance, shape)


# --- takes and splits -------------------------------------------------------------------------------------------------


def load_takes(data: Path, num_points: int) -> list[Take]:
    """All of MARS that is below the directory of real recordings, in order of time within each person.

    Raises:
        ConfigurationError: there is nothing, or a file does not say whose and which part it is.
    """
    found = []
    for radar, kinect in mars_files(data):
        match = re.search(r"(subject\d+)/timesplit/radar_data_(\w+)\.csv", radar.as_posix())
        if not match or match[2] not in PARTS:
            raise ConfigurationError(f"{radar}: expected subjectN/timesplit/radar_data_(train, validate or test).csv")
        person, part = match.groups()
        found.append((person, PARTS.index(part), takes_of(load_mars(radar, kinect), person, part, num_points)))
    return [take for _, _, takes in sorted(found, key=lambda row: row[:2]) for take in takes]


def takes_of(recording: Recording, person: str, part: str, num_points: int) -> list[Take]:
    """Cuts a recording where its time jumps, and keeps the strongest `num_points` points of each frame.

    The intensity, of which only is known that it is positive and spans three decades, is taken in dB: then it lies
    where the network expects a signal-to-noise ratio.
    """
    if recording.joints is None:
        raise ConfigurationError(f"recording {recording.name} has no joints: pose needs a truth")
    points = np.zeros((len(recording.frames), num_points, 5), np.float32)
    present = np.zeros(points.shape[:2], bool)
    for row, (frame, intensity) in enumerate(zip(recording.frames, recording.intensities, strict=True)):
        strongest = np.argsort(-intensity, kind="stable")[:num_points]
        strength = 10 * np.log10(np.maximum(intensity[strongest], 1.0))
        place, doppler = frame[strongest, :3] + (0.0, 0.0, RADAR_HEIGHT), frame[strongest, Column.DOPPLER]
        points[row, : len(strongest)] = np.column_stack((place, strength, doppler))
        present[row, : len(strongest)] = True
    joints = recording.joints[:, JOINTS] + np.array([0.0, 0.0, RADAR_HEIGHT], np.float32)
    step = np.diff(recording.stamps)
    edges = [0, *(np.flatnonzero((step <= 0) | (step > LONGEST_GAP)) + 1).tolist(), len(points)]
    whole = Take(person, part, points, present, joints)
    return [whole.frames(first, last) for first, last in itertools.pairwise(edges)]


def without_person(takes: Sequence[Take], person: str) -> Split:
    """Tests on one person, learns from the others.

    Validation is on the next of the others, so that it asks for what the test asks; if there is only one, on the tail
    of each of their takes.

    Raises:
        ConfigurationError: nobody else is there.
    """
    people = sorted({take.person for take in takes})
    others = [name for name in people if name > person] + [name for name in people if name < person]
    if person not in people or not others:
        raise ConfigurationError(f"{person} is to be left out of {', '.join(people)}: expected it and somebody else")
    test = tuple(take for take in takes if take.person == person)
    rest = tuple(take for take in takes if take.person != person)
    if len(others) == 1:
        return Split(person, *heads_and_tails(rest), test)
    learn = tuple(take for take in rest if take.person != others[0])
    return Split(person, learn, tuple(take for take in rest if take.person == others[0]), test)


def in_time_order(takes: Sequence[Take]) -> Split:
    """Tests on the last part of every take, learns from the earlier ones of the same people, validates on their tails.

    Raises:
        ConfigurationError: there is no last part, or nothing before it.
    """
    test = tuple(take for take in takes if take.part == PARTS[-1])
    rest = tuple(take for take in takes if take.part != PARTS[-1])
    if not test or not rest:
        raise ConfigurationError("a split in time order needs files of the test and of an earlier part")
    return Split("known people", *heads_and_tails(rest), test)


def heads_and_tails(takes: Iterable[Take]) -> tuple[tuple[Take, ...], tuple[Take, ...]]:
    """Every take in two, of which the later is `TAIL` long; what is too short to be cut is left out."""
    pairs = [(take, round(len(take) * (1 - TAIL))) for take in takes]
    pairs = [(take, k) for take, k in pairs if 0 < k < len(take)]
    return tuple(take.frames(0, k) for take, k in pairs), tuple(take.frames(k, len(take)) for take, k in pairs)


# --- estimates --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class MeanPose:
    """The mean joints of some people: what an estimate has to be better than.

    Attributes:
        variant: whether they are moved to the middle of a window's points, and how long a window is.
        place: (2,) float32 middle of all points they were taken from, on the floor [m].
        joints: (J, 3) float32 about the middle that the variant uses [m].
    """

    variant: Variant
    place: Float32Array
    joints: Float32Array

    def __call__(self, take: Take) -> Float32Array:
        """Joints (F, J, 3) [m] of every frame."""
        return _origins(take, self.variant, self.place) + self.joints


def mean_pose(takes: Sequence[Take], variant: Variant) -> MeanPose:
    """Takes the mean over all frames of some takes."""
    xy = np.concatenate([take.points[take.present][:, :2] for take in takes])
    place = np.median(xy, axis=0)
    apart = np.concatenate([take.joints - _origins(take, variant, place) for take in takes])
    return MeanPose(variant, place, apart.mean(axis=0))


def _origins(take: Take, variant: Variant, place: Float32Array) -> Float32Array:
    """What the joints of every frame are taken about: (F, 1, 3) [m]."""
    fixed = torch.from_numpy(place)

    def function(points: Tensor, present: Tensor) -> Tensor:
        return origin(points, present, variant.relative, fixed).expand(-1, points.shape[1], -1, -1)

    return _in_windows(take, variant.window, function)


class PoseNetwork(nn.Module):
    """Radar branch of the Mission network, and a head for joints as a deviation from their mean.

    The head has the layers of the Mission network's own, which estimates another skeleton in another frame.
    """

    place: Tensor
    mean: Tensor

    def __init__(self, config: ReidConfig, mean: MeanPose) -> None:
        super().__init__()
        self.variant = mean.variant
        self.branch = RadarBranch(config)
        self.head = nn.Sequential(nn.Linear(config.dim, 128), nn.ReLU(), nn.Linear(128, mean.joints.size))
        self.register_buffer("place", torch.from_numpy(mean.place))
        self.register_buffer("mean", torch.from_numpy(mean.joints))

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Estimates joints (B, T, J, 3) [m] from points (B, T, N, 5) and present (B, T, N), as in `Take`."""
        middle = origin(points, present, self.variant.relative, self.place)  # (B, 1, 1, 3)
        place, rest = points.split([3, 2], dim=-1)
        about = torch.cat([place - middle, rest], dim=-1) * present.unsqueeze(-1)
        tokens = self.branch(about, present)  # (B, T, D)
        return middle + self.mean + self.head(tokens).unflatten(-1, (-1, 3))


def origin(points: Tensor, present: Tensor, relative: bool, place: Tensor) -> Tensor:
    """What points (B, T, N, 5) and joints of a window are taken about: a point of the floor (B, 1, 1, 3) [m].

    Relative, it is the median of all points of the window, or `place` (2,) where there are none; else always `place`.
    """
    xy = place.expand(len(points), 2)
    if relative:
        seen = points[..., :2].masked_fill(~present.unsqueeze(-1), torch.nan).flatten(1, 2)  # (B, T * N, 2)
        middle = seen.nanmedian(dim=1).values
        xy = torch.where(middle.isnan(), xy, middle)
    return torch.cat([xy, torch.zeros_like(xy[:, :1])], dim=-1)[:, None, None]


def fit(
    takes: Sequence[Take], variant: Variant, budget: Budget, seed: int, progress: Callable[[int], None] = lambda _: None
) -> PoseNetwork:
    """Trains for a fixed number of steps on windows drawn at random.

    Args:
        takes: to learn from.
        variant: which network.
        budget: how long.
        seed: of initialisation and sampling.
        progress: is told the number of steps done.

    Raises:
        ConfigurationError: no take is as long as the window.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = PoseNetwork(ReidConfig(), mean_pose(takes, variant))
    windows = _Windows(takes, variant.window)
    optimizer = torch.optim.AdamW(network.parameters(), lr=budget.learning_rate)
    for step in range(budget.steps):
        for group in optimizer.param_groups:
            group["lr"] = budget.learning_rate * one_cycle(step, budget.steps)
        points, present, joints = windows.draw(budget.frames // variant.window, rng)
        # the distance itself, as in the Mission network's pose loss
        loss = (network(points, present) - joints).norm(dim=-1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        progress(step + 1)
    return network.eval()


class _Windows:
    """All windows of some takes, for drawing."""

    def __init__(self, takes: Sequence[Take], window: int) -> None:
        starts = np.cumsum([0, *(len(take) for take in takes)])
        last = [np.arange(start, start + len(take) - window + 1) for start, take in zip(starts, takes, strict=False)]
        self.first = np.concatenate(last)
        if not len(self.first):
            raise ConfigurationError(f"no take is {window} frames long: use a shorter window")
        self.window = np.arange(window)
        names = ("points", "present", "joints")
        self.arrays = [torch.from_numpy(np.concatenate([getattr(take, name) for take in takes])) for name in names]

    def draw(self, count: int, rng: np.random.Generator) -> list[Tensor]:
        """Points, present and joints of `count` windows."""
        index = torch.from_numpy(rng.choice(self.first, count)[:, None] + self.window)
        return [array[index] for array in self.arrays]


def predict(network: PoseNetwork, take: Take) -> Float32Array:
    """Joints (F, J, 3) [m] of every frame of a take.

    The take is laid out in windows end to end, of which the last is moved back into the take; a frame in two windows
    gets their mean. So a frame is seen together with up to T - 1 frames before or after it.
    """
    return _in_windows(take, network.variant.window, network)


def _in_windows(take: Take, window: int, function: Callable[[Tensor, Tensor], Tensor]) -> Float32Array:
    """What a function of points (B, T, N, 5) and present (B, T, N) says of every frame."""
    window = min(window, len(take))
    first = np.minimum(np.arange(0, len(take), window), len(take) - window)
    index = first[:, None] + np.arange(window)  # (W, T)
    points, present = torch.from_numpy(take.points), torch.from_numpy(take.present)
    with torch.inference_mode():
        rows = [function(points[part], present[part]) for part in torch.from_numpy(index).split(PREDICTED)]
    values = torch.cat(rows).flatten(0, 1).numpy()
    total = np.zeros((len(take), *values.shape[1:]), np.float32)
    np.add.at(total, index.ravel(), values)
    return total / np.bincount(index.ravel(), minlength=len(take)).astype(np.float32)[:, None, None]


def measure(takes: Sequence[Take], estimate: Callable[[Take], Float32Array]) -> PoseError:
    """Error of an estimate over all frames of some takes."""
    return pose_error(np.concatenate([estimate(take) for take in takes]), np.concatenate([t.joints for t in takes]))
