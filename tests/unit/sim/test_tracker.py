import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.sim.tracker import LOW, MEDIUM, Tracker

TRUE = np.tile([0.0, 0.0, 2.0], (32, 1))
SEEN, HIDDEN = np.zeros(32, bool), np.ones(32, bool)


def errors(joints, hidden, interval=1 / 15, frames=400):
    tracker = Tracker(3)
    return np.stack([tracker.track(joints, hidden, interval)[0] - joints for _ in range(frames)])


def test_errors_are_centimetres_and_smaller_on_the_trunk_than_on_hands():
    deviation = errors(TRUE, SEEN, interval=10.0).std(axis=(0, 2))
    assert 0.008 < deviation[Joint.SPINE_NAVEL] < 0.02
    assert deviation[Joint.HANDTIP_LEFT] > 2 * deviation[Joint.SPINE_NAVEL]
    assert np.abs(errors(TRUE, SEEN, interval=10.0).mean(axis=0)).max() < 0.01


def test_errors_last_from_frame_to_frame():
    error = errors(TRUE, SEEN)[:, Joint.HEAD, 0]
    assert np.corrcoef(error[1:], error[:-1])[0, 1] > 0.6
    far_apart = errors(TRUE, SEEN, interval=5.0)[:, Joint.HEAD, 0]
    assert abs(np.corrcoef(far_apart[1:], far_apart[:-1])[0, 1]) < 0.2


def test_hidden_joints_are_guessed_with_low_confidence():
    hidden = SEEN.copy()
    hidden[Joint.KNEE_LEFT] = True
    _, confidence = Tracker(0).track(TRUE, hidden, 0.1)
    assert confidence[Joint.KNEE_LEFT] == LOW
    assert (np.delete(confidence, Joint.KNEE_LEFT) == MEDIUM).all()
    assert errors(TRUE, HIDDEN).std() == pytest.approx(3 * errors(TRUE, SEEN).std(), rel=0.05)


def test_errors_grow_with_distance_and_repeat_with_the_seed():
    far = TRUE * 2
    assert errors(far, SEEN).std() > 2 * errors(TRUE, SEEN).std()
    np.testing.assert_array_equal(errors(TRUE, SEEN), errors(TRUE, SEEN))
