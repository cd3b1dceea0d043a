"""What was worked out for one frame holds for others that are made up alike, and for no others."""

import struct

import pytest
from radar_frames import ONE_POINT, frame_of

from mission_core.errors import FrameError
from mission_core.radar import plan as plan_module
from mission_core.radar.layout import SDK3
from mission_core.radar.plan import plan_of
from mission_core.radar.tlv import decode_frame, typed_views

POINT = struct.pack("<4f", 1.0, 2.0, 0.5, -1.0)
SIDE = struct.pack("<2h", 200, 100)


def test_frames_that_are_made_up_alike_have_one_plan() -> None:
    first = plan_of(frame_of("sdk3", (1, POINT), (7, SIDE), number=1), SDK3)
    assert plan_of(frame_of("sdk3", (1, POINT[::-1]), (7, SIDE), number=2), SDK3) is first
    assert plan_of(frame_of("sdk3", (1, 2 * POINT), (7, 2 * SIDE), number=3), SDK3) is not first


def test_what_a_frame_is_made_up_of() -> None:
    plan = plan_of(frame_of("sdk3", (1, 2 * POINT), (77, b"abc"), (7, 2 * SIDE), (2, bytes(8)), (77, b"")), SDK3)
    assert [(block.number, block.length) for block in plan.blocks] == [(1, 32), (77, 3), (7, 8), (2, 8), (77, 0)]
    assert plan.detections is not None
    assert plan.detections.number == 2
    assert [block.number for block in plan.parts] == [2]
    assert plan.unknown_tlvs == {77: 2}


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (((1, POINT), (7, SIDE + SIDE), (2, b"")), "side information is of 2 detections"),
        (((1, POINT), (1, POINT[:4]), (2, b"")), "TLV 1 has 4 bytes"),
        (((1, POINT), (2, SIDE), (2, b"")), "occurs twice"),
    ],
)
def test_a_known_shape_is_not_believed_of_other_blocks(blocks: tuple[tuple[int, bytes], ...], message: str) -> None:
    told = {"num_points": 1, "num_tlvs": 3}
    sound = frame_of("sdk3", (1, POINT), (7, SIDE), (2, b""), **told)  # type: ignore[arg-type]
    wrong = frame_of("sdk3", *blocks, **told)  # type: ignore[arg-type]
    assert len(wrong) == len(sound)
    decode_frame(sound)
    with pytest.raises(FrameError, match=message):
        decode_frame(wrong, SDK3)
    assert len(decode_frame(sound).points) == 1


@pytest.mark.parametrize("size", [7, 39, 40, 50, 63])
def test_a_frame_of_known_shape_that_is_cut_off(size: int) -> None:
    raw = frame_of("sdk3", (1, POINT))
    typed_views(raw, SDK3)
    with pytest.raises(FrameError) as caught:
        typed_views(raw[:size], SDK3)
    assert caught.value.kind == "truncated"


def test_plans_of_another_layout_are_others() -> None:
    for name in ONE_POINT:
        decode_frame(frame_of(name, ONE_POINT[name]))
    assert decode_frame(frame_of("long_range", ONE_POINT["long_range"])).layout == "long_range"


def test_damage_does_not_pile_up_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "MOST_PLANS", 5)
    for size in range(20):
        plan_of(frame_of("sdk3", (99, bytes(size)), num_points=1000 + size), SDK3)
        assert len(plan_module._plans[SDK3]) <= 5
