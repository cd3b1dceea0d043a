import pytest
import torch

from mission_core.losses import POSE_JOINTS, matching_loss, pose_loss


def test_matching_loss_rewards_near_partners() -> None:
    near = torch.full((4, 4), 2.0).fill_diagonal_(0.1)
    far = torch.full((4, 4), 0.1).fill_diagonal_(2.0)
    sharpness = torch.tensor(5.0)
    assert matching_loss(near, sharpness) < 0.01 < 5.0 < matching_loss(far, sharpness)


def test_pose_loss_is_the_mean_distance_of_present_frames() -> None:
    joints = torch.zeros(1, 2, 32, 3)
    predicted = joints.clone()
    predicted[:, 0, :, 2] = 0.3
    predicted[:, 1] = 7.0
    assert pose_loss(predicted, joints, torch.tensor([[True, False]])).item() == pytest.approx(0.3)
    assert pose_loss(predicted, joints, torch.tensor([[False, False]])).item() == 0.0


def test_hands_and_face_do_not_count() -> None:
    assert len(POSE_JOINTS) == 19
    assert {0, 18, 19, 20, 22, 23, 24, 26} <= set(POSE_JOINTS)
