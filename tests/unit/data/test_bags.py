import shutil
from pathlib import Path

import numpy as np
import pytest

from mission_core.data.bags import BagReader, unfinished_directory
from mission_core.errors import BagError

START_NS = 1_700_000_000_000_000_000


def test_topics_and_duration(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        assert bag.topics()["/mission/radar/raw"] == ("mission_msgs/msg/RadarFrame", 30)
        assert bag.topics()["/mission/camera/bodies"] == ("mission_msgs/msg/BodyArray", 15)
        assert bag.duration() == pytest.approx(2.9, abs=1e-3)
        assert bag.has("radar/raw")
        assert not bag.has("gallery/info")


def test_radar_frames_are_the_bytes_with_the_measurement_time(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        frames = list(bag.radar_frames())
    assert [stamp for stamp, _ in frames] == [START_NS + index * 100_000_000 for index in range(30)]
    assert frames[4][1] == b"\x02\x01\x04\x03\x06\x05\x08\x07\x05"


def test_tracked_frames_join_tracks_and_cloud(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        frames = list(bag.tracked_frames())
    assert len(frames) == 30
    frame = frames[9]
    assert frame.frame_number == 10
    assert [track.track_id for track in frame.tracks] == [1, 2]
    np.testing.assert_allclose(frame.tracks[0].position, (2.0, 0.5, 0.9))
    np.testing.assert_allclose(frame.tracks[0].size, (0.4, 0.5, 1.7))
    np.testing.assert_array_equal(frame.labels, [1, 1, 2, -1])
    np.testing.assert_allclose(frame.points[2], (2.0, 2.1, 2.2, 2.3, 2.4, 2.5), rtol=1e-6)
    assert frame.points.dtype == np.float32
    assert frame.labels.dtype == np.int32


def test_camera_frames_have_bodies_and_intrinsics(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        frames = list(bag.camera_frames())
    assert len(frames) == 15
    frame = frames[3]
    assert frame.stamp_ns == START_NS + 600_000_000
    assert frame.image.shape == (180, 320, 3)
    np.testing.assert_array_equal(frame.image[0, 0], (200, 0, 0))
    assert frame.camera is not None
    assert (frame.camera.fx, frame.camera.fy, frame.camera.cx, frame.camera.cy) == (150, 151, 160, 90)
    (body,) = frame.bodies
    assert body.body_id == 7
    np.testing.assert_allclose(body.joints[10], (0.0, -0.3, 3.0), atol=1e-6)
    np.testing.assert_array_equal(body.box, (100, 20, 60, 140))


def test_rankings_and_maps(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        rankings = list(bag.rankings())
        maps = list(bag.doppler_maps())
        assert bag.told_ns() == START_NS + (recorded_room.first_told - 1) * 100_000_000
    stamp, (first, second) = rankings[0]
    assert stamp == START_NS
    assert [(c.person_id, pytest.approx(c.score)) for c in first.candidates] == [("P03", 0.6), ("P07", 0.3)]
    assert second.candidates == ()
    assert second.unknown == 1.0
    assert maps[-1].values.shape == (8, 5)
    np.testing.assert_allclose(maps[-1].values[1], np.arange(5, 10))
    np.testing.assert_allclose(maps[-1].velocities[[0, -1]], (-2.0, 1.5))


def test_raw_messages_come_in_order_with_their_topic(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        messages = list(bag.raw_messages("radar/raw", "camera/bodies", "not/recorded"))
    assert len(messages) == 45
    assert [topic for _, topic, _ in messages[:3]] == ["radar/raw", "camera/bodies", "radar/raw"]
    stamps = [stamp for stamp, _, _ in messages]
    assert stamps == sorted(stamps)


def test_a_missing_topic_is_named_with_what_the_bag_holds(recorded_room) -> None:
    with BagReader(recorded_room.path, namespace="other") as bag, pytest.raises(BagError, match=r"radar/raw.*/mission"):
        next(bag.radar_frames())


def test_namespace_selects_among_several(recorded_houses) -> None:
    with BagReader(recorded_houses.path) as bag, pytest.raises(BagError, match=r"several namespaces .*--namespace"):
        next(bag.radar_frames())
    with BagReader(recorded_houses.path, namespace="other") as bag:
        assert len(list(bag.radar_frames())) == 30


def test_further_radars_stand_below_the_stack(recorded_radars) -> None:
    for namespace in (None, "mission"):
        with BagReader(recorded_radars.path, namespace=namespace) as bag:
            assert bag.more_radars() == ("left",)
            assert len(list(bag.radar_frames())) == 30
            frames = list(bag.frames_of_radars())
            assert [radar for radar, _, _ in frames[:4]] == [0, 1, 0, 1]
            assert len(frames) == 60
            assert frames[0][1:] == frames[1][1:]
            assert len(list(bag.tracked_frames())) == 30


def test_one_radar_has_no_others(recorded_room, recorded_houses) -> None:
    with BagReader(recorded_room.path) as bag:
        assert bag.more_radars() == ()
        assert [radar for radar, _, _ in bag.frames_of_radars()] == [0] * 30
    with BagReader(recorded_houses.path, namespace="other") as bag:
        assert bag.more_radars() == ()


def test_absent_bag_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="does not exist"):
        BagReader(tmp_path / "nothing")


def test_unfinished_recording_is_reported(tmp_path: Path) -> None:
    unfinished_directory(tmp_path / "walk").mkdir()
    with pytest.raises(BagError, match=r"\.walk\.recording is.*mission record --recover"):
        BagReader(tmp_path / "walk")


@pytest.mark.parametrize("keep", [0, 7, 400, 20_000])
def test_cut_file_is_reported(recorded_room, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut"
    shutil.copytree(recorded_room.path, path)
    (mcap,) = path.glob("*.mcap")
    mcap.write_bytes(mcap.read_bytes()[:keep])
    with pytest.raises(BagError, match="no readable rosbag2 recording"), BagReader(path):
        pass


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.5, 0.6, 0.8])
def test_damaged_content_is_reported(recorded_room, tmp_path: Path, share: float) -> None:
    path = tmp_path / "damaged"
    shutil.copytree(recorded_room.path, path)
    (mcap,) = path.glob("*.mcap")
    content = bytearray(mcap.read_bytes())
    end = int(share * len(content))
    content[60:end] = bytes(end - 60)  # some chunks, or all but the index
    mcap.write_bytes(content)
    with pytest.raises(BagError, match="no readable rosbag2 recording"), BagReader(path) as bag:
        list(bag.radar_frames())


def test_a_directory_without_metadata_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"metadata\.yaml"):
        BagReader(tmp_path)
