import pytest
import torch
from torch import Tensor

from mission_core.models.baselines.vision import FocalConv, MicroMotion, PartBranch, TemporalFrames
from mission_core.models.pictures.network import BEFORE_MAP, JOINTS_AND_OUTLINE


@pytest.fixture
def temporal() -> TemporalFrames:
    torch.manual_seed(0)
    return TemporalFrames(16, 128).eval()


@torch.inference_mode()
def test_past_and_future_are_kept_apart(temporal: TemporalFrames) -> None:
    static = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(1))
    changed = static.clone()
    changed[:, 3] += 1.0
    before = (temporal.before(changed) - temporal.before(static)).abs().amax(dim=(0, 2)) > 1e-6
    after = (temporal.after(changed) - temporal.after(static)).abs().amax(dim=(0, 2)) > 1e-6
    assert before.tolist() == [False, False, False, False, True, True]
    assert after.tolist() == [True, True, True, False, False, False]


@torch.inference_mode()
def test_temporal_encoder_reads_the_map_and_nothing_else_of_a_picture(
    temporal: TemporalFrames, camera: dict[str, Tensor]
) -> None:
    expected = temporal(**camera)
    other = camera["seen"].clone()
    other[..., :BEFORE_MAP] = 3.0
    torch.testing.assert_close(temporal(other, camera["geometry"]), expected)
    other[..., BEFORE_MAP:] += 1.0
    assert (temporal(other, camera["geometry"]) - expected).abs().max() > 1e-3


@torch.inference_mode()
def test_part_encoder_reads_the_silhouette_and_nothing_else_of_a_picture(camera: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    parts = PartBranch(16).eval()
    expected = parts(**camera)
    other = camera["seen"].clone()
    other[..., :JOINTS_AND_OUTLINE] = 3.0
    other[..., BEFORE_MAP:] = 3.0
    torch.testing.assert_close(parts(other, camera["geometry"]), expected)
    other[..., JOINTS_AND_OUTLINE:BEFORE_MAP] *= -1.0
    assert (parts(other, camera["geometry"]) - expected).abs().max() > 1e-4


@torch.inference_mode()
def test_focal_convolution_sees_one_strip_at_a_time() -> None:
    torch.manual_seed(0)
    layer = FocalConv(2, 3, strips=2)
    pictures = torch.randn(2, 2, 8, 6, generator=torch.Generator().manual_seed(1))
    changed = pictures.clone()
    changed[1, :, 3] += 1.0  # the last row of the first strip
    difference = (layer(changed) - layer(pictures)).abs().amax(dim=(1, 3)) > 1e-6
    assert difference.tolist() == [[False] * 8, [False, False, True, True, False, False, False, False]]


@torch.inference_mode()
def test_parts_move_by_themselves() -> None:
    torch.manual_seed(0)
    motion = MicroMotion(8, 3)
    parts = torch.randn(1, 10, 3, 8, generator=torch.Generator().manual_seed(1))
    changed = parts.clone()
    changed[:, :, 1] += 1.0
    difference = (motion(changed) - motion(parts)).abs().amax(dim=(0, 2))
    assert (difference > 1e-6).tolist() == [False, True, False]
