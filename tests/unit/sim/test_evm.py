import time
from pathlib import Path

import numpy as np
import pytest
import serial

from mission_core.errors import ConfigurationError
from mission_core.radar.profile import load_profile
from mission_core.radar.stream import FrameStream
from mission_core.radar.tlv import encode_frame
from mission_core.sim.evm import PORT_ALIVE, SimulatedEvm, captured_frames, walking_frames
from mission_core.sim.rooms import live_room
from mission_core.types import Column, Mount

PROFILE = load_profile(Path(__file__).resolve().parents[3] / "config" / "radar" / "walking_10fps.cfg")
FAST = tuple(line.replace(" 100.00 1 0", " 20.00 1 0") for line in PROFILE.commands)
POINTS = np.array([[1.0, 0.5, 0.2, -0.5, 20.0, 55.0]], np.float32)


def numbered_frames(profile, clock):
    return (encode_frame(number, POINTS, cpu_cycles=int(clock() * 200e6)) for number in range(1, 10_000))


@pytest.fixture
def evm(tmp_path):
    with SimulatedEvm(numbered_frames, tmp_path / "radar") as board:
        yield board


@pytest.fixture
def cli(evm):
    with serial.Serial(str(evm.cli_path), 115_200, timeout=2.0) as port:
        yield port


@pytest.fixture
def data(evm):
    with serial.Serial(str(evm.data_path), 921_600, timeout=0.05) as port:
        yield port


def ask(cli, command):
    """The reply to a command, without echo and prompt."""
    cli.write(command.encode() + b"\n")
    reply = cli.read_until(b"mmwDemo:/>").decode()
    assert reply.startswith(command)
    assert reply.endswith("\r\n\r\nmmwDemo:/>")
    return reply[len(command) : -len("mmwDemo:/>")].split("\r\n")[1:-2]


def configure(cli, commands=FAST):
    replies = [ask(cli, command) for command in commands]
    assert all(reply[-1] == "Done" for reply in replies), replies


def receive(data, count, limit=5.0):
    stream, frames, deadline = FrameStream(), [], time.monotonic() + limit
    while len(frames) < count and time.monotonic() < deadline:
        frames += stream.feed(data.read(data.in_waiting or 1))
    return frames, stream.counters


def test_sends_frames_once_it_is_configured(cli, data):
    assert data.read(100) == b""
    configure(cli)
    frames, counters = receive(data, 10)
    assert [frame.frame_number for frame in frames] == list(range(1, 11))
    assert counters.bytes_dropped == counters.lost_frames == 0
    np.testing.assert_allclose(frames[0].points, POINTS, atol=0.06)


def test_keeps_the_frame_period_of_the_configuration(cli, data):
    configure(cli)
    frames, _ = receive(data, 26)
    cycles = [int.from_bytes(frame.raw[24:28], "little") for frame in frames]
    assert np.median(np.diff(cycles)) / 200e6 == pytest.approx(0.020, rel=0.15)


def test_stops_and_starts_again_without_configuration(cli, data):
    configure(cli)
    receive(data, 2)
    assert ask(cli, "sensorStop") == ["Done"]
    time.sleep(0.1)
    data.reset_input_buffer()
    assert data.read(1) == b""
    assert ask(cli, "sensorStop") == ["Ignored: Sensor is already stopped", "Done"]
    assert ask(cli, "sensorStart 0") == ["Done"]
    assert ask(cli, "sensorStart") == ["Ignored: Sensor is already started", "Done"]
    frames, _ = receive(data, 1)
    assert frames[0].frame_number > 2


def test_refuses_what_the_firmware_refuses(cli):
    assert ask(cli, "nonsense 1") == ["'nonsense' is not recognized as a CLI command"]
    assert ask(cli, "% comment") == ["Skipped"]
    assert ask(cli, "") == []
    assert ask(cli, "adcCfg 2") == ["Error: Invalid usage of the CLI command", "Error -1"]
    for command in ("sensorStart", "sensorStart 0"):
        assert ask(cli, command)[0].startswith("Error: Full configuration must be provided")
    ask(cli, "adcCfg 2 1")
    assert ask(cli, "sensorStart")[0].startswith("Error: Full configuration must be provided")


def test_refuses_a_partial_configuration_until_it_is_flushed(cli):
    configure(cli)
    assert ask(cli, "adcCfg 2 1")[0].startswith("Ignored: This command is not allowed")
    ask(cli, "sensorStop")
    assert ask(cli, "sensorStart")[0].startswith("Error: You have provided no configuration")
    ask(cli, "adcCfg 2 1")
    assert ask(cli, "sensorStart")[0].startswith("Error: You have provided partial configuration")
    assert ask(cli, "sensorStart 0")[0].startswith("Error: You have provided partial configuration")
    configure(cli)


def test_impossible_configuration_is_an_error(cli):
    broken = [line.replace("profileCfg 0 60.00", "profileCfg 0 63.90") for line in PROFILE.commands]
    assert [ask(cli, line) for line in broken][-1] == ["Error -1"]


def test_hangs_when_the_channels_change_after_the_first_start(cli):
    configure(cli)
    ask(cli, "sensorStop")
    for line in FAST[:-1]:
        ask(cli, line.replace("channelCfg 15 7 0", "channelCfg 7 7 0"))
    cli.timeout = 0.3
    cli.write(b"sensorStart\n")
    assert b"Done" not in cli.read(200)
    cli.write(b"version\n")
    assert cli.read(200) == b""


def test_reports_version_status_and_liveness(cli, data):
    assert any("mmWave SDK Version" in line for line in ask(cli, "version"))
    assert ask(cli, "queryDemoStatus")[0] == "Sensor State: 0"
    assert ask(cli, "configDataPort 921600 1")[-1] == "Done"
    assert data.read(16) == PORT_ALIVE
    configure(cli)
    assert ask(cli, "queryDemoStatus")[0] == "Sensor State: 2"


def test_unread_data_is_lost_and_stops_nothing(evm, cli):
    configure(cli)
    time.sleep(0.3)  # nobody has the data port open
    with serial.Serial(str(evm.data_path), 921_600, timeout=0.05) as data:
        frames, _ = receive(data, 3)
        assert frames[0].frame_number > 8
        time.sleep(0.2)
        assert ask(cli, "sensorStop") == ["Done"]


def test_full_buffer_drops_instead_of_blocking(tmp_path):
    huge = encode_frame(1, np.repeat(POINTS, 1500, axis=0))
    with SimulatedEvm(lambda _profile, _clock: iter([huge] * 1000), tmp_path) as evm:
        with serial.Serial(str(evm.cli_path), timeout=2.0) as cli, serial.Serial(str(evm.data_path)) as data:
            configure(cli)
            time.sleep(1.2)  # 110 kB at the pace of the port, more than any buffer of a terminal
            assert data.in_waiting < 100_000
            assert ask(cli, "sensorStop") == ["Done"]
        begin = time.monotonic()
    assert time.monotonic() - begin < 2.0


def test_survives_the_driver_closing_and_opening_again(evm):
    for round_number in range(3):
        with (
            serial.Serial(str(evm.cli_path), timeout=2.0) as cli,
            serial.Serial(str(evm.data_path), timeout=0.05) as data,
        ):
            configure(cli)
            frames, counters = receive(data, 3)
            assert len(frames) >= 3
            assert "bad_tlv" not in counters.errors
            if round_number == 1:
                continue  # closed while it streams
            ask(cli, "sensorStop")


def test_links_are_there_while_powered_only(tmp_path):
    evm = SimulatedEvm(numbered_frames, tmp_path / "a" / "b")
    evm.start()
    assert evm.cli_path.resolve() != evm.data_path.resolve()
    assert evm.cli_path.is_char_device()
    evm.stop()
    evm.stop()
    assert list(evm.cli_path.parent.iterdir()) == []
    evm.start()
    assert evm.data_path.is_char_device()
    evm.stop()


def test_replaces_a_stale_link_but_no_file(tmp_path):
    (tmp_path / "cli").symlink_to("/dev/pts/does-not-exist")
    with SimulatedEvm(numbered_frames, tmp_path):
        assert (tmp_path / "cli").is_char_device()
    (tmp_path / "data").write_text("precious")
    with pytest.raises(ConfigurationError, match="remove it"):
        SimulatedEvm(numbered_frames, tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_no_descriptors_are_left_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with SimulatedEvm(numbered_frames, tmp_path):
            pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_walkers_come_over_the_wire(tmp_path):
    scenario = live_room("radar", ("P00", "P03", "P05"), seed=1)
    with (
        SimulatedEvm(walking_frames(scenario, Mount(height=1.0)), tmp_path) as evm,
        serial.Serial(str(evm.cli_path), timeout=2.0) as cli,
        serial.Serial(str(evm.data_path), timeout=0.05) as data,
    ):
        configure(cli, PROFILE.commands)
        frames, counters = receive(data, 5)
    assert counters.errors == {}
    assert all(len(frame.points) > 20 for frame in frames)
    assert all((frame.points[:, Column.SNR] > 0).all() for frame in frames)


def test_capture_comes_out_as_it_went_in(tmp_path):
    recorded = [encode_frame(number, np.repeat(POINTS, number, axis=0)) for number in range(1, 6)]
    capture = tmp_path / "capture.bin"
    capture.write_bytes(b"\xff" * 16 + b"".join(recorded))
    with (
        SimulatedEvm(captured_frames(capture), tmp_path) as evm,
        serial.Serial(str(evm.cli_path), timeout=2.0) as cli,
        serial.Serial(str(evm.data_path), timeout=0.05) as data,
    ):
        configure(cli)
        frames, _ = receive(data, 5)
        assert [frame.raw for frame in frames] == recorded
        assert data.read(1) == b""  # then silence


def test_real_capture_streams(tmp_path, mission_data):
    source = captured_frames(mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat")
    expected = list(source(PROFILE, time.monotonic))
    with (
        SimulatedEvm(source, tmp_path) as evm,
        serial.Serial(str(evm.cli_path), timeout=2.0) as cli,
        serial.Serial(str(evm.data_path), timeout=0.05) as data,
    ):
        configure(cli)
        frames, _ = receive(data, 5)
    assert [frame.raw for frame in frames[:5]] == expected[:5]


def test_useless_capture_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        captured_frames(tmp_path / "absent.bin")
    (tmp_path / "noise.bin").write_bytes(bytes(1000))
    with pytest.raises(ConfigurationError, match="holds no frame"):
        captured_frames(tmp_path / "noise.bin")
