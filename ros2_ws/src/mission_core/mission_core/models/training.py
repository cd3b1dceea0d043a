"""The methods that can be trained, by name, and their settings in files."""

from pathlib import Path
from typing import TypeAlias

import yaml

from mission_core.errors import ConfigurationError
from mission_core.models.gait import training as gait
from mission_core.models.gait.network import GaitNetwork
from mission_core.models.reid import training as mission
from mission_core.models.reid.network import MissionNetwork
from mission_core.train import from_mapping

Training: TypeAlias = mission.MissionTraining | gait.GaitTraining
Network: TypeAlias = MissionNetwork | GaitNetwork

METHODS: dict[str, type[Training]] = {"mission": mission.MissionTraining, "gait": gait.GaitTraining}


def load_config(path: Path) -> Training:
    """Reads the settings of a training; `method` says of which, by default the Mission network's.

    Raises:
        ConfigurationError: the file is absent, is no YAML mapping, or has a key that means nothing.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; training configurations are in config/train/") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {error}") from error
    if not isinstance(values, dict) or "name" not in values:
        raise ConfigurationError(f"{path}: expected a mapping of settings with at least a name")
    method = values.get("method", "mission")
    if method not in METHODS:
        raise ConfigurationError(f"{path}: there is no method {method!r}, expected one of {', '.join(METHODS)}")
    return from_mapping(METHODS[method], values, str(path))


def train(config: Training, directory: Path, workers: int = 1) -> Path:
    """Trains into a directory, or goes on with what is there; returns the path of the best checkpoint."""
    if isinstance(config, gait.GaitTraining):
        return gait.train(config, directory, workers)
    return mission.train(config, directory, workers)


def network_of(config: Training) -> Network:
    """The network that a training is of, with random weights."""
    return GaitNetwork(config.network) if isinstance(config, gait.GaitTraining) else MissionNetwork(config.network)
