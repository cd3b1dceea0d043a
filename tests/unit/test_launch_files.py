"""Launch files, the rviz file and the container files, as far as they can be checked without ROS.

`launch` is not on the Python package registry. Where it is installed the launch files are loaded for real.
"""

import ast
import importlib.util
import re
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


def test_the_readme_names_every_launch_file_and_no_other() -> None:
    named = set(re.findall(r"\w+\.launch\.py", (REPOSITORY / "README.md").read_text()))
    assert named == {file.name for file in LAUNCH_FILES}


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

    specification = importlib.util.spec_from_file_location(file.name, file)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    description = module.generate_launch_description()
    assert isinstance(description, LaunchDescription)


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


def test_the_containers_launch_what_exists() -> None:
    services = yaml.safe_load((REPOSITORY / "docker" / "compose.yaml").read_text())["services"]
    for service in services.values():
        assert (REPOSITORY / "launch" / service["command"].split()[3]).is_file()


def test_commit_hooks_call_tools_that_requirements_pin() -> None:
    (repository,) = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    pinned = {line.split("==")[0] for line in (REPOSITORY / "requirements.txt").read_text().splitlines()}
    assert tools <= pinned


def test_what_is_installed_by_name_is_pinned_in_requirements() -> None:
    """The workflow and the container pick lines of requirements.in; one without a match would not be noticed there."""
    pinned = {line.split("==")[0] for line in (REPOSITORY / "requirements.in").read_text().splitlines() if "==" in line}
    for file in (".github/workflows/ci.yaml", "docker/Dockerfile"):
        (names,) = re.findall(r"grep -E '\^\(([\w|]+)\)=='", (REPOSITORY / file).read_text())
        assert set(names.split("|")) <= pinned
    assert "\n# mission_core" in (REPOSITORY / "requirements.in").read_text()  # where the workflow begins to read
