"""The radar on its two serial ports: commands out, frame bytes in. The only user of pyserial.

The command line interface (CLI) takes one line at a time and closes each reply with a verdict, `Done` or an error, and
the prompt. The data port only sends, and only between `sensorStart` and `sensorStop`.
"""

import errno
import logging
import re
import termios
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import serial
from serial.tools.list_ports import comports
from serial.tools.list_ports_common import ListPortInfo

from mission_core.errors import CommandError, ConfigurationError, DeviceError
from mission_core.radar.profile import RadarProfile

AUTO = "auto"
"""Port name: find the one radar that is plugged in."""

DATA_BAUDRATE = 921_600
"""Of the data port of TI's evaluation modules [bit/s]; their USB bridge does no more."""

DONE = "Done"
PROMPT = b"mmwDemo:/>"
COMMAND_TIMEOUT = 3.0  # [s]
COMMAND_TIMEOUTS = {"sensorStart": 15.0, "sensorStop": 15.0, "flushCfg": 5.0}  # calibration and memory take their time
COMMAND_GAP = 0.02  # [s] between commands; faster ones get garbled
PROMPT_WAIT = 0.1  # [s] for the prompt after the verdict
SILENCE = 0.25  # [s] after which a late reply is over
WRITE_TIMEOUT = 1.0  # [s]
TYPICAL_POINTS = 100  # of a frame with a few people
HIGH_UART_LOAD = 0.9

UNCONFIGURED, STOPPED, STREAMING = range(3)
"""What `queryDemoStatus` tells."""
FIXED_AT_POWER_UP = ("channelCfg", "adcCfg", "lowPower", "dfeDataOutputMode")
PORT_ALIVE = b"\xff" * 16
"""What the data port sends when `configDataPort` asks for it."""
SIGN_WAIT = 1.0  # [s] for it

_UNKNOWN = "is not recognized as a CLI command"
_FAILURES = (_UNKNOWN, "command is not allowed")
_REMEDIES = {
    "not recognized": "flash the SDK 3.x out-of-box demo; if the line is garbled, keep ModemManager off the port",
    "partial configuration": "send a complete profile; if it is complete, power-cycle the radar",
    "Full configuration": "send a complete profile",
    "not allowed after": "power-cycle the radar",
}
_REFUSED = "compare the line with the SDK user's guide of this firmware"
_SILENT = "check that the CLI and data ports are not swapped and SOP is in functional mode, then power-cycle the radar"

_HUNG = (
    f"it hangs if {', '.join(FIXED_AT_POWER_UP)} differ from those it was first started with, and wants to be "
    f"power-cycled then; else {_SILENT}"
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A USB bridge that carries a radar's two ports, with the USB interface of each."""

    name: str
    vid: int
    pid: int
    cli_interface: int
    data_interface: int


BRIDGES = (
    Bridge("CP2105 of an IWR6843 EVM", 0x10C4, 0xEA70, cli_interface=0, data_interface=1),
    Bridge("XDS110 of a BoosterPack or carrier board", 0x0451, 0xBEF3, cli_interface=0, data_interface=3),
)


@dataclass(frozen=True, slots=True)
class RadarPorts:
    """A radar that is plugged in.

    Attributes:
        cli: port of the command line.
        data: port of the frames.
        serial_number: of the USB bridge, "" where it has none.
        bridge: kind of the bridge.
    """

    cli: str
    data: str
    serial_number: str
    bridge: str


def list_radars(ports: Iterable[ListPortInfo] | None = None) -> list[RadarPorts]:
    """Pairs the serial ports of every radar, by USB identity.

    Args:
        ports: to look through; None for those of this machine.
    """
    devices: dict[tuple[Bridge, str, str], dict[int, str]] = {}
    for port in comports() if ports is None else ports:
        bridge = next((each for each in BRIDGES if (each.vid, each.pid) == (port.vid, port.pid)), None)
        where = re.fullmatch(r"(.*):[^.]*\.(\d+)", port.location or "")  # bus-port:configuration.interface
        if bridge and where:
            device = devices.setdefault((bridge, where[1], port.serial_number or ""), {})
            device[int(where[2])] = port.device
    return [
        RadarPorts(device[bridge.cli_interface], device[bridge.data_interface], serial_number, bridge.name)
        for (bridge, _, serial_number), device in devices.items()
        if {bridge.cli_interface, bridge.data_interface} <= device.keys()
    ]


def find_radar(serial_number: str | None = None) -> RadarPorts:
    """The one radar that is plugged in.

    Args:
        serial_number: of the USB bridge, to find the same radar again; None when there is only one.

    Raises:
        DeviceError: there is none, or more than one.
    """
    radars = [radar for radar in list_radars() if serial_number in (None, radar.serial_number)]
    if not radars:
        looked_for = " or ".join(f"{bridge.vid:04X}:{bridge.pid:04X}" for bridge in BRIDGES)
        number = f" with serial number {serial_number}" if serial_number else ""
        raise DeviceError(
            f"no radar{number} is plugged in: expected USB {looked_for}; check cable and power, or name the ports"
        )
    if len(radars) > 1:
        found = ", ".join(f"{radar.cli} + {radar.data}" for radar in radars)
        raise DeviceError(
            f"{len(radars)} radars are plugged in ({found}): name the ports or the serial_number of the one to use; "
            "`mission radar ports` lists them"
        )
    return radars[0]


class UnknownCommandError(CommandError):
    """The firmware does not know a command."""


class RadarDevice:
    """A radar that runs TI's out-of-box demo.

    One thread may read while another sends commands; `close` only when neither is under way.

    Args:
        cli_port: of the command line, a device path or "auto".
        data_port: of the frames, a device path or "auto".
        serial_number: of the USB bridge whose ports "auto" means; "" for those of the only radar.
        cli_baudrate: [bit/s].
        data_baudrate: [bit/s].

    Raises:
        ConfigurationError: only one port is "auto", both are the same, or a serial number is given beside them.
    """

    def __init__(
        self,
        cli_port: str = AUTO,
        data_port: str = AUTO,
        *,
        serial_number: str = "",
        cli_baudrate: int = 115_200,
        data_baudrate: int = DATA_BAUDRATE,
    ) -> None:
        if (cli_port == AUTO) != (data_port == AUTO) or (cli_port == data_port != AUTO):
            raise ConfigurationError(f"radar ports are {cli_port}, {data_port}: expected two ports, or {AUTO} for both")
        if serial_number and cli_port != AUTO:
            raise ConfigurationError(
                f"radar ports are {cli_port}, {data_port}: a serial_number goes with {AUTO} for both"
            )
        self._ports = (cli_port, data_port)
        self._baudrates = (cli_baudrate, data_baudrate)
        self._serial_number = serial_number or None  # else of the radar that "auto" found first
        self._cli: serial.Serial | None = None
        self._data: serial.Serial | None = None
        self._accepted: tuple[str, ...] = ()  # the configuration that this radar runs
        self._fixed: dict[str, str] = {}  # the lines FIXED_AT_POWER_UP that it has first started with

    def open(self) -> None:
        """Opens both ports for this process alone. With "auto", the same radar is found again after a replug.

        Raises:
            DeviceError: a port is absent, forbidden or busy, or no single radar is plugged in.
        """
        self.close()
        cli_port, data_port = self._resolve()
        try:
            self._cli = _open_port(cli_port, self._baudrates[0])
            self._data = _open_port(data_port, self._baudrates[1])
        except DeviceError:
            self.close()
            raise

    def configure(self, profile: RadarProfile) -> None:
        """Makes the radar run a profile, and starts it; frames from before are thrown away.

        It is asked first how it is. One that has lost its power gets the whole profile, line by line; one that has it
        since it was started is started again, which takes a line instead of thirty.

        Raises:
            ConfigurationError: the profile makes longer frames than the data port can carry.
            CommandError: the radar refused a line or did not answer it, or would hang; names line, reply and remedy.
            DeviceError: a port is gone, or the data port is not this radar's.
        """
        check_uart(profile, self._baudrates[1])
        state = self._state()
        if state == UNCONFIGURED:
            self._accepted, self._fixed = (), {}
        self._check_fixed(profile, certain=state is not None)
        if state in (STOPPED, STREAMING) and self._accepted == profile.commands and self._restart():
            return
        self._accepted = ()
        for command in profile.commands:
            if command == "sensorStart":
                self._check_data_port()
                self._flush_data()
            self._command(command)
            time.sleep(COMMAND_GAP)
        self._accepted = profile.commands
        self._fixed = self._fixed or _fixed_lines(profile)

    def read(self, timeout: float) -> bytes:
        """Returns the bytes that have arrived, as soon as there are any; b"" when none came for `timeout` seconds.

        Raises:
            DeviceError: the data port is gone.
        """
        port = _opened(self._data)
        with _gone(port):
            if port.timeout != timeout:
                port.timeout = timeout
            data: bytes = port.read(1)
            if data:
                data += port.read(port.in_waiting)
            return data

    def stop(self) -> None:
        """Stops the radar; it keeps its configuration.

        Raises:
            CommandError: it refused or did not answer.
            DeviceError: the CLI port is gone.
        """
        self._command("sensorStop")

    def close(self) -> None:
        """Closes both ports; the radar goes on as it is. Closing twice is fine."""
        for port in (self._cli, self._data):
            if port is not None:
                port.close()
        self._cli = self._data = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _resolve(self) -> tuple[str, str]:
        if self._ports != (AUTO, AUTO):
            return self._ports
        radar = find_radar(self._serial_number)
        self._serial_number = radar.serial_number
        return radar.cli, radar.data

    def _state(self) -> int | None:
        """UNCONFIGURED, STOPPED or STREAMING; None of firmware before SDK 3.4, which does not tell.

        Raises:
            CommandError: it does not answer.
        """
        try:
            found = re.search(r"Sensor State: (\d)", self._command("queryDemoStatus"))
        except UnknownCommandError:
            return None
        return int(found[1]) if found else None

    def _check_fixed(self, profile: RadarProfile, *, certain: bool) -> None:
        """The firmware hangs at `sensorStart` where what it takes only once per power-up is another than at first.

        Raises:
            CommandError: it would; only a warning where it is not `certain` that the radar has kept its power.
        """
        now = _fixed_lines(profile)
        for name, first in self._fixed.items():
            if first != now[name]:
                problem = (
                    f"{profile.name} has '{now[name]}', the radar has started with '{first}' and hangs "
                    "unless it was power-cycled"
                )
                if certain:
                    raise CommandError(f"{problem}, which it was not: do that, then try again")
                _logger.warning("%s", problem)

    def _restart(self) -> bool:
        """Starts the radar with the configuration it has; False where it has forgotten it, or part of another came."""
        self._command("sensorStop")
        self._flush_data()
        try:
            self._command("sensorStart 0")
        except CommandError as error:
            _logger.info("%s; it is configured anew", error)
            return False
        return True

    def _check_data_port(self) -> None:
        """Asks the radar for a sign on its data port, where the firmware can give one (SDK 3.4 and later).

        Raises:
            DeviceError: it does not come: the port is another one's, or its line is broken.
        """
        self._flush_data()
        try:
            reply = self._command(f"configDataPort {self._baudrates[1]} 1")
        except CommandError:
            return
        if "changed to" not in reply:
            return
        port, sign = _opened(self._data), b""
        with _gone(port):
            port.timeout = SIGN_WAIT
            sign = port.read(len(PORT_ALIVE))
        if sign != PORT_ALIVE:
            raise DeviceError(
                f"data port {port.port} gave {sign.hex(' ') or 'nothing'} where {len(PORT_ALIVE)} bytes ff were due, "
                "while the CLI answers: it is another radar's, see `mission radar ports`"
            )

    def _flush_data(self) -> None:
        port = _opened(self._data)
        with _gone(port):
            port.reset_input_buffer()

    def _command(self, command: str) -> str:
        """Sends one line and waits for the verdict; returns the reply."""
        port = _opened(self._cli)
        timeout = COMMAND_TIMEOUTS.get(command.split()[0], COMMAND_TIMEOUT)
        with _gone(port):
            port.reset_input_buffer()
            port.write(command.encode("ascii", errors="replace") + b"\n")
            reply = _read_reply(port, timeout)
            verdict = _verdict(reply)
            if verdict is None:
                _drain(port)  # a late reply must not be taken for the next command's
        if verdict is None:
            answer = f"only '{' '.join(reply.split())}'" if reply.strip() else "nothing"
            silent = _HUNG if command == "sensorStart" else _SILENT
            raise CommandError(f"the radar answered {answer} to '{command}' within {timeout:g} s; {silent}")
        if verdict != DONE:
            remedy = next((remedy for key, remedy in _REMEDIES.items() if key in reply), _REFUSED)
            error = UnknownCommandError if _UNKNOWN in verdict else CommandError
            raise error(f"the radar answered '{verdict}' to '{command}'; {remedy}")
        _logger.debug("%s: %s", command, " ".join(reply.split()))
        return reply


def _fixed_lines(profile: RadarProfile) -> dict[str, str]:
    lines = {line.split()[0]: line for line in profile.commands}
    return {name: lines.get(name, f"no {name}") for name in FIXED_AT_POWER_UP}


def _verdict(reply: str) -> str | None:
    """What the radar thinks of a command: `DONE`, the line that says what is wrong, or None as long as it is silent.

    "Ignored: Sensor is already stopped" is followed by `Done` and means what was asked for.
    """
    lines = [line.strip() for line in reply.splitlines()]
    for line in lines:
        if line.startswith("Error") or any(failure in line for failure in _FAILURES):
            return line
    return DONE if DONE in lines else None


def _read_reply(port: serial.Serial, timeout: float) -> str:
    """Reads until verdict and prompt are there, the verdict alone for a while, or time is over."""
    reply = b""
    deadline = time.monotonic() + timeout
    judged = False
    while (remaining := deadline - time.monotonic()) > 0:
        port.timeout = remaining
        reply += port.read(1) + port.read(port.in_waiting)
        if _verdict(reply.decode("ascii", errors="replace")):
            if reply.rstrip().endswith(PROMPT):
                break
            if not judged:
                deadline = min(deadline, time.monotonic() + PROMPT_WAIT)
                judged = True
    return reply.decode("ascii", errors="replace")


def _drain(port: serial.Serial) -> None:
    """Throws away what still arrives until the line is silent, for `COMMAND_TIMEOUT` at most."""
    deadline = time.monotonic() + COMMAND_TIMEOUT
    port.timeout = SILENCE
    while port.read(1) and time.monotonic() < deadline:
        port.reset_input_buffer()


def check_uart(profile: RadarProfile, baudrate: int) -> None:
    """Checks that the data port carries what a profile makes the radar send; warns where there is little to spare.

    A radar that is told to send more stops answering its CLI, or crashes.

    Raises:
        ConfigurationError: frames are too long even without detections.
    """
    if (load := profile.uart_load(0, baudrate)) > 1.0:
        raise ConfigurationError(
            f"{profile.monitor_place or profile.name}: what guiMonitor asks for is {load:.0%} of what the data port "
            f"carries, {profile.bytes_per_frame(0)} bytes or more every {profile.frame_period * 1e3:g} ms; use fewer "
            "bins, a longer period, or no heat map in guiMonitor"
        )
    if (load := profile.uart_load(TYPICAL_POINTS, baudrate)) > HIGH_UART_LOAD:
        _logger.warning("%s: %d points load the data port with %.0f%%", profile.name, TYPICAL_POINTS, 100 * load)


def _open_port(path: str, baudrate: int) -> serial.Serial:
    try:
        return serial.Serial(path, baudrate, exclusive=True, write_timeout=WRITE_TIMEOUT)
    except (OSError, termios.error) as error:
        raise DeviceError(f"radar port {path} cannot be opened: {_explain_open(error)}") from error


def _explain_open(error: OSError | termios.error) -> str:
    match error.errno if isinstance(error, OSError) else None:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return "it does not exist; plug the radar in, and see `mission radar ports` for what is there"
        case errno.EACCES | errno.EPERM:
            return "permission denied; add the user to the group dialout and log in again"
        case errno.EBUSY | errno.EAGAIN:
            return "another process uses it; end that process"
        case _:
            return f"{error}; expected a serial port"


def _opened(port: serial.Serial | None) -> serial.Serial:
    if port is None:
        raise DeviceError("the radar's ports are closed; open them first")
    return port


@contextmanager
def _gone(port: serial.Serial) -> Iterator[None]:
    """Whatever a port raises in use means that it is gone."""
    try:
        yield
    except (OSError, termios.error) as error:
        raise DeviceError(f"radar port {port.port} is gone ({error}); check cable and power") from error
