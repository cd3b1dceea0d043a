"""Node parameters from a ROS parameter file, for running offline what the nodes run. No ROS is needed."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mission_core.errors import ConfigurationError
from mission_core.paths import share_directory

T = TypeVar("T")


def node_parameters(node: str, path: Path | None = None) -> dict[str, Any]:
    """Parameters of a node, by their full (dotted) names.

    Args:
        node: its name, e.g. "radar_tracker".
        path: parameter file with flat `/**/<node>:` keys; default the one that comes with mission.

    Raises:
        ConfigurationError: the file is absent or no parameter file.
    """
    file = path or share_directory() / "config" / "mission.yaml"
    try:
        content = yaml.safe_load(file.read_text())
        section = (content or {}).get(f"/**/{node}", {})
        return _flat(section.get("ros__parameters", {}))
    except OSError as error:
        raise ConfigurationError(f"parameter file {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, AttributeError) as error:
        raise ConfigurationError(
            f"{file} is no ROS parameter file ({error}); expected `/**/{node}:` with `ros__parameters:` below"
        ) from error


def from_parameters(config: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """A (nested) dataclass of settings from parameters by dotted name; other parameters of the node are passed over."""
    arguments: dict[str, Any] = {}
    for field in fields(config):  # type: ignore[arg-type]
        name = prefix + field.name
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if is_dataclass(default):
            arguments[field.name] = from_parameters(type(default), values, f"{name}.")
        elif name in values:
            value = values[name]
            arguments[field.name] = tuple(value) if isinstance(value, list) else value
    return config(**arguments)


def _flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in section.items():
        values |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return values
