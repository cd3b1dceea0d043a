from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mission_core.errors import ConfigurationError
from mission_core.models.baselines.configuration import RADAR, VISION, DualConfig
from mission_core.models.baselines.network import TwoBranchNetwork
from mission_core.models.export import write_model
from mission_core.models.pictures.network import PictureNetwork

SMALL = DualConfig(num_frames=12, num_points=9, dim=16, lstm_layers=1, dropout=0.0)
BOTH = [*((radar, "tcmr") for radar in RADAR), *(("pointnet", vision) for vision in VISION[1:])]


@pytest.fixture(params=BOTH, ids="-".join)
def network(request: pytest.FixtureRequest, pictures: PictureNetwork) -> TwoBranchNetwork:
    radar, vision = request.param
    torch.manual_seed(3)
    return TwoBranchNetwork(replace(SMALL, radar=radar, vision=vision), pictures).eval()


@torch.inference_mode()
def test_each_side_makes_a_unit_vector(
    network: TwoBranchNetwork, radar: dict[str, Tensor], camera: dict[str, Tensor]
) -> None:
    heard, looked = network.encode_radar(**radar), network.encode_seen(**camera)
    for encoded in (heard, looked):
        assert encoded.shape == (3, 1, SMALL.dim)
        torch.testing.assert_close(encoded.norm(dim=-1), torch.ones(3, 1))
        assert encoded.flatten(1).std(dim=0).min() > 0  # clips differ
    expected = (heard - looked.transpose(0, 1)).square().sum(dim=-1)
    torch.testing.assert_close(network.distances(heard, looked), expected)


@torch.inference_mode()
def test_order_of_the_points_and_absent_ones_do_not_matter(network: TwoBranchNetwork, radar: dict[str, Tensor]) -> None:
    order = torch.randperm(SMALL.num_points, generator=torch.Generator().manual_seed(4))
    garbage = radar["points"] + 100.0 * ~radar["present"].unsqueeze(-1)
    shuffled = {**radar, "points": garbage[:, :, order], "present": radar["present"][:, :, order]}
    torch.testing.assert_close(network.encode_radar(**shuffled), network.encode_radar(**radar), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_every_present_feature_matters(network: TwoBranchNetwork, radar: dict[str, Tensor]) -> None:
    expected = network.encode_radar(**radar)
    for feature in range(5):
        points = radar["points"].clone()
        points[..., feature] += 0.3 * radar["present"]
        assert (network.encode_radar(**{**radar, "points": points}) - expected).abs().max() > 1e-6


@torch.inference_mode()
def test_absent_frames_have_no_influence(network: TwoBranchNetwork, radar: dict[str, Tensor]) -> None:
    absent = ~radar["frames"]
    motion = torch.where(absent.unsqueeze(-1), 7.0, radar["motion"])
    points = torch.where(absent[..., None, None], 7.0, radar["points"])
    changed = network.encode_radar(**{**radar, "motion": motion, "points": points})
    torch.testing.assert_close(changed, network.encode_radar(**radar), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_unknown_geometry_counts_as_one_thing(network: TwoBranchNetwork, camera: dict[str, Tensor]) -> None:
    expected = network.encode_seen(**camera)
    partly = camera["geometry"].clone()
    partly[1, :, 0] = 1.0  # of no use without the rest
    torch.testing.assert_close(network.encode_seen(camera["seen"], partly), expected)
    taller = camera["geometry"] + torch.tensor([0.0, 0.0, 0.2, 0.0])
    changed = (network.encode_seen(camera["seen"], taller) - expected).abs().amax(dim=(1, 2))
    assert changed[0] > 1e-4
    assert changed[1] == 0


def test_gradients_reach_every_parameter(
    network: TwoBranchNetwork, radar: dict[str, Tensor], camera: dict[str, Tensor]
) -> None:
    network.distances(network.encode_radar(**radar), network.encode_seen(**camera)).diagonal().sum().backward()
    lacking = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.abs().max() > 0)
    ]
    assert all(name.endswith("pool.score.bias") for name in lacking)  # a softmax does not feel a constant


def test_exported_network_is_the_trained_one(network: TwoBranchNetwork, tmp_path: Path) -> None:
    model = write_model(network, "tiny", tmp_path, {})  # raises where they differ
    assert model.card["input"]["feature_shape"] == [1, SMALL.dim]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"radar": "lidar"}, "radar is 'lidar'"), ({"vision": "spin"}, "vision is 'spin'"), ({"dim": 3}, "dim is 3")],
)
def test_wrong_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        DualConfig(**settings)  # type: ignore[arg-type]
