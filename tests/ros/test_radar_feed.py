"""Times of frames, and what a feed does at its beginning. Bytes come from a list; the clock is a number."""

import struct
import threading
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from radar_frames import ONE_POINT, frame_of

from mission_core.paths import shared_file
from mission_core.radar.device import RadarDevice
from mission_core.radar.profile import load_profile
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.types import RadarFrame
from mission_ros.radar_feed import LiveFeed, sensor_health

PROFILE = load_profile(shared_file("walking_10fps.cfg", "config/radar"))
BAUDRATE = 1_000_000  # 10 us per byte
BYTE_NS = 10_000
NOW = 1_700_000_000_000_000_000


def frame(number: int, num_points: int = 3) -> bytes:
    return encode_frame(number, np.full((num_points, 6), 1.0, np.float32))


class Port(RadarDevice):
    """A radar whose bytes come as given, each chunk by one read at one time; `stop` is set when all are read."""

    def __init__(self, *chunks: tuple[int, bytes], stale: bytes = b"") -> None:
        super().__init__("cli", "data")
        self.stop_reading = threading.Event()
        self.now_ns = 0
        self._stale = [stale] if stale else []
        self._chunks: Iterator[tuple[int, bytes]] = iter(chunks)

    def read(self, timeout: float) -> bytes:
        if timeout == 0.0:  # what has arrived already
            return self._stale.pop() if self._stale else b""
        try:
            self.now_ns, data = next(self._chunks)
        except StopIteration:
            self.stop_reading.set()
            return b""
        return data


def played(port: Port, feed: LiveFeed | None = None) -> list[tuple[int, int]]:
    """Frame numbers and stamps that a feed delivers."""
    delivered: list[tuple[int, int]] = []

    def deliver(frame: RadarFrame, stamp_ns: int) -> None:
        delivered.append((frame.frame_number, stamp_ns))

    feed = feed or LiveFeed(port, PROFILE, BAUDRATE, lambda: port.now_ns, lambda: None)
    feed.run(deliver, port.stop_reading)
    return delivered


def test_frame_is_stamped_when_its_first_byte_left() -> None:
    raw = frame(1)
    assert played(Port((NOW, raw[:50]), (NOW + 5, raw[50:]))) == [(1, NOW + 5 - len(raw) * BYTE_NS)]


def test_two_frames_of_one_read_are_as_far_apart_as_their_bytes() -> None:
    first, second, third = frame(1, 3), frame(2, 90), frame(3)
    begun = third[:60]
    stamps = played(Port((NOW, first + second + begun)))
    last = NOW - (len(second) + len(begun)) * BYTE_NS
    assert stamps == [(1, last - len(first) * BYTE_NS), (2, last)]


def test_stamps_never_go_back_however_late_a_read_comes() -> None:
    small, large = frame(1, 3), frame(2, 90)
    stamps = [stamp for _, stamp in played(Port((NOW, small), (NOW + 1000, large), (NOW + 2000, frame(3, 90))))]
    assert all(later > earlier for earlier, later in pairwise(stamps))


def test_clock_that_is_set_back_is_followed() -> None:
    hour = 3_600 * 10**9
    stamps = played(Port((NOW, frame(1)), (NOW - hour, frame(2))))
    assert stamps[1][1] == NOW - hour - len(frame(2)) * BYTE_NS


def test_what_came_while_nobody_read_is_thrown_away() -> None:
    port = Port((NOW, frame(8)), stale=frame(4) + frame(5)[:70])
    assert [number for number, _ in played(port)] == [8]


def test_half_a_frame_from_before_a_pause_is_forgotten() -> None:
    port = Port((NOW, frame(4)[:60]))
    feed = LiveFeed(port, PROFILE, BAUDRATE, lambda: port.now_ns, lambda: None)
    assert played(port, feed) == []
    feed._device = later = Port((NOW, frame(9)))
    assert [number for number, _ in played(later, feed)] == [9]
    assert feed.counters()["lost_frames"] == 0


def test_tells_how_the_sensor_is() -> None:
    stats = (6, struct.pack("<6I", 100, 2000, 70_000, 0, 43, 12))
    celsius = (40, 41, 42, 43, 50, 51, 52, 60, 61, 0)
    frame = frame_of("sdk3", ONE_POINT["sdk3"], stats, (9, struct.pack("<iI10h", 0, 9000, *celsius)))
    assert sensor_health(decode_frame(frame)) == {
        "layout": "sdk3",
        "active_frame_load_percent": 43,
        "frame_margin_us": 70_000,
        "temperature_celsius": 61,
    }
    failed = frame_of("sdk3", ONE_POINT["sdk3"], (9, struct.pack("<iI10h", -1, 9000, *celsius)))
    assert sensor_health(decode_frame(failed)) == {"layout": "sdk3"}
