"""Changes of frame, each in one place.

TI's sensor frame is x right (seen from behind the sensor), y forward, z up; REP-103 is x forward, y left, z up.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mission_core.types import CameraModel, Float64Array, Mount

F = TypeVar("F", np.float32, np.float64)


def ti_to_rep103(xyz: NDArray[F]) -> NDArray[F]:
    """Rotates vectors (..., 3) from TI's sensor axes to REP-103 axes."""
    return np.stack((xyz[..., 1], -xyz[..., 0], xyz[..., 2]), axis=-1)


def rep103_to_ti(xyz: NDArray[F]) -> NDArray[F]:
    """Rotates vectors (..., 3) from REP-103 axes to TI's sensor axes."""
    return np.stack((-xyz[..., 1], xyz[..., 0], xyz[..., 2]), axis=-1)


def pitch_rotation(pitch_deg: float) -> Float64Array:
    """(3, 3) rotation from a frame whose x axis is tilted down by `pitch_deg` to the level frame."""
    c, s = np.cos(np.deg2rad(pitch_deg)), np.sin(np.deg2rad(pitch_deg))
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def yaw_rotation(yaw_deg: float) -> Float64Array:
    """(3, 3) rotation from a frame that is turned left by `yaw_deg` about the vertical to the one that is not."""
    c, s = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def sensor_to_room(xyz: NDArray[F], mount: Mount) -> NDArray[F]:
    """Moves points (..., 3) [m] from a mounted sensor's frame to its room frame (floor origin)."""
    rotated = xyz @ pitch_rotation(mount.pitch_deg).T + (0.0, 0.0, mount.height)
    return rotated.astype(xyz.dtype, copy=False)


def room_to_sensor(xyz: NDArray[F], mount: Mount) -> NDArray[F]:
    """Moves points (..., 3) [m] from the room frame of a mounted sensor to the sensor's frame."""
    rotated = (xyz - (0.0, 0.0, mount.height)) @ pitch_rotation(mount.pitch_deg)
    return rotated.astype(xyz.dtype, copy=False)


def rep103_to_optical(xyz: NDArray[F]) -> NDArray[F]:
    """Rotates vectors (..., 3) from REP-103 axes to camera optical axes (x right, y down, z forward)."""
    return np.stack((-xyz[..., 1], -xyz[..., 2], xyz[..., 0]), axis=-1)


def optical_to_rep103(xyz: NDArray[F]) -> NDArray[F]:
    """Rotates vectors (..., 3) from camera optical axes to REP-103 axes."""
    return np.stack((xyz[..., 2], -xyz[..., 0], -xyz[..., 1]), axis=-1)


def project(xyz_optical: NDArray[F], camera: CameraModel) -> NDArray[F]:
    """Projects points (..., 3) [m] of the optical frame to pixels (..., 2).

    Points must lie in front of the camera (z > 0).
    """
    x, y, z = xyz_optical[..., 0], xyz_optical[..., 1], xyz_optical[..., 2]
    return np.stack((camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy), axis=-1)


def line_of_sight(position: Float64Array) -> Float64Array:
    """(2, 2) rotation from the room's x, y to axes along and left of the line of sight to `position` (2,)."""
    distance = max(float(np.hypot(position[0], position[1])), 1e-6)
    cos, sin = position[0] / distance, position[1] / distance
    return np.array([[cos, sin], [-sin, cos]])
