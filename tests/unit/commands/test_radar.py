import json
from pathlib import Path

import numpy as np
import pytest
from serial.tools.list_ports_common import ListPortInfo

from mission_core.cli import main
from mission_core.radar import device

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "radar"


def test_decodes_to_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["radar", "decode", str(SAMPLES / "lost_bytes_points.bin"), "--json"]) == 0
    *frames, counters = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [frame["frame_number"] for frame in frames] == [1, 3]
    assert {frame["header_bytes"] for frame in frames} == {40}
    assert {np.shape(frame["points"]) for frame in frames} == {(10, 6)}
    assert counters == {
        "frames": 2,
        "resyncs": 1,
        "bytes_dropped": 251,
        "lost_frames": 1,
        "nonfinite_points": 0,
        "errors": {"truncated": 1},
    }


def test_decodes_to_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["radar", "decode", str(SAMPLES / "no_points.bin")]) == 0
    title, *rows, counters = capsys.readouterr().out.splitlines()
    assert title.split()[:3] == ["frame", "bytes", "points"]
    assert [row.split()[:3] for row in rows] == [["1", "288", "10"], ["2", "96", "0"], ["3", "288", "10"]]
    assert counters.startswith("frames: 3, resyncs: 0")


def test_a_file_of_noise_has_no_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noise").write_bytes(bytes(100))
    assert main(["radar", "decode", str(tmp_path / "noise"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes_dropped"] == 100


def test_absent_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["radar", "decode", "/nowhere/capture.dat"]) == 1
    assert (
        capsys.readouterr().err == "mission: capture /nowhere/capture.dat cannot be read: No such file or directory\n"
    )


def test_ports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ports = [ListPortInfo("/dev/ttyUSB0"), ListPortInfo("/dev/ttyUSB1")]
    for interface, port in enumerate(ports):
        port.vid, port.pid, port.serial_number, port.location = 0x10C4, 0xEA70, "00E2", f"1-2:1.{interface}"
    monkeypatch.setattr(device, "comports", lambda: ports)
    assert main(["radar", "ports"]) == 0
    assert "CLI /dev/ttyUSB0  data /dev/ttyUSB1  serial number 00E2" in capsys.readouterr().out
    monkeypatch.setattr(device, "comports", list)
    assert main(["radar", "ports"]) == 0
    assert capsys.readouterr().out == "no radar is plugged in\n"


def test_real_capture(mission_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat"
    assert main(["radar", "decode", str(capture), "--json"]) == 0
    *frames, counters = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [frame["frame_number"] for frame in frames] == list(range(209, 310))
    assert (counters["frames"], counters["lost_frames"], counters["errors"]) == (101, 0, {})
