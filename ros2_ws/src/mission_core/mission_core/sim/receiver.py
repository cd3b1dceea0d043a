"""What TI's demo makes of the samples of the ADC: spectra, detections, directions, heat map.

The way of the SDK 3.x demo on the xWR68xx (mmWave SDK user's guide; facts from the data path's sources `rangeprochwa`,
`dopplerprochwa`, `cfarcaprochwa`, `aoaprochwa`): Blackman window and FFT over the samples, static clutter removal, Hann
window and FFT over the chirps of each transmitter, log magnitudes averaged over the virtual antennas, CFAR on these in
Doppler and in range, compensation of the phase that motion adds between transmitters, FFT over the azimuth row, phase
against the raised row.

`extendedMaxVelocity` is taken to be off, `calibDcRangeSig` to have nothing to do, and `compRangeBiasAndRxChanPhase` to
undo errors that the simulated antennas do not have.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.radar.profile import RadarProfile
from mission_core.sim.antennas import VirtualArray
from mission_core.types import Column, Float32Array, Float64Array, Points

Complex64Array = NDArray[np.complex64]

# A full-scale tone has this power at the ADC and 16 bits. The receiver's noise then lies near 45 dB on the scale of the
# firmware's log magnitudes, where the quietest cells of a real recording (TI's doors demo) have 42 to 49 dB.
ADC_FULL_SCALE = 10 ** (10.0 / 10) * 1e-3  # [W], 2 V peak to peak at 50 ohm
ADC_FULL_COUNT = 2.0**15
AZIMUTH_FFT = 64
MAX_POINTS = 500
COMPLEX_1X = 1


class Receiver:
    """The signal processing on the chip.

    What it calls SNR compares averages of logarithms; that of noise lies 2.5 dB below the noise's mean power.

    Args:
        profile: the configuration it runs.

    Raises:
        ConfigurationError: the profile lacks a command of the receiver, or samples otherwise than complex 1x (the
            demo asserts complex samples).
    """

    def __init__(self, profile: RadarProfile) -> None:
        self.profile = profile
        self.array = VirtualArray.of(profile)
        self._settings = _Settings.of(profile)
        self._range_window = np.blackman(profile.num_adc_samples).astype(np.float32)
        self._doppler_window = np.hanning(profile.loops).astype(np.float32)
        counts = ADC_FULL_COUNT / math.sqrt(ADC_FULL_SCALE / 10 ** (self._settings.gain_db / 10))
        self._full_scale_db = 20 * math.log10(counts)

    def spectrum(self, cube: Complex64Array) -> Complex64Array:
        """Both Fourier transforms of a cube (chirps, rx, samples), static clutter removal between them.

        Returns:
            (A, D, R) by virtual antenna, Doppler bin in FFT order, range bin; sums of windowed samples [sqrt(W)].
        """
        profile = self.profile
        bins = 1 << (profile.num_adc_samples - 1).bit_length()
        ranges = scipy.fft.fft(cube * self._range_window, bins, axis=-1)[..., : profile.num_range_bins]
        by_antenna = ranges[self.array.chirps].transpose(0, 2, 1, 3)  # (tx, rx, loops, R)
        by_antenna = by_antenna.reshape(profile.num_virtual, profile.loops, -1)
        if self._settings.clutter_removal:
            by_antenna = by_antenna - by_antenna.mean(axis=1, keepdims=True)
        windowed = by_antenna * self._doppler_window[:, None]
        return scipy.fft.fft(windowed, profile.num_doppler_bins, axis=1)

    def levels(self, spectrum: Complex64Array) -> Float32Array:
        """(D, R) log magnitudes, averaged over the virtual antennas [dB on the firmware's scale]."""
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        levels = 10.0 * np.log10(np.maximum(power, np.float32(1e-30))).mean(axis=0)
        return levels.astype(np.float32) + np.float32(self._full_scale_db)

    def points(self, spectrum: Complex64Array, levels: Float32Array) -> Points:
        """Detections (N, 6), by Doppler bin, then by range."""
        profile, settings = self.profile, self._settings
        in_doppler, _ = settings.doppler_cfar.detect(levels.T)
        in_range, noise = settings.range_cfar.detect(levels)
        half = profile.num_doppler_bins // 2
        signed = (np.arange(profile.num_doppler_bins) + half) % profile.num_doppler_bins - half
        velocities = signed * profile.doppler_step
        detected = in_range & in_doppler.T
        detected &= settings.doppler_view.holds(velocities, profile.doppler_step)[:, None]
        detected &= settings.range_view.holds(np.arange(levels.shape[1]) * profile.range_step, profile.range_step)
        columns, rows = (index[:MAX_POINTS] for index in np.nonzero(detected))

        snapshots = spectrum[:, columns, rows].T * phasor(-np.outer(signed[columns], self.array.delays))
        which, right, up = _angles(self.array, snapshots, settings.second_peak)
        kept = np.flatnonzero(settings.in_view(right, up))[:MAX_POINTS]
        which, right, up = which[kept], right[kept], up[kept]
        columns, rows = columns[which], rows[which]
        distance = profile.ranges[rows]
        points = np.empty((len(which), len(Column)), np.float32)
        points[:, Column.X] = distance * np.sqrt(1.0 - right**2 - up**2)
        points[:, Column.Y] = -distance * right
        points[:, Column.Z] = distance * up
        points[:, Column.DOPPLER] = velocities[columns]
        points[:, Column.SNR] = levels[columns, rows] - noise[columns, rows]
        points[:, Column.NOISE] = noise[columns, rows]
        return points

    def range_doppler(self, levels: Float32Array) -> NDArray[np.uint16]:
        """TLV 5: flat, range-major, Doppler in FFT order."""
        steps = self.profile.num_virtual / 2.0 ** math.ceil(math.log2(self.profile.num_virtual)) * 256.0
        steps /= 20.0 * math.log10(2.0)
        return np.clip(np.rint(levels.T * steps), 0, np.iinfo(np.uint16).max).astype(np.uint16).ravel()


@dataclass(frozen=True, slots=True)
class Cfar:
    """`cfarCfg`, one direction.

    Attributes:
        mode: 0 averages both sides of a cell, 1 takes the greater (GO), 2 the smaller of them (SO).
        window: cells of noise on each side.
        guard: cells left out on each side.
        shift: the sum of noise is divided by 2 ** shift.
        cyclic: the axis is a circle; otherwise cells near an end have noise on one side only.
        threshold: above the noise [dB].
        grouping: only local maxima count.
    """

    mode: int
    window: int
    guard: int
    shift: int
    cyclic: bool
    threshold: float
    grouping: bool

    def detect(self, levels: Float32Array) -> tuple[NDArray[np.bool_], Float32Array]:
        """Cells (M, K) of levels [dB] above their noise along the last axis, and that noise (M, K) [dB]."""
        length = levels.shape[1]
        reach = self.window + self.guard
        padded = np.pad(levels, ((0, 0), (reach, reach)), mode="wrap" if self.cyclic else "constant")
        sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
        windows = sums[:, self.window :] - sums[:, : -self.window]  # from each padded cell on
        left, right = windows[:, :length], windows[:, reach + self.guard + 1 :][:, :length]
        if not self.cyclic:
            place = np.arange(length)
            left, right = (
                np.where(place >= reach, left, right),
                np.where(place < length - reach, right, left),
            )
        combine = (np.add, np.maximum, np.minimum)[self.mode]
        noise = (combine(left, right) / 2**self.shift).astype(np.float32)
        detected = levels > noise + np.float32(self.threshold)
        if self.grouping:
            around = np.pad(levels, ((0, 0), (1, 1)), mode="wrap" if self.cyclic else "edge")
            detected &= (levels >= around[:, :-2]) & (levels >= around[:, 2:])
        return detected, noise


@dataclass(frozen=True, slots=True)
class _View:
    """`cfarFovCfg`, one direction: limits of range [m] or velocity [m/s]."""

    least: float
    most: float

    def holds(self, values: Float64Array, step: float) -> NDArray[np.bool_]:
        """The firmware rounds the limits to bins."""
        bins = np.rint(values / step)
        return (bins >= np.rint(self.least / step)) & (bins <= np.rint(self.most / step))


@dataclass(frozen=True, slots=True)
class _Settings:
    """The receiver's commands of a profile."""

    gain_db: float
    range_cfar: Cfar
    doppler_cfar: Cfar
    range_view: _View
    doppler_view: _View
    angle_view: tuple[float, float, float, float]
    clutter_removal: bool
    second_peak: float

    @classmethod
    def of(cls, profile: RadarProfile) -> Self:
        _, sampling = _numbers(profile, "adcCfg")
        if sampling != COMPLEX_1X:
            raise ConfigurationError(
                f"{profile.name}: 'adcCfg' asks for sampling of kind {sampling:g}, the simulated radar samples complex "
                f"1x; write 'adcCfg 2 {COMPLEX_1X}'"
            )
        enabled, second_peak = _numbers(profile, "multiObjBeamForming")[1:3]
        return cls(
            gain_db=_numbers(profile, "profileCfg")[13] % 64,  # the two upper bits choose the band
            range_cfar=_cfar(profile, 0),
            doppler_cfar=_cfar(profile, 1),
            range_view=_View(*_numbers(profile, "cfarFovCfg", 0)[2:4]),
            doppler_view=_View(*_numbers(profile, "cfarFovCfg", 1)[2:4]),
            angle_view=tuple(np.sin(np.deg2rad(_numbers(profile, "aoaFovCfg")[1:5]))),
            clutter_removal=bool(_numbers(profile, "clutterRemoval")[1]),
            second_peak=second_peak if enabled else math.inf,
        )

    def in_view(self, right: Float64Array, up: Float64Array) -> NDArray[np.bool_]:
        """Which directions `aoaFovCfg` keeps; directions that no wave can come from are left out as well."""
        least_azimuth, most_azimuth, least_elevation, most_elevation = self.angle_view
        level = np.sqrt(np.maximum(1.0 - up**2, 0.0))
        inside = (right >= level * least_azimuth) & (right <= level * most_azimuth)
        return inside & (up >= least_elevation) & (up <= most_elevation) & (right**2 + up**2 < 1.0)


def _cfar(profile: RadarProfile, direction: int) -> Cfar:
    _, _, mode, window, guard, shift, cyclic, threshold, grouping = _numbers(profile, "cfarCfg", direction)
    return Cfar(round(mode), round(window), round(guard), round(shift), bool(cyclic), threshold, bool(grouping))


def _numbers(profile: RadarProfile, command: str, direction: int | None = None) -> list[float]:
    """Arguments of the last such command; of commands for range (0) and Doppler (1) the one of that direction."""
    lines = [line.split()[1:] for line in profile.commands if line.split()[0] == command]
    lines = [line for line in lines if direction is None or float(line[1]) == direction]
    if not lines:
        which = command if direction is None else f"{command} -1 {direction}"
        raise ConfigurationError(f"{profile.name}: no '{which}', expected one: the simulated receiver needs it")
    return list(map(float, lines[-1]))


def _angles(
    array: VirtualArray, snapshots: Complex64Array, second_peak: float
) -> tuple[NDArray[np.intp], Float64Array, Float64Array]:
    """Directions of what cells (N, A) hold, as TI's demo estimates them.

    The azimuth is the peak of a zero-padded FFT over the lower row, the elevation the phase between the two rows
    in that direction; without an upper row it is 0. A second peak outside the first one's lobe counts where its
    magnitude exceeds `second_peak` times the first's.

    Returns:
        (K,) index of the cell and (K,) direction cosines to the right and up; K >= N.
    """
    lower = _beams(array, snapshots, ~array.raised)
    magnitudes = np.abs(lower)
    first = magnitudes.argmax(axis=1)
    cells = np.arange(len(snapshots))
    rolled = np.take_along_axis(magnitudes, (first[:, None] + np.arange(AZIMUTH_FFT)) % AZIMUTH_FFT, axis=1)
    falls_no_more = np.diff(rolled, axis=1, append=rolled[:, :1]) > 0  # a rise from this beam to the next
    rises_no_more = np.diff(rolled[:, ::-1], axis=1, prepend=rolled[:, :1]) > 0  # the same, going left
    begin = falls_no_more.argmax(axis=1) + 1
    end = AZIMUTH_FFT - rises_no_more.argmax(axis=1)
    beams = np.arange(AZIMUTH_FFT)
    outside = (beams >= begin[:, None]) & (beams < end[:, None])
    others = np.where(outside, rolled, 0.0)
    second = others.argmax(axis=1)
    found = others[cells, second] > second_peak * rolled[:, 0]

    which = np.concatenate((cells, cells[found]))
    peak = np.concatenate((first, ((first + second) % AZIMUTH_FFT)[found]))
    right = -2.0 * np.fft.fftfreq(AZIMUTH_FFT)[peak]  # a nearer antenna is behind in phase
    up = np.zeros(len(which))
    if array.raised.any():
        up = np.angle(lower[which, peak] * _beams(array, snapshots, array.raised)[which, peak].conj()) / np.pi
    order = np.argsort(which, kind="stable")
    return which[order], right[order], up[order]


def _beams(array: VirtualArray, snapshots: Complex64Array, row: NDArray[np.bool_]) -> Complex64Array:
    """Sums (N, AZIMUTH_FFT) over one row of antennas, each at its place in an array that begins at 0."""
    aperture = np.zeros((len(snapshots), int(array.columns.max()) + 1), np.complex64)
    aperture[:, array.columns[row]] = snapshots[:, row]
    return scipy.fft.fft(aperture, AZIMUTH_FFT, axis=1)


def phasor(cycles: Float64Array) -> Complex64Array:
    """exp(2 pi i cycles)."""
    angle = (2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)
    phasor = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=phasor.real)
    np.sin(angle, out=phasor.imag)
    return phasor
