import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mission_core.data import sets
from mission_core.data.takes import RadarTake
from mission_core.errors import ConfigurationError
from mission_core.paths import share_directory
from mission_core.sim.cohort import walkers

PROFILES = share_directory() / "config" / "radar"
SETTINGS = sets.Settings(PROFILES / "walking_10fps.cfg")


def test_walkers58_plans_twenty_walks_of_everybody_before_both_sensors() -> None:
    recipe, jobs = sets.walkers58(SETTINGS)
    singles = [job for job in jobs if not job.name.startswith("pairs")]
    assert {job.name for job in singles} == {f"P{k:02d}-{sensor}" for k in range(58) for sensor in ("radar", "camera")}
    assert {job.planned for job in singles} == {20}
    assert sum(job.planned for job in jobs) == 2 * 58 * (20 + sets.PAIR_ROUNDS)
    assert len({job.name for job in jobs}) == len(jobs)
    assert recipe.profile == "walking_10fps.cfg"


def test_everybody_walks_with_somebody_else_equally_often() -> None:
    pairs = sets._pairs(0, 58, sets.PAIR_ROUNDS)
    assert all(one != other for one, other in pairs)
    assert set(Counter(person for pair in pairs for person in pair).values()) == {sets.PAIR_ROUNDS}


def test_a_setting_makes_another_data_set() -> None:
    def directory(**changes: object) -> Path:
        settings = sets.Settings(**{"profile": SETTINGS.profile, **changes})
        return sets.walkers58(settings)[0].directory(Path())

    others = {
        directory(),
        directory(seed=1),
        directory(whole_frames=True),
        directory(profile=PROFILES / "walking_heatmap_10fps.cfg"),
    }
    assert len(others) == 4
    assert directory() == directory()


def test_radar_takes_of_a_walk_come_again_and_are_of_different_walks() -> None:
    one, other = sets._single_walks(3, "radar", 2, SETTINGS)
    again, _ = sets._single_walks(3, "radar", 2, SETTINGS)
    assert isinstance(one, RadarTake)
    assert one.info.person_id == "P03"
    assert one.info.person_seed == 3
    assert one.info.walk_id != other.info.walk_id
    assert one.info.seed != other.info.seed
    assert one.stamps_ns[0] != other.stamps_ns[0]
    np.testing.assert_array_equal(np.concatenate(one.points), np.concatenate(again.points))
    assert len(np.concatenate(one.points)) != len(np.concatenate(other.points)) or not np.array_equal(
        np.concatenate(one.points), np.concatenate(other.points)
    )


def test_the_population_is_of_other_people() -> None:
    recipe, jobs = sets.population(SETTINGS, 5, walks=2)
    assert recipe.parameters["first_seed"] == 10_000
    names = {job.name.rsplit("-", 1)[0] for job in jobs if not job.name.startswith("pairs")}
    assert names == {f"N{seed}" for seed in range(10_000, 10_005)}
    assert sum(job.planned for job in jobs) == 2 * (5 * 2 + 4)  # the fifth has nobody to walk with
    own = {sets._population_person(seed).person_id for seed in range(58)}
    assert own == {person.person_id for person in walkers()}
    for number, first, message in ((0, 10_000, "at least one"), (3, 57, "people of test sets")):
        with pytest.raises(ConfigurationError, match=message):
            sets.population(SETTINGS, number, first_seed=first)


def test_the_crowd_is_of_still_others_before_the_radar_only() -> None:
    recipe, jobs = sets.crowd(SETTINGS, 23)
    assert recipe.parameters == {"whole_frames": False, "people": 23, "first_seed": 100_000}
    assert [job.planned for job in jobs] == [10, 10, 3]
    assert len({job.name for job in jobs}) == 3
    takes = sets.crowd(SETTINGS, 2)[1][0].make()
    assert {take.info.person_seed for take in takes} <= {100_000, 100_001}
    assert {take.info.sensor for take in takes} == {"radar"}
    for number, first, message in ((0, 100_000, "at least one"), (3, 10_000, "other people's")):
        with pytest.raises(ConfigurationError, match=message):
            sets.crowd(SETTINGS, number, first_seed=first)


def test_laps_are_of_the_population_before_each_sensor() -> None:
    recipe, jobs = sets.laps(SETTINGS, 3, first_seed=10_007)
    assert recipe.name == "laps"
    assert [job.name for job in jobs] == [
        f"N{s}-{sensor}" for sensor in ("radar", "camera") for s in (10007, 10008, 10009)
    ]
    (take,) = jobs[0].make()
    assert isinstance(take, RadarTake)
    assert (take.info.person_seed, take.info.route) == (10_007, "laps")
    seconds = (take.stamps_ns[-1] - take.stamps_ns[0]) / 1e9
    assert 8.0 < seconds < sets.LAPS_SECONDS
    with pytest.raises(ConfigurationError, match="people of test sets"):
        sets.laps(SETTINGS, 3, first_seed=57)


def test_laps58_are_of_the_test_cohort() -> None:
    recipe, jobs = sets.laps58(SETTINGS)
    assert recipe.name == "laps58"
    assert [job.name for job in jobs] == [
        f"{p.person_id}-{sensor}" for sensor in ("radar", "camera") for p in walkers()
    ]


def test_activity6_has_the_composition_of_the_papers_table() -> None:
    _, jobs = sets.activity6(SETTINGS)
    windows = [sets.take_windows(count) for row in sets.SPECTROGRAMS for count in row]
    assert sum(map(sum, windows)) == 7498
    assert [sum(own) for own in windows] == [count for row in sets.SPECTROGRAMS for count in row]
    assert max(map(max, windows)) == 3
    assert sum(job.planned for job in jobs) == sum(map(len, windows))
    people = [sets.subject_person(subject) for subject in range(6)]
    assert [(p.sex, p.age, p.stature, p.mass) for p in people] == list(sets.SUBJECTS)
    body = people[4].segments
    assert body.leg + body.trunk + body.head == pytest.approx(1.88)
    assert people[5].girths.waist < people[4].girths.waist
    assert not {p.seed for p in people} & set(range(58))


@pytest.mark.parametrize("kind", sets.ACTIVITIES)
def test_an_activity_has_slow_time_of_full_length_and_what_the_tracker_gave(kind: sets.Kind) -> None:
    (take,) = sets._activity_takes(0, kind, 0, [3], SETTINGS)
    assert isinstance(take, RadarTake)
    assert take.info.activity == kind
    assert take.prf == 290.0
    assert take.iq is not None
    assert len(take.iq) == round(1.5 * 290) + 1
    assert 14 <= take.info.frames <= 15
    spectrum = np.abs(np.fft.fftshift(np.fft.fft(take.iq * np.hanning(len(take.iq)))))
    velocity = np.fft.fftshift(np.fft.fftfreq(len(take.iq), 1 / 290.0)) * 299_792_458.0 / (2 * sets.CARRIER)
    fastest = np.abs(velocity[spectrum > 0.02 * spectrum.max()]).max()
    assert fastest > {"walk": 1.0, "run": 2.0, "jump": 1.0, "circle": 1.5, "box": 1.0}[kind]
    assert sum(map(len, take.points)) > 20


def test_captured_people_have_both_clips_at_all_angles(mission_data: Path) -> None:
    recipe, jobs = sets.mocap35(SETTINGS, mission_data / "shum_gait_bvh")
    assert recipe.parameters["people"] == 35
    assert sum(job.planned for job in jobs) == 35 * 2 * 2 * 5
    assert "terms of the recordings" in recipe.licence


def test_a_directory_without_motion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nobody with two clips"):
        sets.mocap35(SETTINGS, tmp_path)
    with pytest.raises(ConfigurationError, match=r"no \.npz and no \.bvh"):
        sets.motion(SETTINGS, tmp_path)
    for suffix in (".npz", ".bvh"):
        (tmp_path / f"walk{suffix}").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="one name with different endings"):
        sets.motion(SETTINGS, tmp_path)


def test_comments_do_not_count_as_another_generator(tmp_path: Path) -> None:
    package = Path(sets.mission_core.__file__).parent
    hashes = []
    for number, (old, new) in enumerate((("", ""), ("# [m/s^2]", "# [m / s^2]"), ("RUN_IN = 2.5", "RUN_IN = 2.6"))):
        copy = tmp_path / str(number)
        for name in sets._MODULES:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            text = (package / name).read_text()
            assert name != "sim/gait.py" or old in text
            (copy / name).write_text(text.replace(old, new) if name == "sim/gait.py" else text)
        hashes.append(sets.code_hash(copy))
    assert hashes[0] == hashes[1] == sets.code_hash() != hashes[2]


def test_every_simulator_that_data_are_made_with_counts_for_the_hash() -> None:
    found = "import sys, mission_core.data.sets; print(*(name for name in sys.modules if '.sim.' in name))"
    loaded = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True).stdout.split()
    assert len(loaded) > 10
    assert {f"{name.removeprefix('mission_core.').replace('.', '/')}.py" for name in loaded} <= set(sets._MODULES)
