"""What signatures and probes of all networks that match have in common: how near they come to minus the distance."""

import pytest
import torch
from torch import Tensor

from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.network import VARIANCES, GaitNetwork
from mission_core.models.matching import DualNetwork, MatchingNetwork
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import MissionNetwork

LATENT = 20


@pytest.fixture(scope="module")
def pictures() -> PictureNetwork:
    torch.manual_seed(0)
    return PictureNetwork(PictureConfig()).eval()


def likeness(network: MatchingNetwork, radar: Tensor, entries: Tensor) -> Tensor:
    return network.probes(radar) @ network.signatures(entries).T


def evidence(number: int, precision: Tensor, seed: int) -> Tensor:
    """(number, 2, LATENT) of some precision."""
    noise = torch.randn(number, LATENT, generator=torch.Generator().manual_seed(seed))
    precision = precision.expand(number, LATENT)
    return torch.stack([noise * (precision + precision.square()).sqrt(), precision], dim=1)


def some_precision(number: int, seed: int) -> Tensor:
    return torch.exp(1.5 * torch.randn(number, LATENT, generator=torch.Generator().manual_seed(seed)) - 0.5)


@torch.inference_mode()
def test_sides_of_their_own_are_found_by_the_exact_distance(pictures: PictureNetwork) -> None:
    network = DualNetwork(pictures, num_frames=10, num_points=8)
    radar, entries = (
        torch.nn.functional.normalize(torch.randn(n, 1, 6, generator=torch.Generator().manual_seed(n)), dim=-1)
        for n in (3, 5)
    )
    torch.testing.assert_close(2.0 - likeness(network, radar, entries), network.distances(radar, entries))


@torch.inference_mode()
@pytest.mark.parametrize("variance", VARIANCES)
def test_gaits_of_typical_variance_are_found_by_the_exact_ratio(pictures: PictureNetwork, variance: float) -> None:
    network = GaitNetwork(GaitConfig(num_frames=12, num_points=8, dim=16, lines=4, swinging=2), pictures)
    radar = evidence(6, some_precision(6, 0), 1)
    entries = evidence(9, torch.tensor(1.0 / variance - 1.0), 2)
    total = likeness(network, radar, entries) + network.distances(radar, entries)
    torch.testing.assert_close(total, total[:, :1].expand(-1, 9), atol=1e-3, rtol=1e-4)  # a constant of each query


@torch.inference_mode()
def test_nearest_gaits_are_among_those_proposed(pictures: PictureNetwork) -> None:
    network = GaitNetwork(GaitConfig(num_frames=12, num_points=8, dim=16, lines=4, swinging=2), pictures)
    radar, entries = evidence(20, some_precision(20, 3), 4), evidence(2000, some_precision(2000, 5), 6)
    nearest = network.distances(radar, entries).topk(5, largest=False).indices
    proposed = likeness(network, radar, entries).topk(50).indices
    found = (nearest.unsqueeze(2) == proposed.unsqueeze(1)).any(dim=2).float().mean()
    assert found == 1.0


@torch.inference_mode()
@pytest.mark.parametrize("tokens", ["frame", "pixel"])
def test_pairs_that_are_not_fused_are_found_by_the_exact_distance(pictures: PictureNetwork, tokens: str) -> None:
    shape = ReidConfig(num_frames=6, num_points=8, dim=16, lstm_layers=1, fusion=False, tokens=tokens)
    network = MissionNetwork(shape, pictures).eval()
    generator = torch.Generator().manual_seed(7)
    points = torch.randn(3, 6, 8, 5, generator=generator)
    present = torch.rand(3, 6, 8, generator=generator) < 0.6
    frames = torch.ones(3, 6, dtype=torch.bool)
    frames[0, :2] = False
    radar = network.encode_radar(points, present, frames, torch.randn(3, 6, 3, generator=generator))
    crops = torch.randint(0, 256, (4, 20, 96, 64, 3), dtype=torch.uint8, generator=generator)
    entries = network.encode_vision(crops, torch.randn(4, 20, 4, generator=generator))
    torch.testing.assert_close(2.0 - likeness(network, radar, entries), network.distances(radar, entries))
