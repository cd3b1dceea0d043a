"""Reads ROS messages into the plain data of mission_core: those of a bag (rosbags) and live ones (rclpy) alike.

Both present a message as an object with the attributes of its `.msg` file; arrays are numpy's there and `array.array`
here, which offer the same memory. So there is one reader for each message, and it needs no ROS.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import MessageError
from mission_core.types import (
    ActivityOpinion,
    Body,
    CameraFrame,
    CameraModel,
    Candidate,
    DopplerTimeMap,
    Float64Array,
    ImageArray,
    Int32Array,
    Points,
    Ranking,
    Track,
    TrackedFrame,
)

POINT_FIELDS = ("x", "y", "z", "doppler", "intensity", "noise")
"""Fields of `radar/points`, float32, in the order of `mission_core.types.Column`."""
LABEL_FIELD = "track"
"""Additional int32 field of `radar/points_labelled`."""

_CHANNELS = {"bgr8": 3, "rgb8": 3, "bgra8": 4, "rgba8": 4, "mono8": 1}
_NUMPY_OF_FIELD = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}  # sensor_msgs/PointField


def time_ns(time: Any) -> int:
    """Nanoseconds since the epoch of a builtin_interfaces/Time."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def stamp_ns(message: Any) -> int:
    """Time of a message's header [ns]."""
    return time_ns(message.header.stamp)


# --- radar -------------------------------------------------------------------------------------------------------


def radar_frame(message: Any) -> bytes:
    """The bytes of a mission_msgs/RadarFrame, for `mission_core.radar.tlv.decode_frame`."""
    return bytes(message.data)


def points(cloud: Any) -> Points:
    """(N, 6) detections of a sensor_msgs/PointCloud2; fields are found by name, so any layout is read.

    Raises:
        MessageError: the cloud lacks a field of `POINT_FIELDS`, or contradicts itself.
    """
    records = _records(cloud, POINT_FIELDS)
    return np.stack([records[name].astype(np.float32) for name in POINT_FIELDS], axis=-1)


def labels(cloud: Any) -> Int32Array:
    """(N,) track ids of a labelled cloud.

    Raises:
        MessageError: the cloud has no labels, or contradicts itself.
    """
    return _records(cloud, (LABEL_FIELD,))[LABEL_FIELD].astype(np.int32)


def _records(cloud: Any, needed: Sequence[str]) -> NDArray[np.void]:
    """The points of a cloud as a structured array, without copying."""
    fields = {field.name: field for field in cloud.fields if field.count == 1}
    missing = [name for name in needed if name not in fields]
    if missing:
        raise MessageError(
            f"the point cloud of {cloud.header.frame_id!r} lacks {', '.join(missing)}; it has {', '.join(fields)}. "
            f"mission needs {', '.join(needed)}: check that the topic is the one of radar_driver or radar_tracker"
        )
    unknown = [field.name for field in fields.values() if field.datatype not in _NUMPY_OF_FIELD]
    if unknown or len(cloud.data) < cloud.width * cloud.height * cloud.point_step:
        raise MessageError(
            f"the point cloud of {cloud.header.frame_id!r} contradicts itself: {len(cloud.data)} bytes for "
            f"{cloud.width * cloud.height} points of {cloud.point_step} bytes, unknown datatypes of {unknown}"
        )
    order = ">" if cloud.is_bigendian else "<"
    dtype = np.dtype(
        {
            "names": list(fields),
            "formats": [order + _NUMPY_OF_FIELD[field.datatype] for field in fields.values()],
            "offsets": [field.offset for field in fields.values()],
            "itemsize": cloud.point_step,
        }
    )
    return np.frombuffer(cloud.data, dtype, count=cloud.width * cloud.height)


def tracks(message: Any) -> tuple[Track, ...]:
    """Tracks of a mission_msgs/RadarTrackArray."""
    return tuple(
        Track(
            track_id=int(track.track_id),
            position=_xyz(track.position),
            velocity=_xyz(track.velocity),
            size=_xyz(track.size),
            variance=np.array(track.variance, np.float64),
            age=float(track.age),
            num_points=int(track.num_points),
            missed_frames=int(track.missed_frames),
        )
        for track in message.tracks
    )


def tracked_frame(message: Any, cloud: Any) -> TrackedFrame:
    """The tracker's frame, from its tracks and its labelled cloud of the same stamp.

    Raises:
        MessageError: the cloud cannot be used.
    """
    return TrackedFrame(
        stamp_ns=stamp_ns(message),
        frame_number=int(message.frame_number),
        tracks=tracks(message),
        points=points(cloud),
        labels=labels(cloud),
    )


def doppler_time_map(message: Any) -> DopplerTimeMap:
    """Map of a mission_msgs/DopplerTimeMap; its velocity bins are evenly spaced."""
    num_bins = int(message.num_bins)
    return DopplerTimeMap(
        stamp_ns=stamp_ns(message),
        track_id=int(message.track_id),
        kind=message.kind,
        velocities=np.linspace(message.velocity_min, message.velocity_max, num_bins, dtype=np.float32),
        values=np.array(message.data, np.float32).reshape(num_bins, int(message.num_frames)),
        frame_period=float(message.frame_period),
    )


def _xyz(message: Any) -> Float64Array:
    """Of a Point or Vector3."""
    return np.array((message.x, message.y, message.z))


# --- camera ------------------------------------------------------------------------------------------------------


def image(message: Any) -> ImageArray:
    """(H, W, 3) BGR picture of a sensor_msgs/Image in bgr8, rgb8, bgra8, rgba8 or mono8.

    Raises:
        MessageError: the encoding is another one, or the data are not of the size that the message tells.
    """
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise MessageError(f"images encoded as {message.encoding!r} are not understood: publish {', '.join(_CHANNELS)}")
    if len(message.data) != message.height * message.step or message.step < message.width * channels:
        raise MessageError(
            f"an image contradicts itself: {len(message.data)} bytes for {message.height} rows of {message.step} "
            f"bytes with {message.width} {message.encoding} pixels each"
        )
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    picture = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    if channels == 1:
        return np.repeat(picture, 3, axis=2)
    return np.ascontiguousarray(picture[:, :, 2::-1] if message.encoding.startswith("rgb") else picture[:, :, :3])


def camera_model(message: Any) -> CameraModel | None:
    """Intrinsics of a sensor_msgs/CameraInfo; None for an uncalibrated camera (its focal length is 0)."""
    k = message.k
    if not k[0]:
        return None
    return CameraModel(
        int(message.width), int(message.height), fx=float(k[0]), fy=float(k[4]), cx=float(k[2]), cy=float(k[5])
    )


def bodies(message: Any) -> tuple[Body, ...]:
    """Skeletons of a mission_msgs/BodyArray."""
    return tuple(
        Body(
            body_id=int(body.body_id),
            joints=np.array([(joint.x, joint.y, joint.z) for joint in body.joints], np.float32),
            confidence=np.array(body.confidence, np.uint8),
            box=np.array(body.box, np.float32),
        )
        for body in message.bodies
    )


def camera_frame(picture: Any, skeletons: Any | None = None, info: Any | None = None) -> CameraFrame:
    """A picture with what else is known of it.

    Raises:
        MessageError: the picture cannot be read.
    """
    return CameraFrame(
        stamp_ns=stamp_ns(picture),
        image=image(picture),
        camera=None if info is None else camera_model(info),
        bodies=None if skeletons is None else bodies(skeletons),
    )


# --- identities and diagnostics ----------------------------------------------------------------------------------


def rankings(message: Any) -> tuple[Ranking, ...]:
    """Rankings of a mission_msgs/RankedIdentitiesArray."""
    return tuple(
        Ranking(
            track_id=int(ranking.track_id),
            candidates=tuple(
                Candidate(entry.person_id, float(entry.score), entry.clip_id, float(entry.distance))
                for entry in ranking.candidates
            ),
            unknown=float(ranking.unknown),
            frames_used=int(ranking.frames_used),
        )
        for ranking in message.identities
    )


def activities(message: Any) -> tuple[ActivityOpinion, ...]:
    """Opinions of a mission_msgs/ActivityArray."""
    return tuple(
        ActivityOpinion(int(each.track_id), tuple(each.activities), tuple(map(float, each.probabilities)))
        for each in message.activities
    )


def diagnostics(message: Any) -> list[tuple[str, int, str, dict[str, str]]]:
    """(name, level, message, values) of each component of a diagnostic_msgs/DiagnosticArray."""
    return [
        (status.name, int.from_bytes(status.level, "little"), status.message, {v.key: v.value for v in status.values})
        for status in message.status
    ]
