"""Times of frames, and what a feed does at its beginning. Bytes come from a list; the clock is a number."""

import itertools
import struct
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from radar_frames import ONE_POINT, frame_of
from ros_harness import wait_for
from serial.tools.list_ports_common import ListPortInfo

from mission_core.paths import shared_file
from mission_core.radar import device as device_module
from mission_core.radar.device import RadarDevice
from mission_core.radar.profile import load_profile
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.sim.evm import SimulatedEvm
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


# --- a cable that is pulled -------------------------------------------------------------------------------------------


class Usb:
    """What is plugged in: boards by serial number. Stands for the list of the machine's serial ports."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boards: dict[str, SimulatedEvm] = {}
        monkeypatch.setattr(device_module, "comports", self._ports)

    def _ports(self) -> list[ListPortInfo]:
        return [
            usb_port(str(path.resolve()), serial_number, bus, interface)
            for bus, (serial_number, board) in enumerate(self.boards.items(), start=1)
            for interface, path in enumerate((board.cli_path, board.data_path))
        ]


def usb_port(path: str, serial_number: str, bus: int, interface: int) -> ListPortInfo:
    port = ListPortInfo(path)
    port.vid, port.pid, port.serial_number, port.location = 0x10C4, 0xEA70, serial_number, f"{bus}-1:1.{interface}"
    return port


def board(directory: Path, told: list[str], frame_number: int) -> SimulatedEvm:
    """A board that sends frames of one number all the time, and writes down what it is told."""
    evm = SimulatedEvm(lambda *_: itertools.repeat(frame(frame_number)), directory)
    evm.start()
    answer = evm._firmware.answer
    evm._firmware.answer = lambda line: (told.append(line), answer(line))[1]  # type: ignore[method-assign]
    return evm


class Watch:
    """A feed at work, and when it delivered what and told of problems."""

    def __init__(self, device: RadarDevice) -> None:
        self.delivered: list[int] = []
        self.problems: list[tuple[float, str]] = []
        self.feed = LiveFeed(device, PROFILE, 921_600, time.time_ns, self._note)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _note(self) -> None:
        self.problems.append((time.monotonic(), self.feed.problem))

    def _run(self) -> None:
        self.feed.run(lambda frame, _: self.delivered.append(frame.frame_number), self._stop)

    def __enter__(self) -> "Watch":
        self.feed.open()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self.feed.close()
        assert not self._thread.is_alive()


@pytest.mark.parametrize("has_supply", [True, False])
def test_the_same_radar_is_found_again_under_another_name(
    has_supply: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two radars one is unplugged while it streams, and comes back at other ports: running, or without memory."""
    usb = Usb(monkeypatch)
    told: list[str] = []
    told_other: list[str] = []
    usb.boards = {"mine": board(tmp_path / "a", told, 7), "other": board(tmp_path / "b", told_other, 9)}
    with Watch(RadarDevice(serial_number="mine")) as watch:
        wait_for(lambda: len(watch.delivered) > 3, "frames")
        told.clear()
        pulled = time.monotonic()
        mine = usb.boards.pop("mine")
        if has_supply:
            mine.unplug()
        else:
            mine.stop()
        wait_for(lambda: watch.problems, "a problem")
        assert watch.problems[0][0] - pulled < 1.0
        time.sleep(1.5)
        count = len(watch.delivered)
        if has_supply:
            mine.plug_in(tmp_path / "c")
        else:
            mine = board(tmp_path / "c", told, 7)
        usb.boards["mine"] = mine
        wait_for(lambda: len(watch.delivered) > count + 3 and not watch.feed.problem, "frames again")
        assert watch.feed.reopened == 1
        watch_told = list(told)
    assert set(watch.delivered) == {7}
    assert told_other == []
    if has_supply:
        assert watch_told == ["queryDemoStatus", "sensorStop", "sensorStart 0"]
    else:
        assert watch_told[-1] == "sensorStart"
        assert set(PROFILE.commands) <= set(watch_told)
    for each in usb.boards.values():
        each.stop()
