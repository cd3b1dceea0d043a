"""Measures of a gait, against the parameters of simulated walks that made it."""

import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.kinematics import MEASURES, body_frame, gait_measures
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight

RATE = 60.0
SEEDS = range(500, 512)


def measured(seed: int, heading: float = 0.0) -> tuple[dict[str, float], Walk]:
    end = (8 * np.cos(heading), 8 * np.sin(heading))
    walk = Walk(sample_person(seed), straight((0.0, 0.0), end), seed=1)
    joints = walk.joints(np.arange(0.0, 4.5, 1 / RATE))
    return dict(zip(MEASURES, gait_measures(joints, RATE), strict=True)), walk


def test_cadence_speed_and_step_are_the_walks():
    for seed in SEEDS:
        found, walk = measured(seed)
        steps = walk.footsteps
        seen = (steps.strikes > 0.2) & (steps.strikes < 4.3)
        cadence = (seen.sum() - 1) / np.ptp(steps.strikes[seen])
        assert found["cadence"] == pytest.approx(cadence, rel=0.03)
        pelvis = walk.joints(np.array([0.0, 4.5]))[:, Joint.PELVIS]
        assert found["speed"] == pytest.approx(np.linalg.norm(pelvis[1] - pelvis[0]) / 4.5, rel=0.02)
        assert found["step_length"] == pytest.approx(np.diff(steps.distances[seen]).mean(), rel=0.04)


@pytest.mark.parametrize("name", ["arm_swing", "trunk_lean", "elbow_flexion", "pelvic_rotation", "step_width", "sway"])
def test_measures_go_with_the_habits_that_they_are_named_after(name):
    pairs = [(found[name], getattr(walk.gait, name)) for found, walk in map(measured, SEEDS)]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.7


def test_directions_do_not_matter():
    ahead, aside = (measured(501, heading)[0] for heading in (0.0, 2.0))
    for name in MEASURES:
        assert aside[name] == pytest.approx(ahead[name], abs=2e-3), name


def test_somebody_who_stands_has_no_cadence():
    pose = measured(501)[1].joints(np.array([1.0]))
    still = np.repeat(pose, 100, axis=0)
    still[:, :, 0] += np.linspace(0.0, 0.01, 100)[:, None]
    found = dict(zip(MEASURES, gait_measures(still, RATE), strict=True))
    assert np.isnan(found["cadence"])
    assert found["arm_swing"] == pytest.approx(0.0, abs=1e-9)
    assert still[0, Joint.PELVIS, 2] > 0.5


def test_body_frame_looks_the_same_in_whatever_direction_the_person_is_seen():
    joints = np.random.default_rng(0).normal((4.0, 1.0, 1.0), 0.3, size=(4, 32, 3))
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    seen = body_frame(joints)
    np.testing.assert_allclose(body_frame(joints @ turn.T), seen, atol=1e-5)
    np.testing.assert_allclose(seen[:, 0, :2], 0.0, atol=1e-5)
    np.testing.assert_allclose(seen[:, :, 2], joints[:, :, 2], atol=1e-6)
