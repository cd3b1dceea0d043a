"""People who walk, stop to do something, and walk on."""

import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.sim import rooms
from mission_core.sim.activity import Kind
from mission_core.sim.path import RATE
from mission_core.sim.stops import ON_THE_SPOT, stopping_room, there_and_back

NEAR, FAR = (2.5, -1.0), (6.0, 1.0)


@pytest.mark.parametrize("doing", ON_THE_SPOT)
def test_nothing_leaps_and_it_never_ends(doing: Kind) -> None:
    motion = there_and_back(rooms.person("P03"), NEAR, FAR, doing, seed=5)
    period = len(motion.table) / RATE
    joints = motion.joints(np.arange(0.0, 2 * period, 1 / RATE))
    speeds = np.linalg.norm(np.diff(joints, axis=0), axis=2) * RATE
    assert speeds.max() < 9.0  # a fist
    assert speeds[:, Joint.PELVIS].max() < 2.0
    assert joints[..., 2].min() > 0.0


def test_they_stop_at_either_end_and_face_where_they_go() -> None:
    motion = there_and_back(rooms.person("P03"), NEAR, FAR, Kind.BOX, seed=5, seconds=6.0)
    t = np.arange(0.0, len(motion.table) / RATE, 0.1)
    pelvis = motion.joints(t)[:, Joint.PELVIS, :2]
    speed = np.linalg.norm(np.gradient(pelvis, 0.1, axis=0), axis=1)
    for end in (NEAR, FAR):
        rests = (np.linalg.norm(pelvis - end, axis=1) < 0.4) & (speed < 0.4)
        assert rests.sum() * 0.1 > 6.0
    joints = motion.joints(t[speed > 0.8])
    left = joints[:, Joint.HIP_LEFT, :2] - joints[:, Joint.HIP_RIGHT, :2]
    ahead = np.stack((left[:, 1], -left[:, 0]), axis=1)
    moves = np.gradient(pelvis, 0.1, axis=0)[speed > 0.8]
    assert (np.sum(ahead * moves, axis=1) > 0.0).all()


def test_a_room_whose_people_stop() -> None:
    walking = rooms.live_room("radar", ("P00", "P03"), seed=1)
    room = stopping_room(walking, "sit")
    assert [motion.person for motion in room.motions] == [motion.person for motion in walking.motions]
    assert room.duration == np.inf
    apart = [motion.joints(np.arange(0.0, 60.0, 0.1))[:, Joint.PELVIS, :2] for motion in room.motions]
    assert np.linalg.norm(apart[0] - apart[1], axis=1).min() > 0.7


@pytest.mark.parametrize("doing", ["walk", "swim"])
def test_nobody_stops_to_walk_on(doing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"nobody stops to '{doing}': expected one of stand, box, sit"):
        stopping_room(rooms.live_room("radar", ("P00",), seed=1), doing)
