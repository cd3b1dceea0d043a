import itertools

import numpy as np
import pytest
import torch

from mission_core.losses import POSE_JOINTS
from mission_core.models.learning import Batch
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import MissionNetwork
from mission_core.models.reid.training import MissionObjective, MissionTraining, released_distances

PEOPLE, FRAMES, POINTS = 4, 20, 8


@pytest.fixture
def batch(pictures: PictureNetwork) -> Batch:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    seen = pictures(torch.zeros(1, 96, 64, 3, dtype=torch.uint8), torch.zeros(1, 4)).shape[1]
    return Batch(
        drawn(PEOPLE, FRAMES, POINTS, 5),
        torch.ones(PEOPLE, FRAMES, POINTS, dtype=torch.bool),
        torch.ones(PEOPLE, FRAMES, dtype=torch.bool),
        drawn(PEOPLE, FRAMES, 3),
        drawn(PEOPLE, FRAMES, 32, 3),
        drawn(PEOPLE, FRAMES, seen),
        drawn(PEOPLE, FRAMES, 4),
        drawn(PEOPLE, FRAMES, 32, 3),
        torch.zeros(PEOPLE, 1),
    )


def test_loss_without_fusion_counts_by_its_weight_and_teaches_both_sides(
    pictures: PictureNetwork, batch: Batch
) -> None:
    torch.manual_seed(0)
    shape = ReidConfig(num_frames=FRAMES, num_points=POINTS, dim=16, lstm_layers=1, dropout=0.0)
    network = MissionNetwork(shape, pictures)
    losses = []
    for weight in (0.0, 0.1):
        config = MissionTraining(
            name="tiny",
            network=shape,
            pictures=PictureTraining(name="p"),
            loss="all_pairs",  # the only one without chance
            propose_weight=weight,
        )
        loss, parts = MissionObjective(config)(network, batch)
        losses.append(loss)
    torch.testing.assert_close(losses[1] - losses[0], 0.1 * parts["propose"], atol=1e-5, rtol=1e-4)
    parts["propose"].backward()
    for layer in (
        network.radar.frame,
        network.vision.frame,
        network.radar_projection.linear,
        network.vision_projection.linear,
    ):
        assert layer.weight.grad is not None
        assert layer.weight.grad.abs().max() > 0
    assert (
        network.radar_fusion.inter_query.weight.grad is None or not network.radar_fusion.inter_query.weight.grad.any()
    )


@torch.inference_mode()
def test_average_joint_errors_are_of_the_fused_pairs_in_centimetres(pictures: PictureNetwork, batch: Batch) -> None:
    torch.manual_seed(0)
    shape = ReidConfig(num_frames=FRAMES, num_points=POINTS, dim=16, lstm_layers=1, dropout=0.0)
    network = MissionNetwork(shape, pictures).eval()
    config = MissionTraining(name="tiny", network=shape, pictures=PictureTraining(name="p"))
    radar = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)
    told = network.joints(radar, network.encode_seen(batch.seen, batch.geometry))
    measured = MissionObjective(config).measure(network, [batch, batch])
    for name, joints, truth in zip(("radar", "camera"), told, (batch.radar_joints, batch.camera_joints), strict=True):
        error = np.linalg.norm((joints - truth).numpy(), axis=-1)[..., POSE_JOINTS].mean()
        assert measured[f"{name}_joint_error_cm"] == pytest.approx(100 * error, rel=1e-3)


@torch.inference_mode()
def test_as_released_the_sides_of_true_pairs_are_compared_and_the_radar_tells_whose_pictures_it_saw(
    pictures: PictureNetwork, batch: Batch
) -> None:
    torch.manual_seed(0)
    shape = ReidConfig(num_frames=FRAMES, num_points=POINTS, dim=16, lstm_layers=1, dropout=0.0)
    network = MissionNetwork(shape, pictures).eval()
    for fusion in (network.radar_fusion, network.vision_fusion):
        torch.nn.init.normal_(fusion.output.weight)  # is zero before training
    radar = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)
    vision = network.encode_seen(batch.seen, batch.geometry)
    distances = released_distances(network, radar, vision)
    for i, j in itertools.product(range(PEOPLE), repeat=2):
        (radar_side, _), (_, camera_side) = (network.embed_pairs(radar[k : k + 1], vision[k : k + 1]) for k in (i, j))
        expected = (radar_side[0, 0] - camera_side[0, 0]).square().sum()
        torch.testing.assert_close(distances[i, j], expected, atol=1e-5, rtol=1e-4)
    nobody = released_distances(network, torch.zeros_like(radar), vision)
    assert nobody.std(dim=1).min() > 1e-4  # a query without any radar still differs from picture to picture
