"""What is known with time: people who walk back and forth, read as the node reads them."""

import numpy as np
import pytest
from sample_walkers import Merging, Reader, laps, walkers

from mission_core.errors import ConfigurationError
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.evaluate import Evaluation, evaluate
from mission_core.evaluation.protocols import WATCHED
from mission_core.models.reid.windows import EARLIER_WINDOWS


def tracks(model: Reader) -> Evaluation:
    return evaluate(Clips(laps(), model), "tracks")


def test_windows_add_up_over_a_track() -> None:
    found = tracks(Merging())
    assert [outcome.condition.value for outcome in found.outcomes] == list(WATCHED)
    windows = {point.seconds: point.windows for point in found.watched}
    assert windows[1.0] == 1.0
    assert max(windows.values()) == EARLIER_WINDOWS + 1
    assert list(windows.values()) == sorted(windows.values())
    assert all(point.top1.value == 1.0 for point in found.watched)
    assert all(point.auroc.value == 1.0 for point in found.watched)
    assert found.open_set is not None
    assert found.open_set.queries == 12


def test_a_query_holds_straight_walking_only() -> None:
    query = Clips(laps(1), Merging()).track("P00-radar-00-radar-1", 10.5)
    assert query is not None
    lengths = [int(clip.frames.sum()) for clip in (*query.earlier, query.clip)]
    assert len(lengths) == EARLIER_WINDOWS + 1
    assert max(lengths) == 20  # as much as the model reads
    for clip in (*query.earlier, query.clip):
        away = np.sign(clip.motion[clip.frames][:, 0])
        assert abs(away.mean()) > 0.6  # a turn shows after some frames


def test_a_model_that_does_not_merge_reads_the_newest_frames() -> None:
    query = Clips(laps(1), Reader()).track("P00-radar-00-radar-1", 10.5)
    assert query is not None
    assert (query.frames, len(query.earlier)) == (20, 0)


def test_nothing_is_told_before_a_second_is_over() -> None:
    clips = Clips(laps(1), Merging())
    assert clips.track("P00-radar-00-radar-1", 0.9) is None
    assert clips.track("P00-radar-00-radar-1", 1.0) is not None


def test_all_that_enrolment_takes_is_enrolled_of_who_walks_back_and_forth() -> None:
    # from second 0, 1, 2 and 4 on; after the third they turn
    assert len(Clips(laps(1), Merging()).features("P00-camera-00-camera-1")) == 4
    assert len(Clips(walkers(1, 1), Merging()).features("P00-camera-00-camera-1")) == 1


def test_a_model_that_guesses_tells_nobody_apart() -> None:
    guesses = tracks(Reader(error=30.0)).watched[-1]
    assert guesses.auroc.value < 0.75
    assert guesses.identified.value < 0.5


def test_straight_walks_are_no_tracks() -> None:
    with pytest.raises(ConfigurationError, match="mission simulate laps58"):
        evaluate(Clips(walkers(), Merging()), "tracks")
