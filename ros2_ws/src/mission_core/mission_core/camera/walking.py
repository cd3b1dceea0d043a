"""Whether somebody walks before a camera, as gait is told from: straight on and at an even pace."""

import numpy as np

from mission_core.types import Float32Array

SLOW = 0.6  # [m/s], beneath which somebody starts, stops or strolls
EVEN = 0.8  # least ratio of the speeds of both halves
STRAIGHT = 0.5  # least cosine of the angle between them
_SHARE = 0.3  # of a clip that a place is averaged over, some step long: a box's lower edge follows the nearer foot


def walks_on(geometry: Float32Array, rate: float) -> bool:
    """Whether somebody walks straight on at an even pace all through a clip; True where nobody knows.

    Gaits are compared between walks, and who turns, slows down or sets off does not walk as they usually do.

    Args:
        geometry: (S, 4) of a clip, see `Snippet`.
        rate: of its frames [Hz].
    """
    places = geometry[:, [1, 0]].astype(np.float64)
    if not np.isfinite(places).all():
        return True
    width = max(round(_SHARE * len(places)), 1)
    begin = (len(places) - width) // 2
    first, middle, last = (places[start : start + width].mean(axis=0) for start in (0, begin, len(places) - width))
    before, after = (middle - first) * rate / begin, (last - middle) * rate / (len(places) - width - begin)
    slower, faster = sorted((float(np.hypot(*before)), float(np.hypot(*after))))
    return slower >= max(SLOW, EVEN * faster) and float(before @ after) >= STRAIGHT * slower * faster
