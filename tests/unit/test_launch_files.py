"""Launch files, the rviz file and the container files, as far as they can be checked without ROS.

`launch` is not on the Python package registry. Where it is installed the launch files are loaded for real.
"""

import ast
import importlib.util
import runpy
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCH_FILES = sorted((REPOSITORY / "launch").glob("*.launch.py"))
HELPERS = REPOSITORY / "ros2_ws" / "src" / "mission_ros" / "mission_ros" / "launching.py"


def functions(file: Path) -> set[str]:
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)}


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return [call for call in found if call.func.id == name]


def test_there_are_the_launch_files_that_the_readme_names() -> None:
    names = {file.name.removesuffix(".launch.py") for file in LAUNCH_FILES}
    assert names == {"bringup", "sensors", "perception", "record", "replay", "simulate"}


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_a_launch_file_has_a_description_and_imports_what_exists(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree)
    assert "generate_launch_description" in functions(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "mission_ros.launching":
            assert {alias.name for alias in node.names} <= functions(HELPERS)


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_an_included_launch_file_exists(file: Path) -> None:
    included = [call.args[0].value for call in calls(ast.parse(file.read_text()), "include")]
    assert all((REPOSITORY / "launch" / name).is_file() for name in included)


def test_no_launch_file_names_a_node_itself() -> None:
    for file in LAUNCH_FILES:
        assert not calls(ast.parse(file.read_text()), "Node"), f"{file.name} must take its nodes from the node table"


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_a_launch_file_loads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("launch_ros", reason="launch and launch_ros come with ROS, not with the Python registry")
    from launch import LaunchDescription
    from launch.actions import DeclareLaunchArgument

    specification = importlib.util.spec_from_file_location(file.name, file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    description = module.generate_launch_description()
    assert isinstance(description, LaunchDescription)
    arguments = {e.name for e in description.entities if isinstance(e, DeclareLaunchArgument)}
    if file.name == "bringup.launch.py":
        assert arguments >= {
            *("namespace", "params_file", "radar", "camera", "record", "rviz", "log_level", "use_sim_time"),
        }


def test_rviz_shows_topics_and_marker_namespaces_that_exist() -> None:
    topics = runpy.run_path(str(HELPERS.with_name("topics.py")))
    displays = yaml.safe_load((REPOSITORY / "config/rviz/mission.rviz").read_text())["Visualization Manager"][
        "Displays"
    ]
    shown = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    assert shown == {f"/mission/{topic}" for topic in topics["SHOWN"]}
    markers = HELPERS.with_name("markers.py").read_text()
    for display in displays:
        assert all(f'"{namespace}"' in markers for namespace in display.get("Namespaces", {}))


def test_the_containers_have_room_for_shared_memory_and_reach_the_sensors() -> None:
    services = yaml.safe_load((REPOSITORY / "docker" / "compose.yaml").read_text())["services"]
    assert services["simulate"]["shm_size"] == "256m"
    assert services["sensors"]["ipc"] == services["sensors"]["network_mode"] == "host"
    assert len(services["sensors"]["devices"]) == 3
    for service in services.values():
        assert "ROS_DOMAIN_ID" in service["environment"]
        package, launch_file = service["command"].split()[2:4]
        assert package == "mission"
        assert (REPOSITORY / "launch" / launch_file).is_file()


def test_the_workflow_lints_and_tests_with_and_without_ros() -> None:
    jobs = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yaml").read_text())["jobs"]
    commands = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "ruff check" in commands["lint"]
    assert "pytest tests/unit" in commands["unit"]
    assert "rclpy" not in commands["unit"]
    assert "colcon build" in commands["ros"]
    assert jobs["ros"]["container"]["image"].startswith("ros:jazzy")
    assert (REPOSITORY / commands["pip-ros"].strip()).is_file()


def test_commit_hooks_call_tools_that_requirements_pin() -> None:
    (repository,) = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    pinned = {line.split("==")[0] for line in (REPOSITORY / "requirements.txt").read_text().splitlines()}
    assert tools == {"ruff", "mypy"} <= pinned
