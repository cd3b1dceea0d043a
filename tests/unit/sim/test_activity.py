import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.activity import RUNWAY, SKILLS, Activity, Kind, Place, person_skill
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import GRAVITY
from mission_core.sim.path import velocities

PEOPLE = tuple(sample_person(seed) for seed in (0, 3, 17, 40))
FEET = (Joint.FOOT_LEFT, Joint.FOOT_RIGHT)
WRISTS = (Joint.WRIST_LEFT, Joint.WRIST_RIGHT)

people = pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.person_id)
kinds = pytest.mark.parametrize("kind", list(Kind))


def moved(kind, person, seed=1, place=(0.0, 0.0), duration=12.0):
    motion = Activity(kind, person, place, seed, duration=duration)
    t = np.arange(0.02, min(motion.duration, duration) - 0.02, 0.005)
    return motion, t, motion.joints(t), velocities(motion, t)


@people
@kinds
def test_every_activity_is_smooth_and_plausible(person, kind):
    _, _, joints, speeds = moved(kind, person)
    assert joints.shape[1:] == (32, 3)
    assert joints[..., 2].min() > 0.0
    assert np.linalg.norm(speeds, axis=2).max() < 14.0  # fingertips of the quickest
    changes = np.abs(np.diff(speeds, axis=0)) / 0.005
    assert changes[:, [Joint.PELVIS, Joint.SPINE_CHEST]].max() < 60.0
    assert changes.max() < 700.0  # of a knee just before it is straight


@kinds
def test_takes_are_reproducible_and_differ(kind):
    first, same, other = (moved(kind, PEOPLE[1], seed)[2][:200] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.001


@kinds
def test_it_happens_at_its_place_and_faces_its_heading(kind):
    _, _, here, _ = moved(kind, PEOPLE[0], place=Place(0.0, 0.0, 0.0))
    motion, _, there, _ = moved(kind, PEOPLE[0], place=Place(3.0, -1.0, np.pi / 2))
    if kind is Kind.CIRCLE:
        np.testing.assert_allclose(there, here + np.array([3.0, -1.0, 0.0]), atol=1e-6)
    else:
        turned = np.stack((3.0 - here[..., 1], -1.0 + here[..., 0], here[..., 2]), axis=-1)
        np.testing.assert_allclose(there, turned, atol=1e-6)
    assert motion.person is PEOPLE[0]


@people
def test_running_has_flight_and_its_speed(person):
    motion, t, joints, _ = moved("run", person)
    skill = motion.skill
    run = np.polyfit(t, joints[:, Joint.PELVIS, 0], 1)[0]
    assert run == pytest.approx(skill.run_speed, rel=0.06)
    assert 1.9 < run < 3.6
    assert joints[-1, Joint.PELVIS, 0] == pytest.approx(RUNWAY, abs=0.15)
    in_the_air = joints[:, FEET, 2].min(axis=1) > 0.25 * person.segments.ankle_height + 0.004
    assert 0.10 < in_the_air.mean() < 0.45
    bounce = np.ptp(joints[:, Joint.PELVIS, 2])
    assert 0.03 < bounce < 0.11  # Novacheck 1998 and later: 5-10 cm
    fall = np.gradient(np.gradient(joints[:, Joint.PELVIS, 2], t), t)
    assert np.percentile(fall, 10) == pytest.approx(-GRAVITY, rel=0.1)
    thigh, shank = (
        joints[:, second] - joints[:, first]
        for first, second in ((Joint.HIP_LEFT, Joint.KNEE_LEFT), (Joint.KNEE_LEFT, Joint.ANKLE_LEFT))
    )
    bend = np.rad2deg(
        np.arccos((thigh * shank).sum(axis=1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1))
    )
    assert 70 < bend.max() < 130
    assert run > 1.5 * person.gait.speed


@people
def test_the_circle_has_the_radius_of_the_take(person):
    motion, t, joints, _ = moved("circle", person, place=Place(4.0, 1.0))
    prints = joints[:, FEET, :2].mean(axis=1) - np.array([4.0, 1.0])
    assert np.linalg.norm(prints, axis=1).mean() == pytest.approx(motion.skill.circle_radius, rel=0.06)
    angle = np.unwrap(np.arctan2(prints[:, 1], prints[:, 0]))
    assert angle[-1] - angle[0] > 2 * np.pi  # round, to the left
    speed = motion.skill.circle_radius * (angle[-1] - angle[0]) / (t[-1] - t[0])
    assert 1.3 < speed < motion.skill.run_speed


@people
def test_jumps_rise_to_their_height_in_free_fall(person):
    motion, t, joints, speeds = moved("jump", person)
    height = motion.skill.jump_height
    assert 0.15 < height < 0.50
    upward = speeds[:, Joint.PELVIS, 2]
    off = np.sqrt(2 * GRAVITY * height)
    assert off < upward.max() < 1.08 * off  # fastest just before take-off
    in_the_air = joints[:, FEET, 2].min(axis=1) > 0.09
    flight = np.diff(np.flatnonzero(np.diff(in_the_air.astype(int))))[0] * 0.005
    assert flight == pytest.approx(np.sqrt(8 * height / GRAVITY), rel=0.25)
    fall = np.gradient(upward, t)[in_the_air]
    assert np.median(fall) == pytest.approx(-GRAVITY, rel=0.02)
    landed = joints[-1, Joint.PELVIS, 0]
    jumps = round(float(landed / motion.skill.jump_length))
    assert jumps >= 3
    assert landed == pytest.approx(jumps * motion.skill.jump_length, abs=0.06)


@people
def test_feet_that_stand_before_a_jump_do_not_slip(person):
    _, _, joints, speeds = moved("jump", person)
    down = joints[:, FEET, 2] < 0.25 * person.segments.ankle_height + 0.003
    assert down.mean() > 0.3
    assert np.abs(speeds[:, FEET, :2])[down].max() < 0.35  # the joint is above the ball that it turns about


@people
def test_punches_have_the_speed_of_punches(person):
    _, _, joints, speeds = moved("box", person)
    fists = np.linalg.norm(speeds[:, WRISTS], axis=2)
    assert 4.5 < fists.max() < 9.5  # Piorkowski et al. 2011: 7.5 to 9.3 m/s at contact for competitors
    thrown = (speeds[:, WRISTS, 0] > 3.5).any(axis=1)
    count = (np.diff(thrown.astype(int)) == 1).sum()
    assert 10 <= count <= 30  # in 12 s
    assert np.ptp(joints[:, Joint.PELVIS, 0]) < 0.3
    np.testing.assert_allclose(np.ptp(joints[:, FEET], axis=0), 0.0, atol=1e-9)
    reach = joints[:, WRISTS, 0].max() - joints[:, Joint.SPINE_CHEST, 0].mean()
    assert reach > 0.8 * (person.segments.upper_arm + person.segments.forearm)


@people
def test_quiet_stance_sways_by_millimetres(person):
    _, _, joints, _ = moved("stand", person, duration=40.0)
    sway = joints[:, Joint.PELVIS, :2].std(axis=0)
    assert (sway > 0.001).all()
    assert (sway < 0.008).all()
    np.testing.assert_allclose(np.ptp(joints[:, FEET], axis=0), 0.0, atol=1e-9)


@people
def test_sitting_people_have_their_knees_bent_and_feet_on_the_floor(person):
    _, _, joints, _ = moved("sit", person)
    parts = person.segments
    assert joints[:, Joint.PELVIS, 2].mean() == pytest.approx(parts.shank + parts.ankle_height, abs=0.03)
    thigh = joints[:, Joint.KNEE_LEFT] - joints[:, Joint.HIP_LEFT]
    assert np.abs(np.rad2deg(np.arcsin(thigh[:, 2] / parts.thigh))).max() < 20
    assert np.ptp(joints[:, FEET, 2]) < 0.01
    assert joints[:, Joint.WRIST_LEFT, 2].mean() > joints[:, Joint.KNEE_LEFT, 2].mean() - 0.1


def test_skills_are_personal_and_spread_as_in_the_table():
    skills = [person_skill(sample_person(seed)) for seed in range(400)]
    assert skills[3] == person_skill(sample_person(3))
    for name, (mean, persons, _) in SKILLS.items():
        values = np.array([getattr(skill, name) for skill in skills])
        assert values.mean() == pytest.approx(mean, rel=0.05), name
        assert values.std() == pytest.approx(persons, rel=0.5 if name == "jump_height" else 0.25), name
    habit = person_skill(PEOPLE[0])
    takes = [Activity("stand", PEOPLE[0], (0, 0), seed, duration=1.5).skill.run_speed for seed in range(60)]
    assert np.mean(takes) == pytest.approx(habit.run_speed, abs=0.05)
    assert np.std(takes) == pytest.approx(SKILLS["run_speed"][2], rel=0.3)


def test_unknown_activities_and_times_are_refused():
    with pytest.raises(ConfigurationError, match="choose one of walk, run"):
        Activity("fly", PEOPLE[0], (0, 0), 1)
    with pytest.raises(ConfigurationError, match="more than 1 s"):
        Activity("box", PEOPLE[0], (0, 0), 1, duration=0.5)
