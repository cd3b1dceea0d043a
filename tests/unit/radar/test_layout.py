"""Which header a frame has."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from radar_frames import HEADER_BYTES, ONE_POINT, frame_of

from mission_core.errors import ConfigurationError, FrameError
from mission_core.radar.layout import LAYOUTS, PEOPLE_COUNTING, TRACKING_2D, Layout, checksum_of, layouts_named
from mission_core.radar.tlv import decode_frame, tells_its_layout


def fits(raw: bytes, layout: Layout) -> bool:
    try:
        return tells_its_layout(decode_frame(raw, layout))
    except FrameError:
        return False


@pytest.mark.parametrize("name", HEADER_BYTES)
def test_the_header_is_the_one_with_which_a_frame_adds_up(name: str) -> None:
    raw = frame_of(name, ONE_POINT[name], number=300)
    assert decode_frame(raw).layout == name
    assert [each.name for each in LAYOUTS.values() if fits(raw, each)] == [name]
    header = LAYOUTS[name].header(raw)
    assert LAYOUTS[name].header_bytes == HEADER_BYTES[name]
    assert (header.version, header.platform, header.frame_number) == (0x03050004, 0xA6843, 300)
    assert (header.packet_bytes, header.num_tlvs) == (len(raw), 1)
    frame = decode_frame(raw)
    assert (frame.layout, frame.frame_number, len(frame.points)) == (name, 300, 1)


@given(
    st.sampled_from(sorted(HEADER_BYTES)),
    st.lists(st.tuples(st.integers(2000, 3000), st.binary(max_size=64)), max_size=4),
    st.integers(1, 2**32 - 1),
    st.binary(min_size=1, max_size=32),
)
def test_neither_unknown_blocks_nor_padding_make_it_another(
    name: str, unknown: list[tuple[int, bytes]], number: int, padding: bytes
) -> None:
    raw = frame_of(name, *unknown, ONE_POINT[name], number=number, padding=padding)
    assert decode_frame(raw).layout == name


def test_a_frame_without_blocks_is_taken_for_one_of_the_out_of_box_demo() -> None:
    assert decode_frame(frame_of("sdk3")).layout == "sdk3"


@pytest.mark.parametrize("name", HEADER_BYTES)
def test_a_damaged_frame_is_not_taken_for_one_of_another_layout(name: str) -> None:
    raw = frame_of(name, ONE_POINT[name], (2000, bytes(3)))
    where = HEADER_BYTES[name] + 4  # length of the first block
    for length in range(64):
        damaged = raw[:where] + length.to_bytes(4, "little") + raw[where + 4 :]
        if damaged != raw and not fits(damaged, LAYOUTS[name]):
            with pytest.raises(FrameError):
                decode_frame(damaged)


def test_a_layout_can_be_named() -> None:
    assert [each.name for each in layouts_named("auto")] == list(LAYOUTS)
    assert layouts_named("long_range") == (LAYOUTS["long_range"],)
    with pytest.raises(ConfigurationError, match=r"no radar layout 'sdk4', expected auto or one of sdk3, sdk2"):
        layouts_named("sdk4")


def test_a_block_whose_length_does_not_even_cover_itself() -> None:
    raw = frame_of("people_counting", (11, bytes(4)))
    damaged = raw[:52] + (7).to_bytes(4, "little") + raw[56:]
    with pytest.raises(FrameError, match="TLV 11 of -1 bytes") as caught:
        decode_frame(damaged, PEOPLE_COUNTING)
    assert caught.value.kind == "bad_tlv"


def test_checksum_of_the_header() -> None:
    raw = frame_of("tracking_2d", ONE_POINT["tracking_2d"])
    assert checksum_of(raw, TRACKING_2D) == TRACKING_2D.header(raw).checksum


def test_a_real_frame_of_people_counting(mission_data: Path) -> None:
    raw = (mission_data / "uart_captures" / "pc3d_48B_frame1.bin").read_bytes()
    assert decode_frame(raw).layout == "people_counting"
    header = PEOPLE_COUNTING.header(raw)
    assert (header.version, header.platform, header.frame_number) == (0x03050004, 0xA6843, 1)
    assert header.checksum == checksum_of(raw, PEOPLE_COUNTING) == 0x530F
