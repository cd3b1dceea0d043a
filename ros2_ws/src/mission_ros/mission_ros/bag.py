"""Writes rosbag2 recordings (MCAP) of serialised messages, such that a finished bag is always a whole one."""

import importlib
import os
import shutil
import struct
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection, ConnectionExtRosbag2, Qos
from rosbags.rosbag2 import ReaderError, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from mission_core.data.bags import unfinished_directory
from mission_core.errors import BagError

MAX_PENDING_BYTES = 128 * 2**20
"""What may wait to be written: 3 s of 720p pictures at 15 fps. A slower disk than that costs messages, not memory."""

_MCAP_MAGIC = b"\x89MCAP0\r\n"
_MCAP_DATA_RECORDS = frozenset((0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0C))  # header, schema .. message index, metadata


class BagWriter:
    """A recording in the making, used as a context manager; a thread writes, so that callers never wait for the disk.

    Until it is closed the recording lies in a hidden directory beside `path` (see `unfinished_directory`); then it is
    moved to `path` in one step. A killed recorder therefore never leaves half a bag under a bag's name, and
    `recover` turns what it left into one.

    Attributes:
        dropped: messages given up because the disk was too slow, by topic.

    Raises:
        BagError: something is at `path` already, or it cannot be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped: dict[str, int] = {}
        self.message_count = 0
        self._directory = unfinished_directory(path)
        require_free(path)
        self._writer = _make_writer(self._directory / path.name)
        try:
            self._writer.open()
        except OSError as error:
            raise BagError(f"{path} cannot be written: {error}") from error
        self._typestore = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Connection] = {}
        self._pending: deque[tuple[str, int, bytes]] = deque()
        self._pending_bytes = 0
        self._closing = False
        self._error: OSError | None = None
        self._disk = threading.Lock()  # held while rosbags' writer is at work
        self._wakeup = threading.Condition()  # guards what is pending
        self._thread = threading.Thread(target=self._write_pending, name="bag writer")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def failed(self) -> bool:
        """Whether the disk refused to take more; `close` raises what it said."""
        return self._error is not None

    def add_topic(self, topic: str, message_type: str, qos: Sequence[Qos] = ()) -> None:
        """Announces a topic before its first message.

        Args:
            topic: full name.
            message_type: e.g. "mission_msgs/msg/RadarFrame".
            qos: what its publishers offer, with which `ros2 bag play` publishes it again.

        Raises:
            BagError: the definition of the type is not installed.
        """
        register_type(self._typestore, message_type)
        with self._disk:
            self._connections[topic] = self._writer.add_connection(
                topic, message_type, typestore=self._typestore, offered_qos_profiles=qos
            )

    def write(self, topic: str, stamp_ns: int, data: bytes) -> None:
        """Hands over one serialised message; drops and counts it when the disk cannot keep up.

        Args:
            topic: one that was added.
            stamp_ns: time of reception.
            data: CDR, as it came off the wire.
        """
        with self._wakeup:
            if self._error is not None or self._pending_bytes + len(data) > MAX_PENDING_BYTES:
                self.dropped[topic] = self.dropped.get(topic, 0) + 1
                return
            self._pending.append((topic, stamp_ns, data))
            self._pending_bytes += len(data)
            self._wakeup.notify()

    def close(self) -> None:
        """Writes what is pending, finishes the bag and moves it to its place; without any message nothing is left.

        Raises:
            BagError: the disk refused; what was written stays in the hidden directory.
        """
        with self._wakeup:
            self._closing = True
            self._wakeup.notify()
        self._thread.join()
        try:
            if self._error is not None:
                raise self._error
            self._writer.close()
            if self.message_count:
                (self._directory / self.path.name).rename(self.path)
            shutil.rmtree(self._directory)
        except OSError as error:
            self._writer.abort()
            raise BagError(
                f"{self.path} could not be written ({error}): free space on the disk, then save what was recorded "
                f"with `mission record --recover {self.path}`."
            ) from error

    def _write_pending(self) -> None:
        while True:
            with self._wakeup:
                self._wakeup.wait_for(lambda: self._pending or self._closing)
                if not self._pending:
                    return
                topic, stamp_ns, data = self._pending.popleft()
            try:
                with self._disk:
                    self._writer.write(self._connections[topic], stamp_ns, data)
            except OSError as error:
                self._error = error
                return
            self.message_count += 1
            with self._wakeup:
                self._pending_bytes -= len(data)


def recover(path: Path) -> int:
    """Makes a bag at `path` of what a killed recorder left there, up to the last complete chunk (about 1 MB).

    Returns:
        Number of messages that were saved.

    Raises:
        BagError: there is nothing to recover.
    """
    unfinished = unfinished_directory(path)
    leftover, rescued = unfinished / path.name / f"{path.name}.mcap", unfinished / "recovered" / path.name
    if not leftover.is_file():
        raise BagError(f"nothing to recover: no interrupted recording of {path} at {unfinished}")
    _require_absent(path)
    shutil.rmtree(rescued.parent, ignore_errors=True)  # of a recovery that was interrupted itself
    _complete(leftover)
    try:
        with AnyReader([leftover]) as reader, _make_writer(rescued) as writer:
            connections = {
                c.id: writer.add_connection(
                    c.topic,
                    c.msgtype,
                    typestore=reader.typestore,
                    offered_qos_profiles=cast(ConnectionExtRosbag2, c.ext).offered_qos_profiles,
                )
                for c in reader.connections
            }
            for connection, stamp_ns, data in reader.messages():
                writer.write(connections[connection.id], stamp_ns, data)
            count = reader.message_count
    except (AnyReaderError, ReaderError, OSError) as error:
        raise BagError(f"{leftover} could not be recovered: {error}") from error
    rescued.rename(path)
    shutil.rmtree(unfinished)
    return count


def require_free(path: Path) -> None:
    """Refuses a path at which no recording can begin.

    Raises:
        BagError: something is there already, or is being recorded, or was by a recorder that got killed.
    """
    _require_absent(path)
    unfinished = unfinished_directory(path)
    if unfinished.exists():
        raise BagError(
            f"{unfinished} is there: another recorder writes {path} right now, or one was killed. Save what it wrote "
            f"with `mission record --recover {path}`, or choose another name."
        )


def message_class(message_type: str) -> type:
    """Python class of e.g. "sensor_msgs/msg/Image".

    Raises:
        ImportError: its package is not installed.
        AttributeError: that has no such message.
    """
    package, _, name = message_type.split("/")
    found: type = getattr(importlib.import_module(f"{package}.msg"), name)
    return found


def register_type(typestore: Typestore, message_type: str) -> None:
    """Makes a message type known, from the .msg files its package installs.

    Raises:
        BagError: the package is not installed.
    """
    if message_type in typestore.fielddefs:
        return
    package = message_type.split("/")[0]
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    for prefix in prefixes:
        definitions = sorted((Path(prefix) / "share" / package / "msg").glob("*.msg"))
        if definitions:
            for file in definitions:
                typestore.register(get_types_from_msg(file.read_text(), f"{package}/msg/{file.stem}"))
            return
    raise BagError(f"{message_type} cannot be recorded: {package}'s message definitions are in none of {prefixes}")


def _make_writer(path: Path) -> Writer:
    # uncompressed: zstd takes 20 ms for a 720p picture to make it a third smaller, a quarter of a core at 15 fps
    return Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)


def _require_absent(path: Path) -> None:
    if path.exists():
        raise BagError(f"{path} exists already and is not overwritten: choose another name")


def _complete(mcap: Path) -> None:
    """Cuts a broken-off MCAP file behind its last complete record and closes it, without an index.

    Records are an opcode of 1 byte, a length of 8 bytes (little-endian) and so many bytes (mcap.dev/spec).
    """
    with mcap.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        end = len(_MCAP_MAGIC)
        while end + 9 <= size:
            file.seek(end)
            opcode, length = struct.unpack("<BQ", file.read(9))
            if opcode not in _MCAP_DATA_RECORDS or end + 9 + length > size:
                break
            end += 9 + length
        file.seek(end)
        file.truncate()
        file.write(struct.pack("<BQI", 0x0F, 4, 0))  # end of data, no checksum
        file.write(struct.pack("<BQQQI", 0x02, 20, 0, 0, 0) + _MCAP_MAGIC)  # footer: no summary
