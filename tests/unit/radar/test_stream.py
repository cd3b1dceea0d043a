"""Damage of every kind: what must come out, and that it does not depend on how the bytes were cut."""

import io
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_frames import HEADER_BYTES, ONE_POINT, frame_of

from mission_core.radar.layout import MAGIC
from mission_core.radar.stream import DOUBTS, FrameStream, StreamCounters, read_frames
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.types import RadarFrame

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "radar"
FRAME_BYTES = 288
POINTS = np.random.default_rng(5).uniform(0.5, 6.0, (10, 6)).astype(np.float32)


def frames_of(data: bytes, chunk: int) -> tuple[list[RadarFrame], StreamCounters]:
    stream = FrameStream()
    frames = [frame for start in range(0, len(data), chunk) for frame in stream.feed(data[start : start + chunk])]
    return frames + stream.finish(), stream.counters


def numbers(frames: list[RadarFrame]) -> list[int]:
    return [frame.frame_number for frame in frames]


def good(number: int) -> bytes:
    raw = encode_frame(number, POINTS)
    assert len(raw) == FRAME_BYTES
    return raw


EXPECTED = {
    "lost_bytes_header": ([1, 3], StreamCounters(2, 1, 283, 1, 0, {"bad_header": 1})),
    "lost_bytes_points": ([1, 3], StreamCounters(2, 1, 251, 1, 0, {"truncated": 1})),
    "lost_bytes_side_info": ([1, 3], StreamCounters(2, 1, 251, 1, 0, {"truncated": 1})),
    "lost_bytes_last_tlv": ([1, 3], StreamCounters(2, 1, 251, 1, 0, {"truncated": 1})),
    "wrong_length": ([1, 3], StreamCounters(2, 1, 288, 1, 0, {"bad_header": 1})),
    "wrong_length_in_bounds": ([1, 3], StreamCounters(2, 1, 288, 1, 0, {"truncated": 1})),
    "wrong_tlv_count": ([1, 3], StreamCounters(2, 1, 288, 1, 0, {"bad_tlv": 1})),
    "wrong_tlv_length": ([1, 3], StreamCounters(2, 1, 288, 1, 0, {"bad_tlv": 1})),
    "wrong_magic": ([1, 3], StreamCounters(2, 1, 288, 1, 0, {"bad_header": 1})),
    "noise_between": ([1, 2, 3], StreamCounters(3, 1, 100, 0, 0, {"bad_header": 1})),
    "magic_in_payload": ([1, 2, 3], StreamCounters(3)),
    "old_header_in_payload": ([1, 2, 3], StreamCounters(3)),
    "unknown_tlv": ([1, 2, 3], StreamCounters(3)),
    "no_points": ([1, 2, 3], StreamCounters(3)),
    "not_finite": ([1, 2, 3], StreamCounters(3, nonfinite_points=2)),
    "restart": ([1, 0, 3], StreamCounters(3, lost_frames=2)),
    "truncated_end": ([1, 2], StreamCounters(2, bytes_dropped=287, errors={"truncated": 1})),
}
"""What comes out of each broken sample: frame numbers and counters."""


@pytest.mark.parametrize("chunk", [1, 13, FRAME_BYTES, 10_000])
@pytest.mark.parametrize("sample", EXPECTED)
def test_broken_samples(sample: str, chunk: int) -> None:
    frames, counters = frames_of((SAMPLES / f"{sample}.bin").read_bytes(), chunk)
    assert (numbers(frames), counters) == EXPECTED[sample]


def test_every_sample_is_tested() -> None:
    assert {path.stem for path in SAMPLES.glob("*.bin")} == set(EXPECTED)


@pytest.mark.parametrize("frame", [encode_frame(8, POINTS), encode_frame(8, POINTS[:0])])
def test_a_frame_is_delivered_with_its_last_byte(frame: bytes) -> None:
    stream = FrameStream()
    assert stream.feed(good(7) + frame[:-1]) != []
    assert numbers(stream.feed(frame[-1:])) == [8]


def test_a_wrong_length_does_not_hold_up_the_next_frame() -> None:
    damaged = bytearray(good(2))
    damaged[12:16] = struct.pack("<I", 60_000)
    stream = FrameStream()
    assert numbers(stream.feed(good(1) + damaged + good(3))) == [1, 3]


@given(st.data())
def test_bytes_lost_anywhere_cost_one_frame(data: st.DataObject) -> None:
    num_lost = data.draw(st.integers(1, FRAME_BYTES - 1))
    start = data.draw(st.integers(0, FRAME_BYTES - num_lost))
    damaged = good(2)[:start] + good(2)[start + num_lost :]
    frames, counters = frames_of(good(1) + damaged + good(3) + good(4), 10_000)
    assert numbers(frames) == [1, 3, 4]
    assert (counters.lost_frames, counters.resyncs) == (1, 1)
    assert counters.bytes_dropped == FRAME_BYTES - num_lost


def test_bytes_lost_across_frames() -> None:
    stream = b"".join(map(good, range(1, 7)))
    lost = stream[: FRAME_BYTES + 250] + stream[4 * FRAME_BYTES - 100 :]  # from frame 2's last TLV into frame 4
    frames, counters = frames_of(lost, 64)
    assert numbers(frames) == [1, 5, 6]
    assert counters.lost_frames == 3


def timed(number: int) -> bytes:
    """A frame that tells the time at which it was sent, 10 frames a second."""
    return encode_frame(number, POINTS, cpu_cycles=20_000_000 * number)


@pytest.mark.parametrize("bit", range(8 * 8, 8 * 40))
def test_a_bit_that_flips_in_a_header_costs_that_frame_at_most_and_tells_nothing_wrong(bit: int) -> None:
    damaged = bytearray(timed(6))
    damaged[bit // 8] ^= 1 << bit % 8
    parts = [timed(number) for number in (1, 2, 3, 4, 5)] + [damaged] + [timed(number) for number in (7, 8, 9)]
    frames, _ = frames_of(b"".join(parts), 10_000)
    assert [n for n in numbers(frames) if n != 6] == [1, 2, 3, 4, 5, 7, 8, 9]
    assert {frame.points.tobytes() for frame in frames} == {decode_frame(good(1)).points.tobytes()}


def test_another_radar_on_the_same_line_is_believed_after_a_while() -> None:
    stream = FrameStream()
    stream.feed(timed(1) + timed(2))
    other = [encode_frame(number, POINTS)[:8] + b"\1\2\3\4" + encode_frame(number, POINTS)[12:] for number in range(30)]
    assert numbers(stream.feed(b"".join(other))) == list(range(DOUBTS, 30))


def test_frames_lost_while_the_radar_waits_for_the_port_are_no_damage() -> None:
    stream = FrameStream()
    stream.feed(timed(1) + timed(2))
    assert numbers(stream.feed(timed(7) + timed(8))) == [7, 8]
    assert stream.counters == StreamCounters(frames=4, lost_frames=4)


def test_starts_in_the_middle_of_a_frame() -> None:
    frames, counters = frames_of(good(1)[100:] + good(2) + good(3), 50)
    assert numbers(frames) == [2, 3]
    assert counters == StreamCounters(frames=2, resyncs=1, bytes_dropped=FRAME_BYTES - 100)


def test_the_end_may_cut_what_looks_like_a_header() -> None:
    frame = good(1)[: -len(MAGIC)] + MAGIC  # in the padding: is it the next frame?
    stream = FrameStream()
    assert stream.feed(frame) == []
    assert numbers(stream.finish()) == [1]
    assert stream.counters == StreamCounters(frames=1)


def test_counts_lost_frames_but_not_restarts() -> None:
    stream = FrameStream()
    stream.feed(b"".join(map(good, [67298, 67299, 1, 2, 5, 5])))
    assert stream.counters.lost_frames == 2


def test_a_jump_beyond_any_gap_loses_nothing() -> None:
    stream = FrameStream()
    stream.feed(b"".join(map(good, [1, 2 + 2**31, 3, 10_004, 30_000])))
    assert stream.counters.frames == 5
    assert stream.counters.lost_frames == 10_000


def test_finish_begins_another_stream() -> None:
    stream = FrameStream()
    stream.feed(good(1) + good(2)[:50])
    stream.finish()
    assert numbers(stream.feed(good(100))) == [100]
    assert stream.counters == StreamCounters(frames=2, bytes_dropped=50, errors={"truncated": 1})


# --- runs of frames that are cut and decoded together -----------------------------------------------------------------


def moving(number: int, num_points: int = 10) -> bytes:
    """A frame of the sensor that sent `good(1)`, twenty a second, of points of its own."""
    points = np.random.default_rng(number).uniform(0.5, 6.0, (num_points, 6)).astype(np.float32)
    return encode_frame(number, points, cpu_cycles=number * 10_000_000)


def check_run(frames: list[bytes]) -> StreamCounters:
    """Feeds them at once and one by one, compares, and returns what was counted."""
    together, counters = frames_of(b"".join(frames), 10**6)
    single, same = frames_of(b"".join(frames), 1)
    assert counters == same
    assert [(each.frame_number, each.sub_frame, each.raw) for each in together] == [
        (each.frame_number, each.sub_frame, each.raw) for each in single
    ]
    for each in together:
        alone = decode_frame(each.raw)
        assert each.points.tobytes() == alone.points.tobytes()
        assert (each.contents, each.unknown_tlvs) == (alone.contents, alone.unknown_tlvs)
        assert each.nonfinite_points == alone.nonfinite_points
    return counters


def test_a_run_is_decoded_as_its_frames_are() -> None:
    frames = [moving(number, num_points=number % 7) for number in range(1, 400)]
    assert check_run(frames) == StreamCounters(frames=399)


def test_a_detection_at_no_place_is_dropped_from_its_own_frame() -> None:
    frames = [moving(number) for number in range(1, 20)]
    at = frames[9].index(struct.pack("<2I", 1, 160)) + 8 + 32
    frames[9] = frames[9][:at] + struct.pack("<f", np.nan) + frames[9][at + 4 :]
    assert check_run(frames) == StreamCounters(frames=19, nonfinite_points=1)


@pytest.mark.parametrize(
    ("damage", "counted"),
    [
        (lambda raw: raw[:100] + raw[137:], StreamCounters(18, 1, FRAME_BYTES - 37, 1, 0, {"truncated": 1})),
        (lambda raw: raw + b"noise", StreamCounters(19, 1, 5, 0, 0, {"bad_header": 1})),
        (lambda raw: raw[:100] + MAGIC + raw[108:], StreamCounters(19)),
        (lambda raw: raw[:24] + MAGIC + raw[32:], StreamCounters(19)),
        (lambda raw: raw[:8] + b"\0" + raw[9:], StreamCounters(18, 1, FRAME_BYTES, 1, 0, {"bad_header": 1})),
        (lambda raw: raw[:32] + b"\7" + raw[33:], StreamCounters(18, 1, FRAME_BYTES, 1, 0, {"bad_tlv": 1})),
        (lambda raw: raw[:0], StreamCounters(18, lost_frames=1)),
        (lambda raw: raw + raw, StreamCounters(20)),
    ],
    ids=["lost", "noise", "magic in points", "magic in header", "version", "blocks", "gone", "twice"],
)
@pytest.mark.parametrize("place", [0, 1, 9, 18])
def test_damage_ends_a_run_and_nothing_else(
    damage: Callable[[bytes], bytes], counted: StreamCounters, place: int
) -> None:
    frames = [moving(number) for number in range(1, 20)]
    frames[place] = damage(frames[place])
    counters = check_run(frames)
    if place == 9:
        assert counters == counted


def test_empty_and_sub_frames_are_no_less_of_a_run() -> None:
    def sub_frame(number: int, which: int) -> bytes:
        raw = bytearray(moving(number))
        raw[36:40] = struct.pack("<I", which)
        return bytes(raw)

    frames = [sub_frame(number, which) for number in range(1, 30) for which in (0, 1)]
    assert check_run(frames) == StreamCounters(frames=58)
    assert check_run([frame_of("sdk3", number=number) for number in range(1, 60)]) == StreamCounters(frames=59)


@pytest.mark.parametrize("lost", range(1, 8))
@pytest.mark.parametrize("arrived", range(1, 9))
def test_a_frame_into_whose_last_bytes_the_next_one_reaches_is_no_part_of_a_run(lost: int, arrived: int) -> None:
    frames = [moving(number) for number in range(1, 9)]
    stream = FrameStream()
    stream.feed(frames[0])
    first = stream.feed(b"".join(frames[1:7])[:-lost] + frames[7][:arrived])
    assert numbers(first + stream.feed(frames[7][arrived:])) == [2, 3, 4, 5, 6, 8]


def test_the_layout_of_a_run_is_believed_as_that_of_its_frames() -> None:
    name = "people_counting"
    others = [frame_of(name, ONE_POINT[name], number=number) for number in range(1, 60)]
    assert check_run([moving(number) for number in range(1, 40)] + others).frames == 39


pieces = st.one_of(
    st.tuples(st.integers(0, 9), st.integers(1, 9)).map(
        lambda run: b"".join(moving(number) for number in range(run[0], run[0] + run[1]))
    ),
    st.binary(max_size=80),
    st.integers(0, 9).map(good),
    st.tuples(st.integers(0, 9), st.integers(0, FRAME_BYTES)).map(lambda cut: good(cut[0])[: cut[1]]),
    st.tuples(st.integers(0, 9), st.integers(0, FRAME_BYTES)).map(lambda cut: good(cut[0])[cut[1] :]),
    st.integers(1, len(MAGIC)).map(lambda size: MAGIC[:size]),
    st.tuples(st.integers(0, FRAME_BYTES - 4), st.integers(0, 2**32 - 1)).map(
        lambda patch: good(3)[: patch[0]] + struct.pack("<I", patch[1]) + good(3)[patch[0] + 4 :]
    ),
)


@settings(max_examples=200)
@given(st.lists(pieces, max_size=8).map(b"".join), st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_frames_do_not_depend_on_the_chunks(data: bytes, sizes: list[int]) -> None:
    stream = FrameStream()
    frames, start = [], 0
    while start < len(data):
        size = sizes[len(frames) % len(sizes)]
        frames += stream.feed(data[start : start + size])
        start += size
    frames += stream.finish()
    whole, counters = frames_of(data, max(1, len(data)))
    assert [frame.raw for frame in frames] == [frame.raw for frame in whole]
    assert stream.counters == counters
    assert sum(len(frame.raw) for frame in frames) + counters.bytes_dropped == len(data)


@given(st.binary(max_size=3000))
def test_garbage_never_raises(data: bytes) -> None:
    frames, counters = frames_of(MAGIC + data, 97)
    assert sum(len(frame.raw) for frame in frames) + counters.bytes_dropped == len(MAGIC) + len(data)


def test_the_buffer_is_bounded() -> None:
    waiting = bytearray(good(1))
    waiting[12:16] = struct.pack("<I", 64 * 1024)
    stream = FrameStream()
    for chunk in [bytes(waiting), *[b"\x02" * 1000] * 300]:
        stream.feed(chunk)
        assert len(stream._buffer) <= 64 * 1024 + 40 + 1000


@pytest.mark.parametrize("chunk", [1, 100, 768, 10**6])
def test_real_capture(mission_data: Path, chunk: int) -> None:
    capture = mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat"
    frames, counters = frames_of(capture.read_bytes(), chunk)
    assert numbers(frames) == list(range(209, 310))
    assert counters == StreamCounters(frames=101)
    num_points = [len(frame.points) for frame in frames]
    assert (min(num_points), max(num_points), num_points.count(0)) == (0, 23, 4)


# --- layouts ----------------------------------------------------------------------------------------------------------


def of_layout(name: str, number: int) -> bytes:
    return frame_of(name, ONE_POINT[name], number=number)


@pytest.mark.parametrize("chunk", [1, 17, 10_000])
@pytest.mark.parametrize("name", HEADER_BYTES)
def test_every_layout_is_found_out(name: str, chunk: int) -> None:
    data = b"".join(of_layout(name, number) for number in range(1, 6))
    frames, counters = frames_of(b"noise" + data, chunk)
    assert numbers(frames) == [1, 2, 3, 4, 5]
    assert {frame.layout for frame in frames} == {name}
    assert counters == StreamCounters(frames=5, resyncs=1, bytes_dropped=5)


@pytest.mark.parametrize("name", HEADER_BYTES)
def test_a_layout_may_be_forced(name: str) -> None:
    others = set(HEADER_BYTES) - {name}
    data = of_layout(name, 1) + of_layout(name, 2)
    assert numbers(FrameStream(name).feed(data)) == [1, 2]
    assert all(not any(f.points.size for f in FrameStream(other).feed(data)) for other in others)


def test_once_found_out_the_layout_stays_until_nothing_has_it_any_more() -> None:
    stream = FrameStream()
    stream.feed(of_layout("long_range", 1))
    others = b"".join(of_layout("sdk3", number) for number in range(1, DOUBTS + 1))
    assert stream.feed(others) == []
    assert numbers(stream.feed(of_layout("sdk3", 20))) == [20]


def test_an_empty_frame_tells_no_layout() -> None:
    stream = FrameStream()
    stream.feed(frame_of("sdk3"))
    assert numbers(stream.feed(of_layout("people_counting", 2))) == [2]


def test_a_wrong_checksum_is_counted_and_the_frame_kept() -> None:
    raw = bytearray(of_layout("people_counting", 1))
    raw[28] ^= 1  # chirp margin
    stream = FrameStream()
    assert numbers(stream.feed(bytes(raw) + of_layout("people_counting", 2))) == [1, 2]
    assert stream.counters == StreamCounters(frames=2, errors={"bad_checksum": 1})


@settings(max_examples=200)
@given(st.sampled_from(sorted(HEADER_BYTES)), st.data())
def test_bytes_lost_in_any_layout_cost_one_frame(name: str, data: st.DataObject) -> None:
    second = of_layout(name, 3)
    num_lost = data.draw(st.integers(1, len(second) - 1))
    start = data.draw(st.integers(0, len(second) - num_lost))
    damaged = second[:start] + second[start + num_lost :]
    parts = of_layout(name, 1), of_layout(name, 2), damaged, of_layout(name, 4), of_layout(name, 5)
    frames, _ = frames_of(b"".join(parts), 10_000)
    assert numbers(frames) == [1, 2, 4, 5]


def test_a_damaged_number_does_not_hide_the_frame_that_begins_inside() -> None:
    damaged = of_layout("sdk2", 3)[:20] + of_layout("sdk2", 3)[47:]  # the number is made of payload then, and great
    data = of_layout("sdk2", 1) + of_layout("sdk2", 2) + damaged + of_layout("sdk2", 4) + of_layout("sdk2", 5)
    frames, counters = frames_of(data, 10_000)
    assert numbers(frames) == [1, 2, 4, 5]
    assert counters == StreamCounters(4, 1, 37, 1, 0, {"truncated": 1})


def test_sub_frames_share_a_number_and_lose_nothing() -> None:
    stream = FrameStream()
    first = of_layout("sdk3", 1)
    second = first[:36] + struct.pack("<I", 1) + first[40:]
    assert numbers(stream.feed(first + second + of_layout("sdk3", 2))) == [1, 1, 2]
    assert stream.counters == StreamCounters(frames=3)
    damaged = FrameStream()
    assert numbers(damaged.feed(first[:50] + second + of_layout("sdk3", 2))) == [1, 2]
    assert damaged.counters.errors == {"truncated": 1}


# --- sources ----------------------------------------------------------------------------------------------------------


def test_reads_from_anything_that_can_be_read() -> None:
    data = b"".join(map(good, range(1, 6)))
    for chunk_bytes in (1, 100_000):
        stream = FrameStream()
        assert numbers(list(read_frames(io.BytesIO(data), stream, chunk_bytes))) == [1, 2, 3, 4, 5]
        assert stream.counters == StreamCounters(frames=5)


def test_waits_for_nothing_behind_a_frame() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as source:
        ours.settimeout(10.0)
        frames = read_frames(source, FrameStream())
        for number in (1, 2, 3):
            theirs.sendall(good(number))
            assert next(frames).frame_number == number
        theirs.close()
        assert list(frames) == []


class Hesitant:
    """Gives a few bytes, or none for now, or an end."""

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces = list(pieces)

    def read(self, size: int, /) -> bytes | None:
        piece = self.pieces.pop(0)
        if piece is not None and len(piece) > size:
            self.pieces.insert(0, piece[size:])
            return piece[:size]
        return piece


def test_the_end_a_pause_and_bad_content_are_three_things() -> None:
    pause = FrameStream()
    assert numbers(list(read_frames(Hesitant(good(1)[:100], None, good(1)[100:], b""), pause))) == [1]
    assert pause.counters == StreamCounters(frames=1)
    end = FrameStream()
    source = Hesitant(good(1)[:100], b"", good(1)[100:])
    assert list(read_frames(source, end)) == []
    assert len(source.pieces) == 1
    assert end.counters.errors == {"truncated": 1}
    bad = FrameStream()
    assert numbers(list(read_frames(Hesitant(good(1)[:100], b"?", good(1)[100:], good(2), b""), bad))) == [2]
    assert bad.counters.errors == {"bad_tlv": 1}
