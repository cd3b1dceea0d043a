"""The same people before another sensor: what happens in one room, as a sensor elsewhere in it has it in its own."""

from dataclasses import replace

from mission_core.calibration import SensorPose
from mission_core.geometry import yaw_rotation
from mission_core.sim.path import Motion
from mission_core.sim.rooms import Scenario
from mission_core.types import Float64Array


class PlacedMotion:
    """A motion in the room frame of a sensor elsewhere.

    Args:
        motion: in one room frame.
        pose: of the other sensor in that frame.
    """

    def __init__(self, motion: Motion, pose: SensorPose) -> None:
        self.person, self.duration = motion.person, motion.duration
        self._motion = motion
        self._position = (*pose.position, 0.0)
        self._rotation = yaw_rotation(pose.yaw_deg)

    def joints(self, t: Float64Array) -> Float64Array:
        """Joints at the times t (T,) [s]: (T, 32, 3) [m]."""
        return (self._motion.joints(t) - self._position) @ self._rotation


def seen_from(scenario: Scenario, pose: SensorPose) -> Scenario:
    """A scenario before a sensor elsewhere, with noise of its own.

    Args:
        scenario: in the room frame of one sensor.
        pose: of the other one in that frame.
    """
    motions = tuple(PlacedMotion(motion, pose) for motion in scenario.motions)
    return replace(scenario, motions=motions, seed=scenario.seed + 1)
