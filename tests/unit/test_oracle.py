"""The oracle: chance where there is no identity, certainty where walks do not differ, and no way in for labels."""

import inspect

import numpy as np
import pytest

from mission_core.metrics import cmc, ranks_of_truth
from mission_core.oracle import (
    Error,
    Spread,
    equivalent_error,
    fit_spread,
    log_likelihood_ratios,
    recovered_share,
    shared_share,
)

PEOPLE = 58


def cohort(between: float, within: float, walks: int, seed: int, people: int = PEOPLE, size: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return between * rng.normal(size=(people, 1, size)) + within * rng.normal(size=(people, walks, size))


def top1(values: np.ndarray, spread: Spread, **errors: Error) -> float:
    """The first walk as the query, the rest as the gallery."""
    scores = log_likelihood_ratios(values[:, 0], values[:, 1:], spread, **errors)
    return cmc(ranks_of_truth(scores, np.arange(len(values))), 1)


def test_without_spread_between_people_it_guesses():
    spread = fit_spread(cohort(0.0, 1.0, 2, seed=1, people=500))
    hits = [top1(cohort(0.0, 1.0, 4, seed=s), spread) for s in range(20)]
    assert np.mean(hits) < 0.05  # chance is 1 / 58 = 0.017


def test_where_walks_hardly_differ_it_is_always_right():
    spread = fit_spread(cohort(1.0, 0.01, 2, seed=1, people=500))
    assert top1(cohort(1.0, 0.01, 4, seed=2), spread) == 1.0


def test_it_is_as_good_as_theory_says():
    """One parameter, two people at +-d: the nearer one is right with probability Phi(d / within) for many clips."""
    rng = np.random.default_rng(3)
    spread = Spread(np.zeros(1), np.eye(1), np.eye(1) * 0.25)
    gallery = np.array([-0.5, 0.5])[:, None, None] + 0.5 * rng.normal(size=(2, 2000, 1))
    queries = 0.5 + 0.5 * rng.normal(size=(4000, 1))
    scores = log_likelihood_ratios(queries, gallery, spread)
    assert np.mean(scores[:, 1] > scores[:, 0]) == pytest.approx(0.841, abs=0.02)


def test_scores_are_calibrated_log_likelihood_ratios():
    """Of all pairs with a ratio near 1, as many are of one person as of two, when both kinds are equally frequent."""
    spread = Spread(np.zeros(2), np.eye(2), np.eye(2) * 0.3)
    values = cohort(1.0, np.sqrt(0.3), 2, seed=5, people=3000, size=2)
    scores = log_likelihood_ratios(values[:, 0], values[:, 1:], spread)
    same, other = np.diag(scores), np.diag(np.roll(scores, 1, axis=1))
    near = [np.sum(np.abs(kind) < 0.25) for kind in (same, other)]
    assert near[0] / near[1] == pytest.approx(1.0, abs=0.15)
    assert np.mean(np.exp(other)) == pytest.approx(1.0, abs=0.3)  # the mean ratio of strangers is 1


def test_useless_parameters_do_no_harm():
    good, noise = cohort(1.0, 0.3, 4, seed=1, people=600), cohort(0.0, 1.0, 4, seed=2, people=600, size=20)
    both = np.concatenate((good, noise), axis=2)
    alone = top1(good[:58], fit_spread(good[58:]))
    assert abs(top1(both[:58], fit_spread(both[58:])) - alone) < 0.05


def test_labels_cannot_reach_the_scorer():
    """It takes measurements only; exchanging entries exchanges their scores and nothing else."""
    names = set(inspect.signature(log_likelihood_ratios).parameters)
    assert names == {"queries", "gallery", "spread", "query_error", "gallery_error"}
    values, order = cohort(1.0, 0.3, 3, seed=6), np.random.default_rng(0).permutation(PEOPLE)
    spread = fit_spread(cohort(1.0, 0.3, 2, seed=7, people=300))
    scores = log_likelihood_ratios(values[:, 0], values[:, 1:], spread)
    moved = log_likelihood_ratios(values[:, 0], values[order, 1:], spread)
    np.testing.assert_allclose(moved, scores[:, order], rtol=1e-10)


def test_exchanged_queries_fall_to_chance():
    values = cohort(1.0, 0.1, 3, seed=8)
    spread = fit_spread(cohort(1.0, 0.1, 2, seed=9, people=300))
    queries = np.roll(values[:, 0], 7, axis=0)
    ranks = ranks_of_truth(log_likelihood_ratios(queries, values[:, 1:], spread), np.arange(PEOPLE))
    assert cmc(ranks, 1) < 0.06


def test_units_do_not_matter():
    values, people = cohort(1.0, 0.4, 4, seed=10), cohort(1.0, 0.4, 2, seed=11, people=300)
    units = np.array([1e-3, 1.0, 1e3, 57.3, 1.0, 1.0])
    scores = [log_likelihood_ratios(u * values[:, 0], u * values[:, 1:], fit_spread(u * people)) for u in (1.0, units)]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_errors_cost_what_they_hide():
    spread = fit_spread(cohort(1.0, 0.05, 2, seed=1, people=500))
    values, rng = cohort(1.0, 0.05, 4, seed=2), np.random.default_rng(0)
    found = []
    for size in (0.0, 0.3, 1.0, 10.0):
        error = Error(size**2 * np.eye(6))
        query, entries = (values[:, part] + error.draw(rng, PEOPLE, n) for part, n in ((slice(1), 1), (slice(1, 4), 3)))
        scores = log_likelihood_ratios(query[:, 0], entries, spread, error, error)
        found.append(cmc(ranks_of_truth(scores, np.arange(PEOPLE)), 1))
    assert found[0] == 1.0
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.15


def test_errors_in_common_do_not_average_out():
    error = Error(np.eye(3), shared=0.8)
    drawn = error.draw(np.random.default_rng(0), 4000, 10)
    np.testing.assert_allclose(drawn.var(axis=(0, 1)), 1.0, atol=0.05)
    np.testing.assert_allclose(drawn.mean(axis=1).var(axis=0), 0.8 + 0.2 / 10, atol=0.05)
    assert shared_share(drawn) == pytest.approx(0.8, abs=0.03)


def test_spread_is_split_into_people_and_walks():
    spread = fit_spread(cohort(2.0, 0.5, 3, seed=4, people=5000, size=3) + 7.0)
    np.testing.assert_allclose(spread.mean, 7.0, atol=0.1)
    np.testing.assert_allclose(spread.between, 4.0 * np.eye(3), atol=0.3)
    np.testing.assert_allclose(spread.within, 0.25 * np.eye(3), atol=0.02)
    assert spread.of([0, 2]).between.shape == (2, 2)
    with pytest.raises(ValueError, match="two of both"):
        fit_spread(np.zeros((5, 1, 3)))


def test_a_shrinking_regressor_is_worth_the_error_that_it_sees():
    """Measured with error 0.5 and drawn to the mean, as the best regressor does: the error comes out again."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(20_000, 2)) * (1.0, 3.0)
    measured = truth + rng.normal(size=truth.shape) * (0.5, 6.0)
    shrunk = measured * np.array([1 / 1.25, 9 / 45])
    error = equivalent_error(truth, shrunk, np.diag([1.0, 9.0]))
    np.testing.assert_allclose(error, np.diag([0.25, 36.0]), rtol=0.05, atol=0.3)
    np.testing.assert_allclose(recovered_share(truth, shrunk), [0.8, 0.2], atol=0.02)


def test_estimates_that_say_nothing_leave_everything_unknown():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(5000, 2))
    assert np.all(np.diag(equivalent_error(truth, rng.normal(size=(5000, 2)), np.eye(2))) > 100)
