"""Training of the Mission network on simulated people."""

import dataclasses
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.walks import (
    MAX_POINTS,
    Batch,
    PersonWalks,
    WalkSetConfig,
    camera_batches,
    load_people,
    protocol,
    radar_batches,
    sample_batch,
)
from mission_core.errors import ConfigurationError, ModelError
from mission_core.evaluate import CALIBRATION_CANDIDATES, Identification, fit_calibration
from mission_core.losses import gait_loss, matching_loss, pose_loss
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.model import best_clips
from mission_core.models.reid.network import MissionNetwork

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """A training run, as in config/train/*.yaml.

    Attributes:
        name: of the model that comes out.
        network: its shape.
        data: the simulated people it learns from; disjoint from every test person.
        seed: of initialisation and sampling.
        steps: batches.
        batch_people: people per batch, each with one radar and one camera clip of different walks.
        learning_rate: peak of a one-cycle schedule.
        weight_decay: of AdamW.
        pose_weight: of the pose losses [1/m] against the matching loss; the paper weighs pose : metric as 1 : 2.
        gait_weight: of the losses of body and gait parameters.
        validate_every: steps between validations; the best checkpoint by validation is kept.
    """

    name: str
    network: ReidConfig = field(default_factory=ReidConfig)
    data: WalkSetConfig = field(default_factory=WalkSetConfig)
    seed: int = 0
    steps: int = 4000
    batch_people: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    pose_weight: float = 2.0
    gait_weight: float = 1.0
    validate_every: int = 250

    def __post_init__(self) -> None:
        for name in ("steps", "batch_people", "validate_every"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.network.num_frames != SNIPPET_FRAMES:
            raise ConfigurationError(f"num_frames is {self.network.num_frames}, but snippets have {SNIPPET_FRAMES}")
        if self.network.num_points > MAX_POINTS:
            raise ConfigurationError(f"num_points is {self.network.num_points}, but data sets keep {MAX_POINTS}")
        if self.data.validation_people < 2 * CALIBRATION_CANDIDATES:
            raise ConfigurationError(
                f"validation_people is {self.data.validation_people}: calibration draws galleries of "
                f"{CALIBRATION_CANDIDATES} from them and needs at least twice as many"
            )


def _build(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a mapping; unknown keys are errors."""
    known = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigurationError(f"{where}: unknown key {unknown[0]!r}, expected one of {', '.join(sorted(known))}")
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def load_config(path: Path) -> TrainConfig:
    """Reads a training configuration.

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
    network = _build(ReidConfig, values.pop("network", {}), f"{path}: network")
    data = _build(WalkSetConfig, values.pop("data", {}), f"{path}: data")
    config: TrainConfig = _build(TrainConfig, {**values, "network": network, "data": data}, str(path))
    return config


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Scalars: matching [nat], mean joint errors [m] of the pose heads, unexplained share of the gait's variance."""

    matching: Tensor
    radar_pose: Tensor
    vision_pose: Tensor
    fused_pose: Tensor
    radar_gait: Tensor
    vision_gait: Tensor

    def total(self, config: TrainConfig) -> Tensor:
        """What is minimised."""
        pose = self.radar_pose + self.vision_pose + self.fused_pose
        return self.matching + config.pose_weight * pose + config.gait_weight * (self.radar_gait + self.vision_gait)

    def __str__(self) -> str:
        return (
            f"matching {self.matching:.3f}, pose radar {self.radar_pose:.3f} m, vision {self.vision_pose:.3f} m, "
            f"gait radar {self.radar_gait:.2f}, vision {self.vision_gait:.2f}"
        )


def compute_losses(network: MissionNetwork, batch: Batch, log_sharpness: Tensor) -> Losses:
    """Matching loss over all pairs of a batch, pose and gait losses of its true pairs."""
    radar = network.encode_radar(batch.points, batch.present)
    vision = network.encode_vision(batch.crops, batch.geometry)
    fused_radar, fused_vision = network.fuse(radar, batch.frames, vision)
    embedded_radar, embedded_vision = network.embed(fused_radar, batch.frames, fused_vision)
    distances = (embedded_radar - embedded_vision).square().sum(dim=-1)
    matching = matching_loss(distances, log_sharpness.exp())
    pair = torch.arange(len(radar), device=radar.device)  # only true pairs have a pose to show
    every = torch.ones_like(batch.frames)
    radar_pose = pose_loss(network.radar_pose(radar), batch.radar_joints, batch.frames)
    vision_pose = pose_loss(network.vision_pose(vision), batch.camera_joints, every)
    fused_pose = 0.5 * (
        pose_loss(network.fused_pose(fused_radar[pair, pair]), batch.radar_joints, batch.frames)
        + pose_loss(network.fused_pose(fused_vision[pair, pair]), batch.camera_joints, every)
    )
    radar_gait = gait_loss(network.radar_gait(radar, batch.frames), batch.gait)
    vision_gait = gait_loss(network.vision_gait(vision, every), batch.gait)
    return Losses(matching, radar_pose, vision_pose, fused_pose, radar_gait, vision_gait)


def schedule(step: int, steps: int, warmup: int = 200) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine down to 1 %."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


@torch.inference_mode()
def identify(network: MissionNetwork, people: list[PersonWalks], device: torch.device) -> Identification:
    """Ranks `people` for each of their radar clips under the honest protocol of `mission_core.evaluate`."""
    network.eval()
    test = protocol(people, network.config.num_frames, network.config.num_points)
    vision = torch.cat([network.encode_vision(c.to(device), g.to(device)) for c, g in camera_batches(test.snippets)])
    rows = []
    for points, present, frames in radar_batches(test.queries, 16):
        radar = network.encode_radar(points.to(device), present.to(device))
        rows.append(network.distances(radar, frames.to(device), vision).double().cpu().numpy())
    network.train()
    distances = np.concatenate(rows)
    return Identification(np.take_along_axis(distances, best_clips(distances, test.owner), axis=1), test.truth)


class Trainer:
    """One training run in a directory: checkpoints, history, and the result.

    `run` continues from the last checkpoint. The directory ends with `best.pt` (weights with calibration, by
    validation), `config.yaml` and `history.jsonl`.
    """

    def __init__(self, config: TrainConfig, directory: Path, *, workers: int = 1) -> None:
        self.config = config
        self.directory = directory
        self.workers = workers
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(config.seed)
        self.network = MissionNetwork(config.network).to(self.device)
        self.log_sharpness = torch.nn.Parameter(torch.tensor(math.log(10.0), device=self.device))
        parameters = [*self.network.parameters(), self.log_sharpness]
        self.optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
        self.step = 0
        self.best = -math.inf

    def run(self) -> Path:
        """Trains to the end; returns the path of the best checkpoint."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._claim()
        train, validation = load_people(self.config.data, self.workers)
        self._resume()
        columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
        with Progress(*columns) as progress:
            task = progress.add_task("training", total=self.config.steps, completed=self.step, state="")
            while self.step < self.config.steps:
                state = self._train_step(train)
                progress.update(task, completed=self.step, state=state)
                if not progress.console.is_terminal and self.step % 50 == 0:
                    remaining = progress.tasks[task].time_remaining or 0.0
                    log.info("step %d of %d, %.0f min left: %s", self.step, self.config.steps, remaining / 60, state)
                if self.step % self.config.validate_every == 0 or self.step == self.config.steps:
                    progress.console.print(self._validate(validation, state))
        self._calibrate(validation)
        return self.directory / "best.pt"

    def _claim(self) -> None:
        """Writes the configuration, and refuses to continue another one."""
        path = self.directory / "config.yaml"
        text = yaml.safe_dump(json.loads(json.dumps(dataclasses.asdict(self.config))), sort_keys=False)
        if path.exists() and path.read_text() != text:
            raise ConfigurationError(
                f"{path} belongs to a run with other settings: give this one another directory, or delete that one"
            )
        path.write_text(text)

    def _resume(self) -> None:
        path = self.directory / "last.pt"
        if not path.exists():
            return
        saved = torch.load(path, map_location=self.device, weights_only=True)
        restore(self.network, saved["network"], path)
        self.optimizer.load_state_dict(saved["optimizer"])
        with torch.no_grad():
            self.log_sharpness.copy_(saved["log_sharpness"])
        self.step, self.best = saved["step"], saved["best"]
        log.info("continuing at step %d of %d", self.step, self.config.steps)

    def _train_step(self, people: list[PersonWalks]) -> str:
        config = self.config
        # by step, so that a resumed run draws what it would have
        rng = np.random.default_rng((config.seed, self.step))
        torch.manual_seed(int(rng.integers(2**63)))
        batch = sample_batch(people, config.batch_people, config.network, rng).to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * schedule(self.step, config.steps)
        losses = compute_losses(self.network, batch, self.log_sharpness)
        loss = losses.total(config)
        if not torch.isfinite(loss):
            raise ModelError(f"training diverged at step {self.step} ({losses}): lower the learning rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return str(losses)

    def _validate(self, people: list[PersonWalks], state: str) -> str:
        """Measures on validation people, keeps the best weights, saves a checkpoint to continue from."""
        result = identify(self.network, people, self.device).summary()
        score: float = result["mAP"]
        saved = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "log_sharpness": self.log_sharpness.detach(),
            "step": self.step,
            "best": max(score, self.best),
        }
        if score > self.best:  # saved first: interrupted here, the step is done again and saves the same
            self.best = score
            _save({"network": self.network.state_dict(), "step": self.step, "validation": result}, self._best_path)
        _save(saved, self.directory / "last.pt")
        with (self.directory / "history.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, "time": time.time(), "train": state, **result}) + "\n")
        return (
            f"step {self.step}: {state}; validation among {result['people']} top-1 {result['top1']:.3f}, "
            f"top-5 {result['top5']:.3f}, among 10 top-1 {result['top1_among_10']:.3f}"
        )

    @property
    def _best_path(self) -> Path:
        return self.directory / "best.pt"

    def _calibrate(self, people: list[PersonWalks]) -> None:
        """Fits the probabilities of the best weights on validation people."""
        saved: dict[str, Any] = torch.load(self._best_path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(saved["network"])
        result = identify(self.network, people, self.device)
        sharpness, unknown_logit = fit_calibration(result.distances, result.truth)
        self.network.sharpness.fill_(sharpness)
        self.network.unknown_logit.fill_(unknown_logit)
        _save({**saved, "network": self.network.state_dict(), "calibrated": True}, self._best_path)


def restore(network: MissionNetwork, weights: dict[str, Tensor], path: Path) -> None:
    """Loads weights into a network.

    Raises:
        ModelError: they are of a network of another shape.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path} holds weights of another network, made by another version: train again") from error


def _save(values: dict[str, Any], path: Path) -> None:
    """Replaces a file in one step: an interrupted run never leaves half a checkpoint."""
    partial = path.with_suffix(".partial")
    torch.save(values, partial)
    partial.replace(path)
