"""What an IWR6843ISK detects of moving people: echoes of their surfaces through its resolution, array and detector.

Every frame goes the way of the signal in the sensor, from the range-Doppler spectrum of each virtual antenna onwards:

1. people become point scatterers on the side of their bodies that faces the radar (`Scatterers`);
2. the radar equation gives each its mean power; interference of the many real scattering centres it stands for makes
   it fluctuate (complex normal amplitude, new in every frame: at 5 mm wavelength nothing stays in phase for 0.1 s);
3. Hann windows spread it over range and Doppler bins, Doppler aliases, the steering vector gives every virtual antenna
   its phase, with the error that the sensor's Doppler compensation makes for aliased velocities;
4. receiver noise, static clutter removal, non-coherent sum over antennas, CFAR detection;
5. angles from the antenna phases as TI's demo finds them: FFT over the azimuth row, phase against the raised row.

So resolution, aliasing, blending of people in one cell and errors of angle follow from the physics. Simplified: the
room is empty apart from a few multipath ghosts, bodies are cylinders, only trunks cast shadows, and the signal is
computed after the two Fourier transforms instead of before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from mission_core.camera.skeleton import Joint
from mission_core.geometry import pitch_rotation, room_to_sensor
from mission_core.radar.profile import SPEED_OF_LIGHT, RadarProfile
from mission_core.sim.people import Person
from mission_core.types import Column, Float32Array, Float64Array, Mount, Points

BOLTZMANN_TEMPERATURE = 1.380649e-23 * 290.0  # [W/Hz]

# Link budget, from the IWR6843 and IWR6843ISK documents where TI gives a figure
TRANSMIT_POWER = 10 ** (12.0 / 10) * 1e-3  # [W], 12 dBm per transmitter
ANTENNA_GAIN = 10 ** (7.0 / 10)  # each way
NOISE_FIGURE = 10 ** (14.0 / 10)
LOSSES = 10 ** (13.0 / 10)  # windows, radome, straddling, imperfect coherence; chosen to give SNRs as seen in practice
BODY_CROSS_SECTION = 0.2  # mean of a man with a girth of 1, seen from ahead [m^2]
HALF_GAIN_AZIMUTH = np.deg2rad(60.0)  # where the two-way gain is 6 dB down
HALF_GAIN_ELEVATION = np.deg2rad(20.0)
SIDE_LOBES = 10 ** (-25.0 / 10)  # two-way gain outside the main lobe

# Virtual array of the ISK: where a transmitter (chirpCfg mask) puts its row of four receivers, to the right and up
# [half wavelengths]. TX1 and TX3 side by side make eight antennas of azimuth, TX2 sits above their middle. A beam of
# several transmitters is taken to come from the first.
TRANSMITTERS = {1: (0, 0), 2: (2, 1), 4: (4, 0)}
AZIMUTH_FFT = 64

NOISE_LEVEL_DB = 55.0  # of an empty cell, on the scale of the firmware's log magnitudes
CFAR_QUANTILE = 0.4  # of a range's Doppler bins taken as its noise; order statistics endure targets many bins wide
CFAR_THRESHOLD_DB = 10.5
CLUTTER_NOTCH = 10 ** (-30.0 / 20)  # amplitude left at zero Doppler by static clutter removal
MAX_POINTS = 300

TRUNK_SHADOW = 0.06  # share of the power that gets around a trunk and back
LIMB_BACK = 0.35  # share of the power of a limb seen end-on


@dataclass(frozen=True, slots=True)
class _Segment:
    """Scatterers along the line between two joints; `radius` names the `Physique` attribute of the flesh around it."""

    parent: Joint
    child: Joint
    count: int
    radius: str
    weight: float
    span: tuple[float, float] = (0.05, 0.95)


def _segments() -> tuple[_Segment, ...]:
    both = [
        _Segment(Joint.PELVIS, Joint.NECK, 8, "torso_depth", 0.30),
        _Segment(Joint.NECK, Joint.HEAD, 4, "head_radius", 0.06, (0.6, 2.2)),
    ]
    for side in ("LEFT", "RIGHT"):
        joint = {name: Joint[f"{name}_{side}"] for name in ("SHOULDER", "ELBOW", "WRIST", "HANDTIP", "HIP", "KNEE")}
        both += [
            _Segment(joint["HIP"], joint["SHOULDER"], 6, "torso_depth", 0.10),
            _Segment(joint["SHOULDER"], joint["ELBOW"], 6, "upper_arm_radius", 0.035),
            _Segment(joint["ELBOW"], joint["WRIST"], 6, "forearm_radius", 0.025),
            _Segment(joint["WRIST"], joint["HANDTIP"], 3, "forearm_radius", 0.012),
            _Segment(joint["HIP"], joint["KNEE"], 8, "thigh_radius", 0.085),
            _Segment(joint["KNEE"], Joint[f"ANKLE_{side}"], 8, "shank_radius", 0.05),
            _Segment(Joint[f"ANKLE_{side}"], Joint[f"FOOT_{side}"], 3, "shank_radius", 0.013),
        ]
    return tuple(both)


SEGMENTS = _segments()
_SEGMENT_OF = np.repeat(np.arange(len(SEGMENTS)), [segment.count for segment in SEGMENTS])
_PARENT = np.array([segment.parent for segment in SEGMENTS])
_CHILD = np.array([segment.child for segment in SEGMENTS])
_FRACTION = np.concatenate([np.linspace(*segment.span, segment.count) for segment in SEGMENTS])
_SHARE = np.concatenate([np.full(segment.count, segment.weight / segment.count) for segment in SEGMENTS])


@dataclass(frozen=True, slots=True, eq=False)
class Scatterers:
    """Scatterers in the sensor frame: position (S, 3) [m], velocity (S, 3) [m/s], mean cross-section (S,) [m^2]."""

    positions: Float64Array
    velocities: Float64Array
    cross_sections: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One frame: detections (N, 6) in the sensor frame, and TLV 5 where the profile's guiMonitor asks for it."""

    points: Points
    range_doppler: NDArray[np.uint16] | None


class RadarSimulator:
    """A radar that watches people.

    Args:
        profile: the configuration it runs.
        mount: how it hangs in the room.
        seed: of noise and fluctuation.
        ghosts: mean number of multipath detections per frame.
    """

    def __init__(self, profile: RadarProfile, mount: Mount, seed: int, *, ghosts: float = 0.5) -> None:
        self.profile = profile
        self.mount = mount
        self._ghosts = ghosts
        self._rng = np.random.default_rng(seed)
        self._array = _virtual_array(profile)
        self._wavelength = SPEED_OF_LIGHT / profile.start_frequency
        listening = profile.num_adc_samples / profile.sample_rate * profile.loops  # [s] per virtual antenna
        noise = BOLTZMANN_TEMPERATURE * NOISE_FIGURE * LOSSES / listening
        # SNR in one virtual antenna of 1 m^2 at 1 m, after both transforms
        self._snr_at_1m = TRANSMIT_POWER * ANTENNA_GAIN**2 * self._wavelength**2 / ((4 * np.pi) ** 3 * noise)
        self._zero_doppler = CLUTTER_NOTCH if _removes_clutter(profile) else 1.0
        flat = np.zeros(profile.num_range_bins * profile.num_doppler_bins, np.uint16)
        self._log_offset = float(profile.range_doppler_map(flat)[0, 0])  # [dB]
        self._log_step = float(profile.range_doppler_map(flat + np.uint16(256))[0, 0] - self._log_offset) / 256

    def frame(self, joints: Float64Array, velocities: Float64Array, people: Sequence[Person]) -> Points:
        """Detections of one frame, see `observe`."""
        return self.observe(joints, velocities, people).points

    def observe(self, joints: Float64Array, velocities: Float64Array, people: Sequence[Person]) -> Observation:
        """One frame of people.

        Args:
            joints: (P, 32, 3) [m], room frame, K4ABT order.
            velocities: (P, 32, 3) [m/s].
            people: the P persons, for their girths.
        """
        return self.observe_scatterers(body_scatterers(joints, velocities, people, self.mount))

    def observe_scatterers(self, scatterers: Scatterers) -> Observation:
        """One frame of arbitrary scatterers in the sensor frame."""
        profile = self.profile
        wants_map = bool(profile.gui_monitor[4])
        rows, spectrum = self._spectrum(scatterers, all_rows=wants_map)
        power = np.square(spectrum.real).mean(axis=-1) + np.square(spectrum.imag).mean(axis=-1)  # (R, D), 1 = noise
        rank = int(CFAR_QUANTILE * profile.num_doppler_bins)
        noise = np.partition(power, rank, axis=1)[:, rank, None] if len(rows) else power[:, :1]
        points = self._with_ghosts(self._detections(rows, spectrum, power, noise))
        return Observation(points, self._range_doppler(power) if wants_map else None)

    def _spectrum(self, scatterers: Scatterers, *, all_rows: bool) -> tuple[NDArray[np.int64], NDArray[np.complex64]]:
        """Range-Doppler spectra of all virtual antennas.

        Rows without an echo are left out unless `all_rows`: averaged over the antennas, noise alone is never detected.

        Returns:
            (R,) range bins and (R, D, A) spectra, Doppler in FFT order; the noise in each antenna has unit power.
        """
        profile, rng = self.profile, self._rng
        distance = np.linalg.norm(scatterers.positions, axis=1)
        unit = scatterers.positions / distance[:, None]
        radial = np.einsum("ij,ij->i", scatterers.velocities, unit)
        snr = self._snr_at_1m * scatterers.cross_sections * _antenna_gain(unit) / distance**4
        count = len(distance)
        fluctuation = (rng.standard_normal(count) + 1j * rng.standard_normal(count)) / np.sqrt(2)
        received = (np.sqrt(snr) * fluctuation)[:, None] * self._steering(unit, radial)  # (S, A)

        bins, range_gain = _spread(
            (distance + profile.range_bias) / profile.range_step, profile.range_resolution / profile.range_step
        )
        columns, doppler_gain = _spread(
            radial / profile.doppler_step, profile.velocity_resolution / profile.doppler_step
        )
        range_gain[(bins < 0) | (bins >= profile.num_range_bins)] = 0.0
        bins = np.clip(bins, 0, profile.num_range_bins - 1)
        rows = np.arange(profile.num_range_bins) if all_rows else np.flatnonzero(np.bincount(bins.ravel()))
        cells = np.searchsorted(rows, bins)[:, :, None] * profile.num_doppler_bins
        cells = cells + (columns % profile.num_doppler_bins)[:, None, :]  # (S, K, L)
        gains = (range_gain[:, :, None] * doppler_gain[:, None, :]).astype(np.float32)
        origin = np.broadcast_to(np.arange(count)[:, None, None], cells.shape)
        shape = (len(rows) * profile.num_doppler_bins, count)
        spread = csr_matrix((gains.ravel(), (cells.ravel(), origin.ravel())), shape=shape)
        echoes = (spread @ received.astype(np.complex64)).reshape(
            len(rows), profile.num_doppler_bins, profile.num_virtual
        )
        echoes[:, 0] *= self._zero_doppler
        noise = rng.standard_normal((*echoes.shape[:2], 2 * echoes.shape[2]), dtype=np.float32).view(np.complex64)
        return rows, echoes + noise * np.float32(np.sqrt(0.5))

    def _steering(self, unit: Float64Array, radial: Float64Array) -> NDArray[np.complex128]:
        """Phase factors of the virtual antennas (S, A) for echoes from directions `unit` (S, 3)."""
        chirp, right, up = self._array
        half_waves = -unit[:, 1:2] * right + unit[:, 2:3] * up
        # the sensor takes out the phase that motion adds between transmitters, for the velocity it sees: aliased
        wraps = np.round(radial / (2 * self.profile.max_velocity))[:, None]
        return np.exp(1j * np.pi * half_waves + 2j * np.pi * wraps * chirp / self.profile.num_tx)

    def _detections(
        self,
        bins: NDArray[np.int64],
        spectrum: NDArray[np.complex64],
        power: Float32Array,
        noise: Float32Array,
    ) -> Points:
        """Cells above the threshold as points (N, 6), strongest first."""
        profile = self.profile
        rows, columns = np.nonzero(power > noise * 10 ** (CFAR_THRESHOLD_DB / 10))
        snr = 10 * np.log10(power[rows, columns] / noise[rows, 0])
        order = np.argsort(snr)[::-1][:MAX_POINTS]
        rows, columns, snr = rows[order], columns[order], snr[order]
        distance = profile.ranges[bins[rows]]
        right, up = _angles(spectrum[rows, columns], self._array)
        forward = 1.0 - right**2 - up**2
        points = np.empty((len(rows), len(Column)), np.float32)
        half = profile.num_doppler_bins // 2
        points[:, Column.X] = distance * np.sqrt(np.maximum(forward, 0.0))
        points[:, Column.Y] = -distance * right
        points[:, Column.Z] = distance * up
        points[:, Column.DOPPLER] = ((columns + half) % profile.num_doppler_bins - half) * profile.doppler_step
        points[:, Column.SNR] = snr
        points[:, Column.NOISE] = NOISE_LEVEL_DB + 10 * np.log10(noise[rows, 0])
        return points[(forward > 0) & (distance > 0)]

    def _with_ghosts(self, points: Points) -> Points:
        """Adds detections that came by way of a wall: longer path, other direction, weaker."""
        rng, profile = self._rng, self.profile
        number = min(int(rng.poisson(self._ghosts)), len(points))
        if number == 0:
            return points
        ghosts = points[rng.choice(len(points), number, replace=False)]
        distance = np.linalg.norm(ghosts[:, :3], axis=1)
        longer = np.round((distance + rng.uniform(0.5, 3.0, number)) / profile.range_step) * profile.range_step
        azimuth, elevation = rng.uniform(-1.0, 1.0, number), rng.uniform(-0.2, 0.2, number)
        ghosts[:, Column.X] = longer * np.cos(elevation) * np.cos(azimuth)
        ghosts[:, Column.Y] = longer * np.cos(elevation) * np.sin(azimuth)
        ghosts[:, Column.Z] = longer * np.sin(elevation)
        ghosts[:, Column.SNR] = np.maximum(ghosts[:, Column.SNR] - rng.uniform(5.0, 15.0, number), CFAR_THRESHOLD_DB)
        inside = longer < (profile.num_range_bins - 1) * profile.range_step
        return np.concatenate((points, ghosts[inside]))

    def _range_doppler(self, power: Float32Array) -> NDArray[np.uint16]:
        """The firmware's log magnitudes, flat, range-major, Doppler in FFT order."""
        level = 10 * np.log10(np.maximum(power, 1e-6)) + NOISE_LEVEL_DB
        steps = np.rint((level - self._log_offset) / self._log_step)
        return np.clip(steps, 0, np.iinfo(np.uint16).max).astype(np.uint16).ravel()


def body_scatterers(
    joints: Float64Array, velocities: Float64Array, people: Sequence[Person], mount: Mount
) -> Scatterers:
    """Scatterers on the sides of people that face the radar.

    A scatterer lies on a segment's surface where the line from the radar to its axis enters. Segments scatter less
    towards their ends-on direction, and a trunk shades what is behind it, of its own body and of others.

    Args:
        joints: (P, 32, 3) [m], room frame.
        velocities: (P, 32, 3) [m/s].
        people: the P persons.
        mount: of the radar in the room.
    """
    if len(people) == 0:
        return Scatterers(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
    joints = room_to_sensor(np.asarray(joints, np.float64), mount)
    velocities = np.asarray(velocities, np.float64) @ pitch_rotation(mount.pitch_deg)
    along = (joints[:, _CHILD] - joints[:, _PARENT])[:, _SEGMENT_OF]  # (P, S, 3)
    axis = joints[:, _PARENT][:, _SEGMENT_OF] + _FRACTION[:, None] * along
    start, end = (velocities[:, ends][:, _SEGMENT_OF] for ends in (_PARENT, _CHILD))
    velocity = start + _FRACTION[:, None] * (end - start)

    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    view = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    across = view - np.einsum("psk,psk->ps", view, along)[..., None] * along
    broadside = np.einsum("psk,psk->ps", across, across)  # squared sine of the aspect
    radius = np.array([[getattr(person.physique, segment.radius) for segment in SEGMENTS] for person in people])
    surface = axis - radius[:, _SEGMENT_OF, None] * across

    size = np.array([(person.girth * person.stature / 1.75) ** 2 for person in people])
    cross_section = BODY_CROSS_SECTION * size[:, None] * _SHARE * (LIMB_BACK + (1 - LIMB_BACK) * broadside)
    cross_section = cross_section * _shadow(surface, joints, people)
    return Scatterers(surface.reshape(-1, 3), velocity.reshape(-1, 3), cross_section.ravel())


def _shadow(surface: Float64Array, joints: Float64Array, people: Sequence[Person]) -> Float64Array:
    """Share of the power (P, S) that reaches scatterers past the trunks between them and the radar."""
    shares = np.ones(surface.shape[:2])
    for i, (body, person) in enumerate(zip(joints, people, strict=True)):
        trunk = (body[Joint.PELVIS] + body[Joint.NECK]) / 2
        distance = np.hypot(trunk[0], trunk[1])
        toward = trunk[:2] / distance
        depth = surface[..., 0] * toward[0] + surface[..., 1] * toward[1]
        lateral = (surface[..., 1] * toward[0] - surface[..., 0] * toward[1]) * distance / np.maximum(depth, 0.1)
        behind = depth > distance + person.physique.torso_depth
        behind[i] &= surface[i, :, 2] > body[Joint.PELVIS, 2]  # its own legs are below
        shade = np.exp(-((lateral / person.physique.torso_width) ** 4))
        shares *= np.where(behind, 1 - (1 - TRUNK_SHADOW) * shade, 1.0)
    return shares


def _antenna_gain(unit: Float64Array) -> Float64Array:
    """Two-way power gain (S,) towards directions (S, 3), relative to the boresight."""
    azimuth, elevation = np.arctan2(unit[:, 1], unit[:, 0]), np.arcsin(np.clip(unit[:, 2], -1, 1))
    exponent = (azimuth / HALF_GAIN_AZIMUTH) ** 2 + (elevation / HALF_GAIN_ELEVATION) ** 2
    return np.maximum(0.25**exponent, SIDE_LOBES) * (np.abs(azimuth) < np.pi / 2)


def _virtual_array(profile: RadarProfile) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Chirp in which each virtual antenna (A,) sends, and its place to the right and up [half wavelengths]."""
    chirp, receiver = np.divmod(np.arange(profile.num_virtual), profile.num_rx)
    order = dict.fromkeys(profile.tx_masks)  # without repetitions
    places = np.array([TRANSMITTERS[mask & -mask] for mask in order], dtype=np.float64)[chirp]
    return chirp.astype(np.float64), places[:, 0] + receiver, places[:, 1] - places[:, 1].min()


def _angles(
    snapshots: NDArray[np.complex64], array: tuple[Float64Array, Float64Array, Float64Array]
) -> tuple[Float64Array, Float64Array]:
    """Direction cosines to the right and up (N,) of cells (N, A), as TI's demo estimates them.

    The azimuth is the peak of a zero-padded FFT over the lower row, the elevation the phase between the two rows in
    that direction. Without an upper row it is 0.
    """
    _, right, up = array
    wave = 2 * np.fft.fftfreq(AZIMUTH_FFT)  # direction cosines of the FFT bins
    columns = right.astype(np.intp)

    def beams(row: NDArray[np.bool_]) -> NDArray[np.complex128]:
        """Sums (N, B) over one row of antennas, each at its place in an array that begins at 0."""
        aperture = np.zeros((len(snapshots), columns.max() + 1), np.complex64)
        aperture[:, columns[row]] = snapshots[:, row]
        return np.fft.fft(aperture, AZIMUTH_FFT, axis=1)

    lower = beams(up == 0)
    peak = np.abs(lower).argmax(axis=1)
    if not up.any():
        return wave[peak], np.zeros(len(peak))
    index = np.arange(len(peak))
    return wave[peak], np.angle(beams(up == 1)[index, peak] * lower[index, peak].conj()) / np.pi


def _spread(bins: Float64Array, ratio: float) -> tuple[NDArray[np.int64], Float64Array]:
    """Bins (S, K) that scatterers at fractional bins (S,) reach through a Hann window, and their amplitudes (S, K).

    Args:
        bins: where the scatterers are [bins].
        ratio: resolution over bin width, > 1 where the transform is zero-padded.
    """
    reach = int(np.ceil(2 * ratio))
    nearby = np.floor(bins).astype(np.int64)[:, None] + np.arange(1 - reach, reach + 1)
    offset = (nearby - bins[:, None]) / ratio
    inside = np.abs(offset) < 2
    # transform of the Hann window, 1 at its peak; the poles at +-1 are removable
    denominator = np.where(np.abs(np.abs(offset) - 1) < 1e-6, 1.0, 1 - offset**2)
    gain = np.where(np.abs(np.abs(offset) - 1) < 1e-6, 0.5, np.sinc(offset) / denominator)
    return nearby, np.where(inside, gain, 0.0)


def _removes_clutter(profile: RadarProfile) -> bool:
    return any(line.split()[0] == "clutterRemoval" and line.split()[-1] == "1" for line in profile.commands)
