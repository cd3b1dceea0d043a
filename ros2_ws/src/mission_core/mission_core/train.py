"""Training on simulated people: what is common to every method. What is learnt, and from what, is a `Task`."""

import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from mission_core.errors import ConfigurationError, ModelError

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast is learnt.

    Attributes:
        seed: of initialisation and sampling.
        steps: batches.
        learning_rate: peak of a one-cycle schedule.
        weight_decay: of AdamW.
        validate_every: steps between validations; the best checkpoint by validation is kept.
    """

    seed: int = 0
    steps: int = 4000
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    validate_every: int = 250

    def __post_init__(self) -> None:
        for name in ("steps", "validate_every"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected at least 1")


class Task(nn.Module):
    """Something to learn: a network, whatever else is learnt with it, and data.

    Attributes:
        network: what comes out.
    """

    network: nn.Module

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """Loss of a batch drawn with `rng`, and what to tell of it."""
        raise NotImplementedError

    def validate(self) -> tuple[float, dict[str, Any]]:
        """Score on validation people, greater is better, and the figures behind it."""
        raise NotImplementedError

    def calibrate(self) -> None:
        """Fits what is fitted on validation people once the network has learnt."""


class Trainer:
    """One training run in a directory: checkpoints, history, and the result.

    `run` continues from the last checkpoint. The directory ends with `best.pt` (weights with calibration, by
    validation), `config.yaml` and `history.jsonl`.
    """

    def __init__(self, task: Task, schedule: Schedule, directory: Path) -> None:
        self.schedule = schedule
        self.directory = directory
        self.task = task.to(device())
        learnt = [parameter for parameter in task.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(learnt, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
        self.step = 0
        self.best = -math.inf

    def run(self) -> Path:
        """Trains to the end; returns the path of the best checkpoint."""
        claim(self.schedule, self.directory)
        self._resume()
        steps = self.schedule.steps
        columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn(), TextColumn("{task.fields[state]}"))
        with Progress(*columns) as progress:
            bar = progress.add_task(self.directory.name, total=steps, completed=self.step, state="")
            while self.step < steps:
                state = self._train_step()
                progress.update(bar, completed=self.step, state=state)
                if not progress.console.is_terminal and self.step % 50 == 0:
                    remaining = progress.tasks[bar].time_remaining or 0.0
                    log.info("step %d of %d, %.0f min left: %s", self.step, steps, remaining / 60, state)
                if self.step % self.schedule.validate_every == 0 or self.step == steps:
                    progress.console.print(self._validate(state))
        self._calibrate()
        return self.directory / "best.pt"

    def _resume(self) -> None:
        path = self.directory / "last.pt"
        if not path.exists():
            return
        saved = torch.load(path, map_location=device(), weights_only=True)
        restore(self.task, saved["task"], path)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.best = saved["step"], saved["best"]
        log.info("continuing at step %d of %d", self.step, self.schedule.steps)

    def _train_step(self) -> str:
        schedule = self.schedule
        # by step, so that a resumed run draws what it would have
        rng = np.random.default_rng((schedule.seed, self.step))
        torch.manual_seed(int(rng.integers(2**63)))
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.learning_rate * one_cycle(self.step, schedule.steps)
        self.task.train()
        loss, figures = self.task.loss(rng)
        state = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if not torch.isfinite(loss):
            raise ModelError(f"training diverged at step {self.step} ({state}): lower the learning rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.task.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return state

    def _validate(self, state: str) -> str:
        """Measures on validation people, keeps the best weights, saves a checkpoint to continue from."""
        self.task.eval()
        with torch.inference_mode():
            score, figures = self.task.validate()
        saved = {
            "task": self.task.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": max(score, self.best),
        }
        if score > self.best:  # saved first: interrupted here, the step is done again and saves the same
            self.best = score
            best = {"network": self.task.network.state_dict(), "step": self.step, "validation": figures}
            _save(best, self.directory / "best.pt")
        _save(saved, self.directory / "last.pt")
        with (self.directory / "history.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, "time": time.time(), "train": state, **figures}) + "\n")
        told = ", ".join(f"{name} {value:g}" for name, value in figures.items() if isinstance(value, int | float))
        return f"step {self.step}: {state}; validation: {told}"

    def _calibrate(self) -> None:
        """Calibrates the best weights."""
        path = self.directory / "best.pt"
        saved: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
        restore(self.task.network, saved["network"], path)
        self.task.eval()
        with torch.inference_mode():
            self.task.calibrate()
        _save({**saved, "network": self.task.network.state_dict(), "calibrated": True}, path)


def claim(schedule: Schedule, directory: Path) -> None:
    """Makes a directory that of a run, with its configuration.

    Raises:
        ConfigurationError: it is that of another run.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "config.yaml"
    text = yaml.safe_dump(json.loads(json.dumps(asdict(schedule))), sort_keys=False)
    if path.exists() and path.read_text() != text:
        raise ConfigurationError(
            f"{path} belongs to a run with other settings: give this one another directory, or delete that one"
        )
    path.write_text(text)


def device() -> torch.device:
    """Where is trained."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def one_cycle(step: int, steps: int, warmup: int = 200) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine down to 1 %."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def restore(network: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
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
