"""From tracked detections to what the network reads. The same code prepares training data and live queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.geometry import line_of_sight
from mission_core.types import Column, Float32Array, Float64Array, Points

MOTION_SPAN = 0.4  # on either side, over which velocity is measured [s]
POINT_COLUMNS = (Column.X, Column.Y, Column.Z, Column.SNR, Column.DOPPLER)


@dataclass(frozen=True, slots=True, eq=False)
class RadarClip:
    """Network input of one track's last T frames; those that do not exist yet, or were lost, are absent.

    Attributes:
        points: (T, N, 5) float32 x, y [m] relative to the track, z [m] above the floor, SNR [dB], velocity [m/s].
        present: (T, N) bool, which points exist.
        frames: (T,) bool, which frames exist (a frame without points exists).
        motion: (T, 3) float32 as `track_motion` has it; 0 in frames that do not exist.
    """

    points: Float32Array
    present: NDArray[np.bool_]
    frames: NDArray[np.bool_]
    motion: Float32Array


def frame_points(points: Points, position: Float64Array, num_points: int) -> Float32Array:
    """Points of one track in one frame, as the network sees them.

    Deviation from the paper, which feeds absolute positions: x runs along the line of sight from the track's centre and
    y to its left. Doppler is measured along that line, and where in the room somebody walks says nothing about who it
    is; z stays absolute, since height does.

    Args:
        points: (M, 6) detections of the track in the room frame.
        position: (2 or 3,) centre of the track in the room frame [m].
        num_points: N, of which the strongest are kept.

    Returns:
        (min(M, N), 5) float32.
    """
    if len(points) > num_points:
        points = points[np.argsort(-points[:, Column.SNR], kind="stable")[:num_points]]
    selected = points[:, POINT_COLUMNS].astype(np.float32)
    selected[:, :2] = (selected[:, :2] - position[:2]) @ line_of_sight(position).T
    return selected


def track_motion(places: Float64Array, period: float) -> Float32Array:
    """Motion (F, 3) of a track: velocity away from the sensor and to the left of that [m/s], distance from it [m].

    Args:
        places: (F, 2) centre of the track in the room frame [m]; NaN where it is unknown.
        period: of the frames [s].
    """
    if not np.isfinite(places).all(axis=1).any():
        return np.zeros((len(places), 3), np.float32)
    index = np.arange(len(places))
    x, y = filled(places).T
    span = round(MOTION_SPAN / period)
    before, after = np.maximum(index - span, 0), np.minimum(index + span, len(places) - 1)
    seconds = np.maximum(after - before, 1) * period
    velocity_x, velocity_y = (x[after] - x[before]) / seconds, (y[after] - y[before]) / seconds
    distance = np.maximum(np.hypot(x, y), 1e-6)
    away = (velocity_x * x + velocity_y * y) / distance
    left = (velocity_y * x - velocity_x * y) / distance
    return np.stack([away, left, distance], axis=-1).astype(np.float32)


def filled(places: Float64Array) -> Float64Array:
    """Places (F, 2) with those that are unknown (NaN) on the line between their neighbours, if any is known."""
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    if not len(known):
        return places
    index = np.arange(len(places))
    return np.stack([np.interp(index, known, places[known, axis]) for axis in range(2)], axis=1)


def radar_clip(
    frames: Sequence[Float32Array | None], places: Float64Array, num_frames: int, num_points: int, period: float
) -> RadarClip:
    """Pads the newest `num_frames` frames of a track to the network's fixed shape.

    Args:
        frames: F results of `frame_points`, None for a lost frame.
        places: (F, 2) centre of the track in the room frame [m], NaN for a lost frame.
        num_frames: T of the clip.
        num_points: N of the clip.
        period: of the frames [s].
    """
    newest = frames[-num_frames:]
    points = np.zeros((num_frames, num_points, 5), np.float32)
    present = np.zeros((num_frames, num_points), bool)
    exists = np.zeros(num_frames, bool)
    for row, frame in enumerate(newest, start=num_frames - len(newest)):
        if frame is not None:
            points[row, : len(frame)] = frame[:num_points]
            present[row, : len(frame)] = True
            exists[row] = True
    motion = np.zeros((num_frames, 3), np.float32)
    motion[num_frames - len(newest) :] = track_motion(places[-num_frames:], period)
    return RadarClip(points, present, exists, motion * exists[:, None])
