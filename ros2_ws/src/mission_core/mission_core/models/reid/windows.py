"""Where a track is cut: windows of straight walking, each of which says something by itself."""

from collections.abc import Sequence

import numpy as np

from mission_core.models.reid.processing import MOTION_SPAN, filled
from mission_core.types import Float64Array

EARLIER_WINDOWS = 3
"""Of a track that count beside the present one. Limited, so that live and offline agree wherever a recording begins."""
MIN_SECONDS = 1.0
"""Shortest window that says something."""
SLOW = 0.4  # [m/s], beneath which nobody walks
TURN_COSINE = 0.5  # of the angle between where the window went and where it goes now
LOOK_BACK = 0.5  # [s]


def turns(places: Sequence[Float64Array], rate: float, position: Float64Array, velocity: Float64Array) -> bool:
    """Whether somebody no longer walks where a window went, or stands: it then says nothing more.

    Args:
        places: (F, 2) of the window [m]; NaN where unknown.
        rate: of its frames [Hz].
        position: (2,) now [m].
        velocity: (2,) now [m/s].
    """
    if stands(velocity):
        return True
    known = [place for place in places[: -round(LOOK_BACK * rate)] if np.isfinite(place).all()]
    if not known:
        return False
    way = position - known[0]
    distance, speed = float(np.hypot(*way)), float(np.hypot(*velocity))
    return distance > SLOW and float(way @ velocity) < TURN_COSINE * distance * speed


def stands(velocity: Float64Array) -> bool:
    """Whether somebody of that velocity (2,) [m/s] stands, and every window ends."""
    return float(np.hypot(*velocity)) < SLOW


def cut(places: Float64Array, rate: float, longest: int) -> list[slice]:
    """The windows of a recorded track, in order; together they are all of it.

    They begin where the node lets them begin, but for velocities: these are differences over MOTION_SPAN here, and the
    tracker's own there.

    Args:
        places: (F, 2) centre of the track [m]; NaN where unknown.
        rate: of the frames [Hz].
        longest: window [frames].
    """
    line, span = filled(places), max(round(MOTION_SPAN * rate), 1)
    windows, begin = [], 0
    for index in range(1, len(places)):
        before = max(index - span, 0)
        velocity = (line[index] - line[before]) * rate / (index - before)
        if index - begin == longest or turns(list(places[begin:index]), rate, line[index], velocity):
            windows.append(slice(begin, index))
            begin = index
    return [*windows, slice(begin, len(places))] if len(places) else []
