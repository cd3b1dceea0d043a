"""How alike the points of a simulated walker and of a real one are: statistics frame by frame, and their distances.

A walker is what moves: points with a Doppler other than 0 near the place where most of them are. So walls and furniture
that a recording without clutter removal holds drop out, on both sides of the comparison alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter
from scipy.stats import ks_2samp, wasserstein_distance

from mission_core.types import Column, Float64Array, Points

REACH = 0.9
"""Horizontal distance from the walker's place within which a moving point is taken to be of the walker [m]."""

SAME_RANGE = 0.02
"""Half of the finest step of range of the recordings [m]."""

STATISTICS = ("count", "per_range", "height", "width", "depth", "doppler_spread", "doppler_extreme", "speed")


@dataclass(frozen=True, slots=True, eq=False)
class WalkerStatistics:
    """A walker in F frames and M points.

    Attributes:
        range: (F,) distance of the walker [m].
        values: by name (F,), NaN where a frame has too few points: `count` of points; how many of
            them there are `per_range` they lie at; standard deviations of `height`,
            `width` (lateral) and `depth` (along the line of sight) [m]; `doppler_spread`, standard deviation [m/s];
            `doppler_extreme`, the largest difference from the median [m/s]; `speed`, |median Doppler| [m/s].
        snr: (M,) of the points, with the fall over range taken out: what they would have at 2 m [dB].
        floor: (M,) noise beside the points, on the firmware's own scale [dB].
        heights: (M,) of the points above the sensor [m].
    """

    range: Float64Array
    values: dict[str, Float64Array]
    snr: Float64Array
    floor: Float64Array
    heights: Float64Array


@dataclass(frozen=True, slots=True)
class Distance:
    """Two samples apart.

    Attributes:
        ks: Kolmogorov-Smirnov statistic, the largest difference of the distribution functions, 0 to 1.
        wasserstein: mean distance by which one sample has to be moved to become the other, in standard deviations of
            the real one.
        medians: of the real sample and of the simulated one.
    """

    ks: float
    wasserstein: float
    medians: tuple[float, float]


def two_sample(real: Float64Array, simulated: Float64Array) -> Distance:
    """Distance of two samples (N,), (M,); values that are NaN are left out.

    Raises:
        ValueError: a sample is empty, or the real one has no spread to measure by.
    """
    real, simulated = real[np.isfinite(real)], simulated[np.isfinite(simulated)]
    if not len(real) or not len(simulated):
        raise ValueError(f"samples of {len(real)} and {len(simulated)} values: expected at least one in each")
    spread = float(real.std())
    if spread == 0:
        raise ValueError("all real values are equal: there is no spread to measure the distance by")
    return Distance(
        float(ks_2samp(real, simulated, method="asymp").statistic),
        float(wasserstein_distance(real, simulated)) / spread,
        (float(np.median(real)), float(np.median(simulated))),
    )


def moving_points(frames: Sequence[Points]) -> list[Points]:
    """The frames without the points that stand still."""
    return [points[points[:, Column.DOPPLER] != 0] for points in frames]


def walker_places(frames: Sequence[Points], window: int) -> Float64Array:
    """Where the walker is in each frame: (F, 2) x, y [m], medians of the points of `window` frames around it.

    Places without points nearby in time are interpolated; ends are held.

    Raises:
        ValueError: no frame has a point.
    """
    own = np.array([np.median(points[:, :2], axis=0) if len(points) else (np.nan, np.nan) for points in frames])
    known = np.flatnonzero(np.isfinite(own[:, 0]))
    if not len(known):
        raise ValueError("no frame has a moving point: there is no walker to follow")
    filled = np.stack([np.interp(np.arange(len(own)), known, own[known, i]) for i in range(2)], axis=-1)
    return median_filter(filled, size=(window, 1), mode="nearest")


def walker_statistics(frames: Sequence[Points], places: Float64Array) -> WalkerStatistics:
    """Statistics of the points (N, 6) near the walker's places (F, 2) in the sensor frame."""
    near = [p[np.hypot(*(p[:, :2] - place).T) < REACH] for p, place in zip(frames, places, strict=True)]
    distance = np.hypot(*places.T)
    rows = np.array([_frame_statistics(points, place) for points, place in zip(near, places, strict=True)])
    points = np.concatenate(near)
    at = np.repeat(distance, [len(p) for p in near])
    return WalkerStatistics(
        range=distance,
        values=dict(zip(STATISTICS, rows.T, strict=True)),
        snr=points[:, Column.SNR] + 40 * np.log10(np.maximum(at, 0.1) / 2.0),
        floor=points[:, Column.NOISE].astype(np.float64),
        heights=points[:, Column.Z].astype(np.float64),
    )


def _frame_statistics(points: Points, place: Float64Array) -> tuple[float, ...]:
    if len(points) < 3:
        return (len(points), *[np.nan] * (len(STATISTICS) - 1))
    ahead = place / np.linalg.norm(place)
    offset = points[:, :2] - place
    doppler = np.round(points[:, Column.DOPPLER], 3)  # steps of two radars that are alike but for rounding are equal
    middle = float(np.median(doppler))
    return (
        len(points),
        len(points) / len(np.unique(np.round(np.linalg.norm(points[:, :3], axis=1) / SAME_RANGE))),
        float(points[:, Column.Z].std()),
        float((offset[:, 1] * ahead[0] - offset[:, 0] * ahead[1]).std()),
        float((offset @ ahead).std()),
        float(doppler.std()),
        float(np.abs(doppler - middle).max()),
        abs(middle),
    )


def matched(reference: Float64Array, candidates: Float64Array, edges: Float64Array, seed: int = 0) -> Float64Array:
    """Indices of candidates drawn so that their ranges are distributed as those of the reference, bin by bin.

    Args:
        reference: (N,) ranges of the real frames.
        candidates: (M,) ranges of the simulated ones.
        edges: of the bins.
        seed: of the draw.

    Returns:
        (K,) indices, with repetition; bins that either side lacks are left out.
    """
    rng = np.random.default_rng(seed)
    wanted, available = np.digitize(reference, edges), np.digitize(candidates, edges)
    drawn = [
        rng.choice(own, int((wanted == b).sum()))
        for b in np.unique(wanted)
        if 0 < b < len(edges) and len(own := np.flatnonzero(available == b))
    ]
    return np.concatenate(drawn) if drawn else np.zeros(0, np.int64)
