"""Where the sensors are: config/calibration.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.geometry import F, yaw_rotation
from mission_core.paths import share_directory
from mission_core.types import Mount

RADAR_MOUNT = Mount(height=1.0)
CAMERA_MOUNT = Mount(height=1.4, pitch_deg=8.0)


@dataclass(frozen=True, slots=True)
class SensorPose:
    """One sensor: its mount, and its room frame in the map.

    Attributes:
        mount: of the sensor above the floor of its room frame.
        position: of the room frame's origin in the map, x, y [m].
        yaw_deg: of the room frame in the map, counter-clockwise [deg].
    """

    mount: Mount
    position: tuple[float, float] = (0.0, 0.0)
    yaw_deg: float = 0.0

    def to_map(self, xyz: NDArray[F]) -> NDArray[F]:
        """Moves points (..., 3) [m] from its room frame to the map."""
        turned = xyz @ yaw_rotation(self.yaw_deg).T + (*self.position, 0.0)
        return turned.astype(xyz.dtype, copy=False)

    def seen_from(self, other: "SensorPose") -> "SensorPose":
        """The same, with the other's room frame in place of the map."""
        way = np.array([*self.position, 0.0]) - (*other.position, 0.0)
        x, y, _ = way @ yaw_rotation(other.yaw_deg)
        return SensorPose(self.mount, (float(x), float(y)), self.yaw_deg - other.yaw_deg)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Poses of the radar and the camera, and by name of further radars that watch the radar's room."""

    radar: SensorPose = SensorPose(RADAR_MOUNT)
    camera: SensorPose = SensorPose(CAMERA_MOUNT)
    more_radars: Mapping[str, SensorPose] = field(default_factory=dict)

    def pose_of_radar(self, name: str) -> SensorPose:
        """The pose of the radar, `radar`, or of a further one.

        Raises:
            ConfigurationError: there is none of that name.
        """
        poses = {"radar": self.radar, **self.more_radars}
        if name not in poses:
            raise ConfigurationError(
                f"the calibration has no radar {name!r}, expected one of {', '.join(poses)}: add it to more_radars"
            )
        return poses[name]


def load_calibration(path: str | Path = "") -> Calibration:
    """Reads a calibration file; without a path the one that comes with mission.

    Raises:
        ConfigurationError: the file is absent, or not a calibration.
    """
    file = Path(path).expanduser() if str(path) else share_directory() / "config" / "calibration.yaml"
    try:
        content = yaml.safe_load(file.read_text())
        more = {str(name): _pose(entry) for name, entry in (content.get("more_radars") or {}).items()}
        return Calibration(radar=_pose(content["radar"]), camera=_pose(content["camera"]), more_radars=more)
    except OSError as error:
        raise ConfigurationError(f"calibration {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{file} is not a calibration ({type(error).__name__}: {error}); it needs `radar` and `camera`, each with "
            "height, pitch_deg, position [x, y] and yaw_deg as in mission's config/calibration.yaml"
        ) from error


def _pose(entry: dict[str, object]) -> SensorPose:
    x, y = entry["position"]  # type: ignore[misc]
    return SensorPose(
        mount=Mount(height=float(entry["height"]), pitch_deg=float(entry["pitch_deg"])),  # type: ignore[arg-type]
        position=(float(x), float(y)),  # type: ignore[has-type]
        yaw_deg=float(entry["yaw_deg"]),  # type: ignore[arg-type]
    )
