"""Training of networks that tell activity and identity: batches, losses, and what a fold is tested with."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mission_core import distributed
from mission_core.data.doppler_windows import LabelledMaps, activity6_windows, folds, radhar_windows
from mission_core.data.sets import activity6
from mission_core.data.shards import build, default_root
from mission_core.data.walks import settings
from mission_core.evaluation.recognition import Recognition
from mission_core.losses import multitask_loss
from mission_core.models.mra_net import peers
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.mra_net.network import ACTIVITY, IDENTITY, LOSS_WEIGHTS, Recognizer, mra_net_trunk
from mission_core.train import BEST, Schedule, Task, Trainer, claim, device, restore

VALIDATION_FOLDS = 10
"""One of so many of the windows that are learnt from selects the best weights instead."""
PRETRAINING = 0.3
"""Share of the steps in which an autoencoder learns without labels."""
CHUNK = 256

PEERS = {
    "kim_moon": peers.kim_moon,
    "vandersmissen": peers.vandersmissen,
    "cao": peers.cao,
    "autoencoder": peers.Autoencoder,
    "lstm": peers.StackedLstm,
    "jmi_cnn": peers.JmiCnn,
}


@dataclass(frozen=True)
class Parts:
    """What a fold learns from, selects with and is tested with; no take is in two of them, but for `split: window`."""

    train: LabelledMaps
    validation: LabelledMaps
    test: LabelledMaps


def load_maps(config: RecognitionTraining, workers: int = 1, **disturbed: float) -> LabelledMaps:
    """The windows of the data that a training is of; simulates what is missing.

    Args:
        config: of the training.
        workers: processes that simulate.
        disturbed: how the data are made worse, see `activity6_windows` and `radhar_windows`.

    Raises:
        ConfigurationError: recordings are asked for that are not there.
    """
    if config.data == "radhar":
        return radhar_windows(Path(os.environ.get("MISSION_DATA", ".")), config.maps, **disturbed)
    takes = build(*activity6(settings(10.0)), default_root(), workers=workers)
    return activity6_windows(takes, config.maps, **disturbed)


def parts_of(config: RecognitionTraining, maps: LabelledMaps) -> Parts:
    """Parts windows by take, or as asked for."""
    labels = maps.activity * (len(maps.people) + 1) + maps.person
    groups = None if config.split == "window" else maps.take
    test = maps.held_out if config.split == "authors" else folds(labels, groups, config.folds)[config.fold]
    rest = maps.subset(~test)
    validates = _validating(config, rest)
    return Parts(rest.subset(~validates), rest.subset(validates), maps.subset(test))


def _validating(config: RecognitionTraining, rest: LabelledMaps) -> NDArray[np.bool_]:
    """Where takes are few, a part of each selects: it does not have to be without a leak, only the test has."""
    labels = rest.activity * (len(rest.people) + 1) + rest.person
    groups = rest.take if config.split == "take" and config.data != "radhar" else None
    return folds(labels, groups, VALIDATION_FOLDS, seed=1)[0]


def recognizer(config: RecognitionTraining, maps: LabelledMaps) -> Recognizer:
    """The network of a training, with random weights."""
    size = config.maps.size
    ours = config.trunk == "mra_net"
    trunk = mra_net_trunk(config.network) if ours else PEERS[config.trunk](size)
    heads = {}
    if config.tasks != "identity":
        heads[ACTIVITY] = len(maps.activities)
    if config.tasks != "activity":
        heads[IDENTITY] = len(maps.people)
    if config.tasks == "both" and isinstance(config.weighting, str):
        heads[LOSS_WEIGHTS] = 2
    return Recognizer(trunk, size, heads, config.maps.range_db)


class RecognitionTask(Task):
    """Activity, identity, or both, of single windows."""

    drawn: Tensor

    def __init__(self, config: RecognitionTraining, parts: Parts) -> None:
        super().__init__()
        self.network: Recognizer = recognizer(config, parts.train)
        self.config, self.parts = config, parts
        self.register_buffer("drawn", torch.zeros((), dtype=torch.int64))  # batches so far
        self._maps = torch.from_numpy(parts.train.maps)
        self._truth = {
            ACTIVITY: torch.from_numpy(parts.train.activity),
            IDENTITY: torch.from_numpy(parts.train.person),
        }

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """See Task."""
        drawn = torch.from_numpy(rng.permutation(len(self._maps))[: self.config.batch])
        maps = self._maps[drawn].to(device())
        self.drawn += 1
        trunk = self.network.trunk
        if isinstance(trunk, peers.Autoencoder) and self.drawn <= PRETRAINING * self.config.steps:
            loss = trunk.reconstruction_loss(self.network.scaled(maps))
            return loss, {"reconstruction": float(loss.detach())}
        logits = self.network(maps)
        losses = {
            name: functional.cross_entropy(logits[name], truth[drawn].to(device()), reduction="none")
            for name, truth in self._truth.items()
            if name in logits
        }
        told = {f"{name}_nat": float(each.detach().mean()) for name, each in losses.items()}
        if len(losses) == 1:
            return next(iter(losses.values())).mean(), told
        weights = logits.get(LOSS_WEIGHTS)
        return multitask_loss(losses[ACTIVITY], losses[IDENTITY], weights, self.config.weighting), told

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task: the mean over the tasks of the macro F1."""
        found = recognition(self.network, self.parts.validation)
        scores = {f"{task}_f1": round(100.0 * each.f1, 2) for task, each in found.items()}
        return sum(scores.values()), scores

    def optimizer(self, learnt: list[nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
        """See Task: Adam with an L2 penalty, as in the paper."""
        return torch.optim.Adam(learnt, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


@torch.inference_mode()
def told_of(network: nn.Module, maps: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Probabilities (N, C) by head."""
    where = next(network.parameters()).device
    pieces = [network(chunk.to(where)) for chunk in torch.from_numpy(maps).split(CHUNK)]
    return {name: torch.cat([piece[name].softmax(dim=-1).cpu() for piece in pieces]).numpy() for name in pieces[0]}


def recognition(network: nn.Module, maps: LabelledMaps) -> dict[str, Recognition]:
    """What a network tells of windows beside what is true, by task."""
    told = told_of(network, maps.maps)
    truth = {ACTIVITY: (maps.activity, maps.activities), IDENTITY: (maps.person, maps.people)}
    return {task: Recognition(told[task], true, names) for task, (true, names) in truth.items() if task in told}


def train(config: RecognitionTraining, directory: Path, workers: int = 1) -> Path:
    """Trains one fold, or goes on with it; returns the path of the best checkpoint."""
    claim(config, directory)
    with distributed.first():  # makes what is missing
        maps = load_maps(config, workers)
    torch.manual_seed(config.seed)
    return Trainer(RecognitionTask(config, parts_of(config, maps)), config, directory).run()


def load_recognizer(config: RecognitionTraining, maps: LabelledMaps, directory: Path) -> Recognizer:
    """The trained network of a run."""
    network = recognizer(config, maps)
    path = directory / BEST
    restore(network, torch.load(path, map_location="cpu", weights_only=True)["network"], path)
    return network.eval()
