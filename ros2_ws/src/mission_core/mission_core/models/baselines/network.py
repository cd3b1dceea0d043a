"""A network of two branches that meet only in the distance of their results."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.baselines.configuration import DualConfig
from mission_core.models.baselines.radar import radar_branch
from mission_core.models.baselines.reflection import ReflectionBranch
from mission_core.models.baselines.vision import PartBranch, TemporalBranch
from mission_core.models.layers import AttentionPooling
from mission_core.models.matching import DualNetwork
from mission_core.models.pictures.network import PictureNetwork


class TwoBranchNetwork(DualNetwork):
    """Deep metric learning without fusion: what the paper's PTL, PGL, VCGL, DGL and HRD have in common.

    Each side is encoded, pooled over the frames, projected and scaled to a unit vector. As in the Mission network, the
    radar's tokens know the motion of the track, and pooling leaves out frames that do not exist.

    Deviation: what is projected is normalised over the batch before (Luo et al., "Bag of tricks and a strong baseline
    for deep person re-identification", CVPRW 2019). Without it untrained clips are all but one vector, and the triplet
    loss takes long to find out in what they differ.
    """

    def __init__(self, config: DualConfig, pictures: PictureNetwork) -> None:
        super().__init__(pictures, config.num_frames, config.num_points)
        self.config = config
        dim = config.dim
        self.radar = radar_branch(config.radar, dim, config.lstm_layers)
        self.motion = nn.Linear(3, dim)
        self.pool = AttentionPooling(dim)
        self.vision = _vision_branch(config, pictures)
        self.radar_norm, self.vision_norm = nn.BatchNorm1d(dim), nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(config.dropout)
        self.radar_projection = nn.Linear(dim, dim)
        self.vision_projection = nn.Linear(dim, dim)

    @torch.jit.export
    def encode_radar(self, points: Tensor, present: Tensor, frames: Tensor, motion: Tensor) -> Tensor:
        """Unit vectors (B, 1, D); see MatchingNetwork."""
        tokens = self.radar(points, present) + self.motion(motion)
        pooled = self.dropout(self.radar_norm(self.pool(tokens, frames)))
        return functional.normalize(self.radar_projection(pooled), dim=-1).unsqueeze(1)

    @torch.jit.export
    def encode_seen(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Unit vectors (B, 1, D); see MatchingNetwork."""
        pooled = self.dropout(self.vision_norm(self.vision(seen, geometry)))
        return functional.normalize(self.vision_projection(pooled), dim=-1).unsqueeze(1)


def _vision_branch(config: DualConfig, pictures: PictureNetwork) -> nn.Module:
    if config.vision == "gaitpart":
        return PartBranch(config.dim)
    if config.vision == "reflection":
        return ReflectionBranch(config.dim, config.lstm_layers)
    return TemporalBranch(config.dim, pictures.backbone.channels)
