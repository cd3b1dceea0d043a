"""`mission record` and `mission replay` as users start them, and the player by itself."""

import array
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import rclpy
from mission_msgs.msg import GalleryInfo, RadarFrame, RankedIdentitiesArray
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from ros_harness import NAMESPACE, TIMEOUT, Listener, fastdds_files, wait_for
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from mission_core.data import messages
from mission_core.data.bags import BagReader, unfinished_directory
from mission_core.errors import BagError, ConfigurationError
from mission_core.radar.tlv import encode_frame
from mission_core.types import NO_TRACK
from mission_ros import conversions
from mission_ros.bag import BagWriter, recover
from mission_ros.commands.replay import MAX_BEHIND, Player
from mission_ros.qos import LATCHED, RESULT, SENSOR_PUBLISHER

START_NS = 1_700_000_000_000_000_000


def radar_frame(number: int, num_points: int = 30) -> RadarFrame:
    """A genuine frame of a person who walks away from the radar at 1 m/s, seen at 10 Hz."""
    rng = np.random.default_rng(number)
    points = np.zeros((num_points, 6), np.float32)
    points[:, :3] = rng.normal((2.0 + 0.1 * number, 0.3, 0.0), (0.1, 0.15, 0.4), (num_points, 3))
    points[:, 3:] = (1.0, 15.0, 30.0)
    points[:, 3] += rng.normal(0.0, 0.3, num_points)
    stamp = START_NS + number * 100_000_000
    data = array.array("B", encode_frame(number + 1, points))
    return RadarFrame(header=conversions.make_header(stamp, "radar"), frame_number=number + 1, data=data)


@contextmanager
def mission(*words: str, **environment: str) -> "Iterator[subprocess.Popen[str]]":
    """The command in a process of its own, which is gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mission_core.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10.0)


class Sensors:
    """Publishers of what a recorder shall find."""

    def __init__(self, listener: Listener) -> None:
        self.raw = listener.node.create_publisher(RadarFrame, "radar/raw", SENSOR_PUBLISHER)
        best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.image = listener.node.create_publisher(Image, "camera/color/image_raw", best_effort)
        self.gallery = listener.node.create_publisher(GalleryInfo, "gallery/info", LATCHED)
        self.gallery.publish(GalleryInfo(revision=7, person_ids=["P00", "P03"]))

    def wait_for_recorder(self) -> None:
        wait_for(lambda: all(p.get_subscription_count() for p in (self.raw, self.image, self.gallery)), "the recorder")

    def publish(self, number: int) -> None:
        self.raw.publish(radar_frame(number))


def written(path: Path) -> int:
    """Bytes on the disk of a recording in the making."""
    return sum(file.stat().st_size for file in unfinished_directory(path).rglob("*.mcap"))


@pytest.fixture
def sensors(listener: Listener) -> Sensors:
    return Sensors(listener)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_recording_is_complete_when_it_is_stopped(sensors: Sensors, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "walk"
    with mission("record", "--output", str(path)) as recorder:
        sensors.wait_for_recorder()
        assert unfinished_directory(path).is_dir()
        assert not path.exists()
        for index in range(50):
            sensors.publish(index)
            time.sleep(0.02)
        assert sensors.raw.wait_for_all_acked(Duration(seconds=TIMEOUT))
        shared_memory = fastdds_files([recorder.pid]) - fastdds_files([os.getpid()])
        recorder.send_signal(number)
        _, errors = recorder.communicate(timeout=20.0)
    assert recorder.returncode == 0, errors
    assert "recorded 51 messages" in errors
    assert "missing" not in errors
    assert not unfinished_directory(path).exists()
    assert shared_memory
    assert not any(file.exists() for file in shared_memory)
    with BagReader(path) as bag:
        assert [data for _, data in bag.radar_frames()] == [bytes(radar_frame(index).data) for index in range(50)]
        assert [stamp for stamp, _ in bag.radar_frames()][:2] == [START_NS, START_NS + 100_000_000]
        assert abs(bag.start_ns() - time.time_ns()) < 60e9  # when it was received, not when it was measured
        assert bag.enrolled() == ("P00", "P03")
    with Reader(path) as raw:
        offered = {c.topic: c.ext.offered_qos_profiles[0] for c in raw.connections}
    assert offered[f"/{NAMESPACE}/gallery/info"].durability == QosDurability.TRANSIENT_LOCAL
    assert offered[f"/{NAMESPACE}/radar/raw"].reliability == QosReliability.RELIABLE
    assert offered[f"/{NAMESPACE}/camera/color/image_raw"].reliability == QosReliability.BEST_EFFORT


def test_no_picture_is_lost_at_15_fps(sensors: Sensors, tmp_path: Path, listener: Listener) -> None:
    path = tmp_path / "walk"
    reliable = listener.node.create_publisher(Image, "camera/color/image_raw", SENSOR_PUBLISHER)
    listener.node.destroy_publisher(sensors.image)
    sensors.image = reliable
    picture = np.zeros((720, 1280, 3), np.uint8)
    with mission("record", "--output", str(path)) as recorder:
        sensors.wait_for_recorder()
        started = time.monotonic()
        for index in range(45):
            picture[:] = index
            time.sleep(max(0.0, started + index / 15 - time.monotonic()))
            reliable.publish(conversions.image_to_msg(picture, START_NS + index, "camera"))
        assert reliable.wait_for_all_acked(Duration(seconds=TIMEOUT))
        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate(timeout=20.0)
    assert "missing" not in errors
    with BagReader(path) as bag:
        assert [int(image[360, 640, 1]) for _, image in bag.images()] == list(range(45))


def test_what_a_killed_recorder_wrote_can_be_recovered(sensors: Sensors, tmp_path: Path) -> None:
    path = tmp_path / "walk"
    with mission("record", "--output", str(path), "--topics", "radar/raw") as recorder:
        wait_for(lambda: sensors.raw.get_subscription_count(), "the recorder")
        for index in range(40):
            message = radar_frame(index)
            message.data = array.array("B", bytes(message.data) + os.urandom(100_000))
            sensors.raw.publish(message)
            time.sleep(0.01)
        wait_for(lambda: written(path) > 2.5e6, "two chunks on the disk")
        recorder.kill()
        recorder.wait(10.0)
    with pytest.raises(BagError, match="was killed"):
        BagReader(path)
    assert 15 < recover(path) < 40
    with BagReader(path) as bag:
        assert next(bag.radar_frames())[0] == START_NS


def test_only_the_topics_that_are_wanted(sensors: Sensors, tmp_path: Path) -> None:
    with mission("record", "-o", str(tmp_path / "walk"), "--no-images", "--seconds", "4") as recorder:
        wait_for(lambda: sensors.raw.get_subscription_count(), "the recorder")
        for number in range(20):  # the first ones may be sent before the recorder has found the publisher, too
            sensors.publish(number)
            sensors.image.publish(conversions.image_to_msg(np.zeros((9, 9, 3), np.uint8), START_NS, "camera"))
            time.sleep(0.1)
        _, errors = recorder.communicate(timeout=20.0)
    assert recorder.returncode == 0, errors
    with BagReader(tmp_path / "walk") as bag:
        assert bag.has("radar/raw")
        assert not bag.has("camera/color/image_raw")


def test_further_radars_are_recorded_without_being_named(sensors: Sensors, tmp_path: Path, listener: Listener) -> None:
    left = listener.node.create_publisher(RadarFrame, "left/radar/raw", SENSOR_PUBLISHER)
    other = listener.node.create_publisher(RadarFrame, "/elsewhere/radar/raw", SENSOR_PUBLISHER)
    with mission("record", "-o", str(tmp_path / "walk"), "--seconds", "4") as recorder:
        wait_for(lambda: left.get_subscription_count() and sensors.raw.get_subscription_count(), "the recorder")
        for number in range(20):
            sensors.publish(number)
            left.publish(radar_frame(100 + number))
            other.publish(radar_frame(200 + number))
            time.sleep(0.05)
        _, errors = recorder.communicate(timeout=20.0)
    assert recorder.returncode == 0, errors
    with BagReader(tmp_path / "walk") as bag:
        assert bag.more_radars() == ("left",)
        assert {radar for radar, _, _ in bag.frames_of_radars()} == {0, 1}
        assert f"/{NAMESPACE}/left/radar/raw" in bag.topics()
        assert "/elsewhere/radar/raw" not in bag.topics()


def test_with_nothing_to_record_there_is_no_bag(rclpy_context: None, tmp_path: Path) -> None:
    words = ("record", "-o", str(tmp_path / "walk"), "--seconds", "1", "--namespace", "nobody", "--topics", "radar/raw")
    with mission(*words) as recorder:
        _, errors = recorder.communicate(timeout=20.0)
    assert recorder.returncode == 1
    assert "nothing was recorded" in errors
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bag_is_not_overwritten(tmp_path: Path) -> None:
    with mission("record", "-o", str(tmp_path), "--seconds", "1") as recorder:
        _, errors = recorder.communicate(timeout=20.0)
    assert recorder.returncode == 1
    assert "exists already" in errors


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag of 40 radar frames, 4 s."""
    path = tmp_path_factory.mktemp("bags") / "walk"
    with BagWriter(path) as writer:
        writer.add_topic("/recorded/radar/raw", "mission_msgs/msg/RadarFrame")
        for index in range(40):
            stamp = START_NS + index * 100_000_000 + 5_000_000
            writer.write("/recorded/radar/raw", stamp, serialize_message(radar_frame(index)))
    return path


class Answerer:
    """Stands for the whole stack: answers each radar frame with a ranking after `delay` seconds."""

    def __init__(self, listener: Listener, delay: float = 0.0, silent_after: int = 1_000_000) -> None:
        self.frames: list[RadarFrame] = []
        self.times: list[float] = []
        self._delay = delay
        self._silent_after = silent_after
        self._publisher = listener.node.create_publisher(RankedIdentitiesArray, "reid/identities", RESULT)
        self._subscription = listener.node.create_subscription(RadarFrame, "radar/raw", self._on_frame, RESULT)

    @property
    def connected(self) -> bool:
        """To the player, seen from here."""
        return bool(self._publisher.get_subscription_count() and self._subscription.get_publisher_count())

    def _on_frame(self, message: RadarFrame) -> None:
        self.frames.append(message)
        self.times.append(time.monotonic())
        time.sleep(self._delay)
        if len(self.frames) <= self._silent_after:
            self._publisher.publish(RankedIdentitiesArray(header=message.header))


def finds_everybody(player: Player) -> bool:
    (identities,) = (s for s in player.subscriptions if s.topic_name.endswith("reid/identities"))
    return bool(player._inputs["radar/raw"].get_subscription_count() and identities.get_publisher_count())


@contextmanager
def playing(path: Path, answerer: Answerer) -> Iterator[Player]:
    with BagReader(path) as bag:
        player = Player(bag, NAMESPACE)
        try:
            wait_for(lambda: answerer.connected and finds_everybody(player), "connections")
            yield player
        finally:
            player.destroy_node()


def test_the_player_publishes_what_was_recorded_at_its_rate(walk: Path, listener: Listener) -> None:
    answerer = Answerer(listener)
    with playing(walk, answerer) as player:
        player.play(4.0, lambda: True)
        player.wait_until_processed(lambda: True)
    assert [message.frame_number for message in answerer.frames] == list(range(1, 41))
    assert bytes(answerer.frames[-1].data) == bytes(radar_frame(39).data)
    # at rate 1 it takes 3.9 s; a busy machine may delay first and last frame by a little
    assert 0.7 * 3.9 / 4 < answerer.times[-1] - answerer.times[0] < 3.9


def test_the_clock_goes_on_between_messages(listener: Listener, tmp_path: Path) -> None:
    answerer = Answerer(listener)
    clocks = listener.collect(Clock, "/clock", RESULT)
    received = [START_NS, START_NS + 2_000_000_000]
    with BagWriter(tmp_path / "gap") as writer:
        writer.add_topic("/recorded/radar/raw", "mission_msgs/msg/RadarFrame")
        for index, stamp in enumerate(received):
            writer.write("/recorded/radar/raw", stamp, serialize_message(radar_frame(index)))
    with playing(tmp_path / "gap", answerer) as player:
        player.play(1.0, lambda: True)
        player.wait_until_processed(lambda: True)
    wait_for(lambda: clocks and messages.time_ns(clocks[-1].clock) == received[-1], "the last time")
    stamps = [messages.time_ns(clock.clock) for clock in clocks]
    assert stamps == sorted(stamps)
    assert len([stamp for stamp in stamps if received[0] < stamp < received[1]]) >= 5  # 20 on an idle machine


def test_the_player_refuses_a_namespace_in_which_a_stack_runs(walk: Path, listener: Listener) -> None:
    with BagReader(walk) as bag:
        player = Player(bag, NAMESPACE)
        try:
            player.require_alone(lambda: True)
            other = rclpy.create_node("reid", namespace="elsewhere")
            player.require_alone(lambda: True)
            other.destroy_node()
            driver = listener.node.create_publisher(RadarFrame, "radar/raw", SENSOR_PUBLISHER)
            with pytest.raises(ConfigurationError, match=r"radar/raw.*ROS_DOMAIN_ID"):
                player.require_alone(lambda: True)
            listener.node.destroy_publisher(driver)
            same = rclpy.create_node("reid", namespace=NAMESPACE)
            with pytest.raises(ConfigurationError, match=f"/{NAMESPACE}/reid"):
                player.require_alone(lambda: True)
            same.destroy_node()
        finally:
            player.destroy_node()


def test_nodes_of_another_namespace_are_not_taken_for_ready(walk: Path, listener: Listener) -> None:
    other = rclpy.create_node("reid", namespace="elsewhere")
    with BagReader(walk) as bag:
        player = Player(bag, NAMESPACE)
        wait_for(lambda: "/elsewhere/reid" in player._nodes(), "discovery")
        assert f"/{NAMESPACE}/reid" in player._not_ready()
        player.destroy_node()
    other.destroy_node()


def test_the_player_waits_for_slow_nodes(walk: Path, listener: Listener) -> None:
    answerer = Answerer(listener, delay=0.05)
    with playing(walk, answerer) as player:
        player.play(100.0, lambda: True)
        assert len(answerer.frames) >= 40 - MAX_BEHIND - 2
        player.wait_until_processed(lambda: True)
    assert [message.frame_number for message in answerer.frames] == list(range(1, 41))


def test_the_player_reports_what_was_not_processed(walk, listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mission_ros.commands.replay.DRAIN_TIMEOUT", 0.5)
    answerer = Answerer(listener, silent_after=30)
    with playing(walk, answerer) as player:
        player.play(50.0, lambda: True)
        with pytest.raises(BagError, match=r"not all of .* was processed"):
            player.wait_until_processed(lambda: True)


def test_the_player_stops_when_asked(walk: Path, listener: Listener) -> None:
    answerer = Answerer(listener)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with playing(walk, answerer) as player:
        started = time.monotonic()
        player.play(1.0, lambda: not stop.is_set())
        assert time.monotonic() - started < 2.0
    assert 0 < len(answerer.frames) < 20


def test_a_bag_without_radar_cannot_be_replayed(rclpy_context: None, tmp_path: Path) -> None:
    with BagWriter(tmp_path / "camera") as writer:
        writer.add_topic("/mission/gallery/info", "mission_msgs/msg/GalleryInfo")
        writer.write("/mission/gallery/info", START_NS, serialize_message(GalleryInfo()))
    with BagReader(tmp_path / "camera") as bag, pytest.raises(BagError, match="no messages of radar/raw"):
        Player(bag, NAMESPACE)


@pytest.mark.slow
def test_replay_ranks_every_frame(walk: Path, model_directory: Path, tmp_path: Path) -> None:
    words = ("replay", str(walk), "--json", "--rate", "4", "--model", str(model_directory), "--namespace", "again")
    with mission(*words, ROS_HOME=str(tmp_path)) as replay:
        output, errors = replay.communicate(timeout=120.0)
    assert replay.returncode == 0, errors
    lines = [json.loads(line) for line in output.splitlines()]
    stamps = sorted({round(line["stamp"] * 10) for line in lines})
    first = round(START_NS * 1e-8)
    assert stamps[-1] == first + 39
    assert len(stamps) >= 30  # a track needs some frames to be confirmed
    assert {line["track_id"] for line in lines} == {lines[0]["track_id"]} != {NO_TRACK}
    assert all(line["unknown"] == 1.0 and line["candidates"] == [] for line in lines)  # nobody is enrolled


@pytest.fixture
def long_walk(tmp_path: Path) -> Path:
    """A bag that takes minutes."""
    with BagWriter(tmp_path / "long") as writer:
        writer.add_topic("/recorded/radar/raw", "mission_msgs/msg/RadarFrame")
        for index in range(2):
            writer.write("/recorded/radar/raw", START_NS + index * 10**12, serialize_message(radar_frame(index)))
    return tmp_path / "long"


def stack_of(replay: "subprocess.Popen[str]") -> list[psutil.Process]:
    """`mission up` of a replay, then its nodes, once these are there."""

    def found() -> list[psutil.Process]:
        children = psutil.Process(replay.pid).children(recursive=True)
        return children if len(children) > 3 else []

    return wait_for(found, "the nodes", 60.0)


@pytest.mark.slow
def test_nodes_that_end_too_early_end_the_replay(long_walk: Path, tmp_path: Path) -> None:
    words = ("replay", str(long_walk), "--namespace", "early")
    with mission(*words, ROS_HOME=str(tmp_path)) as replay:
        up, *_ = stack_of(replay)
        up.send_signal(signal.SIGTERM)
        _, errors = replay.communicate(timeout=60.0)
    assert replay.returncode == 1
    assert "the nodes ended too early" in errors


@pytest.mark.slow
def test_nodes_die_with_a_killed_replay(long_walk: Path, tmp_path: Path) -> None:
    with mission("replay", str(long_walk), "--namespace", "killed", ROS_HOME=str(tmp_path)) as replay:
        stack = stack_of(replay)
    _, alive = psutil.wait_procs(stack, TIMEOUT)
    assert not alive


def test_replay_of_nothing(tmp_path: Path) -> None:
    with mission("replay", str(tmp_path / "nothing")) as replay:
        _, errors = replay.communicate(timeout=30.0)
    assert replay.returncode == 1
    assert "does not exist" in errors
