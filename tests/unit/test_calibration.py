from pathlib import Path

import numpy as np
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


def test_further_radars_have_poses_by_name(tmp_path: Path) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(COMPLETE + "more_radars:\n  left: {height: 1.0, pitch_deg: 0, position: [1, 4], yaw_deg: 0}\n")
    calibration = load_calibration(path)
    assert calibration.pose_of_radar("radar") == calibration.radar
    left = calibration.pose_of_radar("left").seen_from(calibration.radar)
    # the radar stands at (1, 2) and looks along y of the map
    assert left.position == pytest.approx((2.0, 0.0))
    assert left.yaw_deg == pytest.approx(-90.0)
    np.testing.assert_allclose(left.to_map(np.array([[3.0, 0.5, 1.0]])), [[2.5, -3.0, 1.0]], atol=1e-9)
    with pytest.raises(ConfigurationError, match="no radar 'right', expected one of radar, left"):
        calibration.pose_of_radar("right")


def test_radars_that_are_no_mapping_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(COMPLETE + "more_radars: [left]\n")
    with pytest.raises(ConfigurationError, match="is not a calibration"):
        load_calibration(path)
