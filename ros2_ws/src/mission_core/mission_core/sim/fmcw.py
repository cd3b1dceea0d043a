"""An IWR6843ISK at the signal: what its ADC samples of scatterers, in a room with walls.

The signal (`FmcwRadar.cube`) is synthesised before any transform. Every path from a transmitter over a scatterer to a
receiver gives a beat tone. With the delay tau of the path and t from the middle of the ADC's window its phase is

    2 pi (f_c tau(chirp) + (S tau + f_D) t),    f_c in the middle of the window, S the slope, f_D the Doppler shift.

The delay in the first term changes from chirp to chirp and from antenna to antenna; in the tone's frequency it is that
of the middle of the frame (range migration within a frame, 1 cm for somebody who walks, moves no tone; the phase it
makes is there). Powers follow the radar equation, the receiver adds its thermal noise k T F per hertz.

`FmcwRadar.observe` hands them to the receiver (`mission_core.sim.receiver`). Resolution, side lobes, aliasing,
straddling and the blending of people in one cell all come from that and from nothing else.

Left out: phase noise (at delays of some metres that of transmitter and receiver cancel: at -92 dBc/Hz 1 MHz off the
carrier some 80 dB under the echo after both transforms), saturation and quantisation of the ADC, coupling of
transmitters into receivers, errors of the antennas.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, interp1d

from mission_core.geometry import pitch_rotation, room_to_sensor
from mission_core.radar.profile import SPEED_OF_LIGHT, RadarProfile
from mission_core.sim.antennas import GAIN, pattern
from mission_core.sim.receiver import Complex64Array, Receiver, phasor
from mission_core.sim.scatter import Scatterers, Trails
from mission_core.types import Column, Float64Array, Mount, Points

# IWR6843 data sheet (SWRS219)
TRANSMIT_POWER = 10 ** (12.0 / 10) * 1e-3  # [W], 12 dBm per transmitter
NOISE_FIGURE = 10 ** (12.0 / 10)
BOLTZMANN_TEMPERATURE = 1.380649e-23 * 290.0  # [W/Hz]

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
        clutter: number of still reflectors in view, from the leg of a chair (100 cm^2) to a wall that faces the sensor
            (30 m^2: a mirror at distance d has pi d^2 times its reflectivity).
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
        self._rng = np.random.default_rng(seed)
        self._clutter = _clutter(self._effects.clutter, profile, self._rng)
        self.receiver = Receiver(profile)
        self._array = self.receiver.array
        self._wavelength = SPEED_OF_LIGHT / profile.centre_frequency
        chirps = profile.loops * profile.num_tx
        self._chirp_times = (np.arange(chirps) - (chirps - 1) / 2) * profile.chirp_period
        samples = profile.num_adc_samples
        self._sample_times = (np.arange(samples) - (samples - 1) / 2) / profile.sample_rate
        self._mean_pattern = float(pattern(_directions(np.random.default_rng(0), 20_000)).mean())
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
        receiver = self.receiver
        spectrum = receiver.spectrum(self.cube(scatterers))
        if self._rng.random() < self._effects.frame_loss:
            return Observation(np.zeros((0, len(Column)), np.float32), None, lost=True)
        levels = receiver.levels(spectrum)
        points = receiver.points(spectrum, levels)
        kept = self._rng.random(len(points)) >= self._effects.point_loss
        return Observation(points[kept], receiver.range_doppler(levels) if self.profile.gui_monitor[4] else None)

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
        gain = GAIN * np.sqrt(pattern(departures) * pattern(arrivals))
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
        power = np.abs(scatterers.amplitudes) ** 2 * pattern(unit) / distance**2 * np.exp(-distance / room.reach)
        power *= 2.0 * TRANSMIT_POWER * GAIN**2 * self._mean_pattern * self._wavelength**2 / (4 * np.pi) ** 3
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
        total = TRANSMIT_POWER * (GAIN * self._mean_pattern * self._wavelength) ** 2 / (8 * np.pi * room.volume)
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
        fast = phasor(tones[:, None] * self._sample_times)
        towards = paths.departures[:, 1:] @ array.transmitters.T  # (S, chirps), shorter by half wavelengths
        slow = (paths.lengths * cycles % 1.0)[:, None] + (paths.rates * cycles)[:, None] * self._chirp_times
        receivers = paths.arrivals[:, 1:] @ array.receivers.T
        steering = phasor(slow - towards / 2)[:, :, None] * phasor(-receivers / 2)[:, None, :]
        heard = np.where(np.abs(tones) < profile.sample_rate, paths.amplitudes, 0.0)  # the others the IF filter stops
        weighted = steering * heard.astype(np.complex64)[:, None, None]
        rows = len(self._chirp_times) * profile.num_rx
        signal = weighted.reshape(len(fast), rows).T @ fast
        return signal.reshape(len(self._chirp_times), profile.num_rx, profile.num_adc_samples)


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


def _white(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex64Array:
    """Complex Gaussian noise of unit power."""
    noise = rng.standard_normal((*shape[:-1], 2 * shape[-1]), dtype=np.float32)
    noise *= np.float32(math.sqrt(0.5))
    return noise.view(np.complex64)


def _directions(rng: np.random.Generator, number: int) -> Float64Array:
    """Unit vectors (N, 3), evenly distributed."""
    vectors = rng.standard_normal((number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _clutter(number: int, profile: RadarProfile, rng: np.random.Generator) -> Scatterers:
    """Still reflectors within +-60 degrees and the height of a room, their cross-sections even on a log scale."""
    distance = rng.uniform(1.0, 0.8 * profile.max_range, number)
    azimuth, height = rng.uniform(-np.pi / 3, np.pi / 3, number), rng.uniform(-1.0, 1.5, number)
    positions = np.stack((distance * np.cos(azimuth), distance * np.sin(azimuth), height), axis=1)
    root = 10 ** rng.uniform(-1.0, 0.75, number)
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
    times = np.minimum(begin + np.arange(int((end - begin) * prf) + 1) / prf, end)
    ranges = CubicSpline(trails.times, trails.ranges)
    real, imag = (interp1d(trails.times, part, axis=0) for part in (trails.amplitudes.real, trails.amplitudes.imag))
    pieces = []
    for piece in np.array_split(times, len(times) // PULSES_AT_ONCE + 1):
        distance = ranges(piece)
        field = (real(piece) + 1j * imag(piece)) / distance**2
        field[(distance < gate[0]) | (distance > gate[1])] = 0.0
        pieces.append(np.einsum("ps,ps->p", field, phasor(2.0 * carrier / SPEED_OF_LIGHT * distance)))
    echo = np.concatenate(pieces)
    if math.isfinite(snr_db):
        noise = np.random.default_rng(seed).standard_normal((len(echo), 2)) @ (1.0, 1j)
        echo = echo + noise * math.sqrt(np.mean(np.abs(echo) ** 2) / 2.0) * 10 ** (-snr_db / 20)
    return echo.astype(np.complex64)
