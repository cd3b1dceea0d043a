"""Training of the Mission network."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mission_core import distributed
from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.walks import (
    MAX_POINTS,
    Batch,
    PersonWalks,
    WalkSetConfig,
    camera_batches,
    load_people,
    protocol,
    radar_batches,
    sample_batch,
)
from mission_core.errors import ConfigurationError
from mission_core.evaluate import Identification, check_validation_people, fit_calibration
from mission_core.losses import gait_loss, matching_loss, pose_loss
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.model import best_clips
from mission_core.models.reid.network import MissionNetwork
from mission_core.train import Schedule, Task, Trainer, claim, device


@dataclass(frozen=True, kw_only=True)
class MissionTraining(Schedule):
    """A training run of the Mission network, as in config/train/*.yaml.

    Attributes:
        name: of the model that comes out.
        network: its shape.
        data: the simulated people it learns from; disjoint from every test person.
        batch_people: people per batch, each with one radar and one camera clip of different walks.
        pose_weight: of the pose losses [1/m] against the matching loss; the paper weighs pose : metric as 1 : 2.
        gait_weight: of the losses of body and gait parameters.
    """

    name: str
    method: Literal["mission"] = "mission"
    network: ReidConfig = field(default_factory=ReidConfig)
    data: WalkSetConfig = field(default_factory=WalkSetConfig)
    batch_people: int = 32
    pose_weight: float = 2.0
    gait_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_people < 1:
            raise ConfigurationError(f"batch_people is {self.batch_people}, expected at least 1")
        if self.network.num_frames != SNIPPET_FRAMES:
            raise ConfigurationError(f"num_frames is {self.network.num_frames}, but snippets have {SNIPPET_FRAMES}")
        if self.network.num_points > MAX_POINTS:
            raise ConfigurationError(f"num_points is {self.network.num_points}, but data sets keep {MAX_POINTS}")
        check_validation_people(self.data.validation_people)


def train(config: MissionTraining, directory: Path, workers: int = 1) -> Path:
    """Trains, or goes on with a training; returns the path of the best checkpoint."""
    claim(config, directory)
    with distributed.first():  # makes what is missing
        people = load_people(config.data, workers)
    torch.manual_seed(config.seed)
    return Trainer(MissionTask(config, *people), config, directory).run()


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """Scalars: matching [nat], mean joint errors [m] of the pose heads, unexplained share of the gait's variance."""

    matching: Tensor
    radar_pose: Tensor
    vision_pose: Tensor
    fused_pose: Tensor
    radar_gait: Tensor
    vision_gait: Tensor

    def total(self, config: MissionTraining) -> Tensor:
        """What is minimised."""
        pose = self.radar_pose + self.vision_pose + self.fused_pose
        return self.matching + config.pose_weight * pose + config.gait_weight * (self.radar_gait + self.vision_gait)

    def figures(self) -> dict[str, float]:
        """To tell."""
        return {
            "matching": self.matching.item(),
            "radar_pose_m": self.radar_pose.item(),
            "vision_pose_m": self.vision_pose.item(),
            "fused_pose_m": self.fused_pose.item(),
            "radar_gait": self.radar_gait.item(),
            "vision_gait": self.vision_gait.item(),
        }


class MissionTask(Task):
    """Pairs of radar and camera clips that belong together, among those that do not."""

    def __init__(self, config: MissionTraining, people: list[PersonWalks], validation: list[PersonWalks]) -> None:
        super().__init__()
        self.network: MissionNetwork = MissionNetwork(config.network)
        self.log_sharpness = torch.nn.Parameter(torch.tensor(math.log(10.0)))
        self._config, self._people, self._validation = config, people, validation

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """See Task."""
        config = self._config
        batch = sample_batch(self._people, config.batch_people, config.network, rng).to(device())
        losses = compute_losses(self.network, batch, self.log_sharpness)
        return losses.total(config), losses.figures()

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task."""
        figures = self._identify().summary()
        return figures["mAP"], figures

    def calibrate(self) -> None:
        """See Task."""
        result = self._identify()
        sharpness, unknown_logit = fit_calibration(result.distances, result.truth)
        self.network.sharpness.fill_(sharpness)
        self.network.unknown_logit.fill_(unknown_logit)

    def _identify(self) -> Identification:
        """Ranks the validation people under the honest protocol of `mission_core.evaluate`."""
        network, here = self.network, device()
        test = protocol(self._validation, network.config.num_frames, network.config.num_points)
        vision = torch.cat([network.encode_vision(c.to(here), g.to(here)) for c, g in camera_batches(test.snippets)])
        rows = []
        for points, present, frames, motion in radar_batches(test.queries, 16):
            radar = network.encode_radar(points.to(here), present.to(here), frames.to(here), motion.to(here))
            rows.append(network.distances(radar, frames.to(here), vision).double().cpu().numpy())
        distances = np.concatenate(rows)
        return Identification(np.take_along_axis(distances, best_clips(distances, test.owner), axis=1), test.truth)


def compute_losses(network: MissionNetwork, batch: Batch, log_sharpness: Tensor) -> Losses:
    """Matching loss over all pairs of a batch, pose and gait losses of its true pairs."""
    radar = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)
    vision = network.encode_vision(batch.crops, batch.geometry)
    fused_radar, fused_vision = network.fuse(radar, batch.frames, vision)
    embedded_radar, embedded_vision = network.embed(fused_radar, batch.frames, fused_vision)
    distances = (embedded_radar - embedded_vision).square().sum(dim=-1)
    matching = matching_loss(distances, log_sharpness.exp())
    pair = torch.arange(len(radar), device=radar.device)  # only true pairs have a pose to show
    every = torch.ones_like(batch.frames)
    radar_pose = pose_loss(network.radar_pose(radar), batch.radar_joints, batch.frames)
    vision_pose = pose_loss(network.vision_pose(vision), batch.camera_joints, every)
    fused_pose = 0.5 * (
        pose_loss(network.fused_pose(fused_radar[pair, pair]), batch.radar_joints, batch.frames)
        + pose_loss(network.fused_pose(fused_vision[pair, pair]), batch.camera_joints, every)
    )
    radar_gait = gait_loss(network.radar_gait(radar, batch.frames), batch.gait)
    vision_gait = gait_loss(network.vision_gait(vision, every), batch.gait)
    return Losses(matching, radar_pose, vision_pose, fused_pose, radar_gait, vision_gait)
