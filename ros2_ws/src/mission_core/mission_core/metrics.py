"""Measures of re-identification: CMC, mAP, intervals. No function here sees how a score was made."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

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
    return bootstrap_mean((ranks <= k).astype(float), truth, rounds=rounds, seed=seed)


def bootstrap_mean(values: Float64Array, truth: NDArray[np.int64], *, rounds: int = 2000, seed: int = 0) -> Interval:
    """Mean of one value for each query (Q,), with its 95 % interval over the identities (Q,) of the queries."""
    people, which = np.unique(truth, return_inverse=True)
    totals = np.bincount(which, values)
    counts = np.bincount(which).astype(float)
    drawn = np.random.default_rng(seed).integers(len(people), size=(rounds, len(people)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], truth: NDArray[np.int64], *, rounds: int = 500, seed: int = 0
) -> Interval:
    """Any statistic of queries, given by their numbers, with its 95 % interval over identities (Q,)."""
    people = [np.flatnonzero(truth == person) for person in np.unique(truth)]
    rng = np.random.default_rng(seed)
    values = [
        statistic(np.concatenate([people[i] for i in rng.integers(len(people), size=len(people))]))
        for _ in range(rounds)
    ]
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(statistic(np.arange(len(truth))), float(low), float(high))


def area_under_roc(positive: Float64Array, negative: Float64Array) -> float:
    """Chance that a score drawn from the first is above one drawn from the second; ties count half."""
    ranks = rankdata(np.concatenate([positive, negative]))
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of like confidence, between `low` and `high`: how many, their mean confidence, which share is right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(confidence: Float64Array, correct: NDArray[np.bool_], bins: int = 10) -> list[ReliabilityBin]:
    """The reliability diagram of answers (Q,): equally wide bins of confidence, empty ones left out."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(
            low=int(b) / bins,
            high=(int(b) + 1) / bins,
            count=int((index == b).sum()),
            confidence=float(confidence[index == b].mean()),
            accuracy=float(correct[index == b].mean()),
        )
        for b in np.unique(index)
    ]


def expected_calibration_error(confidence: Float64Array, correct: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean gap between confidence (Q,) and accuracy over equally wide bins, weighted by their size."""
    found = reliability(confidence, correct, bins)
    return sum(b.count * abs(b.confidence - b.accuracy) for b in found) / len(confidence)
