from dataclasses import replace

import numpy as np
import pytest

from mission_core.agreement import Run, compare
from mission_core.types import Candidate, Ranking, Track

MEMORY = 2.0


def track(track_id: int, y: float, age: float = 10.0) -> Track:
    zeros = np.zeros(3)
    return Track(track_id, np.array([3.0, y, 1.0]), zeros, zeros, np.ones(4), age, 5, 0)


def ranking(track_id: int, scores: dict[str, float], frames: int = 20) -> Ranking:
    candidates = tuple(Candidate(person, score, f"{person}-0", 1.0) for person, score in scores.items())
    return Ranking(track_id, candidates, 0.1, frames)


FIRST: Run = {100: ((track(1, 0.0), track(2, 1.0)), (ranking(1, {"P00": 0.6, "P01": 0.3}), ranking(2, {"P01": 0.9})))}


def test_equal_runs_agree_although_track_ids_differ() -> None:
    second: Run = {
        100: ((track(7, 1.0), track(8, 0.0)), (ranking(7, {"P01": 0.9}), ranking(8, {"P00": 0.6, "P01": 0.3})))
    }
    agreement = compare(FIRST, second, MEMORY)
    assert agreement.complete
    assert (agreement.compared, agreement.same_order, agreement.only_one) == (2, 2, 0)
    assert agreement.largest_difference == 0.0


def test_another_order_is_no_agreement() -> None:
    second: Run = {100: (FIRST[100][0], (ranking(1, {"P01": 0.5, "P00": 0.4}), ranking(2, {"P01": 0.9})))}
    agreement = compare(FIRST, second, MEMORY)
    assert not agreement.complete
    assert (agreement.same_order, agreement.same_first) == (1, 1)
    assert agreement.largest_difference == pytest.approx(0.2)


def test_young_tracks_are_not_compared() -> None:
    tracks = (track(1, 0.0, age=3.0), track(2, 1.0))
    second: Run = {100: (tracks, (ranking(1, {"P01": 0.9}), ranking(2, {"P01": 0.9})))}
    agreement = compare(FIRST, second, MEMORY)
    assert (agreement.compared, agreement.settling, agreement.only_one) == (1, 1, 0)
    assert agreement.complete


def test_tracks_age_only_from_when_both_runs_were_told_what_they_do() -> None:
    other: Run = {stamp: (FIRST[100][0], (ranking(1, {"P01": 0.9}),)) for stamp in (100, 10**10)}
    both: Run = dict.fromkeys((100, 10**10), FIRST[100])
    assert compare(both, other, MEMORY).compared == 2
    agreement = compare(both, other, MEMORY, told_ns=9 * 10**9)
    assert (agreement.compared, agreement.settling, agreement.only_one) == (0, 2, 0)
    assert compare(both, other, MEMORY, told_ns=2 * 10**9).compared == 1


def test_rankings_that_look_back_on_what_had_not_settled_are_not_compared() -> None:
    """Who was seen to do something else for a while is ranked by walks of longer ago than the memory."""
    stamp = 40 * 10**9
    tracks = (track(1, 0.0, age=20.0), track(2, 1.0, age=20.0))
    since = (stamp - 18 * 10**9, stamp - 16 * 10**9)  # a second too early, a second later than need be
    live: Run = {stamp: (tracks, FIRST[100][1])}
    offline: Run = {stamp: (tracks, tuple(replace(r, since_ns=at) for r, at in zip(FIRST[100][1], since, strict=True)))}
    for one, other in ((live, offline), (offline, live), (offline, offline)):
        agreement = compare(one, other, MEMORY)
        assert (agreement.compared, agreement.settling, agreement.only_one) == (1, 1, 0)
    assert compare(live, live, MEMORY).compared == 2


def test_rankings_of_other_places_are_told_apart() -> None:
    second: Run = {100: ((track(1, 0.0), track(2, 3.0)), FIRST[100][1])}
    agreement = compare(FIRST, second, MEMORY)
    assert (agreement.compared, agreement.only_one) == (1, 2)
    assert not agreement.complete


def test_equal_order_with_other_scores_is_no_agreement() -> None:
    second: Run = {100: (FIRST[100][0], (ranking(1, {"P00": 0.5, "P01": 0.4}), ranking(2, {"P01": 0.9})))}
    agreement = compare(FIRST, second, MEMORY)
    assert agreement.same_order == agreement.compared == 2
    assert not agreement.complete


def test_a_run_that_misses_most_frames_does_not_agree() -> None:
    second: Run = dict.fromkeys(range(0, 1000, 100), FIRST[100])
    first: Run = {0: FIRST[100], 900: FIRST[100]}
    agreement = compare(first, second, MEMORY)
    assert (agreement.compared, agreement.only_one) == (4, 16)
    assert not agreement.complete


def test_what_only_one_run_saw_before_or_after_does_not_count() -> None:
    assert compare(FIRST, {**FIRST, 0: FIRST[100], 200: FIRST[100]}, MEMORY).complete


def test_nothing_in_common_is_no_agreement() -> None:
    assert not compare(FIRST, {200: FIRST[100]}, MEMORY).complete
