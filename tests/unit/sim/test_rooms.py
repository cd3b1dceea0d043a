import itertools

import numpy as np
import pytest

from mission_core.calibration import CAMERA_MOUNT
from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.geometry import project, rep103_to_optical, room_to_sensor
from mission_core.sim import rooms
from mission_core.sim.cohort import sample_person
from mission_core.sim.render import CAMERA

PEOPLE = [sample_person(seed) for seed in range(2)]


def pelvis(scenario: rooms.Scenario, seconds: float | None = None) -> np.ndarray:
    """(P, T, 2) at 10 Hz."""
    times = np.arange(0.0, scenario.duration if seconds is None else seconds, 0.1)
    return np.stack([motion.joints(times)[:, Joint.PELVIS, :2] for motion in scenario.motions])


def alone(sensor: rooms.Sensor, angle_deg: float, seed: int = 0, **options) -> rooms.Scenario:
    return rooms.alone(PEOPLE[0], sensor, np.random.default_rng(seed), angle_deg=angle_deg, scene="hall", **options)


@pytest.mark.parametrize("sensor", ["radar", "camera"])
def test_who_walks_laps_turns_again_and_again_and_stays_in_sight(sensor: rooms.Sensor) -> None:
    for seed in range(12):
        scenario = rooms.laps(PEOPLE[0], sensor, np.random.default_rng(seed), scene="hall", seconds=12.0)
        (way,) = pelvis(scenario)
        assert len(way) == 120
        assert np.abs(np.degrees(np.arctan2(way[:, 1], way[:, 0]))).max() < (55.0 if sensor == "radar" else 42.0)
        assert way[:, 0].min() > 1.3
        main = np.linalg.svd(way - way.mean(axis=0), full_matrices=False)[2][0]
        to_and_fro = np.sign(np.diff(way[::10] @ main))
        assert np.count_nonzero(np.diff(to_and_fro)) >= 2


@pytest.mark.parametrize("sensor", ["radar", "camera"])
@pytest.mark.parametrize("angle_deg", rooms.ANGLES)
def test_a_route_is_long_enough_at_its_angle_and_in_sight(sensor: rooms.Sensor, angle_deg: float) -> None:
    for seed in range(8):
        scenario = alone(sensor, angle_deg, seed)
        (way,) = pelvis(scenario)
        assert np.linalg.norm(way[-1] - way[0]) >= 6.0
        assert scenario.angles_deg[0] == pytest.approx(angle_deg, abs=rooms.ANGLE_JITTER + 0.1)
        measured = np.degrees(np.arctan2(*np.abs(way[-1] - way[0])[::-1]))
        assert measured == pytest.approx(scenario.angles_deg[0], abs=1.5)
        assert np.abs(np.degrees(np.arctan2(way[:, 1], way[:, 0]))).max() < 56.0
        assert way[:, 0].min() > 1.3


def test_the_camera_sees_people_from_head_to_foot() -> None:
    for angle_deg, seed in itertools.product(rooms.ANGLES, range(4)):
        scenario = alone("camera", angle_deg, seed)
        joints = scenario.motions[0].joints(np.linspace(0.3, scenario.duration - 0.3, 20))
        pixels = project(rep103_to_optical(room_to_sensor(joints, CAMERA_MOUNT)), CAMERA)
        inside = ((pixels > 4) & (pixels < (CAMERA.width - 4, CAMERA.height - 4))).all(axis=(1, 2))
        assert inside.mean() > 0.85


def test_people_come_and_go_and_stay_on_both_sides() -> None:
    ways = [pelvis(alone("radar", 30.0, seed))[0] for seed in range(20)]
    assert {bool(way[-1, 0] > way[0, 0]) for way in ways} == {True, False}
    assert {bool((way[-1] - way[0])[1] * (way[-1] - way[0])[0] > 0) for way in ways} == {True, False}


def test_who_stops_on_the_way_stands_still_for_a_while() -> None:
    scenario = alone("radar", 0.0, pause=True)
    (way,) = pelvis(scenario)
    speed = np.linalg.norm(np.diff(way, axis=0), axis=1) / 0.1
    assert (speed < 0.15).sum() >= 8
    assert speed.max() > 0.8
    assert scenario.route == "stop-and-go"


@pytest.mark.parametrize("sensor", ["radar", "camera"])
def test_two_people_keep_apart(sensor: rooms.Sensor) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        beside = rooms.two(PEOPLE, sensor, rng, scene="hall", crossing=False)
        assert np.linalg.norm(np.diff(pelvis(beside), axis=0)[0], axis=1).min() > 0.7
        crossing = rooms.two(PEOPLE, sensor, rng, scene="hall", crossing=True)
        first, second = pelvis(crossing)
        assert np.linalg.norm(first - second, axis=1).min() > 0.45
        paths = [motion.path.points for motion in crossing.motions]
        assert _cross(paths[0][0], paths[0][-1], paths[1][0], paths[1][-1])


def _cross(a, b, c, d) -> bool:
    def side(p, q, r) -> float:
        return float(np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])))

    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


@pytest.mark.parametrize("sensor", ["radar", "camera"])
def test_a_live_room_never_ends_and_people_stay_apart(sensor: rooms.Sensor) -> None:
    room = rooms.live_room(sensor, ("P00", "P03", "P07"), seed=4)
    ways = pelvis(room, 60.0)
    assert room.duration == float("inf")
    for one, other in itertools.combinations(ways, 2):
        assert np.linalg.norm(one - other, axis=1).min() > 0.4
    assert ways[..., 0].min() > 1.3
    assert np.ptp(ways[:, :, 0], axis=1).min() > 4.0
    again = rooms.live_room(sensor, ("P00", "P03", "P07"), seed=4)
    np.testing.assert_array_equal(pelvis(again, 5.0), ways[:, :50])
    other = rooms.live_room("camera" if sensor == "radar" else "radar", ("P00", "P03", "P07"), seed=4)
    assert not set(other.seeds) & set(room.seeds)  # the other sensor sees other walks


def test_a_room_has_an_end_and_the_cohort_too() -> None:
    with pytest.raises(ConfigurationError, match="room for 1 to"):
        rooms.live_room("radar", [f"P{k:02d}" for k in range(6)], seed=0)
    with pytest.raises(ConfigurationError, match=r"no simulated person 'P58': the cohort is P00 \.\. P57"):
        rooms.person("P58")


def test_takes_of_enrolment_are_different_walks() -> None:
    first, second = (rooms.enrolment("P03", take) for take in (1, 2))
    assert first.seeds != second.seeds
    assert first.motions[0].person is second.motions[0].person
