from dataclasses import replace

import numpy as np
import pytest
from sample_walkers import Reader, walkers

from mission_core.evaluation.confusions import confusions, known_parameters
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.identification import Identification
from mission_core.evaluation.outcomes import Outcome, evaluate_condition
from mission_core.evaluation.protocols import Given, conditions
from mission_core.sim.cohort import PARAMETERS

TAKES = walkers()


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    condition = conditions("closed", Given(TAKES.infos, 0, 20))[0]
    return evaluate_condition(Clips(TAKES, Reader()), condition)


def ranked(outcome: Outcome, distances: np.ndarray) -> Outcome:
    return replace(outcome, identification=Identification(distances, outcome.identification.truth))


def test_a_perfect_model_confuses_nobody(outcome: Outcome) -> None:
    found = confusions(outcome, TAKES.infos)
    assert (found.wrong, found.queries, found.pairs, found.overall) == (0, 24, [], None)


def test_a_model_that_sees_stature_only_confuses_people_of_like_stature(outcome: Outcome) -> None:
    parameters = known_parameters(outcome.people, TAKES.infos)
    assert parameters is not None
    stature = parameters[:, PARAMETERS.index("stature")]
    apart = np.abs(stature[:, None] - stature[None])
    np.fill_diagonal(apart, np.inf)  # always wrong
    found = confusions(ranked(outcome, apart[outcome.identification.truth]), TAKES.infos)
    assert found.wrong == 24
    assert found.likeness["stature"].chosen < 0.3 * found.likeness["stature"].anybody
    assert found.statures.shape == (24, 2)
    assert np.abs(np.diff(found.statures)).mean() == pytest.approx(found.likeness["stature"].chosen)


def test_a_model_that_guesses_confuses_anybody(outcome: Outcome) -> None:
    rng = np.random.default_rng(0)
    many = replace(outcome, identification=Identification(rng.random((3000, 12)), np.repeat(np.arange(12), 250)))
    found = confusions(many, TAKES.infos)
    assert found.overall is not None
    assert found.overall.chosen == pytest.approx(found.overall.anybody, rel=0.05)
    assert found.nearness == pytest.approx(0.5, abs=0.05)


def test_pairs_are_counted_in_both_directions(outcome: Outcome) -> None:
    distances = np.ones((24, 12))
    distances[outcome.identification.truth == 3, 5] = 0.0
    distances[outcome.identification.truth == 5, 3] = 0.0
    assert confusions(ranked(outcome, distances), TAKES.infos).pairs[0] == ("P03", "P05", 4)


@pytest.mark.parametrize("unknown", [{"person_seed": -1}, {"route": "captured"}])
def test_of_recorded_and_captured_people_nothing_is_told_but_pairs(outcome: Outcome, unknown: dict) -> None:
    infos = [replace(info, **unknown) for info in TAKES.infos]
    found = confusions(ranked(outcome, np.ones((24, 12))), infos)
    assert found.overall is None
    assert not found.likeness
    assert found.pairs
