import numpy as np
import pytest

from mission_core.metrics import bootstrap_cmc, cmc, expected_calibration_error, mean_average_precision, ranks_of_truth

SCORES = np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.7], [0.4, 0.4, 0.1]])
TRUTH = np.array([0, 1, 1])


def test_ranks_count_ties_against_the_method() -> None:
    assert ranks_of_truth(SCORES, TRUTH).tolist() == [1, 2, 2]


def test_cmc_and_map() -> None:
    ranks = ranks_of_truth(SCORES, TRUTH)
    assert cmc(ranks, 1) == pytest.approx(1 / 3)
    assert cmc(ranks, 2) == 1.0
    assert mean_average_precision(ranks) == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_constant_scores_are_no_better_than_last() -> None:
    assert cmc(ranks_of_truth(np.zeros((4, 10)), np.arange(4)), 9) == 0.0


def test_a_method_that_returns_no_numbers_is_last() -> None:
    assert ranks_of_truth(np.full((2, 10), np.nan), np.array([0, 3])).tolist() == [10, 10]


def test_interval_contains_the_value_and_widens_with_fewer_people() -> None:
    rng = np.random.default_rng(0)
    ranks = rng.integers(1, 5, 400)
    many = bootstrap_cmc(ranks, np.arange(400) // 4, 1)
    few = bootstrap_cmc(ranks, np.arange(400) // 40, 1)
    assert many.low < many.value < many.high
    clustered = bootstrap_cmc(np.where(np.arange(400) < 200, 1, 4), np.arange(400) // 40, 1)
    assert clustered.high - clustered.low > few.high - few.low


def test_calibration_error_of_honest_and_boastful_confidence() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(size=20_000)
    honest = rng.uniform(size=20_000) < confidence
    assert expected_calibration_error(confidence, honest) < 0.02
    assert expected_calibration_error(np.ones(100), np.arange(100) < 50) == pytest.approx(0.5)
