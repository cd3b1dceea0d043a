import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.evaluation.identification import Identification
from mission_core.evaluation.open_set import FALSE_ALARMS, ask, open_set, threshold


def softmax(distances: np.ndarray) -> np.ndarray:
    """Probabilities of people and, last, of nobody among them."""
    logits = np.column_stack([-10.0 * distances, np.full(len(distances), -5.0)])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def distances(people: int, queries: int, own: float, noise: float) -> Identification:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(people), queries)
    found = 1.0 + noise * rng.normal(size=(len(truth), people))
    found[np.arange(len(truth)), truth] = own + noise * rng.normal(size=len(truth))
    return Identification(found, truth)


def test_leaving_somebody_out_is_leaving_out_their_column() -> None:
    found = Identification(np.array([[0.1, 0.9, 0.8], [0.7, 0.2, 0.6]]), np.array([0, 1]))
    asked = ask(found, softmax)
    without = softmax(np.array([[0.9, 0.8], [0.7, 0.6]]))
    assert np.allclose(asked.outside, -without[:, -1])
    assert np.allclose(asked.inside, -softmax(found.distances)[:, -1])
    assert asked.right.tolist() == [True, True]
    assert asked.accepted.tolist() == [True, True, False, False]
    assert asked.correct.all()


def test_somebody_enrolled_who_is_given_another_name_is_not_identified() -> None:
    found = Identification(np.array([[0.3, 0.1, 0.8]]), np.array([0]))
    asked = ask(found, softmax)
    assert asked.accepted[0]
    assert not asked.right[0]
    assert not asked.correct[0]


def test_no_more_are_above_a_threshold_than_the_rate_allows() -> None:
    scores = np.random.default_rng(0).normal(size=200)
    for rate in FALSE_ALARMS:
        assert (scores > threshold(scores, rate)).sum() == int(rate * 200)
    assert (np.ones(50) > threshold(np.ones(50), 0.1)).sum() == 0


def test_a_model_that_knows_who_is_not_enrolled() -> None:
    result = open_set(distances(20, 5, own=0.0, noise=0.01), softmax)
    assert result.auroc.value == 1.0
    assert result.identified[0.01].value == 1.0
    assert (result.false_alarms.value, result.detected.value, result.led_by_truth.value) == (0.0, 1.0, 1.0)
    for transfer in result.transfer:
        assert transfer.identified.value > 0.95
        assert transfer.false_alarms.value == pytest.approx(transfer.wanted, abs=0.08)
    assert sum(b.count for b in result.bins) == 200


def test_a_model_that_does_not_know_is_at_chance() -> None:
    result = open_set(distances(20, 10, own=1.0, noise=0.2), softmax)
    assert result.auroc.value == pytest.approx(0.5, abs=0.05)
    assert result.identified[0.1].value < 0.05


def test_one_person_alone_cannot_be_left_out() -> None:
    with pytest.raises(ConfigurationError, match="leaves nobody"):
        open_set(Identification(np.zeros((3, 1)), np.zeros(3, np.int64)), softmax)
    assert open_set(distances(3, 2, 0.0, 0.1), softmax).transfer == []
