"""Training of the networks that tell joints, on the batches that the others learn to match from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mission_core.losses import pose_loss
from mission_core.models.baselines.configuration import PoseConfig
from mission_core.models.baselines.pose_network import CameraPose, RadarPose
from mission_core.models.learning import Batch, MatchingTraining, Objective, People, check_clip
from mission_core.train import Task, device


@dataclass(frozen=True, kw_only=True)
class PoseTraining(MatchingTraining):
    """A training run of a network that tells joints, as in config/train/compare/*.yaml."""

    method: Literal["pose"] = "pose"
    network: PoseConfig

    def __post_init__(self) -> None:
        super().__post_init__()
        check_clip(self.network.num_frames, self.network.num_points)


class PoseObjective(Objective):
    """The mean distance of the joints (equation 5)."""

    def __init__(self, config: PoseTraining) -> None:  # noqa: ARG002 - all objectives are made alike
        super().__init__()

    def forward(self, network: RadarPose | CameraPose, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """See Objective."""
        loss = pose_loss(*network.told(batch))
        return loss, {"pose_m": loss}


class PoseTask(Task):
    """Joints of each frame of a clip of one sensor."""

    def __init__(
        self, config: PoseTraining, network: RadarPose | CameraPose, objective: Objective, people: People
    ) -> None:
        super().__init__()
        self.network: RadarPose | CameraPose = network
        self.objective = objective
        self._config, self._people = config, people

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """See Task."""
        shape = self.network.num_frames, self.network.num_points
        loss, parts = self.objective(self.network, self._people.draw(self._config, shape, rng).to(device()))
        return loss, {name: float(part.detach()) for name, part in parts.items()}

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task; beside the error stands that of telling the mean of the people learnt from, whatever is shown."""
        batches = self._people.validation_pairs((self.network.num_frames, self.network.num_points))
        told, joints, present = (torch.cat(parts) for parts in zip(*map(self.network.told, batches), strict=True))
        error = float(pose_loss(told, joints, present))
        mean = float(pose_loss(self.network.mean_joints.expand_as(joints), joints, present))
        return -error, {
            "clips": len(joints),
            "average_joint_error_cm": round(100.0 * error, 3),
            "mean_pose_error_cm": round(100.0 * mean, 3),
        }
