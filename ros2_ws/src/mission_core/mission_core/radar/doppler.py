"""Doppler-time maps: how fast the parts of a tracked body move towards or away from the radar, frame by frame.

Both kinds hold the same quantity, 10 log10(1 + s) with s the signal-to-noise ratios (linear) summed over what belongs
to the track at one velocity: 0 dB where there is nothing. The range-Doppler heatmap sees limbs that the detector on
the chip drops, but takes most of the UART; the detections' own Doppler comes for free.
"""

from collections import deque

import numpy as np

from mission_core.errors import ConfigurationError
from mission_core.geometry import room_to_sensor
from mission_core.types import Column, DopplerKind, DopplerTimeMap, Float32Array, Mount, Points, Track, TrackedFrame

RANGE_GATE = 0.5
"""Half depth of the slice of the heatmap that belongs to a track [m]: a body with its stride."""


class DopplerMaps:
    """One Doppler-time map per track, of the last `num_frames` frames; ends with its track.

    A map is as long as its track is old, until it is full. Frames that were lost, and frames in which the track
    coasts, are zero columns, so that the time axis holds.
    """

    def __init__(self, kind: DopplerKind, *, velocities: Float32Array, num_frames: int, frame_period: float) -> None:
        """Sets the axes.

        Args:
            kind: "points" (then call `step_points`) or "heatmap" (`step_heatmap`).
            velocities: (D,) bin centres [m/s], evenly spaced, ascending.
            num_frames: longest map [frames].
            frame_period: of the radar [s].

        Raises:
            ConfigurationError: an axis is impossible.
        """
        steps = np.diff(velocities)
        if velocities.ndim != 1 or len(steps) == 0 or steps.min() <= 0 or not np.allclose(steps, steps[0], rtol=1e-3):
            raise ConfigurationError(f"expected ascending, evenly spaced Doppler bins [m/s], got {velocities}")
        if num_frames < 1 or not frame_period > 0:
            raise ConfigurationError(
                f"expected num_frames >= 1 and frame_period > 0 s, got {num_frames} and {frame_period}"
            )
        self._kind = kind
        self._velocities = velocities
        self._num_frames = num_frames
        self._frame_period = frame_period
        self._columns: dict[int, deque[Float32Array]] = {}
        self._last_frame = 0  # unknown

    def step_points(self, frame: TrackedFrame) -> list[DopplerTimeMap]:
        """Adds a column of each track's own detections; returns the maps, ordered by track_id."""
        self._expect("points")
        own = (frame.points[frame.labels == track.track_id] for track in frame.tracks)
        return self._append(frame, [self._histogram(points) for points in own])

    def step_heatmap(
        self, frame: TrackedFrame, range_doppler: Float32Array, ranges: Float32Array, mount: Mount
    ) -> list[DopplerTimeMap]:
        """Adds the slice of the range-Doppler heatmap about each track; returns the maps, ordered by track_id.

        People at one range share their slice: the heatmap has no angle.

        Args:
            frame: tracks at the time of the heatmap.
            range_doppler: (R, D) [dB] on any reference; the median is taken as the noise.
            ranges: (R,) bin centres [m].
            mount: of the radar.

        Raises:
            ConfigurationError: the heatmap does not have the axes' shape.
        """
        self._expect("heatmap")
        if range_doppler.shape != (len(ranges), len(self._velocities)):
            raise ConfigurationError(
                f"range-Doppler heatmap of shape {range_doppler.shape} does not fit {len(ranges)} range and "
                f"{len(self._velocities)} Doppler bins; is the radar running another profile than the one given?"
            )
        above_noise = np.float64(10.0) ** ((range_doppler - np.median(range_doppler)) / 10.0) - 1.0
        snr = np.maximum(above_noise, 0.0)
        return self._append(frame, [self._slice(track, snr, ranges, mount) for track in frame.tracks])

    def _expect(self, kind: DopplerKind) -> None:
        if self._kind != kind:
            raise ConfigurationError(f"these Doppler maps are made from {self._kind}, not from {kind}")

    def _histogram(self, points: Points) -> Float32Array:
        """(D,) [dB] of detections (N, 6); SNR weighs; where it is not told it is 0 dB."""
        first, step = self._velocities[0], self._velocities[1] - self._velocities[0]
        bins = np.rint((points[:, Column.DOPPLER] - first) / step).astype(np.intp)
        inside = (bins >= 0) & (bins < len(self._velocities))
        power = 10.0 ** (points[inside, Column.SNR].astype(np.float64) / 10.0)
        total = np.bincount(bins[inside], power, len(self._velocities))
        return (10.0 * np.log10(1.0 + total)).astype(np.float32)

    def _slice(self, track: Track, snr: Float32Array, ranges: Float32Array, mount: Mount) -> Float32Array:
        """(D,) [dB] of the linear SNR (R, D) at the track's range; zeros while it coasts."""
        if track.num_points == 0:
            return np.zeros(len(self._velocities), np.float32)
        distance = np.linalg.norm(room_to_sensor(track.position, mount))
        gate = np.abs(ranges - distance) <= RANGE_GATE
        return (10.0 * np.log10(1.0 + snr[gate].sum(axis=0))).astype(np.float32)

    def _append(self, frame: TrackedFrame, columns: list[Float32Array]) -> list[DopplerTimeMap]:
        previous, self._last_frame = self._last_frame, frame.frame_number
        # A counter that goes back is a restarted sensor, or unknown (0); the gap is then not known.
        lost = min(max(frame.frame_number - previous - 1, 0), self._num_frames) if previous else 0
        silence = np.zeros(len(self._velocities), np.float32)
        current: dict[int, deque[Float32Array]] = {}
        for track, column in zip(frame.tracks, columns, strict=True):
            history = self._columns.get(track.track_id)
            if history is None:
                history = deque(maxlen=self._num_frames)
            else:
                history.extend([silence] * lost)
            history.append(column)
            current[track.track_id] = history
        self._columns = current
        return [self._map(frame.stamp_ns, track_id, history) for track_id, history in current.items()]

    def _map(self, stamp_ns: int, track_id: int, history: "deque[Float32Array]") -> DopplerTimeMap:
        return DopplerTimeMap(
            stamp_ns=stamp_ns,
            track_id=track_id,
            kind=self._kind,
            velocities=self._velocities,
            values=np.stack(history, axis=1),
            frame_period=self._frame_period,
        )
