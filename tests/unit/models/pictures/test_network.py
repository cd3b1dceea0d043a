import numpy as np
import torch

from mission_core.camera.skeleton import Joint
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import (
    BANDS,
    MIRRORED_JOINTS,
    PictureNetwork,
    feature_map,
    joints_and_outline,
    outline,
    silhouette,
    silhouettes,
)


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


def test_silhouette_is_the_share_of_the_person_in_each_four_pixels() -> None:
    mask = np.zeros((96, 64), np.uint8)
    mask[0, 0] = mask[2:4, 0:2] = mask[95, 62:64] = 255
    covered = silhouette(mask)
    assert covered.shape == (48, 32)
    assert (covered[0, 0], covered[1, 0], covered[47, 31], covered.sum()) == (0.25, 1.0, 0.5, 1.75)


def test_mirrored_joints_exchange_left_and_right() -> None:
    assert MIRRORED_JOINTS[Joint.KNEE_LEFT] == Joint.KNEE_RIGHT
    assert MIRRORED_JOINTS[Joint.PELVIS] == Joint.PELVIS
    assert [MIRRORED_JOINTS[joint] for joint in MIRRORED_JOINTS] == list(range(32))


@torch.inference_mode()
def test_a_crop_does_not_depend_on_the_others() -> None:
    torch.manual_seed(0)
    network = PictureNetwork(PictureConfig()).eval()
    crops = torch.randint(0, 256, (3, 96, 64, 3), dtype=torch.uint8)
    geometry = torch.tensor([[0.1, 3.0, 1.7, 0.6], [float("nan")] * 4, [0.0, 5.0, 1.6, 0.5]])
    seen = network(crops, geometry)
    alone = network(crops[1:2], geometry[1:2])
    torch.testing.assert_close(seen[1:2], alone, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_what_is_read_comes_in_parts_that_leave_nothing_out() -> None:
    network = PictureNetwork(PictureConfig()).eval()
    crops = torch.randint(0, 256, (2, 96, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    seen = network(crops, torch.zeros(2, 4))
    shown = feature_map(seen)
    assert joints_and_outline(seen).shape == (2, 96 + 2 * BANDS)
    assert silhouettes(seen).shape == (2, 48, 32)
    assert ((silhouettes(seen) > 0) & (silhouettes(seen) < 1)).all()
    torch.testing.assert_close(shown, network.backbone(crops))
    assert seen.shape[1] == 96 + 2 * BANDS + 48 * 32 + shown[0].numel()


@torch.inference_mode()
def test_a_silhouettes_pixels_lie_where_the_map_has_them() -> None:
    """A map that differs in one place changes the silhouette around that place only."""
    network = PictureNetwork(PictureConfig()).eval()
    shown = torch.randn(1, 128, 6, 4, generator=torch.Generator().manual_seed(0))
    other = shown.clone()
    other[:, :, 0, 3] += 1.0
    before, after = (torch.nn.functional.pixel_shuffle(network.silhouette(each), 8)[0, 0] for each in (shown, other))
    changed = (before != after).nonzero()
    assert len(changed)
    assert changed[:, 0].max() < 16
    assert changed[:, 1].min() >= 16
