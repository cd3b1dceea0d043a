"""What is in a frame's blocks, from bytes laid out by hand; detections and targets in REP-103 axes."""

import contextlib
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radar_frames import ONE_POINT, compressed, frame_of

from mission_core.errors import FrameError
from mission_core.radar.contents import KINDS
from mission_core.radar.layout import SDK2, SDK3
from mission_core.radar.tlv import decode_frame, typed_views
from mission_core.types import RadarContents, Stats, Targets


def contents_of(layout: str, *tlvs: tuple[int, bytes]) -> RadarContents:
    frame = decode_frame(frame_of(layout, *tlvs))
    assert frame.layout == layout
    assert frame.unknown_tlvs == {}
    return frame.contents


def points_of(layout: str, *tlvs: tuple[int, bytes]) -> list[list[float]]:
    frame = decode_frame(frame_of(layout, *tlvs))
    assert frame.layout == layout
    return frame.points.round(3).tolist()


# --- detections -------------------------------------------------------------------------------------------------------

RANGE, AZIMUTH, ELEVATION = 2.0, 0.5, 0.25  # TI's azimuth: 0.5 rad to the right
AT = [
    RANGE * math.cos(ELEVATION) * math.cos(AZIMUTH),
    -RANGE * math.cos(ELEVATION) * math.sin(AZIMUTH),
    RANGE * math.sin(ELEVATION),
]
SPHERICAL = struct.pack("<4f", RANGE, AZIMUTH, ELEVATION, -1.25)


@pytest.mark.parametrize(("layout", "kind"), [("sdk3", 1000), ("area_scanner", 1), ("long_range", 6)])
def test_spherical_detections(layout: str, kind: int) -> None:
    assert points_of(layout, (kind, SPHERICAL)) == [pytest.approx([*AT, -1.25, 0.0, 0.0], abs=1e-3)]


@pytest.mark.parametrize(("layout", "kind"), [("sdk3", 1020), ("people_counting", 6)])
def test_compressed_detections(layout: str, kind: int) -> None:
    (point,) = points_of(layout, (kind, compressed((12, 65, -249, 2782, 263))))
    assert point == pytest.approx([0.550, -0.418, 0.083, -0.070, 10 * math.log10(10.52), 0.0], abs=1e-3)


def test_an_snr_of_nothing_is_the_least_that_can_be_told_and_finite() -> None:
    (point,) = points_of("people_counting", (6, compressed((0, 0, 0, 4000, 0))))
    assert point[4] == pytest.approx(10 * math.log10(0.04), abs=1e-3)


def test_no_compressed_detections() -> None:
    assert points_of("people_counting", (6, compressed()), (11, struct.pack("<I", 0))) == []


def test_real_detections_of_people_counting(mission_data: Path) -> None:
    frame = decode_frame((mission_data / "uart_captures" / "pc3d_48B_frame1.bin").read_bytes())
    np.testing.assert_allclose(
        frame.points[:, :4],
        [
            [0.550, -0.418, 0.083, 0.0697],
            [0.545, -0.423, 0.083, -0.0697],
            [0.595, -0.462, 0.091, 0.0697],
            [0.488, -0.395, 0.076, -0.0697],
        ],
        atol=6e-4,
    )
    assert frame.points[0, 4] == pytest.approx(10 * math.log10(10.52), abs=0.01)


def test_detections_in_two_dimensions() -> None:
    flat = struct.pack("<4f", RANGE, AZIMUTH, -1.25, 10.0)
    expected = [RANGE * math.cos(AZIMUTH), -RANGE * math.sin(AZIMUTH), 0.0, -1.25, 10.0, 0.0]
    assert points_of("tracking_2d", (6, flat)) == [pytest.approx(expected, abs=1e-3)]


@pytest.mark.parametrize("num_points", [1, 8, 16])
def test_compressed_detections_in_two_dimensions(num_points: int) -> None:
    units = struct.pack("<4f", 0.01, 0.1, 0.001, 0.1)  # 8 points have as many bytes as 4 of floats
    payload = units + struct.pack("<2b2H", 50, -12, 2000, 100) * num_points
    expected = [RANGE * math.cos(0.5), -RANGE * math.sin(0.5), 0.0, -1.2, 10.0, 0.0]
    assert points_of("tracking_2d", (6, payload)) == [pytest.approx(expected, abs=1e-3)] * num_points


def test_detections_of_sdk_2_in_fixed_point() -> None:
    frame = decode_frame(frame_of("sdk2", ONE_POINT["sdk2"]))
    assert frame.points.tolist() == [[4.0, -1.0, 0.5, 0.0, 0.0, 0.0]]
    assert frame.contents["doppler_bins"].tolist() == [-5]


def test_sdk_2_without_detections() -> None:
    assert points_of("sdk2", (1, b""), (2, bytes(512))) == []


@pytest.mark.parametrize("payload", [struct.pack("<2H", 2, 8) + bytes(12), struct.pack("<2H", 1, 16) + bytes(12)])
def test_detections_of_sdk_2_that_contradict_themselves(payload: bytes) -> None:
    with pytest.raises(FrameError, match=r"points in 2\^-"):
        decode_frame(frame_of("sdk2", (1, payload), (2, bytes(4))), SDK2)


@pytest.mark.parametrize(("layout", "points", "side"), [("sdk3", 1, 7), ("area_scanner", 1, 7), ("long_range", 6, 9)])
def test_side_information_is_signed(layout: str, points: int, side: int) -> None:
    (point,) = points_of(layout, (points, SPHERICAL), (side, struct.pack("<2h", 153, -1)))
    assert point[4:] == pytest.approx([15.3, -0.1])


def test_static_detections_of_the_area_scanner() -> None:
    static = contents_of(
        "area_scanner",
        (1, SPHERICAL),
        (8, struct.pack("<4f", 1.0, 4.0, 0.5, 0.0)),
        (9, struct.pack("<2h", 153, -1)),
    )["static_points"]
    np.testing.assert_allclose(static, [[4.0, -1.0, 0.5, 0.0, 15.3, -0.1]], rtol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_detections_at_no_place_are_dropped_and_counted(value: float) -> None:
    bad = struct.pack("<4f", value, AZIMUTH, ELEVATION, 0.0)
    frame = decode_frame(frame_of("sdk3", (1000, SPHERICAL + bad)))
    assert (len(frame.points), frame.nonfinite_points) == (1, 1)


# --- profiles, maps, words --------------------------------------------------------------------------------------------


def test_profiles_and_maps_of_the_out_of_box_demo() -> None:
    found = contents_of(
        "sdk3",
        (1, b""),
        (2, struct.pack("<3H", 1, 2, 65535)),
        (3, struct.pack("<3H", 4, 5, 6)),
        (4, struct.pack("<4h", -2, 1, 300, -400)),
        (5, struct.pack("<2H", 7, 8)),
        (8, struct.pack("<2h", 1, 0)),
    )
    assert found["range_profile"].tolist() == [1, 2, 65535]
    assert found["noise_profile"].tolist() == [4, 5, 6]
    assert found["azimuth_heatmap"].tolist() == [1 - 2j, -400 + 300j]  # the imaginary part comes first
    assert found["range_doppler"].tolist() == [7, 8]
    assert found["antenna_heatmap"].tolist() == [1j]


def test_what_the_processor_tells_of_itself() -> None:
    celsius = (40, 41, 42, 43, 50, 51, 52, 60, 61, 0)
    found = contents_of(
        "sdk3", (1, b""), (6, struct.pack("<6I", 1, 2, 3, 4, 5, 6)), (9, struct.pack("<iI10h", 0, 9000, *celsius))
    )
    assert found["stats"] == Stats(1, 2, 3, 4, 5, 6)
    temperatures = found["temperatures"]
    assert (temperatures.valid, temperatures.time_ms) == (True, 9000)
    assert temperatures.receivers + temperatures.transmitters + (temperatures.power, *temperatures.digital) == celsius
    failed = contents_of("sdk3", (1, b""), (9, struct.pack("<iI10h", -1, 9000, *celsius)))
    assert not failed["temperatures"].valid


def test_vital_signs() -> None:
    waves = [0.5 * i for i in range(30)]
    found = contents_of("sdk3", (1, b""), (1040, struct.pack("<2H33f", 3, 57, 0.25, 72.0, 14.0, *waves)))["vital_signs"]
    assert found[:5] == (3, 57, 0.25, 72.0, 14.0)
    assert found.heart_wave + found.breath_wave == tuple(waves)


def test_vital_signs_of_the_lab_for_one_person() -> None:
    floats = [float(i) for i in range(28)]
    payload = struct.pack("<2HfI2H28f", 20, 21, 1.0, 999, 10, 30, *floats)
    found = contents_of("sdk3", (1, b""), (6, payload))["vital_signs"]
    assert (found.range_bin, found.heart_rate, found.breath_rate) == (21, 3.0, 7.0)


def test_what_else_the_toolbox_sends() -> None:
    features, probabilities = (struct.pack("<10f", *range(start, start + 10)) for start in (0, 10))
    found = contents_of(
        "sdk3",
        (1020, compressed()),
        (1021, struct.pack("<I", 1)),
        (1030, struct.pack("<I", 5)),
        (1031, struct.pack("<f", 0.75)),
        (1033, struct.pack("<f?", 1.5, True)),
        (1050, features),
        (1051, probabilities),
    )
    assert (found["presence"], found["occupancy"], found["surface"], found["velocity"]) == (1, 5, 0.75, (1.5, True))
    assert found["gesture_features"].tolist() == list(range(10))
    assert found["gesture_probabilities"].tolist() == list(range(10, 20))
    assert contents_of("people_counting", (11, struct.pack("<I", 1)))["presence"] == 1


def test_types_of_other_chips_are_skipped_by_length_and_counted() -> None:
    raw = frame_of("sdk3", (301, bytes(44)), ONE_POINT["sdk3"], (308, bytes(7)), (310, b""), (308, b""))
    frame = decode_frame(raw)
    assert len(frame.points) == 1
    assert frame.unknown_tlvs == {301: 1, 308: 2, 310: 1}


@pytest.mark.parametrize(
    ("kind", "length", "expected"),
    [
        (6, 23, r"expected 24 \(stats\) or 128 \(vital_signs\)"),
        (9, 27, r"expected 28 \(temperatures\)"),
        (1020, 19, r"expected 20 and a multiple of 8 \(points\)"),
        (1020, 27, r"expected 20 and a multiple of 8 \(points\)"),
        (1040, 135, r"expected 136"),
        (1033, 6, r"expected 5 \(velocity\) or 8"),
    ],
)
def test_impossible_lengths_are_named(kind: int, length: int, expected: str) -> None:
    with pytest.raises(FrameError, match=rf"TLV {kind} has {length} bytes, {expected}") as caught:
        decode_frame(frame_of("sdk3", (kind, bytes(length))))
    assert caught.value.kind == "bad_tlv"


# --- targets ----------------------------------------------------------------------------------------------------------


def target(num_bytes: int, target_id: int) -> bytes:
    """2 m ahead, 1 m to the right, 1.5 m up; velocity and acceleration are that times 0.1 and 0.01 and the id."""
    x, y, z = 1.0, 2.0, 1.5
    place, speed, change = ((x * f, y * f, z * f) for f in (1.0, 0.1 * target_id, 0.01 * target_id))
    matrix = tuple(float(1 + i) for i in range(16))
    match num_bytes:
        case 112:
            words = (*place, *speed, *change, *matrix, 3.5, 0.9)
        case 108:
            words = (*place[:2], *speed[:2], *change[:2], place[2], speed[2], change[2], *matrix, 3.5)
        case 72:
            words = (*place[:2], *speed[:2], *change[:2], *matrix[:9], 3.5, 0.9)
        case 68:
            words = (*place[:2], *speed[:2], *change[:2], *matrix[:9], 3.5)
        case 40:
            words = (*place[:2], *speed[:2], *change[:2], place[2], speed[2], change[2])
        case _:
            words = (*place[:2], *speed[:2], *change[:2])
    packed = struct.pack(f"<I{len(words)}f", target_id, *words)
    assert len(packed) == num_bytes
    return packed


def targets_of(layout: str, kind: int, payload: bytes) -> Targets:
    return contents_of(layout, ONE_POINT[layout], (kind, payload))["targets"]


@pytest.mark.parametrize(
    ("layout", "kind", "num_bytes"),
    [
        *(("sdk3", 1010, size) for size in (112, 108, 72, 68, 40, 28)),
        *(("people_counting", 7, 112), ("people_counting", 7, 108), ("long_range", 7, 112)),
        *(("area_scanner", 10, 40), ("tracking_2d", 7, 68), ("tracking_2d", 7, 28)),
    ],
)
@pytest.mark.parametrize("num_targets", [1, 2, 4, 27, 28])  # 28 of 108 bytes are as long as 27 of 112, 4 of 28 as 1
def test_targets_of_every_size(layout: str, kind: int, num_bytes: int, num_targets: int) -> None:
    found = targets_of(layout, kind, b"".join(target(num_bytes, i) for i in range(num_targets)))
    up = 1.5 if num_bytes in (112, 108, 40) else 0.0
    assert found.ids.tolist() == list(range(num_targets))
    np.testing.assert_allclose(found.positions, [[2.0, -1.0, up]] * num_targets)
    np.testing.assert_allclose(found.velocities, np.outer(0.1 * found.ids, [2.0, -1.0, up]), atol=1e-6)
    np.testing.assert_allclose(found.accelerations, np.outer(0.01 * found.ids, [2.0, -1.0, up]), atol=1e-6)
    assert (found.gains is not None) == (found.covariances is not None) == (num_bytes > 40)
    assert (found.confidences is not None) == (num_bytes in (112, 72))
    if found.gains is not None:
        assert set(found.gains.tolist()) == {3.5}
    if found.confidences is not None:
        assert set(found.confidences.round(6).tolist()) == {np.float32(0.9).round(6)}


def test_the_covariance_turns_with_the_azimuth() -> None:
    found = targets_of("sdk3", 1010, target(112, 1)).covariances
    assert found is not None
    assert found[0].tolist() == [[1, -2, 3, 4], [-5, 6, -7, -8], [9, -10, 11, 12], [13, -14, 15, 16]]
    found = targets_of("sdk3", 1010, target(72, 1)).covariances
    assert found is not None
    assert found[0].tolist() == [[1, -2, 3], [-4, 5, -6], [7, -8, 9]]


def test_no_targets() -> None:
    assert targets_of("sdk3", 1010, b"").positions.shape == (0, 3)


def test_what_cannot_be_targets_is_damage() -> None:
    with pytest.raises(FrameError, match="116 bytes are no targets of 112, 108") as caught:
        decode_frame(frame_of("sdk3", ONE_POINT["sdk3"], (1010, target(112, 1) + bytes(4))))
    assert caught.value.kind == "bad_tlv"


@pytest.mark.parametrize(("layout", "kind"), [("sdk3", 1011), ("people_counting", 8), ("area_scanner", 11)])
def test_targets_of_the_points_of_the_frame_before(layout: str, kind: int) -> None:
    found = contents_of(layout, ONE_POINT[layout], (kind, bytes((0, 3, 253, 254, 255))))
    assert found["target_index"].tolist() == [0, 3, 253, 254, 255]


def test_heights_come_upper_end_first() -> None:
    found = contents_of("sdk3", ONE_POINT["sdk3"], (1012, struct.pack("<I2fI2f", 3, 1.75, 0.25, 4, 1.5, 0.5)))
    assert found["target_heights"] == {3: (0.25, 1.75), 4: (0.5, 1.5)}


def test_views_are_the_firmwares_own_numbers() -> None:
    raw = frame_of("sdk3", ONE_POINT["sdk3"], (7, struct.pack("<2h", 153, -1)), (6, bytes(24)), (301, b"abc"))
    views = typed_views(raw, SDK3)
    assert set(views) == {1, 7, 6}
    assert views[1].tolist() == [[1.0, 4.0, 0.5, -1.25]]
    assert views[7].tolist() == [[153, -1]]
    assert views[6].nbytes == 24
    with pytest.raises(FrameError, match="were given"):
        typed_views(raw[:-32], SDK3)


# --- anything ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@settings(max_examples=500)
@given(st.data())
def test_any_bytes_are_decoded_or_refused(data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(list(KINDS)))
    number = data.draw(st.sampled_from(sorted(KINDS[layout])))
    kind = data.draw(st.sampled_from(KINDS[layout][number]))
    item_bytes = 0 if kind.item is None else kind.item.itemsize
    length = kind.head_bytes + item_bytes * data.draw(st.integers(0, 30))
    payload = data.draw(st.one_of(st.binary(min_size=length, max_size=length), st.binary(max_size=200)))
    with contextlib.suppress(FrameError):
        frame = decode_frame(frame_of(layout.name, (number, payload)), layout)
        assert frame.points.shape[1:] == (6,)
        assert np.isfinite(frame.points).all()
