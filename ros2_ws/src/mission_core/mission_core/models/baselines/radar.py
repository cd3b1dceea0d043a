"""Radar encoders of the baselines: points (B, T, N, 5) of a clip to a token for each frame (B, T, D).

PointNet is the Mission network's own branch. All end in the same bidirectional LSTM, so that what is compared is how
the points of a frame are read.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.layers import PointScale, Recurrence
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import RadarBranch


def pointnet(dim: int, lstm_layers: int) -> RadarBranch:
    """PointNet and LSTM, as in the Mission network."""
    return RadarBranch(ReidConfig(dim=dim, lstm_layers=lstm_layers))


class VoxelBranch(nn.Module):
    """Points in voxels, a 3-D CNN for each frame, then a bidirectional LSTM over the frames (the paper's VCGL).

    Source: RadHAR (Singh et al., "RadHAR: Human activity recognition from point clouds generated through a
    millimeter-wave radar", mmNets 2019), its time-distributed CNN with bidirectional LSTM.

    Deviations: RadHAR counts points in 10 x 32 x 32 voxels over the extent of each cloud; here the voxels have a fixed
    size, so that stature is not scaled away, lie around the track, and tell SNR and velocity beside the count. There
    are 10 x 10 x 16 of them, and the two convolutions have a stride of 2 and 16 and 32 channels, for the sake of the
    CPU. Points beyond the grid are left out.
    """

    low: Tensor
    size: Tensor

    def __init__(self, dim: int, lstm_layers: int) -> None:
        super().__init__()
        self.shape = (10, 10, 16)
        self.register_buffer("low", torch.tensor([-0.8, -0.8, 0.0]))  # corner of the grid: x, y, z [m]
        self.register_buffer("size", torch.tensor([0.16, 0.16, 0.14]))  # of a voxel [m]
        self.scale = PointScale()
        self.layers = nn.Sequential(
            nn.Conv3d(3, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv3d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.frame = nn.Sequential(nn.Linear(32 * 3 * 3 * 4, dim), nn.LayerNorm(dim))
        self.recurrence = Recurrence(dim, lstm_layers)

    def voxels(self, points: Tensor, present: Tensor) -> Tensor:
        """Points (F, N, 5), present (F, N) to log(1 + count), mean SNR and mean velocity (F, 3, X, Y, Z)."""
        x, y, z = self.shape
        place = ((points[..., :3] - self.low) / self.size).floor().long()
        inside = present & (place >= 0).all(dim=-1)
        inside = inside & (place[..., 0] < x) & (place[..., 1] < y) & (place[..., 2] < z)
        index = ((place[..., 0] * y + place[..., 1]) * z + place[..., 2]) * inside  # (F, N)
        values = torch.cat([torch.ones_like(points[..., :1]), self.scale(points)[..., 3:]], dim=-1)
        values = values.masked_fill(~inside.unsqueeze(-1), 0.0).transpose(1, 2)  # (F, 3, N)
        grid = torch.zeros((len(points), 3, x * y * z), dtype=points.dtype, device=points.device)
        grid.scatter_add_(2, index.unsqueeze(1).expand(-1, 3, -1), values)
        count = grid[:, :1]
        grid = torch.cat([torch.log1p(count), grid[:, 1:] / count.clamp(min=1.0)], dim=1)
        return grid.reshape(-1, 3, x, y, z)

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Points (B, T, N, 5), present (B, T, N) to frame tokens (B, T, D)."""
        shown = self.layers(self.voxels(points.flatten(0, 1), present.flatten(0, 1)))
        return self.recurrence(self.frame(shown).unflatten(0, points.shape[:2]))


class EdgeConv(nn.Module):
    """What a point and its nearest neighbours say of each other: the largest ReLU(W_1 x_i + W_2 (x_j - x_i)) over j.

    Source: Wang et al., "Dynamic graph CNN for learning on point clouds", ACM TOG 2019, with one layer on each edge.
    That layer is linear up to the ReLU, so it is computed per point and the largest neighbour taken before it: the
    same result for an eighth of the products. Deviation: features are normalised after the maximum, not before.
    """

    def __init__(self, inputs: int, outputs: int, neighbours: int) -> None:
        super().__init__()
        self.neighbours = neighbours
        self.own, self.other = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs, bias=False)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Features (F, N, C), present (F, N) to (F, N, outputs), 0 for points that are absent."""
        nearest = self.nearest(features.detach(), present)  # (F, N, k)
        told = self.other(features)
        offered = told.masked_fill(~present.unsqueeze(-1), float("-inf"))
        with torch.no_grad():  # which neighbour has the largest: going back through all of them takes twice as long
            first = (torch.arange(len(present), device=features.device) * present.shape[1]).reshape(-1, 1, 1)
            around = offered.flatten(0, 1).index_select(0, (nearest + first).flatten()).unflatten(0, nearest.shape)
            winner = nearest.gather(2, around.max(dim=2).indices)  # (F, N, outputs)
        largest = offered.gather(1, winner)
        mixed = functional.relu(self.own(features) - told + largest)
        return self.norm(mixed).masked_fill(~present.unsqueeze(-1), 0.0)

    def nearest(self, features: Tensor, present: Tensor) -> Tensor:
        """(F, N, k) the points nearest to each in the space of the features (F, N, C), itself among them."""
        square = features.square().sum(dim=-1)
        distance = square.unsqueeze(-1) + square.unsqueeze(-2) - 2.0 * features @ features.transpose(1, 2)
        distance = distance.masked_fill(~present.unsqueeze(1), float("inf"))
        return distance.topk(min(self.neighbours, features.shape[1]), dim=-1, largest=False, sorted=False).indices


class GraphBranch(nn.Module):
    """EdgeConv per frame, then a bidirectional LSTM over the frames (the paper's DGL).

    Deviations from DGCNN, for the sake of the CPU and of sparse frames: two layers of 32 channels instead of four of 64
    to 256, 8 neighbours instead of 20 (a frame has a few dozen points); beside the maximum over the points their mean
    and their count.
    """

    def __init__(self, dim: int, lstm_layers: int) -> None:
        super().__init__()
        width, neighbours = 32, 8
        self.scale = PointScale()
        self.first, self.second = EdgeConv(5, width, neighbours), EdgeConv(width, width, neighbours)
        self.point = nn.Sequential(nn.Linear(2 * width, 64), nn.LayerNorm(64), nn.ReLU())
        self.frame = nn.Linear(2 * 64 + 1, dim)
        self.recurrence = Recurrence(dim, lstm_layers)

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Points (B, T, N, 5), present (B, T, N) to frame tokens (B, T, D)."""
        there = present.flatten(0, 1)
        one = there.unsqueeze(-1).to(points.dtype)
        scaled = self.scale(points.flatten(0, 1)).masked_fill(~there.unsqueeze(-1), 0.0)
        first = self.first(scaled, there)
        second = self.second(first, there)
        features = self.point(torch.cat([first, second], dim=-1)) * one  # ReLU output: 0 is its least value
        count = one.sum(dim=1)
        pooled = [features.amax(dim=1), features.sum(dim=1) / count.clamp(min=1.0), count / points.shape[2]]
        return self.recurrence(self.frame(torch.cat(pooled, dim=-1)).unflatten(0, points.shape[:2]))


def radar_branch(kind: str, dim: int, lstm_layers: int) -> nn.Module:
    """The encoder of that name, see `configuration.RADAR`."""
    made = {"pointnet": pointnet, "voxel": VoxelBranch, "dgcnn": GraphBranch}
    return made[kind](dim, lstm_layers)
