import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import Image, PointCloud2, PointField

from mission_core.data import messages
from mission_core.errors import MessageError
from mission_core.gallery.store import Clip
from mission_core.geometry import rep103_to_optical
from mission_core.types import (
    NO_TRACK,
    ActivityOpinion,
    Body,
    CameraModel,
    Candidate,
    DopplerTimeMap,
    RadarFrame,
    Ranking,
    Track,
    TrackedFrame,
)
from mission_ros import conversions

STAMP = 1_700_000_000_123_456_789


def same(first: Any, second: Any) -> bool:
    """Whether two (nested) values of plain data are equal, float32 rounding aside."""
    if dataclasses.is_dataclass(first):
        return type(first) is type(second) and all(
            same(getattr(first, field.name), getattr(second, field.name)) for field in dataclasses.fields(first)
        )
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, np.ndarray | float):
        return np.shape(first) == np.shape(second) and np.allclose(first, second, rtol=1e-6, equal_nan=True)
    return bool(first == second)


def some_points(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, 6)).astype(np.float32)


def some_track(track_id: int) -> Track:
    return Track(
        track_id,
        np.array([1.5, -0.25, 0.9]),
        np.array([0.5, -1.0, 0.0]),
        np.array([0.4, 0.5, 1.7]),
        np.array([0.1, 0.2, 0.3, 0.4]),
        age=2.5,
        num_points=7,
        missed_frames=0,
    )


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, STAMP])
def test_stamp(stamp_ns: int) -> None:
    assert messages.time_ns(conversions.ns_to_stamp(stamp_ns)) == stamp_ns


def test_radar_frame_keeps_every_byte() -> None:
    raw = bytes(range(256)) * 3
    message = conversions.radar_frame_to_msg(RadarFrame(7, some_points(0), "sdk3", raw, {}), STAMP, "radar")
    assert messages.radar_frame(message) == raw
    assert (message.frame_number, message.header.frame_id) == (7, "radar")


@pytest.mark.parametrize("count", [0, 1, 200])
def test_points(count: int) -> None:
    points = some_points(count)
    cloud = conversions.points_to_cloud(points, STAMP, "radar")
    assert (cloud.width, cloud.height, cloud.point_step, cloud.row_step) == (count, 1, 24, 24 * count)
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "doppler", "intensity", "noise"]
    np.testing.assert_array_equal(messages.points(cloud), points)


@pytest.mark.parametrize("count", [0, 5])
def test_tracked_frame(count: int) -> None:
    labels = np.array([NO_TRACK, 3, 3, 8, NO_TRACK], np.int32)[:count]
    frame = TrackedFrame(STAMP, 12, (some_track(3), some_track(8))[: min(count, 2)], some_points(count), labels)
    again = messages.tracked_frame(*conversions.tracked_frame_to_msgs(frame, "radar_room"))
    assert same(frame, again)
    assert again.labels.dtype == np.int32


def test_cloud_that_is_not_finite_says_so() -> None:
    points = some_points(3)
    assert conversions.points_to_cloud(points, STAMP, "radar").is_dense
    points[1, 4] = np.nan
    assert not conversions.points_to_cloud(points, STAMP, "radar").is_dense


def test_reads_the_layout_of_another_publisher() -> None:
    """Other order, padding, double precision, an additional field, big-endian."""
    names = ("noise", "z", "doppler", "rgb", "y", "x", "intensity")
    dtype = np.dtype({"names": names, "formats": [">f8"] * 7, "offsets": range(8, 64, 8), "itemsize": 72})
    points = some_points(4)
    records = np.zeros(4, dtype)
    for column, name in enumerate(conversions.POINT_FIELDS):
        records[name] = points[:, column]
    fields = [PointField(name=n, offset=8 + 8 * i, datatype=PointField.FLOAT64, count=1) for i, n in enumerate(names)]
    cloud = PointCloud2(width=2, height=2, point_step=72, row_step=144, is_bigendian=True, fields=fields)
    cloud.data.frombytes(records.tobytes())
    np.testing.assert_array_equal(messages.points(cloud), points)


def test_cloud_without_a_field_is_refused_by_name() -> None:
    cloud = conversions.points_to_cloud(some_points(2), STAMP, "lidar")
    cloud.fields = [field for field in cloud.fields if field.name != "doppler"]
    with pytest.raises(MessageError, match=r"lidar.* lacks doppler"):
        messages.points(cloud)
    with pytest.raises(MessageError, match="lacks track"):
        messages.labels(cloud)


def test_doppler_map() -> None:
    velocities = np.linspace(-2.0, 1.75, 16, dtype=np.float32)
    values = np.random.default_rng(0).random((16, 30), np.float32)
    doppler = DopplerTimeMap(STAMP, 4, "heatmap", velocities, values, 0.1)
    assert same(doppler, messages.doppler_time_map(conversions.doppler_map_to_msg(doppler, "radar_room")))


def test_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (72, 128, 3), np.uint8)
    message = conversions.image_to_msg(image, STAMP, "camera")
    assert (message.encoding, message.step) == ("bgr8", 384)
    np.testing.assert_array_equal(messages.image(message), image)
    np.testing.assert_array_equal(
        messages.image(conversions.image_to_msg(image[:, ::-1], STAMP, "camera")), image[:, ::-1]
    )


@pytest.mark.parametrize("encoding", ["rgb8", "bgra8", "rgba8", "mono8"])
def test_image_of_another_camera_becomes_bgr(encoding: str) -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    if encoding == "mono8":
        bgr = np.repeat(bgr[:, :, :1], 3, axis=2)
    stored = {
        "rgb8": bgr[:, :, ::-1],
        "bgra8": np.dstack((bgr, bgr[:, :, 0])),
        "rgba8": np.dstack((bgr[:, :, ::-1], bgr[:, :, 0])),
        "mono8": bgr[:, :, 0],
    }[encoding]
    rows = np.pad(stored.reshape(4, -1), ((0, 0), (0, 5)))  # rows may be padded
    message = Image(height=4, width=6, encoding=encoding, step=rows.shape[1])
    message.data.frombytes(rows.tobytes())
    np.testing.assert_array_equal(messages.image(message), bgr)


def test_unknown_encoding_is_refused_by_name() -> None:
    with pytest.raises(MessageError, match="bayer_rggb8"):
        messages.image(Image(encoding="bayer_rggb8"))


def test_camera_model() -> None:
    camera = CameraModel(1280, 720, 608.0, 607.5, 640.0, 361.0)
    message = conversions.camera_model_to_msg(camera, STAMP, "camera")
    assert messages.camera_model(message) == camera
    message.k = np.zeros(9)
    assert messages.camera_model(message) is None


@pytest.mark.parametrize("count", [0, 2])
def test_camera_frame(count: int) -> None:
    rng = np.random.default_rng(0)
    bodies = tuple(
        Body(
            body_id,
            rng.normal(size=(32, 3)).astype(np.float32),
            rng.integers(0, 4, 32).astype(np.uint8),
            rng.random(4, np.float32),
        )
        for body_id in range(count)
    )
    image = conversions.image_to_msg(np.zeros((2, 2, 3), np.uint8), STAMP, "camera")
    frame = messages.camera_frame(image, conversions.bodies_to_msg(bodies, STAMP, "camera"))
    assert frame.stamp_ns == STAMP
    assert same(frame.bodies, bodies)
    assert messages.camera_frame(image).bodies is None


def test_rankings() -> None:
    rankings = (
        Ranking(1, (Candidate("P03", 0.7, "P03-a", 0.5), Candidate("P01", 0.2, "", math.nan)), 0.1, 20),
        Ranking(2, (), 1.0, 3),
    )
    message = conversions.rankings_to_msg(
        rankings, STAMP, "radar_room", model_id="m", model_sha256="ab", gallery_revision=5
    )
    assert message.gallery_revision == 5
    assert same(messages.rankings(message), rankings)


def test_activities() -> None:
    opinions = (ActivityOpinion(1, ("walk", "box"), (0.75, 0.125)), ActivityOpinion(4, (), ()))
    message = conversions.activities_to_msg(opinions, STAMP, "radar_room", model_id="m", model_sha256="ab")
    assert (message.model_id, message.header.frame_id) == ("m", "radar_room")
    assert messages.activities(message) == opinions
    assert messages.activities(conversions.activities_to_msg((), STAMP, "", model_id="m", model_sha256="a")) == ()


def test_gallery_tells_no_features() -> None:
    clips = [
        Clip("P03", f"P03-{i}", np.zeros((20, 8), np.float32), STAMP, expires_ns=STAMP + 1, consent_reference="form 7")
        for i in range(2)
    ]
    message = conversions.clip_to_msg(clips[0])
    assert (message.person_id, message.clip_id, message.consent_reference) == ("P03", "P03-0", "form 7")
    assert messages.time_ns(message.expires) == STAMP + 1
    info = conversions.gallery_info_to_msg(clips, 9, "ab", STAMP)
    assert (info.num_persons, info.num_clips, info.person_ids, info.revision) == (1, 2, ["P03"], 9)
    assert conversions.gallery_info_to_msg([], 0, "ab", STAMP).person_ids == []


def test_diagnostics() -> None:
    message = conversions.diagnostics_to_msg("mission/reid", "", 2, "no model", {"rate_hz": 10.0, "n": 3}, STAMP)
    assert messages.diagnostics(message) == [("mission/reid", 2, "no model", {"rate_hz": "10", "n": "3"})]


def test_transform_rotates_as_the_matrix_does() -> None:
    rotation = rep103_to_optical(np.eye(3))  # columns: the optical axes in REP-103
    transform = conversions.transform_to_msg("room", "camera", np.array([0.0, 0.0, 1.4]), rotation, STAMP).transform
    q = transform.rotation
    forward = np.array([2 * (q.x * q.z + q.w * q.y), 2 * (q.y * q.z - q.w * q.x), 1 - 2 * (q.x**2 + q.y**2)])
    np.testing.assert_allclose(forward, [1.0, 0.0, 0.0], atol=1e-12)  # optical z looks along x
    assert transform.translation.z == 1.4
