import ast
from pathlib import Path

import pytest

import mission_ros
from mission_core.errors import ConfigurationError
from mission_core.gallery.locate import sim_gallery
from mission_core.paths import shared_file
from mission_ros.node_table import GALLERY_IDS, named_radars, node_table

PACKAGE = Path(mission_ros.__file__).parent


def parameters(name: str, *args: str, **options: str) -> dict[str, object]:
    return next(spec.parameters for spec in node_table(*args, **options) if spec.name == name)


def test_simulated_driver_opens_the_simulators_ports() -> None:
    simulator, driver = node_table("sim", "none", link_directory="/tmp/links")[:2]
    assert simulator.parameters["link_directory"] == "/tmp/links"
    assert (driver.parameters["cli_port"], driver.parameters["data_port"]) == ("/tmp/links/cli", "/tmp/links/data")


def test_further_radars_have_a_driver_each_in_a_namespace_of_their_own() -> None:
    table = node_table("device", "none", more_radars={"left": "00F1", "right": ""})
    drivers = [spec for spec in table if spec.executable == "radar_driver"]
    assert [spec.path for spec in drivers] == ["radar_driver", "left/radar_driver", "right/radar_driver"]
    assert drivers[0].parameters == {"source": "device"}
    assert drivers[1].parameters == {
        **{"source": "device", "radar": "left", "frame_id": "left", "room_frame": "left_room"},
        "serial_number": "00F1",
    }
    assert "serial_number" not in drivers[2].parameters
    (tracker,) = (spec for spec in table if spec.name == "radar_tracker")
    assert tracker.parameters == {"more_radars": ["left", "right"]}


def test_further_simulated_radars_see_the_same_walks() -> None:
    table = node_table("sim", "none", link_directory="/tmp/links", more_radars={"left": ""})
    one, other = (spec for spec in table if spec.executable == "radar_simulator")
    assert one.parameters["start_time"] == other.parameters["start_time"] > 0
    assert (other.path, other.parameters["radar"]) == ("left/radar_simulator", "left")
    driver = next(spec for spec in table if spec.path == "left/radar_driver")
    assert driver.parameters["cli_port"] == "/tmp/links/left/cli"
    assert len({spec.path for spec in table}) == len(table)


def test_replay_decodes_all_radars() -> None:
    table = node_table("replay", "replay", more_radars={"left": ""})
    drivers = {spec.path: spec.parameters for spec in table if spec.executable == "radar_driver"}
    assert drivers["radar_driver"] == {"source": "topic"}
    assert drivers["left/radar_driver"]["source"] == "topic"


def test_a_capture_goes_alone() -> None:
    with pytest.raises(ConfigurationError, match=r"further radars \(left\) need device or sim"):
        node_table("file", "none", capture_file="x", more_radars={"left": ""})


def test_further_radars_are_named_each_once() -> None:
    assert named_radars("") == {}
    assert named_radars("left=00F1, right") == {"left": "00F1", "right": ""}
    for wrong in ("left,left", "=00F1", "radar"):
        with pytest.raises(ConfigurationError, match="names of the calibration's more_radars, each once"):
            named_radars(wrong)


def test_gallery_is_one_file_for_writer_and_reader() -> None:
    for options in ({}, {"gallery": "/tmp/g.sqlite3", "model": "other"}):
        manager, reid = parameters("gallery_manager", **options), parameters("reid", **options)
        assert manager["database"] == reid["database"]
        assert manager.get("model") == reid.get("model")


def test_simulated_people_are_enrolled_in_their_own_gallery_only() -> None:
    assert len(parameters("gallery_manager")["enrol_on_start"]) == 2 * len(GALLERY_IDS)
    assert "enrol_on_start" not in parameters("gallery_manager", gallery="/tmp/mine.sqlite3")
    for radar, camera in (("device", "kinect"), ("device", "sim"), ("file", "sim"), ("none", "opencv")):
        assert parameters("gallery_manager", radar, camera, capture_file="x") == {}
    assert "enrol_on_start" in parameters("gallery_manager", "none", "sim")


def test_gallery_of_simulated_people_belongs_to_one_model(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text("{name: x, kind: reid, input: {}, sha256: 0123456789abcdef}")
    assert sim_gallery(str(tmp_path)).name == "sim_gallery_01234567.sqlite3"


def test_replay_has_a_driver_that_decodes_and_no_camera() -> None:
    names = [spec.name for spec in node_table("replay", "replay")]
    assert parameters("radar_driver", "replay", "replay") == {"source": "topic"}
    assert "camera_driver" not in names
    assert "radar_simulator" not in names


@pytest.mark.parametrize(("radar", "camera"), [("lidar", "sim"), ("sim", "webcam"), ("file", "sim")])
def test_impossible_stack_is_refused(radar: str, camera: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{radar}|{camera}"):
        node_table(radar, camera)  # type: ignore[arg-type]


def test_every_executable_is_installed() -> None:
    setup = (PACKAGE.parent / "setup.py").read_text()
    installed = next(
        ast.literal_eval(node.value)
        for node in ast.parse(setup).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "NODES"  # type: ignore[attr-defined]
    )
    assert {spec.executable for spec in node_table()} == set(installed)
    assert all((PACKAGE / "nodes" / f"{name}.py").is_file() for name in installed)


def test_shared_file_is_a_name_or_a_path(tmp_path: Path) -> None:
    assert shared_file("walking_10fps.cfg", "config/radar").is_file()
    assert shared_file(str(tmp_path / "own.cfg"), "config/radar") == tmp_path / "own.cfg"
