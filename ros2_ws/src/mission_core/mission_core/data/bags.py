"""Reads recordings of mission (rosbag2, MCAP or SQLite) into core types. No ROS is needed.

Topics are found by their relative name (`radar/raw`), whatever namespace they were recorded in; those of further
radars, in namespaces below it, are not taken for the stack's own. All iterators yield in the order of recording and
hold one message at a time, except where two topics have to be joined by their stamp.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError
from rosbags.typesys import Stores, get_typestore

from mission_core.data import messages
from mission_core.errors import BagError
from mission_core.types import CameraFrame, CameraModel, DopplerTimeMap, ImageArray, Ranking, TrackedFrame

MAX_UNMATCHED = 60
"""Messages kept while their partner of the same stamp has not been read yet; more are given up, oldest first."""


def unfinished_directory(path: Path) -> Path:
    """Where a recording of `path` is written until it is complete; hidden, so that nobody takes it for a bag."""
    return path.parent / f".{path.name}.recording"


class BagReader:
    """An open recording, used as a context manager.

    Args:
        path: directory of the bag, or a single `.mcap` file.
        namespace: of the topics, without slashes; None finds it by the topic names.

    Raises:
        BagError: nothing is there, the recording was not finished, or it is damaged.
    """

    def __init__(self, path: Path | str, namespace: str | None = None) -> None:
        self.path = Path(path)
        self.namespace = namespace
        if not self.path.exists():
            raise BagError(_absence(self.path))
        with self._readable():
            self._reader = AnyReader([self.path], default_typestore=get_typestore(Stores.ROS2_JAZZY))

    def __enter__(self) -> Self:
        with self._readable():
            self._reader.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def topics(self) -> dict[str, tuple[str, int]]:
        """Type and number of messages of each recorded topic, by its full name."""
        return {c.topic: (c.msgtype, c.msgcount) for c in self._reader.connections}

    def duration(self) -> float:
        """Time between the first and the last message [s]."""
        return self._reader.duration * 1e-9 if self._reader.message_count else 0.0

    def start_ns(self) -> int:
        """Time of the first message; 0 when there is none."""
        return self._reader.start_time if self._reader.message_count else 0

    def has(self, topic: str) -> bool:
        """Whether there are messages of `topic` (a relative name)."""
        return any(connection.msgcount for connection in self._find(topic))

    def message_type(self, topic: str) -> str:
        """Type of a recorded topic (a relative name), e.g. "sensor_msgs/msg/Image".

        Raises:
            BagError: it was not recorded.
        """
        if not self.has(topic):
            raise BagError(self._lack(topic))
        return self._find(topic)[0].msgtype

    def enrolled(self) -> tuple[str, ...]:
        """Ids of the people who were in the gallery at the end of the recording; empty where that was not recorded."""
        infos = list(self._messages("gallery/info")) if self.has("gallery/info") else []
        return tuple(infos[-1][1].person_ids) if infos else ()

    def radar_frames(self) -> Iterator[tuple[int, bytes]]:
        """Measurement time [ns] and bytes of every radar frame, as it left the radar's data port."""
        for _, message in self._messages("radar/raw"):
            yield messages.stamp_ns(message), messages.radar_frame(message)

    def more_radars(self) -> tuple[str, ...]:
        """Names of further radars whose frames were recorded: the namespaces below the stack's own."""
        own = self._find("radar/raw")
        if not own:
            return ()
        stack = own[0].topic.removesuffix("radar/raw")
        below = (c.topic.removeprefix(stack) for c in self._reader.connections if c.topic.startswith(stack))
        return tuple(sorted({t.partition("/")[0] for t in below if t.endswith("/radar/raw") and t.count("/") == 2}))

    def frames_of_radars(self) -> Iterator[tuple[int, int, bytes]]:
        """Radar (0, or 1 + its place in `more_radars`), measurement time [ns] and bytes of every radar's frames."""
        topics = ["radar/raw", *(f"{name}/radar/raw" for name in self.more_radars())]
        for topic, message in self._messages(*topics):
            yield topics.index(topic), messages.stamp_ns(message), messages.radar_frame(message)

    def images(self) -> Iterator[tuple[int, ImageArray]]:
        """Measurement time [ns] and (H, W, 3) BGR picture of every camera frame."""
        for _, message in self._messages("camera/color/image_raw"):
            yield messages.stamp_ns(message), messages.image(message)

    def camera_model(self) -> CameraModel | None:
        """Intrinsics of the camera, as first recorded; None where they are unknown."""
        if not self.has("camera/color/camera_info"):
            return None
        _, message = next(self._messages("camera/color/camera_info"))
        return messages.camera_model(message)

    def camera_frames(self) -> Iterator[CameraFrame]:
        """Every camera picture with the skeletons of the same stamp; without skeletons where none were recorded."""
        camera = self.camera_model()
        if not self.has("camera/bodies"):
            for stamp, picture in self.images():
                yield CameraFrame(stamp, picture, camera)
            return
        for picture, skeletons in self._joined("camera/color/image_raw", "camera/bodies"):
            yield replace(messages.camera_frame(picture, skeletons), camera=camera)

    def tracked_frames(self) -> Iterator[TrackedFrame]:
        """What the tracker said about every radar frame when the bag was recorded."""
        for tracks, cloud in self._joined("radar/tracks", "radar/points_labelled"):
            yield messages.tracked_frame(tracks, cloud)

    def rankings(self) -> Iterator[tuple[int, tuple[Ranking, ...]]]:
        """Measurement time [ns] and ranked identities of all tracks, as published when the bag was recorded."""
        for _, message in self._messages("reid/identities"):
            yield messages.stamp_ns(message), messages.rankings(message)

    def ranked_with(self) -> list[tuple[str, int]]:
        """SHA-256 of the model and revision of the gallery of the recorded rankings, each pair once, in order."""
        if not self.has("reid/identities"):
            return []
        found = ((m.model_sha256, int(m.gallery_revision)) for _, m in self._messages("reid/identities"))
        return list(dict.fromkeys(found))

    def told_ns(self) -> int | None:
        """Measurement time [ns] of the first frame of which it was told what people do; None where of none."""
        topic = "micro_doppler/activities"
        return messages.stamp_ns(next(self._messages(topic))[1]) if self.has(topic) else None

    def doppler_maps(self) -> Iterator[DopplerTimeMap]:
        """Every Doppler-time map, as published when the bag was recorded."""
        for _, message in self._messages("micro_doppler/map"):
            yield messages.doppler_time_map(message)

    def raw_messages(self, *topics: str) -> Iterator[tuple[int, str, bytes]]:
        """Time of recording [ns], relative topic and serialised message of `topics`, in order; for playing back."""
        connections = {c.id: (c, topic) for topic in topics for c in self._find(topic)}
        if not connections:
            raise BagError(self._lack(" or ".join(topics)))
        for connection, stamp, data in self._guarded([c for c, _ in connections.values()]):
            yield stamp, connections[connection.id][1], data

    def _find(self, topic: str) -> list[Connection]:
        """Connections of a relative topic name, in one namespace."""
        if self.namespace is not None:
            wanted = "/" + "/".join(filter(None, (self.namespace.strip("/"), topic)))
            return [c for c in self._reader.connections if c.topic == wanted]
        found = [c for c in self._reader.connections if c.topic == topic or c.topic.endswith(f"/{topic}")]
        names = sorted({c.topic for c in found}, key=len)
        inner = [name for name in names[1:] if name.startswith(names[0].removesuffix(topic))]
        if len(names) - len(inner) > 1:
            raise BagError(f"{self.path} holds {topic} of several namespaces ({', '.join(names)}): choose --namespace")
        return [c for c in found if c.topic not in inner]

    def _messages(self, *topics: str) -> Iterator[tuple[str, Any]]:
        """Relative topic and content of every message of topics, the first of which must have been recorded."""
        if not self.has(topics[0]):
            raise BagError(self._lack(topics[0]))
        connections = {c.id: (c, topic) for topic in topics for c in self._find(topic)}
        for connection, _, data in self._guarded([c for c, _ in connections.values()]):
            yield connections[connection.id][1], self._message(connection, data)

    def _message(self, connection: Connection, data: bytes) -> Any:
        with self._readable():
            return self._reader.deserialize(data, connection.msgtype)

    def _guarded(self, connections: list[Connection]) -> Iterator[tuple[Connection, int, bytes]]:
        """Time of recording [ns] and bytes of every message; fewer than were recorded are an error."""
        promised, found = sum(connection.msgcount for connection in connections), 0
        with self._readable():
            for item in self._reader.messages(connections):
                found += 1
                yield item
            if found < promised:
                raise ReaderError(f"{found} of {promised} messages are left")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # rosbags stumbles over damaged files in a dozen ways
            raise BagError(_damage(self.path, error)) from error

    def _joined(self, left: str, right: str) -> Iterator[tuple[Any, Any]]:
        """Pairs of messages with equal stamps; one without partner is left out."""
        for topic in (left, right):
            if not self.has(topic):
                raise BagError(self._lack(topic))
        sides = {c.id: side for side, topic in enumerate((left, right)) for c in self._find(topic)}
        waiting: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        for connection, _, data in self._guarded([*self._find(left), *self._find(right)]):
            message = self._message(connection, data)
            side, stamp = sides[connection.id], messages.stamp_ns(message)
            partner = waiting[1 - side].pop(stamp, None)
            if partner is None:
                waiting[side][stamp] = message
                if len(waiting[side]) > MAX_UNMATCHED:
                    waiting[side].pop(next(iter(waiting[side])))
            else:
                yield (partner, message) if side else (message, partner)

    def _lack(self, topic: str) -> str:
        held = ", ".join(sorted(name for name, (_, count) in self.topics().items() if count)) or "nothing"
        return f"{self.path} has no messages of {topic}, it holds {held}. Record again with `mission record`."


def _absence(path: Path) -> str:
    if unfinished_directory(path).exists():
        return (
            f"{path} is not there, but {unfinished_directory(path)} is: that recording is still running or was killed. "
            f"Stop the recorder, or save what was written with `mission record --recover {path}`."
        )
    return f"{path} does not exist: name the directory of a bag (made by `mission record` or `ros2 bag record`)."


def _damage(path: Path, error: BaseException) -> str:
    return (
        f"{path} is no readable rosbag2 recording ({error or type(error).__name__}). Name a directory with a "
        f"metadata.yaml; if it was cut short, try `mission record --recover {path}`."
    )
