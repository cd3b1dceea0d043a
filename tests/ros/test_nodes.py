"""Nodes inside this process, where what happens rarely can be brought about: expiry, failing stores, foreign input."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mission_msgs.msg import GalleryInfo, RadarTrackArray
from mission_msgs.srv import EnrolPerson, ListPersons, RemovePerson
from rclpy.node import Node
from ros_harness import Listener, Spin, wait_for
from sensor_msgs.msg import Image, PointCloud2, PointField

from mission_core.errors import CameraError, GalleryDamaged, GalleryError
from mission_core.gallery import keeper
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.models.card import model_sha256
from mission_core.types import Points
from mission_ros import conversions
from mission_ros.diagnostics import Diagnostics, Level, Report
from mission_ros.nodes import gallery_manager
from mission_ros.nodes.gallery_manager import GalleryManager
from mission_ros.nodes.micro_doppler import MicroDoppler
from mission_ros.nodes.radar_tracker import RadarTrackerNode
from mission_ros.nodes.reid import Reid
from mission_ros.qos import LATCHED, RESULT
from mission_ros.topic_source import TopicSource


def clip(person_id: str, expires_ns: int = 0) -> Clip:
    features = np.ones((20, 4), np.float32)
    return Clip(person_id, f"{person_id}-{expires_ns}", features, enrolled_ns=1, expires_ns=expires_ns)


@pytest.fixture
def manager(
    model_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rclpy_context: None
) -> Callable[[], GalleryManager]:
    """Makes a gallery_manager with a database of its own."""
    monkeypatch.setattr(gallery_manager, "default_gallery", lambda: tmp_path / "g.sqlite3")
    monkeypatch.setattr(gallery_manager, "model_directory", lambda _: model_directory)
    return GalleryManager


def test_clip_that_expires_is_removed_and_told(
    manager: Callable[[], GalleryManager],
    spin: Spin,
    listener: Listener,
    model_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gallery_manager, "_UPKEEP_PERIOD", 0.1)
    with SqliteGallery(tmp_path / "g.sqlite3", model_sha256(model_directory)) as store:
        store.add([clip("P03"), clip("P07", expires_ns=time.time_ns() + 3 * 10**9)])
    infos = listener.collect(GalleryInfo, "/gallery/info", LATCHED)
    node = manager()
    spin(node, lambda: infos)
    assert infos[0].person_ids == ["P03", "P07"]
    spin(node, lambda: infos[-1].person_ids == ["P03"])
    assert infos[-1].revision > infos[0].revision
    assert len(infos) == 2  # told once


def test_store_that_fails_is_answered_and_shown(
    manager: Callable[[], GalleryManager], spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = manager()
    spin(node, lambda: node.is_active)

    def fail(*_: object) -> None:
        raise GalleryDamaged("the disk is gone")

    with monkeypatch.context() as patch:
        for name in ("clips", "remove", "person_ids", "purge_expired"):
            patch.setattr(SqliteGallery, name, fail)
        removed = node._on_remove(RemovePerson.Request(person_id="P03"), RemovePerson.Response())
        assert (removed.success, removed.message) == (False, "the disk is gone")
        listed = node._on_list(ListPersons.Request(), ListPersons.Response())
        assert (listed.success, listed.message) == (False, "the disk is gone")
        node._keep_up()
        node._diagnostics.publish()
        assert node._keeper is not None
        assert node._keeper.problem == "the disk is gone"
    listed = node._on_list(ListPersons.Request(), ListPersons.Response())
    assert (listed.success, listed.message) == (True, "")
    node._publish_info()
    assert node._report().level == Level.OK


def test_clips_that_are_stored_are_acknowledged_though_nobody_can_be_told(
    manager: Callable[[], GalleryManager], spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = manager()
    spin(node, lambda: node.is_active)
    monkeypatch.setattr(keeper, "enrol", lambda *_, **__: [clip("P03")])
    monkeypatch.setattr(SqliteGallery, "clips", lambda *_: (_ for _ in ()).throw(GalleryError("locked")))
    response = node._on_enrol(
        EnrolPerson.Request(person_id="P03", source="sim://walk?person=P03&take=0"), EnrolPerson.Response()
    )
    assert response.success
    assert node._report().message == "locked"


def test_report_that_cannot_be_made_is_an_error(listener: Listener) -> None:
    def report() -> Report:
        raise GalleryError("the store is locked")

    health = listener.diagnostics()
    node = Node("reporter")
    diagnostics = Diagnostics(node, report)

    def heard() -> bool:
        diagnostics.publish()
        return "reporter" in health

    wait_for(heard, "diagnostics")
    assert health["reporter"][:2] == (Level.ERROR, "the store is locked")
    node.destroy_node()


def foreign_cloud() -> PointCloud2:
    """Of another radar's driver: positions only."""
    fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, name in enumerate("xyz")]
    return PointCloud2(height=1, width=1, fields=fields, point_step=12, row_step=12, data=bytes(12))


def test_tracker_lives_with_a_foreign_cloud(spin: Spin, listener: Listener) -> None:
    tracks = listener.collect(RadarTrackArray, "/radar/tracks", RESULT)
    node = RadarTrackerNode()
    node._on_points(foreign_cloud())
    report = node._report()
    assert report.level == Level.ERROR
    assert "lacks doppler, intensity, noise" in report.message
    assert report.values["refused_messages"] == 1
    points: Points = np.zeros((0, 6), np.float32)

    def answered() -> list[RadarTrackArray]:
        node._on_points(conversions.points_to_cloud(points, 5, "radar"))
        return tracks

    spin(node, answered)
    assert tracks[0].frame_number == 0  # unknown: radar/raw does not arrive
    assert node._report().level == Level.OK


def test_reid_and_micro_doppler_live_with_a_foreign_cloud(rclpy_context: None) -> None:
    maps, reid = MicroDoppler(), Reid()
    maps.configure()
    maps._on_points(RadarTrackArray(), foreign_cloud())
    reid._reidentifier = object()  # type: ignore[assignment]  # is not asked
    reid._rank((RadarTrackArray(), foreign_cloud()))
    for node in (maps, reid):
        assert "lacks doppler" in node._report().message
        node.destroy_node()


def test_pictures_of_the_running_camera_come_in_order_and_bad_ones_are_explained(
    spin: Spin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mission_ros.topic_source.READ_TIMEOUT", 0.01)
    node = Node("watcher")
    source = TopicSource(node)
    source.open()
    picture = np.zeros((4, 6, 3), np.uint8)
    for stamp in range(20):
        source._on_image(conversions.image_to_msg(picture, stamp, "optical"))
    frames = [source.read() for _ in range(8)]
    assert [frame.stamp_ns for frame in frames if frame is not None] == list(range(12, 20))
    for foreign in (Image(encoding="bayer_rggb8"), Image(encoding="bgr8", width=5, height=5, step=15)):
        source._on_image(foreign)
        with pytest.raises(CameraError, match=r"bayer_rggb8|contradicts itself"):
            source.read()
    source.close()
    node.destroy_node()


def test_callbacks_of_the_running_camera_never_overlap(spin: Spin) -> None:
    node = Node("watcher")
    source = TopicSource(node)
    source.open()
    groups = {subscription.callback_group for subscription in source._subscriptions}
    (group,) = groups
    first, second = source._subscriptions[:2]
    assert group.beginning_execution(first)
    assert not group.can_execute(second)
    group.ending_execution(first)
    source.close()
    node.destroy_node()
