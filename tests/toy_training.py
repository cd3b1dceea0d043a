"""A training that takes no time. As a script it is what the tests start in several processes.

torchrun ... tests/toy_training.py DIRECTORY [process that dies]
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mission_core import distributed
from mission_core.train import Schedule, Task, Trainer


class Toy(Task):
    """A line through noisy points; `at_step` is called at every step with its number."""

    def __init__(self, scores: list[float], at_step: Any = int) -> None:
        super().__init__()
        self.network: nn.Module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1), nn.Linear(8, 1))
        self.unused = nn.Parameter(torch.ones(2))
        self.scores, self.at_step, self.calls = list(scores), at_step, 0

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        self.at_step(self.calls)
        self.calls += 1
        points = torch.from_numpy(rng.normal(size=(4, 3))).float()
        loss = (self.network(points) - points.sum(dim=1, keepdim=True)).square().mean()
        return loss, {"error": loss.item()}

    def validate(self) -> tuple[float, dict[str, Any]]:
        return self.scores.pop(0), {"validations_left": len(self.scores), "list": [1]}


STANDING = Schedule(steps=20, validate_every=2, patience=2, learning_rate=0.0)
"""Nothing is learnt, so that the gradients of a step can be had again."""


def main(directory: Path, dies: int) -> None:
    """Trains; leaves the last gradients and weights of each process."""

    def at_step(step: int) -> None:
        if step == 3 and distributed.rank() == dies:
            os.kill(os.getpid(), signal.SIGKILL)

    with distributed.processes():
        torch.manual_seed(distributed.rank())
        toy = Toy([0.5, 0.4, 0.3], at_step)
        trainer = Trainer(toy, STANDING, directory)
        trainer._calibrate = lambda: None  # type: ignore[method-assign]  # loads the best weights
        trainer.run()
        left = {
            "step": trainer.step,
            "weights": toy.state_dict(),
            "gradients": {name: p.grad for name, p in toy.named_parameters()},
        }
        torch.save(left, directory / f"process{distributed.rank()}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else -1)
