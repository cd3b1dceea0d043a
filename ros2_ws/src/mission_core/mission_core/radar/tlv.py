"""One frame of a TI demo to `RadarFrame`, and one of the out-of-box demo back to bytes; no state.

A frame is a header (`mission_core.radar.layout`), blocks of type, length and payload (`mission_core.radar.contents`),
and padding. Neither header nor payload of the out-of-box demo carries a checksum; what can be checked is that every
length adds up.
"""

import itertools
import math
import struct
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import FrameError
from mission_core.geometry import rep103_to_ti
from mission_core.radar.contents import (
    POINTS,
    SIDE_INFO,
    SIDE_INFO_STEP,
    STATIC_POINTS,
    STATIC_SIDE_INFO,
    Decoder,
    sdk2_doppler_bins,
)
from mission_core.radar.layout import (
    LAYOUTS,
    MAGIC,
    MAX_PACKET_BYTES,
    SDK2,
    SDK3,
    Layout,
)
from mission_core.radar.layout import (
    TLV_HEADER_BYTES as TLV_HEADER_BYTES,
)
from mission_core.radar.plan import Block, Detections, check_side_info, plan_of
from mission_core.types import Column, Points, RadarContents, RadarFrame, Stats

HEADER_BYTES = SDK3.header_bytes
PADDING_BYTES = SDK3.padding_bytes

TLV_POINTS = 1
TLV_RANGE_DOPPLER = 5
TLV_STATS = 6
TLV_SIDE_INFO = 7

POINT_BYTES = 16
SIDE_INFO_BYTES = 4

CPU_FREQUENCY = 200_000_000
"""Of the counter in the frame header [Hz]."""

SDK_VERSION = 0x03050004  # 3.5.0.4
PLATFORM = 0x000A6843

NO_POINTS: Points = np.zeros((0, len(Column)), np.float32)

_HEADER = struct.Struct("<8s8I")
_TLV_HEADER = struct.Struct("<2I")
_STATS = struct.Struct("<6I")


def decode_frame(raw: bytes, layout: Layout | None = None) -> RadarFrame:
    """Decodes one whole frame.

    A frame without detections is valid: TLV 1 is then empty or absent and TLV 7 absent. SNR and noise are 0 dB where
    the sensor sends no side information (guiMonitor 2). Detections with a coordinate or velocity that is not finite
    are dropped and counted. Arrays of `contents` may be read-only views of `raw`.

    Args:
        raw: the frame, from the magic word to the last byte of padding.
        layout: of its header; None for whichever fits.

    Raises:
        FrameError: "truncated", "bad_header" or "bad_tlv", see `FrameError.kind`.
    """
    if layout is not None:
        return decode_frames([raw], layout)[0]
    problem = FrameError("bad_header", f"a frame of {len(raw)} bytes adds up with no known layout")
    for each in LAYOUTS.values():
        try:
            frame = decode_frame(raw, each)
        except FrameError as error:
            problem = error if each is SDK3 else problem
        else:
            if tells_its_layout(frame):
                return frame
    raise problem


def tells_its_layout(frame: RadarFrame) -> bool:
    """Whether what is in a decoded frame leaves no doubt about its layout.

    Lengths add up by chance where a frame is damaged, or read as of another layout: a sub-frame number in front of the
    blocks looks like an empty block of type 0, which does not exist. But for the out-of-box demo's a frame must hold
    something known, too, so that an empty one tells no other layout.
    """
    known = len(frame.points) > 0 or any(map(_says_something, frame.contents.values()))
    return 0 not in frame.unknown_tlvs and (known or frame.layout == SDK3.name)


def _says_something(part: object) -> bool:
    return not isinstance(part, np.ndarray) or part.size > 0


def decode_frames(raws: Sequence[bytes], layout: Layout) -> list[RadarFrame]:
    """Decodes whole frames as far as they are sound, those of a stream together: numpy takes its time per call.

    Arrays of detections of frames that are decoded together are views of one.

    Raises:
        FrameError: as `decode_frame`: the first is not sound.
    """
    frames: list[RadarFrame] = []
    left: list[tuple[RadarFrame, Detections]] = []
    for raw in raws:
        try:
            plan = plan_of(raw, layout)
            points, contents = _contents(raw, layout, plan.parts) if plan.parts else (NO_POINTS, RadarContents())
        except FrameError:
            if frames:
                break
            raise
        number, *sub_frame = layout.place(raw)
        frame = RadarFrame(number, points, layout.name, raw, contents, plan.unknown_tlvs, 0, *sub_frame)
        if plan.detections is not None:
            left.append((frame, plan.detections))
        elif len(points):
            _drop_nonfinite([frame], points)
        frames.append(frame)
    for decoders, group in itertools.groupby(left, key=_decoders):
        _decode_detections(list(group), *decoders)
    return frames


def _decoders(left: tuple[RadarFrame, Detections]) -> tuple[Decoder, Decoder | None]:
    return left[1].decoders


def _decode_detections(
    left: Sequence[tuple[RadarFrame, Detections]], decode: Decoder, decode_side_info: Decoder | None
) -> None:
    points = decode(b"".join([frame.raw[detections.points] for frame, detections in left]))
    if decode_side_info is not None:
        points += decode_side_info(b"".join([frame.raw[detections.side_info] for frame, detections in left]))
    end = 0
    for frame, detections in left:
        begin, end = end, end + detections.number
        frame.points = points[begin:end]
    _drop_nonfinite([frame for frame, _ in left], points)


def _drop_nonfinite(frames: Sequence[RadarFrame], points: Points) -> None:
    """Drops detections of frames, which together have these, where a coordinate or velocity is not finite."""
    flat = points.ravel()
    if math.isfinite(flat.dot(flat)):  # much faster than asking each
        return
    for frame in frames:
        finite = np.isfinite(frame.points).all(axis=1)
        frame.nonfinite_points = len(finite) - int(np.count_nonzero(finite))
        frame.points = frame.points[finite]


def blocks_of(frame: RadarFrame) -> list[tuple[int, int, int]]:
    """Type, start and length [bytes] of the payloads of a frame."""
    layout = LAYOUTS[frame.layout]
    return layout.tlvs(frame.raw, layout.header(frame.raw).num_tlvs)


def typed_views(raw: bytes, layout: Layout) -> dict[int, NDArray[Any]]:
    """The payloads of a frame that are known, by type, as views of `raw`: the firmware's own numbers in TI's axes.

    Raises:
        FrameError: as `decode_frame`, as far as header and lengths go.
    """
    return {number: np.frombuffer(raw, *items) for number, items in plan_of(raw, layout).views}


def _contents(raw: bytes, layout: Layout, blocks: Sequence[Block]) -> tuple[Points, RadarContents]:
    """What is in known blocks: detections, if they are among them, and everything else by name."""
    parts: dict[str, Any] = {}
    view = memoryview(raw)
    for _, where, kind in blocks:
        assert kind is not None
        parts[kind.name] = kind.decode(view[where])
        if layout is SDK2 and kind.name == POINTS:
            parts["doppler_bins"] = sdk2_doppler_bins(view[where])
    points = _detections(parts, POINTS, SIDE_INFO)
    if STATIC_POINTS in parts or STATIC_SIDE_INFO in parts:
        parts[STATIC_POINTS] = _detections(parts, STATIC_POINTS, STATIC_SIDE_INFO)
    return points, cast(RadarContents, parts)


def _detections(parts: dict[str, Any], name: str, side_info_name: str) -> Points:
    """Takes detections and what stands beside them out of the parts."""
    points: Points = parts.pop(name, NO_POINTS)
    side_info: Points | None = parts.pop(side_info_name, None)
    if side_info is None:
        return points
    check_side_info(len(side_info), len(points))
    return points + side_info


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
    counters = frame_number & 0xFFFFFFFF, cpu_cycles & 0xFFFFFFFF
    header = _HEADER.pack(MAGIC, SDK_VERSION, packet_bytes, PLATFORM, *counters, len(points), len(tlvs), 0)
    return (header + body).ljust(packet_bytes, b"\0")


def padded(num_bytes: int) -> int:
    """Length on the wire of a frame with `num_bytes` bytes of header and TLVs."""
    return -(-num_bytes // PADDING_BYTES) * PADDING_BYTES


def _tlv(kind: int, payload: bytes) -> bytes:
    return _TLV_HEADER.pack(kind, len(payload)) + payload
