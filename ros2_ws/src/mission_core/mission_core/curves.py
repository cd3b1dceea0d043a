"""What a training tells while it runs: figures as text, and as curves for TensorBoard."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mission_core import distributed

log = logging.getLogger(__name__)


def numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    """Those figures that are a number each."""
    return {name: value for name, value in figures.items() if isinstance(value, int | float)}


def listed(figures: Mapping[str, Any]) -> str:
    """The figures that are numbers, in a line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers(figures).items())


class Curves:
    """Curves in a directory, for `tensorboard --logdir`, drawn by the first process.

    Nothing is drawn where tensorboard is not installed.

    Args:
        directory: of the run.
        step: after which is drawn; what a run that was cut off drew after it is dropped.
    """

    def __init__(self, directory: Path, step: int) -> None:
        self._writer: Any = None
        if distributed.rank() > 0:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            log.info("no curves are drawn: run `pip install tensorboard` to have them")
        else:
            self._writer = SummaryWriter(str(directory), purge_step=step + 1)

    def draw(self, group: str, figures: Mapping[str, Any], step: int) -> None:
        """One point of each figure that is a number."""
        if self._writer:
            for name, value in numbers(figures).items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Writes what is not written yet."""
        if self._writer:
            self._writer.close()
