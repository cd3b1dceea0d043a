"""People that the radar's own processor follows, as tracks in the room."""

from collections.abc import Sequence

import numpy as np

from mission_core.geometry import pitch_rotation, sensor_to_room
from mission_core.types import Float64Array, Mount, RadarFrame, Targets, Track

KNOWS_ITS_PLACE = "sensorPosition"
"""Command that tells the firmware height and tilt of the sensor; it then reports people in the room."""


class TargetTracks:
    """Turns the targets of frames into tracks.

    Args:
        commands: configuration that the radar runs.
        mount: of the radar, which counts where the firmware was not told.
    """

    def __init__(self, commands: Sequence[str], mount: Mount) -> None:
        told = any(command.split()[:1] == [KNOWS_ITS_PLACE] for command in commands)
        self._mount = None if told else mount
        self._first_ns: dict[int, int] = {}

    def step(self, stamp_ns: int, frame: RadarFrame) -> tuple[Track, ...] | None:
        """The tracks of a frame by id, room frame; None of firmware that follows nobody.

        Their variance is not known: the firmware's is that of range and angles. Which detections are whose, it tells of
        the frame before; so many are taken to be theirs.
        """
        targets = frame.contents.get("targets")
        index = frame.contents.get("target_index")
        if targets is None:
            if index is None and not self._first_ns:
                return None
            targets = _NOBODY
        ids = targets.ids.tolist()
        self._first_ns = {each: self._first_ns.get(each, stamp_ns) for each in ids}
        counts = np.bincount(index, minlength=256) if index is not None else np.zeros(256, np.int64)
        heights = frame.contents.get("target_heights", {})
        positions, velocities = self._in_room(targets)
        tracks = [
            Track(
                track_id=each,
                position=positions[row],
                velocity=velocities[row],
                size=np.array((0.0, 0.0, np.ptp(heights.get(each, (0.0, 0.0))))),
                variance=np.full(4, np.nan),
                age=(stamp_ns - self._first_ns[each]) * 1e-9,
                num_points=int(counts[each]) if each < len(counts) else 0,
                missed_frames=0,
            )
            for row, each in enumerate(ids)
        ]
        return tuple(sorted(tracks, key=lambda track: track.track_id))

    def _in_room(self, targets: Targets) -> tuple[Float64Array, Float64Array]:
        positions, velocities = targets.positions.astype(np.float64), targets.velocities.astype(np.float64)
        if self._mount is None:
            return positions, velocities
        return sensor_to_room(positions, self._mount), velocities @ pitch_rotation(self._mount.pitch_deg).T


_NOTHING = np.zeros((0, 3), np.float32)
_NOBODY = Targets(np.zeros(0, np.int32), _NOTHING, _NOTHING, _NOTHING)
