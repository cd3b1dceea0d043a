"""What the paper compares its joints with: one network that reads the radar only, one that reads the camera only."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.baselines.configuration import PoseConfig
from mission_core.models.baselines.radar import pointnet
from mission_core.models.baselines.vision import TemporalFrames
from mission_core.models.layers import AttentionPooling, PointScale, Recurrence
from mission_core.models.learning import Batch
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.reid.network import PoseHead


class AnchorBranch(nn.Module):
    """What lies around fixed places of a body: mmMesh's anchor points, then a bidirectional LSTM over the frames.

    Each of 3 x 3 x 9 anchors reads the 8 points nearest to it, by attention; a 3-D CNN reads the anchors.

    Deviations: one layer of 16 features on each pair of anchor and point instead of three up to 64, which is computed
    per anchor and per point and added, and convolutions of 48 and 64 channels, all for the sake of the CPU. Anchors
    stand from the floor to 2 m every 0.25 m, not around a predicted height, for heights are above the floor here.
    """

    anchors: Tensor

    def __init__(self, dim: int, lstm_layers: int) -> None:
        super().__init__()
        width, self.neighbours = 16, 8
        across, up = torch.tensor([-0.3, 0.0, 0.3]), torch.arange(9) * 0.25  # [m]
        grid = torch.stack(torch.meshgrid(up, across, across, indexing="ij"), dim=-1).flatten(0, 2)
        self.register_buffer("anchors", grid.flip(-1), persistent=False)  # (81, 3) x, y, z
        self.scale = PointScale()
        self.base = nn.Sequential(nn.Linear(5, 24), nn.LayerNorm(24), nn.ReLU())
        self.place, self.point = nn.Linear(3, width), nn.Linear(5 + 24, width, bias=False)
        self.pool = AttentionPooling(width)
        self.volume = nn.Sequential(
            nn.Conv3d(width, 48, 3),
            nn.ReLU(),
            nn.Conv3d(48, 64, (5, 1, 1)),
            nn.ReLU(),
            nn.Conv3d(64, 64, (3, 1, 1)),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, dim),
        )
        self.recurrence = Recurrence(dim, lstm_layers)

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Points (B, T, N, 5), present (B, T, N) to frame tokens (B, T, D)."""
        there = present.flatten(0, 1)
        where = points.flatten(0, 1).masked_fill(~there.unsqueeze(-1), 0.0)  # (F, N, 5)
        scaled = self.scale(where)
        offered = self.point(torch.cat([scaled, self.base(scaled)], dim=-1))
        nearest = self.nearest(where[..., :3].detach(), there)  # (F, 81, k)
        first = (torch.arange(len(where), device=points.device) * there.shape[1]).reshape(-1, 1, 1)
        index = (nearest + first).flatten()
        found = there.flatten().index_select(0, index).unflatten(0, nearest.shape)
        around = offered.flatten(0, 1).index_select(0, index).unflatten(0, nearest.shape)  # (F, 81, k, W)
        around = functional.relu(around + self.place(self.anchors).unsqueeze(1))
        pooled = self.pool(around, found) * found.any(dim=-1, keepdim=True)
        shown = self.volume(pooled.transpose(1, 2).unflatten(2, (9, 3, 3)))
        return self.recurrence(shown.unflatten(0, points.shape[:2]))

    def nearest(self, places: Tensor, present: Tensor) -> Tensor:
        """(F, 81, k) the points of a frame (F, N, 3), where present (F, N), that are nearest to each anchor."""
        distance = places.square().sum(dim=-1).unsqueeze(1) - 2.0 * self.anchors @ places.transpose(1, 2)
        distance = distance.masked_fill(~present.unsqueeze(1), float("inf"))  # but for the anchors' own squares
        return distance.topk(min(self.neighbours, places.shape[1]), dim=-1, largest=False, sorted=False).indices


class RadarPose(nn.Module):
    """Joints by radar alone, after mmMesh: a global branch of PointNet and LSTM beside one of anchor points.

    Source: Xue et al., "mmMesh: Towards 3D real-time dynamic human mesh construction using millimeter-wave", MobiSys
    2021. Deviations: joints take the place of SMPL's parameters, since that body may not be shipped. Anchors stand
    around the track's centre and the global branch predicts no place, for points are relative to the track already.
    The motion of the track is told, as to the radar's side of all methods.
    """

    mean_joints: Tensor

    def __init__(self, config: PoseConfig, pictures: PictureNetwork) -> None:
        super().__init__()
        self.num_frames, self.num_points = config.num_frames, config.num_points
        self.whole = pointnet(config.dim, config.lstm_layers)
        self.anchor = AnchorBranch(config.dim, config.lstm_layers)
        self.motion = nn.Linear(3, 2 * config.dim)
        self.head = PoseHead(2 * config.dim)
        self.register_buffer("mean_joints", pictures.mean_joints.clone())

    def forward(self, points: Tensor, present: Tensor, motion: Tensor) -> Tensor:
        """Joints (B, T, 32, 3) [m] in the frame of `processing.body_frame`, of clips as in MatchingNetwork."""
        tokens = torch.cat([self.whole(points, present), self.anchor(points, present)], dim=-1)
        return self.mean_joints + self.head(tokens + self.motion(motion))

    def told(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Joints of a batch as told and as they are (B, T, 32, 3) [m], and the frames (B, T) that exist."""
        return self(batch.points, batch.present, batch.motion), batch.radar_joints, batch.frames


class CameraPose(nn.Module):
    """Joints by camera alone, after TCMR; see `baselines.vision.TemporalFrames`.

    Deviation: joints take the place of SMPL's parameters, since that body may not be shipped.
    """

    mean_joints: Tensor

    def __init__(self, config: PoseConfig, pictures: PictureNetwork) -> None:
        super().__init__()
        self.num_frames, self.num_points = config.num_frames, config.num_points
        self.frames = TemporalFrames(config.dim, pictures.backbone.channels)
        self.head = PoseHead(config.dim)
        self.register_buffer("mean_joints", pictures.mean_joints.clone())

    def forward(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Joints (B, T, 32, 3) [m] in the frame of `processing.body_frame`, of clips as in MatchingNetwork."""
        return self.mean_joints + self.head(self.frames(seen, geometry))

    def told(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """As `RadarPose.told`."""
        every = torch.ones(batch.seen.shape[:2], dtype=torch.bool, device=batch.seen.device)
        return self(batch.seen, batch.geometry), batch.camera_joints, every


def pose_network(config: PoseConfig, pictures: PictureNetwork) -> RadarPose | CameraPose:
    """The network of that kind, see PoseConfig."""
    return RadarPose(config, pictures) if config.kind == "mmmesh" else CameraPose(config, pictures)
