"""Training of the picture network: joints, outline and silhouette of single pictures of simulated walkers."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mission_core import distributed
from mission_core.data.walks import CameraWalk, PersonWalks, WalkSetConfig, load_people, recoloured
from mission_core.errors import ConfigurationError, ModelError
from mission_core.losses import POSE_JOINTS
from mission_core.models.card import CARD, WEIGHTS, model_directory, read_card, require_weights, sha256_of, write_card
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import (
    BEFORE_MAP,
    JOINTS_AND_OUTLINE,
    MIRRORED_JOINTS,
    PictureNetwork,
    outline,
    silhouette,
)
from mission_core.train import BEST, LAST, Schedule, Task, Trainer, claim, device, from_mapping, restore
from mission_core.types import NUM_JOINTS, Float32Array, ImageArray

log = logging.getLogger(__name__)

KIND = "pictures"
MINOR = 0.3  # weight of the joints that carry no gait
OUTLINE_WEIGHT = 2.0  # of the outline's error [share of the crop's width] against the joints' [m]
SILHOUETTE_WEIGHT = 0.1  # of the silhouette's cross-entropy [nat]


@dataclass(frozen=True, kw_only=True)
class PictureTraining(Schedule):
    """A training run of the picture network, as in config/train/*.yaml.

    Attributes:
        name: of the run; the networks that match name it.
        network: its shape.
        data: the simulated people; disjoint from every test person.
        pictures: per batch.
    """

    name: str
    method: Literal["pictures"] = "pictures"
    network: PictureConfig = field(default_factory=PictureConfig)
    data: WalkSetConfig = field(default_factory=WalkSetConfig)
    pictures: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pictures < 2:
            raise ConfigurationError(f"pictures is {self.pictures}, expected at least 2")


def train(config: PictureTraining, directory: Path, workers: int = 1) -> Path:
    """Trains, or goes on with a training; returns the path of the best checkpoint."""
    claim(config, directory)
    with distributed.first():  # makes what is missing
        people = load_people(config.data, workers)
    torch.manual_seed(config.seed)
    return Trainer(PictureTask(config, *people), config, directory).run()


def is_trained(directory: Path) -> bool:
    """Whether a run in that directory came to its end."""
    path = directory / BEST
    return path.is_file() and bool(torch.load(path, map_location="cpu", weights_only=True).get("calibrated"))


def begun(directory: Path) -> bool:
    """Whether a run in that directory has learnt anything yet."""
    return (directory / BEST).is_file() or (directory / LAST).is_file()


def load_pictures(config: PictureTraining, directory: Path) -> PictureNetwork:
    """The trained and frozen network of a run.

    Raises:
        ModelError: the run did not end.
    """
    path = directory / BEST
    if not is_trained(directory):
        raise ModelError(f"{path} is not of a training that ended: run `mission train` for it")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    network = PictureNetwork(replace(config.network, weights=""))
    restore(network, saved["network"], path)
    return network.requires_grad_(False).eval()


def ship(config: PictureTraining, run: Path, output: Path) -> Mapping[str, Any]:
    """Puts the network of a run into a model directory, where `adopt` finds it; returns its card.

    Raises:
        ModelError: the run did not end.
    """
    network = load_pictures(config, run)
    output.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / BEST, output / WEIGHTS)
    saved: dict[str, Any] = torch.load(output / WEIGHTS, map_location="cpu", weights_only=True)
    card = {
        "name": config.name,
        "kind": KIND,
        "sha256": sha256_of(output / WEIGHTS),
        "parameters": sum(values.numel() for values in network.parameters()),
        "input": "96 x 64 RGB crops, and lateral offset, distance, height, width of the person [m]",
        "made_by": [f"mission train config/train/{config.name}.yaml", f"mission export {run} {output}"],
        "license": "Apache-2.0",
        "limits": "Has seen pictures of the simulator of this repository only, see docs/twin.md.",
        "training": {**saved["config"], "best_step": saved["step"]},
        "provenance": saved["provenance"],
        "validation": saved["validation"],
    }
    write_card(output, card)
    return card


def adopt(config: PictureTraining, directory: Path) -> None:
    """Makes the network of that name that comes with mission the result of a run, if it is of the same settings.

    Raises:
        ModelError: its files are damaged.
    """
    shipped = model_directory(config.name)
    if not (shipped / CARD).is_file():
        return
    card = read_card(shipped)
    settings = {key: value for key, value in card["training"].items() if key != "best_step"}
    if card["kind"] == KIND and from_mapping(PictureTraining, settings, str(shipped / CARD)) == config:
        partial = directory / f"{BEST}.partial"
        shutil.copyfile(require_weights(shipped, card), partial)
        partial.replace(directory / BEST)
        log.info("%s comes with mission, trained", config.name)


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """A crop (H, W, 3) with its geometry (4,), and what is true of it.

    Attributes:
        joints: (32, 3) [m].
        outline: (BANDS, 2) where found (BANDS,).
        silhouette: (SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH) share of the person.
    """

    crop: ImageArray
    geometry: Float32Array
    joints: Float32Array
    outline: Float32Array
    found: Float32Array
    silhouette: Float32Array

    def mirrored(self) -> "_Picture":
        """As in a mirror."""
        joints = (self.joints * (1, -1, 1))[MIRRORED_JOINTS].astype(np.float32)
        geometry = self.geometry * np.array([-1, 1, 1, 1], np.float32)
        return _Picture(
            self.crop[:, ::-1], geometry, joints, -self.outline[:, ::-1], self.found, self.silhouette[:, ::-1]
        )


class PictureTask(Task):
    """Joints, outlines and silhouettes of single pictures."""

    def __init__(self, config: PictureTraining, people: list[PersonWalks], validation: list[PersonWalks]) -> None:
        super().__init__()
        self.network: PictureNetwork = PictureNetwork(config.network)
        self._pictures = config.pictures
        self._walks = [walk for person in people for walk in person.camera]
        self._validation = [walk for person in validation for walk in person.camera]
        mean = np.mean([walk.joints.mean(axis=0) for walk in self._walks], axis=0)
        self.network.mean_joints.copy_(torch.from_numpy(mean))
        weights = torch.full((len(mean),), MINOR)
        weights[POSE_JOINTS] = 1.0
        self.register_buffer("weights", weights / weights.sum(), persistent=False)

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        """See Task."""
        drawn = [self._walks[index] for index in rng.integers(len(self._walks), size=self._pictures)]
        errors = self._errors([_disturbed(_picture(w, int(rng.integers(len(w.crops)))), rng) for w in drawn])
        joints, outlines, silhouettes = errors
        loss = joints + OUTLINE_WEIGHT * outlines + SILHOUETTE_WEIGHT * silhouettes
        told = (float(error.detach()) for error in errors)
        return loss, dict(zip(("joints_m", "outline", "silhouette_nat"), told, strict=True))

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task."""
        errors = [
            torch.stack(self._errors([_picture(walk, k) for k in range(3, len(walk.crops), 7)]))
            for walk in self._validation
        ]
        joints, outlines, silhouettes = torch.stack(errors).mean(dim=0).tolist()
        figures = {
            "joint_error_m": round(joints, 4),
            "outline_error": round(outlines, 4),
            "silhouette_nat": round(silhouettes, 4),
        }
        return -joints - OUTLINE_WEIGHT * outlines - SILHOUETTE_WEIGHT * silhouettes, figures

    def _errors(self, pictures: list[_Picture]) -> tuple[Tensor, Tensor, Tensor]:
        """Mean distance of the joints [m], of the outlines' ends [share of the width], silhouettes' cross-entropy."""

        def together(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(picture, name) for picture in pictures])).to(device())

        seen = self.network(together("crop"), together("geometry"))
        joints = seen[:, : 3 * NUM_JOINTS].reshape(-1, NUM_JOINTS, 3)
        distance = ((joints - together("joints")).norm(dim=-1) * self.weights).sum(dim=-1).mean()
        ends, found = together("outline"), together("found")
        outlines = seen[:, 3 * NUM_JOINTS : JOINTS_AND_OUTLINE].reshape(ends.shape)
        beside = ((outlines - ends).abs().mean(dim=-1) * found).sum() / found.sum()
        covered = together("silhouette").flatten(1)
        told = seen[:, JOINTS_AND_OUTLINE:BEFORE_MAP]
        return distance, beside, functional.binary_cross_entropy_with_logits(told, covered)


def _picture(walk: CameraWalk, number: int) -> _Picture:
    ends, found = outline(walk.masks[number])
    covered = silhouette(walk.masks[number])
    return _Picture(walk.crops[number], walk.geometry[number], walk.joints[number], ends, found, covered)


def _disturbed(picture: _Picture, rng: np.random.Generator) -> _Picture:
    """The same in other light, mirrored, moved as a detector errs, measured with another mount."""
    if rng.random() < 0.5:
        picture = picture.mirrored()
    moved = np.roll(picture.crop, rng.integers(-2, 3, 2), (0, 1))
    geometry = picture.geometry * np.float32(rng.normal(1.0, 0.005))
    if rng.random() < 0.05:
        geometry = np.full_like(geometry, np.nan)
    return replace(picture, crop=recoloured(moved, rng), geometry=geometry)
