import numpy as np
import torch

from mission_core.camera.skeleton import Joint
from mission_core.models.gait.pose import BANDS, MIRRORED_JOINTS, PoseNetwork, outline


def test_outline_is_told_from_the_middle_of_the_crop() -> None:
    mask = np.zeros((96, 64), np.uint8)
    mask[8:24, 16:40] = 255  # bands 1 and 2
    ends, found = outline(mask)
    assert found.tolist() == [0, 1, 1] + [0] * (BANDS - 3)
    np.testing.assert_allclose(ends[1], [16 / 64 - 0.5, 40 / 64 - 0.5])
    assert not ends[found == 0].any()


def test_outline_of_a_mirrored_mask_is_mirrored() -> None:
    mask = (np.random.default_rng(0).random((96, 64)) < 0.2).astype(np.uint8) * 255
    ends, found = outline(mask)
    mirrored, found_again = outline(mask[:, ::-1])
    np.testing.assert_array_equal(found, found_again)
    np.testing.assert_allclose(mirrored[found > 0], -ends[found > 0][:, ::-1], atol=1e-6)


def test_mirrored_joints_exchange_left_and_right() -> None:
    assert MIRRORED_JOINTS[Joint.KNEE_LEFT] == Joint.KNEE_RIGHT
    assert MIRRORED_JOINTS[Joint.PELVIS] == Joint.PELVIS
    assert [MIRRORED_JOINTS[joint] for joint in MIRRORED_JOINTS] == list(range(32))


@torch.inference_mode()
def test_a_crop_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    network = PoseNetwork().eval()
    crops = torch.randint(0, 256, (3, 96, 64, 3), dtype=torch.uint8)
    geometry = torch.tensor([[0.1, 3.0, 1.7, 0.6], [float("nan")] * 4, [0.0, 5.0, 1.6, 0.5]])
    joints, outlines = network(crops, geometry)
    assert joints.shape == (3, 32, 3)
    assert outlines.shape == (3, BANDS, 2)
    alone = network(crops[1:2], geometry[1:2])
    torch.testing.assert_close(joints[1:2], alone[0], rtol=0, atol=1e-4)
    torch.testing.assert_close(outlines[1:2], alone[1], rtol=0, atol=1e-4)
