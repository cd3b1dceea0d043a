from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mission_core.errors import ConfigurationError
from mission_core.parameters import from_parameters, node_parameters
from mission_core.radar.tracking import TrackerConfig


@dataclass(frozen=True)
class Inner:
    eps: float = 0.5
    bounds: tuple[float, ...] = (0.0, 1.0)


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    hits: int = 3


def test_file_says_what_differs_from_the_shipped_parameters(tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text("/**/reid:\n  ros__parameters: {min_seconds: 1.5}\n/**:\n  ros__parameters: {use_sim_time: true}\n")
    shipped, values = node_parameters("reid"), node_parameters("reid", file)
    assert (values["min_seconds"], values["use_sim_time"]) == (1.5, True)
    assert values["period"] == shipped["period"] > 0
    assert shipped["min_seconds"] != 1.5


def test_what_is_meant_for_all_reaches_those_who_have_it(tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text("/**:\n  ros__parameters: {calibration: my_room.yaml, model: mine}\n")
    assert node_parameters("reid", file)["model"] == "mine"
    assert "calibration" not in node_parameters("reid", file)
    assert node_parameters("radar_driver", file)["calibration"] == "my_room.yaml"


def test_values_of_nested_settings_have_dotted_names() -> None:
    values = {"hits": 5, "other": "x", "inner.eps": 0.7, "inner.bounds": [1, 2]}
    assert from_parameters(Outer, values) == Outer(Inner(0.7, (1, 2)), 5)
    assert from_parameters(Outer, {}) == Outer()


def test_tracker_is_configured_as_the_node_is() -> None:
    assert from_parameters(TrackerConfig, node_parameters("radar_tracker")) == TrackerConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", "is no ROS parameter file"),
        ("- 1", "is no ROS parameter file"),
        ("/**/reid: {period: 1.0}", "is no ROS parameter file"),
        ("reid:\n  ros__parameters: {period: 1.0}", "key 'reid' is not read offline"),
        ("/**/reid:\n  ros__parameters: {perod: 1.0}", "reid has no parameter 'perod'"),
    ],
)
def test_files_that_would_be_misread_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        node_parameters("reid", tmp_path / "wrong.yaml")


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read"):
        node_parameters("reid", tmp_path / "nowhere.yaml")
