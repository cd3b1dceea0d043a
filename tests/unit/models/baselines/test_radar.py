import pytest
import torch

from mission_core.models.baselines.radar import EdgeConv, VoxelBranch


@torch.inference_mode()
def test_voxel_tells_how_many_points_it_holds_and_their_mean() -> None:
    branch = VoxelBranch(16, 1)
    points = torch.tensor(
        [[[-0.79, -0.79, 0.01, 35.0, 1.5], [-0.70, -0.70, 0.10, 5.0, 0.0], [0.79, 0.79, 2.23, 20.0, -1.5]]]
    )
    voxels = branch.voxels(points, torch.ones(1, 3, dtype=torch.bool))
    assert voxels.shape == (1, 3, 10, 10, 16)
    assert voxels[0, :, 0, 0, 0].tolist() == pytest.approx([torch.tensor(3.0).log().item(), 0.0, 0.5])
    assert voxels[0, :, -1, -1, -1].tolist() == pytest.approx([torch.tensor(2.0).log().item(), 0.0, -1.0])
    assert voxels.count_nonzero() == 4


@torch.inference_mode()
@pytest.mark.parametrize("place", [(-0.81, 0.0, 1.0), (0.0, 0.81, 1.0), (0.0, 0.0, -0.01), (0.0, 0.0, 2.25)])
def test_points_beyond_the_grid_are_left_out(place: tuple[float, float, float]) -> None:
    points = torch.tensor([[[*place, 40.0, 2.0]]])
    assert VoxelBranch(16, 1).voxels(points, torch.ones(1, 1, dtype=torch.bool)).count_nonzero() == 0


@torch.inference_mode()
def test_edge_convolution_is_that_of_each_edge() -> None:
    """As the source writes it: every edge by itself, then the largest over the nearest k present points."""
    generator = torch.Generator().manual_seed(0)
    layer = EdgeConv(5, 7, neighbours=3)
    features = torch.randn(1, 8, 5, generator=generator)
    present = torch.tensor([[True] * 6 + [False] * 2])
    shown = layer(features, present)[0]
    for point in range(6):
        distances = (features[0, :6] - features[0, point]).norm(dim=-1)
        nearest = distances.argsort()[:3]
        edges = layer.own(features[0, point]) + layer.other(features[0, nearest] - features[0, point])
        torch.testing.assert_close(shown[point], layer.norm(edges.relu().amax(dim=0)))
    assert shown[6:].count_nonzero() == 0


def test_frame_with_fewer_points_than_neighbours_has_finite_gradients() -> None:
    layer = EdgeConv(5, 7, neighbours=3)
    features = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    present = torch.zeros(2, 8, dtype=torch.bool)
    present[0, 2] = True  # and nothing at all in the other frame
    layer(features, present).square().sum().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in layer.parameters() if parameter.grad is not None)
