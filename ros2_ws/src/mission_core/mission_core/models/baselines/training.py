"""Training of the baselines that match: the metric loss over distances between unit vectors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from mission_core.errors import ConfigurationError
from mission_core.losses import METRIC_LOSSES, metric_loss
from mission_core.models.baselines.configuration import DualConfig
from mission_core.models.baselines.network import TwoBranchNetwork
from mission_core.models.learning import Batch, MatchingTraining, Objective, check_clip


@dataclass(frozen=True, kw_only=True)
class DualTraining(MatchingTraining):
    """A training run of two branches without fusion, as in config/train/compare/*.yaml.

    Attributes:
        loss: "triplet", the paper's, "contrastive" or "all_pairs", see `mission_core.losses`.
    """

    method: Literal["dual"] = "dual"
    network: DualConfig = field(default_factory=DualConfig)
    loss: Literal["triplet", "contrastive", "all_pairs"] = "triplet"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in METRIC_LOSSES:
            raise ConfigurationError(f"loss is {self.loss!r}, expected one of {', '.join(METRIC_LOSSES)}")
        check_clip(self.network.num_frames, self.network.num_points)


class DualObjective(Objective):
    """The metric loss; people of the crowd, whom only the radar saw, take no part."""

    def __init__(self, config: DualTraining) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        self._loss = config.loss

    def forward(self, network: TwoBranchNetwork, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """See Objective."""
        radar = (batch.points, batch.present, batch.frames, batch.motion)
        encoded = network.encode_radar(*(part[: len(batch.seen)] for part in radar))
        vision = network.encode_seen(batch.seen, batch.geometry)
        metric = metric_loss(self._loss, network.distances(encoded, vision), self.log_sharpness.exp())
        return metric, {"metric": metric}
