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
        path: parameter file with what differs from the one that comes with mission, under `/**/<node>:` keys.

    Raises:
        ConfigurationError: a file is absent or no parameter file, or sets what the node does not have. Under `/**:`
            stands what several nodes share; each takes from there what it has.
    """
    common, own = _sections(node, share_directory() / "config" / "mission.yaml")
    values = common | own
    common, own = _sections(node, path) if path else ({}, {})
    unknown = sorted(own.keys() - values.keys() - {"use_sim_time"})
    if unknown:
        raise ConfigurationError(f"{path}: {node} has no parameter {unknown[0]!r}; it has {', '.join(sorted(values))}")
    return values | {name: value for name, value in common.items() if name in values or name == "use_sim_time"} | own


def _sections(node: str, file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file says to all nodes, and what to this one."""
    try:
        content = dict(yaml.safe_load(file.read_text()) or {})
        foreign = [key for key in content if not str(key).startswith("/**")]
        common, own = (
            _flat(content[key]["ros__parameters"]) if key in content else {} for key in ("/**", f"/**/{node}")
        )
    except OSError as error:
        raise ConfigurationError(f"parameter file {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{file} is no ROS parameter file ({error}); expected `/**/{node}:` with `ros__parameters:` below"
        ) from error
    if foreign:
        raise ConfigurationError(f"{file}: key {foreign[0]!r} is not read offline; write `/**/<node>:` or `/**:`")
    return common, own


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
