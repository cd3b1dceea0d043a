"""Micro-Doppler spectrograms of a slow-time signal: one complex sample per pulse, of a range gate that holds somebody.

The chain of MRA-Net (Remote Sensing 2019, 11, 2584, section 2): what does not move is removed, a short-time Fourier
transform shows how fast the parts of the body move, in decibels. A radar that sends frames over a UART gives no such
signal; see `mission_core.radar.doppler` for what there is of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from mission_core.errors import ConfigurationError
from mission_core.types import Float32Array

SPEED_OF_LIGHT = 299_792_458.0  # [m/s]
FLOOR_DB = -120.0
"""Of what is shown, below the strongest echo [dB]: where there is nothing at all."""
CLUTTER_ORDER = 4


@dataclass(frozen=True)
class SpectrogramSettings:
    """How a spectrogram is made.

    Attributes:
        carrier: frequency [Hz].
        prf: pulses per second [Hz].
        interval: of coherent processing, the length of the Fourier transform's window [s].
        hop: between columns [s].
        num_bins: velocities; more than the interval has pulses are interpolated.
        clutter_speed: what moves slower, up or down, is removed [m/s]; 0 removes nothing.
    """

    carrier: float = 4.23e9
    prf: float = 290.0
    interval: float = 0.2
    hop: float = 0.005
    num_bins: int = 256
    clutter_speed: float = 0.15

    def __post_init__(self) -> None:
        if min(self.carrier, self.prf, self.hop) <= 0 or self.window_pulses < 2:
            raise ConfigurationError(
                f"carrier {self.carrier:g} Hz, prf {self.prf:g} Hz, interval {self.interval:g} s, hop {self.hop:g} s: "
                "expected positive numbers, and an interval of two pulses or more"
            )
        if self.num_bins < self.window_pulses:
            raise ConfigurationError(
                f"num_bins is {self.num_bins}, expected at least the {self.window_pulses} pulses of an interval"
            )
        if not 0 <= self.clutter_speed < self.fastest:
            raise ConfigurationError(
                f"clutter_speed is {self.clutter_speed:g} m/s, expected 0 to less than {self.fastest:.2f} m/s"
            )

    @property
    def fastest(self) -> float:
        """Velocity beyond which others appear [m/s]."""
        return SPEED_OF_LIGHT * self.prf / (4.0 * self.carrier)

    @property
    def window_pulses(self) -> int:
        """Pulses of an interval."""
        return round(self.interval * self.prf)

    @property
    def velocities(self) -> Float32Array:
        """(num_bins,) centres of the rows [m/s], ascending, positive = away."""
        bins = np.arange(self.num_bins) - self.num_bins // 2
        return (bins * (2.0 * self.fastest / self.num_bins)).astype(np.float32)


def spectrogram(slow_time: NDArray[np.complex64], settings: SpectrogramSettings) -> Float32Array:
    """Power over velocity and time.

    Only windows that the signal fills count, so that the first column is centred half an interval after the first
    pulse, and the last one half an interval or less than a hop more before the last.

    Args:
        slow_time: (P,) echo, pulse after pulse; a positive Doppler frequency belongs to what moves away.
        settings: see there.

    Returns:
        (num_bins, T) [dB] relative to the strongest value, rows as `SpectrogramSettings.velocities`; not below
        FLOOR_DB.

    Raises:
        ConfigurationError: the signal is not one of (P,) samples, is shorter than an interval, or is not finite.
    """
    length = settings.window_pulses
    if slow_time.ndim != 1 or len(slow_time) < length:
        raise ConfigurationError(
            f"slow-time signal of shape {slow_time.shape}: expected {length} samples or more, an interval of "
            f"{settings.interval:g} s at {settings.prf:g} Hz"
        )
    if not np.isfinite(slow_time).all():
        raise ConfigurationError("the slow-time signal has samples that are not finite: record it again, or cut it")
    transform = signal.ShortTimeFFT(
        signal.windows.hann(length, sym=False),
        max(round(settings.hop * settings.prf), 1),
        settings.prf,
        fft_mode="centered",
        mfft=settings.num_bins,
    )
    first, end = transform.lower_border_end[1], transform.upper_border_begin(len(slow_time))[1]
    power = np.abs(transform.stft(without_clutter(slow_time, settings), first, max(end, first + 1))) ** 2
    strongest = power.max()
    least = 10.0 ** (FLOOR_DB / 10.0)
    relative = np.maximum(power / strongest, least) if strongest > 0 else np.full_like(power, least)
    return (10.0 * np.log10(relative)).astype(np.float32)


def without_clutter(slow_time: NDArray[np.complex64], settings: SpectrogramSettings) -> NDArray[np.complex128]:
    """Moving target indication: the signal (P,) without what is slower than `clutter_speed`.

    A Butterworth high-pass, forwards and backwards so that nothing is delayed. The paper names the step and no filter.
    """
    samples = slow_time.astype(np.complex128)
    if settings.clutter_speed == 0:
        return samples
    share = settings.clutter_speed / settings.fastest  # of the highest frequency
    sections = signal.butter(CLUTTER_ORDER, share, "highpass", output="sos")
    filtered: NDArray[np.complex128] = signal.sosfiltfilt(sections, samples - samples.mean(), padtype=None)
    return filtered
