"""One frame of TI's out-of-box demo (SDK 3.x) to `RadarFrame` and back; bytes in, arrays out, no state.

A frame is a 40-byte header, `num_tlvs` blocks of type, length and payload, and padding up to a multiple of 32 bytes,
all little-endian (mmWave SDK user's guide, "mmw demo output"). The payloads of interest:

    1  detected points      N x 4 float32: x, y, z [m] in TI's axes, radial velocity [m/s]
    5  range-Doppler map    range bins x Doppler bins of uint16, log2 magnitude
    6  statistics           6 uint32, see `Stats`
    7  side information     N x 2 int16: SNR, noise [0.1 dB]

Neither header nor payload carries a checksum; what can be checked is that every length adds up.
"""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import FrameError
from mission_core.geometry import rep103_to_ti, ti_to_rep103
from mission_core.types import Column, Float32Array, Points, RadarFrame

MAGIC = bytes((2, 1, 4, 3, 6, 5, 8, 7))
HEADER_BYTES = 40
TLV_HEADER_BYTES = 8
PADDING_BYTES = 32
MAX_PACKET_BYTES = 64 * 1024
"""The longest frame of the demo, both heat maps on, has about 30 KiB."""
MAX_TLVS = 32

TLV_POINTS = 1
TLV_RANGE_DOPPLER = 5
TLV_STATS = 6
TLV_SIDE_INFO = 7

POINT_BYTES = 16
SIDE_INFO_BYTES = 4
SIDE_INFO_STEP = 0.1  # [dB]

CPU_FREQUENCY = 200_000_000
"""Of the counter in the frame header [Hz]."""

SDK_VERSION = 0x03050004  # 3.5.0.4
PLATFORM = 0x000A6843

_HEADER = struct.Struct("<8s8I")
_TLV_HEADER = struct.Struct("<2I")
_STATS = struct.Struct("<6I")
_DECODED = frozenset({TLV_POINTS, TLV_RANGE_DOPPLER, TLV_SIDE_INFO})


class FrameHeader(NamedTuple):
    """The 40 bytes in front of a frame, in wire order.

    Attributes:
        magic: always `MAGIC`.
        version: of the SDK, major << 24 | minor << 16 | bugfix << 8 | build.
        packet_bytes: of the whole frame, padding included.
        platform: 0xA6843 for the IWR6843.
        frame_number: from 1, starts again with the sensor.
        cpu_cycles: when the frame was sent, in cycles of the 200 MHz processor; wraps every 21.5 s.
        num_points: as the firmware says; the length of TLV 1 is what counts.
        num_tlvs: blocks that follow.
        subframe_number: 0 unless advanced frames are configured.
    """

    magic: bytes
    version: int
    packet_bytes: int
    platform: int
    frame_number: int
    cpu_cycles: int
    num_points: int
    num_tlvs: int
    subframe_number: int


class Stats(NamedTuple):
    """Payload of TLV 6: times [us] and processor loads [%] of the sensor."""

    inter_frame_processing_us: int = 0
    transmit_output_us: int = 0
    inter_frame_margin_us: int = 0
    inter_chirp_margin_us: int = 0
    active_frame_load: int = 0
    inter_frame_load: int = 0


def decode_header(data: bytes | bytearray, offset: int = 0) -> FrameHeader:
    """Reads and checks the frame header at `offset`.

    Raises:
        FrameError: "truncated" when fewer than 40 bytes are there; "bad_header" when it does not start with the magic
            word or a count is out of bounds.
    """
    try:
        header = FrameHeader._make(_HEADER.unpack_from(data, offset))
    except struct.error:
        raise FrameError("truncated", f"a frame header has {HEADER_BYTES} bytes; the data ends before that") from None
    if header.magic != MAGIC:
        raise FrameError("bad_header", f"a frame starts with {MAGIC.hex(' ')}, found {header.magic.hex(' ')}")
    if not HEADER_BYTES <= header.packet_bytes <= MAX_PACKET_BYTES:
        raise FrameError(
            "bad_header", f"frame length is {header.packet_bytes}, expected {HEADER_BYTES} to {MAX_PACKET_BYTES} bytes"
        )
    if header.num_tlvs > MAX_TLVS:
        raise FrameError("bad_header", f"frame announces {header.num_tlvs} TLVs, expected at most {MAX_TLVS}")
    return header


def decode_frame(raw: bytes) -> RadarFrame:
    """Decodes one whole frame.

    A frame without detections is valid: TLV 1 is then empty or absent and TLV 7 absent. SNR and noise are 0 dB where
    the sensor sends no side information (guiMonitor 2). Detections with a coordinate or velocity that is not finite
    are dropped and counted. `range_doppler` is a read-only view of `raw`.

    Args:
        raw: the frame, from the magic word to the last byte of padding.

    Raises:
        FrameError: "truncated", "bad_header" or "bad_tlv", see `FrameError.kind`.
    """
    header = decode_header(raw)
    if len(raw) != header.packet_bytes:
        raise FrameError(
            "truncated" if len(raw) < header.packet_bytes else "bad_header",
            f"frame length is {header.packet_bytes} bytes, {len(raw)} were given",
        )
    payloads, skipped = _split(raw, header.num_tlvs)
    points = _decode_points(raw, payloads)
    finite = np.isfinite(points).all(axis=1)
    nonfinite_points = len(points) - int(np.count_nonzero(finite))
    return RadarFrame(
        frame_number=header.frame_number,
        points=points[finite] if nonfinite_points else points,
        header_bytes=HEADER_BYTES,
        raw=raw,
        range_doppler=_decode_range_doppler(raw, payloads),
        unknown_tlvs=skipped,
        nonfinite_points=nonfinite_points,
    )


def encode_frame(
    frame_number: int,
    points: Points,
    *,
    range_doppler: NDArray[np.uint16] | None = None,
    stats: Stats = Stats(),  # noqa: B008 - immutable
    cpu_cycles: int = 0,
) -> bytes:
    """Makes the frame an IWR6843 would send: TLV 1, 7, [5], 6, in the firmware's order.

    Without detections TLV 1 is empty and TLV 7 absent, as in real recordings.

    Args:
        frame_number: of the sensor; the lower 32 bits are sent.
        points: (N, 6) in the REP-103 sensor frame. SNR and noise are rounded to 0.1 dB.
        range_doppler: (range bins * Doppler bins,), range-major, Doppler in FFT order; None leaves TLV 5 out.
        stats: of the sensor's processor.
        cpu_cycles: time of sending [cycles of 200 MHz]; the lower 32 bits are sent.

    Raises:
        FrameError: the frame would be longer than `MAX_PACKET_BYTES`.
    """
    cartesian = np.empty((len(points), 4), "<f4")
    cartesian[:, :3] = rep103_to_ti(points[:, : Column.DOPPLER])
    cartesian[:, 3] = points[:, Column.DOPPLER]
    tlvs = [_tlv(TLV_POINTS, cartesian.tobytes())]
    if len(points):
        limits = np.iinfo(np.int16)
        tenths = np.clip(np.rint(points[:, Column.SNR :] / SIDE_INFO_STEP), limits.min, limits.max)
        tlvs.append(_tlv(TLV_SIDE_INFO, tenths.astype("<i2").tobytes()))
    if range_doppler is not None:
        tlvs.append(_tlv(TLV_RANGE_DOPPLER, range_doppler.astype("<u2", copy=False).tobytes()))
    tlvs.append(_tlv(TLV_STATS, _STATS.pack(*stats)))

    body = b"".join(tlvs)
    packet_bytes = padded(HEADER_BYTES + len(body))
    if packet_bytes > MAX_PACKET_BYTES:
        raise FrameError("bad_header", f"frame has {packet_bytes} bytes, at most {MAX_PACKET_BYTES} can be sent")
    header = FrameHeader(
        magic=MAGIC,
        version=SDK_VERSION,
        packet_bytes=packet_bytes,
        platform=PLATFORM,
        frame_number=frame_number & 0xFFFFFFFF,
        cpu_cycles=cpu_cycles & 0xFFFFFFFF,
        num_points=len(points),
        num_tlvs=len(tlvs),
        subframe_number=0,
    )
    return (_HEADER.pack(*header) + body).ljust(packet_bytes, b"\0")


def padded(num_bytes: int) -> int:
    """Length on the wire of a frame with `num_bytes` bytes of header and TLVs."""
    return -(-num_bytes // PADDING_BYTES) * PADDING_BYTES


def _tlv(kind: int, payload: bytes) -> bytes:
    return _TLV_HEADER.pack(kind, len(payload)) + payload


def _split(raw: bytes, num_tlvs: int) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
    """Walks the TLVs: (offset, length) of each payload that is decoded, and how often every other type occurred."""
    payloads: dict[int, tuple[int, int]] = {}
    skipped: dict[int, int] = {}
    position, end = HEADER_BYTES, len(raw)
    for _ in range(num_tlvs):
        start = position + TLV_HEADER_BYTES
        if start > end:
            raise FrameError("bad_tlv", f"TLV header at byte {position} reaches beyond the frame of {end} bytes")
        kind, length = _TLV_HEADER.unpack_from(raw, position)
        position = start + length
        if position > end:
            raise FrameError("bad_tlv", f"TLV {kind} of {length} bytes reaches beyond the frame of {end} bytes")
        if kind not in _DECODED:
            skipped[kind] = skipped.get(kind, 0) + 1
        elif kind in payloads:
            raise FrameError("bad_tlv", f"TLV {kind} occurs twice in one frame")
        else:
            payloads[kind] = start, length
    if end - position >= PADDING_BYTES:
        raise FrameError("bad_tlv", f"{end - position} bytes after the last TLV, expected less than {PADDING_BYTES}")
    return payloads, skipped


def _decode_points(raw: bytes, payloads: dict[int, tuple[int, int]]) -> Points:
    offset, length = payloads.get(TLV_POINTS, (0, 0))
    num_points, rest = divmod(length, POINT_BYTES)
    if rest:
        raise FrameError("bad_tlv", f"TLV {TLV_POINTS} has {length} bytes, expected a multiple of {POINT_BYTES}")
    points: Float32Array = np.zeros((num_points, len(Column)), np.float32)
    cartesian = np.frombuffer(raw, "<f4", 4 * num_points, offset).reshape(num_points, 4)
    points[:, : Column.DOPPLER] = ti_to_rep103(cartesian[:, :3])
    points[:, Column.DOPPLER] = cartesian[:, 3]
    if TLV_SIDE_INFO in payloads:
        offset, length = payloads[TLV_SIDE_INFO]
        if length != SIDE_INFO_BYTES * num_points:
            raise FrameError(
                "bad_tlv",
                f"TLV {TLV_SIDE_INFO} has {length} bytes, expected {SIDE_INFO_BYTES * num_points}",
            )
        side_info = np.frombuffer(raw, "<i2", 2 * num_points, offset).reshape(num_points, 2)
        np.multiply(side_info, np.float32(SIDE_INFO_STEP), out=points[:, Column.SNR :])
    return points


def _decode_range_doppler(raw: bytes, payloads: dict[int, tuple[int, int]]) -> NDArray[np.uint16] | None:
    if TLV_RANGE_DOPPLER not in payloads:
        return None
    offset, length = payloads[TLV_RANGE_DOPPLER]
    if length % 2:
        raise FrameError("bad_tlv", f"TLV {TLV_RANGE_DOPPLER} has {length} bytes, expected 2 for each bin")
    return np.frombuffer(raw, "<u2", length // 2, offset)
