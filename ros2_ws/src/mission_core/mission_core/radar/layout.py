"""The headers in front of TI's frames, and which of them a frame has.

Five sizes share one magic word and nothing tells them apart but that everything adds up: with the right header a frame
has exactly as many TLVs as it announces, and ends with them or with the padding of its firmware. All little-endian.

    name              header  TLV length     padded to  sent by
    sdk3              40      of the payload 32         out-of-box demo of SDK 3.x; every demo of the Radar Toolbox
    sdk2              36      of the payload 32         out-of-box demo of SDK 1 and 2 (xWR14xx)
    area_scanner      44      of the payload 32         area scanner of the industrial toolbox
    people_counting   48      of the whole   -          3D people counting of the industrial toolbox up to 4.x
    long_range        52      of the payload 32         long-range people detection
    tracking_2d       52      of the whole   -          Sense & Direct, people counting in two dimensions

Sources: SDK user's guide, "mmw demo output"; guides and sources of the demos named. TI's page of SDK 4.10 says 44 bytes
above a table of 40: 40 it is.
"""

import struct
import types
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from mission_core.errors import ConfigurationError, FrameError

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
TLV_HEADER_BYTES = 8
MAX_PACKET_BYTES = 64 * 1024
"""The longest frame of any demo, both heat maps on, has about 30 KiB."""
MAX_TLVS = 32

_TLV_HEADER = struct.Struct("<2I")
_PLACE = ("frame_number", "subframe_number")
_SHAPE = ("packet_bytes", "num_points", "num_tlvs")


class FrameHeader(NamedTuple):
    """What is in front of a frame; 0 where a layout does not have it.

    Attributes:
        version: of the SDK, major << 24 | minor << 16 | bugfix << 8 | build.
        packet_bytes: of the whole frame, padding included.
        platform: 0xA6843 for the IWR6843.
        frame_number: from 1, starts again with the sensor.
        cpu_cycles: when the frame was sent, in cycles of the 200 MHz processor; wraps every 21.5 s.
        num_points: as the firmware says; the length of the points' TLV is what counts.
        num_tlvs: blocks that follow.
        subframe_number: 0 unless advanced frames are configured.
        checksum: of the header, see `checksum_of`.
    """

    version: int
    packet_bytes: int
    platform: int
    frame_number: int
    cpu_cycles: int = 0
    num_points: int = 0
    num_tlvs: int = 0
    subframe_number: int = 0
    checksum: int = 0


def _only(names: tuple[str, ...], words: str, codes: list[str]) -> str:
    """The format of a header's words that skips all but those named."""
    skipped = {"I": "4x", "H": "2x"}
    return "".join(code if word in names else skipped[code] for word, code in zip(words.split(), codes, strict=True))


class Layout:
    """One of the headers.

    Args:
        name: as above.
        words: its fields behind the magic word, in order: those of `FrameHeader` by name, anything else is left out.
        halves: of the last fields, those of two bytes.
        counts_itself: whether the length of a TLV includes its own eight bytes.
        padding_bytes: frames are filled up to a multiple of these; 1 where they are not.

    Attributes:
        header_bytes: size of the header.
        has_checksum: whether it ends with one.
        uncounted_bytes: by which the length that a TLV tells is more than its payload's.
    """

    def __init__(
        self, name: str, words: str, *, halves: int = 0, counts_itself: bool = False, padding_bytes: int = 32
    ) -> None:
        self.name = name
        fields = ("magic", *words.split())
        codes = ["I"] * (len(fields) - 1 - halves) + ["H"] * halves
        self._code = struct.Struct(f"<8s{''.join(codes)}")
        self._pick = itemgetter(*(fields.index(each) if each in fields else -1 for each in FrameHeader._fields))
        self._shape = struct.Struct("<8s" + _only(_SHAPE, words, codes))
        self._place = struct.Struct("<8x" + _only(_PLACE, words, codes))
        self.has_checksum = "checksum" in fields
        self.uncounted_bytes = TLV_HEADER_BYTES if counts_itself else 0
        self.header_bytes = self._code.size
        self.padding_bytes = padding_bytes

    def __repr__(self) -> str:
        return f"Layout({self.name!r})"

    def shape(self, raw: bytes) -> tuple[Any, ...]:
        """What of a header the lengths within its frame hang on, the magic word first; nothing of it is checked.

        Raises:
            FrameError: "truncated" when the header is not all there.
        """
        try:
            return self._shape.unpack_from(raw)
        except struct.error:
            raise self._cut_off() from None

    def place(self, raw: bytes) -> tuple[int, ...]:
        """The frame_number of a header that is all there and, where the layout has it, its subframe_number."""
        return self._place.unpack_from(raw)

    def header(self, data: bytes | bytearray, offset: int = 0) -> FrameHeader:
        """Reads and checks the header at `offset`.

        Raises:
            FrameError: "truncated" when it is not all there; "bad_header" when it does not start with the magic word or
                a count is out of bounds.
        """
        try:
            fields = self._code.unpack_from(data, offset)
        except struct.error:
            raise self._cut_off() from None
        header = FrameHeader._make(self._pick((*fields, 0)))
        if fields[0] != MAGIC:
            raise FrameError("bad_header", f"a frame starts with {MAGIC.hex(' ')}, found {fields[0].hex(' ')}")
        if not self.header_bytes <= header.packet_bytes <= MAX_PACKET_BYTES:
            raise FrameError(
                "bad_header",
                f"frame length is {header.packet_bytes}, expected {self.header_bytes} to {MAX_PACKET_BYTES} bytes",
            )
        if header.packet_bytes % self.padding_bytes:
            raise FrameError(
                "bad_header", f"frame length is {header.packet_bytes}, expected a multiple of {self.padding_bytes}"
            )
        if header.num_tlvs > MAX_TLVS:
            raise FrameError("bad_header", f"frame announces {header.num_tlvs} TLVs, expected at most {MAX_TLVS}")
        return header

    def _cut_off(self) -> FrameError:
        return FrameError("truncated", f"a frame header has {self.header_bytes} bytes; the data ends before that")

    @staticmethod
    def check_length(raw: bytes, packet_bytes: int) -> None:
        """Whether what should be one whole frame is as long as its header says.

        Raises:
            FrameError: "truncated" or "bad_header".
        """
        if len(raw) != packet_bytes:
            raise FrameError(
                "truncated" if len(raw) < packet_bytes else "bad_header",
                f"frame length is {packet_bytes} bytes, {len(raw)} were given",
            )

    def tlvs(self, raw: bytes, num_tlvs: int) -> list[tuple[int, int, int]]:
        """Type, start and length [bytes] of a frame's payloads, which with their headers must be all but its padding.

        Raises:
            FrameError: "bad_tlv": a block reaches beyond the frame, or they do not end where it does.
        """
        found = []
        position, end = self.header_bytes, len(raw)
        for _ in range(num_tlvs):
            start = position + TLV_HEADER_BYTES
            if start > end:
                raise FrameError("bad_tlv", f"TLV header at byte {position} reaches beyond the frame of {end} bytes")
            kind, length = _TLV_HEADER.unpack_from(raw, position)
            length -= self.uncounted_bytes
            position = start + length
            if length < 0 or position > end:
                raise FrameError("bad_tlv", f"TLV {kind} of {length} bytes reaches beyond the frame of {end} bytes")
            found.append((kind, start, length))
        if end - position >= self.padding_bytes:
            raise FrameError(
                "bad_tlv", f"{end - position} bytes after the last TLV, expected less than {self.padding_bytes}"
            )
        return found


SDK3 = Layout("sdk3", "version packet_bytes platform frame_number cpu_cycles num_points num_tlvs subframe_number")
SDK2 = Layout("sdk2", "version packet_bytes platform frame_number cpu_cycles num_points num_tlvs")
AREA_SCANNER = Layout(
    "area_scanner",
    "version packet_bytes platform frame_number cpu_cycles num_points num_tlvs subframe_number num_static_points",
)
PEOPLE_COUNTING = Layout(
    "people_counting",
    "version packet_bytes platform frame_number subframe_number chirp_margin processing_us tracking_us sending_us "
    "num_tlvs checksum",
    halves=2,
    counts_itself=True,
    padding_bytes=1,
)
_WORDS_52 = (
    "version platform cpu_cycles packet_bytes frame_number subframe_number chirp_margin frame_margin tracking_us "
    "sending_us num_tlvs checksum"
)
LONG_RANGE = Layout("long_range", _WORDS_52, halves=2)
TRACKING_2D = Layout("tracking_2d", _WORDS_52, halves=2, counts_itself=True, padding_bytes=1)

LAYOUTS: Mapping[str, Layout] = types.MappingProxyType(
    {each.name: each for each in (SDK3, SDK2, AREA_SCANNER, PEOPLE_COUNTING, LONG_RANGE, TRACKING_2D)}
)
"""By name, those first that are met most."""
AUTO = "auto"
"""Name that stands for whichever fits."""


def layouts_named(name: str) -> tuple[Layout, ...]:
    """The layouts to try: all for "auto", or one.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name == AUTO:
        return tuple(LAYOUTS.values())
    if name not in LAYOUTS:
        raise ConfigurationError(f"there is no radar layout {name!r}, expected {AUTO} or one of {', '.join(LAYOUTS)}")
    return (LAYOUTS[name],)


def checksum_of(raw: bytes, layout: Layout) -> int:
    """The checksum that the header of 48 or 52 bytes in front of a frame should have.

    It is not certain that firmware of 52 bytes sets it so (one frame known to be damaged does not have it): a mismatch
    is worth a warning, not the frame.
    """
    words = struct.unpack_from(f"<{layout.header_bytes // 2 - 1}H", raw)  # the last half word is the checksum itself
    total = sum(words)
    return ~((total >> 16) + (total & 0xFFFF)) & 0xFFFF
