"""config/mission.yaml and the code must say the same: every parameter, with the same default, commented."""

import importlib
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from mission_core.parameters import node_parameters
from mission_core.paths import share_directory
from mission_ros.node_table import node_table

NODE_CLASSES = {
    "radar_driver": "RadarDriver",
    "radar_simulator": "RadarSimulator",
    "radar_tracker": "RadarTrackerNode",
    "camera_driver": "CameraDriver",
    "gallery_manager": "GalleryManager",
    "reid": "Reid",
    "micro_doppler": "MicroDoppler",
    "visualizer": "Visualizer",
}
OF_RCLPY = {"use_sim_time", "start_type_description_service"}


def make_node(name: str) -> Node:
    return getattr(importlib.import_module(f"mission_ros.nodes.{name}"), NODE_CLASSES[name])()


def test_every_node_of_the_table_is_covered() -> None:
    assert {spec.name for spec in node_table()} == set(NODE_CLASSES)


@pytest.mark.parametrize("name", NODE_CLASSES)
def test_file_and_code_agree(name: str, rclpy_context: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_HOME", str(tmp_path))  # the simulator puts its ports there
    node = make_node(name)
    try:
        assert {
            parameter.name: list(parameter.value) if isinstance(parameter.value, tuple) else parameter.value
            for parameter in (node.get_parameter(key) for key in node._parameters if key not in OF_RCLPY)
            if parameter.type_ is not Parameter.Type.NOT_SET
        } == node_parameters(name)
    finally:
        node.destroy_node()
    assert rclpy.ok()


def test_every_parameter_has_its_comment() -> None:
    lines = (share_directory() / "config" / "mission.yaml").read_text().splitlines()
    previous = ""
    for line in lines:
        key, colon, value = line.strip().partition(":")
        if colon and value and not line.strip().startswith("#"):
            assert previous.startswith("#"), f"{line.strip()!r} has no comment"
            block = " ".join(other.strip() for other in lines[: lines.index(line)][-3:])
            assert f"# {key}: " in block, f"the comment above {key!r} does not begin with its name"
        previous = line.strip()


def test_the_table_sets_only_parameters_that_exist() -> None:
    for radar, camera in (("sim", "sim"), ("file", "opencv"), ("device", "kinect"), ("replay", "none")):
        for spec in node_table(radar, camera, capture_file="x", camera_source="0", gallery="g", model="m"):
            assert set(spec.parameters) <= set(node_parameters(spec.name))
