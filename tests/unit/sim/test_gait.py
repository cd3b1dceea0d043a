from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.habits import HABITS, SPEED, STEP_LENGTH_VARIATION, STEP_TIME_VARIATION
from mission_core.sim.path import back_and_forth, circle, route, stop_and_go, straight, velocities
from mission_core.sim.posture import BALL, HEEL

ANKLES = (Joint.ANKLE_LEFT, Joint.ANKLE_RIGHT)
FEET = (Joint.FOOT_LEFT, Joint.FOOT_RIGHT)
PEOPLE = tuple(sample_person(seed) for seed in range(0, 58, 8))
ROOM = back_and_forth((2.0, 0.5), (6.0, -0.5))

people = pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.person_id)
routes = pytest.mark.parametrize(
    "path",
    [ROOM, stop_and_go((0, 0), (8, 0), [(4.0, 1.5)]), route([(0, 0), (3, 0), (3, 3)]), circle((4, 0), 1.5)],
    ids=["back", "stop", "corner", "circle"],
)


@lru_cache(maxsize=64)
def long_walk(seed: int, walk: int, length: float = 40.0) -> tuple[Walk, np.ndarray, np.ndarray]:
    motion = Walk(sample_person(seed), straight((0.0, 0.0), (length, 0.0)), walk)
    t = np.arange(0.0, motion.duration, 0.01)
    return motion, t, motion.joints(t)


def strikes(t, joints):
    """Times and places of heel strikes of both feet, as a gait laboratory finds them: the ankle comes to rest."""
    found = []
    for side, (ankle, foot) in enumerate(zip(ANKLES, FEET, strict=True)):
        still = np.linalg.norm(np.gradient(joints[:, foot, :2], t, axis=0), axis=1) < 0.02
        edges = np.flatnonzero(np.diff(still.astype(int)))
        for begin, end in pairwise(edges):
            if still[begin + 1] and end - begin > 15:
                middle = (begin + end) // 2
                found.append((t[middle], side, *joints[begin + 2 : begin + 8, ankle, :2].mean(axis=0)))
    return np.array(sorted(found))


@people
def test_faces_where_it_goes_with_left_on_the_left(person):
    motion = Walk(person, straight((0, 0), (8, 0)), 1)
    joints = motion.joints(np.arange(0.0, motion.duration, 0.02))
    for left, right in ((Joint.SHOULDER_LEFT, Joint.SHOULDER_RIGHT), (Joint.HIP_LEFT, Joint.HIP_RIGHT)):
        assert (joints[:, left, 1] > joints[:, right, 1]).all()
    assert (joints[:, Joint.NOSE, 0] > joints[:, Joint.HEAD, 0]).all()
    assert joints[0, Joint.PELVIS, 0] == pytest.approx(0.0, abs=0.05)
    assert joints[-1, Joint.PELVIS, 0] == pytest.approx(8.0, abs=0.05)


@people
def test_speed_cadence_step_length_and_width_of_the_joints_are_the_gaits(person):
    motion, t, joints = long_walk(person.seed, 2)
    gait = motion.gait
    speed = np.polyfit(t, joints[:, Joint.PELVIS, 0], 1)[0]
    assert speed == pytest.approx(gait.speed, rel=0.02)
    found = strikes(t, joints)
    assert (np.abs(np.diff(found[:, 1])) == 1).all()  # left and right in turn
    assert 1 / np.diff(found[:, 0]).mean() == pytest.approx(gait.cadence, rel=0.02)
    assert np.diff(found[:, 2]).mean() == pytest.approx(gait.step_length, rel=0.02)
    assert np.abs(np.diff(found[:, 3])).mean() == pytest.approx(gait.step_width, abs=0.015)


def test_steps_vary_as_in_the_table():
    times, lengths, widths = [], [], []
    for seed in range(12):
        motion, t, joints = long_walk(seed, 3)
        found = strikes(t, joints)
        times.append(np.diff(found[:, 0]).std() * motion.gait.cadence)
        asymmetry = motion.gait.step_asymmetry / 2
        lengths.append(np.sqrt(max(np.diff(found[:, 2]).var() / motion.gait.step_length**2 - asymmetry**2, 0)))
        signs = np.where(found[1:, 1] == 0, 1.0, -1.0)
        widths.append((np.diff(found[:, 3]) * signs).std())
    assert np.mean(times) == pytest.approx(STEP_TIME_VARIATION, rel=0.35)  # found to 10 ms
    assert np.mean(lengths) == pytest.approx(STEP_LENGTH_VARIATION, rel=0.15)
    assert np.mean(widths) == pytest.approx(HABITS["step_width"].steps, rel=0.15)


def test_walks_of_a_person_vary_as_in_the_table():
    person = sample_person(5)
    walks = [Walk(person, straight((0, 0), (40, 0)), seed) for seed in range(60)]
    speeds = np.log([40.0 / walk.duration for walk in walks])
    assert speeds.mean() == pytest.approx(np.log(person.gait.speed), abs=0.02)
    assert speeds.std() == pytest.approx(SPEED.walks, rel=0.25)
    for name, spread in HABITS.items():
        values = np.array([getattr(walk.gait, name) for walk in walks])
        assert values.std() == pytest.approx(spread.walks, rel=0.3), name


def test_walks_are_reproducible_and_differ():
    t = np.arange(0.0, 4.0, 0.05)
    one, same, other = (Walk(PEOPLE[1], ROOM, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.joints(t), same.joints(t))
    assert np.abs(one.joints(t) - other.joints(t)).max() > 0.05
    later = Walk(PEOPLE[1], ROOM, 4, start=1.5)
    np.testing.assert_allclose(later.joints(t), one.joints(t + 1.5), atol=1e-9)


def soles(person, joints):
    """Heels and balls of both feet (T, 4, 3): where the sole meets the floor."""
    segments = person.segments
    points = []
    for ankle, foot in zip(ANKLES, FEET, strict=True):
        apart = joints[:, foot] - joints[:, ankle]
        level = np.linalg.norm(apart[:, :2], axis=1)
        pitch = np.arctan2(apart[:, 2], level) + np.arctan2(0.75 * segments.ankle_height, BALL * segments.foot)
        ahead = apart[:, :2] / level[:, None]
        along = np.concatenate((np.cos(pitch)[:, None] * ahead, np.sin(pitch)[:, None]), axis=1)
        above = np.concatenate((-np.sin(pitch)[:, None] * ahead, np.cos(pitch)[:, None]), axis=1)
        bottom = joints[:, ankle] - segments.ankle_height * above
        points += [bottom + HEEL * segments.foot * along, bottom + BALL * segments.foot * along]
    return np.stack(points, axis=1)


@people
def test_a_standing_foot_does_not_slip_and_none_sinks_into_the_floor(person):
    _, t, joints = long_walk(person.seed, 6, 12.0)
    points = soles(person, joints)
    lowest = points[..., 2].min(axis=1)
    assert lowest.min() > -0.002
    assert lowest.max() < 0.002  # one foot is always down
    speed = np.linalg.norm(np.gradient(points[..., :2], t, axis=0), axis=2)
    slip = speed.min(axis=1)  # of whatever stands best
    assert np.percentile(slip, 95) < 0.01
    assert slip.max() < 0.15
    touching = points[..., 2] < 0.001
    assert np.percentile(speed[touching], 90) < 0.02


@people
def test_joint_angles_are_the_textbooks(person):
    """Winter 1991 and Perry & Burnfield 2010, normal walking; the bounds are two deviations of their bands."""
    _, t, joints = long_walk(person.seed, 7, 12.0)
    thigh = joints[:, Joint.KNEE_LEFT] - joints[:, Joint.HIP_LEFT]
    shank = joints[:, Joint.ANKLE_LEFT] - joints[:, Joint.KNEE_LEFT]
    hip = np.rad2deg(np.arctan2(thigh[:, 0], -thigh[:, 2]))
    knee = hip - np.rad2deg(np.arctan2(shank[:, 0], -shank[:, 2]))
    assert 16 < hip.max() < 38
    assert -28 < hip.min() < -4
    assert 48 < knee.max() < 72
    assert 0 < knee.min() < 12
    middle = knee[(t > 1) & (t < t[-1] - 1)]
    assert np.percentile(middle, 50) < 28  # straight for most of the cycle


@people
def test_the_pelvis_bounces_and_sways(person):
    motion, _, joints = long_walk(person.seed, 8, 12.0)
    pelvis = joints[:, Joint.PELVIS]
    assert 0.010 < np.ptp(pelvis[:, 2]) < 0.065
    assert np.ptp(pelvis[:, 1]) == pytest.approx(2 * motion.gait.sway, rel=0.25)


@people
def test_arms_swing_against_the_legs_by_the_persons_angle(person):
    motion, _, joints = long_walk(person.seed, 9)
    legs = joints[:, Joint.ANKLE_LEFT, 0] - joints[:, Joint.ANKLE_RIGHT, 0]
    arms = joints[:, Joint.ELBOW_LEFT, 0] - joints[:, Joint.ELBOW_RIGHT, 0]
    assert np.corrcoef(legs, arms)[0, 1] < -0.8
    ranges = []
    for shoulder, elbow in (
        (Joint.SHOULDER_LEFT, Joint.ELBOW_LEFT),
        (Joint.SHOULDER_RIGHT, Joint.ELBOW_RIGHT),
    ):
        arm = joints[:, elbow] - joints[:, shoulder]
        angle = np.arctan2(arm[:, 0], -arm[:, 2])
        ranges.append(2 * np.sqrt(2) * angle.std())  # as of a sine
    assert np.mean(ranges) == pytest.approx(motion.gait.arm_swing, rel=0.15, abs=0.03)


@people
@routes
def test_motion_is_smooth_and_plausible(person, path):
    motion = Walk(person, path, 6)
    t = np.arange(0.02, min(motion.duration, 25.0) - 0.02, 0.01)
    speeds = velocities(motion, t)
    speed = np.linalg.norm(speeds, axis=2)
    assert speed[:, Joint.PELVIS].max() < 1.6 * person.gait.speed
    assert speed.max() < 8.0  # feet swing at three times the walking speed
    changes = np.abs(np.diff(speeds, axis=0)) / 0.01
    assert changes[:, [Joint.PELVIS, Joint.HEAD, Joint.SHOULDER_LEFT]].max() < 40.0
    assert changes.max() < 350.0


@people
def test_a_closed_walk_repeats_without_a_seam(person):
    motion = Walk(person, ROOM, 7)
    assert motion.duration == np.inf
    period = len(motion.table) / motion.rate
    t = np.arange(-0.5, 0.5, 0.01)
    np.testing.assert_allclose(motion.joints(t), motion.joints(t + period), atol=1e-9)
    seam = np.abs(np.diff(velocities(motion, t), axis=0)).max(axis=(1, 2))
    elsewhere = np.abs(np.diff(velocities(motion, t + 20.0), axis=0)).max(axis=(1, 2))
    assert seam.max() < 2.0 * elsewhere.max()


def test_somebody_slows_down_to_turn_and_stands_at_a_halt():
    person = sample_person(16)
    motion = Walk(person, ROOM, 3)
    t = np.arange(0.0, 40.0, 0.02)
    speed = np.linalg.norm(velocities(motion, t)[:, Joint.PELVIS, :2], axis=1)
    x = motion.joints(t)[:, Joint.PELVIS, 0]
    turning = (x < 2.3) | (x > 5.7)
    assert speed[turning].mean() < 0.75 * speed[~turning].mean()

    halting = Walk(person, stop_and_go((0, 0), (8, 0), [(4.0, 2.0)]), 3)
    t = np.arange(0.0, halting.duration, 0.01)
    joints = halting.joints(t)
    speed = np.linalg.norm(velocities(halting, t), axis=2).max(axis=1)
    resting = np.flatnonzero((speed < 0.02) & (t > 1.0) & (t < halting.duration - 1.0)) * 0.01
    assert 1.0 < np.ptp(resting) < 2.3
    at_rest = joints[int(resting.mean() / 0.01)]
    assert at_rest[Joint.PELVIS, 0] == pytest.approx(4.0, abs=0.15)
    assert abs(at_rest[Joint.ANKLE_LEFT, 0] - at_rest[Joint.ANKLE_RIGHT, 0]) < 0.02  # feet side by side
    assert (speed[-30:-5] < 0.05).all()  # and again at the end
    assert joints[-1, Joint.PELVIS, 0] == pytest.approx(8.0, abs=0.1)


def test_walks_of_a_person_begin_at_any_place_of_the_cycle():
    person = sample_person(7)
    ahead = []
    for seed in range(40):
        joints = Walk(person, straight((0, 0), (6, 0)), seed).joints(np.zeros(1))[0]
        ahead.append((joints[Joint.ANKLE_LEFT, 0] - joints[Joint.ANKLE_RIGHT, 0]) / person.gait.step_length)
    assert min(ahead) < -0.6
    assert max(ahead) > 0.6
    assert np.sum(np.abs(ahead) < 0.4) > 5


def test_people_lean_into_a_curve():
    joints = Walk(sample_person(2), circle((0.0, 0.0), 1.0), 1).joints(np.arange(0.0, 20.0, 0.05))
    radius = np.linalg.norm(joints[..., :2], axis=2).mean(axis=0)
    assert radius[Joint.HEAD] < radius[Joint.PELVIS] < radius[list(ANKLES)].mean()
