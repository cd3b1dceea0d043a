"""What the protocols let pass and what they catch. The models here read numbers instead of gait, see sample_walkers."""

import numpy as np
import pytest
from sample_walkers import Listmaker, Merging, Reader, WalkMatcher, camera_take_of, info, radar_take_of, walkers

from mission_core.data.takes import TakeList
from mission_core.errors import ConfigurationError
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.outcomes import Outcome, evaluate_condition, pooled
from mission_core.evaluation.protocols import Condition, Given, conditions


def outcomes(model: Reader, takes: TakeList, protocol: str = "closed") -> list[Outcome]:
    clips = Clips(takes, model)
    made = conditions(protocol, Given(takes.infos, 0, model.num_frames))
    return [evaluate_condition(clips, condition) for condition in made]


@pytest.mark.parametrize("model", [Reader(), Merging()])
@pytest.mark.parametrize("protocol", ["closed", "records", "frames", "cross-scene", "radar-angle", "multi-person"])
def test_a_model_that_knows_people_is_right_and_its_control_wrong(model: Reader, protocol: str) -> None:
    for outcome in outcomes(model, walkers(walks=20, pairs=True), protocol):
        assert outcome.identification.top(1).value == 1.0
        assert outcome.control is not None
        assert outcome.control.top(1).value == 0.0
        assert not outcome.control_fails


def test_rows_and_columns_return_to_their_places() -> None:
    """Queries and people are shown in random order; each distance must come back to its own."""
    outcome = outcomes(Reader(), walkers())[0]
    numbers = np.array([int(person[1:]) for person in outcome.people])
    expected = np.abs(numbers[outcome.identification.truth][:, None] - numbers[None])
    assert np.allclose(outcome.identification.distances, expected, atol=1e-4)


def test_a_model_that_recognises_walks_instead_of_people_is_at_chance() -> None:
    honest = [*outcomes(WalkMatcher(), walkers(walks=20)), *outcomes(WalkMatcher(), walkers(shared=True), "walks")]
    for outcome in honest:
        top = outcome.identification.top(1)
        assert top.low <= 1 / 12
        assert top.value < 0.3


def test_such_a_model_would_be_right_if_a_query_met_its_own_walk() -> None:
    """Why the splits keep walks apart: the same scorer, the same data, one careless condition."""
    takes = walkers(shared=True)
    radar = tuple(i.take_id for i in takes.infos if i.sensor == "radar")
    camera = tuple(i.take_id for i in takes.infos if i.sensor == "camera")
    careless = evaluate_condition(Clips(takes, WalkMatcher()), Condition("careless", None, radar, (camera,)))
    assert careless.identification.top(1).value == 1.0


def test_the_order_of_queries_and_people_tells_nothing() -> None:
    outcome = outcomes(Listmaker(), walkers(people=20, walks=20))[0]
    assert outcome.identification.top(1).value < 0.2


def test_a_control_above_chance_is_told() -> None:
    """A scorer that knows the truth by other ways than the radar clip is right with anybody's clip."""
    outcome = outcomes(Reader(), walkers())[0]
    found = outcome.identification
    cheated = Outcome(**{**outcome.__dict__, "control": found})
    assert cheated.control_fails
    assert not outcome.control_fails


def test_several_galleries_are_averaged() -> None:
    outcome = outcomes(Reader(error=3.0), walkers(walks=20), "records")[0]
    assert len(outcome.identification.truth) == 5 * len(outcome.asked)
    draws = outcome.identification.ranks.reshape(5, -1)
    assert outcome.identification.top(1).value == pytest.approx(np.mean([(own == 1).mean() for own in draws]))
    assert outcome.control is not None
    assert len(outcome.control.truth) == len(outcome.asked)


def test_people_who_are_not_enrolled_and_short_takes_are_left_out_and_counted() -> None:
    takes = [*(radar_take_of(info(p, w, "radar")) for p in range(4) for w in range(2))]
    takes += [camera_take_of(info(p, w, "camera")) for p in range(3) for w in range(2)]
    takes += [radar_take_of(info(0, 9, "radar"), frames=10), camera_take_of(info(0, 9, "camera"), frames=10)]
    ids = {sensor: tuple(t.info.take_id for t in takes if t.info.sensor == sensor) for sensor in ("radar", "camera")}
    condition = Condition("some", None, ids["radar"], (ids["camera"],))
    outcome = evaluate_condition(Clips(TakeList(takes), Reader()), condition)
    assert outcome.people == ("P00", "P01", "P02")
    assert (len(outcome.asked), outcome.not_enrolled, outcome.too_short) == (6, 2, 2)
    nobody = Condition("nobody", None, ids["radar"][-3:-1], (ids["camera"],))
    with pytest.raises(ConfigurationError, match="nobody: 0 queries of people who are among the 3 enrolled"):
        evaluate_condition(Clips(TakeList(takes), Reader()), nobody)


def test_each_camera_take_is_encoded_once() -> None:
    class Counting(Reader):
        encoded = 0

        def encode_clip(self, snippet):
            Counting.encoded += 1
            return super().encode_clip(snippet)

    takes = walkers(people=4, walks=8)
    outcomes(Counting(), takes, "records")
    assert Counting.encoded <= sum(i.sensor == "camera" for i in takes.infos)


def test_folds_are_pooled_where_the_same_people_are_enrolled() -> None:
    one, other = outcomes(Reader(error=2.0), walkers(walks=2, shared=True), "walks")
    both = pooled("both", [one, other])
    assert both is not None
    assert both.identification.top(1).value == pytest.approx(
        (one.identification.top(1).value + other.identification.top(1).value) / 2
    )
    assert len(both.asked) == 24
    fewer = outcomes(Reader(), walkers(people=5, walks=2, shared=True), "walks")[0]
    assert pooled("both", [one, fewer]) is None
