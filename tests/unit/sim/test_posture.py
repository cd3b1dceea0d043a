import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.sim import posture as body
from mission_core.sim.activity import Activity, Kind, Place
from mission_core.sim.cohort import sample_person

SEGMENTS = sample_person(1).segments
BONES = {
    "thigh": (Joint.HIP_LEFT, Joint.KNEE_LEFT),
    "shank": (Joint.KNEE_RIGHT, Joint.ANKLE_RIGHT),
    "upper_arm": (Joint.SHOULDER_LEFT, Joint.ELBOW_LEFT),
    "forearm": (Joint.ELBOW_RIGHT, Joint.WRIST_RIGHT),
    "hip_width": (Joint.HIP_LEFT, Joint.HIP_RIGHT),
    "shoulder_width": (Joint.SHOULDER_LEFT, Joint.SHOULDER_RIGHT),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_bones_are_the_persons_and_stay_so(kind):
    person = sample_person(3)
    motion = Activity(kind, person, Place(3.0, 0.5, 0.7), 1)
    joints = motion.joints(np.arange(0.0, min(motion.duration, 6.0), 0.013))
    for name, (first, second) in BONES.items():
        lengths = np.linalg.norm(joints[:, first] - joints[:, second], axis=1)
        np.testing.assert_allclose(lengths, getattr(person.segments, name), atol=2e-3, err_msg=name)


def test_a_standing_person_is_as_tall_as_the_person():
    person = sample_person(12)
    joints = Activity("stand", person, (0.0, 0.0), 1).joints(np.zeros(1))[0]
    vertex = joints[Joint.NECK, 2] + 0.9 * person.segments.head
    assert vertex == pytest.approx(person.stature, abs=0.015)
    assert joints[Joint.EYE_LEFT, 2] == pytest.approx(0.936 * person.stature, rel=0.03)  # Drillis & Contini
    assert joints[Joint.SHOULDER_LEFT, 1] > 0 > joints[Joint.SHOULDER_RIGHT, 1]
    assert joints[Joint.NOSE, 0] > joints[Joint.HEAD, 0]


def test_the_ankle_turns_about_heel_and_ball():
    pitch = np.deg2rad([0.0, 20.0, -60.0])
    ahead, height = body.ankle_over_floor(SEGMENTS, pitch)
    assert ahead[0] == pytest.approx(0.0)
    assert height[0] == pytest.approx(SEGMENTS.ankle_height)
    for angle, before, up, pivot in zip(pitch[1:], ahead[1:], height[1:], (body.HEEL, body.BALL), strict=True):
        contact = pivot * SEGMENTS.foot
        along = np.array([np.cos(angle), np.sin(angle)])
        down = np.array([np.sin(angle), -np.cos(angle)])
        point = np.array([before, up]) + contact * along + SEGMENTS.ankle_height * down
        np.testing.assert_allclose(point, [contact, 0.0], atol=1e-12)  # on the floor, and where it was


def test_leg_reach_is_the_law_of_cosines():
    assert body.leg_reach(SEGMENTS, np.array(0.0)) == pytest.approx(SEGMENTS.thigh + SEGMENTS.shank)
    assert body.leg_reach(SEGMENTS, np.array(np.pi / 2)) == pytest.approx(np.hypot(SEGMENTS.thigh, SEGMENTS.shank))


def test_arms_reach_their_target_or_towards_it():
    targets = np.array([[0.3, 0.1, -0.2], [2.0, 0.0, 0.0]])
    upper, fore = body.reach(SEGMENTS, targets, np.array([0.0, 0.5, -1.0]))
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1.0)
    np.testing.assert_allclose(np.linalg.norm(fore, axis=1), 1.0)
    wrists = SEGMENTS.upper_arm * upper + SEGMENTS.forearm * fore
    np.testing.assert_allclose(wrists[0], targets[0], atol=1e-12)
    assert wrists[1, 0] == pytest.approx(0.995 * (SEGMENTS.upper_arm + SEGMENTS.forearm))
    assert upper[0, 2] < fore[0, 2]  # the elbow hangs
