import numpy as np
import pytest
from sample_walkers import Merging, Reader, walkers

from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.evidence import earlier_walks, over_time
from mission_core.evaluation.outcomes import evaluate_condition
from mission_core.evaluation.protocols import Given, conditions
from mission_core.models.reid.ranking import EARLIER_WINDOWS


def watched(model: Reader, walks: int = 20) -> list:
    takes = walkers(walks=walks)
    clips = Clips(takes, model)
    condition = conditions("closed", Given(takes.infos, 0, model.num_frames))[0]
    return over_time(clips, evaluate_condition(clips, condition))


def test_time_grows_within_a_walk_and_then_by_walks() -> None:
    points = watched(Merging())
    assert [point.windows for point in points] == [1, 1, *range(2, EARLIER_WINDOWS + 2)]
    assert [point.seconds for point in points[:2]] == [1.0, 2.0]
    assert points[-1].seconds == pytest.approx(2.0 * (EARLIER_WINDOWS + 1))
    assert all(point.top1.value == 1.0 for point in points)
    assert all(point.truth.value > 0.5 for point in points)


def test_no_more_walks_are_added_than_everybody_has() -> None:
    assert [point.windows for point in watched(Merging(), walks=8)] == [1, 1, 2]


def test_a_model_that_reads_the_newest_frames_ends_within_the_walk() -> None:
    assert [point.windows for point in watched(Reader())] == [1, 1]


def test_earlier_walks_are_all_others_of_the_same_person() -> None:
    truth = np.array([0, 1, 0, 1, 0])
    before = earlier_walks(truth, seed=0)
    assert [sorted(own) for own in before] == [[2, 4], [3], [0, 4], [1], [0, 2]]


def test_whoever_is_not_enrolled_is_told_apart_by_a_model_that_knows_everybody() -> None:
    for point in watched(Merging(), walks=8):
        assert point.auroc.value == 1.0
        assert point.identified.value == 1.0
    guesses = watched(Reader(error=30.0), walks=8)[-1]
    assert guesses.auroc.value < 0.7
    assert guesses.identified.value < 0.5
