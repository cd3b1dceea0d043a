"""Frames of bytes laid out here by hand, and round trips."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mission_core.errors import FrameError
from mission_core.radar.layout import MAX_PACKET_BYTES, SDK3
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.types import Points, Stats

MAGIC = bytes.fromhex("0201040306050807")


def frame_of(*tlvs: tuple[int, bytes], num_tlvs: int | None = None, packet_bytes: int | None = None) -> bytes:
    body = b"".join(struct.pack("<2I", kind, len(payload)) + payload for kind, payload in tlvs)
    padding = -(40 + len(body)) % 32
    size = 40 + len(body) + padding if packet_bytes is None else packet_bytes
    count = len(tlvs) if num_tlvs is None else num_tlvs
    header = MAGIC + struct.pack("<8I", 0x03050004, size, 0xA6843, 7, 123456, 1, count, 0)
    return header + body + bytes(padding)


def points_of(num: int, seed: int = 0) -> Points:
    return np.random.default_rng(seed).uniform(-9, 9, (num, 6)).astype(np.float32)


ONE_POINT = (1, struct.pack("<4f", 1.0, 4.0, 0.5, -1.25))


def test_decodes_ti_axes_and_signed_side_information() -> None:
    frame = decode_frame(frame_of(ONE_POINT, (7, struct.pack("<2h", 153, -1))))
    # TI: 1 m right, 4 m ahead; REP-103: 4 m ahead, -1 m left
    np.testing.assert_allclose(frame.points, [[4.0, -1.0, 0.5, -1.25, 15.3, -0.1]], rtol=1e-6)
    assert frame.points.dtype == np.float32
    assert (frame.frame_number, frame.layout) == (7, "sdk3")


def test_without_side_information_snr_and_noise_are_zero() -> None:
    assert decode_frame(frame_of(ONE_POINT)).points[0, 4:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("tlvs", [[], [(1, b"")], [(1, b""), (6, bytes(24))]])
def test_frame_without_detections_is_valid(tlvs: list[tuple[int, bytes]]) -> None:
    assert decode_frame(frame_of(*tlvs)).points.shape == (0, 6)


def test_unknown_tlvs_are_skipped_by_length_and_counted() -> None:
    frame = decode_frame(frame_of((302, bytes(512)), (1234, b"abc"), ONE_POINT, (1234, b""), (9, bytes(28))))
    assert len(frame.points) == 1
    assert frame.unknown_tlvs == {302: 1, 1234: 2}


def test_range_doppler_is_handed_on_as_sent() -> None:
    bins = np.arange(64 * 32, dtype="<u2")
    decoded = decode_frame(frame_of((1, b""), (5, bins.tobytes()))).contents["range_doppler"]
    np.testing.assert_array_equal(decoded, bins)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", range(4))
def test_nonfinite_points_are_dropped_and_counted(value: float, column: int) -> None:
    points = points_of(5)
    points[2, column] = value
    frame = decode_frame(encode_frame(1, points))
    np.testing.assert_allclose(frame.points[:, :4], np.delete(points, 2, axis=0)[:, :4])
    assert frame.nonfinite_points == 1


@pytest.mark.parametrize(
    ("raw", "kind", "says"),
    [
        (b"", "truncated", "40 bytes"),
        (MAGIC + bytes(20), "truncated", "40 bytes"),
        (b"\0" + frame_of()[1:], "bad_header", "starts with 02 01 04 03"),
        (frame_of(packet_bytes=39), "bad_header", "length is 39"),
        (frame_of(packet_bytes=MAX_PACKET_BYTES + 1), "bad_header", "length is 65537"),
        (frame_of(num_tlvs=33), "bad_header", "33 TLVs"),
        (frame_of(ONE_POINT)[:-1], "truncated", "63 were given|95 were given"),
        (frame_of(ONE_POINT) + b"\0", "bad_header", "were given"),
        (frame_of(ONE_POINT, num_tlvs=3), "bad_tlv", "beyond the frame"),
        (frame_of(ONE_POINT, (6, bytes(24)), num_tlvs=1), "bad_tlv", "after the last TLV"),
        (frame_of((1, bytes(15))), "bad_tlv", "TLV 1 has 15 bytes"),
        (frame_of(ONE_POINT, (7, bytes(8))), "bad_tlv", "side information is of 2 detections, the frame has 1"),
        (frame_of((7, bytes(4))), "bad_tlv", "side information is of 1 detections, the frame has 0"),
        (frame_of((5, bytes(3))), "bad_tlv", "TLV 5 has 3 bytes"),
        (frame_of(ONE_POINT, ONE_POINT), "bad_tlv", "twice"),
    ],
)
def test_faults_are_told_by_kind(raw: bytes, kind: str, says: str) -> None:
    with pytest.raises(FrameError, match=says) as caught:
        decode_frame(raw)
    assert caught.value.kind == kind


def test_tlv_length_beyond_the_frame() -> None:
    raw = bytearray(frame_of(ONE_POINT))
    raw[44:48] = struct.pack("<I", 0xFFFFFFFF)
    with pytest.raises(FrameError, match="TLV 1 of 4294967295 bytes") as caught:
        decode_frame(bytes(raw))
    assert caught.value.kind == "bad_tlv"


@given(arrays(np.float32, st.tuples(st.integers(0, 300), st.just(6)), elements=st.floats(-500, 500, width=32)))
def test_round_trip(points: Points) -> None:
    frame = decode_frame(encode_frame(42, points))
    np.testing.assert_array_equal(frame.points[:, :4], points[:, :4])
    np.testing.assert_allclose(frame.points[:, 4:], points[:, 4:], atol=0.0501)


def test_encodes_what_the_firmware_sends() -> None:
    points = np.array([[4.0, -1.0, 0.5, -1.25, 15.3, -0.1]], np.float32)
    bins = np.arange(4, dtype=np.uint16)
    raw = encode_frame(7, points, range_doppler=bins, stats=Stats(1, 2, 3, 4, 5, 6), cpu_cycles=123456)
    stats = struct.pack("<6I", 1, 2, 3, 4, 5, 6)
    assert raw == frame_of(ONE_POINT, (7, struct.pack("<2h", 153, -1)), (5, bins.tobytes()), (6, stats))
    header = SDK3.header(raw)
    assert (header.version, header.platform, header.num_points, header.cpu_cycles) == (0x03050004, 0xA6843, 1, 123456)


def test_encodes_no_side_information_without_points() -> None:
    raw = encode_frame(1, points_of(0))
    assert SDK3.header(raw).num_tlvs == 2  # points of length 0, and statistics
    assert struct.unpack_from("<2I", raw, 40) == (1, 0)


def test_counters_of_the_sensor_wrap() -> None:
    header = SDK3.header(encode_frame(2**32 + 5, points_of(1), cpu_cycles=2**32 + 6))
    assert (header.frame_number, header.cpu_cycles) == (5, 6)


def test_refuses_to_encode_what_the_radar_cannot_send() -> None:
    with pytest.raises(FrameError, match="at most 65536"):
        encode_frame(1, points_of(0), range_doppler=np.zeros(256 * 256, np.uint16))


def test_real_frame(mission_data: Path) -> None:
    capture = (mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat").read_bytes()
    frame = decode_frame(capture[:768])
    assert (frame.frame_number, len(frame.points), set(frame.contents)) == (209, 7, {"range_profile", "stats"})
    assert frame.unknown_tlvs == {}
    x, y, z, velocity = struct.unpack_from("<4f", capture, 48)
    assert frame.points[0, :4].tolist() == [y, -x, z, velocity]
