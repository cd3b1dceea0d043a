"""Two opinions of one track."""

import numpy as np
import pytest

from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.reid.second_opinion import SecondOpinion, calibrated_weight, joined, share_of
from mission_core.models.reid.told import DELAY_NS
from mission_core.types import Candidate, Ranking

PRIOR = 0.5


def ranking(unknown: float, track_id: int = 1, **scores: float) -> Ranking:
    ordered = sorted(scores.items(), key=lambda each: -each[1])
    return Ranking(track_id, tuple(Candidate(who, score, f"{who}/0", 1.0) for who, score in ordered), unknown, 20)


def test_independent_opinions_multiply() -> None:
    ours, told = ranking(0.2, a=0.5, b=0.3), ranking(0.1, a=0.1, b=0.8)
    # ratios to what was expected: a 0.1 / 0.25, b 0.8 / 0.25, nobody 0.1 / 0.5
    weights = {"a": 0.5 * 0.4, "b": 0.3 * 3.2, "unknown": 0.2 * 0.2}
    total = sum(weights.values())
    both = joined(ours, told, 1.0, PRIOR)
    assert [(each.person_id, each.clip_id) for each in both.candidates] == [("b", "b/0"), ("a", "a/0")]
    assert [each.score for each in both.candidates] == pytest.approx([weights["b"] / total, weights["a"] / total])
    assert both.unknown == pytest.approx(weights["unknown"] / total)
    assert (both.track_id, both.frames_used) == (1, 20)


def test_without_weight_or_without_news_nothing_changes() -> None:
    ours = ranking(0.2, a=0.5, b=0.3)
    as_expected = ranking(PRIOR, a=0.25, b=0.25)
    for told, weight in ((ranking(0.1, a=0.1, b=0.8), 0.0), (as_expected, 1.0)):
        both = joined(ours, told, weight, PRIOR)
        assert [each.score for each in both.candidates] == pytest.approx([0.5, 0.3])
        assert both.unknown == pytest.approx(0.2)
    assert joined(ours, None, 1.0, PRIOR) is ours
    assert joined(ours, ranking(1.0), 1.0, PRIOR) is ours
    assert joined(ranking(1.0), as_expected, 1.0, PRIOR) == ranking(1.0)


def test_whom_the_network_does_not_know_is_nobody_to_it() -> None:
    ours = ranking(0.2, a=0.4, c=0.4)
    both = joined(ours, ranking(0.9, a=0.05, b=0.05), 1.0, PRIOR)
    assert share_of(both, "c") > 0.5 > share_of(both, "a")
    # b is known to the network, but in no gallery: whoever is b is unknown
    both = joined(ours, ranking(0.05, a=0.05, b=0.9), 1.0, PRIOR)
    assert both.unknown > 0.5
    assert sum(each.score for each in both.candidates) + both.unknown == pytest.approx(1.0)


def test_nobody_is_ruled_out_by_one_opinion() -> None:
    both = joined(ranking(0.0, a=1.0), ranking(1.0, a=0.0), 1.0, PRIOR)
    assert both.candidates[0].score == 1.0


def test_an_opinion_counts_a_moment_later_and_for_its_own_track() -> None:
    second = SecondOpinion(1.0, PRIOR)
    ours = [ranking(0.2, a=0.5, b=0.3), ranking(0.2, track_id=2, a=0.5, b=0.3)]
    assert second.join(0, ours) == ours
    second.add(0, [ranking(0.1, track_id=2, a=0.1, b=0.8)])
    assert second.join(DELAY_NS - 1, ours) == ours
    first, other = second.join(DELAY_NS, ours)
    assert first == ours[0]
    assert other.candidates[0].person_id == "b"


@pytest.mark.parametrize(("weight", "prior"), [(-0.1, 0.5), (1.1, 0.5), (0.5, 0.0), (0.5, 1.0), (float("nan"), 0.5)])
def test_numbers_out_of_range_are_refused(weight: float, prior: float) -> None:
    with pytest.raises(ConfigurationError, match="second opinion"):
        SecondOpinion(weight, prior)


@pytest.mark.parametrize(("repeated", "expected"), [(False, 1.0), (True, 0.0)])
def test_the_weight_is_what_the_second_opinion_adds(repeated: bool, expected: float) -> None:
    """Opinions made of one normal observation each: independent ones count wholly, the same again does not."""
    rng = np.random.default_rng(0)
    people = ("a", "b", "c")

    def opinion(observed: float) -> Ranking:
        likelihood = np.exp(-0.5 * (observed - np.arange(4.0)) ** 2) * np.array([1 / 6, 1 / 6, 1 / 6, 1 / 2])
        shares = likelihood / likelihood.sum()
        return ranking(shares[3], **dict(zip(people, shares[:3], strict=True)))

    pairs, truth = [], []
    for _ in range(1500):
        who = int(rng.choice(4, p=[1 / 6, 1 / 6, 1 / 6, 1 / 2]))
        seen = who + rng.normal(size=2)
        pairs.append((opinion(seen[0]), opinion(seen[0] if repeated else seen[1])))
        truth.append((*people, "somebody else")[who])
    assert calibrated_weight(pairs, truth, PRIOR) == pytest.approx(expected, abs=0.12)


CARD = {"name": "net", "sha256": "ab" * 32, "second_opinion": {"with": "gait", "weight": 0.7, "prior_unknown": 0.5}}


def test_a_card_says_what_an_opinion_counts() -> None:
    second = SecondOpinion.of_card(CARD, "gait")
    second.require("net", "ab" * 32)
    second.add(0, [ranking(0.1, a=0.1, b=0.8)])
    ours = ranking(0.2, a=0.5, b=0.3)
    assert second.join(DELAY_NS, [ours]) == [joined(ours, ranking(0.1, a=0.1, b=0.8), 0.7, 0.5)]
    with pytest.raises(ModelError, match="model other, which is not reid's second_opinion"):
        second.require("other", "cd" * 32)


@pytest.mark.parametrize("card", [{"name": "net"}, {**CARD, "second_opinion": {"with": "another"}}])
def test_a_card_that_does_not_say_is_refused(card: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=r"does not say what its opinion counts beside that of gait.*--write"):
        SecondOpinion.of_card(card, "gait")
