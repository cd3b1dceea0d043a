"""The methods that can be trained, by name, and their settings in files."""

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
import yaml
from torch import nn

from mission_core import distributed
from mission_core.errors import ConfigurationError
from mission_core.models.baselines.network import TwoBranchNetwork
from mission_core.models.baselines.pose_network import pose_network
from mission_core.models.baselines.pose_training import PoseObjective, PoseTask, PoseTraining
from mission_core.models.baselines.training import DualObjective, DualTraining
from mission_core.models.gait.network import GaitNetwork
from mission_core.models.gait.training import GaitObjective, GaitTraining
from mission_core.models.learning import MatchingTask, MatchingTraining, Objective, People
from mission_core.models.mra_net import training as recognition
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.pictures import training as pictures
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.reid.network import MissionNetwork
from mission_core.models.reid.training import MissionObjective, MissionTraining
from mission_core.train import Task, Trainer, claim, from_mapping

Training: TypeAlias = PictureTraining | RecognitionTraining | MatchingTraining


@dataclass(frozen=True)
class Method:
    """A way to match, or something to compare with.

    Attributes:
        training: its settings.
        network: makes the network.
        objective: makes what is minimised.
        task: makes of both, with people, what is trained.
    """

    training: type[MatchingTraining]
    network: Callable[[Any, PictureNetwork], nn.Module]
    objective: Callable[[Any], Objective]
    task: Callable[[Any, Any, Objective, People], Task] = MatchingTask


METHODS: Mapping[str, Method] = types.MappingProxyType(
    {
        "mission": Method(MissionTraining, MissionNetwork, MissionObjective),
        "gait": Method(GaitTraining, GaitNetwork, GaitObjective),
        "dual": Method(DualTraining, TwoBranchNetwork, DualObjective),
        "pose": Method(PoseTraining, pose_network, PoseObjective, PoseTask),
    }
)


def load_config(path: Path) -> Training:
    """Reads the settings of a training; `method` says of which.

    The picture network of a method is told as a mapping, or by the name of a file of settings beside this one.

    Raises:
        ConfigurationError: the file is absent, is no YAML mapping, or has a key that means nothing.
    """
    values = _mapping(path)
    method = values.get("method", "")
    known: dict[str, type[Training]] = {
        "pictures": PictureTraining,
        "recognition": RecognitionTraining,
        **{name: each.training for name, each in METHODS.items()},
    }
    if method not in known:
        raise ConfigurationError(f"{path}: there is no method {method!r}, expected one of {', '.join(known)}")
    if isinstance(values.get("pictures"), str):
        values = {**values, "pictures": _mapping(path.parent / f"{values['pictures']}.yaml")}
    return from_mapping(known[method], values, str(path))


def train(config: Training, directory: Path, workers: int = 1) -> Path:
    """Trains into a directory, or goes on with what is there; returns the path of the best checkpoint.

    The picture network of a method is trained first, beside the directory, unless that is done, or one of the same
    settings comes with mission.
    """
    if isinstance(config, PictureTraining):
        return pictures.train(config, directory, workers)
    if isinstance(config, RecognitionTraining):
        return recognition.train(config, directory, workers)
    claim(config, directory)
    below = directory.parent / config.pictures.name
    claim(config.pictures, below)
    with distributed.first():
        if distributed.rank() == 0 and not pictures.begun(below):
            pictures.adopt(config.pictures, below)
    if not pictures.is_trained(below):
        pictures.train(config.pictures, below, workers)
    seeing = pictures.load_pictures(config.pictures, below)
    with distributed.first():  # makes what is missing
        people = People(config, seeing, below, workers)
    torch.manual_seed(config.seed)
    method = METHODS[config.method]
    task = method.task(config, network_of(config, seeing), method.objective(config), people)
    return Trainer(task, config, directory).run()


def is_model(config: Training) -> bool:
    """Whether what comes out matches, so that it can be exported; networks that read pictures or tell joints do not."""
    return isinstance(config, MatchingTraining) and METHODS[config.method].task is MatchingTask


def network_of(config: MatchingTraining, seeing: PictureNetwork | None = None) -> nn.Module:
    """The network that a training is of, with random weights; of the picture network, too, where none is given."""
    return METHODS[config.method].network(config.network, seeing or PictureNetwork(config.pictures.network))


def _mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}; training configurations are in config/train/") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is no YAML: {error}") from error
    if not isinstance(values, dict) or not {"name", "method"} <= set(values):
        raise ConfigurationError(f"{path}: expected a mapping of settings with at least a name and a method")
    return values
