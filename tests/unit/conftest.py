"""Fixtures shared by the tests that run without ROS."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from mission_core.data.walks import WalkSetConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # toy_training, which processes import too

DEFINITIONS = Path(__file__).resolve().parents[2] / "ros2_ws" / "src" / "mission_msgs" / "msg"
START_NS = 1_700_000_000_000_000_000


class RecordedRoom:
    """A recording of two people walking for three seconds, written without ROS message by message.

    Track 1 walks along x, track 2 along y; radar at 10 Hz, camera (320 x 180) at 5 Hz with one body.
    """

    num_radar_frames = 30
    num_pictures = 15
    first_told = 5  # number of the first frame of which it is told what they do

    def __init__(self, path: Path, *namespaces: str) -> None:
        self.path = path
        self.namespaces = namespaces
        self.store = get_typestore(Stores.ROS2_JAZZY)
        for file in sorted(DEFINITIONS.glob("*.msg")):
            self.store.register(get_types_from_msg(file.read_text(), f"mission_msgs/msg/{file.stem}"))
        with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as self._writer:
            self._connections: dict[str, Any] = {}
            for frame in range(self.num_radar_frames):
                self._write_radar(START_NS + frame * 100_000_000, frame + 1)
                if frame % 2 == 0:
                    self._write_camera(START_NS + frame * 100_000_000)

    def _write(self, topic: str, message: Any, stamp_ns: int) -> None:
        # recorded two milliseconds after it was measured
        data = self.store.serialize_cdr(message, message.__msgtype__)
        for name in (f"{namespace}/{topic}" for namespace in self.namespaces):
            if name not in self._connections:
                connection = self._writer.add_connection(name, message.__msgtype__, typestore=self.store)
                self._connections[name] = connection
            self._writer.write(self._connections[name], stamp_ns + 2_000_000, data)

    def _write_radar(self, stamp_ns: int, number: int) -> None:
        header = make_header(self.store, stamp_ns, "radar_room")
        message = self.store.types
        raw = np.frombuffer(b"\x02\x01\x04\x03\x06\x05\x08\x07" + bytes([number]), np.uint8)
        self._write("radar/raw", message["mission_msgs/msg/RadarFrame"](header, number, raw), stamp_ns)
        tracks = [self._track(1, (1.0 + 0.1 * number, 0.5, 0.9)), self._track(2, (3.0, 0.1 * number - 1.5, 0.8))]
        self._write("radar/tracks", message["mission_msgs/msg/RadarTrackArray"](header, number, tracks), stamp_ns)
        self._write("radar/points_labelled", make_cloud(self.store, header, np.array([1, 1, 2, -1])), stamp_ns)
        rankings = [self._ranking(1, {"P03": 0.6, "P07": 0.3}, 0.1), self._ranking(2, {}, 1.0)]
        identities = message["mission_msgs/msg/RankedIdentitiesArray"](header, "reid_small", "ab" * 32, 4, rankings)
        self._write("reid/identities", identities, stamp_ns)
        values = np.arange(8 * 5, dtype=np.float32)
        doppler = message["mission_msgs/msg/DopplerTimeMap"](header, "points", 1, -2.0, 1.5, 0.1, 8, 5, values)
        self._write("micro_doppler/map", doppler, stamp_ns)
        if number >= self.first_told:
            told = message["mission_msgs/msg/ActivityArray"](header, "mra_net_walking", "cd" * 32, [])
            self._write("micro_doppler/activities", told, stamp_ns)

    def _write_camera(self, stamp_ns: int) -> None:
        header = make_header(self.store, stamp_ns, "camera_color_optical_frame")
        message = self.store.types
        picture = np.zeros((180, 320, 3), np.uint8)
        picture[:, :, 0] = 200  # blue, in OpenCV's order
        image = message["sensor_msgs/msg/Image"](header, 180, 320, "bgr8", 0, 960, picture.reshape(-1))
        self._write("camera/color/image_raw", image, stamp_ns)
        point = message["geometry_msgs/msg/Point"]
        joints = [point(0.02 * (index % 5), -0.8 + index / 20, 3.0) for index in range(32)]
        body = message["mission_msgs/msg/Body"](
            7, np.array(joints), np.full(32, 2, np.uint8), np.array([100, 20, 60, 140], np.float32)
        )
        self._write("camera/bodies", message["mission_msgs/msg/BodyArray"](header, [body]), stamp_ns)
        self._write("camera/color/camera_info", make_camera_info(self.store, header), stamp_ns)

    def _track(self, track_id: int, position: tuple[float, float, float]) -> Any:
        message = self.store.types
        return message["mission_msgs/msg/RadarTrack"](
            track_id,
            message["geometry_msgs/msg/Point"](*position),
            message["geometry_msgs/msg/Vector3"](1.0, 0.0, 0.0),
            message["geometry_msgs/msg/Vector3"](0.4, 0.5, 1.7),
            np.full(4, 0.1, np.float32),
            2.5,
            9,
            0,
        )

    def _ranking(self, track_id: int, scores: dict[str, float], unknown: float) -> Any:
        message = self.store.types
        candidate = message["mission_msgs/msg/IdentityCandidate"]
        candidates = [candidate(person, score, f"{person}/0", 0.5) for person, score in scores.items()]
        return message["mission_msgs/msg/RankedIdentities"](track_id, candidates, unknown, 20)


def make_header(store: Typestore, stamp_ns: int, frame_id: str) -> Any:
    time = store.types["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    return store.types["std_msgs/msg/Header"](time, frame_id)


def make_cloud(store: Typestore, header: Any, labels: np.ndarray) -> Any:
    """A labelled cloud whose point i has x = i, y = i + 0.1, ... noise = i + 0.5."""
    names = ("x", "y", "z", "doppler", "intensity", "noise")
    records = np.zeros(len(labels), [(name, "<f4") for name in names] + [("track", "<i4")])
    for column, name in enumerate(names):
        records[name] = np.arange(len(labels)) + 0.1 * column
    records["track"] = labels
    field = store.types["sensor_msgs/msg/PointField"]
    fields = [field(name, 4 * index, 7, 1) for index, name in enumerate(names)] + [field("track", 24, 5, 1)]
    data = np.frombuffer(records.tobytes(), np.uint8)
    return store.types["sensor_msgs/msg/PointCloud2"](
        header, 1, len(labels), fields, False, 28, 28 * len(labels), data, True
    )


def make_camera_info(store: Typestore, header: Any) -> Any:
    region = store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    k = np.array([150.0, 0, 160, 0, 151, 90, 0, 0, 1])
    return store.types["sensor_msgs/msg/CameraInfo"](
        header, 180, 320, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), np.zeros(12), 0, 0, region
    )


@pytest.fixture(scope="session")
def strangers() -> WalkSetConfig:
    """People of whom no shipped model has learned. Simulating them takes a minute: tests share them."""
    return WalkSetConfig(train_people=4, validation_people=20, first_seed=900_000, walks=1)


@pytest.fixture(scope="session")
def strangers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ROS_HOME in which their data set is, once a test has loaded it."""
    return tmp_path_factory.mktemp("ros_home")


@pytest.fixture(scope="session")
def recorded_room(tmp_path_factory: pytest.TempPathFactory) -> RecordedRoom:
    return RecordedRoom(tmp_path_factory.mktemp("recording") / "room", "/mission")


@pytest.fixture(scope="session")
def recorded_houses(tmp_path_factory: pytest.TempPathFactory) -> RecordedRoom:
    """Two stacks in one bag."""
    return RecordedRoom(tmp_path_factory.mktemp("recording") / "houses", "/mission", "/other")


@pytest.fixture(scope="session")
def recorded_radars(tmp_path_factory: pytest.TempPathFactory) -> RecordedRoom:
    """The same, and once more by a further radar of the room."""
    return RecordedRoom(tmp_path_factory.mktemp("recording") / "radars", "/mission", "/mission/left")
