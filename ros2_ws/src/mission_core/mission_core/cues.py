"""What a clip of a walker says at a glance: summary statistics of radar points, of a Doppler-time map, of silhouettes.

These are cues for regressors that estimate parameters of body and gait, so that one knows how much each sensor's data
tell about them. They are no model to recognise people with: a network sees more than such statistics.

A walk is periodic, and most of what swings shows in the spectrum of some series over time. So every series gives the
frequency, the strength and the share of its strongest line where steps are (`STEPS`) and where strides are (`STRIDES`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.camera.skeleton import Joint
from mission_core.types import Column, Float64Array, Points

STEPS = (1.4, 2.7)
"""Frequencies of steps [1/s]; strides have half of them."""
STRIDES = (0.7, 1.35)
MAX_RANGE_TAKEN_OUT = 2.0  # [m], at which the SNR is told
BANDS = (0.0, 0.45, 0.9, 1.25, 2.2)
"""Heights above the floor [m] of shanks, thighs and hands, trunk, head and shoulders of an adult."""
LEVELS = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
BODY_SPEED_WINDOW = 0.7  # over which a body's own motion is taken as even [s]
SPECTRUM_SIZE = 1024
OUTLINE_ROWS = 12


@dataclass(frozen=True, slots=True, eq=False)
class RadarClip:
    """T frames of one person.

    Attributes:
        frames: T arrays (N, 6), room frame of the radar.
        places: (T, 2) where the person is [m].
        period: of the frames [s].
        doppler: (T, D) power over the noise around the person [dB], ascending velocity; D = 0 where none.
        velocities: (D,) [m/s].
    """

    frames: Sequence[Points]
    places: Float64Array
    period: float
    doppler: Float64Array
    velocities: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class CameraClip:
    """T pictures of one person, measured in the vertical plane through the feet that faces the camera.

    Attributes:
        outlines: (T, OUTLINE_ROWS, 2) left and right end of the silhouette in rows from the floor (first) to the top of
            the head (last), to the right of the middle of the box [m]; NaN where a row is empty.
        boxes: (T, 4) lateral offset, distance, height, width [m], see `camera.snippet.box_geometry`.
        joints: (T, 32, 2) joints as a pose estimator finds them: to the right of the middle of the box, and up [m].
        period: of the pictures [s].
    """

    outlines: Float64Array
    boxes: Float64Array
    joints: Float64Array
    period: float


def radar_cues(clip: RadarClip) -> Float64Array:
    """(C,) cues of a radar clip; NaN where it says nothing."""
    speed, radial = _body_motion(clip.places, clip.period)
    distance = np.hypot(*clip.places.T)
    rows = [
        _relative(points, place, velocity)
        for points, place, velocity in zip(clip.frames, clip.places, radial, strict=True)
    ]
    points = np.concatenate(rows)
    counts = np.array([len(own) for own in rows], dtype=np.float64)
    cues = [np.array([speed, distance.mean(), np.ptp(distance), counts.mean(), counts.std()])]
    if len(points) < 5:
        cues.append(np.full(4 * len(LEVELS) + 1 + 4 * (len(BANDS) - 1), np.nan))
    else:
        lateral, depth, height, doppler, snr = points.T
        cues += [np.quantile(values, LEVELS) for values in (height, doppler, np.hypot(lateral, depth), snr)]
        cues.append(np.array([np.average(height, weights=10 ** (snr / 20))]))
        cues += [_band(points, low, high) for low, high in itertools.pairwise(BANDS)]
    cues += [_lines(series, clip.period) for series in _point_series(rows)]
    if len(clip.velocities):
        cues += _map_cues(clip, radial)
    return np.concatenate(cues)


def camera_cues(clip: CameraClip) -> Float64Array:
    """(C,) cues of a camera clip; NaN where it says nothing."""
    _, distance, height, width = clip.boxes.T
    time = np.arange(len(distance)) * clip.period
    ends = clip.outlines
    extent = ends[..., 1] - ends[..., 0]
    speed, _ = _body_motion(clip.boxes[:, [1, 0]], clip.period)
    approach = np.polyfit(time, distance, 1)[0]
    lengths, angles = _limbs(clip.joints), _angles(clip.joints)
    cues = [np.array([speed, approach, distance.mean()])]
    cues += [_quantiles(values, (0.1, 0.5, 0.9)) for values in (height, width, *extent.T, *lengths.T, *angles.T)]
    cues += [_deviation(values)[None] for values in (height, width, *extent.T, *angles.T)]
    series = (height, width, *extent.T[:8], *(clip.joints[:, joint, 0] for joint in _SWINGING), *angles.T)
    cues += [_lines(values, clip.period) for values in series]
    return np.concatenate(cues)


def dominant_frequency(series: Float64Array, period: float, band: tuple[float, float]) -> tuple[float, float, float]:
    """Strongest line of a series (T,) within a band [1/s]: frequency, amplitude, and share of the power of all lines.

    The trend and the mean are taken out; NaN where the series is unknown for more than half of the time.
    """
    known = np.isfinite(series)
    if known.sum() < max(len(series) / 2, 4):
        return np.nan, np.nan, np.nan
    time = np.arange(len(series))
    filled = np.interp(time, time[known], series[known])
    filled = filled - np.polyval(np.polyfit(time, filled, 2), time)
    window = np.hanning(len(series) + 2)[1:-1]
    size = max(SPECTRUM_SIZE, len(series))
    spectrum = np.abs(np.fft.rfft(filled * window, size)) / window.sum() * 2
    frequencies = np.fft.rfftfreq(size, period)
    inside = np.flatnonzero((frequencies >= band[0]) & (frequencies <= band[1]))
    best = inside[spectrum[inside].argmax()]
    total = float(np.square(spectrum).sum())
    share = float(np.square(spectrum[inside]).sum()) / total if total > 0 else 0.0
    return float(frequencies[best]), float(spectrum[best]), share


def _lines(series: Float64Array, period: float) -> Float64Array:
    return np.array([*dominant_frequency(series, period, STEPS), *dominant_frequency(series, period, STRIDES)])


def _body_motion(places: Float64Array, period: float) -> tuple[float, Float64Array]:
    """Median speed over the floor [m/s], and the radial velocity (T,) [m/s], of places (T, 2), evened out."""
    width = min(max(round(BODY_SPEED_WINDOW / period) | 1, 3), len(places) - (1 - len(places) % 2))
    kernel = np.arange(width) - (width - 1) / 2
    kernel = kernel / np.square(kernel).sum()  # slope of a line through `width` places
    padded = np.pad(places, ((width // 2, width // 2), (0, 0)), mode="reflect", reflect_type="odd")
    velocity = np.stack([np.correlate(padded[:, i], kernel, mode="valid") for i in range(2)], axis=-1) / period
    ahead = places / np.linalg.norm(places, axis=1, keepdims=True)
    return float(np.median(np.hypot(*velocity.T))), np.einsum("tk,tk->t", velocity, ahead)


def _relative(points: Points, place: Float64Array, radial: float) -> Float64Array:
    """(N, 5) lateral, depth, height [m], Doppler relative to the body [m/s], SNR as at 2 m [dB]."""
    distance = float(np.hypot(*place))
    ahead = place / distance
    offset = points[:, :2].astype(np.float64) - place
    return np.column_stack(
        (
            offset[:, 1] * ahead[0] - offset[:, 0] * ahead[1],
            offset @ ahead,
            points[:, Column.Z],
            points[:, Column.DOPPLER] - radial,
            points[:, Column.SNR] + 40 * np.log10(distance / MAX_RANGE_TAKEN_OUT),
        )
    )


def _band(points: Float64Array, low: float, high: float) -> Float64Array:
    """Share of the points in a band of heights, deviation of their Doppler and its extremes."""
    own = points[(points[:, 2] >= low) & (points[:, 2] < high)]
    share = len(own) / len(points)
    if len(own) < 3:
        return np.array([share, np.nan, np.nan, np.nan])
    return np.array([share, own[:, 3].std(), *np.quantile(own[:, 3], (0.05, 0.95))])


def _point_series(rows: Sequence[Float64Array]) -> list[Float64Array]:
    """Series (T,) over the frames: number of points, and of those low and all, how Doppler and height spread."""
    low = [own[own[:, 2] < BANDS[2]] for own in rows]
    series = [np.array([len(own) for own in rows], dtype=np.float64)]
    for part in (rows, low):
        series.append(np.array([own[:, 3].std() if len(own) > 2 else np.nan for own in part]))
        series.append(np.array([own[:, 3].mean() if len(own) else np.nan for own in part]))
        series.append(np.array([own[:, 1].std() if len(own) > 2 else np.nan for own in part]))
    series.append(np.array([own[:, 2].mean() if len(own) else np.nan for own in rows]))
    return series


def _map_cues(clip: RadarClip, radial: Float64Array) -> list[Float64Array]:
    """Cues of a Doppler-time map: the mean column about the body's own velocity, the envelopes, and how they swing."""
    power = 10 ** (clip.doppler / 10)
    power = np.maximum(power - np.median(power, axis=1, keepdims=True), 0.0)
    total = power.sum(axis=1)
    grid = clip.velocities
    cumulative = np.cumsum(power, axis=1) / np.where(total > 0, total, 1.0)[:, None]
    envelopes = np.array(
        [[np.interp(level, column, grid) for level in LEVELS] for column in cumulative]
    )  # (T, levels): velocities below which a share of the power lies
    envelopes = envelopes - radial[:, None]
    forward = envelopes * np.where(radial >= 0, 1.0, -1.0)[:, None]  # towards where the body goes
    spread = np.sqrt(
        np.einsum("td,td->t", power, (grid[None] - radial[:, None]) ** 2) / np.where(total > 0, total, 1.0)
    )
    series = [*envelopes.T, spread, 10 * np.log10(np.maximum(total, 1e-3))]
    return [
        np.median(forward, axis=0),
        np.quantile(np.abs(envelopes), 0.95, axis=0),
        _quantiles(spread, (0.1, 0.5, 0.9)),
        *(_lines(values, clip.period) for values in series),
    ]


_SIDES = ("LEFT", "RIGHT")
_LIMBS: tuple[tuple[Joint, Joint], ...] = (
    *((Joint[f"{a}_{side}"], Joint[f"{b}_{side}"]) for side in _SIDES for a, b in (("HIP", "KNEE"), ("KNEE", "ANKLE"))),
    *((Joint[f"SHOULDER_{side}"], Joint[f"ELBOW_{side}"]) for side in _SIDES),
    *((Joint[f"ELBOW_{side}"], Joint[f"WRIST_{side}"]) for side in _SIDES),
    (Joint.SHOULDER_LEFT, Joint.SHOULDER_RIGHT),
    (Joint.HIP_LEFT, Joint.HIP_RIGHT),
    (Joint.PELVIS, Joint.NECK),
    (Joint.NECK, Joint.HEAD),
    (Joint.ANKLE_LEFT, Joint.ANKLE_RIGHT),
    (Joint.WRIST_LEFT, Joint.HIP_LEFT),
    (Joint.WRIST_RIGHT, Joint.HIP_RIGHT),
)
_SWINGING = (Joint.WRIST_LEFT, Joint.WRIST_RIGHT, Joint.ANKLE_LEFT, Joint.ANKLE_RIGHT, Joint.PELVIS, Joint.HEAD)
_DIRECTIONS: tuple[tuple[Joint, Joint], ...] = (
    *((Joint[f"HIP_{side}"], Joint[f"KNEE_{side}"]) for side in _SIDES),
    *((Joint[f"KNEE_{side}"], Joint[f"ANKLE_{side}"]) for side in _SIDES),
    *((Joint[f"SHOULDER_{side}"], Joint[f"ELBOW_{side}"]) for side in _SIDES),
    *((Joint[f"ELBOW_{side}"], Joint[f"WRIST_{side}"]) for side in _SIDES),
    (Joint.NECK, Joint.PELVIS),
    (Joint.NOSE, Joint.NECK),
)


def _limbs(joints: Float64Array) -> Float64Array:
    """(T, L) lengths in the picture's plane [m]."""
    first, second = zip(*_LIMBS, strict=True)
    return np.linalg.norm(joints[:, list(first)] - joints[:, list(second)], axis=-1)


def _angles(joints: Float64Array) -> Float64Array:
    """(T, A) directions in the picture's plane, from straight down to the right [rad]."""
    first, second = zip(*_DIRECTIONS, strict=True)
    along = joints[:, list(second)] - joints[:, list(first)]
    return np.arctan2(along[..., 0], -along[..., 1])


def _quantiles(values: Float64Array, levels: Sequence[float]) -> Float64Array:
    finite = values[np.isfinite(values)]
    return np.quantile(finite, levels) if len(finite) else np.full(len(levels), np.nan)


def _deviation(values: Float64Array) -> NDArray[np.float64]:
    finite = values[np.isfinite(values)]
    return np.asarray(finite.std() if len(finite) > 1 else np.nan)
