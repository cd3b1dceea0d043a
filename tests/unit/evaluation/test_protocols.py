import itertools
from dataclasses import replace

import pytest
from sample_walkers import SCENES, info

from mission_core.data.takes import TakeInfo
from mission_core.errors import ConfigurationError
from mission_core.evaluation.protocols import DRAWS, PROTOCOLS, Condition, Given, conditions


def cohort(people: int = 58, walks: int = 20) -> list[TakeInfo]:
    every = itertools.product(range(people), ("radar", "camera"), range(walks + 1))
    return [info(person, walk, sensor, people=2 if walk == walks else 1) for person, sensor, walk in every]


COHORT = cohort()
OF = {own.take_id: own for own in COHORT}
APART = [name for name in PROTOCOLS if name not in ("walks", "tracks")]  # for sensors that watch different walks


def of(name: str, infos: list[TakeInfo] = COHORT, longest: float = 5.0) -> list[Condition]:
    return conditions(name, Given(infos, 0, longest))


@pytest.mark.parametrize("name", APART)
def test_radar_asks_camera_answers_and_no_walk_is_on_both_sides(name: str) -> None:
    for condition in of(name):
        assert {OF[i].sensor for i in condition.query} == {"radar"}
        for gallery in condition.galleries:
            assert {OF[i].sensor for i in gallery} == {"camera"}
            assert not {OF[i].walk_id for i in gallery} & {OF[i].walk_id for i in condition.query}


@pytest.mark.parametrize("name", APART)
def test_conditions_follow_from_the_seed(name: str) -> None:
    assert of(name) == of(name)
    assert conditions(name, Given(COHORT, 1, 50)) != of(name) or name in ("cross-scene",)


def test_angles_and_scenes_make_a_condition_each() -> None:
    assert [c.value for c in of("camera-angle")] == [0.0, 15.0, 30.0, 45.0, 60.0]
    for condition in of("radar-angle"):
        assert {OF[i].angle_deg for i in condition.query} == {condition.value}
    assert [c.label for c in of("cross-scene")] == list(SCENES)
    for condition in of("cross-scene"):
        assert {OF[i].scene for i in (*condition.query, *condition.galleries[0])} == {condition.label}


def test_an_angle_that_no_walk_has_is_left_out_and_told(caplog: pytest.LogCaptureFixture) -> None:
    flat = [info for info in COHORT if info.angle_deg < 50]
    assert [c.value for c in of("radar-angle", flat)] == [0.0, 15.0, 30.0, 45.0]
    assert "60° is left out" in caplog.text


def test_records_enrol_one_to_eight_clips_of_everybody_in_several_draws() -> None:
    made = of("records")
    assert [c.value for c in made] == [float(k) for k in range(1, 9)]
    closed = of("closed")[0]
    for condition in made:
        assert condition.query == closed.query
        assert len(condition.galleries) == DRAWS
        for gallery in condition.galleries:
            counts = [sum(OF[i].person_id == f"P{person:02d}" for i in set(gallery)) for person in range(58)]
            assert set(counts) == {int(condition.value or 0)}
    assert len(set(made[0].galleries)) == DRAWS
    assert {OF[i].people for c in made for gallery in c.galleries for i in gallery} == {1}


def test_records_go_no_further_than_everybody_has_clips() -> None:
    few = cohort(walks=3)
    made = of("records", few)
    assert [c.value for c in made] == [1.0, 2.0, 3.0]
    assert len(made[-1].galleries) == 1


def test_frames_end_with_what_the_model_reads() -> None:
    assert [c.seconds for c in of("frames", longest=5.0)] == [0.5, 1.0, 1.5, 2.0, 5.0]
    assert [c.seconds for c in of("frames", longest=2.0)] == [0.5, 1.0, 1.5, 2.0]


def test_candidates_are_no_more_than_there_are_people() -> None:
    assert [c.candidates for c in of("candidates")] == [10, 20, 30, 40, 50, 58]
    assert [c.candidates for c in of("candidates", cohort(people=35))] == [10, 20, 30]
    with pytest.raises(ConfigurationError, match="9 people, galleries of 10 cannot be made"):
        of("candidates", cohort(people=9))


def test_crowds_ask_the_same_gallery_as_single_people() -> None:
    crowd, closed = of("multi-person")[0], of("closed")[0]
    assert {OF[i].people for i in crowd.query} == {2}
    assert crowd.galleries == closed.galleries


def test_walks_of_both_sensors_are_asked_in_both_directions() -> None:
    shared = [
        TakeInfo(f"A{p}-{w}-{s}", f"A{p}", f"A{p}-{w}", "radar" if s == "radar" else "camera")
        for p, w, s in itertools.product(range(4), range(2), ("radar", "camera"))
    ]
    one, other = of("walks", shared)
    assert {i.split("-")[1] for i in one.query} == {"1"}
    assert {i.split("-")[1] for i in one.galleries[0]} == {"0"}
    assert {i.split("-")[1] for i in other.query} == {"0"}
    both = [replace(info, walk_id=info.walk_id.replace("radar", "x").replace("camera", "x")) for info in COHORT]
    for name in ("unseen", "closed", "radar-angle"):
        with pytest.raises(ConfigurationError, match="both saw the same ones: use the protocol walks"):
            of(name, both)


def test_a_protocol_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match="no protocol 'best', expected one of closed, unseen"):
        of("best")
