import numpy as np
import pytest

from mission_core.metrics import (
    area_under_roc,
    bootstrap,
    bootstrap_cmc,
    bootstrap_mean,
    cmc,
    expected_calibration_error,
    mean_average_precision,
    ranks_of_truth,
    reliability,
)

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


def test_mean_and_its_interval_weigh_queries_and_draw_people() -> None:
    truth = np.array([0, 0, 0, 1])
    found = bootstrap_mean(np.array([1.0, 1.0, 1.0, 0.0]), truth)
    assert (found.value, found.low, found.high) == (0.75, 0.0, 1.0)


def test_any_statistic_is_drawn_by_people() -> None:
    values, truth = np.arange(40.0), np.arange(40) // 4
    found = bootstrap(lambda chosen: float(values[chosen].mean()), truth)
    same = bootstrap_mean(values, truth)
    assert found.value == same.value
    assert found.low == pytest.approx(same.low, abs=2.0)
    assert found.high == pytest.approx(same.high, abs=2.0)


def test_area_under_roc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 5, 30).astype(float), rng.integers(0, 5, 20).astype(float) - 1.0
    pairs = (positive[:, None] > negative[None]) + 0.5 * (positive[:, None] == negative[None])
    assert area_under_roc(positive, negative) == pytest.approx(pairs.mean())


def test_reliability_counts_every_answer_once() -> None:
    confidence = np.array([0.05, 0.55, 0.52, 1.0])
    bins = reliability(confidence, np.array([False, True, False, True]))
    assert [(b.low, b.count, b.accuracy) for b in bins] == [(0.0, 1, 0.0), (0.5, 2, 0.5), (0.9, 1, 1.0)]
    assert bins[1].confidence == pytest.approx(0.535)
