"""Training of the gait network: first what crops show, then what both sensors say about a person.

The camera's side learns joints and outlines from single pictures and is frozen then. After that each side learns to
tell the true parameters of body and gait with honest uncertainty, and both together whose clips belong together.
"""

import functools
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mission_core import distributed
from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.walks import (
    MAX_POINTS,
    STATISTICS_SEED,
    CameraWalk,
    PersonWalks,
    RadarWalk,
    WalkSetConfig,
    load_crowd,
    load_people,
    protocol,
    radar_batches,
    recoloured,
)
from mission_core.errors import ConfigurationError
from mission_core.evaluate import Identification, check_validation_people, fit_calibration
from mission_core.losses import POSE_JOINTS
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.network import GaitNetwork, log_ratio
from mission_core.models.gait.pose import MIRRORED_JOINTS, PoseNetwork, outline
from mission_core.models.reid.processing import track_motion
from mission_core.sim.cohort import PARAMETERS, parameter_vector, sample_person
from mission_core.train import Schedule, Task, Trainer, claim, device, restore
from mission_core.types import Float32Array, Float64Array, ImageArray

T = TypeVar("T")

log = logging.getLogger(__name__)

MIN_FRAMES = 20
"""Of a radar clip to learn from."""
MINOR = 0.3  # weight of the joints that carry no gait, in learning poses
OUTLINE_WEIGHT = 2.0  # of the outline's error [share of the crop's width] against the joints' [m]
REPETITIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of which the best on validation people is taken."""


@dataclass(frozen=True, kw_only=True)
class GaitTraining(Schedule):
    """A training run of the gait network, as in config/train/*.yaml; the schedule is that of the second stage.

    Attributes:
        name: of the model that comes out.
        network: its shape.
        data: the simulated people both sides learn from; disjoint from every test person.
        crowd: further people whom only the radar saw.
        pairs: people per batch, each with one radar and one camera clip of different walks.
        singles: people of the crowd per batch.
        pose: schedule of the first stage.
        pictures: per batch of the first stage.
    """

    name: str
    method: Literal["gait"] = "gait"
    network: GaitConfig = field(default_factory=GaitConfig)
    data: WalkSetConfig = field(default_factory=WalkSetConfig)
    crowd: int = 2000
    pairs: int = 80
    singles: int = 80
    pose: Schedule = field(default_factory=lambda: Schedule(steps=2400, learning_rate=1.5e-3, validate_every=400))
    pictures: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pairs", "pictures"):
            if getattr(self, name) < 2:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected at least 2")
        if min(self.crowd, self.singles) < 0 or (self.singles > 0) != (self.crowd > 0):
            raise ConfigurationError(f"crowd={self.crowd}, singles={self.singles}: expected both above 0, or both 0")
        if self.network.num_points > MAX_POINTS:
            raise ConfigurationError(f"num_points is {self.network.num_points}, but data sets keep {MAX_POINTS}")
        check_validation_people(self.data.validation_people)


def train(config: GaitTraining, directory: Path, workers: int = 1) -> Path:
    """Trains both stages, or goes on where they were; returns the path of the best checkpoint."""
    claim(config, directory)
    with distributed.first():  # makes what is missing
        people, validation = load_people(config.data, workers)
        crowd = load_crowd(config.crowd, workers) if config.crowd else []
    torch.manual_seed(config.seed)
    stage = PoseTask(config.pictures, people, validation)
    found = directory / "pose" / "best.pt"
    if not (found.exists() and torch.load(found, weights_only=True).get("calibrated")):
        Trainer(stage, config.pose, directory / "pose").run()
    network = GaitNetwork(config.network)
    restore(network.pose, torch.load(found, map_location="cpu", weights_only=True)["network"], found)
    torch.manual_seed(config.seed)
    return Trainer(GaitTask(config, network, people, validation, crowd), config, directory).run()


# --- first stage: what crops show -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """A crop (H, W, 3) with its geometry (4,), the true joints (32, 3), and outline (BANDS, 2) where found (BANDS,)."""

    crop: ImageArray
    geometry: Float32Array
    joints: Float32Array
    outline: Float32Array
    found: Float32Array

    def mirrored(self) -> "_Picture":
        """As in a mirror."""
        joints = (self.joints * (1, -1, 1))[MIRRORED_JOINTS].astype(np.float32)
        geometry = self.geometry * np.array([-1, 1, 1, 1], np.float32)
        return _Picture(self.crop[:, ::-1], geometry, joints, -self.outline[:, ::-1], self.found)


class PoseTask(Task):
    """Joints and outlines of single pictures."""

    def __init__(self, pictures: int, people: list[PersonWalks], validation: list[PersonWalks]) -> None:
        super().__init__()
        self.network: PoseNetwork = PoseNetwork()
        self._pictures = pictures
        self._walks = [walk for person in people for walk in person.camera]
        self._validation = [walk for person in validation for walk in person.camera]
        mean = np.mean([walk.joints.mean(axis=0) for walk in self._walks], axis=0)
        self.network.mean_joints.copy_(torch.from_numpy(mean))
        weights = torch.full((len(mean),), MINOR)
        weights[POSE_JOINTS] = 1.0
        self.register_buffer("weights", weights / weights.sum(), persistent=False)

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """See Task."""
        drawn = [self._walks[index] for index in rng.integers(len(self._walks), size=self._pictures)]
        joints, outlines = self._errors([_disturbed(_picture(w, int(rng.integers(len(w.crops)))), rng) for w in drawn])
        figures = {"joint_error_m": joints.item(), "outline_error": outlines.item()}
        return joints + OUTLINE_WEIGHT * outlines, figures

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task."""
        errors = [
            torch.stack(self._errors([_picture(walk, k) for k in range(3, len(walk.crops), 7)]))
            for walk in self._validation
        ]
        joints, outlines = torch.stack(errors).mean(dim=0).tolist()
        figures = {"joint_error_m": round(joints, 4), "outline_error": round(outlines, 4)}
        return -joints - OUTLINE_WEIGHT * outlines, figures

    def _errors(self, pictures: list[_Picture]) -> tuple[Tensor, Tensor]:
        """Mean distance of the joints [m], and mean error of the outlines' ends [share of the crop's width]."""

        def together(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(picture, name) for picture in pictures])).to(device())

        joints, outlines = self.network(together("crop"), together("geometry"))
        distance = ((joints - together("joints")).norm(dim=-1) * self.weights).sum(dim=-1).mean()
        found = together("found")
        beside = ((outlines - together("outline")).abs().mean(dim=-1) * found).sum() / found.sum()
        return distance, beside


def _picture(walk: CameraWalk, number: int) -> _Picture:
    ends, found = outline(walk.masks[number])
    return _Picture(walk.crops[number], walk.geometry[number], walk.joints[number], ends, found)


def _disturbed(picture: _Picture, rng: np.random.Generator) -> _Picture:
    """The same in other light, mirrored, moved as a detector errs, measured with another mount."""
    if rng.random() < 0.5:
        picture = picture.mirrored()
    moved = np.roll(picture.crop, rng.integers(-2, 3, 2), (0, 1))
    geometry = picture.geometry * np.float32(rng.normal(1.0, 0.005))
    return replace(picture, crop=recoloured(moved, rng), geometry=geometry)


# --- second stage: evidence -------------------------------------------------------------------------------------------


@functools.cache
def _whitening() -> tuple[Float64Array, Float64Array]:
    """Mean (G,) and matrix (G, G) that decorrelate parameters of people who are neither trained nor tested on."""
    people = (sample_person(seed) for seed in range(STATISTICS_SEED, STATISTICS_SEED + 3_000))
    vectors = np.stack([parameter_vector(person) for person in people])
    deviation = vectors.std(axis=0)
    values, axes = np.linalg.eigh(np.cov(vectors / deviation, rowvar=False))
    return vectors.mean(axis=0), (axes / np.sqrt(np.maximum(values, 1e-4))).T / deviation


_SIDED = [PARAMETERS.index(name) for name in ("step_asymmetry", "arm_asymmetry")]


@functools.cache
def latent_parameters(seed: int, mirrored: bool = False) -> Float32Array:
    """(G,) parameters of a simulated person, or of their mirror image, decorrelated over people: N(0, 1) each."""
    mean, matrix = _whitening()
    vector = parameter_vector(sample_person(seed))
    if mirrored:
        vector[_SIDED] *= -1
    return (matrix @ (vector - mean)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the first stage found in a walk: joints (F, 32, 3), outlines (F, BANDS, 2); and its geometry (F, 4)."""

    joints: Float32Array
    outlines: Float32Array
    geometry: Float32Array

    def clip(self, start: int) -> "_Seen":
        window = slice(start, start + SNIPPET_FRAMES)
        return _Seen(self.joints[window], self.outlines[window], self.geometry[window])

    def mirrored(self) -> "_Seen":
        joints = (self.joints * np.array([1, -1, 1], np.float32))[:, MIRRORED_JOINTS]
        return _Seen(joints, -self.outlines[:, :, ::-1], self.geometry * np.array([-1, 1, 1, 1], np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """What is read of the points of a walk before the radar, which is always the same.

    Attributes:
        points: (2, F, PointHistograms.SIZE) as they are, and mirrored.
        frames: (F,) which exist.
        places: (F, 2) centre of the track [m].
    """

    points: Float32Array
    frames: NDArray[np.bool_]
    places: Float64Array

    def clip(self, window: slice, mirrored: bool) -> tuple[Float32Array, NDArray[np.bool_]]:
        """Features (T, C) of some frames, as `GaitNetwork.radar_features` makes them, and which exist."""
        motion = track_motion(self.places[window]) * np.array([1, -1 if mirrored else 1, 1], np.float32)
        speed = np.hypot(motion[:, :1], motion[:, 1:2])
        return np.concatenate([self.points[int(mirrored), window], motion, speed], axis=1), self.frames[window]


class GaitTask(Task):
    """Evidence about people: true to their parameters, and telling them apart."""

    def __init__(
        self,
        config: GaitTraining,
        network: GaitNetwork,
        people: list[PersonWalks],
        validation: list[PersonWalks],
        crowd: list[tuple[int, RadarWalk]],
    ) -> None:
        super().__init__()
        self.network: GaitNetwork = network.to(device())
        self.network.pose.requires_grad_(False).eval()
        self._config, self._people = config, people
        nn.init.normal_(network.turn, 0.0, 0.01)
        log.info("reading what %d people's walks show", len(people))
        self._seen = [[self._look(walk) for walk in person.camera] for person in people]
        self._heard = [[self._listen(walk) for walk in person.radar] for person in people]
        self._crowd = [(seed, self._listen(walk)) for seed, walk in crowd]
        self._standardise()
        test = protocol(validation, config.network.num_frames, config.network.num_points)
        self._queries, self._truth, self._owner = test.queries, test.truth, test.owner
        self._gallery = [self._look(snippet) for snippet in test.snippets]

    def loss(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """See Task."""
        config = self._config
        chosen = rng.choice(len(self._people), min(config.pairs, len(self._people)), replace=False)
        others = rng.integers(len(self._crowd), size=config.singles) if self._crowd else np.zeros(0, np.int64)
        mirrored = rng.random(len(chosen) + len(others)) < 0.5
        seeds, heard, seen = [], [], []
        for index in chosen.tolist():
            seeds.append(self._people[index].seed)
            heard.append(_any(self._heard[index], rng))
            walk = _any(self._seen[index], rng)
            seen.append(walk.clip(int(rng.integers(len(walk.joints) - SNIPPET_FRAMES + 1))))
        for index in others.tolist():
            seeds.append(self._crowd[index][0])
            heard.append(self._crowd[index][1])
        radar = self._radar_evidence(heard, mirrored.tolist(), rng)
        seen = [clip.mirrored() if flip else clip for clip, flip in zip(seen, mirrored, strict=False)]
        vision = self._evidence([_remeasured(clip, rng) for clip in seen])
        truth = np.stack([latent_parameters(seed, flip) for seed, flip in zip(seeds, mirrored.tolist(), strict=True)])
        turned = torch.from_numpy(truth).to(device()) @ self.network.rotation()
        radar_surprise, vision_surprise = surprise(radar, turned), surprise(vision, turned[: len(chosen)])
        ratios = log_ratio(radar[: len(chosen)], vision)
        partner = torch.arange(len(chosen), device=device())
        matching = 0.5 * (functional.cross_entropy(ratios, partner) + functional.cross_entropy(ratios.T, partner))
        told = {"matching": matching, "radar_surprise": radar_surprise, "vision_surprise": vision_surprise}
        return radar_surprise + vision_surprise + matching, {name: value.item() for name, value in told.items()}

    def validate(self) -> tuple[float, dict[str, Any]]:
        """See Task."""
        figures = self._identify().summary()
        return figures["mAP"], figures

    def calibrate(self) -> None:
        """See Task."""
        scores = []
        for repetition in REPETITIONS:
            self.network.repetition.fill_(repetition)
            scores.append(self._identify().summary()["mAP"])
        self.network.repetition.fill_(REPETITIONS[int(np.argmax(scores))])
        result = self._identify()
        sharpness, unknown_logit = fit_calibration(result.distances, result.truth)
        self.network.sharpness.fill_(sharpness)
        self.network.unknown_logit.fill_(unknown_logit)

    def _identify(self) -> Identification:
        """Ranks the validation people under the honest protocol of `mission_core.evaluate`."""
        owner = torch.from_numpy(self._owner).to(device())
        people = self.network.merge(self._evidence(self._gallery), owner, int(self._owner.max()) + 1)
        radar = [self.network.encode_radar(*(part.to(device()) for part in b)) for b in radar_batches(self._queries)]
        evidence = torch.cat(radar)
        distances = self.network.distances(evidence, torch.zeros(0), people)
        return Identification(distances.double().cpu().numpy(), self._truth)

    def _vision_features(self, clips: list[_Seen]) -> Tensor:
        parts = (np.stack([getattr(clip, name) for clip in clips]) for name in ("joints", "outlines", "geometry"))
        return self.network.vision_features(*(torch.from_numpy(part).to(device()) for part in parts))

    def _radar_evidence(self, walks: list[_Heard], mirrored: list[bool], rng: np.random.Generator) -> Tensor:
        """Evidence (B, 2, D) of some part of each walk, of some length, with some frames lost."""
        longest = self._config.network.num_frames
        features = np.zeros((len(walks), longest, walks[0].points.shape[-1] + 4), np.float32)
        frames = np.zeros((len(walks), longest), bool)
        for row, (walk, flip) in enumerate(zip(walks, mirrored, strict=True)):
            most = min(len(walk.frames), longest)
            length = int(rng.integers(min(MIN_FRAMES, most), most + 1))
            start = int(rng.integers(len(walk.frames) - length + 1))
            own, there = walk.clip(slice(start, start + length), flip)
            if rng.random() < 0.5:
                there = there & (rng.random(length) > 0.1)
            features[row, longest - length :], frames[row, longest - length :] = own, there
        return self.network.radar(torch.from_numpy(features).to(device()), torch.from_numpy(frames).to(device()))

    @torch.inference_mode()
    def _look(self, walk: Any) -> _Seen:
        """What the first stage finds in a walk or snippet."""
        crops, geometry = torch.from_numpy(walk.crops).to(device()), torch.from_numpy(walk.geometry).to(device())
        joints, outlines = self.network.pose(crops, geometry)
        return _Seen(joints.cpu().numpy(), outlines.cpu().numpy(), walk.geometry)

    def _evidence(self, clips: list[_Seen]) -> Tensor:
        """Evidence (B, 2, D) of the camera's clips."""
        features = self._vision_features(clips)
        return self.network.vision(features, torch.ones(features.shape[:2], dtype=torch.bool, device=device()))

    @torch.inference_mode()
    def _listen(self, walk: RadarWalk) -> _Heard:
        """What the histograms of a walk's points are."""
        clip = walk.clip(0, len(walk.points), len(walk.points), self._config.network.num_points)
        both = np.stack([clip.points, clip.points * np.array([1, -1, 1, 1, 1], np.float32)])
        present = torch.from_numpy(np.stack([clip.present, clip.present])).to(device())
        points = self.network.histograms(torch.from_numpy(both).to(device()), present)
        return _Heard(points.cpu().numpy(), clip.frames, walk.places)

    @torch.inference_mode()
    def _standardise(self) -> None:
        """Sets typical value and spread of what both sides read."""
        clips = [own[0].clip(slice(None), mirrored=False) for own in self._heard]
        radar = torch.from_numpy(np.concatenate([features[there] for features, there in clips])).to(device())
        self.network.radar.offset.copy_(radar.mean(dim=0))
        self.network.radar.scale.copy_(radar.std(dim=0) + 0.05)
        vision = self._vision_features([own[0].clip(0) for own in self._seen]).flatten(0, 1)
        self.network.vision.offset.copy_(vision.mean(dim=0))
        self.network.vision.scale.copy_(vision.std(dim=0) + 0.02)


def _any(walks: list[T], rng: np.random.Generator) -> T:
    return walks[rng.integers(len(walks))]


def surprise(evidence: Tensor, truth: Tensor) -> Tensor:
    """Mean negative log-likelihood [nat] of true parameters (B, G), N(0, 1) beforehand, after evidence (B, 2, D >= G).

    But for a constant: half of G where nothing is told.
    """
    information, precision = evidence[:, 0, : truth.shape[1]], evidence[:, 1, : truth.shape[1]]
    error = (1.0 + precision) * (truth - information / (1.0 + precision)).square()
    return 0.5 * (error - torch.log1p(precision)).sum(dim=-1).mean()


def _remeasured(clip: _Seen, rng: np.random.Generator) -> _Seen:
    """The same with errors of joints, and of a mount measured by hand; sometimes without a calibration at all."""
    noise = rng.normal(0.0, 0.01, clip.joints.shape).astype(np.float32)
    geometry = clip.geometry * np.float32(rng.normal(1.0, 0.005))
    if rng.random() < 0.05:
        geometry = np.full_like(geometry, np.nan)
    return _Seen(clip.joints + noise, np.ascontiguousarray(clip.outlines), geometry)
