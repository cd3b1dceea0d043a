import math

import pytest
import torch
from torch import Tensor

from mission_core.errors import ConfigurationError
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.network import (
    GaitNetwork,
    PointHistograms,
    Spectrum,
    log_ratio,
    merged,
    soft_histogram,
)
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import PictureNetwork

SMALL = GaitConfig(num_frames=30, num_points=8, dim=16, lines=8, swinging=2, free=3)
CLIPS, FRAMES = 4, 20


@pytest.fixture(scope="module")
def network() -> GaitNetwork:
    torch.manual_seed(0)
    return GaitNetwork(SMALL, PictureNetwork(PictureConfig())).eval()


@pytest.fixture
def radar() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.ones(3, SMALL.num_frames, dtype=torch.bool)
    frames[0, :9] = False
    present = torch.rand(3, SMALL.num_frames, SMALL.num_points, generator=generator) < 0.6
    present &= frames.unsqueeze(-1)
    present[1, 3] = False  # a frame in which nothing was detected
    return {
        "points": torch.randn(*present.shape, 5, generator=generator),
        "present": present,
        "frames": frames,
        "motion": torch.randn(*frames.shape, 3, generator=generator),
    }


@pytest.fixture
def camera() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        "crops": torch.randint(0, 256, (CLIPS, FRAMES, 96, 64, 3), dtype=torch.uint8, generator=generator),
        "geometry": torch.randn(CLIPS, FRAMES, 4, generator=generator),
    }


def evidence(*values: tuple[float, float]) -> Tensor:
    """(1, 2, D) of pairs of information and precision."""
    return torch.tensor(values).T.unsqueeze(0)


def normal(x: float, variance: float) -> float:
    return -0.5 * (x * x / variance + math.log(2 * math.pi * variance))


def test_ratio_is_that_of_the_probabilities_of_what_was_measured() -> None:
    """With a measurement of deviation 1 / sqrt(precision) on each side of a person drawn from N(0, 1)."""
    a, b, first, second = 0.8, 1.7, 3.0, 0.5  # measured values, precisions
    variances = 1 + 1 / first, 1 + 1 / second
    determinant = variances[0] * variances[1] - 1
    together = (variances[1] * a * a - 2 * a * b + variances[0] * b * b) / determinant
    one = -0.5 * (together + math.log((2 * math.pi) ** 2 * determinant))
    two = normal(a, variances[0]) + normal(b, variances[1])
    ratio = log_ratio(evidence((first * a, first)), evidence((second * b, second)))
    assert ratio.item() == pytest.approx(one - two, abs=1e-5)


def test_what_is_not_measured_says_nothing() -> None:
    seen, unseen = evidence((2.0, 4.0), (0.0, 0.0)), evidence((0.0, 0.0), (1.0, 2.0))
    assert log_ratio(seen, unseen).item() == pytest.approx(0.0, abs=1e-6)


def test_agreement_counts_more_the_rarer_it_is() -> None:
    common, rare = evidence((0.5 * 9, 9.0)), evidence((2.5 * 9, 9.0))
    assert log_ratio(rare, rare) > log_ratio(common, common) > 0 > log_ratio(common, rare)


def test_histogram_shares_each_value_between_its_neighbours() -> None:
    counts = soft_histogram(torch.tensor([[[0.25, 5.0]]]), torch.tensor([[[1.0, 2.0]]]), 0.0, 1.0, 3).expm1()
    torch.testing.assert_close(counts, torch.tensor([[[0.5, 0.5, 2.0]]]))  # what lies beyond goes into the last bin


@torch.inference_mode()
def test_order_of_the_points_and_absent_ones_do_not_matter(network: GaitNetwork, radar: dict[str, Tensor]) -> None:
    order = torch.randperm(SMALL.num_points, generator=torch.Generator().manual_seed(2))
    expected = network.encode_radar(**radar)
    garbage = radar["points"] + 100.0 * ~radar["present"].unsqueeze(-1)
    shuffled = {**radar, "points": garbage[:, :, order], "present": radar["present"][:, :, order]}
    torch.testing.assert_close(network.encode_radar(**shuffled), expected, rtol=0, atol=1e-4)
    assert network.histograms(radar["points"], radar["present"]).shape[-1] == PointHistograms.SIZE
    assert torch.isfinite(expected).all()
    assert (expected[:, 1] >= 0).all()


@torch.inference_mode()
def test_absent_frames_have_no_influence(network: GaitNetwork, radar: dict[str, Tensor]) -> None:
    absent = ~radar["frames"].unsqueeze(-1)
    noise = torch.randn(radar["motion"].shape, generator=torch.Generator().manual_seed(3))
    changed = network.encode_radar(**{**radar, "motion": torch.where(absent, noise, radar["motion"])})
    torch.testing.assert_close(changed, network.encode_radar(**radar), rtol=0, atol=1e-5)


@pytest.mark.parametrize("period", [0.1, 0.05])
@torch.inference_mode()
def test_spectrum_shows_what_swings_and_how_fast(period: float) -> None:
    config = GaitConfig(dim=2, lines=22, swinging=1)
    spectrum = Spectrum(config, period)
    spectrum.project.weight.copy_(torch.tensor([[1.0, 0.0]]))
    time = torch.arange(round(5.0 / period)) * period
    tokens = torch.stack((3.0 + torch.sin(2 * math.pi * 1.9 * time), torch.sin(2 * math.pi * 1.0 * time)), dim=-1)
    lines = spectrum(tokens.unsqueeze(0), torch.ones(1, len(time), dtype=torch.bool))[0]
    assert torch.linspace(0.7, 2.8, 22)[lines.argmax()].item() == pytest.approx(1.9, abs=0.06)


@torch.inference_mode()
def test_merged_clips_are_surer_and_the_order_does_not_matter(network: GaitNetwork, camera: dict[str, Tensor]) -> None:
    clips = network.encode_vision(**camera)
    people = network.merge(clips, torch.tensor([0, 1, 0, 0]), 2)
    torch.testing.assert_close(people[1], clips[1])
    again = network.merge(clips[[3, 1, 0, 2]], torch.tensor([0, 1, 0, 0]), 2)
    torch.testing.assert_close(again, people)


def test_merged_evidence_is_worth_what_clips_do_not_share() -> None:
    information, precision = torch.tensor([2.0, 1.0]), torch.tensor([4.0, 1.0])
    clip = torch.stack((information, precision))
    same = clip.repeat(4, 1, 1)
    alone, alike = (merged(same, torch.zeros(4, dtype=torch.int64), 1, torch.tensor(share)) for share in (0.0, 1.0))
    torch.testing.assert_close(alone[0], 4.0 * clip)
    torch.testing.assert_close(alike[0], clip)
    half = merged(same, torch.zeros(4, dtype=torch.int64), 1, torch.tensor(0.5))
    torch.testing.assert_close(half[0], clip / (0.5 / 4 + 0.5))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_poor_clip_takes_nothing_from_a_good_one(share: float) -> None:
    good, poor = torch.tensor([[2.0], [4.0]]), torch.tensor([[0.05], [0.1]])
    both = merged(torch.stack((good, poor)), torch.zeros(2, dtype=torch.int64), 1, torch.tensor(share))[0]
    assert both[1] >= good[1] - 1e-6
    assert both[0] / both[1] == pytest.approx(0.5, abs=1e-6)
    nobody = merged(good.unsqueeze(0), torch.tensor([1]), 2, torch.tensor(share))[0]
    assert not nobody.any()


@torch.inference_mode()
def test_unknown_geometry_is_accepted_and_has_no_value_of_its_own(
    network: GaitNetwork, camera: dict[str, Tensor]
) -> None:
    unknown = torch.full_like(camera["geometry"], float("nan"))
    assert torch.isfinite(network.encode_vision(camera["crops"], unknown)).all()


@torch.inference_mode()
def test_a_larger_gallery_does_not_make_unknown_rarer(network: GaitNetwork) -> None:
    few, many = (network.probabilities(torch.zeros(1, people))[0, -1].item() for people in (3, 300))
    assert few == pytest.approx(many, abs=1e-6)


def test_rotation_keeps_lengths(network: GaitNetwork) -> None:
    torch.nn.init.normal_(network.turn)
    turned = network.rotation()
    torch.testing.assert_close(turned @ turned.T, torch.eye(len(turned)), rtol=0, atol=1e-4)
    torch.nn.init.zeros_(network.turn)


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(ConfigurationError, match="dim is 5"):
        GaitConfig(dim=5)
    with pytest.raises(ConfigurationError, match="num_frames=3"):
        GaitConfig(num_frames=3)
