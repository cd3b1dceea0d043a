import numpy as np
import pytest
import torch
from torch import Tensor

from mission_core.camera.skeleton import Joint
from mission_core.models.baselines.reflection import Reflections
from mission_core.models.reid.processing import track_motion

FRAMES = 12
FRAME_PERIOD = 0.1  # of the camera [s]
SPEED = 1.3  # away from the sensor [m/s]
STANDING = {
    Joint.PELVIS: (0.0, 0.0, 0.95),
    Joint.NECK: (0.0, 0.0, 1.5),
    Joint.HEAD: (0.0, 0.0, 1.7),
    **{
        joint: (0.0, side * left, height)
        for suffix, side in (("LEFT", 1), ("RIGHT", -1))
        for joint, left, height in (
            (Joint[f"SHOULDER_{suffix}"], 0.18, 1.45),
            (Joint[f"ELBOW_{suffix}"], 0.18, 1.15),
            (Joint[f"WRIST_{suffix}"], 0.18, 0.9),
            (Joint[f"HIP_{suffix}"], 0.09, 0.9),
            (Joint[f"KNEE_{suffix}"], 0.09, 0.5),
            (Joint[f"ANKLE_{suffix}"], 0.09, 0.08),
        )
    },
    Joint.FOOT_LEFT: (0.2, 0.09, 0.02),
    Joint.FOOT_RIGHT: (0.2, -0.09, 0.02),
}


@pytest.fixture
def joints() -> Tensor:
    """(1, T, 32, 3) somebody who does not move a limb."""
    pose = torch.zeros(32, 3)
    for joint, place in STANDING.items():
        pose[joint] = torch.tensor(place)
    return pose.expand(1, FRAMES, 32, 3).clone()


@pytest.fixture
def geometry() -> Tensor:
    """(1, T, 4) of a walk straight away from the sensor, from 4 m on."""
    distance = 4.0 + SPEED * FRAME_PERIOD * torch.arange(FRAMES)
    rest = torch.ones(FRAMES)
    return torch.stack([0.0 * rest, distance, 1.75 * rest, 0.6 * rest], dim=-1).unsqueeze(0)


def test_body_at_a_known_speed_has_that_radial_velocity(joints: Tensor, geometry: Tensor) -> None:
    points, present, motion = Reflections()(joints, geometry)
    level = present & ((points[..., 2] - 1.0).abs() < 0.1)  # at the sensor's height
    assert level.any()
    torch.testing.assert_close(points[level][:, 4], torch.full_like(points[level][:, 4], SPEED), rtol=0, atol=0.01)
    rays = torch.stack(
        torch.broadcast_tensors(geometry[..., 1:2] + points[..., 0], points[..., 1], points[..., 2] - 1.0), dim=-1
    )
    expected = SPEED * rays[..., 0] / rays.norm(dim=-1)
    torch.testing.assert_close(points[..., 4], expected, rtol=0, atol=0.02)  # of the bone, not of its surface
    torch.testing.assert_close(motion[0, :, 0], torch.full((FRAMES,), SPEED))


def test_limb_adds_its_own_velocity(joints: Tensor, geometry: Tensor) -> None:
    swing = 0.8  # of the left wrist, towards the sensor [m/s]
    joints[:, :, Joint.WRIST_LEFT, 0] -= swing * FRAME_PERIOD * torch.arange(FRAMES)
    points, _, _ = Reflections()(joints, geometry)
    still, _, _ = Reflections()(joints[:, :1].expand_as(joints), geometry)
    difference = points[0, 1:-1, :, 4] - still[0, 1:-1, :, 4]
    assert difference.min().item() == pytest.approx(-swing * 7 / 8, abs=0.02)  # the last station of the forearm
    assert (difference.abs() > 0.01).sum(dim=-1).unique().item() == 4 * 3


def test_heights_and_sides_are_those_of_the_body(joints: Tensor, geometry: Tensor) -> None:
    points, present, _ = Reflections()(joints, geometry)
    found = points[present]
    assert found[:, 2].min() > -0.02
    assert 1.6 < found[:, 2].max() < 1.75
    assert found[:, 1].abs().max() < 0.3
    trunk = present & (points[..., 2] > 1.1) & (points[..., 2] < 1.3) & (points[..., 1].abs() < 0.02)
    assert (points[trunk][:, 0] < -0.1).all()  # its surface is nearer than its middle


def test_what_faces_the_sensor_is_stronger_than_what_is_turned_away(joints: Tensor, geometry: Tensor) -> None:
    level, _, _ = Reflections()(joints, geometry)
    bent = joints.clone()
    bent[:, :, Joint.WRIST_LEFT] = bent[:, :, Joint.ELBOW_LEFT] + torch.tensor([-0.2, 0.0, -0.15])
    turned, present, _ = Reflections()(bent, geometry)
    strength, weaker = level[0, 0, :, 3], turned[0, 0, :, 3]
    changed = (strength - weaker).abs() > 0.5
    assert changed.sum() == 4 * 3  # of that forearm alone
    assert (weaker < strength)[changed].all()
    assert not present[0, 0][changed].any()


def test_motion_is_that_of_a_track(joints: Tensor) -> None:
    rng = np.random.default_rng(0)
    places = np.array([3.0, -1.0]) + np.cumsum(rng.normal(0.05, 0.05, (FRAMES, 2)), axis=0)
    geometry = torch.ones(1, FRAMES, 4)
    geometry[0, :, :2] = torch.from_numpy(places[:, ::-1].copy())  # lateral offset, distance
    motion = Reflections()(joints, geometry)[2]
    torch.testing.assert_close(motion[0], torch.from_numpy(track_motion(places, FRAME_PERIOD)), rtol=0, atol=1e-5)


def test_person_of_unknown_place_stands(joints: Tensor) -> None:
    points, present, motion = Reflections()(joints, torch.full((1, FRAMES, 4), float("nan")))
    assert torch.isfinite(points).all()
    assert present.any()
    assert points[..., 4].abs().max() < 1e-6
    assert motion[..., :2].count_nonzero() == 0


def test_limb_that_points_at_the_sensor_is_not_seen(joints: Tensor, geometry: Tensor) -> None:
    joints[:, :, Joint.ELBOW_LEFT] = torch.tensor([-0.2, 0.0, 1.0])
    joints[:, :, Joint.WRIST_LEFT] = torch.tensor([-0.45, 0.0, 1.0])
    points, present, _ = Reflections()(joints, geometry)
    assert torch.isfinite(points).all()
    forearm = points[..., 0] < -0.3
    assert forearm.any()
    assert not (present & forearm).any()
