"""Cuts the radar's byte stream into frames and finds the way back after damage.

Frames are chained by the length in their header; the magic word is searched for only where the chain is broken,
because payload and padding may contain it by chance. Which of TI's headers they have the first frame tells, unless it
is said. Most have no checksum, so damage shows in three ways:

- header or TLVs do not add up: the search goes on right behind the frame's magic word, in what is already here, so
  that a wrong length costs one frame;
- bytes went missing: the frame then reaches into the next one. The header of a *later* frame of the same sensor inside
  a frame proves it (stale memory may hold old headers, never future ones), and reading goes on there;
- the chain ends at something that is no header, or at the header of another sensor, or at one whose number does not
  agree with its time.

What comes out depends on the bytes alone, never on how they were cut into chunks.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from mission_core.errors import FrameError, FrameErrorKind
from mission_core.radar.layout import AUTO, LAYOUTS, MAGIC, SDK3, FrameHeader, Layout, checksum_of, layouts_named
from mission_core.radar.tlv import decode_frame, decode_frames, tells_its_layout
from mission_core.types import RadarFrame

LARGEST_GAP = 10_000
"""Frames that may be lost in a row, a quarter of an hour."""
TI_PLATFORM = 0x000A
"""Upper half of the platform in TI's headers: 0xA6843, 0xA1843, ..."""
WINDOW = 96 * 1024
"""Bytes in which undamaged frames are looked for at once; arrays of what they become stay below 128 KiB, from which on
memory is asked of the system each time."""
_BEGINNING = struct.Struct("<8s4I")
"""Magic word, version, length, platform and number, with which all headers without a checksum begin."""
_BEYOND = len(MAGIC) - 1
"""Bytes behind a frame without which a magic word may begin in it unseen."""
LEAST_HEADER_BYTES = min(layout.header_bytes for layout in LAYOUTS.values())
DOUBTS = 8
"""Headers in a row that do not go with what was before, after which that is forgotten."""
MOST_BELIEF = 20
"""Frames of a layout that each buy as many doubts before others are tried: with luck damage looks like another."""


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
        errors: damage by `FrameError.kind`; kinds that did not occur are absent. "bad_checksum" is of delivered frames:
            where a header has one, TI's own firmware is known to send a wrong one.
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

    Args:
        layout: of the headers, a name of `mission_core.radar.layout.LAYOUTS`; "auto": the first frame with any content
            tells.

    Attributes:
        counters: totals since construction.

    Raises:
        ConfigurationError: there is no layout of that name.
    """

    def __init__(self, layout: str = AUTO) -> None:
        self.counters = StreamCounters()
        self._possible = self._layouts = layouts_named(layout)
        self._doubts = 0  # headers that were none, in a row
        self._believed = 0  # frames that had the present layout
        self._buffer = b""
        self._start = 0  # of the current frame in the buffer
        self._searched = 0  # the current frame holds no later header that begins before this
        self._resume = 0  # where to go on if it is none
        self._missing = 0  # bytes without which nothing more can be told
        self._in_step = False  # a frame ended at `_start`, a header is due
        self._skipped = False  # bytes were dropped since the last frame
        self._last: FrameHeader | None = None  # of the last frame delivered
        self._period = 0  # of the sensor's frames [cycles]; 0 while not known

    @property
    def num_pending(self) -> int:
        """Bytes that are kept until the rest of their frame comes."""
        return len(self._buffer)

    @property
    def num_missing(self) -> int:
        """Bytes to read next: at least 1, no more than the current frame lacks, to wait for nothing behind it."""
        return max(self._missing, 1)

    def feed(self, data: bytes) -> list[RadarFrame]:
        """Takes the next bytes, returns the frames that are complete now, oldest first."""
        self._buffer += data
        return self._take(final=False)

    def finish(self) -> list[RadarFrame]:
        """Declares the end of the stream and returns the frames that the remaining bytes still hold.

        A frame cut off by the end counts as "truncated". What is fed afterwards is another stream; the counters go on.
        """
        frames = self._take(final=True)
        self._last, self._period, self._skipped = None, 0, False
        self._believed, self._layouts = 0, self._possible
        return frames

    def _take(self, *, final: bool) -> list[RadarFrame]:
        frames = list(self._frames(final))
        self._buffer = self._buffer[self._start :]
        self._searched -= self._start
        self._start = 0
        return frames

    def _frames(self, final: bool) -> Iterator[RadarFrame]:
        """Consumes the buffer until more bytes are needed; with `final` none will come."""
        while self._hunt():
            if run := self._undamaged_frames():
                yield from run
                continue
            self._resume = self._start + len(MAGIC)
            try:
                found = self._read_frame(final)
            except FrameError as error:
                self._reject(error.kind)
                continue
            if found is None:
                return
            self._accept(*found)
            yield found[0]
        self._wait_for(self._start + LEAST_HEADER_BYTES)

    def _undamaged_frames(self) -> list[RadarFrame]:
        """The frames from here on, as far as each follows the last without a doubt, much faster than any others.

        They are of the sensor and have the number that are due, and the next magic word is where they end: nothing that
        is asked of other frames would stop them.
        """
        last, layout = self._last, self._layouts[0]
        if last is None or not self._in_step or len(self._layouts) > 1 or layout.has_checksum:
            return []
        if len(self._buffer) - self._start < 2 * last.packet_bytes:
            return []
        try:
            frames = decode_frames(_chain(self._buffer, self._start, last), layout)
        except FrameError:
            return []
        if frames:
            self._accept_run(frames, layout)
        return frames

    def _accept_run(self, frames: list[RadarFrame], layout: Layout) -> None:
        """Goes on behind frames of which each has the number after the one before."""
        *_, before, last = (self._last, *(layout.header(frame.raw) for frame in frames[-2:]))
        assert before is not None
        assert last is not None
        self.counters.frames += len(frames)
        self.counters.nonfinite_points += sum(frame.nonfinite_points for frame in frames)
        self._last, self._period = last, _cycles(before, last)
        self._believed += len(frames)
        self._start += sum(len(frame.raw) for frame in frames)
        self._searched = self._start + len(MAGIC)

    def _read_frame(self, final: bool) -> tuple[RadarFrame, Layout, FrameHeader] | None:
        """The frame that begins here, in the first layout with which it adds up; None while it is not all here.

        One layout after another: all that begin as the out-of-box demo's have their length in the same place, and what
        is at that place in others is no length.

        Raises:
            FrameError: it is no frame of any possible layout; `_resume` is where to go on.
        """
        problem: FrameError | None = None
        for layout in self._layouts:
            try:
                if (header := self._read_header(layout, final)) is None:
                    return None
                if (frame := self._read_blocks(layout, header, final)) is None:
                    return None
            except FrameError as error:
                if error.kind == "truncated":
                    raise
                problem = problem or error
            else:
                return frame, layout, header
        assert problem is not None
        raise problem

    def _read_header(self, layout: Layout, final: bool) -> FrameHeader | None:
        end = self._start + layout.header_bytes
        if len(self._buffer) < end and not final:
            self._wait_for(end)
            return None
        header = layout.header(self._buffer, self._start)
        if len(self._layouts) > 1:
            self._searched = self._start + len(MAGIC)  # each layout finds other headers inside
            if layout is not SDK3 and header.platform >> 16 != TI_PLATFORM:
                raise FrameError("bad_header", f"platform {header.platform:#x} is none of TI's")
        self._check_sequence(header)
        return header

    def _read_blocks(self, layout: Layout, header: FrameHeader, final: bool) -> RadarFrame | None:
        end = self._start + header.packet_bytes
        if (later := self._find_later_header(layout, header, end)) is not None:
            self._resume = later
            raise FrameError("truncated", "the next frame begins within this one")
        if self._searched < end and not final:
            self._wait_for(end)
            return None
        if len(self._buffer) < end:
            raise FrameError("truncated", "the stream ends within a frame")
        frame = decode_frame(self._buffer[self._start : end], layout)
        if len(self._layouts) > 1 and not tells_its_layout(frame):
            raise FrameError("bad_header", f"nothing in the frame tells that its layout is {layout.name}")
        return frame

    def _wait_for(self, end: int) -> None:
        self._missing = end - len(self._buffer)

    def _hunt(self) -> bool:
        """Moves on to the next magic word, which may not be whole yet; False when the buffer holds none."""
        if self._buffer.startswith(MAGIC, self._start):
            return True
        if self._start == len(self._buffer):
            return False
        position = _find_magic(self._buffer, self._start, len(self._buffer))
        if position < 0:
            position = len(self._buffer)
        if position > self._start:
            if self._in_step:
                self._count("bad_header")
            self._drop(position)
        return position < len(self._buffer)

    def _find_later_header(self, layout: Layout, header: FrameHeader, end: int) -> int | None:
        """Looks inside the current frame, as far as it is here, for the header of a later frame.

        Afterwards `_searched` is at the first byte that could still begin one, at or beyond `end` if there is none.
        """
        while (position := _find_magic(self._buffer, self._searched, end)) >= 0:
            if len(self._buffer) < position + layout.header_bytes:
                self._searched = position
                return None
            if self._is_later_header(position, layout, header):
                return position
            self._searched = position + len(MAGIC)
        self._searched = max(self._searched, min(end, len(self._buffer)))
        return None

    def _is_later_header(self, position: int, layout: Layout, current: FrameHeader) -> bool:
        # What began here may itself be payload, or damaged where its number is; the last good frame tells.
        last = self._last
        try:
            inner = layout.header(self._buffer, position)
        except FrameError:
            return False
        if last is not None and not _follows(current, last) and _follows(inner, last):
            return True
        return _same_sensor(inner, current) and _place(inner) > _place(current)

    def _check_sequence(self, header: FrameHeader) -> None:
        """Whether a header goes with the frames before: a bit that flipped in it is not seen otherwise.

        Raises:
            FrameError: "bad_header": it is of another sensor, or of another number than its time tells.
        """
        last = self._last
        if last is None:
            return
        if not _same_sensor(header, last):
            raise FrameError("bad_header", "a frame of another sensor")
        apart = header.frame_number - last.frame_number
        one_period = abs(_cycles(last, header) - self._period) < self._period // 2
        if self._period and one_period and apart not in (0, 1):
            raise FrameError("bad_header", f"frame {header.frame_number} comes one period after {last.frame_number}")

    def _accept(self, frame: RadarFrame, layout: Layout, header: FrameHeader) -> None:
        counters = self.counters
        counters.frames += 1
        counters.nonfinite_points += frame.nonfinite_points
        counters.resyncs += self._skipped
        if header.checksum and header.checksum != checksum_of(frame.raw, layout):
            self._count("bad_checksum")
        if self._last is not None:
            gap = frame.frame_number - self._last.frame_number - 1
            counters.lost_frames += gap if 0 < gap <= LARGEST_GAP else 0
            self._period = _cycles(self._last, header) if gap == 0 else self._period
        self._last, self._skipped, self._in_step, self._doubts = header, False, True, 0
        if header.num_tlvs:
            self._layouts = (layout,)
        self._believed += len(self._layouts) == 1
        self._start += header.packet_bytes
        self._searched = self._start + len(MAGIC)

    def _reject(self, kind: FrameErrorKind) -> None:
        self._count(kind)
        self._doubts += 1
        if self._doubts >= DOUBTS:  # perhaps another radar talks now
            self._last, self._period = None, 0
        if self._doubts >= DOUBTS * min(self._believed, MOST_BELIEF):
            self._believed, self._layouts = 0, self._possible
        self._drop(min(self._resume, len(self._buffer)))

    def _drop(self, position: int) -> None:
        self.counters.bytes_dropped += position - self._start
        self._skipped, self._in_step = True, False
        self._start = position
        self._searched = position + len(MAGIC)

    def _count(self, kind: FrameErrorKind) -> None:
        self.counters.errors[kind] = self.counters.errors.get(kind, 0) + 1


class Readable(Protocol):
    """A port, file, socket file or `BytesIO`, with the meaning that `io.RawIOBase.read` has."""

    def read(self, size: int, /) -> bytes | None:
        """Up to `size` bytes; b"" at the end, None when there are none for now."""


def read_frames(source: Readable, stream: FrameStream, chunk_bytes: int = 1) -> Iterator[RadarFrame]:
    """Yields frames until the source ends; each as soon as its last byte is there.

    Fewer bytes than asked for are what there is for now, none (None) are no end, and what the bytes are changes
    nothing but what `stream` counts.

    Args:
        source: of bytes.
        stream: that cuts them.
        chunk_bytes: least number to ask for at once; more than 1 where reading does not wait for them, as of files.
    """
    while (data := source.read(max(stream.num_missing, chunk_bytes))) != b"":
        yield from stream.feed(data or b"")
    yield from stream.finish()


def _chain(buffer: bytes, start: int, last: FrameHeader) -> list[bytes]:
    """What should be frames, from `start` on: each is as long as it says and has the number after the last one.

    No frames where a magic word is within one of them: then each has to be looked into.
    """
    found, begin, number = [], start, last.frame_number
    limit = min(start + WINDOW, len(buffer))
    while begin + _BEGINNING.size <= limit:
        number += 1
        magic, version, packet_bytes, platform, told = _BEGINNING.unpack_from(buffer, begin)
        if magic != MAGIC or version != last.version or platform != last.platform or told != number:
            break
        end = begin + packet_bytes
        if end + _BEYOND > limit:
            break
        found.append(buffer[begin:end])
        begin = end
    return found if buffer.count(MAGIC, start, begin + _BEYOND) == len(found) else []


def _same_sensor(a: FrameHeader, b: FrameHeader) -> bool:
    return a.version == b.version and a.platform == b.platform


def _cycles(before: FrameHeader, after: FrameHeader) -> int:
    """Of the sensor's processor, from one frame to another."""
    return (after.cpu_cycles - before.cpu_cycles) % 2**32


def _follows(header: FrameHeader, last: FrameHeader) -> bool:
    """Whether a frame may be the next one that comes, others lost or not."""
    gap = header.frame_number - last.frame_number
    return _same_sensor(header, last) and _place(header) > _place(last) and gap <= LARGEST_GAP


def _place(header: FrameHeader) -> tuple[int, int]:
    """In the sequence of frames; sub-frames share a number."""
    return header.frame_number, header.subframe_number


def _find_magic(buffer: bytes, start: int, end: int) -> int:
    """First position in [start, end) where the magic word begins, cut off by the buffer's end or not; -1 for none."""
    position = buffer.find(MAGIC, start, end + len(MAGIC) - 1)
    if position < 0:
        # no byte of the magic word occurs in it twice, so only the last occurrence of its first byte can begin one
        position = buffer.rfind(MAGIC[:1], max(start, len(buffer) - len(MAGIC) + 1), end)
        if position >= 0 and not MAGIC.startswith(buffer[position:]):
            return -1
    return position
