from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.radar.capture import CaptureReader
from mission_core.radar.tlv import encode_frame

POINTS = np.zeros((3, 6), np.float32)
MILLISECOND = 200_000  # cycles


def capture_of(path: Path, *frames: tuple[int, int]) -> Path:
    """Writes frames of (number, milliseconds)."""
    file = path / "capture.bin"
    file.write_bytes(b"".join(encode_frame(number, POINTS, cpu_cycles=ms * MILLISECOND) for number, ms in frames))
    return file


def due(reader: CaptureReader) -> list[float]:
    return [seconds for _, seconds in reader]


def test_plays_at_the_pace_of_the_sensor(tmp_path: Path) -> None:
    path = capture_of(tmp_path, (1, 500), (2, 600), (3, 650), (6, 950))
    assert due(CaptureReader(path)) == pytest.approx([0.0, 0.1, 0.15, 0.45])
    assert due(CaptureReader(path, rate=2.0)) == pytest.approx([0.0, 0.05, 0.075, 0.225])


def test_the_cycle_counter_wraps(tmp_path: Path) -> None:
    path = capture_of(tmp_path, (1, 21_400), (2, 21_500))  # encode_frame keeps the lower 32 bits: 21474.8 ms
    assert due(CaptureReader(path)) == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([(1, 0), (2, 0), (4, 0)], [0.0, 0.05, 0.15]),  # the counter stands still
        ([(8, 500), (1, 90), (2, 170)], [0.0, 0.05, 0.13]),  # the sensor restarted
        ([(1, 0), (401, 100)], [0.0, 20.0]),  # the counter may have wrapped
    ],
)
def test_falls_back_to_the_frame_period(tmp_path: Path, frames: list[tuple[int, int]], expected: list[float]) -> None:
    assert due(CaptureReader(capture_of(tmp_path, *frames), frame_period=0.05)) == pytest.approx(expected)


def test_a_flipped_bit_in_a_frame_number_does_not_stop_playback(tmp_path: Path) -> None:
    path = capture_of(tmp_path, (1, 0), (2 + 2**31, 100), (3, 200))
    reader = CaptureReader(path)
    assert due(reader)[-1] < 22.0  # a turn of the cycle counter
    assert reader.counters.lost_frames == 0


def test_loops_with_time_going_on(tmp_path: Path) -> None:
    path = capture_of(tmp_path, (1, 0), (2, 70))
    reader = CaptureReader(path, loop=True)
    played = [(frame.frame_number, seconds) for frame, seconds in islice(reader, 5)]
    assert [number for number, _ in played] == [1, 2, 1, 2, 1]
    assert [seconds for _, seconds in played] == pytest.approx([0.0, 0.07, 0.17, 0.24, 0.34])
    assert reader.counters.lost_frames == 0


def test_damage_is_counted(tmp_path: Path) -> None:
    path = capture_of(tmp_path, (1, 0), (2, 100))
    path.write_bytes(path.read_bytes()[5:])
    reader = CaptureReader(path)
    assert due(reader) == [0.0]
    assert reader.counters.resyncs == 1


@pytest.mark.parametrize("loop", [False, True])
def test_a_capture_without_frames(tmp_path: Path, loop: bool) -> None:
    path = tmp_path / "noise.bin"
    path.write_bytes(bytes(1000))
    with pytest.raises(ConfigurationError, match=r"noise\.bin holds no radar frame"):
        list(CaptureReader(path, loop=loop))


def test_absent_capture(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.bin cannot be read: No such file"):
        list(CaptureReader(tmp_path / "none.bin"))


@pytest.mark.parametrize("arguments", [{"rate": 0.0}, {"rate": -1.0}, {"rate": float("nan")}, {"frame_period": 0.0}])
def test_impossible_pace(tmp_path: Path, arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="expected positive numbers"):
        CaptureReader(tmp_path / "any.bin", **arguments)


def test_real_capture(mission_data: Path) -> None:
    reader = CaptureReader(mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat")
    seconds = due(reader)
    assert len(seconds) == 101
    assert seconds[-1] == pytest.approx(10.0, abs=0.001)
    assert all(0.095 < later - earlier < 0.105 for earlier, later in pairwise(seconds))
