"""Training on simulated people: what is common to every method. What is learnt, and from what, is a `Task`."""

import json
import logging
import math
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.progress import Progress, TextColumn
from torch import Tensor, nn

from mission_core import distributed
from mission_core.curves import Curves, listed
from mission_core.errors import ConfigurationError, ModelError
from mission_core.interrupt import asked_to_stop
from mission_core.provenance import provenance

T = TypeVar("T")

log = logging.getLogger(__name__)

BEST = "best.pt"
"""The best checkpoint of a run; calibrated once the run has ended."""
LAST = "last.pt"
"""What a run goes on from."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast is learnt.

    Attributes:
        seed: of initialisation and sampling.
        steps: batches; of each process, where there are several.
        learning_rate: peak of a one-cycle schedule.
        weight_decay: of the optimiser, see `Task.optimizer`.
        validate_every: steps between validations; the best checkpoint by validation is kept.
        patience: validations in a row without a new best after which training stops early; 0 = never. The learning
            rate follows `steps` all the same, so that a run which stops early ends at a high one.
        mixed_precision: on a GPU, compute in 16 bits what bears it; validation is in 32 bits, as what is exported.
    """

    seed: int = 0
    steps: int = 4000
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    validate_every: int = 250
    patience: int = 0
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("validate_every", 1), ("patience", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected at least {least}")


class Task(nn.Module):
    """Something to learn: a network, whatever else is learnt with it, and data.

    Attributes:
        network: what comes out.
    """

    network: nn.Module

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """Loss of a batch drawn with `rng`, and figures to tell of it, units in their names."""
        raise NotImplementedError

    def validate(self) -> tuple[float, dict[str, Any]]:
        """Score on validation people, greater is better, and the figures behind it."""
        raise NotImplementedError

    def calibrate(self) -> None:
        """Fits what is fitted on validation people once the network has learnt."""

    def optimizer(self, learnt: list[nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
        """What makes the steps."""
        return torch.optim.AdamW(learnt, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)


class Trainer:
    """One training run in a directory: checkpoints, history, and the result.

    `run` continues from the last checkpoint, and ends with the weights that an uninterrupted run ends with. The
    directory ends with `best.pt` (weights by validation, with calibration and where they come from), `config.yaml`,
    `history.jsonl`, and curves for `tensorboard --logdir`.

    Of several processes (`mission_core.distributed`) each draws its own batches and all make the same steps, with the
    mean of their gradients.
    """

    def __init__(self, task: Task, schedule: Schedule, directory: Path) -> None:
        self.schedule = schedule
        self.directory = directory
        self.provenance = provenance(device())  # at once: the repository may change while this runs
        self.task = task.to(device())
        self.learnt = [parameter for parameter in task.parameters() if parameter.requires_grad]
        self.optimizer = self.task.optimizer(self.learnt, schedule)
        self.autocast, self.scaler = precision(device(), mixed=schedule.mixed_precision)
        self.step = 0
        self.best = -math.inf
        self.stale = 0  # validations since the best

    @property
    def stopped_early(self) -> bool:
        """Whether patience has run out."""
        return 0 < self.schedule.patience <= self.stale

    def run(self) -> Path:
        """Trains to the end; returns the path of the best checkpoint.

        Raises:
            KeyboardInterrupt: somebody asked to stop (Ctrl-C, SIGTERM); what was learnt is saved.
            ModelError: training diverged, or another process of it ended.
        """
        claim(self.schedule, self.directory)
        self._resume()
        distributed.share(self.task)
        self._learn()
        if self.stopped_early:
            log.info("stopped early at step %d: %d validations without a new best", self.step, self.stale)
        with distributed.first():
            if distributed.rank() == 0:
                self._calibrate()
        return self.directory / BEST

    def _resume(self) -> None:
        path = self.directory / LAST
        if not path.exists():
            return
        saved = torch.load(path, map_location=device(), weights_only=True)
        restore(self.task, saved["task"], path)
        self.optimizer.load_state_dict(saved["optimizer"])
        if saved.get("scaler"):
            self.scaler.load_state_dict(saved["scaler"])
        self.step, self.best, self.stale = saved["step"], saved["best"], saved.get("stale", 0)
        log.info("continuing at step %d of %d", self.step, self.schedule.steps)

    def _learn(self) -> None:
        steps, from_step = self.schedule.steps, self.step
        columns = (*Progress.get_default_columns()[:-1], TextColumn("{task.fields[state]}"))
        with (
            closing(Curves(self.directory, self.step)) as curves,
            asked_to_stop() as asked,
            Progress(*columns, console=Console(quiet=distributed.rank() > 0)) as progress,
        ):
            began = time.monotonic()
            bar = progress.add_task(self.directory.name, total=steps, completed=self.step, state="")
            while self.step < steps and not self.stopped_early:
                figures, stop = self._train_step(asked)
                curves.draw("train", figures, self.step)
                # by what was done here, validations included, which rich's own estimate forgets
                minutes = (time.monotonic() - began) / (self.step - from_step) * (steps - self.step) / 60
                state = f"{minutes:.0f} min left: {listed(figures)}"
                progress.update(bar, completed=self.step, state=state)
                if not progress.console.is_terminal and self.step % 50 == 0:
                    log.info("step %d of %d, %s", self.step, steps, state)
                if self.step % self.schedule.validate_every == 0 or self.step == steps:
                    validation = self._validate(figures)
                    curves.draw("validation", validation, self.step)
                    progress.console.print(f"step {self.step}: {listed(figures)}; validation: {listed(validation)}")
                elif stop:
                    self._save()
                if stop:
                    log.info("stopped at step %d of %d; the same command goes on from there", self.step, steps)
                    raise KeyboardInterrupt

    def _train_step(self, asked: list[int]) -> tuple[Mapping[str, float], bool]:
        """Makes one step; returns figures of this process's batch, and whether any process is `asked_to_stop`."""
        schedule = self.schedule
        # by step, so that a resumed run draws what it would have; the first process draws what one alone does
        rng = np.random.default_rng((schedule.seed, self.step, distributed.rank()))
        torch.manual_seed(int(rng.integers(2**63)))
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.learning_rate * one_cycle(self.step, schedule.steps)
        self.task.train()
        with self.autocast:
            loss, figures = self.task.loss(rng)
        if not torch.isfinite(loss):
            raise ModelError(f"training diverged at step {self.step} ({listed(figures)}): lower the learning rate")
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        stop = distributed.average(self.learnt, stop=bool(asked))
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.learnt, 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        return figures, stop

    def _validate(self, train: Mapping[str, float]) -> dict[str, Any]:
        """Measures on validation people, keeps the best weights, saves a checkpoint to continue from."""
        figures: dict[str, Any] = {}
        if distributed.rank() == 0:
            self.task.eval()
            with torch.inference_mode():
                score, figures = self.task.validate()
            better, best = score > self.best, self.directory / BEST
            if better:  # saved first: interrupted here, the step is done again and saves the same
                _save({**self._origin(), "network": self.task.network.state_dict(), "validation": figures}, best)
            self.best, self.stale = max(score, self.best), 0 if better else self.stale + 1
            self._save()
            with (self.directory / "history.jsonl").open("a") as file:
                line = {"step": self.step, "time": time.time(), "train": dict(train), **figures}
                file.write(json.dumps(line) + "\n")
        self.stale = distributed.from_first(self.stale)
        return figures

    def _origin(self) -> dict[str, Any]:
        return {"step": self.step, "config": plain(self.schedule), "provenance": self.provenance}

    def _save(self) -> None:
        """Saves a checkpoint to continue from."""
        if distributed.rank() == 0:
            saved = {
                "task": self.task.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "step": self.step,
                "best": self.best,
                "stale": self.stale,
            }
            _save(saved, self.directory / LAST)

    def _calibrate(self) -> None:
        """Calibrates the best weights."""
        path = self.directory / BEST
        saved: dict[str, Any] = torch.load(path, map_location=device(), weights_only=True)
        restore(self.task.network, saved["network"], path)
        self.task.eval()
        with torch.inference_mode():
            self.task.calibrate()
        _save({**saved, "network": self.task.network.state_dict(), "calibrated": True}, path)


def precision(where: torch.device, *, mixed: bool) -> tuple[torch.autocast, torch.amp.GradScaler]:
    """What losses are computed under, and what keeps gradients from vanishing in it.

    On GPUs bfloat16, or float16 with scaled gradients where the GPU has no bfloat16; elsewhere both do nothing.
    """
    mixed = mixed and where.type == "cuda"
    narrow = mixed and not torch.cuda.is_bf16_supported(including_emulation=False)
    kind = torch.float16 if narrow else torch.bfloat16
    return torch.autocast(where.type, kind, enabled=mixed), torch.amp.GradScaler(where.type, enabled=narrow)


def claim(schedule: Schedule, directory: Path) -> None:
    """Makes a directory that of a run, with its configuration.

    A setting that did not exist when the run began counts as its default.

    Raises:
        ConfigurationError: it is that of another run.
    """
    path = directory / "config.yaml"
    with distributed.first():
        if path.exists() and _found(type(schedule), path) != schedule:
            raise ConfigurationError(
                f"{path} belongs to a run with other settings: give this one another directory, or delete that one"
            )
        if distributed.rank() == 0:
            directory.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(plain(schedule), sort_keys=False))


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass, and those in it, from a mapping as YAML has it.

    Raises:
        ConfigurationError: it has a key that means nothing, or lacks one; `where` says in what.
    """
    known = {f.name: f.type for f in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigurationError(f"{where}: unknown key {unknown[0]!r}, expected one of {', '.join(sorted(known))}")
    required = [f.name for f in fields(cls) if f.default is f.default_factory is MISSING]  # type: ignore[arg-type]
    if lacking := sorted(set(required) - set(values)):
        raise ConfigurationError(f"{where}: {lacking[0]} is missing")
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        kind = known[key]
        if isinstance(value, dict) and isinstance(kind, type) and is_dataclass(kind):
            value = from_mapping(kind, value, f"{where}: {key}")
        arguments[key] = tuple(value) if isinstance(value, list) else value
    return cls(**arguments)


def _found(cls: type[T], path: Path) -> T | None:
    """The settings in a file; None if they are of something else."""
    try:
        return from_mapping(cls, yaml.safe_load(path.read_text()), str(path))
    except (ConfigurationError, yaml.YAMLError, TypeError):
        return None


def plain(schedule: Schedule) -> dict[str, Any]:
    """Settings as YAML and JSON have them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(schedule)))
    return values


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
