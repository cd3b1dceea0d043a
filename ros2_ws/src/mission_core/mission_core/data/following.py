"""From frames of the tracker to takes of the radar. The same code serves the simulator and recordings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mission_core.data.takes import RadarTake, TakeInfo
from mission_core.kinematics import body_frame
from mission_core.radar.doppler import DopplerMaps
from mission_core.radar.profile import RadarProfile
from mission_core.types import NUM_JOINTS, DopplerKind, DopplerTimeMap, Float32Array, Float64Array, Mount, TrackedFrame


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A frame of the tracker, with the newest column (D,) [dB] of each track's Doppler-time map."""

    tracked: TrackedFrame
    columns: Mapping[int, Float32Array]


class Follower:
    """Adds to the frames of a tracker what else a take holds.

    The Doppler-time map is made of the range-Doppler heatmap where the profile sends it, else of the points.
    """

    def __init__(self, profile: RadarProfile, mount: Mount) -> None:
        self.kind: DopplerKind = "heatmap" if profile.gui_monitor[4] else "points"
        self.velocities = profile.velocities
        self._profile = profile
        self._mount = mount
        self._maps = DopplerMaps(
            self.kind, velocities=profile.velocities, num_frames=1, frame_period=profile.frame_period
        )

    def step(self, tracked: TrackedFrame, range_doppler: NDArray[np.uint16] | None) -> Followed:
        """Takes one frame, with TLV 5 as the radar sent it; a heatmap that was lost is a column of zeros."""
        maps: Sequence[DopplerTimeMap] = ()
        if self.kind == "points":
            maps = self._maps.step_points(tracked)
        elif range_doppler is not None:
            decibels = self._profile.range_doppler_map(range_doppler)
            maps = self._maps.step_heatmap(tracked, decibels, self._profile.ranges, self._mount)
        return Followed(tracked, {item.track_id: item.values[:, -1] for item in maps})

    def take(
        self, info: TakeInfo, frames: Sequence[Followed], track_id: int | None, joints: Float64Array | None
    ) -> RadarTake:
        """The take of one track.

        Args:
            info: of the take; its number of frames is filled in.
            frames: F frames.
            track_id: to follow; frames without it are empty, and all are where it is None.
            joints: (F, 32, 3) true joints, room frame; None where unknown.
        """
        points, positions, columns = [], [], []
        silence = np.zeros(len(self.velocities), np.float32)
        for frame in frames:
            tracked = frame.tracked
            track = next((track for track in tracked.tracks if track.track_id == track_id), None)
            points.append(tracked.points[tracked.labels == track_id] if track is not None else tracked.points[:0])
            positions.append(track.position if track is not None else np.full(3, np.nan))
            columns.append(silence if track_id is None else frame.columns.get(track_id, silence))
        return RadarTake(
            info=replace(info, frames=len(frames)),
            stamps_ns=np.array([frame.tracked.stamp_ns for frame in frames], np.int64),
            points=tuple(points),
            positions=np.array(positions, np.float32),
            joints=unknown_joints(len(frames)) if joints is None else body_frame(joints),
            velocities=self.velocities,
            doppler=np.stack(columns, axis=1),
            doppler_kind=self.kind,
        )


def unknown_joints(frames: int) -> Float32Array:
    """(frames, 32, 3) NaN."""
    return np.full((frames, NUM_JOINTS, 3), np.nan, np.float32)


def longest_run(usable: Sequence[bool]) -> slice:
    """The longest run of usable frames; the first of several, empty where none is."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.asarray(usable, bool), [False])).astype(np.int8)))
    if not len(edges):
        return slice(0, 0)
    starts, ends = edges[::2], edges[1::2]
    best = int((ends - starts).argmax())
    return slice(int(starts[best]), int(ends[best]))
