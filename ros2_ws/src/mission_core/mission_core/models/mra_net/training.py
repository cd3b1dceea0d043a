"""Training of networks that tell activity and identity: batches, losses, and what a fold is tested with."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from torch import Tensor, nn
from torch.nn import functional

from mission_core import distributed
from mission_core.data.activities import KNOWN, activities
from mission_core.data.doppler_windows import LabelledMaps, folds, joined, radhar_windows, take_windows
from mission_core.data.sets import Settings, activity6
from mission_core.data.shards import build, default_root
from mission_core.evaluation.recognition import Recognition
from mission_core.losses import multitask_loss
from mission_core.models.mra_net import peers
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.mra_net.network import ACTIVITY, IDENTITY, LOSS_WEIGHTS, Recognizer, mra_net_trunk
from mission_core.paths import share_directory
from mission_core.train import BEST, Schedule, Task, Trainer, claim, device, restore
from mission_core.types import Float32Array

VALIDATION_FOLDS = 10
"""One of so many of the windows that are learnt from selects the best weights instead."""
PRETRAINING = 0.3
"""Share of the steps in which an autoencoder learns without labels."""
CHUNK = 256
PROFILES = {"iq": "walking_10fps.cfg", "points": "walking_10fps.cfg", "heatmap": "walking_heatmap_10fps.cfg"}
"""That the radar of simulated data runs, by the kind of maps."""
NONE = "none"
"""What is done where it is none of the activities."""

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


def load_maps(config: RecognitionTraining, workers: int = 1, **disturbed: Any) -> LabelledMaps:
    """The windows of the data that a training is of; simulates what is missing.

    Args:
        config: of the training.
        workers: processes that simulate.
        disturbed: how the data are made worse, see `take_windows` and `radhar_windows`.

    Raises:
        ConfigurationError: recordings are asked for that are not there.
    """
    if config.data == "radhar":
        return radhar_windows(Path(os.environ.get("MISSION_DATA", ".")), config.maps, **disturbed)
    radar = Settings(share_directory() / "config" / "radar" / PROFILES[config.maps.kind])
    if config.data == "activities":
        takes = build(*activities(radar, config.strangers), default_root(), workers=workers)
        return take_windows(takes, config.maps, known=KNOWN, **disturbed)
    return take_windows(build(*activity6(radar), default_root(), workers=workers), config.maps, **disturbed)


def parts_of(config: RecognitionTraining, maps: LabelledMaps, worse: Sequence[LabelledMaps] = ()) -> Parts:
    """Parts windows by take, or as asked for.

    Args:
        config: of the training.
        maps: all windows.
        worse: the same ones, disturbed; of those that are learnt from these are learnt from, too.
    """
    groups = None if config.split == "window" else maps.take
    test = (
        maps.held_out if config.split == "authors" else folds(_labels(config, maps), groups, config.folds)[config.fold]
    )
    rest = np.flatnonzero(~test)
    validates = _validating(config, maps.subset(rest))
    learns = rest[~validates]
    train = joined([each.subset(learns) for each in (maps, *worse)])
    return Parts(train, maps.subset(rest[validates]), maps.subset(test))


def load_worse(config: RecognitionTraining) -> list[LabelledMaps]:
    """The windows that are learnt from as well, see `RecognitionTraining.kept`."""
    return [load_maps(config, keep=keep, drop=drop) for keep, drop in zip(config.kept, config.lost, strict=True)]


def _validating(config: RecognitionTraining, rest: LabelledMaps) -> NDArray[np.bool_]:
    """Where takes are few, a part of each selects: it does not have to be without a leak, only the test has."""
    groups = rest.take if config.split == "take" and config.data != "radhar" else None
    return folds(_labels(config, rest), groups, VALIDATION_FOLDS, seed=1)[0]


def _labels(config: RecognitionTraining, maps: LabelledMaps) -> NDArray[np.int64]:
    """(N,) of which every fold has its share: what is done, and by whom where everybody does it often enough."""
    if config.data == "activities":
        return maps.activity
    return maps.activity * (len(maps.people) + 1) + maps.person


def recognizer(config: RecognitionTraining, maps: LabelledMaps) -> Recognizer:
    """The network of a training, with random weights."""
    size = config.maps.size
    ours = config.trunk == "mra_net"
    trunk = mra_net_trunk(config.network) if ours else PEERS[config.trunk](size)
    heads = {}
    if config.tasks != "identity":
        heads[ACTIVITY] = len(maps.activities) + (config.made_up > 0)
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
        maps = _younger(self._maps[drawn], self.config, rng).to(device())
        self.drawn += 1
        trunk = self.network.trunk
        if isinstance(trunk, peers.Autoencoder) and self.drawn <= PRETRAINING * self.config.steps:
            loss = trunk.reconstruction_loss(self.network.scaled(maps))
            return loss, {"reconstruction": float(loss.detach())}
        none = self._none_of_these(maps, rng)
        # in one pass: apart, batch normalisation alone would tell what is made up
        everything = self.network(torch.cat([maps, none]))
        logits = {name: each[: len(maps)] for name, each in everything.items()}
        losses = {
            name: functional.cross_entropy(logits[name], truth[drawn].to(device()), reduction="none")
            for name, truth in self._truth.items()
            if name in logits
        }
        told = {f"{name}_nat": float(each.detach().mean()) for name, each in losses.items()}
        loss = self._joined(losses, logits)
        if len(none):
            unlike = everything[ACTIVITY][len(maps) :]
            wrong = functional.cross_entropy(unlike, torch.full((len(none),), unlike.shape[1] - 1, device=none.device))
            loss, told = loss + self.config.made_up * wrong, {**told, "none_nat": float(wrong.detach())}
        return loss, told

    def _joined(self, losses: Mapping[str, Tensor], logits: Mapping[str, Tensor]) -> Tensor:
        """One loss of those (B,) of each task."""
        if len(losses) == 1:
            return next(iter(losses.values())).mean()
        weights = logits.get(LOSS_WEIGHTS)
        return multitask_loss(losses[ACTIVITY], losses[IDENTITY], weights, self.config.weighting)

    def _none_of_these(self, maps: Tensor, rng: np.random.Generator) -> Tensor:
        """(M, H, W) Maps that show no activity, made of some that do; none where nothing is to be made up."""
        count = max(round(self.config.made_up * len(maps)), 1) if self.config.made_up > 0 else 0
        return torch.stack([made_up(each, rng) for each in maps[:count]]) if count else maps[:0]

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task: the mean over the tasks of the macro F1."""
        found = recognition(self.network, self.parts.validation)
        scores = {f"{task}_f1": round(100.0 * each.f1, 2) for task, each in found.items()}
        return sum(scores.values()), scores

    def calibrate(self) -> None:
        """See Task: one temperature for each head (Guo et al., ICML 2017), by the likelihood of the validation maps."""
        validation = self.parts.validation
        logits = logits_of(self.network, validation.maps)
        for number, name in enumerate(self.network.heads):
            truth = {ACTIVITY: validation.activity, IDENTITY: validation.person}.get(name)
            if truth is not None:
                self.network.temperatures[number] *= fit_temperature(logits[name], truth)

    def optimizer(self, learnt: list[nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
        """See Task: Adam with an L2 penalty, as in the paper."""
        return torch.optim.Adam(learnt, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


def made_up(values: Tensor, rng: np.random.Generator) -> Tensor:
    """A map (H, W) that nobody makes out of one that somebody made: its moments or its velocities in disorder."""
    rows, columns = values.shape
    match rng.integers(3):
        case 0:
            return values[:, torch.from_numpy(rng.permutation(columns))]
        case 1:
            return values[torch.from_numpy(rng.permutation(rows))]
        case _:
            return values.roll(int(rng.integers(rows // 4, rows - rows // 4)), dims=0)


def _younger(maps: Tensor, config: RecognitionTraining, rng: np.random.Generator) -> Tensor:
    """Maps (B, H, W) of which some hold nothing at first."""
    if config.young == 0:
        return maps
    columns = maps.shape[2]
    empty = np.where(rng.random(len(maps)) < config.young, rng.integers(0, 2 * columns // 3, len(maps)), 0)
    shown = torch.from_numpy(np.arange(columns) >= empty[:, None])
    return torch.where(shown[:, None, :], maps, config.maps.range_db[0])


@torch.inference_mode()
def logits_of(network: nn.Module, maps: Float32Array) -> dict[str, Float32Array]:
    """Logits (N, C) by head."""
    where = next(network.parameters()).device
    pieces = [network(chunk.to(where)) for chunk in torch.from_numpy(maps).split(CHUNK)]
    return {name: torch.cat([piece[name].cpu() for piece in pieces]).numpy() for name in pieces[0]}


def told_of(network: nn.Module, maps: Float32Array) -> dict[str, Float32Array]:
    """Probabilities (N, C) by head."""
    return {name: softmax(logits, axis=1) for name, logits in logits_of(network, maps).items()}


def fit_temperature(logits: Float32Array, truth: NDArray[np.int64]) -> float:
    """What logits (N, C) are best divided by, between 1/20 and 20, for the likelihood of what is true (N,)."""

    def negative_log_likelihood(log_temperature: float) -> float:
        likely = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return -float(likely[np.arange(len(truth)), truth].mean())

    most = float(np.log(20.0))
    return float(np.exp(minimize_scalar(negative_log_likelihood, bounds=(-most, most), method="bounded").x))


def recognition(network: nn.Module, maps: LabelledMaps) -> dict[str, Recognition]:
    """What a network tells of windows beside what is true, by task."""
    told = told_of(network, maps.maps)
    found = {}
    if ACTIVITY in told:
        names = (*maps.activities, NONE)[: told[ACTIVITY].shape[1]]
        found[ACTIVITY] = Recognition(told[ACTIVITY], maps.activity, names)
    if IDENTITY in told:
        found[IDENTITY] = Recognition(told[IDENTITY], maps.person, maps.people)
    return found


def train(config: RecognitionTraining, directory: Path, workers: int = 1) -> Path:
    """Trains one fold, or goes on with it; returns the path of the best checkpoint."""
    claim(config, directory)
    with distributed.first():  # makes what is missing
        maps = load_maps(config, workers)
        parts = parts_of(config, maps, load_worse(config))
    torch.manual_seed(config.seed)
    return Trainer(RecognitionTask(config, parts), config, directory).run()


def load_recognizer(config: RecognitionTraining, maps: LabelledMaps, directory: Path) -> Recognizer:
    """The trained network of a run."""
    network = recognizer(config, maps)
    path = directory / BEST
    restore(network, torch.load(path, map_location="cpu", weights_only=True)["network"], path)
    return network.eval()
