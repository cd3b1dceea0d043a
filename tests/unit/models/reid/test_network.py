import pytest
import torch
from torch import Tensor

from mission_core.errors import ConfigurationError
from mission_core.losses import matching_loss, pose_loss
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import MissionNetwork

QUERIES, CLIPS, FRAMES, POINTS = 3, 4, 6, 8


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.ones(QUERIES, FRAMES, dtype=torch.bool)
    frames[0, :2] = False
    present = torch.rand(QUERIES, FRAMES, POINTS, generator=generator) < 0.6
    present &= frames.unsqueeze(-1)
    present[1, 3] = False  # a frame in which nothing was detected
    return {
        "points": torch.randn(QUERIES, FRAMES, POINTS, 5, generator=generator),
        "present": present,
        "frames": frames,
        "crops": torch.randint(0, 256, (CLIPS, FRAMES, 96, 64, 3), dtype=torch.uint8, generator=generator),
        "geometry": torch.randn(CLIPS, FRAMES, 4, generator=generator),
    }


@torch.inference_mode()
def test_distances_have_one_row_per_query_and_lie_in_their_range(
    network: MissionNetwork, inputs: dict[str, Tensor]
) -> None:
    distances = network(**inputs)
    assert distances.shape == (QUERIES, CLIPS)
    assert torch.isfinite(distances).all()
    assert ((distances >= 0) & (distances <= 4 + 1e-5)).all()
    assert distances.std() > 1e-4


@torch.inference_mode()
def test_order_of_the_points_does_not_matter(network: MissionNetwork, inputs: dict[str, Tensor]) -> None:
    order = torch.randperm(POINTS, generator=torch.Generator().manual_seed(2))
    shuffled = {**inputs, "points": inputs["points"][:, :, order], "present": inputs["present"][:, :, order]}
    torch.testing.assert_close(network(**shuffled), network(**inputs), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_absent_points_and_frames_have_no_influence(network: MissionNetwork, inputs: dict[str, Tensor]) -> None:
    garbage = inputs["points"] + 100.0 * ~inputs["present"].unsqueeze(-1)
    torch.testing.assert_close(network(**{**inputs, "points": garbage}), network(**inputs), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_order_of_the_gallery_only_reorders_the_result(network: MissionNetwork, inputs: dict[str, Tensor]) -> None:
    order = torch.tensor([2, 0, 3, 1])
    reordered = {**inputs, "crops": inputs["crops"][order], "geometry": inputs["geometry"][order]}
    torch.testing.assert_close(network(**reordered), network(**inputs)[:, order], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_pair_does_not_depend_on_the_other_pairs(network: MissionNetwork, inputs: dict[str, Tensor]) -> None:
    alone = network(**{name: value[:1] for name, value in inputs.items()})
    torch.testing.assert_close(alone, network(**inputs)[:1, :1], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_each_modality_attends_to_the_other(network: MissionNetwork, inputs: dict[str, Tensor]) -> None:
    radar = network.encode_radar(inputs["points"], inputs["present"], inputs["frames"], torch.zeros(0))
    vision = network.encode_vision(inputs["crops"], inputs["geometry"])
    fused_radar, fused_vision = network.fuse(radar, inputs["frames"], vision)
    assert (fused_radar[0, 0] - fused_radar[0, 1]).abs().max() > 1e-4  # same radar clip, other camera clip
    assert (fused_vision[0, 0] - fused_vision[1, 0]).abs().max() > 1e-4


@torch.inference_mode()
def test_unknown_geometry_is_accepted(network: MissionNetwork, inputs: dict[str, Tensor]) -> None:
    unknown = torch.full_like(inputs["geometry"], float("nan"))
    assert torch.isfinite(network(**{**inputs, "geometry": unknown})).all()


def test_fusion_is_trained_from_the_first_two_steps_on_by_either_loss(inputs: dict[str, Tensor]) -> None:
    """As released, three zero-initialised layers in series never receive a gradient without the self pose heads."""
    clips = {name: value[:QUERIES] for name, value in inputs.items()}
    joints = torch.randn(QUERIES, FRAMES, 32, 3)
    for use_pose in (False, True):
        torch.manual_seed(0)
        network = MissionNetwork(ReidConfig(num_frames=FRAMES, num_points=POINTS, dim=16, image_features=(3, 8, 8)))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            radar = network.encode_radar(clips["points"], clips["present"], clips["frames"], torch.zeros(0))
            vision = network.encode_vision(clips["crops"], clips["geometry"])
            if use_pose:
                fused, _ = network.fuse(radar, clips["frames"], vision)
                pair = torch.arange(QUERIES)
                loss = pose_loss(network.fused_pose(fused[pair, pair]), joints, clips["frames"])
            else:
                distances = network.distances(radar, clips["frames"], vision)
                loss = matching_loss(distances, torch.tensor(5.0))
            loss.backward()
            optimizer.step()
        gradient = network.radar_fusion.inter_key_value.weight.grad
        assert gradient is not None
        assert gradient.abs().max() > 0


@torch.inference_mode()
def test_a_larger_gallery_does_not_make_unknown_rarer(network: MissionNetwork) -> None:
    """Everybody is equally far: nothing was learned, so the prior must stay."""
    unknown = [network.probabilities(torch.full((1, people), 0.5))[0, -1].item() for people in (2, 10, 100)]
    assert unknown == pytest.approx([unknown[0]] * 3)


@torch.inference_mode()
def test_probabilities_sum_to_one_and_prefer_the_nearest(network: MissionNetwork) -> None:
    probabilities = network.probabilities(torch.tensor([[0.3, 0.1, 0.9]]))
    assert probabilities.shape == (1, 4)
    assert probabilities.sum().item() == pytest.approx(1.0)
    assert probabilities[0, :3].argmax().item() == 1


def test_impossible_configuration_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="point_features starts with 3"):
        ReidConfig(point_features=(3, 12))
    with pytest.raises(ConfigurationError, match="dim is 15"):
        ReidConfig(dim=15)
