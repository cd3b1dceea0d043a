import contextlib
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from mission_msgs.msg import GalleryInfo, RadarFrame
from rclpy.serialization import serialize_message
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import Reader, Writer

from mission_core.data.bags import BagReader, unfinished_directory
from mission_core.errors import BagError
from mission_ros import bag as bag_module
from mission_ros.bag import BagWriter, recover, require_free

FOREVER = QosTime(9223372036, 854775807)
LATCHED = Qos(
    QosHistory.UNKNOWN,
    0,
    QosReliability.RELIABLE,
    QosDurability.TRANSIENT_LOCAL,
    FOREVER,
    FOREVER,
    QosLiveliness.AUTOMATIC,
    FOREVER,
    False,
)


def raw_frame(number: int, size: int = 100) -> bytes:
    # noise, which zstd cannot make smaller
    noise = np.random.default_rng(number).integers(0, 256, size, np.uint8)
    message = RadarFrame(frame_number=number)
    message.data.frombytes(noise.tobytes())
    return serialize_message(message)


def test_what_is_written_is_read_back_with_types_and_qos(tmp_path: Path) -> None:
    info = GalleryInfo(revision=3, person_ids=["P03"])
    with BagWriter(tmp_path / "walk") as writer:
        writer.add_topic("/mission/radar/raw", "mission_msgs/msg/RadarFrame")
        writer.add_topic("/mission/gallery/info", "mission_msgs/msg/GalleryInfo", [LATCHED])
        writer.write("/mission/gallery/info", 1000, serialize_message(info))
        for number in range(50):
            writer.write("/mission/radar/raw", 2000 + number, raw_frame(number))
    assert writer.message_count == 51
    assert writer.dropped == {}
    assert sorted(path.name for path in (tmp_path / "walk").iterdir()) == ["metadata.yaml", "walk.mcap"]
    assert not unfinished_directory(tmp_path / "walk").exists()
    with BagReader(tmp_path / "walk") as reader:
        assert len(list(reader.radar_frames())) == 50
    with Reader(tmp_path / "walk") as raw:
        qos = {c.topic: c.ext.offered_qos_profiles for c in raw.connections}
        digests = {c.topic: c.digest for c in raw.connections}
    assert qos["/mission/gallery/info"] == [LATCHED]
    # the hash that ROS computed when it generated the message: the embedded definition is the installed one
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    files = [Path(prefix) / "share/mission_msgs/msg/RadarFrame.json" for prefix in prefixes if prefix]
    description = json.loads(next(file for file in files if file.is_file()).read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    assert digests["/mission/radar/raw"] == hashes["mission_msgs/msg/RadarFrame"]


def test_an_existing_path_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    with pytest.raises(BagError, match="exists already and is not overwritten"):
        BagWriter(tmp_path / "walk")
    assert list((tmp_path / "walk").iterdir()) == []


def test_a_second_recorder_of_the_same_bag_is_refused(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "walk"), pytest.raises(BagError, match="another recorder"):
        BagWriter(tmp_path / "walk")


def test_without_messages_nothing_is_left(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "walk") as writer:
        writer.add_topic("/mission/radar/raw", "mission_msgs/msg/RadarFrame")
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_free_or_not_before_a_recorder_starts(tmp_path: Path) -> None:
    require_free(tmp_path / "walk")
    unfinished_directory(tmp_path / "walk").mkdir()
    with pytest.raises(BagError, match="--recover"):
        require_free(tmp_path / "walk")
    with pytest.raises(BagError, match="exists already"):
        require_free(tmp_path)


def test_an_unwritable_place_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be written"):
        BagWriter(tmp_path / "file" / "walk")


def test_a_type_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "walk") as writer, pytest.raises(BagError, match="foreign_msgs"):
        writer.add_topic("/odd", "foreign_msgs/msg/Odd")


def test_a_slow_disk_costs_messages_not_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_is_free, original = threading.Event(), Writer.write

    def slow_write(self, *arguments) -> None:
        assert disk_is_free.wait(10.0)
        original(self, *arguments)

    monkeypatch.setattr(Writer, "write", slow_write)
    monkeypatch.setattr(bag_module, "MAX_PENDING_BYTES", 10_000)
    with BagWriter(tmp_path / "walk") as writer:
        writer.add_topic("/mission/radar/raw", "mission_msgs/msg/RadarFrame")
        for number in range(50):
            writer.write("/mission/radar/raw", number, raw_frame(number, 1000))
        assert 35 <= writer.dropped["/mission/radar/raw"] <= 45
        disk_is_free.set()
    assert writer.message_count + writer.dropped["/mission/radar/raw"] == 50


def test_a_full_disk_is_reported_and_what_was_written_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self, *arguments) -> None:
        raise OSError(28, "No space left on device")

    writer = BagWriter(tmp_path / "walk")
    writer.add_topic("/mission/radar/raw", "mission_msgs/msg/RadarFrame")
    monkeypatch.setattr(Writer, "write", full)
    writer.write("/mission/radar/raw", 1, raw_frame(1))
    with pytest.raises(BagError, match=r"No space left on device.*--recover"):
        writer.close()
    assert writer.failed
    assert unfinished_directory(tmp_path / "walk").is_dir()


@pytest.mark.parametrize("torn", [0, 1, 5000])
def test_a_killed_recording_is_recovered_up_to_the_last_chunk(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "walk"
    writer = BagWriter(path)
    writer.add_topic("/mission/radar/raw", "mission_msgs/msg/RadarFrame", [LATCHED])
    for number in range(60):
        writer.write("/mission/radar/raw", number, raw_frame(number, 100_000))
    kill(writer)
    (mcap,) = unfinished_directory(path).rglob("*.mcap")
    mcap.write_bytes(mcap.read_bytes()[: mcap.stat().st_size - torn])
    with pytest.raises(BagError, match="mission record --recover"):
        BagReader(path)

    count = recover(path)

    assert 30 < count < 60  # chunks of 1 MiB; the last one was still in memory
    assert sorted(item.name for item in tmp_path.iterdir()) == ["walk"]
    with BagReader(path) as reader:
        assert [int(m) for m, _, _ in reader.raw_messages("radar/raw")] == list(range(count))
    with Reader(path) as raw:
        assert raw.connections[0].ext.offered_qos_profiles == [LATCHED]


def test_recover_without_a_leftover(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="nothing to recover"):
        recover(tmp_path / "walk")


def kill(writer: BagWriter) -> None:
    """Leaves on disk what `kill -9` leaves: whatever the operating system was given, and no end."""
    with writer._wakeup:
        writer._closing = True
        writer._wakeup.notify()
    writer._thread.join()
    with contextlib.suppress(OSError):
        writer._writer.storage.bio.flush()
    writer._writer.abort()
