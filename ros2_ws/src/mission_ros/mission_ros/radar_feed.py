"""Where radar_driver gets its frames from: a live radar, or a capture of its data port. Knows no ROS."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from mission_core.errors import ConfigurationError, RadarError
from mission_core.radar.capture import CaptureReader
from mission_core.radar.device import RadarDevice
from mission_core.radar.layout import AUTO
from mission_core.radar.profile import BITS_PER_BYTE, RadarProfile
from mission_core.radar.stream import FrameStream, StreamCounters
from mission_core.types import RadarFrame
from mission_ros.feed import Feed

Deliver = Callable[[RadarFrame, int], None]
"""Takes a frame and its measurement time [ns]."""

_SILENCE = 0.5  # [s] without a byte, beyond two frame periods, after which something is wrong
_RESTART_AFTER = 10.0  # [s] of silence after which the radar is configured again: it may have been reset
_READ_TIMEOUT = 0.1  # [s] longest time until `stop` is noticed
_BACK_OFF = (0.5, 1.0)  # [s] shortest and longest wait between attempts to open a radar again


class RadarFeed(Feed, Protocol):
    """Source of radar frames; delivers them with their measurement time."""

    def counters(self) -> dict[str, object]:
        """What happened so far, for diagnostics."""


class LiveFeed:
    """A radar on its ports. Goes on after a pulled cable: opens and configures the radar again when it is back."""

    def __init__(
        self,
        device: RadarDevice,
        profile: RadarProfile,
        data_baudrate: int,
        now_ns: Callable[[], int],
        tell_problem: Callable[[], None],
        layout: str = AUTO,
    ) -> None:
        """`now_ns` tells the time [ns]; `tell_problem` is called at once when `problem` arises."""
        self.problem = ""
        self.reopened = 0
        self._streaming = False
        self._device = device
        self._profile = profile
        self._now_ns = now_ns
        self._tell_problem = tell_problem
        self._ns_per_byte = BITS_PER_BYTE * 1_000_000_000 / data_baudrate
        self._frame_period_ns = profile.frame_period * 1e9
        self._stream = FrameStream(layout)
        self._last_ns = 0

    def open(self) -> None:
        """Opens the ports, configures the radar and starts it."""
        self._device.open()
        self._device.configure(self._profile)
        self._streaming = True

    def close(self) -> None:
        """Stops the radar, where it still listens, and closes the ports."""
        if self._streaming:
            try:
                self._device.stop()
            except RadarError as error:
                self.problem = str(error)
        self._release()

    def run(self, deliver: Deliver, stop: threading.Event) -> None:
        """Delivers frames as they come."""
        while not stop.is_set():
            try:
                self._stream_until_gone(deliver, stop)
            except RadarError as error:
                self._release()
                self._fail(str(error))
                self._reopen(stop)

    def counters(self) -> dict[str, object]:
        """Counters of the byte stream, and how often the radar came back."""
        return _flat(self._stream.counters) | {"reopened": self.reopened}

    def _fail(self, problem: str) -> None:
        is_new = problem != self.problem
        self.problem = problem
        if is_new:
            self._tell_problem()

    def _release(self) -> None:
        self._streaming = False
        self._device.close()

    def _stream_until_gone(self, deliver: Deliver, stop: threading.Event) -> None:
        self._drain()
        heard = time.monotonic()
        while not stop.is_set():
            data = self._device.read(_READ_TIMEOUT)
            silence = time.monotonic() - heard
            if data:
                heard += silence
            elif silence > _RESTART_AFTER:
                self._device.configure(self._profile)
                heard += silence
            elif silence > _SILENCE + 2 * self._profile.frame_period:
                self._fail("the radar has fallen silent; was it reset, or lost power?")
            for frame, stamp_ns in self._stamped(data):
                self.problem = ""
                deliver(frame, stamp_ns)

    def _drain(self) -> None:
        """Forgets what arrived while nobody read: nothing tells when that was measured."""
        while self._device.read(0.0):
            pass
        self._stream.finish()

    def _stamped(self, data: bytes) -> Iterator[tuple[RadarFrame, int]]:
        """Frames that these bytes complete, each with the time when its first byte left the radar [ns].

        The last byte of `data` has just arrived; a frame is older by the time that it and all bytes after it took.
        """
        now_ns = self._now_ns()
        frames = self._stream.feed(data)
        bytes_since = accumulate((len(frame.raw) for frame in reversed(frames)), initial=self._stream.num_pending)
        ages = [round(count * self._ns_per_byte) for count in bytes_since][:0:-1]
        for frame, age in zip(frames, ages, strict=True):
            stamp_ns = now_ns - age
            if 0 <= self._last_ns - stamp_ns < self._frame_period_ns:  # jitter of reading; a clock set back is more
                stamp_ns = self._last_ns + 1
            self._last_ns = stamp_ns
            yield frame, stamp_ns

    def _reopen(self, stop: threading.Event) -> None:
        wait, longest = _BACK_OFF
        while not stop.wait(wait):
            try:
                self.open()
            except RadarError as error:
                self.problem = str(error)
                self._release()
                wait = min(2 * wait, longest)
            else:
                self.reopened += 1
                return


class CaptureFeed:
    """A capture of a data port, at the rate at which it was taken."""

    def __init__(self, path: Path, rate: float, loop: bool, now_ns: Callable[[], int], layout: str = AUTO) -> None:
        self.problem = ""
        self._path = path
        self._rate = rate
        self._loop = loop
        self._layout = layout
        self._now_ns = now_ns
        self._reader: CaptureReader | None = None

    def open(self) -> None:
        """Looks whether the file is there."""
        if not self._path.is_file():
            raise ConfigurationError(
                f"capture_file {str(self._path)!r} does not exist: name a capture of the data port"
            )
        self._reader = CaptureReader(self._path, rate=self._rate, loop=self._loop, layout=self._layout)

    def close(self) -> None:
        """Nothing stays open."""
        self._reader = None

    def run(self, deliver: Deliver, stop: threading.Event) -> None:
        """Delivers each frame when it is due; a slow consumer delays the rest rather than losing frames."""
        assert self._reader is not None
        start_ns = self._now_ns()
        try:
            for frame, due in self._reader:
                due_ns = start_ns + round(due * 1e9)
                if stop.wait(max(0.0, (due_ns - self._now_ns()) * 1e-9)):
                    return
                deliver(frame, due_ns)
        except ConfigurationError as error:
            self.problem = str(error)
        else:
            self.problem = f"the capture {self._path.name} has been played to its end"

    def counters(self) -> dict[str, object]:
        """Counters of the byte stream."""
        return {} if self._reader is None else _flat(self._reader.counters)


def sensor_health(frame: RadarFrame) -> dict[str, object]:
    """What a frame tells of the sensor itself, for diagnostics: its layout, and what its processor reports."""
    values: dict[str, object] = {"layout": frame.layout}
    if stats := frame.contents.get("stats"):
        values |= {"active_frame_load_percent": stats.active_frame_load, "frame_margin_us": stats.inter_frame_margin_us}
    temperatures = frame.contents.get("temperatures")
    if temperatures and temperatures.valid:
        celsius = (*temperatures.receivers, *temperatures.transmitters, temperatures.power, *temperatures.digital)
        values["temperature_celsius"] = max(celsius)
    return values


def _flat(counters: StreamCounters) -> dict[str, object]:
    values = asdict(counters)
    errors = values.pop("errors")
    return values | {f"error_{kind}": count for kind, count in errors.items()}
