"""Whom people are taken for: how like the true person the wrongly chosen one is, and who is confused most often."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.data.takes import TakeInfo
from mission_core.evaluation.outcomes import Outcome
from mission_core.sim.cohort import PARAMETERS, parameter_vector, sample_person
from mission_core.types import Float64Array

SHOWN_PAIRS = 10
NAMED = ("stature", "cadence")
"""Parameters that are told by themselves."""


@dataclass(frozen=True)
class Likeness:
    """Mean distance of a parameter between the true person and the one who was chosen wrongly, or anybody else.

    Attributes:
        chosen: of the people chosen in place of the true ones, in the unit of the parameter.
        anybody: of all other enrolled people, over the same queries.
    """

    chosen: float
    anybody: float


@dataclass(frozen=True, eq=False)
class Confusions:
    """Wrong first places.

    Attributes:
        wrong: how many.
        queries: of how many.
        pairs: people confused with each other most often, in either direction, and how often.
        likeness: by parameter of NAMED; empty where bodies are unknown, as of recorded people.
        overall: of all parameters together: root mean square of the differences, each in deviations over the enrolled.
        nearness: share of the other enrolled people who are less like the true person, over all parameters, than the
            chosen one; 0.5 if likeness played no part. None where unknown, or with fewer than three people.
        statures: (wrong, 2) of the true and the chosen people [m].
    """

    wrong: int
    queries: int
    pairs: list[tuple[str, str, int]]
    likeness: dict[str, Likeness]
    overall: Likeness | None
    nearness: float | None
    statures: Float64Array


def confusions(outcome: Outcome, infos: Iterable[TakeInfo]) -> Confusions:
    """Analyses the wrong first places of an outcome."""
    found = outcome.identification
    chosen = found.distances.argmin(axis=1)
    wrong = np.flatnonzero(chosen != found.truth)
    true, taken = found.truth[wrong], chosen[wrong]
    counted = Counter(tuple(sorted((outcome.people[t], outcome.people[c]))) for t, c in zip(true, taken, strict=True))
    pairs = [(one, other, times) for (one, other), times in counted.most_common(SHOWN_PAIRS)]
    vectors = known_parameters(outcome.people, infos)
    if vectors is None or not len(wrong):
        return Confusions(len(wrong), len(found.truth), pairs, {}, None, None, np.zeros((0, 2)))
    spread = vectors.std(axis=0)
    standard = vectors / np.where(spread > 0, spread, 1.0)
    apart = np.sqrt(np.square(standard[:, None] - standard[None]).mean(axis=-1))  # (P, P)
    columns = {name: PARAMETERS.index(name) for name in NAMED}
    each = {name: np.abs(vectors[:, None, column] - vectors[None, :, column]) for name, column in columns.items()}
    others = np.arange(len(vectors)) != true[:, None]  # (wrong, P)
    farther = (apart[true] > apart[true, taken][:, None]) & others
    beside = len(vectors) - 2
    return Confusions(
        wrong=len(wrong),
        queries=len(found.truth),
        pairs=pairs,
        likeness={name: _likeness(distance, true, taken, others) for name, distance in each.items()},
        overall=_likeness(apart, true, taken, others),
        nearness=float((farther.sum(axis=1) / beside).mean()) if beside else None,
        statures=vectors[:, columns["stature"]][np.stack([true, taken], axis=1)],
    )


def known_parameters(people: Iterable[str], infos: Iterable[TakeInfo]) -> Float64Array | None:
    """(P, G) true parameters of people; None unless all are simulated, and move by themselves.

    Captured motion is shown by a simulated body, whose own gait it is not.
    """
    of_person = {info.person_id: info for info in infos}
    own = [of_person[person] for person in people]
    if any(info.person_seed < 0 or info.route == "captured" for info in own):
        return None
    return np.stack([parameter_vector(sample_person(info.person_seed)) for info in own])


def _likeness(
    distance: Float64Array, true: NDArray[np.int64], taken: NDArray[np.int64], others: NDArray[np.bool_]
) -> Likeness:
    return Likeness(float(distance[true, taken].mean()), float(distance[true][others].mean()))
