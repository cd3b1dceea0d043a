"""What a radar configuration (.cfg) means: ranges, velocities, timing and bytes per frame.

Follows the firmware's arithmetic (rfparser.c of the SDK 3.x demo): bins are powers of two, velocities refer to the
start frequency, and the bandwidth that counts is swept while the ADC samples, not over the whole ramp.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.radar.tlv import HEADER_BYTES, POINT_BYTES, SIDE_INFO_BYTES, TLV_HEADER_BYTES, padded
from mission_core.types import Float32Array

SPEED_OF_LIGHT = 299_792_458.0  # [m/s]
MAX_FREQUENCY_GHZ = 64.0  # of the IWR6843
MAX_CHIRP = 511
MIN_DOPPLER_BINS = 16  # of the xWR68xx demo since SDK 3.2 (MMWSDK-1565)
ELEVATION_TX = 2  # chirpCfg mask of the antenna that is not in the azimuth array of the IWR6843ISK
BITS_PER_BYTE = 10  # on the UART, 8N1: one start and one stop bit

_USAGE = {
    "channelCfg": "rxMask txMask cascading",
    "profileCfg": "id startGHz idle_us adcStart_us rampEnd_us txPower txPhase slope_MHz/us txStart_us "
    "numAdcSamples sampleRate_ksps hpf1 hpf2 rxGain_dB",
    "chirpCfg": "first last profile startOffset slopeOffset idleOffset adcStartOffset txMask",
    "frameCfg": "firstChirp lastChirp loops numFrames period_ms trigger delay_ms",
    "advFrameCfg": "numSubFrames forceProfile numFrames trigger delay_ms",
    "subFrameCfg": "subFrame forceProfile firstChirp numChirps loops burstPeriod_ms chirpOffset numBursts burstLoops "
    "period_ms",
    "guiMonitor": "subFrame objects rangeProfile noiseProfile azimuthHeatMap rangeDopplerHeatMap stats",
    "compRangeBiasAndRxChanPhase": "rangeBias_m and a complex phase for each virtual antenna",
}
_BRACKET = frozenset({"sensorStop", "flushCfg", "sensorStart"})
FOLLOWS_PEOPLE = "trackingCfg"
"""Command of firmware that follows people itself; it sends other blocks than the out-of-box demo."""
_FOLLOWED = 5  # people, for an estimate of what such firmware sends
_UNITS_BYTES, _COMPRESSED_BYTES, _TARGET_BYTES, _INDEX_BYTES, _HEIGHT_BYTES = 20, 8, 112, 1, 12


@dataclass(frozen=True)
class RadarProfile:
    """A configuration of the radar and the quantities that follow from it.

    Attributes:
        name: for messages to people, the file name as a rule.
        commands: lines to send, from `sensorStop`, `flushCfg` to `sensorStart`.
        start_frequency: of the chirp [Hz].
        slope: of the chirp [Hz/s].
        chirp_period: from chirp to chirp, idle time included [s].
        adc_start: when the ADC begins to sample, after the start of the ramp [s].
        sample_rate: of the ADC, complex samples [Hz].
        num_adc_samples: per chirp.
        num_rx: receiving antennas.
        tx_masks: transmitters of each chirp of a loop, in order; 1, 4 are azimuth, 2 elevation on the IWR6843ISK.
        loops: chirps of each transmitter per frame.
        frame_period: [s].
        gui_monitor: what the radar sends: objects (0 nothing, 1 points and side information, 2 points), range profile,
            noise profile, azimuth heat map, range-Doppler heat map, statistics.
        range_bias: subtracted from ranges [m].
        monitor_place: where in the file `gui_monitor` was read, for messages to people.
        more_sub_frames: profiles of the second sub-frame and those after it; all repeat once a `frame_period`, and each
            sends frames of its own.
    """

    name: str
    commands: tuple[str, ...]
    start_frequency: float
    slope: float
    chirp_period: float
    adc_start: float
    sample_rate: float
    num_adc_samples: int
    num_rx: int
    tx_masks: tuple[int, ...]
    loops: int
    frame_period: float
    gui_monitor: tuple[int, ...]
    range_bias: float = 0.0
    monitor_place: str = ""
    more_sub_frames: "tuple[RadarProfile, ...]" = ()

    @property
    def follows_people(self) -> bool:
        """Whether it is for firmware that follows people itself."""
        return any(command.split()[0] == FOLLOWS_PEOPLE for command in self.commands)

    def sub_frame(self, number: int) -> "RadarProfile":
        """What holds for the frames of a sub-frame.

        Raises:
            ConfigurationError: there is none of that number: the radar runs another profile.
        """
        sub_frames = (self, *self.more_sub_frames)
        if not 0 <= number < len(sub_frames):
            raise ConfigurationError(
                f"{self.name}: a frame of sub-frame {number} came in, expected 0 to {len(sub_frames) - 1}; the radar "
                "runs another profile than the one loaded"
            )
        return sub_frames[number]

    @property
    def num_tx(self) -> int:
        """Transmitters that take turns; several in one chirp form one beam (MMWSDK-507)."""
        return len(set(self.tx_masks))

    @property
    def num_virtual(self) -> int:
        """Virtual antennas."""
        return self.num_tx * self.num_rx

    @property
    def bandwidth(self) -> float:
        """Swept while the ADC samples [Hz]."""
        return self.slope * self.num_adc_samples / self.sample_rate

    @property
    def centre_frequency(self) -> float:
        """In the middle of what the ADC samples [Hz]; it sets Doppler shifts, `start_frequency` the firmware's axes."""
        return self.start_frequency + self.slope * self.adc_start + self.bandwidth / 2.0

    @property
    def range_resolution(self) -> float:
        """Distance at which two targets separate [m]."""
        return SPEED_OF_LIGHT / (2.0 * self.bandwidth)

    @property
    def max_range(self) -> float:
        """Range at which the beat frequency reaches the sample rate [m]; TI's visualizer shows 80 % of it."""
        return SPEED_OF_LIGHT * self.sample_rate / (2.0 * self.slope)

    @property
    def range_step(self) -> float:
        """Distance between range bins [m]."""
        return self.max_range / _power_of_two(self.num_adc_samples)

    @property
    def num_range_bins(self) -> int:
        """Range bins; the firmware drops two of 1024 with twelve virtual antennas (MMWSDK-1627)."""
        bins = _power_of_two(self.num_adc_samples)
        return 1022 if bins == 1024 and self.num_virtual == 12 else bins

    @property
    def max_velocity(self) -> float:
        """Radial velocity beyond which Doppler is ambiguous, +- [m/s]."""
        return SPEED_OF_LIGHT / (4.0 * self.start_frequency * self.chirp_period * self.num_tx)

    @property
    def velocity_resolution(self) -> float:
        """Difference at which two velocities separate [m/s]."""
        return 2.0 * self.max_velocity / self.loops

    @property
    def num_doppler_bins(self) -> int:
        """Doppler bins."""
        return max(MIN_DOPPLER_BINS, _power_of_two(self.loops))

    @property
    def doppler_step(self) -> float:
        """Velocity between Doppler bins [m/s]."""
        return 2.0 * self.max_velocity / self.num_doppler_bins

    @property
    def ranges(self) -> Float32Array:
        """(num_range_bins,) centre of each range bin [m]."""
        centres = np.arange(self.num_range_bins) * self.range_step - self.range_bias
        return np.maximum(centres, 0.0).astype(np.float32)

    @property
    def velocities(self) -> Float32Array:
        """(num_doppler_bins,) centre of each Doppler bin, ascending from -max_velocity, positive = away [m/s]."""
        half = self.num_doppler_bins // 2
        return (np.arange(-half, half) * self.doppler_step).astype(np.float32)

    def range_doppler_map(self, flat: NDArray[np.uint16]) -> Float32Array:
        """Gives TLV 5 axes and a unit.

        The values are log2 magnitudes, scaled as TI's visualizer 3.6 does for SDK >= 3.2 on the xWR68xx.

        Args:
            flat: (R * D,) as sent, range-major, Doppler in FFT order. D is taken from its size where the firmware
                uses another number of Doppler bins than the profile suggests; `velocities` then has another spacing.

        Returns:
            (R, D) power relative to full scale [dB], rows as in `ranges`, columns by ascending velocity.

        Raises:
            ConfigurationError: the size is no multiple of `num_range_bins`: the radar runs another profile.
        """
        num_doppler_bins, rest = divmod(flat.size, self.num_range_bins)
        if rest or not num_doppler_bins:
            raise ConfigurationError(
                f"{self.name}: heat map has {flat.size} bins, expected {self.num_range_bins} x "
                f"{self.num_doppler_bins}; the radar runs another profile than the one loaded"
            )
        growth = 2.0 ** math.ceil(math.log2(self.num_virtual)) / self.num_virtual
        decibel_per_step = np.float32(growth / 256.0 * 20.0 * math.log10(2.0))
        fft_gain = np.float32(20.0 * math.log10(32.0 / self.num_range_bins * 16.0 / num_doppler_bins))
        magnitudes = np.fft.fftshift(flat.reshape(self.num_range_bins, num_doppler_bins), axes=1)
        return magnitudes * decibel_per_step + fft_gain

    def bytes_per_frame(self, num_points: int) -> int:
        """Length of a frame with `num_points` detections; statistics include TLV 9 (36 bytes) of SDK >= 3.4.

        Of firmware that follows people, with five of them.
        """
        if self.follows_people:
            people = _FOLLOWED * (_TARGET_BYTES + _HEIGHT_BYTES)
            points = (_COMPRESSED_BYTES + _INDEX_BYTES) * num_points
            return padded(HEADER_BYTES + 4 * TLV_HEADER_BYTES + _UNITS_BYTES + points + people)
        objects, range_profile, noise_profile, azimuth, range_doppler, stats = self.gui_monitor
        azimuth_antennas = len(set(self.tx_masks) - {ELEVATION_TX}) * self.num_rx
        profile_bytes = TLV_HEADER_BYTES + 2 * self.num_range_bins
        num_bytes = HEADER_BYTES
        num_bytes += (TLV_HEADER_BYTES + POINT_BYTES * num_points) if objects else 0
        num_bytes += (TLV_HEADER_BYTES + SIDE_INFO_BYTES * num_points) if objects == 1 and num_points else 0
        num_bytes += profile_bytes * (bool(range_profile) + bool(noise_profile))
        num_bytes += (TLV_HEADER_BYTES + 4 * self.num_range_bins * azimuth_antennas) if azimuth else 0
        num_bytes += (TLV_HEADER_BYTES + 2 * self.num_range_bins * self.num_doppler_bins) if range_doppler else 0
        num_bytes += (2 * TLV_HEADER_BYTES + 24 + 28) if stats else 0
        return padded(num_bytes)

    def uart_load(self, num_points: int, baudrate: int) -> float:
        """Share of the frame period that the data port needs to send a frame; beyond 1 the radar cannot keep up.

        Sub-frames have `num_points` each.
        """
        num_bytes = sum(each.bytes_per_frame(num_points) for each in (self, *self.more_sub_frames))
        return num_bytes * BITS_PER_BYTE / baudrate / self.frame_period


@dataclass(frozen=True)
class _Line:
    """One command of a configuration file and where it stands."""

    where: str
    words: tuple[str, ...]

    def numbers(self) -> tuple[float, ...]:
        command, *arguments = self.words
        usage = _USAGE[command]
        expected = 1 if command == "compRangeBiasAndRxChanPhase" else len(usage.split())
        if len(arguments) < expected:
            raise ConfigurationError(
                f"{self.where}: {command} has {len(arguments)} arguments, expected {expected}: {command} {usage}"
            )
        try:
            numbers = tuple(map(float, arguments))
        except ValueError:
            numbers = (math.nan,)
        if not all(map(math.isfinite, numbers)):
            raise ConfigurationError(f"{self.where}: '{' '.join(self.words)}', expected numbers: {command} {usage}")
        return numbers

    def check(self, fulfilled: bool, expected: str) -> None:
        if not fulfilled:
            raise ConfigurationError(f"{self.where}: '{' '.join(self.words)}', expected {expected}")


def load_profile(path: Path) -> RadarProfile:
    """Reads a .cfg file.

    Raises:
        ConfigurationError: it cannot be read, or as `parse_profile`.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")  # comments come in any encoding
    except OSError as error:
        raise ConfigurationError(f"radar profile {path} cannot be read: {error.strerror}") from error
    return parse_profile(text, path.name)


def parse_profile(text: str, name: str) -> RadarProfile:
    """Reads a configuration of the SDK 3.x demo: one command a line, `%` comments, any blanks and line ends.

    Args:
        text: of the .cfg file.
        name: told in errors.

    Raises:
        ConfigurationError: a command that the derived quantities need is absent or wrong; names line and expectation.
    """
    stripped = (line.split("%")[0].split() for line in text.splitlines())
    lines = [_Line(f"{name}, line {number}", tuple(words)) for number, words in enumerate(stripped, 1) if words]

    channel_line = _only(lines, "channelCfg", name)
    rx_mask, tx_mask, *_ = channel_line.numbers()
    channel_line.check(1 <= rx_mask <= 15 and 1 <= tx_mask <= 7, "masks of receivers 1 to 15, of transmitters 1 to 7")
    bias_lines = [line for line in lines if line.words[0] == "compRangeBiasAndRxChanPhase"]
    chirps = _chirps(lines, round(tx_mask))
    frames = _frames(lines, name)
    sub_frames = []
    for number, frame in enumerate(frames):
        profile_id, tx_masks = _frame_chirps(frame, chirps)
        profile_line = _profile_line(lines, profile_id, name)
        _, start, idle, adc_start, ramp_end, _, _, slope, _, samples, rate, *_ = profile_line.numbers()
        chirp_period = (idle + ramp_end) * 1e-6
        active_ms = len(tx_masks) * frame.loops * chirp_period * 1e3
        frame.line.check(active_ms < frame.period_ms, f"a period longer than its chirps, which take {active_ms:.1f} ms")
        monitor, place = _gui_monitor(lines, number, name)
        sub_frames.append(
            RadarProfile(
                name=name,
                commands=_commands(lines),
                start_frequency=start * 1e9,
                slope=slope * 1e12,
                chirp_period=chirp_period,
                adc_start=adc_start * 1e-6,
                sample_rate=rate * 1e3,
                num_adc_samples=round(samples),
                num_rx=round(rx_mask).bit_count(),
                tx_masks=tx_masks,
                loops=frame.loops * len(tx_masks) // len(set(tx_masks)),
                frame_period=sum(each.period_ms for each in frames) * 1e-3,
                gui_monitor=monitor,
                range_bias=bias_lines[-1].numbers()[0] if bias_lines else 0.0,
                monitor_place=place,
            )
        )
    return replace(sub_frames[0], more_sub_frames=tuple(sub_frames[1:]))


@dataclass(frozen=True)
class _Frame:
    """A frame, or a sub-frame of an advanced one: indices of its first and last chirp, how often they are sent."""

    line: _Line
    first: float
    last: float
    loops: int
    period_ms: float


def _frames(lines: Sequence[_Line], name: str) -> list[_Frame]:
    """The frame, or the sub-frames in their order."""
    advanced = [line for line in lines if line.words[0] == "advFrameCfg"]
    if not advanced:
        line = _only(lines, "frameCfg", name)
        first, last, loops, _, period, *_ = line.numbers()
        frames = [_Frame(line, first, last, round(loops), period)]
    else:
        frames = []
        for number in range(round(_only(lines, "advFrameCfg", name).numbers()[0])):
            line = _of_sub_frame(lines, "subFrameCfg", number, name)
            _, _, first, count, loops, _, _, bursts, burst_loops, period = line.numbers()[:10]
            line.check(bursts == 1 and burst_loops == 1, "one burst, as the demo does")
            frames.append(_Frame(line, first, first + count - 1, round(loops), period))
        advanced[0].check(len(frames) >= 1, "at least one sub-frame")
    for frame in frames:
        frame.line.check(frame.loops >= 1 and frame.period_ms > 0, "at least one loop and a positive period")
    return frames


def _gui_monitor(lines: Sequence[_Line], number: int, name: str) -> tuple[tuple[int, ...], str]:
    """What the frames of a sub-frame hold, and where that stands; firmware that follows people needs no such line."""
    if not any(line.words[0] == "guiMonitor" for line in lines) and any(
        line.words[0] == FOLLOWS_PEOPLE for line in lines
    ):
        return (0,) * 6, name
    line = _of_sub_frame(lines, "guiMonitor", number, name)
    return tuple(round(flag) for flag in line.numbers()[1:7]), line.where


def _of_sub_frame(lines: Sequence[_Line], command: str, number: int, name: str) -> _Line:
    """The line of a command whose first argument is a sub-frame, or -1 for all of them."""
    for_all = [line for line in lines if line.words[0] != command or round(line.numbers()[0]) in (-1, number)]
    return _only(for_all, command, name)


def _only(lines: Sequence[_Line], command: str, name: str) -> _Line:
    found = [line for line in lines if line.words[0] == command]
    if not found:
        raise ConfigurationError(f"{name}: no {command}, expected one line: {command} {_USAGE[command]}")
    if len(found) > 1:
        raise ConfigurationError(f"{found[1].where}: a second {command}, expected one")
    return found[0]


def _chirps(lines: Sequence[_Line], enabled: int) -> dict[int, tuple[int, int]]:
    """Profile id and mask of the transmitters in use, of those `enabled`, by chirp index."""
    chirps = {}
    for line in lines:
        if line.words[0] == "chirpCfg":
            first, last, profile_id, *_, mask = line.numbers()[:8]
            line.check(0 <= first <= last <= MAX_CHIRP, f"chirps 0 to {MAX_CHIRP}, ascending")
            chirp = round(profile_id), round(mask) & enabled
            chirps.update(dict.fromkeys(range(round(first), round(last) + 1), chirp))
    return chirps


def _frame_chirps(frame: _Frame, chirps: dict[int, tuple[int, int]]) -> tuple[int, tuple[int, ...]]:
    """Profile id and the transmitter mask of each chirp of one loop."""
    frame_line, first, last = frame.line, frame.first, frame.last
    frame_line.check(0 <= first <= last <= MAX_CHIRP, f"chirps 0 to {MAX_CHIRP}, ascending")
    indices = range(round(first), round(last) + 1)
    frame_line.check(all(index in chirps for index in indices), f"a chirpCfg for each chirp, found {sorted(chirps)}")
    profile_ids = {chirps[index][0] for index in indices}
    frame_line.check(len(profile_ids) == 1, f"chirps of one profile, found profiles {sorted(profile_ids)}")
    masks = tuple(chirps[index][1] for index in indices)
    frame_line.check(0 not in masks, f"a transmitter that channelCfg enables in each chirp, found masks {masks}")
    balanced = len({masks.count(mask) for mask in masks}) == 1
    frame_line.check(balanced, f"equally many chirps of each transmitter, found masks {masks}")
    return profile_ids.pop(), masks


def _profile_line(lines: Sequence[_Line], profile_id: int, name: str) -> _Line:
    """The profileCfg in use; the firmware answers a bare "Error -1" to one that the checks here refuse."""
    for line in lines:
        if line.words[0] == "profileCfg" and round(line.numbers()[0]) == profile_id:
            _, start, idle, adc_start, ramp_end, _, _, slope, _, samples, rate, *_ = line.numbers()
            line.check(min(start, ramp_end, slope, samples, rate) > 0 and idle >= 0, "positive quantities")
            end_ghz = start + slope * ramp_end * 1e-3
            line.check(end_ghz <= MAX_FREQUENCY_GHZ, f"a ramp up to {MAX_FREQUENCY_GHZ:g} GHz, not {end_ghz:.3f}")
            adc_end = adc_start + samples / rate * 1e3
            line.check(adc_end <= ramp_end, f"samples within the ramp of {ramp_end:g} us, not up to {adc_end:.2f}")
            return line
    raise ConfigurationError(f"{name}: no profileCfg {profile_id}, expected one: profileCfg {_USAGE['profileCfg']}")


def _commands(lines: Sequence[_Line]) -> tuple[str, ...]:
    """The file's commands between a stop and a start, whatever of these it contains itself."""
    body = (" ".join(line.words) for line in lines if line.words[0] not in _BRACKET)
    return ("sensorStop", "flushCfg", *body, "sensorStart")


def _power_of_two(number: int) -> int:
    """The smallest power of two that is not less than `number`."""
    return 1 << (number - 1).bit_length()
