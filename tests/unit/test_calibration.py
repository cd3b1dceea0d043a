from pathlib import Path

import pytest

from mission_core.calibration import Calibration, load_calibration
from mission_core.errors import ConfigurationError
from mission_core.types import Mount

COMPLETE = """
radar: {height: 2.0, pitch_deg: 15, position: [1, 2], yaw_deg: 90}
camera: {height: 1.5, pitch_deg: -3.5, position: [0, 0], yaw_deg: 0}
"""


def test_file_that_comes_with_mission_holds_the_defaults_of_the_code() -> None:
    shipped, default = load_calibration(), Calibration()
    assert (shipped.radar.mount, shipped.camera.mount) == (default.radar.mount, default.camera.mount)


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(COMPLETE)
    calibration = load_calibration(path)
    assert calibration.radar.mount == Mount(2.0, 15.0)
    assert (calibration.radar.position, calibration.radar.yaw_deg) == ((1.0, 2.0), 90.0)
    assert calibration.camera.mount == Mount(1.5, -3.5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("radar:", "lidar:", "'radar'"),
        ("height: 2.0, ", "", "'height'"),
        ("[1, 2]", "[1, 2, 3]", "too many values"),
        ("15", "steep", "steep"),
        ("radar: {", "radar: [", "is not a calibration"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(COMPLETE.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=words) as caught:
        load_calibration(path)
    assert str(path) in str(caught.value)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read"):
        load_calibration(tmp_path / "nowhere.yaml")
