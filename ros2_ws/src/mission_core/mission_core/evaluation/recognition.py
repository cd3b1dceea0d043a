"""Figures of a classifier: accuracy, precision, recall and F1 over classes, and who is taken for whom."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from mission_core.types import Float32Array, Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """What was told of N windows, and what is true.

    Attributes:
        told: (N, C) probability of each class.
        truth: (N,) index of the right one.
        names: of the C classes.
    """

    told: Float32Array
    truth: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def answers(self) -> NDArray[np.int64]:
        """(N,) index of the most probable class."""
        return self.told.argmax(axis=1)

    @property
    def f1(self) -> float:
        """Mean over the classes that occur of the harmonic mean of precision and recall, 0..1."""
        return self._scores()[2]

    def confusion(self) -> Float64Array:
        """(C, C) share of the windows of the class of a row that are told as the class of a column."""
        counts = metrics.confusion_matrix(self.truth, self.answers, labels=range(len(self.names)))
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))

    def where(self, chosen: NDArray[np.bool_]) -> "Recognition":
        """Of some of the windows."""
        return Recognition(self.told[chosen], self.truth[chosen], self.names)

    def summary(self) -> dict[str, Any]:
        """Figures in per cent, means over classes."""
        precision, recall, f1 = (round(100.0 * score, 2) for score in self._scores())
        return {
            "windows": len(self.truth),
            "accuracy": round(100.0 * float(np.mean(self.answers == self.truth)), 2),
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }

    def _scores(self) -> tuple[float, float, float]:
        """Precision, recall and F1."""
        occurring = np.unique(self.truth)
        scores = metrics.precision_recall_fscore_support(
            self.truth, self.answers, labels=occurring, average="macro", zero_division=0.0
        )
        return float(scores[0]), float(scores[1]), float(scores[2])
