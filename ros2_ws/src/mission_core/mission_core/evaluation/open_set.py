"""Is the person enrolled at all? What calibrated probabilities of "unknown" are worth.

Everybody is left out of the gallery in turn. As no model compares enrolled people with each other, that is the same as
leaving out their column, and needs no recordings of impostors: each query is asked once of a gallery that holds the
person and once of one that does not. The decision is by the probability of "unknown".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.evaluation.identification import Identification
from mission_core.metrics import (
    Interval,
    ReliabilityBin,
    area_under_roc,
    bootstrap,
    bootstrap_mean,
    expected_calibration_error,
    reliability,
)
from mission_core.types import Float64Array

FALSE_ALARMS = (0.01, 0.1)
"""Rates at which the detection-and-identification rate is told; of fewer than 100 queries 1 % allows none."""
HALVINGS = 20
"""Of the people, over which the transfer of a threshold is averaged."""

Probabilities = Callable[[Float64Array], Float64Array]
"""Of people and "unknown" (Q, P + 1), from distances (Q, P); see `ReidModel.probabilities`."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Each of Q queries, asked of a gallery with its person and of one without.

    Attributes:
        truth: (Q,) who walked.
        inside: (Q,) score of "enrolled" with the person in the gallery: the probability of "unknown", negated.
        outside: (Q,) the same without.
        right: (Q,) whether the person is the most probable one where enrolled.
        accepted: (2 Q,) whether somebody is more probable than "unknown", first inside, then outside.
        confidence: (2 Q,) of the most probable answer, "unknown" included.
        correct: (2 Q,) whether that answer is right.
    """

    truth: NDArray[np.int64]
    inside: Float64Array
    outside: Float64Array
    right: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    confidence: Float64Array
    correct: NDArray[np.bool_]


@dataclass(frozen=True)
class Transfer:
    """A threshold that allows a rate of false alarms among one half of the people, used on the other half.

    Attributes:
        wanted: rate of false alarms that the threshold was chosen for.
        false_alarms: rate found among the other half: mean, and what 95 % of the halvings are between.
        identified: share of the other half's queries that are accepted and given to the right person.
    """

    wanted: float
    false_alarms: Interval
    identified: Interval


@dataclass(frozen=True, eq=False)
class OpenSet:
    """What probabilities of "unknown" are worth.

    Attributes:
        people, queries: how many.
        auroc: of "enrolled" against "not enrolled".
        identified: share of the queries of enrolled people that are accepted and given to the right person, by rate of
            false alarms (detection-and-identification rate).
        false_alarms: share of the queries of people who are not enrolled in which "unknown" does not lead.
        detected: share of the queries of enrolled people in which "unknown" does not lead.
        led_by_truth: share of the queries of enrolled people in which the right person leads.
        bins: of the reliability diagram, both kinds of queries together.
        calibration_error: expected, over these bins.
        transfer: of thresholds; empty with fewer than four people.
    """

    people: int
    queries: int
    auroc: Interval
    identified: dict[float, Interval]
    false_alarms: Interval
    detected: Interval
    led_by_truth: Interval
    bins: list[ReliabilityBin]
    calibration_error: float
    transfer: list[Transfer]


def open_set(found: Identification, probabilities: Probabilities, seed: int = 0) -> OpenSet:
    """Evaluates the decision whether somebody is enrolled.

    Args:
        found: distances of queries to everybody.
        probabilities: of the model.
        seed: of the halvings.

    Raises:
        ConfigurationError: fewer than two people.
    """
    if found.num_people < 2:
        raise ConfigurationError("leaving one person out of the gallery leaves nobody: two people at least are needed")
    asked = ask(found, probabilities)
    count, inside = len(asked.truth), slice(0, len(asked.truth))
    return OpenSet(
        people=found.num_people,
        queries=count,
        auroc=auroc(asked),
        identified={rate: identified(asked, rate) for rate in FALSE_ALARMS},
        false_alarms=bootstrap_mean(asked.accepted[count:].astype(float), asked.truth),
        detected=bootstrap_mean(asked.accepted[inside].astype(float), asked.truth),
        led_by_truth=bootstrap_mean((asked.accepted[inside] & asked.right).astype(float), asked.truth),
        bins=reliability(asked.confidence, asked.correct),
        calibration_error=expected_calibration_error(asked.confidence, asked.correct),
        transfer=_transfer(found, probabilities, seed) if found.num_people >= 4 else [],
    )


def ask(found: Identification, probabilities: Probabilities) -> Asked:
    """Asks each query of the whole gallery, and of the gallery without the person who walked."""
    count, people = found.distances.shape
    others = np.arange(people)[None] != found.truth[:, None]
    inside = probabilities(found.distances)
    outside = probabilities(found.distances[others].reshape(count, people - 1))
    answers, without = inside.argmax(axis=1), outside.argmax(axis=1)
    return Asked(
        truth=found.truth,
        inside=-inside[:, -1],
        outside=-outside[:, -1],
        right=inside[:, :-1].argmax(axis=1) == found.truth,
        accepted=np.concatenate([answers != people, without != people - 1]),
        confidence=np.concatenate([inside.max(axis=1), outside.max(axis=1)]),
        correct=np.concatenate([answers == found.truth, without == people - 1]),
    )


def auroc(asked: Asked) -> Interval:
    """Area under the curve of "enrolled" against "not enrolled"."""
    return bootstrap(lambda chosen: area_under_roc(asked.inside[chosen], asked.outside[chosen]), asked.truth)


def identified(asked: Asked, rate: float) -> Interval:
    """Share of the queries of enrolled people that are accepted and given to the right person.

    The threshold lets a rate of the queries of people who are not enrolled pass.
    """
    return bootstrap(partial(_identified, asked, rate), asked.truth)


def threshold(outside: Float64Array, rate: float) -> float:
    """The lowest score above which no more than a rate of the scores of people who are not enrolled are."""
    return float(np.sort(outside)[::-1][int(rate * len(outside))])


def _identified(asked: Asked, rate: float, chosen: NDArray[np.int64]) -> float:
    accepted = asked.inside[chosen] > threshold(asked.outside[chosen], rate)
    return float((accepted & asked.right[chosen]).mean())


def _transfer(found: Identification, probabilities: Probabilities, seed: int) -> list[Transfer]:
    """Thresholds of one half on the other; each half has a gallery of its own, so that nothing is shared."""
    alarms: dict[float, list[float]] = {rate: [] for rate in FALSE_ALARMS}
    identified: dict[float, list[float]] = {rate: [] for rate in FALSE_ALARMS}
    rng = np.random.default_rng((seed, 5))
    for _ in range(HALVINGS):
        order = rng.permutation(found.num_people)
        middle = found.num_people // 2
        halves = [ask(_among(found, people), probabilities) for people in (order[:middle], order[middle:])]
        for teacher, other in (halves, halves[::-1]):
            for rate in FALSE_ALARMS:
                limit = threshold(teacher.outside, rate)
                alarms[rate].append(float((other.outside > limit).mean()))
                identified[rate].append(float(((other.inside > limit) & other.right).mean()))
    return [Transfer(rate, _spread(alarms[rate]), _spread(identified[rate])) for rate in FALSE_ALARMS]


def _among(found: Identification, people: NDArray[np.int64]) -> Identification:
    """The queries of some people in a gallery of them alone."""
    number = np.full(found.num_people, -1)
    number[people] = np.arange(len(people))
    own = number[found.truth] >= 0
    return Identification(found.distances[own][:, people], number[found.truth[own]])


def _spread(values: list[float]) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high))
