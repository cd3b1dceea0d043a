"""The real serial code on pseudo terminals, with a small scripted radar at the other end."""

import errno
import itertools
import os
import select
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from serial.tools.list_ports_common import ListPortInfo

from mission_core.errors import CommandError, ConfigurationError, DeviceError
from mission_core.paths import share_directory
from mission_core.radar import device as device_module
from mission_core.radar.device import BRIDGES, RadarDevice, RadarPorts, list_radars
from mission_core.radar.profile import load_profile, parse_profile
from mission_core.radar.tlv import encode_frame
from mission_core.sim.evm import SimulatedEvm

PROFILE = load_profile(Path(__file__).resolve().parents[3] / "config" / "radar" / "walking_10fps.cfg")
SENT = ("queryDemoStatus", *PROFILE.commands[:-1], "configDataPort 921600 1", "sensorStart")
"""What a radar is sent of which nothing is known."""
DONE = "Done\r\n\r\nmmwDemo:/>"


class ScriptedRadar:
    """Echoes and answers CLI lines as the demo does; at `sensorStart` it sends `first_bytes` on the data port.

    `replies` overrules the reply to a command, None = silence.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.replies: dict[str, str | None] = {}
        self.first_bytes = b""
        self._cli, self._cli_slave = os.openpty()
        self._data, self._data_slave = os.openpty()  # slaves are held open, so that the ports outlive each opening
        self.cli_path, self.data_path = os.ttyname(self._cli_slave), os.ttyname(self._data_slave)
        self._wake_end, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        received = b""
        while self._wake_end not in (ready := select.select([self._cli, self._wake_end], [], [])[0]):
            assert ready
            *lines, received = (received + os.read(self._cli, 1024)).split(b"\n")
            for line in lines:
                self._answer(line.decode())

    def _answer(self, line: str) -> None:
        self.lines.append(line)
        reply = self.replies.get(line.split()[0], DONE)
        if reply is not None:
            self.say(f"{line}\r\n{reply}")
        if line == "sensorStart":
            self.send(self.first_bytes)

    def say(self, text: str) -> None:
        os.write(self._cli, text.encode())

    def send(self, data: bytes) -> None:
        os.write(self._data, data)

    def unplug(self) -> None:
        if self._thread.is_alive():
            os.write(self._wake, b"x")
            self._thread.join()
            for end in (self._cli, self._cli_slave, self._data, self._data_slave, self._wake_end, self._wake):
                os.close(end)


@pytest.fixture
def radar() -> Iterator[ScriptedRadar]:
    scripted = ScriptedRadar()
    yield scripted
    scripted.unplug()


@pytest.fixture
def device(radar: ScriptedRadar) -> Iterator[RadarDevice]:
    with RadarDevice(radar.cli_path, radar.data_path) as opened:
        yield opened


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "COMMAND_TIMEOUT", 0.2)
    monkeypatch.setattr(device_module, "COMMAND_TIMEOUTS", {})


def test_sends_the_profile_line_by_line(radar: ScriptedRadar, device: RadarDevice) -> None:
    device.configure(PROFILE)
    assert radar.lines == list(SENT)


def test_frames_from_before_are_thrown_away(radar: ScriptedRadar, device: RadarDevice) -> None:
    radar.send(b"frame of an earlier run")
    radar.first_bytes = b"new frame"
    device.configure(PROFILE)
    assert device.read(1.0) == b"new frame"


def test_read_returns_what_is_there_at_once(radar: ScriptedRadar, device: RadarDevice) -> None:
    threading.Timer(0.1, radar.send, [b"\x02\x01\n\r\x03\x11\x13\xff"]).start()  # nothing of it means a thing to a tty
    begin = time.monotonic()
    assert device.read(5.0) == b"\x02\x01\n\r\x03\x11\x13\xff"
    assert time.monotonic() - begin < 2.0


def test_read_returns_nothing_after_the_timeout(device: RadarDevice) -> None:
    begin = time.monotonic()
    assert device.read(0.05) == b""
    assert 0.04 < time.monotonic() - begin < 2.0


@pytest.mark.parametrize(
    "reply",
    [
        "Ignored: Sensor is already stopped\r\n" + DONE,
        "Debug: Init Calibration Status = 0x1ffe\r\n" + DONE,
        "Done\r\n",  # no prompt
    ],
)
def test_accepted_replies(radar: ScriptedRadar, device: RadarDevice, reply: str) -> None:
    radar.replies = dict.fromkeys(["sensorStop", "sensorStart"], reply)
    device.configure(PROFILE)
    device.stop()
    assert radar.lines == [*SENT, "sensorStop"]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ("'frameCfg' is not recognized as a CLI command\r\n", "is not recognized as a CLI command' .* flash the SDK"),
        (
            "Error: Invalid usage of the CLI command\r\nError -1\r\n",
            "'Error: Invalid usage of the CLI command' .* guide",
        ),
        ("Error -1\r\n", "'Error -1' to 'frameCfg 0 2 32 0 100.00 1 0'; compare the line"),
        ("Error: You have provided partial configuration between stop and this\r\nError -1\r\n", "power-cycle"),
        ("Ignored: This command is not allowed after sensor has started\r\nDone\r\n", "power-cycle the radar"),
    ],
)
def test_refused_commands(radar: ScriptedRadar, device: RadarDevice, reply: str, says: str) -> None:
    radar.replies = {"frameCfg": f"{reply}\r\nmmwDemo:/>"}
    with pytest.raises(CommandError, match=says):
        device.configure(PROFILE)
    assert radar.lines[-1].startswith("frameCfg")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("reply", "says"), [(None, "answered nothing to 'flushCfg'"), ("garbl", "only 'flushCfg garbl'")]
)
def test_silence(radar: ScriptedRadar, device: RadarDevice, reply: str | None, says: str) -> None:
    radar.replies = {"flushCfg": reply}
    with pytest.raises(CommandError, match=f"{says}.* within 0.2 s; check that the CLI and data ports are not swapped"):
        device.configure(PROFILE)


@pytest.mark.usefixtures("impatient")
def test_a_late_reply_is_not_taken_for_the_next(radar: ScriptedRadar, device: RadarDevice) -> None:
    radar.replies = {"sensorStop": None}
    threading.Timer(0.3, radar.say, ["sensorStop\r\nError -1\r\n\r\nmmwDemo:/>"]).start()
    with pytest.raises(CommandError):
        device.stop()
    radar.replies = {}
    device.stop()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[SimulatedEvm]:
    frame = encode_frame(1, np.zeros((1, 6), np.float32))
    with SimulatedEvm(lambda *_: itertools.repeat(frame), tmp_path / "radar") as powered:
        yield powered


@pytest.fixture
def lines(board: SimulatedEvm, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the board is told."""
    told: list[str] = []
    answer = board._firmware.answer
    monkeypatch.setattr(board._firmware, "answer", lambda line: (told.append(line), answer(line))[1])
    return told


@pytest.fixture
def evm(board: SimulatedEvm) -> Iterator[RadarDevice]:
    with RadarDevice(str(board.cli_path), str(board.data_path)) as opened:
        yield opened


def streams(device: RadarDevice) -> bool:
    return device.read(5.0) != b""


def test_a_radar_that_knows_its_configuration_is_only_started_again(evm: RadarDevice, lines: list[str]) -> None:
    evm.configure(PROFILE)
    assert lines == list(SENT)
    assert streams(evm)
    lines.clear()
    evm.configure(PROFILE)
    assert lines == ["queryDemoStatus", "sensorStop", "sensorStart 0"]
    evm.close()
    evm.open()  # as after a pulled cable, while it had power
    evm.stop()
    evm.configure(PROFILE)
    assert streams(evm)


def test_a_radar_that_lost_its_power_is_configured_anew(evm: RadarDevice, board: SimulatedEvm) -> None:
    evm.configure(PROFILE)
    evm.close()
    board.stop()
    board.start()
    evm.open()
    evm.configure(PROFILE)
    assert streams(evm)


def test_another_profile_is_sent_whole(evm: RadarDevice, lines: list[str]) -> None:
    evm.configure(PROFILE)
    lines.clear()
    faster = parse_profile("\n".join(PROFILE.commands).replace("0 100.00 1", "0 50.00 1"), "faster.cfg")
    evm.configure(faster)
    assert lines == ["queryDemoStatus", *faster.commands[:-1], "configDataPort 921600 1", "sensorStart"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("channelCfg 15 7 0", "channelCfg 7 7 0"),
        ("adcCfg 2 1", "adcCfg 2 2"),
        ("lowPower 0 0", "lowPower 0 1"),
        ("dfeDataOutputMode 1", "dfeDataOutputMode 3"),
    ],
)
def test_what_would_hang_the_radar_is_not_sent(evm: RadarDevice, lines: list[str], old: str, new: str) -> None:
    evm.configure(PROFILE)
    lines.clear()
    other = parse_profile("\n".join(PROFILE.commands).replace(old, new), "other.cfg")
    with pytest.raises(CommandError, match=f"other.cfg has '{new}', the radar has started with .{old}. and hangs"):
        evm.configure(other)
    assert lines == ["queryDemoStatus"]
    evm.configure(PROFILE)
    assert streams(evm)


def test_what_it_has_started_with_is_remembered_beyond_a_refused_configuration(
    evm: RadarDevice, board: SimulatedEvm
) -> None:
    evm.configure(PROFILE)
    text = "\n".join(PROFILE.commands)
    with pytest.raises(CommandError, match="Invalid usage"):
        evm.configure(parse_profile(text.replace("analogMonitor 0 0", "analogMonitor 0"), "broken.cfg"))
    other = parse_profile(text.replace("channelCfg 15 7", "channelCfg 7 7"), "other.cfg")
    with pytest.raises(CommandError, match="hangs unless it was power-cycled"):
        evm.configure(other)
    evm.close()
    board.stop()
    board.start()
    evm.open()
    evm.configure(other)  # its power was cut
    assert streams(evm)


@pytest.mark.usefixtures("impatient")
def test_a_radar_that_hangs_all_the_same_says_what_helps(evm: RadarDevice, board: SimulatedEvm) -> None:
    evm.configure(PROFILE)
    evm.close()
    other = parse_profile("\n".join(PROFILE.commands).replace("channelCfg 15 7", "channelCfg 7 7"), "other.cfg")
    with (
        RadarDevice(str(board.cli_path), str(board.data_path)) as newcomer,
        pytest.raises(CommandError, match="it hangs if channelCfg, adcCfg, lowPower, dfeDataOutputMode differ"),
    ):
        newcomer.configure(other)


def test_half_a_configuration_is_followed_by_a_whole_one(evm: RadarDevice, board: SimulatedEvm) -> None:
    evm.configure(PROFILE)
    evm.stop()
    evm._command("guiMonitor -1 1 0 0 0 0 0")  # somebody else's; sensorStart 0 is refused now
    evm.configure(PROFILE)
    assert streams(evm)


def test_a_data_port_of_another_radar_is_found_out(board: SimulatedEvm, tmp_path: Path) -> None:
    with (
        SimulatedEvm(lambda *_: iter(()), tmp_path / "other") as other,
        RadarDevice(str(board.cli_path), str(other.data_path)) as mixed,
        pytest.raises(DeviceError, match="gave nothing where 16 bytes ff were due, while the CLI answers"),
    ):
        mixed.configure(PROFILE)


def test_firmware_that_knows_no_such_questions_is_configured_all_the_same(
    radar: ScriptedRadar, device: RadarDevice, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = "is not recognized as a CLI command\r\n\r\nmmwDemo:/>"
    radar.replies = {name: f"'{name}' {unknown}" for name in ("queryDemoStatus", "configDataPort")}
    for _ in range(2):
        radar.lines.clear()
        device.configure(PROFILE)
        assert radar.lines == list(SENT)
    other = parse_profile("\n".join(PROFILE.commands).replace("channelCfg 15 7", "channelCfg 7 7"), "other.cfg")
    device.configure(other)  # nobody knows whether it was power-cycled
    assert "hangs unless it was power-cycled" in caplog.text


def test_what_overloads_the_data_port_is_not_sent(radar: ScriptedRadar, device: RadarDevice) -> None:
    profile = parse_profile("\n".join(PROFILE.commands).replace("-1 1 0 0 0 0 1", "-1 1 0 0 0 1 1"), "heavy.cfg")
    with pytest.raises(ConfigurationError, match=r"heavy.cfg, line 13: what guiMonitor asks for is 179%"):
        device.configure(profile)
    assert radar.lines == []


def test_a_high_load_is_warned_of(radar: ScriptedRadar, device: RadarDevice, caplog: pytest.LogCaptureFixture) -> None:
    device.configure(parse_profile("\n".join(PROFILE.commands).replace("0 100.00 1", "0 23.50 1"), "fast.cfg"))
    assert "fast.cfg: 100 points load the data port with 99%" in caplog.text


def test_unplugged_while_reading(radar: ScriptedRadar, device: RadarDevice) -> None:
    threading.Timer(0.1, radar.unplug).start()
    with pytest.raises(DeviceError, match=r"radar port /dev/pts/\d+ is gone .* check cable"):
        device.read(5.0)


def test_unplugged_before_a_command(radar: ScriptedRadar, device: RadarDevice) -> None:
    radar.unplug()
    with pytest.raises(DeviceError, match="is gone"):
        device.configure(PROFILE)


def test_opens_again_after_close(radar: ScriptedRadar) -> None:
    device = RadarDevice(radar.cli_path, radar.data_path)
    for _ in range(2):
        device.open()
        device.configure(PROFILE)
        device.close()
        device.close()
    with pytest.raises(DeviceError, match="closed"):
        device.read(0.1)
    with pytest.raises(DeviceError, match="closed"):
        device.stop()


def test_absent_port(radar: ScriptedRadar) -> None:
    device = RadarDevice(radar.cli_path, "/dev/ttyUSB99")
    with pytest.raises(DeviceError, match="ttyUSB99 cannot be opened: it does not exist; plug the radar in"):
        device.open()
    with RadarDevice(radar.cli_path, radar.data_path):
        pass  # the port that was there is free again


def test_busy_port(radar: ScriptedRadar, device: RadarDevice) -> None:
    with pytest.raises(DeviceError, match="cannot be opened: another process uses it"):
        RadarDevice(radar.cli_path, radar.data_path).open()


def test_forbidden_port() -> None:
    # root, as whom tests may run, is never forbidden a port
    assert "add the user to the group dialout" in device_module._explain_open(PermissionError(errno.EACCES, "denied"))


def test_no_serial_port(radar: ScriptedRadar, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("")
    with pytest.raises(DeviceError, match="expected a serial port"):
        RadarDevice(str(tmp_path / "port"), radar.data_path).open()


@pytest.mark.parametrize(
    "ports", [("auto", "/dev/ttyUSB1"), ("/dev/ttyUSB0", "auto"), ("/dev/ttyUSB0", "/dev/ttyUSB0")]
)
def test_ports_that_make_no_pair(ports: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="expected two ports, or auto for both"):
        RadarDevice(*ports)


def usb_port(path: str, vid: int, pid: int, location: str, serial_number: str | None = "00E2") -> ListPortInfo:
    port = ListPortInfo(path)
    port.vid, port.pid, port.location, port.serial_number = vid, pid, location, serial_number
    return port


CP2105 = (
    usb_port("/dev/ttyUSB1", 0x10C4, 0xEA70, "1-2:1.1"),
    usb_port("/dev/ttyUSB0", 0x10C4, 0xEA70, "1-2:1.0"),
)
XDS110 = (
    usb_port("/dev/ttyACM1", 0x0451, 0xBEF3, "3-1.4:1.0", "R000"),
    usb_port("/dev/ttyACM0", 0x0451, 0xBEF3, "3-1.4:1.3", "R000"),
)


def test_lists_radars_by_usb_identity() -> None:
    arduino, onboard = usb_port("/dev/ttyACM2", 0x2341, 0x0043, "1-3:1.0"), ListPortInfo("/dev/ttyS0")
    radars = list_radars([onboard, *CP2105, arduino, *XDS110])
    assert radars == [
        RadarPorts("/dev/ttyUSB0", "/dev/ttyUSB1", "00E2", "CP2105 of an IWR6843 EVM"),
        RadarPorts("/dev/ttyACM1", "/dev/ttyACM0", "R000", "XDS110 of a BoosterPack or carrier board"),
    ]


def test_udev_rules_are_about_the_same_ports() -> None:
    rules = (share_directory() / "config" / "udev" / "70-mission-radar.rules").read_text()
    for bridge in BRIDGES:
        assert f'ATTRS{{idVendor}}=="{bridge.vid:04x}", ATTRS{{idProduct}}=="{bridge.pid:04x}"' in rules
        which = f'ENV{{ID_VENDOR_ID}}=="{bridge.vid:04x}", ENV{{ID_MODEL_ID}}=="{bridge.pid:04x}"'
        for interface, name in ((bridge.cli_interface, "cli"), (bridge.data_interface, "data")):
            link = f'SYMLINK+="mission-radar/$env{{ID_SERIAL_SHORT}}/{name}"'
            assert f'{which}, ENV{{ID_USB_INTERFACE_NUM}}=="{interface:02}", {link}' in rules


def test_half_a_radar_is_none() -> None:
    assert list_radars(CP2105[:1]) == []


def test_two_alike_are_told_apart_by_their_usb_port() -> None:
    twins = [usb_port("/dev/ttyUSB2", 0x10C4, 0xEA70, "1-4:1.0"), usb_port("/dev/ttyUSB3", 0x10C4, 0xEA70, "1-4:1.1")]
    assert [radar.cli for radar in list_radars([*CP2105, *twins])] == ["/dev/ttyUSB0", "/dev/ttyUSB2"]


def open_auto(monkeypatch: pytest.MonkeyPatch, device: RadarDevice, *plugged_in: ListPortInfo) -> None:
    monkeypatch.setattr(device_module, "comports", lambda: plugged_in)
    device.open()


def test_auto_finds_the_radar_and_finds_it_again(monkeypatch: pytest.MonkeyPatch, radar: ScriptedRadar) -> None:
    here = [
        usb_port(radar.cli_path, 0x10C4, 0xEA70, "1-2:1.0", "mine"),
        usb_port(radar.data_path, 0x10C4, 0xEA70, "1-2:1.1", "mine"),
    ]
    device = RadarDevice()
    with pytest.raises(DeviceError, match="no radar is plugged in: expected USB 10C4:EA70 or 0451:BEF3"):
        open_auto(monkeypatch, device)
    with pytest.raises(DeviceError, match=r"2 radars are plugged in .* name the ports"):
        open_auto(monkeypatch, device, *here, *CP2105)
    open_auto(monkeypatch, device, *here)
    device.configure(PROFILE)
    open_auto(monkeypatch, device, *here, *CP2105)  # replugged, and another one came
    with pytest.raises(DeviceError, match="no radar with serial number mine"):
        open_auto(monkeypatch, device, *CP2105)
