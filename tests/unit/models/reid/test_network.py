from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from mission_core.errors import ConfigurationError
from mission_core.losses import matching_loss, pose_loss, triplet_loss
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import Coordination, MissionNetwork, Pooling

SMALL = ReidConfig(num_frames=6, num_points=8, dim=16, lstm_layers=1, dropout=0.0)
QUERIES, CLIPS, SNIPPET, POINTS = 3, 4, 20, 8

Inputs = tuple[tuple[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def inputs_of(frames: int = SMALL.num_frames) -> Inputs:
    """What a radar and a camera encoder are called with."""
    generator = torch.Generator().manual_seed(1)
    exist = torch.ones(QUERIES, frames, dtype=torch.bool)
    exist[0, :2] = False
    present = torch.rand(QUERIES, frames, POINTS, generator=generator) < 0.6
    present &= exist.unsqueeze(-1)
    present[1, 3] = False  # a frame in which nothing was detected
    points = torch.randn(QUERIES, frames, POINTS, 5, generator=generator)
    motion = torch.randn(QUERIES, frames, 3, generator=generator) * exist.unsqueeze(-1)
    crops = torch.randint(0, 256, (CLIPS, SNIPPET, 96, 64, 3), dtype=torch.uint8, generator=generator)
    return (points, present, exist, motion), (crops, torch.randn(CLIPS, SNIPPET, 4, generator=generator))


@pytest.fixture
def inputs() -> Inputs:
    return inputs_of()


def distances(network: MissionNetwork, inputs: Inputs) -> Tensor:
    return network.distances(network.encode_radar(*inputs[0]), network.encode_vision(*inputs[1]))


def literally(fusion: Coordination, own: Tensor, present: Tensor, other: Tensor, other_present: Tensor) -> Tensor:
    """Equations 2 to 4 in their right reading, token by token: (S, D) enriched by itself and by (S', D)."""

    def softmax_over(keys: Tensor, there: Tensor, query: Tensor) -> Tensor:
        return torch.softmax((keys @ query * fusion.focus).masked_fill(~there, -1e4), dim=0)

    query, key, value = fusion.intra(fusion.norm_self(own)).chunk(3, dim=-1)
    asks = fusion.inter_query(fusion.norm_self(own))
    other_key, other_value = fusion.inter_key_value(fusion.norm_other(other)).chunk(2, dim=-1)
    rows = []
    for s in range(len(own)):
        intra = softmax_over(key, present, query[s]) @ value
        inter = softmax_over(other_key, other_present, asks[s]) @ (other_value * other_present.unsqueeze(-1))
        rows.append(own[s] + fusion.output(torch.cat([intra, inter * fusion.share])))
    return torch.stack(rows)


def pooled(pooling: Pooling, tokens: Tensor, present: Tensor) -> Tensor:
    """Pooling of fused tokens (T, n, D) as section 3.4 has it: over those of a frame, then over the frames."""
    scores = pooling.scores(tokens)
    even = torch.zeros_like(scores[..., 0])
    inside = torch.softmax((even if pooling.even else scores[..., 0]).masked_fill(~present, -1e4), dim=-1)
    frames = (inside.unsqueeze(-1) * tokens).sum(dim=1)
    logits = (frames @ pooling.over.weight[0]).masked_fill(~present.any(dim=-1), -1e4)
    return torch.softmax(logits, dim=0) @ frames


@pytest.mark.parametrize("tokens", ["frame", "pixel"])
@pytest.mark.parametrize("scope", ["frame", "clip"])
@pytest.mark.parametrize("ablated", ["", "attention", "fusion"])
@torch.inference_mode()
def test_distances_are_those_of_fusing_every_pair_literally(
    pictures: PictureNetwork, tokens: Literal["frame", "pixel"], scope: Literal["frame", "clip"], ablated: str
) -> None:
    """Encoding clips once and a little for each pair is exact: it computes what the equations say."""
    torch.manual_seed(0)
    frames = SNIPPET if scope == "frame" else SMALL.num_frames
    config = replace(SMALL, tokens=tokens, scope=scope, num_frames=frames, **({ablated: False} if ablated else {}))
    network = MissionNetwork(config, pictures).eval()
    for fusion in (network.radar_fusion, network.vision_fusion):
        torch.nn.init.normal_(fusion.output.weight, std=0.3)
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    grouped = network._grouped

    def spy(given: Tensor, exists: Tensor) -> tuple[Tensor, Tensor]:
        seen["radar" if "radar" not in seen else "vision"] = given, exists
        return grouped(given, exists)

    network._grouped = spy  # type: ignore[method-assign]
    inputs = inputs_of(frames)
    radar = network.encode_radar(*(part[:2] for part in inputs[0]))
    vision = network.encode_vision(*(part[:2] for part in inputs[1]))
    quick = network.distances(radar, vision)
    (radar_tokens, radar_there), (vision_tokens, vision_there) = seen["radar"], seen["vision"]

    def side(
        fusion: Coordination, pooling: Pooling, own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]
    ) -> Tensor:
        def flat(values: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            return values[0].flatten(0, -2), values[1].flatten()

        if scope == "clip":
            fused = literally(fusion, *flat(own), *flat(other)).reshape(own[0].shape)
        else:
            fused = torch.stack(
                [literally(fusion, own[0][t], own[1][t], other[0][t], other[1][t]) for t in range(len(own[0]))]
            )
        return pooled(pooling, fused, own[1])

    for q in range(2):
        for k in range(2):
            ours, theirs = (radar_tokens[q], radar_there[q]), (vision_tokens[k], vision_there[k])
            a = network.radar_projection(side(network.radar_fusion, network.radar_pooling, ours, theirs))
            b = network.vision_projection(side(network.vision_fusion, network.vision_pooling, theirs, ours))
            literal = (torch.nn.functional.normalize(a, dim=0) - torch.nn.functional.normalize(b, dim=0)).square().sum()
            assert quick[q, k].item() == pytest.approx(literal.item(), abs=1e-5)


@torch.inference_mode()
def test_distances_have_one_row_per_query_and_lie_in_their_range(network: MissionNetwork, inputs: Inputs) -> None:
    found = distances(network, inputs)
    assert found.shape == (QUERIES, CLIPS)
    assert torch.isfinite(found).all()
    assert ((found >= 0) & (found <= 4 + 1e-5)).all()
    assert found.std() > 1e-4


@torch.inference_mode()
def test_order_of_the_points_does_not_matter(network: MissionNetwork, inputs: Inputs) -> None:
    order = torch.randperm(POINTS, generator=torch.Generator().manual_seed(2))
    (points, present, frames, motion), camera = inputs
    shuffled = (points[:, :, order], present[:, :, order], frames, motion), camera
    torch.testing.assert_close(distances(network, shuffled), distances(network, inputs), rtol=0, atol=1e-5)


@pytest.mark.parametrize("tokens", ["frame", "pixel"])
@torch.inference_mode()
def test_absent_points_have_no_influence(
    pictures: PictureNetwork, inputs: Inputs, tokens: Literal["frame", "pixel"]
) -> None:
    torch.manual_seed(0)
    network = MissionNetwork(replace(SMALL, tokens=tokens), pictures).eval()
    for fusion in (network.radar_fusion, network.vision_fusion):
        torch.nn.init.normal_(fusion.output.weight)
    (points, present, frames, motion), camera = inputs
    garbage = (points + 100.0 * ~present.unsqueeze(-1), present, frames, motion), camera
    torch.testing.assert_close(distances(network, garbage), distances(network, inputs), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_order_of_the_gallery_only_reorders_the_result(network: MissionNetwork, inputs: Inputs) -> None:
    order = torch.tensor([2, 0, 3, 1])
    reordered = inputs[0], (inputs[1][0][order], inputs[1][1][order])
    torch.testing.assert_close(distances(network, reordered), distances(network, inputs)[:, order], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_each_modality_attends_to_the_other(network: MissionNetwork, inputs: Inputs) -> None:
    radar, vision = network.embed_pairs(network.encode_radar(*inputs[0]), network.encode_vision(*inputs[1]))
    assert (radar[0, 0] - radar[0, 1]).abs().max() > 1e-4  # same radar clip, other camera clip
    assert (vision[0, 0] - vision[1, 0]).abs().max() > 1e-4


@torch.inference_mode()
def test_without_fusion_each_side_speaks_for_itself(pictures: PictureNetwork, inputs: Inputs) -> None:
    torch.manual_seed(0)
    network = MissionNetwork(replace(SMALL, fusion=False), pictures).eval()
    torch.nn.init.normal_(network.radar_fusion.output.weight)
    radar, vision = network.embed_pairs(network.encode_radar(*inputs[0]), network.encode_vision(*inputs[1]))
    torch.testing.assert_close(radar[:, 0], radar[:, 3])
    torch.testing.assert_close(vision[0], vision[2])


@torch.inference_mode()
def test_unknown_geometry_is_accepted(network: MissionNetwork, inputs: Inputs) -> None:
    unknown = inputs[0], (inputs[1][0], torch.full_like(inputs[1][1], float("nan")))
    assert torch.isfinite(distances(network, unknown)).all()


@pytest.mark.parametrize("loss", ["matching", "triplet", "fused pose", "own pose"])
def test_fusion_is_trained_from_the_first_two_steps_on_by_each_loss(
    pictures: PictureNetwork, inputs: Inputs, loss: str
) -> None:
    """As released, three zero-initialised layers in series never receive a gradient without the self pose heads."""
    (points, present, frames, motion), (crops, geometry) = inputs
    joints = torch.randn(QUERIES, SMALL.num_frames, 32, 3)
    torch.manual_seed(0)
    network = MissionNetwork(SMALL, pictures)
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        radar = network.encode_radar(points, present, frames, motion)
        vision = network.encode_vision(crops[:QUERIES], geometry[:QUERIES])
        if loss == "matching":
            value = matching_loss(network.distances(radar, vision), torch.tensor(5.0))
        elif loss == "triplet":
            value = triplet_loss(network.distances(radar, vision))
        else:
            heads = network.joints if loss == "fused pose" else network.own_joints
            value = pose_loss(heads(radar, vision)[0], joints, frames)
        value.backward()
        optimizer.step()
    inside = network.radar_fusion.intra if loss == "own pose" else network.radar_fusion.inter_key_value
    assert inside.weight.grad is not None
    assert inside.weight.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in pictures.parameters())  # frozen


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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"point_features": (3, 12)}, "point_features starts with 3"),
        ({"dim": 15}, "dim is 15"),
        ({"tokens": "word"}, "tokens is 'word', expected frame or pixel"),
        ({"scope": "frame", "num_frames": 50}, "num_frames is 50, but camera clips have 20"),
    ],
)
def test_impossible_configuration_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ReidConfig(**settings)  # type: ignore[arg-type]
