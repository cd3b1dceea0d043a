import itertools

import pytest

from mission_core.data import splits
from mission_core.data.takes import TakeInfo
from mission_core.errors import ConfigurationError

SCENES = ("classroom", "corridor", "hall")


def cohort(people: int = 58, takes: int = 20) -> list[TakeInfo]:
    """Every person walks alone before each sensor, and once with somebody else."""
    return [
        TakeInfo(
            take_id=f"P{person:02d}-{sensor[0]}{take:02d}",
            person_id=f"P{person:02d}",
            walk_id=f"P{person:02d}-{sensor[0]}{take:02d}",
            sensor=sensor,
            scene=SCENES[take % 3],
            angle_deg=15.0 * (take % 5),
            people=2 if take == takes else 1,
            person_seed=person,
        )
        for person, sensor, take in itertools.product(range(people), ("radar", "camera"), range(takes + 1))
    ]


COHORT = cohort()
OF = {info.take_id: info for info in COHORT}


def people(ids: splits.Ids) -> set[str]:
    return {OF[take_id].person_id for take_id in ids}


def check(split: splits.Split) -> None:
    """What every split must keep."""
    learned = {*split.train, *split.validation}
    assert not learned & {*split.query, *split.gallery}
    assert not {*split.train} & {*split.validation}
    assert all(OF[take_id].sensor == "radar" for take_id in split.query)
    assert all(OF[take_id].sensor == "camera" for take_id in split.gallery)
    assert not {OF[q].walk_id for q in split.query} & {OF[g].walk_id for g in split.gallery}


def test_closed_keeps_a_quarter_of_each_person_for_the_test() -> None:
    split = splits.closed(COHORT)
    check(split)
    assert len(split.query) == len(split.gallery) == 58 * 5
    assert len(split.train) + len(split.validation) == 2 * 58 * 15
    assert people(split.train) == people(split.query) == people(split.validation)
    assert splits.closed(COHORT) == split
    assert splits.closed(COHORT, seed=1) != split


def test_unseen_tests_18_people_who_neither_teach_nor_validate() -> None:
    split = splits.unseen(COHORT)
    check(split)
    assert len(people(split.query)) == 18
    assert people(split.query) == people(split.gallery)
    assert not people(split.query) & people(split.train + split.validation)
    assert not people(split.train) & people(split.validation)
    assert len(people(split.train + split.validation)) == 40
    assert len(split.query) == 18 * 20


def test_cross_scene_is_tested_in_a_scene_that_did_not_teach() -> None:
    split = splits.cross_scene(COHORT, "hall")
    check(split)
    assert {OF[i].scene for i in split.query + split.gallery} == {"hall"}
    assert "hall" not in {OF[i].scene for i in split.train + split.validation}
    with pytest.raises(ConfigurationError, match=r"no take is of scene 'moon'.*classroom, corridor, hall"):
        splits.cross_scene(COHORT, "moon")


def test_angles_choose_one_side() -> None:
    by_camera, by_radar = splits.camera_angle(COHORT, 60.0), splits.radar_angle(COHORT, 45.0)
    check(by_camera)
    check(by_radar)
    assert {OF[i].angle_deg for i in by_camera.gallery} == {60.0}
    assert len({OF[i].angle_deg for i in by_camera.query}) == 5
    assert {OF[i].angle_deg for i in by_radar.query} == {45.0}
    with pytest.raises(ConfigurationError, match="angle of 75 degrees to the radar"):
        splits.radar_angle(COHORT, 75.0)


def test_multi_person_asks_with_crowded_takes_only() -> None:
    split = splits.multi_person(COHORT)
    check(split)
    assert {OF[i].people for i in split.query} == {2}
    assert {OF[i].people for i in split.gallery} == {1}


def test_population_divides_the_people() -> None:
    split = splits.population(COHORT)
    assert not people(split.train) & people(split.validation)
    assert people(split.query) == people(split.validation)


def paired(people: int = 4, walks: int = 2) -> list[TakeInfo]:
    return [
        TakeInfo(f"A{person}-{walk}-{sensor}", f"A{person}", f"A{person}-{walk}", sensor)
        for person, walk, sensor in itertools.product(range(people), range(walks), ("radar", "camera"))
    ]


def test_walks_never_asks_for_a_walk_of_the_gallery() -> None:
    infos = paired()
    one, other = splits.walks(infos), splits.walks(infos, fold=1)
    assert set(one.query) == {f"A{k}-1-radar" for k in range(4)}
    assert set(one.gallery) == {f"A{k}-0-camera" for k in range(4)}
    assert set(one.train) == {f"A{k}-0-{sensor}" for k in range(4) for sensor in ("radar", "camera")}
    assert set(other.query) == {f"A{k}-0-radar" for k in range(4)}
    with pytest.raises(ConfigurationError, match="nobody has two walks"):
        splits.walks(paired(walks=1))


def test_a_split_that_would_ask_for_its_own_walk_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"both sensors saw the walks.*`walks`"):
        splits.unseen(paired(people=10))


def test_a_set_that_is_too_small_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no radar take to ask with"):
        splits.unseen([info for info in COHORT if info.sensor == "camera"])


def test_folds_hold_every_take_once_and_every_class_evenly() -> None:
    infos = [
        TakeInfo(f"{person}{activity}{take}", person, f"{person}{activity}{take}", "radar", activity=activity)
        for person, activity, take in itertools.product("ab", ("walk", "box"), range(13))
    ]
    parts = splits.folds(infos, 5)
    tests = [take_id for _, test in parts for take_id in test]
    assert sorted(tests) == sorted(info.take_id for info in infos)
    for train, test in parts:
        assert not {*train} & {*test}
        for person, activity in itertools.product("ab", ("walk", "box")):
            assert 2 <= sum(take_id.startswith(person + activity) for take_id in test) <= 3


def test_people_of_the_test_must_be_strangers() -> None:
    others = [TakeInfo("N1", "N10000", "N1", "radar", person_seed=10_000)]
    splits.require_strangers(others, COHORT)
    with pytest.raises(ConfigurationError, match=r"58 people are in the training and in the test data \(P00, P01"):
        splits.require_strangers(COHORT, COHORT)
    disguised = [TakeInfo("N2", "N3", "N2", "radar", person_seed=3)]
    with pytest.raises(ConfigurationError, match=r"1 people .*\(3\)"):
        splits.require_strangers(disguised, COHORT)
