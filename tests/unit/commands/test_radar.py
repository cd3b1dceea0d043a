import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from radar_frames import ONE_POINT, frame_of
from serial.tools.list_ports_common import ListPortInfo

from mission_core.cli import main
from mission_core.paths import share_directory, shared_file
from mission_core.radar import device
from mission_core.radar.tlv import encode_frame

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


def test_every_layout_and_what_is_in_it_becomes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = struct.pack("<I9f", 3, 1.0, 2.0, *[0.0] * 4, 1.5, 0.0, 0.0)
    (tmp_path / "scanner").write_bytes(
        frame_of("area_scanner", ONE_POINT["area_scanner"], (10, target), (77, bytes(3)))
    )
    assert main(["radar", "decode", str(tmp_path / "scanner"), "--json"]) == 0
    frame, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (frame["layout"], frame["header_bytes"]) == ("area_scanner", 44)
    assert frame["tlvs"] == {"1": [16], "10": [40], "77": [3]}
    assert frame["unknown_tlvs"] == {"77": 1}
    assert (frame["targets"]["ids"], frame["targets"]["positions"]) == ([3], [[2.0, -1.0, 1.5]])
    assert frame["vital_signs"] is None


def test_vital_signs_and_maps_become_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signs = struct.pack("<2H33f", 3, 57, math.nan, 72.0, 14.0, *[0.5] * 30)
    blocks = (1020, bytes(20)), (1040, signs), (4, struct.pack("<2h", -2, 1))
    (tmp_path / "signs").write_bytes(frame_of("sdk3", *blocks))
    assert main(["radar", "decode", str(tmp_path / "signs"), "--json"]) == 0
    frame, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (frame["vital_signs"]["target_id"], frame["vital_signs"]["heart_rate"]) == (3, 72.0)
    assert frame["vital_signs"]["breath_deviation"] is None
    assert frame["azimuth_heatmap"] == [[1.0, -2.0]]


def test_a_layout_may_be_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "long").write_bytes(frame_of("long_range", ONE_POINT["long_range"]))
    assert main(["radar", "decode", str(tmp_path / "long"), "--layout", "sdk3"]) == 0
    assert "frames: 0" in capsys.readouterr().out
    assert main(["radar", "decode", str(tmp_path / "long"), "--layout", "long_range"]) == 0
    assert "frames: 1" in capsys.readouterr().out


def test_checks_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["radar", "check", "walking_10fps.cfg"]) == 0
    table = capsys.readouterr().out
    for line in ("range resolution        4.88 cm", "max velocity            +-4.53 m/s", "it can work"):
        assert line in table
    assert main(["radar", "check", "walking_10fps.cfg", "--json"]) == 0
    derived = json.loads(capsys.readouterr().out)
    assert derived["range_resolution"] == pytest.approx(0.0488, abs=1e-4)
    assert derived["active_time"] == pytest.approx(3 * 32 * 92e-6)
    assert derived["bytes_per_frame"] == 128


def test_a_profile_that_cannot_work_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = (share_directory() / "config" / "radar" / "walking_10fps.cfg").read_text()
    (tmp_path / "maps.cfg").write_text(profile.replace("guiMonitor -1 1 0 0 0 0 1", "guiMonitor -1 1 0 0 0 1 1"))
    assert main(["radar", "check", str(tmp_path / "maps.cfg")]) == 1
    out, err = capsys.readouterr()
    assert "uart load               179% without detections" in out
    assert err.startswith("mission: maps.cfg, line 29: what guiMonitor asks for is 179% of what the data port carries")
    assert main(["radar", "check", str(tmp_path / "maps.cfg"), "--baudrate", "3125000"]) == 0
    (tmp_path / "ramp.cfg").write_text(profile.replace("profileCfg 0 60.00", "profileCfg 0 61.00"))
    assert main(["radar", "check", str(tmp_path / "ramp.cfg")]) == 1
    assert "ramp.cfg, line 20: 'profileCfg 0 61.00" in capsys.readouterr().err


def test_each_sub_frame_has_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = shared_file("walking_10fps.cfg", "config/radar").read_text()
    frame = "frameCfg 0 2 32 0 100.00 1 0"
    assert frame in profile
    halves = "\n".join(f"subFrameCfg {k} 0 0 3 {loops} 50 0 1 1 50" for k, loops in enumerate((32, 16)))
    (tmp_path / "advanced.cfg").write_text(profile.replace(frame, f"advFrameCfg 2 0 0 1 0\n{halves}"))
    assert main(["radar", "check", str(tmp_path / "advanced.cfg")]) == 0
    out = capsys.readouterr().out
    assert "advanced.cfg, sub-frame 0" in out
    assert "velocity resolution     0.283 m/s" in out.partition("sub-frame 1")[0]
    assert "velocity resolution     0.566 m/s" in out.partition("sub-frame 1")[2]
    assert main(["radar", "check", str(tmp_path / "advanced.cfg"), "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)
    assert [table["velocity_resolution"] for table in tables["sub_frames"]] == pytest.approx([0.283, 0.566], abs=1e-3)


def test_with_its_profile_a_capture_has_heat_maps_on_axes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = np.zeros((64, 32), np.uint16)
    raw[20, 3] = 3000
    capture = tmp_path / "maps.dat"
    capture.write_bytes(encode_frame(1, np.zeros((0, 6), np.float32), range_doppler=raw.ravel()))
    assert main(["radar", "decode", str(capture), "--json", "--profile", "walking_heatmap_10fps.cfg"]) == 0
    frame, _ = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (heatmap,) = frame["heatmaps"]
    row, column = np.unravel_index(np.argmax(heatmap["values"]), (64, 32))
    assert heatmap["kind"] == "range_doppler"
    assert (heatmap["ranges"][row], heatmap["columns"][column]) == pytest.approx((2.68, 0.85), abs=0.01)
    assert main(["radar", "decode", str(capture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["heatmaps"] == []
    capture.write_bytes(encode_frame(1, np.zeros((0, 6), np.float32), range_doppler=raw.ravel()[:-1]))
    assert main(["radar", "decode", str(capture), "--json", "--profile", "walking_heatmap_10fps.cfg"]) == 1
    assert "heat map has 2047 bins, expected 64 x 32" in capsys.readouterr().err


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
