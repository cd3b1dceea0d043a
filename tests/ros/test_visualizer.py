from collections.abc import Iterator

import numpy as np
import pytest
from mission_msgs.msg import BodyArray, RadarTrackArray, RankedIdentitiesArray
from ros_harness import Listener, NodeProcess, wait_for
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import Marker, MarkerArray

from mission_core.camera.skeleton import BONES
from mission_core.data import messages
from mission_core.types import Body, CameraModel, Candidate, Float32Array, Ranking, Track, TrackedFrame
from mission_ros import conversions, markers
from mission_ros.qos import RESULT, SENSOR_PUBLISHER

STAMP = 1_700_000_000_123_456_789


def make_track(track_id: int, x: float = 2.0) -> Track:
    return Track(track_id, np.array([x, -0.5, 0.9]), np.zeros(3), np.array([0.4, 0.1, 1.6]), np.ones(4), 1.0, 9, 0)


def make_body(body_id: int, confidence: int = 2) -> Body:
    joints = np.stack([np.zeros(32), np.linspace(-0.8, 0.8, 32), np.full(32, 3.0)], axis=1).astype(np.float32)
    box: Float32Array = np.array([600, 100, 80, 400], np.float32)
    return Body(body_id, joints, np.full(32, confidence, np.uint8), box)


def make_ranking(track_id: int) -> Ranking:
    return Ranking(track_id, (Candidate("P03", 0.87, "P03/1", 0.2), Candidate("P07", 0.1, "P07/0", 0.9)), 0.03, 20)


HEADER = conversions.make_header(STAMP, "radar_room")


def by_namespace(message: MarkerArray) -> dict[str, Marker]:
    return {marker.ns: marker for marker in message.markers}


def test_a_track_has_box_trail_and_label() -> None:
    trail = [np.array([1.0, 0.0, 0.9]), np.array([2.0, -0.5, 0.9])]
    shown = by_namespace(markers.track_markers([make_track(5)], {5: trail}, {5: make_ranking(5)}, HEADER))
    assert set(shown) == {markers.BOXES, markers.TRAILS, markers.LABELS}
    assert {marker.id for marker in shown.values()} == {5}
    assert all(marker.header == HEADER and marker.action == Marker.ADD for marker in shown.values())
    assert all(0 < marker.lifetime.sec <= 2 for marker in shown.values())
    box = shown[markers.BOXES]
    assert box.type == Marker.CUBE
    assert (box.pose.position.x, box.pose.position.y, box.pose.position.z) == (2.0, -0.5, 0.9)
    assert (box.scale.x, box.scale.y, box.scale.z) == (0.4, markers.MIN_SIZE, 1.6)
    assert [(point.x, point.y) for point in shown[markers.TRAILS].points] == [(1.0, 0.0), (2.0, -0.5)]
    label = shown[markers.LABELS]
    assert label.type == Marker.TEXT_VIEW_FACING
    assert label.text.splitlines() == ["P03 87 %", "#5"]
    assert label.pose.position.z > 0.9 + 0.8  # above the head


def test_a_track_without_ranking_is_labelled_as_not_known_yet() -> None:
    shown = by_namespace(markers.track_markers([make_track(5)], {5: []}, {}, HEADER))
    assert shown[markers.LABELS].text.splitlines() == ["?", "#5"]


def test_a_skeleton_is_a_list_of_bones() -> None:
    (marker,) = markers.skeleton_markers([make_body(1)], HEADER).markers
    assert marker.type == Marker.LINE_LIST
    assert len(marker.points) == 2 * len(BONES) == 62
    body = make_body(1)
    body.confidence[26] = 0  # the head: its bone to the neck and the five of the face go
    (marker,) = markers.skeleton_markers([body], HEADER).markers
    assert len(marker.points) == 2 * (len(BONES) - 6)


def test_nobody_and_deletion() -> None:
    assert markers.track_markers([], {}, {}, HEADER).markers == []
    assert markers.skeleton_markers([], HEADER).markers == []
    gone = markers.delete_markers((markers.BOXES, markers.LABELS), [3, 4], HEADER).markers
    assert [(m.ns, m.id, m.action) for m in gone] == [
        (namespace, number, Marker.DELETE) for number in (3, 4) for namespace in (markers.BOXES, markers.LABELS)
    ]


class Stack:
    """The rest of the stack, as far as the visualizer sees it."""

    def __init__(self, listener: Listener) -> None:
        node = listener.node
        self.tracks = node.create_publisher(RadarTrackArray, "radar/tracks", RESULT)
        self.identities = node.create_publisher(RankedIdentitiesArray, "reid/identities", RESULT)
        self.image = node.create_publisher(Image, "camera/color/image_raw", SENSOR_PUBLISHER)
        self.info = node.create_publisher(CameraInfo, "camera/color/camera_info", SENSOR_PUBLISHER)
        self.bodies = node.create_publisher(BodyArray, "camera/bodies", SENSOR_PUBLISHER)
        self.number = 0

    def publish_tracks(self, *tracks: Track) -> None:
        frame = TrackedFrame(STAMP, 1, tracks, np.zeros((0, 6), np.float32), np.zeros(0, np.int32))
        self.tracks.publish(conversions.tracked_frame_to_msgs(frame, "radar_room")[0])

    def publish_identities(self, *track_ids: int) -> None:
        rankings = [make_ranking(track_id) for track_id in track_ids]
        self.identities.publish(
            conversions.rankings_to_msg(
                rankings, STAMP, "radar_room", model_id="m", model_sha256="0" * 64, gallery_revision=1
            )
        )

    def publish_camera(self, *bodies: Body, with_bodies: bool = True) -> None:
        self.number += 1
        stamp = STAMP + self.number * 66_000_000
        self.info.publish(
            conversions.camera_model_to_msg(CameraModel(1280, 720, 600.0, 600.0, 640.0, 360.0), stamp, "optical")
        )
        if with_bodies:
            self.bodies.publish(conversions.bodies_to_msg(bodies, stamp, "optical"))
        self.image.publish(conversions.image_to_msg(np.full((720, 1280, 3), 90, np.uint8), stamp, "optical"))


@pytest.fixture
def stack(listener: Listener) -> Iterator[Stack]:
    with NodeProcess("visualizer"):
        stack = Stack(listener)
        wait_for(
            lambda: (
                stack.tracks.get_subscription_count()
                and stack.identities.get_subscription_count()
                and stack.bodies.get_subscription_count()
                and stack.info.get_subscription_count()
            ),
            "the visualizer's subscriptions",
        )
        yield stack


def test_markers_of_the_node(stack: Stack, listener: Listener) -> None:
    arrays = listener.collect(MarkerArray, "viz/markers", RESULT)

    def shown(namespace: str, action: int) -> list[Marker]:
        return [m for array in arrays for m in array.markers if (m.ns, m.action) == (namespace, action)]

    def label() -> bool:
        stack.publish_identities(1)
        stack.publish_tracks(make_track(1), make_track(2, x=4.0))
        return any(marker.text.startswith("P03 87 %") for marker in shown(markers.LABELS, Marker.ADD))

    wait_for(label, "a label with the identity")
    assert {marker.id for marker in shown(markers.BOXES, Marker.ADD)} == {1, 2}
    stack.publish_tracks(make_track(2, x=4.1))
    wait_for(lambda: shown(markers.LABELS, Marker.DELETE), "the end of track 1")
    assert {marker.id for marker in shown(markers.BOXES, Marker.DELETE)} == {1}

    def skeleton() -> list[Marker]:
        stack.publish_camera(make_body(8))
        return shown(markers.SKELETONS, Marker.ADD)

    assert wait_for(skeleton, "a skeleton")[0].header.frame_id == "optical"


def test_the_picture_is_taken_and_drawn_only_while_somebody_looks(stack: Stack, listener: Listener) -> None:
    assert stack.image.get_subscription_count() == 0
    pictures = listener.collect(Image, "viz/image", RESULT)
    wait_for(lambda: stack.image.get_subscription_count(), "the visualizer to take pictures")

    def picture() -> list[Image]:
        stack.publish_camera(make_body(8))
        return pictures

    message = wait_for(picture, "an annotated picture")[0]
    drawn = messages.image(message)
    assert drawn.shape == (720, 1280, 3)
    changed = (drawn != 90).any(axis=2)
    assert changed[200:500, 636:645].any()  # the skeleton at x = 0, in the middle of the picture
    assert changed[400, 598:603].any()  # the box
    assert not changed[:, :500].any()
    (subscription,) = (s for s in listener.node.subscriptions if s.topic_name.endswith("viz/image"))
    listener.node.destroy_subscription(subscription)
    wait_for(lambda: stack.image.get_subscription_count() == 0, "the visualizer to let the pictures go")


def test_pictures_of_a_camera_without_body_tracking(stack: Stack, listener: Listener) -> None:
    pictures = listener.collect(Image, "viz/image", RESULT)
    wait_for(lambda: stack.image.get_subscription_count(), "the visualizer to take pictures")

    def picture() -> list[Image]:
        stack.publish_camera(with_bodies=False)
        return pictures

    assert (messages.image(wait_for(picture, "a picture")[0]) == 90).all()


def test_pictures_go_on_when_the_skeletons_end(stack: Stack, listener: Listener) -> None:
    health = listener.diagnostics()
    pictures = listener.collect(Image, "viz/image", RESULT)
    wait_for(lambda: stack.image.get_subscription_count(), "the visualizer to take pictures")

    def picture(with_bodies: bool) -> bool:
        stack.publish_camera(make_body(8), with_bodies=with_bodies)
        return bool(pictures) and bool((messages.image(pictures[-1]) != 90).any()) == with_bodies

    wait_for(lambda: picture(with_bodies=True), "a picture with a skeleton")
    wait_for(lambda: picture(with_bodies=False), "a picture without skeletons")
    wait_for(lambda: health.get("visualizer", (0, "", {}))[1] == "no tracks arrive on radar/tracks", "diagnostics")
    assert float(health["visualizer"][2]["pictures_hz"]) > 0.0
    assert health["visualizer"][2]["refused_messages"] == "0"
