"""Who may be ranked, by what they do."""

import numpy as np

from mission_core.gallery.store import Clip
from mission_core.models.reid.gate import WalkingGate
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.ranking import DOUBTFUL, Reidentifier
from mission_core.models.reid.told import DELAY_NS, VALID_NS
from mission_core.types import ActivityOpinion, Ranking, Track, TrackedFrame

BOXES = ActivityOpinion(1, ("box", "walk"), (0.9, 0.05))
WALKS = ActivityOpinion(2, ("box", "walk"), (0.1, 0.8))
NOT_YET = ActivityOpinion(3, (), ())
NONE_OF_THESE = ActivityOpinion(4, ("box", "walk"), (0.1, 0.1))
NOT_WALKING = ActivityOpinion(5, ("box", "sit", "walk"), (0.3, 0.3, 0.1))


def test_who_does_something_else_is_told_a_moment_later():
    gate = WalkingGate()
    gate.add(0, [BOXES, WALKS, NOT_YET, NONE_OF_THESE, NOT_WALKING])
    assert gate.others(DELAY_NS - 1) == frozenset()
    assert gate.others(DELAY_NS) == {1, 5}  # what is not known is left to the speed


def test_the_newest_opinion_that_is_old_enough_counts():
    gate = WalkingGate()
    gate.add(0, [BOXES])
    gate.add(10**8, [ActivityOpinion(1, ("walk",), (0.9,))])
    assert gate.others(DELAY_NS) == {1}
    assert gate.others(DELAY_NS + 10**8) == frozenset()


def test_silence_opens_the_gate():
    gate = WalkingGate()
    assert gate.others(5 * 10**9) == frozenset()
    gate.add(0, [BOXES])
    assert gate.others(VALID_NS) == {1}
    assert gate.others(VALID_NS + 1) == frozenset()


def test_a_clock_that_goes_back_begins_anew():
    gate = WalkingGate()
    gate.add(10**10, [BOXES])
    gate.add(0, [WALKS])
    assert gate.others(10**10 + DELAY_NS) == frozenset()
    assert gate.others(DELAY_NS) == frozenset()


def walking(number: int) -> TrackedFrame:
    """Somebody who walks on at 1 m/s, whatever else they do meanwhile."""
    rng = np.random.default_rng(number)
    position = np.array([2.0 + 0.1 * number, 0.0, 1.0])
    track = Track(1, position, np.array([1.0, 0.0, 0.0]), np.zeros(3), np.ones(4), 0.1 * number, 5, 0)
    points = rng.normal(size=(5, 6)).astype(np.float32)
    return TrackedFrame(number * 10**8, number, (track,), points, np.full(5, 1, np.int32))


def ranked(model: ReidModel, others_from: int, others_to: int, frames: int) -> list[Ranking]:
    reidentifier = Reidentifier(model, period=0.1, min_seconds=0.4)
    rng = np.random.default_rng(3)
    clips = [
        Clip(f"P0{i}", f"P0{i}-0", rng.normal(size=model.feature_shape).astype(np.float32), enrolled_ns=0)
        for i in range(2)
    ]
    reidentifier.set_gallery(clips)
    return [
        reidentifier.step(walking(number), {1} if others_from <= number < others_to else ())[0]
        for number in range(frames)
    ]


def test_what_is_no_walk_counts_for_nothing(gait_model: ReidModel):
    rankings = ranked(gait_model, 30, 60, 80)
    assert len({each.frames_used for each in rankings[30:60]}) == 1
    assert all(each is rankings[30] for each in rankings[31:60])  # the last one stays
    used = [each.frames_used for each in rankings]
    assert used[29] == 12 + 12 + 6
    again = next(number for number in range(60, 80) if rankings[number] is not rankings[59])
    assert again == 63  # four frames make a clip
    assert round(10 * DOUBTFUL) == 6 + 9
    assert used[again] == 12 + 4  # the last 1.5 s before are not believed, and three frames of a window tell nothing


def test_what_came_before_the_doubtful_end_of_a_walk_still_counts(gait_model: ReidModel):
    rankings = ranked(gait_model, 34, 60, 80)
    used = [each.frames_used for each in rankings]
    assert used[33] == 12 + 12 + 10
    assert used[63] == 12 + (12 + 10 - 15) + 4


def test_nobody_is_ranked_who_never_walked(gait_model: ReidModel):
    rankings = ranked(gait_model, 0, 40, 40)
    assert all(not each.candidates and each.unknown == 1.0 for each in rankings)


def test_a_ranking_of_what_turns_out_to_be_no_walk_is_withdrawn(gait_model: ReidModel):
    rankings = ranked(gait_model, 8, 40, 50)
    assert rankings[7].candidates
    assert all(not each.candidates and each.unknown == 1.0 for each in rankings[8:43])
    assert rankings[43].candidates


def test_a_model_that_reads_the_newest_frames_begins_anew(model: ReidModel):
    rankings = ranked(model, 10, 20, 30)
    assert [each.frames_used for each in rankings[20:26]] == [6, 6, 6, 4, 5, 6]
