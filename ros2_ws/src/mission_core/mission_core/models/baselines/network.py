"""A network of two branches that meet only in the distance of their results."""

import torch
from torch import Tensor, nn

from mission_core.models.baselines.configuration import DualConfig
from mission_core.models.baselines.radar import radar_branch
from mission_core.models.baselines.reflection import ReflectionBranch
from mission_core.models.baselines.vision import PartBranch, TemporalBranch
from mission_core.models.layers import AttentionPooling, Projection
from mission_core.models.matching import DualNetwork
from mission_core.models.pictures.network import PictureNetwork


class TwoBranchNetwork(DualNetwork):
    """Deep metric learning without fusion: what the paper's PTL, PGL, VCGL, DGL and HRD have in common.

    Each side is encoded, pooled over the frames, projected and scaled to a unit vector. As in the Mission network, the
    radar's tokens know the motion of the track, and pooling leaves out frames that do not exist.
    """

    def __init__(self, config: DualConfig, pictures: PictureNetwork) -> None:
        super().__init__(pictures, config.num_frames, config.num_points)
        self.config = config
        dim = config.dim
        self.radar = radar_branch(config.radar, dim, config.lstm_layers)
        self.motion = nn.Linear(3, dim)
        self.pool = AttentionPooling(dim)
        self.vision = _vision_branch(config, pictures)
        self.radar_projection = Projection(dim, config.dropout)
        self.vision_projection = Projection(dim, config.dropout)

    @torch.jit.export
    def encode_radar(self, points: Tensor, present: Tensor, frames: Tensor, motion: Tensor) -> Tensor:
        """Unit vectors (B, 1, D); see MatchingNetwork."""
        tokens = self.radar(points, present) + self.motion(motion)
        return self.radar_projection(self.pool(tokens, frames)).unsqueeze(1)

    @torch.jit.export
    def encode_seen(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Unit vectors (B, 1, D); see MatchingNetwork."""
        return self.vision_projection(self.vision(seen, geometry)).unsqueeze(1)


def _vision_branch(config: DualConfig, pictures: PictureNetwork) -> nn.Module:
    if config.vision == "gaitpart":
        return PartBranch(config.dim)
    if config.vision == "reflection":
        return ReflectionBranch(config.dim, config.lstm_layers)
    return TemporalBranch(config.dim, pictures.backbone.channels)
