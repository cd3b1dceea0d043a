"""Windows of Doppler over time with what is done in them and by whom: what recognition learns from.

Three kinds of maps, never mixed: `iq`, spectrograms of a slow-time signal; `heatmap` and `points`, Doppler-time maps of
what a radar sends over its UART, one column a frame.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.data.real import Recording, load_radhar, radhar_files
from mission_core.data.takes import RadarTake, TakeSet, radar_take
from mission_core.errors import ConfigurationError
from mission_core.radar.spectrogram import SpectrogramSettings, spectrogram
from mission_core.types import Column, Float32Array, Points

MapKind: TypeAlias = Literal["iq", "heatmap", "points"]
KINDS: tuple[MapKind, ...] = ("iq", "heatmap", "points")
UNKNOWN = -1


@dataclass(frozen=True)
class MapShape:
    """What a network reads.

    Attributes:
        kind: of the maps.
        rows: velocities.
        columns: moments.
        seconds: that a map is of [s].
        hop: from one window to the next to learn from [s].
        range_db: least value that counts, and the one beyond which all are alike [dB]; of a spectrogram below its
            strongest echo, of a Doppler-time map above noise.
        spectrogram: how it is made, of the kind `iq`.
    """

    kind: MapKind = "iq"
    rows: int = 100
    columns: int = 150
    seconds: float = 1.0
    hop: float = 0.25
    range_db: tuple[float, float] = (-50.0, 0.0)
    spectrogram: SpectrogramSettings = field(default_factory=SpectrogramSettings)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(f"maps are of kind {self.kind!r}, expected one of {', '.join(KINDS)}")
        if min(self.rows, self.columns) < 8:
            raise ConfigurationError(f"maps are {self.rows} x {self.columns}, expected 8 x 8 or more")
        if not (self.seconds > 0 and self.hop > 0):
            raise ConfigurationError(f"windows of {self.seconds:g} s, {self.hop:g} s apart: expected more than 0 s")
        if len(self.range_db) != 2 or not self.range_db[0] < self.range_db[1]:
            raise ConfigurationError(f"range_db is {self.range_db}, expected two values, the lower one first")

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns


@dataclass(frozen=True, slots=True, eq=False)
class LabelledMaps:
    """N maps of one kind and shape, and what is true of them.

    Attributes:
        maps: (N, H, W) float32 [dB].
        activity: (N,) index into `activities`.
        person: (N,) index into `people`, UNKNOWN where nobody told.
        take: (N,) of what each is a part, a take or a sitting, or a stranger: its windows know each other.
        held_out: (N,) whether the authors of the recordings test with it.
        activities, people: names.
    """

    maps: Float32Array
    activity: NDArray[np.int64]
    person: NDArray[np.int64]
    take: NDArray[np.str_]
    held_out: NDArray[np.bool_]
    activities: tuple[str, ...]
    people: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.maps)

    def subset(self, chosen: NDArray[Any]) -> "LabelledMaps":
        """Some of them, by index or mask."""
        return LabelledMaps(
            self.maps[chosen],
            self.activity[chosen],
            self.person[chosen],
            self.take[chosen],
            self.held_out[chosen],
            self.activities,
            self.people,
        )


def joined(parts: Sequence[LabelledMaps]) -> LabelledMaps:
    """All of several, which are of the same classes, one after the other."""
    return LabelledMaps(
        np.concatenate([part.maps for part in parts]),
        np.concatenate([part.activity for part in parts]),
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.take for part in parts]),
        np.concatenate([part.held_out for part in parts]),
        parts[0].activities,
        parts[0].people,
    )


def folds(
    labels: NDArray[np.int64], groups: NDArray[np.str_] | None, count: int, seed: int = 0
) -> list[NDArray[np.bool_]]:
    """Which windows each fold of cross validation tests with: of every label the same share, as far as groups allow.

    Args:
        labels: (N,) of each window; of a group that of its first one counts.
        groups: (N,) whose windows stay together; None to part them at will, which leaks where windows overlap.
        count: of folds.
        seed: of the draw.

    Raises:
        ConfigurationError: a label has fewer groups than there are folds.
    """
    rng = np.random.default_rng((seed, count))
    own = np.arange(len(labels)).astype(str) if groups is None else groups
    names, first, place = np.unique(own, return_index=True, return_inverse=True)
    fold_of = np.zeros(len(names), np.int64)
    for label in np.unique(labels[first]):
        with_label = np.flatnonzero(labels[first] == label)
        if len(with_label) < count:
            raise ConfigurationError(
                f"label {label} has windows of {len(with_label)} takes only: expected at least {count}, one for each "
                "fold"
            )
        order = np.argsort(rng.permutation(len(with_label))) + int(rng.integers(count))
        fold_of[with_label] = order % count
    return [fold_of[place] == fold for fold in range(count)]


# --- takes -----------------------------------------------------------------------------------------------------------

NOBODY = "nobody"
"""Who is none of the people that a network knows."""


def take_windows(
    takes: TakeSet, shape: MapShape, *, known: Collection[str] | None = None, snr_db: float = np.inf
) -> LabelledMaps:
    """Windows of the radar's takes of a data set.

    Args:
        takes: of the data set.
        shape: what to make of them.
        known: who is to be told apart, everybody else is NOBODY; None for everybody.
        snr_db: of white Gaussian noise that is added to a slow-time signal: its mean power over the take to that of
            the noise [dB].

    Raises:
        ConfigurationError: the takes do not hold what is asked for.
    """
    if np.isfinite(snr_db) and shape.kind != "iq":
        raise ConfigurationError(f"noise is added to slow-time signals; maps of {shape.kind} have none")
    infos = takes.infos
    named = [info.person_id if known is None or info.person_id in known else NOBODY for info in infos]
    activities = sorted({info.activity for info in infos})
    people = sorted(set(named) - {NOBODY}) + [NOBODY] * (NOBODY in named)
    maps, labels, groups = [], [], []
    for number, (info, name) in enumerate(zip(infos, named, strict=True)):
        take = radar_take(takes, info.take_id)
        rng = np.random.default_rng((STREAM, number))
        for window in _windows(take, shape, snr_db, rng):
            maps.append(window)
            labels.append((activities.index(info.activity), people.index(name)))
            groups.append(info.person_id if name == NOBODY else info.take_id)
    activity, person = np.array(labels).T
    held_out = np.zeros(len(maps), np.bool_)
    return LabelledMaps(np.stack(maps), activity, person, np.array(groups), held_out, tuple(activities), tuple(people))


def _windows(take: RadarTake, shape: MapShape, snr_db: float, rng: np.random.Generator) -> Iterator[Float32Array]:
    if shape.kind == "iq":
        if take.iq is None:
            raise ConfigurationError(f"take {take.info.take_id} has no slow-time signal: choose another kind of maps")
        if not np.isclose(take.prf, shape.spectrogram.prf):
            raise ConfigurationError(
                f"take {take.info.take_id} has {take.prf:g} pulses per second, expected {shape.spectrogram.prf:g}"
            )
        for piece in _pieces(noisy(take.iq, snr_db, rng), take.prf, shape):
            yield resized(spectrogram(piece, shape.spectrogram), shape.size)
        return
    if take.doppler_kind != shape.kind:
        raise ConfigurationError(
            f"take {take.info.take_id} has a map of {take.doppler_kind}, expected one of {shape.kind}: a network reads "
            "one kind; make the data set with a profile that gives it"
        )
    rate = 1e9 / float(np.median(np.diff(take.stamps_ns)))
    for columns in _pieces(take.doppler.T, rate, shape):
        yield resized(columns.T, shape.size)


STREAM = 6
"""Sets the noise apart from whatever else is drawn."""


def noisy(slow_time: NDArray[np.complex64], snr_db: float, rng: np.random.Generator) -> NDArray[np.complex64]:
    """A signal (P,) with white Gaussian noise; infinite `snr_db` adds none."""
    if not np.isfinite(snr_db):
        return slow_time
    noise = rng.standard_normal((len(slow_time), 2)) @ (1.0, 1j)
    power = float(np.mean(np.abs(slow_time) ** 2))
    scale = np.sqrt(power / 2.0) * 10 ** (-snr_db / 20.0)
    loud: NDArray[np.complex64] = slow_time + (noise * scale).astype(np.complex64)
    return loud


def resized(values: Float32Array, size: tuple[int, int]) -> Float32Array:
    """A map (D, T) as (H, W): means where it shrinks, lines between values where it grows."""
    if values.shape == size:
        return values
    shrinks = values.shape[0] >= size[0] and values.shape[1] >= size[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(values, size[::-1], interpolation=interpolation), np.float32)


def _pieces(values: NDArray[Any], rate: float, shape: MapShape) -> Iterator[NDArray[Any]]:
    """Windows of (S, ...) samples at a rate [Hz]; one at least, what lacks at its beginning is zero."""
    length = round(shape.seconds * rate)
    if len(values) < length:
        values = np.concatenate([np.zeros((length - len(values), *values.shape[1:]), values.dtype), values])
    step = shape.hop * rate
    for number in range(int((len(values) + 0.5 - length) / step) + 1):  # half a sample: ends of takes are rounded
        start = min(round(number * step), len(values) - length)
        yield values[start : start + length]


# --- RadHAR ----------------------------------------------------------------------------------------------------------

RADHAR_RATE = 30.0  # frames [Hz]
RADHAR_STEP = 0.61466867  # of Doppler [m/s]
RADHAR_BINS = 16
RADHAR_PAUSE = 300.0
"""Recordings of one activity that follow each other within this time belong to one sitting [s]."""


def radhar_windows(directory: Path, shape: MapShape, *, keep: float = 1.0, drop: float = 0.0) -> LabelledMaps:
    """Doppler-time maps of real recordings of five activities; `take` is the sitting, one person who goes on and on.

    All detections of a frame count, for nothing tells which are of the person; the intensities are in no unit that
    could weigh them.

    Args:
        directory: of real recordings, see `mission_core.data.real`.
        shape: what to make of them; of kind `points`.
        keep: share of the detections that is left, at random.
        drop: share of the frames that is lost, at random.

    Raises:
        ConfigurationError: there are no recordings, or the shape is of another kind.
    """
    if shape.kind != "points":
        raise ConfigurationError(f"RadHAR has points and nothing else: maps of {shape.kind} cannot be made of it")
    recordings = [
        (activity, load_radhar(path)) for activity in RADHAR_ACTIVITIES for path in radhar_files(directory, activity)
    ]
    sittings = _sittings(recordings)
    maps: list[Float32Array] = []
    activity: list[int] = []
    take: list[str] = []
    held_out: list[bool] = []
    for number, (name, recording) in enumerate(recordings):
        columns = _radhar_columns(recording, keep, drop, np.random.default_rng((STREAM, number)))
        for piece in _pieces(columns, RADHAR_RATE, shape):
            maps.append(resized(piece.T, shape.size))
            activity.append(RADHAR_ACTIVITIES.index(name))
            take.append(sittings[recording.name])
            held_out.append(recording.name.startswith("Test"))
    return LabelledMaps(
        np.stack(maps),
        np.array(activity),
        np.full(len(maps), UNKNOWN),
        np.array(take),
        np.array(held_out),
        RADHAR_ACTIVITIES,
        (),
    )


RADHAR_ACTIVITIES = ("boxing", "jack", "jump", "squats", "walk")


def _sittings(recordings: Sequence[tuple[str, Recording]]) -> dict[str, str]:
    """To which sitting each recording belongs, by its name."""
    sittings: dict[str, str] = {}
    number, before, last = 0, "", -np.inf
    for activity, recording in sorted(recordings, key=lambda each: (each[0], each[1].began)):
        number += activity != before or recording.began - last > RADHAR_PAUSE
        sittings[recording.name] = f"{activity}-{number:02d}"
        before, last = activity, recording.began
    return sittings


def _radhar_columns(recording: Recording, keep: float, drop: float, rng: np.random.Generator) -> Float32Array:
    """(F, RADHAR_BINS) [dB], one for each frame."""
    return np.stack([_column(points, keep, rng) * (rng.random() >= drop) for points in recording.frames])


def _column(points: Points, keep: float, rng: np.random.Generator) -> Float32Array:
    bins = np.rint(points[:, Column.DOPPLER] / RADHAR_STEP).astype(np.int64) + RADHAR_BINS // 2
    counts = (bins >= 0) & (bins < RADHAR_BINS) & (rng.random(len(bins)) < keep)
    column: Float32Array = 10.0 * np.log10(1.0 + np.bincount(bins[counts], minlength=RADHAR_BINS)).astype(np.float32)
    return column
