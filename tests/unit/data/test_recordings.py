from pathlib import Path

import numpy as np
import pytest

from mission_core.calibration import Calibration, SensorPose
from mission_core.data.bags import BagReader
from mission_core.data.recordings import (
    Label,
    Options,
    dataset_from_bags,
    interpolate,
    load_labels,
    parse_label,
    takes_from_bag,
)
from mission_core.data.splits import walks
from mission_core.data.takes import CameraTake, RadarTake, Take
from mission_core.errors import ConfigurationError
from mission_core.paths import share_directory
from mission_core.radar.profile import load_profile
from mission_core.types import Mount

PROFILE = load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")
ONE_PLACE = Calibration(SensorPose(Mount(1.0)), SensorPose(Mount(1.4)))
TWO_PLACES = Calibration(SensorPose(Mount(1.0)), SensorPose(Mount(1.4), position=(0.0, 12.0)))


def options(*labels: str, calibration: Calibration = TWO_PLACES, **others: object) -> Options:
    return Options(tuple(map(parse_label, labels)), PROFILE, calibration, **others)


def of(takes: list[Take], take_id: str) -> Take:
    return next(take for take in takes if take.info.take_id == take_id)


@pytest.fixture(scope="module")
def shared_room(recorded_room, tmp_path_factory):
    """A recording of one place: track 1 moves as body 7 does, half a metre a second to the left, track 2 elsewhere."""

    class SharedRoom(type(recorded_room)):
        def _write_radar(self, stamp_ns: int, number: int) -> None:
            self.number = number
            super()._write_radar(stamp_ns, number)

        def _write_camera(self, stamp_ns: int) -> None:
            self.left = 0.05 * self.number  # [m]
            super()._write_camera(stamp_ns)

        def _track(self, track_id: int, position: tuple[float, float, float]):
            shared = (3.1, 0.05 * self.number, 0.9)
            return super()._track(track_id, shared if track_id == 1 else (position[0] + 5.0, -2.0, 0.8))

        def _write(self, topic: str, message, stamp_ns: int) -> None:
            if topic == "camera/bodies":
                for joint in message.bodies[0].joints:
                    joint.x = -self.left
                message.bodies[0].joints[0].y = 0.4
            super()._write(topic, message, stamp_ns)

    return SharedRoom(tmp_path_factory.mktemp("shared") / "shared", "/mission")


def test_labels_of_two_places_give_takes_of_different_walks(recorded_room) -> None:
    takes = takes_from_bag(recorded_room.path, options("track:1=P03", "body:7=P03", "track:2=P05"))
    assert [take.info.take_id for take in takes] == ["room-track1-0", "room-track2-0", "room-body7-0"]
    assert [take.info.person_id for take in takes] == ["P03", "P05", "P03"]
    assert len({take.info.walk_id for take in takes}) == 3
    radar, camera = of(takes, "room-track1-0"), of(takes, "room-body7-0")
    assert isinstance(radar, RadarTake)
    assert isinstance(camera, CameraTake)
    assert radar.info.frames == 30
    assert radar.info.people == 2
    np.testing.assert_allclose(radar.positions[9], (2.0, 0.5, 0.9), atol=1e-6)
    assert [len(points) for points in radar.points[:2]] == [2, 2]
    np.testing.assert_allclose(radar.points[0][1], (1.0, 1.1, 1.2, 1.3, 1.4, 1.5), atol=1e-6)
    assert np.isnan(radar.joints).all()
    assert radar.doppler.shape == (32, 30)
    assert radar.doppler[:, 5].max() > 0.0  # of points with 0.3 and 1.3 m/s
    assert camera.crops.shape == (15, 96, 64, 3)
    np.testing.assert_array_equal(camera.crops[0, 48, 32], (0, 0, 200))  # blue, in RGB
    np.testing.assert_allclose(camera.skeletons[0, 10], (0.0, -0.3, 3.0), atol=1e-6)
    np.testing.assert_array_equal(camera.boxes[0], (100, 20, 60, 140))
    assert np.diff(camera.stamps_ns).tolist() == [200_000_000] * 14


def test_a_track_and_a_body_of_one_place_are_one_person_and_one_walk(shared_room) -> None:
    takes = takes_from_bag(shared_room.path, options("body:7=P03", calibration=ONE_PLACE))
    assert [take.info.take_id for take in takes] == ["shared-track1-0", "shared-body7-0"]  # track 2 has no label
    radar, camera = takes
    assert radar.info.person_id == camera.info.person_id == "P03"
    assert radar.info.walk_id == camera.info.walk_id
    # the camera's skeleton at the radar's frames: 3 m ahead, its pelvis 0.4 m below the lens
    np.testing.assert_allclose(radar.joints[10, 0], (0.0, 0.0, 1.0), atol=1e-5)
    assert not np.isnan(radar.joints[:29]).any()
    assert np.isnan(radar.joints[29]).all()  # after the last picture


def test_the_cameras_delay_moves_its_skeletons(shared_room) -> None:
    late = options("body:7=P03", calibration=ONE_PLACE, camera_delay=0.2)
    camera = of(takes_from_bag(shared_room.path, late), "shared-body7-0")
    with BagReader(shared_room.path) as bag:
        first, _ = next(bag.images())
    assert camera.stamps_ns[0] == first - 200_000_000


def test_the_sensors_of_two_places_are_not_associated(shared_room) -> None:
    takes = takes_from_bag(shared_room.path, options("body:7=P03", "track:2=P05"))
    assert [take.info.person_id for take in takes] == ["P05", "P03"]


def test_contradicting_labels_are_told(shared_room) -> None:
    with pytest.raises(ConfigurationError, match=r"shared: track:1 and body:7 walk the same way .* P03 and P05"):
        takes_from_bag(shared_room.path, options("body:7=P03", "track:1=P05", calibration=ONE_PLACE))


def test_a_bag_without_labels_lists_who_could_have_one(recorded_room) -> None:
    with pytest.raises(
        ConfigurationError, match=r"track:1 \(2\.9 s\), track:2 \(2\.9 s\), body:7 \(2\.8 s\).*--person"
    ):
        takes_from_bag(recorded_room.path, options("track:9=P03"))


def test_labels_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.yaml"
    file.write_text("monday: {track:3: P07, body:12: P08}\n")
    assert load_labels(file) == [Label("monday", "track:3", "P07"), Label("monday", "body:12", "P08")]
    file.write_text("- P07\n")
    with pytest.raises(ConfigurationError, match="holds no labels"):
        load_labels(file)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_labels(tmp_path / "absent.yaml")


@pytest.mark.parametrize("text", ["P07", "track=P07", "track:x=P07", "face:3=P07", "track:3="])
def test_a_label_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="does not say who is who"):
        parse_label(text)
    with pytest.raises(ConfigurationError, match="person id"):
        parse_label("track:3=two words")


def test_interpolation_bridges_short_gaps_only() -> None:
    stamps = np.array([0, 100, 200, 700], np.int64) * 1_000_000
    values = np.array([[0.0], [1.0], [2.0], [7.0]])
    at = np.array([-1, 0, 50, 200, 300, 700, 701], np.int64) * 1_000_000
    found = interpolate(at, stamps, values)[:, 0]
    np.testing.assert_allclose(found, [np.nan, 0.0, 0.5, 2.0, np.nan, np.nan, np.nan])


def test_a_data_set_of_bags_is_like_any_other(recorded_room, shared_room, tmp_path: Path) -> None:
    labels = options("room:track:1=P03", "room:body:7=P03", "shared:track:1=P03", "shared:body:7=P03")
    made = dataset_from_bags([recorded_room.path, shared_room.path], labels, tmp_path)
    assert made.manifest["people"] == ["P03"]
    assert made.take("room-track1-0").info.frames == 30
    split = walks(made.infos)
    assert not {i.split("-")[0] + i.split("-")[1] for i in split.query} & {
        i.split("-")[0] + i.split("-")[1] for i in split.gallery
    }
    with pytest.raises(ConfigurationError, match="different names"):
        dataset_from_bags([recorded_room.path, recorded_room.path], labels, tmp_path)
