"""An IWR6843ISK at the signal: what its ADC samples of scatterers, and what TI's demo makes of these samples.

The signal (`FmcwRadar.cube`) is synthesised before any transform. Every path from a transmitter over a scatterer to a
receiver gives a beat tone. With the delay tau of the path and t from the middle of the ADC's window its phase is

    2 pi (f_c tau(chirp) + (S tau + f_D) t),    f_c in the middle of the window, S the slope, f_D the Doppler shift.

The delay in the first term changes from chirp to chirp and from antenna to antenna; in the tone's frequency it is that
of the middle of the frame (range migration within a frame, 1 cm for somebody who walks, moves no tone; the phase it
makes is there). Powers follow the radar equation, the receiver adds its thermal noise k T F per hertz.

The receiver (`FmcwRadar.observe`) goes the way of the SDK 3.x demo on the xWR68xx (mmWave SDK user's guide; the data
path's sources `rangeprochwa`, `dopplerprochwa`, `cfarcaprochwa`, `aoaprochwa`): Blackman window and FFT over the
samples, static clutter removal, Hann window and FFT over the chirps of each transmitter, log magnitudes averaged over
the virtual antennas, CFAR on these in Doppler and in range, compensation of the phase that motion adds between
transmitters, FFT over the azimuth row, phase against the raised row. Resolution, side lobes, aliasing, straddling and
the blending of people in one cell all come from that and from nothing else.

Left out: phase noise (at delays of some metres that of transmitter and receiver cancel: at -92 dBc/Hz 1 MHz off the
carrier some 80 dB under the echo after both transforms), saturation and quantisation of the ADC, coupling of
transmitters into receivers (so `calibDcRangeSig` has nothing to do), `extendedMaxVelocity`, errors of the antennas (the
compensating `compRangeBiasAndRxChanPhase` is taken to undo them).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, interp1d

from mission_core.errors import ConfigurationError
from mission_core.geometry import pitch_rotation, room_to_sensor
from mission_core.radar.profile import SPEED_OF_LIGHT, RadarProfile
from mission_core.sim.scatter import Scatterers, Trails
from mission_core.types import Column, Float32Array, Float64Array, Mount, Points

Complex64Array = NDArray[np.complex64]

# Link budget: IWR6843 data sheet (SWRS219) and IWR6843ISK user's guide (SWRU546)
TRANSMIT_POWER = 10 ** (12.0 / 10) * 1e-3  # [W], 12 dBm per transmitter
NOISE_FIGURE = 10 ** (12.0 / 10)
ANTENNA_GAIN = 10 ** (7.0 / 10)  # each way, at boresight
HALF_GAIN_AZIMUTH = np.deg2rad(60.0)  # where the two-way gain is 6 dB down
HALF_GAIN_ELEVATION = np.deg2rad(20.0)
SIDE_LOBES = 10 ** (-12.5 / 10)  # one-way gain outside the main lobe
BOLTZMANN_TEMPERATURE = 1.380649e-23 * 290.0  # [W/Hz]

# A full-scale tone has this power at the ADC and 16 bits. The receiver's noise then lies near 45 dB on the scale of the
# firmware's log magnitudes, where the quietest cells of a real recording (TI's doors demo) have 42 to 49 dB.
ADC_FULL_SCALE = 10 ** (10.0 / 10) * 1e-3  # [W], 2 V peak to peak at 50 ohm
ADC_FULL_COUNT = 2.0**15
LOG_NOISE_BIAS_DB = 10.0 * np.euler_gamma / math.log(10.0)
"""By how much the mean log power of noise lies below its mean power; reported SNRs are higher by that."""

# Virtual array of the ISK: where a transmitter (chirpCfg mask) puts its row of four receivers, to the right and up
# [half wavelengths; of the middle frequency here, of 62 GHz on the board]. TX1 and TX3 side by side make eight antennas
# of azimuth, TX2 sits above their middle. A beam of several transmitters is taken to come from the first.
TRANSMITTERS = {1: (0, 0), 2: (2, 1), 4: (4, 0)}
AZIMUTH_FFT = 64
MAX_POINTS = 500
COMPLEX_1X = 1
PULSES_AT_ONCE = 2048
DIFFUSE_SAMPLES = 20  # of delay and Doppler shift for each scatterer


@dataclass(frozen=True, slots=True)
class Wall:
    """A large plane mirror in the room frame: the points x with normal . x = offset.

    Attributes:
        normal: (3,) unit vector.
        offset: [m].
        loss_db: of power at the reflection. Concrete of relative permittivity 5.3 (ITU-R P.2040) at normal incidence
            reflects 16 %.
    """

    normal: tuple[float, float, float]
    offset: float
    loss_db: float = 8.0


@dataclass(frozen=True, slots=True)
class Room:
    """A room that fills with diffuse waves.

    After room electromagnetics (Andersen et al., IEEE Antennas Propag. Mag. 49(2), 2007): what the radar sends and what
    a body scatters comes back from everywhere, its power falling exponentially with delay. That lays a floor of weak
    echoes behind every body, and one that stands still.

    Attributes:
        volume: [m^3].
        surface: of walls, floor and ceiling [m^2].
        absorption: effective share of the power that is lost at the surface. The authors measured 0.5 at 5 GHz; with
            0.7 power decays in 16 ns, an office at 73 GHz had a mean delay spread of 13 ns (MacCartney et al.,
            arXiv:1509.00395).
    """

    volume: float
    surface: float
    absorption: float = 0.7

    @property
    def reach(self) -> float:
        """Length of path over which the diffuse power falls to 1/e [m]: Sabine's reverberation time times c."""
        return 4.0 * self.volume / (self.surface * self.absorption)


CLASSROOM = Room(volume=8.0 * 7.0 * 3.0, surface=202.0)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a room and a link do to the radar beside the people in it.

    Attributes:
        room: whose diffuse echoes of what moves are heard; None for open air.
        walls: mirror the echoes: out directly and back over the wall, the other way round, and both ways over it.
        clutter: number of still reflectors in view, of 1 cm^2 to 1 m^2.
        frame_loss: probability that a frame is lost on its way.
        point_loss: probability that a detection is.
    """

    room: Room | None = CLASSROOM
    walls: tuple[Wall, ...] = ()
    clutter: int = 0
    frame_loss: float = 0.0
    point_loss: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One frame.

    Attributes:
        points: (N, 6) detections in the sensor frame, in the firmware's order.
        range_doppler: (range bins * Doppler bins,) uint16 as TLV 5; None unless the profile's guiMonitor asks for it.
        lost: the frame never arrives; it has no points then.
    """

    points: Points
    range_doppler: NDArray[np.uint16] | None
    lost: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """Ways from the sensor over scatterers back to it.

    Attributes:
        lengths: (S,) there and back [m].
        rates: (S,) their growth [m/s].
        departures: (S, 3) unit vectors from the sensor along the way out.
        arrivals: (S, 3) unit vectors from the sensor against the way back.
        amplitudes: (S,) complex, received [sqrt(W)].
    """

    lengths: Float64Array
    rates: Float64Array
    departures: Float64Array
    arrivals: Float64Array
    amplitudes: NDArray[np.complex128]


class FmcwRadar:
    """A radar that watches scatterers.

    Args:
        profile: the configuration it runs.
        mount: how it hangs in the room.
        seed: of noise, clutter and losses.
        effects: of room and link.

    Raises:
        ConfigurationError: the profile lacks a command of the receiver, or samples otherwise than complex 1x.
    """

    def __init__(self, profile: RadarProfile, mount: Mount, seed: int, *, effects: Effects | None = None) -> None:
        self.profile = profile
        self.mount = mount
        self._effects = effects or Effects()
        self._settings = _Settings.of(profile)
        self._rng = np.random.default_rng(seed)
        self._clutter = _clutter(self._effects.clutter, profile, self._rng)
        self._array = _Array.of(profile)
        self._wavelength = SPEED_OF_LIGHT / profile.centre_frequency
        chirps = profile.loops * profile.num_tx
        self._chirp_times = (np.arange(chirps) - (chirps - 1) / 2) * profile.chirp_period
        samples = profile.num_adc_samples
        self._sample_times = (np.arange(samples) - (samples - 1) / 2) / profile.sample_rate
        self._range_window = np.blackman(samples).astype(np.float32)
        self._doppler_window = np.hanning(profile.loops).astype(np.float32)
        counts = ADC_FULL_COUNT / math.sqrt(ADC_FULL_SCALE / 10 ** (self._settings.receiver_gain_db / 10))
        self._full_scale_db = 20 * math.log10(counts)
        self._mean_pattern = float(_pattern(_directions(np.random.default_rng(0), 20_000)).mean())
        self._still = self._still_room(self._effects.room) if self._effects.room else np.zeros((), np.complex64)

    @property
    def noise_power(self) -> float:
        """Of a sample of the ADC [W]: complex samples take in a bandwidth of their rate."""
        return BOLTZMANN_TEMPERATURE * NOISE_FIGURE * self.profile.sample_rate

    def cube(self, scatterers: Scatterers) -> Complex64Array:
        """What the ADC samples during one frame.

        Args:
            scatterers: as they are in the middle of the frame.

        Returns:
            (chirps, rx, samples) [sqrt(W)], referred to the receiver's input.
        """
        cube = self._echoes(self._paths(scatterers))
        cube += _white(self._rng, cube.shape) * np.float32(math.sqrt(self.noise_power))
        room = self._effects.room
        if room and len(scatterers.positions):
            cube += self._diffuse(scatterers, room)
        return cube + self._still

    def observe(self, scatterers: Scatterers) -> Observation:
        """One frame: the firmware's detections and, where the profile asks for it, its range-Doppler heat map."""
        spectrum = self.spectrum(self.cube(scatterers))
        if self._rng.random() < self._effects.frame_loss:
            return Observation(np.zeros((0, len(Column)), np.float32), None, lost=True)
        levels = self._levels(spectrum)
        points = self._points(spectrum, levels)
        kept = self._rng.random(len(points)) >= self._effects.point_loss
        return Observation(points[kept], self._range_doppler(levels) if self.profile.gui_monitor[4] else None)

    def spectrum(self, cube: Complex64Array) -> Complex64Array:
        """Both Fourier transforms of a cube (chirps, rx, samples), static clutter removal between them.

        Returns:
            (A, D, R) by virtual antenna, Doppler bin in FFT order, range bin; sums of windowed samples [sqrt(W)].
        """
        profile = self.profile
        bins = 1 << (profile.num_adc_samples - 1).bit_length()
        ranges = scipy.fft.fft(cube * self._range_window, bins, axis=-1)[..., : profile.num_range_bins]
        by_antenna = ranges[self._array.chirps].transpose(0, 2, 1, 3)  # (tx, rx, loops, R)
        by_antenna = by_antenna.reshape(profile.num_virtual, profile.loops, -1)
        if self._settings.clutter_removal:
            by_antenna = by_antenna - by_antenna.mean(axis=1, keepdims=True)
        windowed = by_antenna * self._doppler_window[:, None]
        return scipy.fft.fft(windowed, profile.num_doppler_bins, axis=1)

    def _paths(self, scatterers: Scatterers) -> _Paths:
        still = self._clutter
        positions = np.concatenate((scatterers.positions, still.positions))
        velocities = np.concatenate((scatterers.velocities, still.velocities))
        amplitudes = np.concatenate((scatterers.amplitudes, still.amplitudes))
        direct = positions, velocities, 1.0
        paths = [self._path(amplitudes, direct, direct)]
        for wall in self._effects.walls:
            mirrored = (*_mirror(positions, velocities, wall, self.mount), 10 ** (-wall.loss_db / 20))
            for out, back in ((direct, mirrored), (mirrored, direct), (mirrored, mirrored)):
                paths.append(self._path(amplitudes, out, back))
        return _joined(paths)

    def _path(
        self,
        amplitudes: NDArray[np.complex64],
        out: tuple[Float64Array, Float64Array, float],
        back: tuple[Float64Array, Float64Array, float],
    ) -> _Paths:
        """Out to where scatterers appear and back from where they appear (positions, velocities, share of the field).

        The cross-section is taken to be the same in all these directions.
        """
        (there, departures, rate_out), (home, arrivals, rate_back) = (_radial(*way[:2]) for way in (out, back))
        gain = ANTENNA_GAIN * np.sqrt(_pattern(departures) * _pattern(arrivals))
        field = np.sqrt(TRANSMIT_POWER / (4 * np.pi) ** 3) * self._wavelength * gain / (there * home)
        return _Paths(there + home, rate_out + rate_back, departures, arrivals, amplitudes * field * out[2] * back[2])

    def _diffuse(self, scatterers: Scatterers, room: Room) -> Complex64Array:
        """Echoes (chirps, rx, samples) that leave the sensor directly and come back over the whole room, or vice versa.

        They are many: a Gaussian field, independent at the antennas, its power shaped over delay and Doppler shift.
        Between frames whoever walks moves by many wavelengths, so each frame has a new one. Half of a diffuse field
        has the other polarisation.
        """
        profile, rng = self.profile, self._rng
        distance, unit, rate = _radial(scatterers.positions, scatterers.velocities)
        power = np.abs(scatterers.amplitudes) ** 2 * _pattern(unit) / distance**2 * np.exp(-distance / room.reach)
        power *= 2.0 * TRANSMIT_POWER * ANTENNA_GAIN**2 * self._mean_pattern * self._wavelength**2 / (4 * np.pi) ** 3
        power *= 2.0 * np.pi * room.reach / room.volume

        shape = len(power), DIFFUSE_SAMPLES
        lengths = 2.0 * distance[:, None] + rng.exponential(room.reach, shape)
        rates = rate[:, None] + np.linalg.norm(scatterers.velocities, axis=1)[:, None] * rng.uniform(-1.0, 1.0, shape)
        tones = np.rint(lengths * profile.slope / SPEED_OF_LIGHT / profile.sample_rate * profile.num_adc_samples)
        shifts = np.rint(rates / self._wavelength * profile.chirp_period * len(self._chirp_times))
        cells = (shifts.astype(np.intp) % profile.loops) * profile.num_adc_samples + tones.astype(np.intp)
        heard = tones < profile.num_adc_samples
        powers = np.broadcast_to(power[:, None] / DIFFUSE_SAMPLES, shape)
        size = profile.loops, profile.num_adc_samples
        spectrum = np.bincount(cells[heard], powers[heard], math.prod(size)).reshape(size)
        white = _white(rng, (len(self._array.chirps), profile.num_rx, *size))
        field = scipy.fft.ifft2(white * np.sqrt(spectrum, dtype=np.float32), norm="forward")
        by_chirp = np.empty((len(self._chirp_times), profile.num_rx, profile.num_adc_samples), np.complex64)
        by_chirp[self._array.chirps] = field.transpose(0, 2, 1, 3)
        return by_chirp

    def _still_room(self, room: Room) -> Complex64Array:
        """The diffuse echo (chirps, rx, samples) of the empty room: the same in every frame."""
        profile = self.profile
        tones = np.arange(profile.num_adc_samples)
        lengths = tones / profile.num_adc_samples * profile.sample_rate / profile.slope * SPEED_OF_LIGHT
        step = lengths[1]
        total = TRANSMIT_POWER * (ANTENNA_GAIN * self._mean_pattern * self._wavelength) ** 2 / (8 * np.pi * room.volume)
        spectrum = total * step * np.exp(-lengths / room.reach)
        white = _white(self._rng, (len(self._array.chirps), profile.num_rx, profile.num_adc_samples))
        field = scipy.fft.ifft(white * np.sqrt(spectrum).astype(np.float32), norm="forward")
        turn = np.empty(len(self._chirp_times), np.intp)
        for index, chirps in enumerate(self._array.chirps):
            turn[chirps] = index
        return field[turn]

    def _echoes(self, paths: _Paths) -> Complex64Array:
        """The beat signal (chirps, rx, samples) of all paths: one product (chirps * rx, S) @ (S, samples)."""
        profile, array = self.profile, self._array
        cycles = 1.0 / self._wavelength
        tones = (profile.slope * paths.lengths + profile.centre_frequency * paths.rates) / SPEED_OF_LIGHT
        fast = _phasor(tones[:, None] * self._sample_times)
        towards = paths.departures[:, 1:] @ array.transmitters.T  # (S, chirps), shorter by half wavelengths
        slow = (paths.lengths * cycles % 1.0)[:, None] + (paths.rates * cycles)[:, None] * self._chirp_times
        receivers = paths.arrivals[:, 1:] @ array.receivers.T
        steering = _phasor(slow - towards / 2)[:, :, None] * _phasor(-receivers / 2)[:, None, :]
        heard = np.where(np.abs(tones) < profile.sample_rate, paths.amplitudes, 0.0)  # the others the IF filter stops
        weighted = steering * heard.astype(np.complex64)[:, None, None]
        rows = len(self._chirp_times) * profile.num_rx
        signal = weighted.reshape(len(fast), rows).T @ fast
        return signal.reshape(len(self._chirp_times), profile.num_rx, profile.num_adc_samples)

    def _levels(self, spectrum: Complex64Array) -> Float32Array:
        """(D, R) log magnitudes, averaged over the virtual antennas [dB on the firmware's scale]."""
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        levels = 10.0 * np.log10(np.maximum(power, np.float32(1e-30))).mean(axis=0)
        return levels.astype(np.float32) + np.float32(self._full_scale_db)

    def _points(self, spectrum: Complex64Array, levels: Float32Array) -> Points:
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

        snapshots = spectrum[:, columns, rows].T * _phasor(-np.outer(signed[columns], self._array.delays))
        which, right, up = self._array.angles(snapshots, settings.second_peak)
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

    def _range_doppler(self, levels: Float32Array) -> NDArray[np.uint16]:
        """TLV 5: flat, range-major, Doppler in FFT order."""
        steps = self.profile.num_virtual / 2.0 ** math.ceil(math.log2(self.profile.num_virtual)) * 256.0
        steps /= 20.0 * math.log10(2.0)
        return np.clip(np.rint(levels.T * steps), 0, np.iinfo(np.uint16).max).astype(np.uint16).ravel()


@dataclass(frozen=True, slots=True, eq=False)
class _Array:
    """The antennas, as the transmitters take turns. Places are (left, up) [half wavelengths].

    Attributes:
        transmitters: (chirps, 2) place of the one that sends.
        receivers: (rx, 2) places.
        chirps: (tx, loops) indices of the chirps of each transmitter, in order of their first one.
        delays: (A,) when the transmitter of each virtual antenna sends, as a share of a Doppler bin's cycles.
        columns: (A,) place of each virtual antenna to the right, from 0.
        raised: (A,) bool, in the upper row.
    """

    transmitters: Float64Array
    receivers: Float64Array
    chirps: NDArray[np.intp]
    delays: Float64Array
    columns: NDArray[np.intp]
    raised: NDArray[np.bool_]

    @classmethod
    def of(cls, profile: RadarProfile) -> Self:
        masks = np.tile(profile.tx_masks, profile.loops * profile.num_tx // len(profile.tx_masks))
        order = list(dict.fromkeys(profile.tx_masks))
        right, up = np.array([TRANSMITTERS[mask & -mask] for mask in order]).T
        receivers = np.arange(profile.num_rx)
        turns = np.searchsorted(order, masks, sorter=np.argsort(order))
        turn = np.argsort(order)[turns]
        antenna = np.repeat(np.arange(len(order)), profile.num_rx)
        return cls(
            transmitters=np.stack((-right, up), axis=1)[turn].astype(np.float64),
            receivers=np.stack((-receivers, np.zeros_like(receivers)), axis=1).astype(np.float64),
            chirps=np.stack([np.flatnonzero(turn == index) for index in range(len(order))]),
            delays=antenna / len(order) / profile.num_doppler_bins,
            columns=right[antenna] + np.tile(receivers, len(order)),
            raised=(up - up.min())[antenna] > 0,
        )

    def angles(
        self, snapshots: Complex64Array, second_peak: float
    ) -> tuple[NDArray[np.intp], Float64Array, Float64Array]:
        """Directions of what cells (N, A) hold, as TI's demo estimates them.

        The azimuth is the peak of a zero-padded FFT over the lower row, the elevation the phase between the two rows
        in that direction; without an upper row it is 0. A second peak outside the first one's lobe counts where its
        magnitude exceeds `second_peak` times the first's.

        Returns:
            (K,) index of the cell and (K,) direction cosines to the right and up; K >= N.
        """
        lower = self._beams(snapshots, ~self.raised)
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
        if self.raised.any():
            up = np.angle(lower[which, peak] * self._beams(snapshots, self.raised)[which, peak].conj()) / np.pi
        order = np.argsort(which, kind="stable")
        return which[order], right[order], up[order]

    def _beams(self, snapshots: Complex64Array, row: NDArray[np.bool_]) -> Complex64Array:
        """Sums (N, AZIMUTH_FFT) over one row of antennas, each at its place in an array that begins at 0."""
        aperture = np.zeros((len(snapshots), int(self.columns.max()) + 1), np.complex64)
        aperture[:, self.columns[row]] = snapshots[:, row]
        return scipy.fft.fft(aperture, AZIMUTH_FFT, axis=1)


@dataclass(frozen=True, slots=True)
class _Cfar:
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

    receiver_gain_db: float
    range_cfar: _Cfar
    doppler_cfar: _Cfar
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
            receiver_gain_db=_numbers(profile, "profileCfg")[13] % 64,  # the two upper bits choose the band
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


def _cfar(profile: RadarProfile, direction: int) -> _Cfar:
    _, _, mode, window, guard, shift, cyclic, threshold, grouping = _numbers(profile, "cfarCfg", direction)
    return _Cfar(round(mode), round(window), round(guard), round(shift), bool(cyclic), threshold, bool(grouping))


def _numbers(profile: RadarProfile, command: str, direction: int | None = None) -> list[float]:
    """Arguments of the last such command; of commands for range (0) and Doppler (1) the one of that direction."""
    lines = [line.split()[1:] for line in profile.commands if line.split()[0] == command]
    lines = [line for line in lines if direction is None or float(line[1]) == direction]
    if not lines:
        which = command if direction is None else f"{command} -1 {direction}"
        raise ConfigurationError(f"{profile.name}: no '{which}', expected one: the simulated receiver needs it")
    return list(map(float, lines[-1]))


def _radial(positions: Float64Array, velocities: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Distances (S,), unit vectors (S, 3) and radial velocities (S,) of positions and velocities (S, 3)."""
    distance = np.linalg.norm(positions, axis=1)
    unit = positions / distance[:, None]
    return distance, unit, np.einsum("ij,ij->i", velocities, unit)


def _mirror(
    positions: Float64Array, velocities: Float64Array, wall: Wall, mount: Mount
) -> tuple[Float64Array, Float64Array]:
    """Images (S, 3) behind a wall of positions and velocities in the sensor frame."""
    normal = np.array(wall.normal) @ pitch_rotation(mount.pitch_deg)
    on_wall = room_to_sensor(np.array(wall.normal) * wall.offset, mount)
    depth = (positions - on_wall) @ normal
    return positions - 2 * np.outer(depth, normal), velocities - 2 * np.outer(velocities @ normal, normal)


def _joined(paths: Sequence[_Paths]) -> _Paths:
    names = ("lengths", "rates", "departures", "arrivals", "amplitudes")
    return _Paths(*(np.concatenate([getattr(path, name) for path in paths]) for name in names))


def _pattern(unit: Float64Array) -> Float64Array:
    """One-way power gain (S,) towards directions (S, 3), relative to the boresight."""
    azimuth, elevation = np.arctan2(unit[:, 1], unit[:, 0]), np.arcsin(np.clip(unit[:, 2], -1, 1))
    exponent = (azimuth / HALF_GAIN_AZIMUTH) ** 2 + (elevation / HALF_GAIN_ELEVATION) ** 2
    return np.maximum(0.5**exponent, SIDE_LOBES) * (np.abs(azimuth) < np.pi / 2)


def _white(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex64Array:
    """Complex Gaussian noise of unit power."""
    noise = rng.standard_normal((*shape[:-1], 2 * shape[-1]), dtype=np.float32)
    noise *= np.float32(math.sqrt(0.5))
    return noise.view(np.complex64)


def _directions(rng: np.random.Generator, number: int) -> Float64Array:
    """Unit vectors (N, 3), evenly distributed."""
    vectors = rng.standard_normal((number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _phasor(cycles: Float64Array) -> Complex64Array:
    """exp(2 pi i cycles)."""
    angle = (2 * np.pi * (cycles - np.rint(cycles))).astype(np.float32)
    phasor = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=phasor.real)
    np.sin(angle, out=phasor.imag)
    return phasor


def _clutter(number: int, profile: RadarProfile, rng: np.random.Generator) -> Scatterers:
    """Still reflectors within +-60 degrees and the height of a room, their cross-sections even on a log scale."""
    distance = rng.uniform(1.0, 0.8 * profile.max_range, number)
    azimuth, height = rng.uniform(-np.pi / 3, np.pi / 3, number), rng.uniform(-1.0, 1.5, number)
    positions = np.stack((distance * np.cos(azimuth), distance * np.sin(azimuth), height), axis=1)
    root = 10 ** rng.uniform(-2.0, 0.0, number)
    amplitudes = (root * np.exp(2j * np.pi * rng.random(number))).astype(np.complex64)
    return Scatterers(positions, np.zeros((number, 3)), amplitudes)


def slow_time(
    trails: Trails,
    *,
    carrier: float,
    prf: float,
    gate: tuple[float, float] = (0.0, math.inf),
    snr_db: float = math.inf,
    seed: int = 0,
) -> Complex64Array:
    """The echo of a motion, pulse after pulse: what spectrograms of micro-Doppler are made from.

    The sum of all scatterers inside a range gate; with an open gate that is what a continuous-wave radar receives. A
    positive Doppler frequency belongs to a scatterer that moves away.

    Args:
        trails: the scatterers over the motion.
        carrier: frequency [Hz], e.g. 4.23e9 and `prf` 290 for MRA-Net's axis of +-5.14 m/s.
        prf: pulse repetition frequency [Hz]; beyond c prf / (4 carrier) velocities alias.
        gate: least and greatest range that count [m].
        snr_db: of white Gaussian noise that is added: mean power of the echo over the motion to that of the noise.
        seed: of the noise.

    Returns:
        (P,) complex64, proportional to the received field, from the first to the last of `trails.times`.
    """
    begin, end = trails.times[0], trails.times[-1]
    times = begin + np.arange(int((end - begin) * prf) + 1) / prf
    ranges = CubicSpline(trails.times, trails.ranges)
    real, imag = (interp1d(trails.times, part, axis=0) for part in (trails.amplitudes.real, trails.amplitudes.imag))
    pieces = []
    for piece in np.array_split(times, len(times) // PULSES_AT_ONCE + 1):
        distance = ranges(piece)
        field = (real(piece) + 1j * imag(piece)) / distance**2
        field[(distance < gate[0]) | (distance > gate[1])] = 0.0
        pieces.append(np.einsum("ps,ps->p", field, _phasor(2.0 * carrier / SPEED_OF_LIGHT * distance)))
    echo = np.concatenate(pieces)
    if math.isfinite(snr_db):
        noise = np.random.default_rng(seed).standard_normal((len(echo), 2)) @ (1.0, 1j)
        echo = echo + noise * math.sqrt(np.mean(np.abs(echo) ** 2) / 2.0) * 10 ** (-snr_db / 20)
    return echo.astype(np.complex64)
