"""An IWR6843 EVM faked at the byte: two serial ports that behave like those of the board.

The ports are pseudo-terminals behind two symbolic links, `cli` and `data`, that stay while the board is powered. The
CLI answers as the SDK 3.x demo does (mmw_cli.c); from `sensorStart` on the data port carries frames at the period of
the configuration that was sent, at the pace of its baud rate. What nobody reads is lost, as on a UART.
"""

import fcntl
import itertools
import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from mission_core.errors import ConfigurationError
from mission_core.radar.profile import BITS_PER_BYTE, RadarProfile, parse_profile
from mission_core.radar.stream import FrameStream
from mission_core.radar.tlv import CPU_FREQUENCY, encode_frame
from mission_core.sim.rooms import Scenario
from mission_core.sim.view import RadarView
from mission_core.types import Mount

Clock: TypeAlias = Callable[[], float]
"""Time since the board got power [s]."""

FrameGenerator: TypeAlias = Callable[[RadarProfile, Clock], Iterator[bytes]]
"""What the sensor sees: called at `sensorStart`, gives the raw frame of each period until it is exhausted."""

DATA_BAUDRATE = 921_600
CHUNK_SECONDS = 0.004
POLL_SECONDS = 0.1

PROMPT = "\r\nmmwDemo:/>"
PORT_ALIVE = b"\xff" * 16

# number of arguments of each configuration command, as the firmware checks them
ARGUMENTS = {
    "dfeDataOutputMode": 1,
    "channelCfg": 3,
    "adcCfg": 2,
    "adcbufCfg": 5,
    "profileCfg": 14,
    "chirpCfg": 8,
    "frameCfg": 7,
    "lowPower": 2,
    "guiMonitor": 7,
    "cfarCfg": 9,
    "multiObjBeamForming": 3,
    "clutterRemoval": 2,
    "calibDcRangeSig": 5,
    "extendedMaxVelocity": 2,
    "bpmCfg": 4,
    "lvdsStreamCfg": 4,
    "compRangeBiasAndRxChanPhase": 25,
    "measureRangeBiasAndRxChanPhase": 3,
    "CQRxSatMonitor": 5,
    "CQSigImgMonitor": 3,
    "analogMonitor": 2,
    "aoaFovCfg": 5,
    "cfarFovCfg": 4,
    "calibData": 3,
}
REQUIRED = frozenset(ARGUMENTS) - {"bpmCfg", "calibData", "lowPower"}
ONCE_PER_POWER_UP = ("channelCfg", "adcCfg", "lowPower")
"""The firmware asserts, and is gone until it is powered again, when one of these differs from the first start."""

FULL_NEEDED = "Error: Full configuration must be provided before sensor can be started the first time"
NONE_GIVEN = (
    'Error: You have provided no configuration, issue "sensorStart 0" OR provide full configuration and issue '
    '"sensorStart"'
)
COMPLETE_GIVEN = (
    'Error: You have provided complete new configuration, issue "sensorStart" (without argument) if you want it to '
    "take effect"
)
PARTIAL_GIVEN = (
    "Error: You have provided partial configuration between stop and this command and partial configuration cannot be "
    "undone. Provide the full configuration again and then do 'sensorStart'"
)
NOT_WHILE_STARTED = "Ignored: This command is not allowed after sensor has started"
INVALID_USAGE = "Error: Invalid usage of the CLI command"


def walking_frames(scenario: Scenario, mount: Mount, walked: Clock | None = None) -> FrameGenerator:
    """What a radar sees of people who walk, wherever they are when it measures; nothing where a frame is lost.

    Args:
        scenario: who walks, without end.
        mount: of the radar.
        walked: how long they have walked [s]; None: since the board got power.
    """
    numbers = itertools.count(1)  # the counter survives sensorStop, only power resets it

    def frames(profile: RadarProfile, clock: Clock) -> Iterator[bytes]:
        view = RadarView(scenario, profile, mount)
        for number in numbers:
            t = clock()
            seen = view.observe(walked() if walked else t)
            cycles = round(t * CPU_FREQUENCY)
            frame = encode_frame(number, seen.points, range_doppler=seen.range_doppler, cpu_cycles=cycles)
            yield b"" if seen.lost else frame

    return frames


def captured_frames(path: Path) -> FrameGenerator:
    """The intact frames of a recording, byte for byte, one each period; then silence.

    Raises:
        ConfigurationError: the file cannot be read or holds no frame.
    """
    stream = FrameStream()
    try:
        recorded = [frame.raw for frame in stream.feed(path.read_bytes()) + stream.finish()]
    except OSError as error:
        raise ConfigurationError(f"radar capture {path} cannot be read: {error.strerror}") from error
    if not recorded:
        raise ConfigurationError(f"{path} holds no frame of the radar, expected bytes recorded from its data port")
    return lambda _profile, _clock: iter(recorded)


class SimulatedEvm:
    """The board. Power it with `start`, or use it as a context manager.

    Args:
        frames: what it sees, `walking_frames` or `captured_frames`.
        link_directory: where the links `cli` and `data` appear; made if absent.

    Attributes:
        cli_path: port of the command line.
        data_path: port of the frames.
    """

    def __init__(self, frames: FrameGenerator, link_directory: Path) -> None:
        self.cli_path = link_directory / "cli"
        self.data_path = link_directory / "data"
        self._generator = frames
        self._powered = False

    def start(self) -> None:
        """Gives the board power: the ports appear, time runs.

        Raises:
            ConfigurationError: something that is not a link is where a port must appear.
        """
        if self._powered:
            return
        self._epoch = time.monotonic()
        self._stopping = threading.Event()
        self._cli = _Port(self.cli_path)
        try:
            self._data = _Port(self.data_path)
        except ConfigurationError:
            self._cli.unplug()
            raise
        self._sender = _Sender(self._data, self._stopping)
        self._firmware = _Firmware(self._sender, lambda profile: self._generator(profile, self._clock))
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._serve_cli, "evm-cli"), (self._sender.run, "evm-data"))
        ]
        for thread in self._threads:
            thread.start()
        self._powered = True

    def stop(self) -> None:
        """Takes power away: the ports are gone, also from the file system. Stopping twice is fine."""
        if not self._powered:
            return
        self._powered = False
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.unplug()

    def unplug(self) -> None:
        """Pulls the USB cable of a board with a supply of its own: the ports are gone, and it goes on as it was."""
        self._cli.unplug()
        self._data.unplug()

    def plug_in(self, link_directory: Path) -> None:
        """Plugs the cable in again; the ports appear under other names.

        Raises:
            ConfigurationError: something that is not a link is where a port must appear.
        """
        self.cli_path, self.data_path = link_directory / "cli", link_directory / "data"
        self._cli.plug_in(self.cli_path)
        self._data.plug_in(self.data_path)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _clock(self) -> float:
        return time.monotonic() - self._epoch

    def _serve_cli(self) -> None:
        line = b""
        while not self._stopping.is_set():
            for byte in self._cli.read(self._stopping):
                character = bytes((byte,))
                if self._firmware.hung:
                    break
                if character not in b"\r\n":
                    self._cli.write(character)  # the echo
                    line = (line + character)[-256:]
                elif character == b"\n":
                    reply = "".join(f"\r\n{text}" for text in self._firmware.answer(line.decode("ascii", "replace")))
                    line = b""
                    if not self._firmware.hung:
                        self._cli.write(f"{reply}\r\n{PROMPT}".encode("ascii", "replace"))


class _Port:
    """One end of a pseudo-terminal; the other end is what the link points to."""

    def __init__(self, link: Path) -> None:
        self._lock = threading.Lock()
        self._master: int | None = None  # as long as the cable is plugged in
        self.plug_in(link)

    def plug_in(self, link: Path) -> None:
        """Makes the port appear."""
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.exists() and not link.is_symlink():
            raise ConfigurationError(f"{link} is in the way of the simulated radar's port: remove it")
        master, slave = os.openpty()
        tty.setraw(slave)  # no echo and no translation, even before the host sets its own modes
        target = os.ttyname(slave)
        os.close(slave)  # from now on POLLHUP says that nobody has the port open
        fcntl.fcntl(master, fcntl.F_SETFL, fcntl.fcntl(master, fcntl.F_GETFL) | os.O_NONBLOCK)
        link.unlink(missing_ok=True)  # left behind by a process that was killed
        link.symlink_to(target)
        with self._lock:
            self._link, self._target, self._master = link, target, master

    def read(self, stopping: threading.Event) -> bytes:
        """What the host has sent; b"" when it sends nothing for a while."""
        with self._lock:
            events = self._events(POLL_SECONDS)
            if events & select.POLLIN and self._master is not None:
                try:
                    return os.read(self._master, 4096)
                except OSError:  # the host closed the port in between
                    return b""
        if events & select.POLLHUP:
            stopping.wait(POLL_SECONDS)
        return b""

    def write(self, data: bytes) -> None:
        """Sends; what the host's buffer has no room for, or nobody listens to, is lost."""
        with self._lock:
            if self._master is None or self._events(0.0) & select.POLLHUP:
                return
            try:
                os.write(self._master, data)
            except OSError:  # full, or closed in between
                return

    def unplug(self) -> None:
        """Removes the port, and the link unless somebody else's stands there now. Twice is fine."""
        with self._lock:
            if self._master is None:
                return
            if self._link.is_symlink() and str(self._link.readlink()) == self._target:
                self._link.unlink()
            os.close(self._master)
            self._master = None

    def _events(self, seconds: float) -> int:
        """What `poll` tells of it; as if nobody had it open while it is not plugged in."""
        if self._master is None:
            return select.POLLHUP
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        return dict(poll.poll(seconds * 1e3)).get(self._master, 0)


class _Sender:
    """Sends frames on the data port, one each period, until told otherwise."""

    def __init__(self, port: _Port, stopping: threading.Event) -> None:
        self._port = port
        self._stopping = stopping
        self._running = threading.Event()
        self._frames: Iterator[bytes] = iter(())
        self._period = 0.0
        self.baudrate = DATA_BAUDRATE

    def load(self, frames: Iterator[bytes], period: float) -> None:
        """Sets what to send from now on, every `period` seconds."""
        self._frames, self._period = frames, period

    def resume(self) -> None:
        self._running.set()

    def pause(self) -> None:
        self._running.clear()

    def ping(self) -> None:
        self._port.write(PORT_ALIVE)

    def run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            if not self._running.wait(POLL_SECONDS):
                due = time.monotonic()
                continue
            frame = next(self._frames, None)
            if frame is None:
                self._running.clear()
                continue
            self._send(frame)
            due = max(due + self._period, time.monotonic())  # late frames are not made up for
            self._stopping.wait(due - time.monotonic())

    def _send(self, frame: bytes) -> None:
        bytes_per_second = self.baudrate / BITS_PER_BYTE
        size = max(1, int(bytes_per_second * CHUNK_SECONDS))
        begin = time.monotonic()
        for sent in range(0, len(frame), size):
            self._port.write(frame[sent : sent + size])
            self._stopping.wait(begin + (sent + size) / bytes_per_second - time.monotonic())


class _Firmware:
    """The command line of the demo: state, and the lines it answers to a command.

    Attributes:
        hung: it has asserted and answers nothing any more.
    """

    def __init__(self, sender: _Sender, look: Callable[[RadarProfile], Iterator[bytes]]) -> None:
        self.hung = False
        self._sender = sender
        self._look = look
        self._started = False
        self._configured = False  # sensorStart has succeeded once
        self._pending: list[str] = []  # configuration since the last start or flush
        self._first: dict[str, str] = {}  # what the first start fixed until power-down

    def answer(self, line: str) -> list[str]:
        """The reply to one line, without echo and prompt."""
        words = line.split()
        if not words:
            return []
        if words[0].startswith("%"):
            return ["Skipped"]
        handlers = {
            "sensorStart": self._sensor_start,
            "sensorStop": self._sensor_stop,
            "flushCfg": self._flush,
            "version": self._version,
            "queryDemoStatus": self._status,
            "configDataPort": self._data_port,
        }
        if words[0] in handlers:
            return handlers[words[0]](words[1:])
        if words[0] in ARGUMENTS:
            return self._configure(words)
        return [f"'{words[0]}' is not recognized as a CLI command"]

    def _configure(self, words: list[str]) -> list[str]:
        if self._started:
            return [NOT_WHILE_STARTED, "Done"]
        if len(words) - 1 != ARGUMENTS[words[0]]:
            return [INVALID_USAGE, "Error -1"]
        self._pending.append(" ".join(words))
        return ["Done"]

    def _sensor_start(self, arguments: list[str]) -> list[str]:
        if self._started:
            return ["Ignored: Sensor is already started", "Done"]
        complete = {line.split()[0] for line in self._pending} >= REQUIRED
        if arguments == ["0"]:
            return self._restart(complete)
        if not complete:
            given = PARTIAL_GIVEN if self._pending else NONE_GIVEN
            return [given if self._configured else FULL_NEEDED, "Error -1"]
        try:
            profile = parse_profile("\n".join(self._pending), "configuration")
        except ConfigurationError:
            return ["Error -1"]
        fixed = {line.split()[0]: line for line in self._pending if line.split()[0] in ONCE_PER_POWER_UP}
        if self._first and fixed != self._first:
            self.hung = True
            return []
        self._first, self._configured, self._started, self._pending = fixed, True, True, []
        self._sender.load(self._look(profile), profile.frame_period)
        self._sender.resume()
        return ["Debug: Init Calibration Status = 0x1ffe", "Done"]

    def _restart(self, complete: bool) -> list[str]:
        if not self._configured:
            return [FULL_NEEDED, "Error -1"]
        if self._pending:
            return [COMPLETE_GIVEN if complete else PARTIAL_GIVEN, "Error -1"]
        self._started = True
        self._sender.resume()
        return ["Done"]

    def _sensor_stop(self, _arguments: list[str]) -> list[str]:
        if not self._started:
            return ["Ignored: Sensor is already stopped", "Done"]
        self._started = False
        self._sender.pause()
        return ["Done"]

    def _flush(self, _arguments: list[str]) -> list[str]:
        if self._started:
            return [NOT_WHILE_STARTED, "Done"]
        self._pending = []
        return ["Done"]

    def _version(self, _arguments: list[str]) -> list[str]:
        return ["Platform                : xWR68xx", "mmWave SDK Version      : 03.05.00.04", "Done"]

    def _status(self, _arguments: list[str]) -> list[str]:
        state = 2 if self._started else 1 if self._configured else 0
        return [f"Sensor State: {state}", f"Data port baud rate: {self._sender.baudrate}", "Done"]

    def _data_port(self, arguments: list[str]) -> list[str]:
        if len(arguments) != 2 or not all(argument.isdecimal() for argument in arguments):
            return [INVALID_USAGE, "Error -1"]
        if self._started:
            return [NOT_WHILE_STARTED, "Done"]
        self._sender.baudrate = int(arguments[0])
        if arguments[1] == "1":
            self._sender.ping()
        return [f"Data port baud rate changed to {arguments[0]}", "Done"]
