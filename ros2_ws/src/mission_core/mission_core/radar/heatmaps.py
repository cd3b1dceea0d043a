"""What frames hold of the whole field of view, on axes with units and in dB: heat maps and profiles.

Axes and scales follow the profile that the radar runs (SDK user's guide, "mmw demo output"; TI's visualizer 3.6). All
are in REP-103: azimuth grows to the left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.radar.profile import ELEVATION_TX, RadarProfile
from mission_core.types import Float32Array, RadarFrame

NUM_ANGLES = 64
"""Bins of the Fourier transform over the azimuth antennas, as in TI's visualizer."""

HeatmapKind = Literal["range_doppler", "range_azimuth", "range_profile", "noise_profile"]


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Power over range and something else.

    Attributes:
        kind: "range_doppler", columns are radial velocities [m/s], positive = away; "range_azimuth", columns are
            azimuths [rad], positive = left, of what does not move; "range_profile" and "noise_profile", one column: the
            power at velocity 0 and at the highest one.
        ranges: (R,) [m].
        columns: (C,) ascending.
        values: (R, C) power [dB] relative to full scale.
    """

    kind: HeatmapKind
    ranges: Float32Array
    columns: Float32Array
    values: Float32Array


def heatmaps(frame: RadarFrame, profile: RadarProfile) -> Iterator[Heatmap]:
    """All that a frame holds.

    The az-el heat map of antenna-on-package devices (TLV 8) is left out: it needs the geometry of their antennas.

    Raises:
        ConfigurationError: a size does not fit the profile: the radar runs another one.
    """
    profile = profile.sub_frame(frame.sub_frame)
    contents = frame.contents
    if (flat := contents.get("range_doppler")) is not None:
        values = profile.range_doppler_map(flat)
        bins = values.shape[1]
        velocities = np.arange(-(bins // 2), bins - bins // 2) * (2.0 * profile.max_velocity / bins)
        yield Heatmap("range_doppler", profile.ranges, velocities.astype(np.float32), values)
    if (signals := contents.get("azimuth_heatmap")) is not None:
        yield range_azimuth(signals, profile)
    if (magnitudes := contents.get("range_profile")) is not None:
        yield _profile("range_profile", magnitudes, 0.0, profile)
    if (magnitudes := contents.get("noise_profile")) is not None:
        yield _profile("noise_profile", magnitudes, profile.max_velocity, profile)


def range_azimuth(signals: NDArray[np.complex64], profile: RadarProfile) -> Heatmap:
    """Heat map of what does not move, from the signals of the azimuth antennas (TLV 4).

    Args:
        signals: (R * A,) of each range bin by antenna, from left to right as seen from behind the sensor.
        profile: that the radar runs.

    Raises:
        ConfigurationError: their number does not fit the profile.
    """
    antennas = len(set(profile.tx_masks) - {ELEVATION_TX}) * profile.num_rx
    if signals.size != profile.num_range_bins * antennas:
        raise _misfit(profile, "azimuth heat map", signals.size, f"{profile.num_range_bins} x {antennas}")
    spectrum = np.fft.fftshift(np.fft.fft(signals.reshape(-1, antennas), NUM_ANGLES, axis=1), axes=1)[:, 1:]
    half = NUM_ANGLES // 2
    azimuths = np.arcsin(np.arange(-half + 1, half) / half)
    decibels = 20.0 * np.log10(np.maximum(np.abs(spectrum[:, ::-1]), 1.0))  # TI's azimuth grows to the right
    return Heatmap("range_azimuth", profile.ranges, azimuths.astype(np.float32), decibels.astype(np.float32))


def _profile(kind: HeatmapKind, magnitudes: NDArray[np.uint16], velocity: float, profile: RadarProfile) -> Heatmap:
    if magnitudes.size != profile.num_range_bins:
        raise _misfit(profile, kind.replace("_", " "), magnitudes.size, str(profile.num_range_bins))
    # the scale of the range-Doppler heat map, of which it is one column
    values = profile.range_doppler_map(np.repeat(magnitudes, profile.num_doppler_bins))[:, :1]
    return Heatmap(kind, profile.ranges, np.array([velocity], np.float32), values)


def _misfit(profile: RadarProfile, what: str, found: int, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"{profile.name}: {what} has {found} values, expected {expected}; the radar runs another profile than the one "
        "loaded"
    )
