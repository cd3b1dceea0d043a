from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mission_core.errors import ConfigurationError
from mission_core.parameters import from_parameters, node_parameters


@dataclass(frozen=True)
class Inner:
    eps: float = 0.5
    bounds: tuple[float, ...] = (0.0, 1.0)


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    hits: int = 3


def test_values_of_nested_settings_come_from_dotted_names(tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    parameters = "hits: 5\n    other: x\n    inner: {eps: 0.7, bounds: [1, 2]}"
    file.write_text(f"/**/tracker:\n  ros__parameters:\n    {parameters}\n")
    values = node_parameters("tracker", file)
    assert values == {"hits": 5, "other": "x", "inner.eps": 0.7, "inner.bounds": [1, 2]}
    assert from_parameters(Outer, values) == Outer(Inner(0.7, (1, 2)), 5)


def test_what_is_not_given_keeps_its_default(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert from_parameters(Outer, node_parameters("tracker", tmp_path / "empty.yaml")) == Outer()


def test_absent_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read"):
        node_parameters("tracker", tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("[1, 2")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml is no ROS parameter file"):
        node_parameters("tracker", tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigurationError, match=r"list\.yaml is no ROS parameter file"):
        node_parameters("tracker", tmp_path / "list.yaml")
