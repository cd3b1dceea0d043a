"""Training of the gait network: to tell true parameters with honest uncertainty, and whose clips belong together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.network import GaitNetwork, log_ratio
from mission_core.models.learning import Batch, MatchingTraining, Objective, check_clip

JOINT_NOISE = 0.01  # added to joints and outlines in training [m, share of the crop's width]


@dataclass(frozen=True, kw_only=True)
class GaitTraining(MatchingTraining):
    """A training run of the gait network, as in config/train/*.yaml."""

    method: Literal["gait"] = "gait"
    network: GaitConfig = field(default_factory=GaitConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_clip(self.network.num_frames, self.network.num_points, self.network.frame_rate)

    @property
    def frame_rate(self) -> float:
        """See MatchingTraining."""
        return self.network.frame_rate


class GaitObjective(Objective):
    """Surprise of both sides about the true parameters, and cross-entropy of finding the right partner."""

    def __init__(self, config: GaitTraining) -> None:  # noqa: ARG002 - all objectives are made alike
        super().__init__()

    def forward(self, network: GaitNetwork, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """See Objective."""
        radar = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)
        noise = JOINT_NOISE * torch.randn_like(batch.seen)
        vision = network.encode_seen(batch.seen + noise, batch.geometry)
        pairs = len(vision)
        truth = batch.parameters @ network.rotation()
        radar_surprise, vision_surprise = surprise(radar, truth), surprise(vision, truth[:pairs])
        ratios = log_ratio(radar[:pairs], vision)
        partner = torch.arange(pairs, device=ratios.device)
        matching = 0.5 * (functional.cross_entropy(ratios, partner) + functional.cross_entropy(ratios.T, partner))
        parts = {"matching": matching, "surprise_radar": radar_surprise, "surprise_vision": vision_surprise}
        return radar_surprise + vision_surprise + matching, parts

    def prepare(self, network: GaitNetwork, batch: Batch) -> None:
        """Typical value and spread of what both sides read."""
        nn.init.normal_(network.turn, 0.0, 0.01)
        radar = network.radar_features(batch.points, batch.present, batch.motion)[batch.frames]
        network.radar.offset.copy_(radar.mean(dim=0))
        network.radar.scale.copy_(radar.std(dim=0) + 0.05)
        vision = network.vision_features(batch.seen, batch.geometry).flatten(0, 1)
        network.vision.offset.copy_(vision.mean(dim=0))
        network.vision.scale.copy_(vision.std(dim=0) + 0.02)


def surprise(evidence: Tensor, truth: Tensor) -> Tensor:
    """Mean negative log-likelihood [nat] of true parameters (B, G), N(0, 1) beforehand, after evidence (B, 2, D >= G).

    But for a constant: half of G where nothing is told.
    """
    information, precision = evidence[:, 0, : truth.shape[1]], evidence[:, 1, : truth.shape[1]]
    error = (1.0 + precision) * (truth - information / (1.0 + precision)).square()
    return 0.5 * (error - torch.log1p(precision)).sum(dim=-1).mean()
