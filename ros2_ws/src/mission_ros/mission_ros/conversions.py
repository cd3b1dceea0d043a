"""Makes ROS messages of the plain data of mission_core; `mission_core.data.messages` reads them again.

Arrays go into messages as `array.array`, which rclpy copies as one block; see docs/decisions.md for the timings.
"""

import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Quaternion, Transform, TransformStamped, Vector3
from mission_msgs import msg as mission_msgs
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from mission_core.data.messages import LABEL_FIELD, POINT_FIELDS
from mission_core.radar.heatmaps import Heatmap
from mission_core.types import (
    ActivityOpinion,
    Body,
    CameraModel,
    DopplerTimeMap,
    Float32Array,
    Float64Array,
    ImageArray,
    Int32Array,
    Points,
    RadarFrame,
    Ranking,
    Track,
    TrackedFrame,
    VitalSigns,
)

if TYPE_CHECKING:
    from mission_core.gallery.store import Clip

_POINT = np.dtype([(name, "<f4") for name in POINT_FIELDS])
_LABELLED_POINT = np.dtype([*((name, "<f4") for name in POINT_FIELDS), (LABEL_FIELD, "<i4")])
_FIELD_OF_NUMPY = {np.dtype("<f4"): PointField.FLOAT32, np.dtype("<i4"): PointField.INT32}


# --- time and header ---------------------------------------------------------------------------------------------


def ns_to_stamp(stamp_ns: int) -> Time:
    """Time message of nanoseconds since the epoch."""
    seconds, nanoseconds = divmod(int(stamp_ns), 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds)


def make_header(stamp_ns: int, frame_id: str = "") -> Header:
    """Header of a measurement taken at `stamp_ns` in `frame_id`."""
    return Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame_id)


# --- radar -------------------------------------------------------------------------------------------------------


def radar_frame_to_msg(frame: RadarFrame, stamp_ns: int, frame_id: str) -> mission_msgs.RadarFrame:
    """The bytes of a frame, as they came off the wire."""
    return mission_msgs.RadarFrame(
        header=make_header(stamp_ns, frame_id), frame_number=frame.frame_number, data=array.array("B", frame.raw)
    )


def points_to_cloud(points: Points, stamp_ns: int, frame_id: str, labels: Int32Array | None = None) -> PointCloud2:
    """Point cloud of (N, 6) detections, with a `track` field where (N,) labels are given."""
    records = np.empty(len(points), _POINT if labels is None else _LABELLED_POINT)
    for column, name in enumerate(POINT_FIELDS):
        records[name] = points[:, column]
    if labels is not None:
        records[LABEL_FIELD] = labels
    return PointCloud2(
        header=make_header(stamp_ns, frame_id),
        height=1,
        width=len(records),
        fields=[
            PointField(name=name, offset=field[1], datatype=_FIELD_OF_NUMPY[field[0]], count=1)
            for name, field in (records.dtype.fields or {}).items()
        ],
        is_bigendian=False,
        point_step=records.itemsize,
        row_step=records.nbytes,
        data=array.array("B", records.tobytes()),
        is_dense=bool(np.isfinite(points).all()),
    )


def tracked_frame_to_msgs(frame: TrackedFrame, frame_id: str) -> tuple[mission_msgs.RadarTrackArray, PointCloud2]:
    """Tracks and labelled cloud of one radar frame, under one stamp."""
    tracks = tracks_to_msg(frame.tracks, frame.stamp_ns, frame.frame_number, frame_id)
    return tracks, points_to_cloud(frame.points, frame.stamp_ns, frame_id, frame.labels)


def tracks_to_msg(
    tracks: Sequence[Track], stamp_ns: int, frame_number: int, frame_id: str
) -> mission_msgs.RadarTrackArray:
    """Tracks of one radar frame."""
    return mission_msgs.RadarTrackArray(
        header=make_header(stamp_ns, frame_id),
        frame_number=frame_number,
        tracks=[_track_to_msg(track) for track in tracks],
    )


def _track_to_msg(track: Track) -> mission_msgs.RadarTrack:
    return mission_msgs.RadarTrack(
        track_id=int(track.track_id),
        position=_point(track.position),
        velocity=_vector(track.velocity),
        size=_vector(track.size),
        variance=np.asarray(track.variance, np.float32),
        age=float(track.age),
        num_points=int(track.num_points),
        missed_frames=int(track.missed_frames),
    )


def _point(xyz: Float64Array) -> Point:
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def _vector(xyz: Float64Array) -> Vector3:
    return Vector3(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def heatmap_to_msg(heatmap: Heatmap, stamp_ns: int, frame_id: str) -> mission_msgs.RadarHeatmap:
    """Heat map or profile of one frame."""
    return mission_msgs.RadarHeatmap(
        header=make_header(stamp_ns, frame_id),
        kind=heatmap.kind,
        ranges=_floats(heatmap.ranges),
        columns=_floats(heatmap.columns),
        values=_floats(heatmap.values),
    )


def vital_signs_to_msg(
    vital_signs: VitalSigns, distance: float, stamp_ns: int, frame_id: str
) -> mission_msgs.VitalSigns:
    """Breath and heart of a person at a distance [m]."""
    return mission_msgs.VitalSigns(
        header=make_header(stamp_ns, frame_id),
        target_id=vital_signs.target_id,
        range=float(distance),
        breath_deviation=vital_signs.breath_deviation,
        heart_rate=vital_signs.heart_rate,
        breath_rate=vital_signs.breath_rate,
        heart_wave=array.array("f", vital_signs.heart_wave),
        breath_wave=array.array("f", vital_signs.breath_wave),
    )


def _floats(values: Float32Array) -> "array.array[float]":
    return array.array("f", np.ascontiguousarray(values, np.float32).tobytes())


def doppler_map_to_msg(doppler: DopplerTimeMap, frame_id: str) -> mission_msgs.DopplerTimeMap:
    """Doppler-time map of one track."""
    num_bins, num_frames = doppler.values.shape
    return mission_msgs.DopplerTimeMap(
        header=make_header(doppler.stamp_ns, frame_id),
        kind=doppler.kind,
        track_id=int(doppler.track_id),
        velocity_min=float(doppler.velocities[0]),
        velocity_max=float(doppler.velocities[-1]),
        frame_period=float(doppler.frame_period),
        num_bins=num_bins,
        num_frames=num_frames,
        data=_floats(doppler.values),
    )


# --- camera ------------------------------------------------------------------------------------------------------


def image_to_msg(image: ImageArray, stamp_ns: int, frame_id: str) -> Image:
    """Image message (bgr8) of an (H, W, 3) BGR picture."""
    height, width, channels = image.shape
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    return Image(
        header=make_header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="bgr8",
        is_bigendian=0,
        step=width * channels,
        data=data,
    )


def camera_model_to_msg(camera: CameraModel, stamp_ns: int, frame_id: str) -> CameraInfo:
    """Intrinsics of a pinhole camera without distortion."""
    k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    return CameraInfo(
        header=make_header(stamp_ns, frame_id),
        height=camera.height,
        width=camera.width,
        distortion_model="plumb_bob",
        d=array.array("d", [0.0] * 5),
        k=np.array(k),
        r=np.eye(3).ravel(),
        p=np.array([*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]),
    )


def bodies_to_msg(bodies: Iterable[Body], stamp_ns: int, frame_id: str) -> mission_msgs.BodyArray:
    """Skeletons of one picture."""
    return mission_msgs.BodyArray(
        header=make_header(stamp_ns, frame_id), bodies=[_body_to_msg(body) for body in bodies]
    )


def _body_to_msg(body: Body) -> mission_msgs.Body:
    return mission_msgs.Body(
        body_id=int(body.body_id),
        joints=[Point(x=x, y=y, z=z) for x, y, z in body.joints.tolist()],
        confidence=np.asarray(body.confidence, np.uint8),
        box=np.asarray(body.box, np.float32),
    )


# --- gallery and identities --------------------------------------------------------------------------------------


def clip_to_msg(clip: "Clip") -> mission_msgs.GalleryClip:
    """What may be told about an enrolled clip."""
    return mission_msgs.GalleryClip(
        person_id=clip.person_id,
        clip_id=clip.clip_id,
        enrolled=ns_to_stamp(clip.enrolled_ns),
        expires=ns_to_stamp(clip.expires_ns),
        consent_reference=clip.consent_reference,
        purpose=clip.purpose,
    )


def gallery_info_to_msg(
    clips: Sequence["Clip"], revision: int, model_sha256: str, stamp_ns: int
) -> mission_msgs.GalleryInfo:
    """State of the gallery."""
    person_ids = sorted({clip.person_id for clip in clips})
    return mission_msgs.GalleryInfo(
        header=make_header(stamp_ns),
        revision=int(revision),
        model_sha256=model_sha256,
        num_persons=len(person_ids),
        num_clips=len(clips),
        person_ids=person_ids,
    )


def rankings_to_msg(
    rankings: Iterable[Ranking],
    stamp_ns: int,
    frame_id: str,
    *,
    model_id: str,
    model_sha256: str,
    gallery_revision: int,
) -> mission_msgs.RankedIdentitiesArray:
    """Ranked identities of all tracks."""
    return mission_msgs.RankedIdentitiesArray(
        header=make_header(stamp_ns, frame_id),
        model_id=model_id,
        model_sha256=model_sha256,
        gallery_revision=int(gallery_revision),
        identities=[_ranking_to_msg(ranking) for ranking in rankings],
    )


def _ranking_to_msg(ranking: Ranking) -> mission_msgs.RankedIdentities:
    return mission_msgs.RankedIdentities(
        track_id=int(ranking.track_id),
        candidates=[
            mission_msgs.IdentityCandidate(
                person_id=candidate.person_id,
                score=float(candidate.score),
                clip_id=candidate.clip_id,
                distance=float(candidate.distance),
            )
            for candidate in ranking.candidates
        ],
        unknown=float(ranking.unknown),
        frames_used=int(ranking.frames_used),
    )


def activities_to_msg(
    opinions: Iterable[ActivityOpinion], stamp_ns: int, frame_id: str, *, model_id: str, model_sha256: str
) -> mission_msgs.ActivityArray:
    """What all tracks do."""
    return mission_msgs.ActivityArray(
        header=make_header(stamp_ns, frame_id),
        model_id=model_id,
        model_sha256=model_sha256,
        activities=[
            mission_msgs.Activity(
                track_id=int(opinion.track_id),
                activities=list(opinion.activities),
                probabilities=[float(probability) for probability in opinion.probabilities],
            )
            for opinion in opinions
        ],
    )


# --- diagnostics and transforms ----------------------------------------------------------------------------------


def diagnostics_to_msg(
    name: str, hardware_id: str, level: int, message: str, values: Mapping[str, object], stamp_ns: int
) -> DiagnosticArray:
    """One component's state of health; `level` 0 OK, 1 WARN, 2 ERROR, 3 STALE."""
    status = DiagnosticStatus(
        level=bytes([level]),
        name=name,
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
    )
    return DiagnosticArray(header=make_header(stamp_ns), status=[status])


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def transform_to_msg(
    parent: str, child: str, translation: Float64Array, rotation: Float64Array, stamp_ns: int
) -> TransformStamped:
    """Pose of frame `child` in frame `parent`: (3,) [m] and (3, 3) rotation matrix."""
    return TransformStamped(
        header=make_header(stamp_ns, parent),
        child_frame_id=child,
        transform=Transform(translation=_vector(translation), rotation=_quaternion(rotation)),
    )


def _quaternion(rotation: Float64Array) -> Quaternion:
    from scipy.spatial.transform import Rotation  # costs 0.2 s; only drivers come here

    x, y, z, w = Rotation.from_matrix(rotation).as_quat().tolist()
    return Quaternion(x=x, y=y, z=z, w=w)
