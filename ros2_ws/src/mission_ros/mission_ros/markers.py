"""Markers for rviz: what the stack knows about people, drawn. The counterpart of conversions.py for viz/markers."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from mission_core.annotate import colour, ranking_text
from mission_core.camera.skeleton import BONES
from mission_core.types import Body, Float64Array, Ranking, Track

BOXES, TRAILS, LABELS, SKELETONS = "track_boxes", "track_trails", "track_labels", "skeletons"
"""Namespaces of the markers; rviz switches each on and off."""

MIN_SIZE = 0.3
"""Edge of a box [m] at least, so that a person of two detections can be seen."""

_LIFETIME = Duration(sec=1, nanosec=0)  # should the visualizer die, its markers do not stay


def track_markers(
    tracks: Iterable[Track],
    trails: Mapping[int, Sequence[Float64Array]],
    rankings: Mapping[int, Ranking],
    header: Header,
) -> MarkerArray:
    """Box, trail and label of every track.

    Args:
        tracks: in the frame of `header`.
        trails: positions [m] of each track so far, oldest first.
        rankings: who each track may be, by track_id.
        header: frame and measurement time.
    """
    markers = MarkerArray()
    for track in tracks:
        markers.markers += [
            _box(track, header),
            _trail(track.track_id, trails[track.track_id], header),
            _label(track, rankings.get(track.track_id), header),
        ]
    return markers


def skeleton_markers(bodies: Iterable[Body], header: Header) -> MarkerArray:
    """The bones of every body, in the camera optical frame that `header` names; joints of confidence 0 are left out."""
    return MarkerArray(markers=[_skeleton(body, header) for body in bodies])


def delete_markers(namespaces: Collection[str], ids: Iterable[int], header: Header) -> MarkerArray:
    """Takes the markers of what has gone out of the picture."""
    gone = [(namespace, number) for number in ids for namespace in namespaces]
    return MarkerArray(
        markers=[Marker(header=header, ns=namespace, id=number, action=Marker.DELETE) for namespace, number in gone]
    )


def _box(track: Track, header: Header) -> Marker:
    marker = _marker(Marker.CUBE, BOXES, track.track_id, header, alpha=0.4)
    marker.pose = _pose(track.position)
    marker.scale = Vector3(**{axis: max(float(edge), MIN_SIZE) for axis, edge in zip("xyz", track.size, strict=True)})
    return marker


def _trail(track_id: int, positions: Sequence[Float64Array], header: Header) -> Marker:
    marker = _marker(Marker.LINE_STRIP, TRAILS, track_id, header)
    marker.scale.x = 0.03  # width of the line [m]
    marker.points = [_point((x, y, 0.02)) for x, y, _ in positions]  # on the floor, just above the grid
    return marker


def _label(track: Track, ranking: Ranking | None, header: Header) -> Marker:
    marker = _marker(Marker.TEXT_VIEW_FACING, LABELS, track.track_id, header)
    x, y, z = track.position
    marker.pose = _pose((x, y, z + max(track.size[2], MIN_SIZE) / 2 + 0.3))
    marker.scale.z = 0.25  # height of a capital letter [m]
    marker.text = f"{ranking_text(ranking)}\n#{track.track_id}"
    return marker


def _skeleton(body: Body, header: Header) -> Marker:
    marker = _marker(Marker.LINE_LIST, SKELETONS, body.body_id % 2**31, header)
    marker.scale.x = 0.03  # width of the line [m]
    marker.points = [
        _point(body.joints[joint]) for bone in BONES if body.confidence[list(bone)].all() for joint in bone
    ]
    return marker


def _marker(kind: int, namespace: str, number: int, header: Header, alpha: float = 1.0) -> Marker:
    red, green, blue = colour(number)
    return Marker(
        header=header,
        ns=namespace,
        id=number,
        type=kind,
        action=Marker.ADD,
        pose=Pose(orientation=Quaternion(w=1.0)),
        color=ColorRGBA(r=red, g=green, b=blue, a=alpha),
        lifetime=_LIFETIME,
    )


def _pose(xyz: Iterable[float]) -> Pose:
    return Pose(position=_point(xyz), orientation=Quaternion(w=1.0))


def _point(xyz: Iterable[float]) -> Point:
    x, y, z = (float(value) for value in xyz)
    return Point(x=x, y=y, z=z)
