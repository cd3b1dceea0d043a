import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.sim.motion import Route, Walk, cast
from mission_core.sim.people import sample_person

PELVIS, SHOULDER_LEFT, HAND_LEFT, SHOULDER_RIGHT, HAND_RIGHT = 0, 5, 8, 12, 15
HIP_LEFT, KNEE_LEFT, ANKLE_LEFT, FOOT_LEFT = 18, 19, 20, 21
HIP_RIGHT, ANKLE_RIGHT, FOOT_RIGHT, HEAD = 22, 24, 25, 26
STRAIGHT = Route(((0.0, 0.0), (20.0, 0.0)))
ROOM = Route(((2.0, 0.5), (4.0, -0.5), (6.0, -0.5)))
TIMES = np.arange(2.0, 8.0, 0.01)

people = pytest.mark.parametrize("person", [sample_person(seed) for seed in range(0, 58, 8)], ids=lambda p: p.person_id)


@people
def test_faces_where_it_goes_with_left_on_the_left(person):
    joints = Walk(person, STRAIGHT, 1).joints(TIMES)
    assert joints.shape == (len(TIMES), 32, 3)
    assert np.polyfit(TIMES, joints[:, PELVIS, 0], 1)[0] == pytest.approx(person.gait.speed, rel=0.2)
    for left, right in ((SHOULDER_LEFT, SHOULDER_RIGHT), (HIP_LEFT, HIP_RIGHT)):
        assert (joints[:, left, 1] > joints[:, right, 1]).all()
    assert (joints[:, 27, 0] > joints[:, HEAD, 0]).all()  # the nose leads


@people
def test_bones_keep_their_length_and_stature_fits(person):
    joints = Walk(person, ROOM, 2).joints(np.arange(0.0, 20.0, 0.05))
    body = person.physique
    thigh = np.linalg.norm(joints[:, KNEE_LEFT] - joints[:, HIP_LEFT], axis=1)
    shank = np.linalg.norm(joints[:, ANKLE_LEFT] - joints[:, KNEE_LEFT], axis=1)
    np.testing.assert_allclose(thigh, body.thigh, rtol=1e-6)
    np.testing.assert_allclose(shank, body.shank, rtol=1e-6)
    eyes = joints[:, 28, 2]
    assert 0.86 * person.stature < eyes.min()
    assert eyes.max() < 0.97 * person.stature


@people
def test_a_foot_is_always_on_the_floor_and_slips_little(person):
    walk = Walk(person, STRAIGHT, 3)
    joints, velocities = walk.motion(TIMES)
    feet = joints[:, (FOOT_LEFT, FOOT_RIGHT), 2]
    assert feet.min() > 0.0
    lowest = joints[..., 2].min(axis=1)
    assert lowest.max() < 0.07  # the ankle or the toes of the foot that stands
    slip = np.linalg.norm(velocities[:, (ANKLE_LEFT, ANKLE_RIGHT), :2], axis=2).min(axis=1)
    assert slip.mean() < 0.35 * person.gait.speed
    bounce = np.ptp(joints[:, PELVIS, 2])
    assert 0.01 < bounce < 0.09


@people
def test_arms_swing_against_the_legs(person):
    joints = Walk(person, STRAIGHT, 4).joints(TIMES)
    legs = joints[:, ANKLE_LEFT, 0] - joints[:, ANKLE_RIGHT, 0]
    arms = joints[:, HAND_LEFT, 0] - joints[:, HAND_RIGHT, 0]
    assert np.corrcoef(legs, arms)[0, 1] < -0.8


def test_cadence_is_in_the_motion():
    walk = Walk(sample_person(5), STRAIGHT, 5)
    t = np.arange(2.0, 12.0, 0.02)
    gap = walk.joints(t)[:, ANKLE_LEFT, 0] - walk.joints(t)[:, ANKLE_RIGHT, 0]
    spectrum = np.abs(np.fft.rfft(gap - gap.mean(), 8192))
    strides = np.fft.rfftfreq(8192, 0.02)[spectrum.argmax()]
    assert 2 * strides == pytest.approx(walk.gait.cadence, rel=0.05)


@people
def test_motion_is_continuous_through_turns_and_laps(person):
    walk = Walk(person, ROOM, 6, start=3.0)
    step = 0.005
    joints = walk.joints(np.arange(0.0, 2.5 * walk.lap, step))
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2) / step
    assert speed[:, PELVIS].max() < 2.2
    assert speed.max() < 8.0
    assert np.abs(np.diff(joints, 2, axis=0)).max() / step**2 < 200.0


def test_velocity_is_the_derivative_of_position():
    walk = Walk(sample_person(3), ROOM, 7)
    t = np.array([1.3, 4.7])
    _, velocities = walk.motion(t)
    expected = (walk.joints(t + 0.001) - walk.joints(t - 0.001)) / 0.002
    np.testing.assert_allclose(velocities, expected, atol=0.25)


def test_walks_of_a_person_vary_less_than_persons():
    within = [Walk(sample_person(9), ROOM, seed).gait.cadence for seed in range(20)]
    between = [sample_person(seed).gait.cadence for seed in range(58)]
    assert 0.0 < np.std(within) < 0.6 * np.std(between)
    np.testing.assert_array_equal(
        Walk(sample_person(9), ROOM, 4).joints(TIMES), Walk(sample_person(9), ROOM, 4).joints(TIMES)
    )


def test_route_without_length_is_refused():
    with pytest.raises(ConfigurationError, match="move them apart"):
        Route(((1.0, 1.0), (1.0, 1.0)))


def test_cast_of_nobody_is_empty():
    joints, velocities = cast([], 1.0)
    assert joints.shape == velocities.shape == (0, 32, 3)
