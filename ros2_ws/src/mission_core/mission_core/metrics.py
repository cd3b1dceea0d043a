"""Measures of re-identification: CMC, mAP, intervals. No function here sees how a score was made."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.types import Float64Array


@dataclass(frozen=True)
class Interval:
    """A figure with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def ranks_of_truth(scores: Float64Array, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank (1 = first) of the true person among all; ties, and scores that are not a number, count against the method.

    Args:
        scores: (Q, P) of query q for person p, greater is better.
        truth: (Q,) index of the true person.
    """
    true_score = np.take_along_axis(scores, truth[:, None], axis=1)
    return (~(scores < true_score)).sum(axis=1).astype(np.int64)


def cmc(ranks: NDArray[np.int64], k: int) -> float:
    """Share of queries whose true person is among the first k (cumulative matching characteristic)."""
    return float((ranks <= k).mean())


def mean_average_precision(ranks: NDArray[np.int64]) -> float:
    """MAP with one relevant person per query: the mean reciprocal rank."""
    return float((1.0 / ranks).mean())


def bootstrap_cmc(
    ranks: NDArray[np.int64], truth: NDArray[np.int64], k: int, *, rounds: int = 2000, seed: int = 0
) -> Interval:
    """`cmc` with a 95 % interval bootstrapped over identities: a person's queries are not independent."""
    people = np.unique(truth)
    hits = np.array([(ranks[truth == person] <= k).sum() for person in people], float)
    counts = np.array([(truth == person).sum() for person in people], float)
    drawn = np.random.default_rng(seed).integers(len(people), size=(rounds, len(people)))
    values = hits[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(cmc(ranks, k), float(low), float(high))


def expected_calibration_error(confidence: Float64Array, correct: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean gap between confidence (Q,) and accuracy over equally wide bins, weighted by their size."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (index == b).mean() * abs(confidence[index == b].mean() - correct[index == b].mean())
        for b in range(bins)
        if (index == b).any()
    ]
    return float(np.sum(gaps))
