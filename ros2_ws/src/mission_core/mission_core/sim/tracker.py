"""What a depth camera's body tracker says about true joints: errors that stay for a while, tremble, and confidence.

Sizes are ours: about a centimetre on the trunk, more on hands and feet, growing with distance; they are not fitted to
anything. Measurements to set them beside: Albert et al. 2020, "Evaluation of the pose tracking performance of the Azure
Kinect and Kinect v2 for gait analysis" (Sensors 20:5104), against markers on people who walk; Toelgyessy et al. 2021,
"Skeleton tracking accuracy and precision evaluation of Kinect V1, Kinect V2, and the Azure Kinect" (Appl. Sci.
11:5756), on a figure that stands still. What is hidden is guessed, for which a tracker lowers its confidence.
"""

import numpy as np
from numpy.typing import NDArray

from mission_core.camera.skeleton import JOINT_NAMES
from mission_core.types import Float64Array

LASTING = {"HAND": 0.025, "HANDTIP": 0.035, "THUMB": 0.030, "WRIST": 0.018, "ANKLE": 0.020, "FOOT": 0.028}
"""Deviation of the error that lasts, per axis [m], where it is not LASTING_ELSEWHERE."""
LASTING_ELSEWHERE = 0.012
TREMBLE = 0.003  # deviation of the error from frame to frame, per axis, at REFERENCE [m]
REFERENCE = 2.0  # [m]; errors grow with the square of the distance beyond it, as those of triangulation and of light do
MEMORY = 0.4  # after which an error is another one [s]
HIDDEN = 3.0  # times as wrong where the joint is guessed
MEDIUM, LOW = 2, 1  # K4ABT's levels of confidence: seen, guessed; it never says 3

_LASTING = np.array(
    [LASTING.get(name.removesuffix("_LEFT").removesuffix("_RIGHT"), LASTING_ELSEWHERE) for name in JOINT_NAMES]
)


class Tracker:
    """The errors of one body over time.

    Args:
        seed: of the errors.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng((seed, 0x74AC))
        self._error = self._rng.standard_normal((len(JOINT_NAMES), 3))

    def track(
        self, joints: Float64Array, hidden: NDArray[np.bool_], interval: float
    ) -> tuple[Float64Array, NDArray[np.uint8]]:
        """Joints as tracked (32, 3) [m] and their confidence (32,).

        Args:
            joints: (32, 3) true joints, camera optical frame [m].
            hidden: (32,) joints that the camera does not see.
            interval: time since the previous call [s].
        """
        keep = float(np.exp(-interval / MEMORY))
        fresh = self._rng.standard_normal(self._error.shape)
        self._error = keep * self._error + np.sqrt(1.0 - keep**2) * fresh
        distance = np.maximum(joints[:, 2:] / REFERENCE, 1.0)
        size = np.where(hidden, HIDDEN, 1.0)[:, None] * np.minimum(distance**2, 4.0)
        tremble = TREMBLE * self._rng.standard_normal(self._error.shape)
        tracked = joints + size * (_LASTING[:, None] * self._error + tremble)
        return tracked, np.where(hidden, LOW, MEDIUM).astype(np.uint8)
