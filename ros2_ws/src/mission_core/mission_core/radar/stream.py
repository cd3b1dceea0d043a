"""Cuts the radar's byte stream into frames and finds the way back after damage.

Frames are chained by the length in their header; the magic word is searched for only where the chain is broken,
because payload and padding may contain it by chance. The format has no checksum, so damage shows in three ways:

- header or TLVs do not add up: the search goes on right behind the frame's magic word, in what is already here, so
  that a wrong length costs one frame;
- bytes went missing: the frame then reaches into the next one. The header of a *later* frame of the same sensor inside
  a frame proves it (stale memory may hold old headers, never future ones), and reading goes on there;
- the chain ends at something that is no header.

What comes out depends on the bytes alone, never on how they were cut into chunks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mission_core.errors import FrameError, FrameErrorKind
from mission_core.radar.tlv import HEADER_BYTES, MAGIC, FrameHeader, decode_frame, decode_header
from mission_core.types import RadarFrame

LARGEST_GAP = 10_000
"""Frames that may be lost in a row, a quarter of an hour."""


@dataclass(slots=True)
class StreamCounters:
    """What a `FrameStream` has seen so far.

    Attributes:
        frames: delivered.
        resyncs: frames that were found only after skipping bytes.
        bytes_dropped: bytes that belong to no delivered frame.
        lost_frames: missing frame numbers, whether never received or damaged. A number that goes back, or on by more
            than `LARGEST_GAP`, is a restart of the sensor or itself damaged and loses nothing.
        nonfinite_points: detections dropped from delivered frames.
        errors: damage by `FrameError.kind`; kinds that did not occur are absent.
    """

    frames: int = 0
    resyncs: int = 0
    bytes_dropped: int = 0
    lost_frames: int = 0
    nonfinite_points: int = 0
    errors: dict[str, int] = field(default_factory=dict)


class FrameStream:
    """Turns chunks of bytes, of any size, into frames. Never raises on content.

    A frame is delivered by the call that brings its last byte; only when its last bytes look like the beginning of
    another frame's header are those waited for. The buffer holds at most one frame (64 KiB) and a header beyond what
    the last call brought.

    Attributes:
        counters: totals since construction.
    """

    def __init__(self) -> None:
        self.counters = StreamCounters()
        self._buffer = bytearray()
        self._start = 0  # of the current frame in the buffer
        self._searched = 0  # the current frame holds no later header that begins before this
        self._in_step = False  # a frame ended at `_start`, a header is due
        self._skipped = False  # bytes were dropped since the last frame
        self._last: FrameHeader | None = None  # of the last frame delivered

    @property
    def num_pending(self) -> int:
        """Bytes that are kept until the rest of their frame comes."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[RadarFrame]:
        """Takes the next bytes, returns the frames that are complete now, oldest first."""
        self._buffer += data
        return self._take(final=False)

    def finish(self) -> list[RadarFrame]:
        """Declares the end of the stream and returns the frames that the remaining bytes still hold.

        A frame cut off by the end counts as "truncated". What is fed afterwards is another stream; the counters go on.
        """
        frames = self._take(final=True)
        self._last, self._skipped = None, False
        return frames

    def _take(self, *, final: bool) -> list[RadarFrame]:
        frames = list(self._frames(final))
        del self._buffer[: self._start]
        self._searched -= self._start
        self._start = 0
        return frames

    def _frames(self, final: bool) -> Iterator[RadarFrame]:
        """Consumes the buffer until more bytes are needed; with `final` none will come."""
        while self._hunt() and (final or len(self._buffer) >= self._start + HEADER_BYTES):
            try:
                header = decode_header(self._buffer, self._start)
                end = self._start + header.packet_bytes
                if (later := self._find_later_header(header, end)) is not None:
                    self._reject("truncated", resume=later)
                    continue
                if self._searched < end and not final:
                    return
                frame = decode_frame(bytes(self._buffer[self._start : end]))
            except FrameError as error:
                self._reject(error.kind, resume=self._start + len(MAGIC))
                continue
            self._accept(frame, header)
            yield frame

    def _hunt(self) -> bool:
        """Moves on to the next magic word, which may not be whole yet; False when the buffer holds none."""
        position = _find_magic(self._buffer, self._start, len(self._buffer))
        if position < 0:
            position = len(self._buffer)
        if position > self._start:
            if self._in_step:
                self._count("bad_header")
            self._drop(position)
        return position < len(self._buffer)

    def _find_later_header(self, header: FrameHeader, end: int) -> int | None:
        """Looks inside the current frame, as far as it is here, for the header of a later frame.

        Afterwards `_searched` is at the first byte that could still begin one, at or beyond `end` if there is none.
        """
        while (position := _find_magic(self._buffer, self._searched, end)) >= 0:
            if len(self._buffer) < position + HEADER_BYTES:
                self._searched = position
                return None
            if self._is_later_header(position, header):
                return position
            self._searched = position + len(MAGIC)
        self._searched = max(self._searched, min(end, len(self._buffer)))
        return None

    def _is_later_header(self, position: int, current: FrameHeader) -> bool:
        # A header found while hunting may itself be payload; the last good frame tells.
        last = self._last
        known = current if last is None or _same_sensor(current, last) else last
        try:
            inner = decode_header(self._buffer, position)
        except FrameError:
            return False
        return _same_sensor(inner, known) and inner.frame_number > known.frame_number

    def _accept(self, frame: RadarFrame, header: FrameHeader) -> None:
        counters = self.counters
        counters.frames += 1
        counters.nonfinite_points += frame.nonfinite_points
        counters.resyncs += self._skipped
        if self._last is not None:
            gap = frame.frame_number - self._last.frame_number - 1
            counters.lost_frames += gap if 0 < gap <= LARGEST_GAP else 0
        self._last, self._skipped, self._in_step = header, False, True
        self._start += header.packet_bytes
        self._searched = self._start + len(MAGIC)

    def _reject(self, kind: FrameErrorKind, *, resume: int) -> None:
        self._count(kind)
        self._drop(min(resume, len(self._buffer)))

    def _drop(self, position: int) -> None:
        self.counters.bytes_dropped += position - self._start
        self._skipped, self._in_step = True, False
        self._start = position
        self._searched = position + len(MAGIC)

    def _count(self, kind: FrameErrorKind) -> None:
        self.counters.errors[kind] = self.counters.errors.get(kind, 0) + 1


def _same_sensor(a: FrameHeader, b: FrameHeader) -> bool:
    return a.version == b.version and a.platform == b.platform


def _find_magic(buffer: bytearray, start: int, end: int) -> int:
    """First position in [start, end) where the magic word begins, cut off by the buffer's end or not; -1 for none."""
    position = buffer.find(MAGIC, start, end + len(MAGIC) - 1)
    if position < 0:
        # no byte of the magic word occurs in it twice, so only the last occurrence of its first byte can begin one
        position = buffer.rfind(MAGIC[:1], max(start, len(buffer) - len(MAGIC) + 1), end)
        if position >= 0 and not MAGIC.startswith(bytes(buffer[position:])):
            return -1
    return position
