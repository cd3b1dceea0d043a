"""Which tracks are reflections of somebody else: the ghosts of indoor radars.

Two kinds are told apart from people, both beside somebody who is there already:

* Echoes that come back over a wall or a door travel farther and lose power at every reflection. An echo of a person
  weakens with the fourth power of the distance (the radar equation), so power times distance^4 is about the same
  wherever people stand, and far less for what is only their reflection. People whom somebody else hides are as weak,
  but give more detections.
* Where the chip finds two directions for one echo (`multiObjBeamForming`), it reports two detections of exactly the
  same range and velocity. One of them, as often as not, is a sidelobe: a track that consists of such doubles is an
  image.

A track is judged before it is published for the first time, never afterwards: somebody who was seen well may be hidden
later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mission_core.errors import ConfigurationError
from mission_core.types import Column, Float64Array, Points

_SAME_RANGE = 2e-3  # [m]; the coordinates are rounded to 32 bits
_SAME_VELOCITY = 1e-3  # [m/s]


@dataclass(frozen=True, slots=True)
class GhostConfig:
    """What is taken for a reflection.

    Attributes:
        deficit: a track is one where its echo, distance compensated, is this much weaker than that of somebody nearer
            to the radar [dB]; radars that tell no SNR are not asked ...
        max_points: ... and it has fewer detections than this in a frame, in the mean.
        image_share: a track is one where more than this share of its detections double those of others [1].
    """

    deficit: float = 10.0
    max_points: float = 6.0
    image_share: float = 0.5

    def __post_init__(self) -> None:
        if not self.deficit > 0 or not self.max_points >= 0 or not 0 < self.image_share <= 1:
            raise ConfigurationError(
                "ghosts: expected deficit > 0 dB, max_points >= 0 and 0 < image_share <= 1, "
                f"got {self.deficit}, {self.max_points} and {self.image_share}"
            )


@dataclass(frozen=True, slots=True)
class Echo:
    """What one frame holds of a track.

    Attributes:
        distance: from the radar on the floor [m].
        strength: power times distance^4 [dB]; NaN of a radar that tells no SNR.
        num_points: detections.
        num_images: those of them that double others'.
    """

    distance: float
    strength: float
    num_points: int
    num_images: int


def echo(points: Points, distance: float, spans: Float64Array, others: Float64Array) -> Echo:
    """What a frame holds of a track.

    Args:
        points: (N, 6) detections of the track, N > 0.
        distance: of the track from the radar on the floor [m].
        spans: (N, 2) their distances from the antenna [m] and velocities [m/s].
        others: (M, 2) the same of detections of tracks that go before it.
    """
    decibels = points[:, Column.SNR].astype(np.float64)
    power = 10.0 * np.log10(np.sum(10.0 ** (decibels / 10.0))) if decibels.any() else np.nan
    same = (np.abs(spans[:, np.newaxis] - others) < (_SAME_RANGE, _SAME_VELOCITY)).all(axis=2).any(axis=1)
    return Echo(distance, float(power + 40.0 * np.log10(max(distance, 0.1))), len(points), int(same.sum()))


def is_ghost(own: Sequence[Echo], others: Sequence[Sequence[Echo]], config: GhostConfig) -> bool:
    """Whether a track is a ghost of one that is there already.

    Args:
        own: last echoes of the track, at least one.
        others: last echoes of each track that is there already, at least one of each.
        config: see `GhostConfig`.
    """
    num_points = sum(each.num_points for each in own)
    if sum(each.num_images for each in own) > config.image_share * num_points:
        return True
    if num_points >= config.max_points * len(own):
        return False
    distance, level = own[-1].distance, _level(own)
    nearer = [echoes for echoes in others if echoes[-1].distance < distance]
    return any(level < _level(echoes) - config.deficit for echoes in nearer)


def _level(echoes: Sequence[Echo]) -> float:
    """Typical strength [dB]; NaN, which is neither more nor less than anything, where it is not known."""
    return float(np.median([each.strength for each in echoes]))
