"""Plays a file of data-port bytes at the pace at which it was recorded."""

from collections.abc import Iterator
from pathlib import Path

from mission_core.errors import ConfigurationError
from mission_core.radar.layout import AUTO, LAYOUTS, FrameHeader
from mission_core.radar.stream import FrameStream, StreamCounters, read_frames
from mission_core.radar.tlv import CPU_FREQUENCY
from mission_core.types import RadarFrame

COUNTER_PERIOD = 2**32 / CPU_FREQUENCY  # [s]
CHUNK_BYTES = 64 * 1024
DEFAULT_FRAME_PERIOD = 0.1  # [s]


def read_capture(path: Path, stream: FrameStream) -> Iterator[RadarFrame]:
    """Yields the frames of a file of data-port bytes; `stream` counts what is wrong with it.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from read_frames(file, stream, CHUNK_BYTES)
    except OSError as error:
        raise ConfigurationError(f"capture {path} cannot be read: {error.strerror}") from error


class CaptureReader:
    """Iterates over the frames of a capture, each with the time at which it is due. Sleeping is left to the caller.

    The pace is the sensor's own: the cycle counter of the frame headers. Where that says nothing (it stands still, the
    sensor restarted, or it may have wrapped unseen), `frame_period` per frame number counts, up to a turn of the
    counter: a damaged frame number may be years ahead.

    Args:
        path: file of bytes as they came off the data port.
        rate: speed of playing, 2 = twice as fast.
        loop: begin anew at the end, for ever.
        frame_period: of the sensor [s].
        layout: of the frames' headers, see `FrameStream`.

    Raises:
        ConfigurationError: there is no such layout, or `rate` or `frame_period` is not positive.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: float = 1.0,
        loop: bool = False,
        frame_period: float = DEFAULT_FRAME_PERIOD,
        layout: str = AUTO,
    ) -> None:
        if not rate > 0 or not frame_period > 0:
            raise ConfigurationError(f"rate {rate:g}, frame period {frame_period:g} s: expected positive numbers")
        self._path = path
        self._rate = rate
        self._loop = loop
        self._frame_period = frame_period
        self._stream = FrameStream(layout)

    @property
    def counters(self) -> StreamCounters:
        """Totals of what has been read so far."""
        return self._stream.counters

    def __iter__(self) -> Iterator[tuple[RadarFrame, float]]:
        """Yields (frame, seconds after the first frame at which it is due).

        Raises:
            ConfigurationError: the file cannot be read or holds no frame.
        """
        due = 0.0
        previous: FrameHeader | None = None
        while True:
            num_before = self.counters.frames
            for frame in read_capture(self._path, self._stream):
                header = LAYOUTS[frame.layout].header(frame.raw)
                if previous is not None:
                    due += self._elapsed(previous, header) / self._rate
                previous = header
                yield frame, due
            if self.counters.frames == num_before:
                raise ConfigurationError(f"{self._path} holds no radar frame, expected bytes of a radar's data port")
            if not self._loop:
                return

    def _elapsed(self, previous: FrameHeader, current: FrameHeader) -> float:
        """Time between two frames [s]."""
        num_frames = current.frame_number - previous.frame_number
        cycles = (current.cpu_cycles - previous.cpu_cycles) % 2**32
        expected = max(1, num_frames) * self._frame_period
        if num_frames < 1 or cycles == 0 or expected > COUNTER_PERIOD / 2:
            return min(expected, COUNTER_PERIOD)
        return cycles / CPU_FREQUENCY
