"""Honest evaluation of re-identification.

Query: one radar clip. Gallery: the clips of enrolled people, never from the query's own walk. Every pair of query and
clip is scored; identity score = best clip. The truth enters only after all scores are made, here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import hypergeom

from mission_core.errors import ConfigurationError
from mission_core.metrics import (
    Interval,
    bootstrap_mean,
    cmc,
    expected_calibration_error,
    mean_average_precision,
    ranks_of_truth,
)
from mission_core.models.reid.model import ReidModel, best_clips
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Float32Array, Float64Array

T = TypeVar("T")

CALIBRATION_CANDIDATES = 10
"""Size of the galleries that calibration draws."""


@dataclass(frozen=True, eq=False)
class Identification:
    """Scores of all queries against all people, and the truth.

    Attributes:
        distances: (Q, P) distance of query q to the best clip of person p.
        truth: (Q,) index of the person who walked.
    """

    distances: Float64Array
    truth: NDArray[np.int64]

    @property
    def ranks(self) -> NDArray[np.int64]:
        """(Q,) rank of the true person, 1 = first."""
        return ranks_of_truth(-self.distances, self.truth)

    @property
    def num_people(self) -> int:
        """P."""
        return self.distances.shape[1]

    def top(self, k: int, candidates: int | None = None) -> Interval:
        """CMC at k with its 95 % interval over identities, in the whole gallery or as `top_among`."""
        return bootstrap_mean(self._hits(k, candidates), self.truth)

    def mean_average_precision(self, candidates: int | None = None) -> Interval:
        """The mean reciprocal rank with its interval, in the whole gallery or averaged as `top_among` does."""
        if candidates is None:
            return bootstrap_mean(1.0 / self.ranks, self.truth)
        found = np.stack([self._hits(k, candidates) for k in range(candidates + 1)])  # (k, Q) by the first k
        return bootstrap_mean((np.diff(found, axis=0) / np.arange(1, candidates + 1)[:, None]).sum(axis=0), self.truth)

    def top_among(self, k: int, candidates: int) -> float:
        """CMC at k in a gallery of `candidates` people, averaged exactly over all such galleries with the truth in."""
        return float(self._hits(k, candidates).mean())

    def _hits(self, k: int, candidates: int | None) -> Float64Array:
        """Chance (Q,) of each query's true person to be among the first k."""
        if candidates is None:
            return (self.ranks <= k).astype(np.float64)
        chance: Float64Array = hypergeom.cdf(k - 1, self.num_people - 1, self.ranks - 1, candidates - 1)
        return chance

    def summary(self) -> dict[str, Any]:
        """Figures for a card or a report."""
        top1, top5 = self.top(1), self.top(5)
        return {
            "people": self.num_people,
            "queries": len(self.truth),
            "top1": round(top1.value, 4),
            "top1_95": [round(top1.low, 4), round(top1.high, 4)],
            "top5": round(top5.value, 4),
            "top5_95": [round(top5.low, 4), round(top5.high, 4)],
            "top10": round(cmc(self.ranks, 10), 4),
            "mAP": round(mean_average_precision(self.ranks), 4),
            "chance_top1": round(1 / self.num_people, 4),
            "chance_top5": round(min(5 / self.num_people, 1.0), 4),
            "top1_among_10": round(self.top_among(1, 10), 4),
            "top5_among_10": round(self.top_among(5, 10), 4),
        }


def score_queries(
    model: ReidModel,
    clips: Sequence[RadarClip],
    features: Float32Array,
    owner: NDArray[np.int64],
    *,
    earlier: Sequence[Sequence[torch.Tensor]] | None = None,
    batch: int = 16,
) -> Float64Array:
    """Distance (Q, P) of every query to every person. There is no argument through which a label could reach it.

    Args:
        model: the network.
        clips: Q queries.
        features: (K, *feature_shape) of the enrolled clips.
        owner: (K,) index 0..P-1 of the person each enrolled clip belongs to.
        earlier: what `ReidModel.encode_radar` made of each query's windows before; by default there were none.
        batch: queries scored at once; memory grows with batch * K.
    """
    entries, whose = model.entries(features, owner)
    starts = range(0, len(clips), batch)
    if earlier is None:
        rows = [model.distances(clips[i : i + batch], entries) for i in starts]
    else:
        rows = [model.distances_over_windows(clips[i : i + batch], earlier[i : i + batch], entries) for i in starts]
    distances = np.concatenate(rows)
    return np.take_along_axis(distances, best_clips(distances, whose), axis=1)


def shuffle_between_people(clips: Sequence[T], truth: NDArray[np.int64], seed: int = 0) -> list[T]:
    """Null-modality control: hands every query the radar clips of somebody else. Accuracy must fall to chance."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(truth)
    order = np.argsort(rng.permutation(len(counts))[truth], kind="stable")  # neighbours in number may be alike
    offset = int(rng.integers(counts.max(), len(truth) - counts.max() + 1))
    shuffled = list(clips)
    for place, query in enumerate(order):
        shuffled[query] = clips[order[(place + offset) % len(order)]]
    return shuffled


def check_validation_people(number: int) -> None:
    """Whether there are enough to calibrate with.

    Raises:
        ConfigurationError: there are not.
    """
    if number < 2 * CALIBRATION_CANDIDATES:
        raise ConfigurationError(
            f"validation_people is {number}: calibration draws galleries of {CALIBRATION_CANDIDATES} from them and "
            "needs at least twice as many"
        )


def draw_galleries(
    distances: Float64Array, truth: NDArray[np.int64], candidates: int, seed: int
) -> tuple[Float64Array, NDArray[np.int64]]:
    """For every query a random gallery with the person who walks, and one without.

    Returns:
        Distances (2 Q, candidates), and (2 Q,) the right answer: 0 for the person, `candidates` for "unknown".
    """
    rng = np.random.default_rng(seed)
    rows, answers = [], []
    for query, person in enumerate(truth):
        others = np.delete(np.arange(distances.shape[1]), person)
        rows.append(distances[query, np.append(person, rng.choice(others, candidates - 1, replace=False))])
        rows.append(distances[query, rng.choice(others, candidates, replace=False)])
        answers += [0, candidates]
    return np.array(rows), np.array(answers)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes probabilities of distances.

    Attributes:
        sharpness: factor from distance to logit.
        unknown_logit: of "unknown" in a gallery of one.
        loss: mean negative log-likelihood of the right answers [nat].
    """

    sharpness: float
    unknown_logit: float
    loss: float


def fit_calibration(
    distances: Float64Array, truth: NDArray[np.int64], *, candidates: int = CALIBRATION_CANDIDATES, seed: int = 0
) -> Calibration:
    """Fits `sharpness` and `unknown_logit` of the network by maximum likelihood on validation people.

    Galleries of `candidates` people are drawn for every query, half of them without the person who walked, for whom
    "unknown" is then the right answer.

    Args:
        distances: (Q, P) of validation queries to validation people.
        truth: (Q,) their true person.
        candidates: size of the drawn galleries.
        seed: of the draw.
    """
    drawn, answers = draw_galleries(distances, truth, candidates, seed)

    def negative_log_likelihood(parameters: Float64Array) -> float:
        sharpness, unknown = np.exp(parameters[0]), parameters[1] + np.log(candidates)
        logits = np.column_stack([-sharpness * drawn, np.full(len(drawn), unknown)])
        return float(-(logits[np.arange(len(logits)), answers] - logsumexp(logits, axis=1)).mean())

    start = np.array([np.log(10.0), -10.0 * float(np.median(drawn.min(axis=1))) - np.log(candidates)])
    found = minimize(negative_log_likelihood, start, method="Nelder-Mead", options={"maxiter": 2000})
    return Calibration(float(np.exp(found.x[0])), float(found.x[1]), float(found.fun))


def calibration_summary(
    model: ReidModel, distances: Float64Array, truth: NDArray[np.int64], *, seed: int = 1
) -> dict[str, Any]:
    """How far the model's probabilities mean what they say, in random galleries of `CALIBRATION_CANDIDATES`."""
    drawn, answers = draw_galleries(distances, truth, CALIBRATION_CANDIDATES, seed)
    probabilities = model.probabilities(drawn)
    confidence, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    enrolled = answers == 0
    return {
        "galleries_of": CALIBRATION_CANDIDATES,
        "expected_calibration_error": round(expected_calibration_error(confidence, answer == answers), 4),
        "mean_unknown_when_enrolled": round(float(probabilities[enrolled, -1].mean()), 4),
        "mean_unknown_when_not_enrolled": round(float(probabilities[~enrolled, -1].mean()), 4),
        "unknown_leads_when_not_enrolled": round(float((answer[~enrolled] == CALIBRATION_CANDIDATES).mean()), 4),
    }
