"""The shortcut floor: how far one comes without gait, radar against radar, by what a data set gives away.

Nearest centroid on a few statistics of a take, in a closed set: each person's training walks before the radar make the
centroid, the test walks ask. It does not identify from camera to radar: it needs radar recordings of everybody, as the
closed-set evaluations of the literature do. Where it does well, a high figure there says little about gait.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from mission_core.data import splits
from mission_core.data.takes import RadarTake, TakeSet, radar_take
from mission_core.evaluation.identification import Identification
from mission_core.types import Column, Float64Array

GROUPS: Mapping[str, tuple[int, ...]] = {
    "points per frame": (0, 1),
    "power": (2, 3, 4),
    "extent": (5, 6, 7),
    "all": tuple(range(8)),
}
"""Columns of `statistics` by what they measure."""


@dataclass(frozen=True, eq=False)
class Floor:
    """What the statistics of a take give away.

    Attributes:
        found: identification by each of GROUPS.
        training_takes: that the centroids were made of.
    """

    found: dict[str, Identification]
    training_takes: int


def statistics(take: RadarTake) -> Float64Array:
    """(8,) of a take; an empty one gives zeros.

    Mean and deviation of the points per frame; mean and deviation of their SNR, mean of the noise [dB]; mean distance
    between the 10th and the 90th percentile of the points along x, y and z, over frames with points [m].
    """
    counts = np.array([len(points) for points in take.points], np.float64)
    frames = [points.astype(np.float64) for points in take.points if len(points)]
    if not frames:
        return np.zeros(8)
    snr = np.array([points[:, Column.SNR].mean() for points in frames])
    noise = np.array([points[:, Column.NOISE].mean() for points in frames])
    extent = [np.subtract(*np.quantile(points[:, :3], (0.9, 0.1), axis=0)) for points in frames]
    return np.array(
        [counts.mean(), counts.std(), snr.mean(), snr.std(), noise.mean(), *np.mean(extent, axis=0)], np.float64
    )


def nearest_centroid(learnt: Float64Array, owner: NDArray[np.int64], asked: Float64Array) -> Float64Array:
    """Distances (Q, P) of statistics (Q, S) to the means of each person's (N, S).

    The unit of each statistic is its deviation from take to take of one person; where everybody has one take only, its
    deviation over all takes.

    Args:
        learnt: (N, S) of the training takes.
        owner: (N,) whose they are, 0..P-1.
        asked: (Q, S).
    """
    centroids = np.stack([learnt[owner == person].mean(axis=0) for person in range(owner.max() + 1)])
    spread, repeated = learnt.std(axis=0), len(learnt) - len(centroids)
    within = np.sqrt(np.square(learnt - centroids[owner]).sum(axis=0) / repeated) if repeated else spread
    scale = np.maximum(within, 1e-3 * spread)  # of a statistic that never changes with a person, too
    scale = np.where(scale > 0, scale, 1.0)
    return cdist(asked / scale, centroids / scale)


def shortcut_floor(takes: TakeSet, seed: int = 0) -> Floor:
    """The floor of a data set under `splits.closed`.

    Raises:
        ConfigurationError: the data set allows no such split.
    """
    split = splits.closed(takes.infos, seed)
    infos = {info.take_id: info for info in takes.infos}
    training = [i for i in (*split.train, *split.validation) if infos[i].sensor == "radar"]
    people = sorted({infos[i].person_id for i in training})
    number = {person: index for index, person in enumerate(people)}
    queries = [i for i in split.query if infos[i].person_id in number]
    learnt = np.stack([statistics(radar_take(takes, i)) for i in training])
    asked = np.stack([statistics(radar_take(takes, i)) for i in queries])
    owner = np.array([number[infos[i].person_id] for i in training], np.int64)
    truth = np.array([number[infos[i].person_id] for i in queries], np.int64)
    found = {
        name: Identification(nearest_centroid(learnt[:, list(columns)], owner, asked[:, list(columns)]), truth)
        for name, columns in GROUPS.items()
    }
    return Floor(found, len(training))
