"""From a frame's detections to blobs the size of a person.

DBSCAN over (x, y, scaled z), as in the point-cloud gait literature (e.g. mmGait, MobiSys 2020). It is meant to cut
too much rather than too little: the tracker joins the parts of one body, while people lumped together stay lumped.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import DBSCAN

from mission_core.errors import ConfigurationError
from mission_core.types import Column, Int32Array, Points

NOISE = -1
"""Label of a detection that is in no cluster."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """What counts as a detection of a person, and which detections belong together.

    Attributes:
        min_snr: weaker detections are dropped [dB]. The chip has applied its own threshold (cfarCfg) already; layouts
            that tell no SNR give 0 dB, so any floor above drops all of theirs.
        room_min: lower corner x, y, z of the watched part of the room frame [m]; the leakage of the antenna, up to
            about 0.3 m, lies outside.
        room_max: upper corner [m].
        eps: largest distance between neighbours in a cluster [m].
        z_weight: factor on heights before distances are taken [1]; the array resolves elevation poorly, and
            a person is far taller than wide.
        min_points: neighbours, itself included, that make a detection more than an isolated point [1]. Far people
            return only a few.
    """

    min_snr: float = 0.0
    room_min: tuple[float, float, float] = (0.3, -6.0, -0.3)
    room_max: tuple[float, float, float] = (12.0, 6.0, 2.6)
    eps: float = 0.4
    z_weight: float = 0.25
    min_points: int = 2

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip(self.room_min, self.room_max, strict=True)):
            raise ConfigurationError(f"room_min {self.room_min} must lie below room_max {self.room_max} on each axis")
        if self.eps <= 0 or self.z_weight < 0 or self.min_points < 1:
            raise ConfigurationError(
                f"expected eps > 0, z_weight >= 0 and min_points >= 1, got eps {self.eps}, "
                f"z_weight {self.z_weight}, min_points {self.min_points}"
            )


def denoise(points: Points, config: ClusterConfig) -> NDArray[np.bool_]:
    """Tells detections worth clustering: strong enough and inside the room.

    Args:
        points: (N, 6) in the room frame.
        config: SNR floor and bounds.

    Returns:
        (N,) mask. Isolated points pass; `cluster` labels them `NOISE`.
    """
    xyz = points[:, : Column.Z + 1]
    inside = ((xyz >= config.room_min) & (xyz <= config.room_max)).all(axis=1)
    return inside & (points[:, Column.SNR] >= config.min_snr)


def cluster(points: Points, config: ClusterConfig) -> Int32Array:
    """Groups detections that lie together.

    Args:
        points: (N, 6) in the room frame.
        config: see `ClusterConfig`.

    Returns:
        (N,) labels from 0; `NOISE` for what `denoise` drops and for isolated points.
    """
    labels = np.full(len(points), NOISE, np.int32)
    kept = denoise(points, config)
    if kept.any():
        scaled = points[kept, : Column.Z + 1] * np.array([1.0, 1.0, config.z_weight], np.float32)
        labels[kept] = DBSCAN(eps=config.eps, min_samples=config.min_points).fit(scaled).labels_
    return labels
