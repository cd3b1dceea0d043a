"""Training of the Mission network: the paper's losses, and others that it is compared with."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from mission_core.errors import ConfigurationError
from mission_core.losses import METRIC_LOSSES, matching_loss, metric_loss, pose_loss
from mission_core.models.learning import Batch, MatchingTraining, Objective, check_clip
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.network import MissionNetwork


@dataclass(frozen=True, kw_only=True)
class MissionTraining(MatchingTraining):
    """A training run of the Mission network, as in config/train/*.yaml.

    Attributes:
        loss: "triplet" (equation 6), "contrastive" (the ablation noTL) or "all_pairs", see `mission_core.losses`.
        pose_weight: of the pose losses [1/m] against the metric loss; the paper weighs pose : metric as 1 : 2.
        as_released: whether the metric loss compares the sides of the batch's true pairs with each other, as the
            released code does, instead of the two sides inside each possible pair. That leaks the truth: see
            `mission_core.evaluation.as_released`, whose protocol measures what this learns.
        propose_weight: of the cross-entropy of finding the partner without fusion, against the metric loss. Not in the
            paper, which searches no large gallery; 0 leaves it out, and whom signatures then propose is left to chance.
    """

    method: Literal["mission"] = "mission"
    network: ReidConfig = field(default_factory=ReidConfig)
    loss: Literal["triplet", "contrastive", "all_pairs"] = "triplet"
    pose_weight: float = 0.5
    as_released: bool = False
    propose_weight: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in METRIC_LOSSES:
            raise ConfigurationError(f"loss is {self.loss!r}, expected one of {', '.join(METRIC_LOSSES)}")
        check_clip(self.network.num_frames, self.network.num_points)


def honest_distances(network: MissionNetwork, radar: Tensor, vision: Tensor) -> Tensor:
    """Distance (B, B) inside the pair of radar clip i and camera clip j, which is what identities are ranked by."""
    return network.distances(radar, vision)


def released_distances(network: MissionNetwork, radar: Tensor, vision: Tensor) -> Tensor:
    """Distance (B, B) of the radar's side of pair i to the camera's side of pair j; pairs are made by the label."""
    radar_side, camera_side = network.embed_pairs(radar, vision)  # (B, B, D)
    true_radar, true_camera = (torch.diagonal(side).T for side in (radar_side, camera_side))  # (B, D)
    return 2.0 - 2.0 * true_radar @ true_camera.T


class MissionObjective(Objective):
    """Metric loss over the distances inside fused pairs, and pose losses of fused and of own tokens (equations 5-7).

    Beside them a loss over the distances without fusion, so that signatures find in a large gallery what fusion ranks.
    """

    def __init__(self, config: MissionTraining) -> None:
        super().__init__()
        self.log_sharpness = torch.nn.Parameter(torch.tensor(math.log(10.0)))
        self._loss, self._pose_weight, self._propose_weight = config.loss, config.pose_weight, config.propose_weight
        self._distances = released_distances if config.as_released else honest_distances

    def forward(self, network: MissionNetwork, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """See Objective."""
        vision = network.encode_seen(batch.seen, batch.geometry)
        pairs = len(vision)
        radar = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)[:pairs]
        metric = metric_loss(self._loss, self._distances(network, radar, vision), self.log_sharpness.exp())
        fused = self._pose(network.joints(radar, vision), batch, pairs)
        own = self._pose(network.own_joints(radar, vision), batch, pairs)
        alone = 2.0 - network.probes(radar) @ network.signatures(vision).T
        propose = matching_loss(alone, self.log_sharpness.exp())
        parts = {"metric": metric, "fused_pose_m": fused, "own_pose_m": own, "propose": propose}
        return metric + self._pose_weight * (fused + own) + self._propose_weight * propose, parts

    def measure(self, network: MissionNetwork, pairs: Iterable[Batch]) -> Mapping[str, float]:
        """Average joint errors [cm] of both fused sides, as the paper's table 2 has them.

        A clip is fused with one of its own person, which only the label tells: not so when identities are ranked.
        """
        errors = []
        for batch in pairs:
            radar = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)
            joints = network.joints(radar, network.encode_seen(batch.seen, batch.geometry))
            errors += [torch.stack(self._errors(joints, batch, len(radar)))] * len(radar)
        radar_error, camera_error = torch.stack(errors).mean(dim=0).tolist()
        return {
            "radar_joint_error_cm": round(100.0 * radar_error, 3),
            "camera_joint_error_cm": round(100.0 * camera_error, 3),
        }

    def _pose(self, joints: tuple[Tensor, Tensor], batch: Batch, pairs: int) -> Tensor:
        """Mean over both sides [m]."""
        radar, camera = self._errors(joints, batch, pairs)
        return 0.5 * (radar + camera)

    @staticmethod
    def _errors(joints: tuple[Tensor, Tensor], batch: Batch, pairs: int) -> tuple[Tensor, Tensor]:
        """Mean distance of the joints of either side [m]."""
        every = torch.ones(batch.camera_joints.shape[:2], dtype=torch.bool, device=batch.seen.device)
        radar = pose_loss(joints[0], batch.radar_joints[:pairs], batch.frames[:pairs])
        return radar, pose_loss(joints[1], batch.camera_joints, every)
