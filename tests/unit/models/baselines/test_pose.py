import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.walks import RadarWalk
from mission_core.errors import ConfigurationError
from mission_core.losses import POSE_JOINTS
from mission_core.models import training
from mission_core.models.baselines.configuration import POSE, PoseConfig
from mission_core.models.baselines.pose_network import AnchorBranch, CameraPose, RadarPose, pose_network
from mission_core.models.baselines.pose_training import PoseObjective, PoseTask, PoseTraining
from mission_core.models.learning import Batch, Looked, People
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.training import train

SMALL = PoseConfig(kind="mmmesh", num_frames=30, num_points=9, dim=16, lstm_layers=1)
CONFIG = PoseTraining(name="tiny", network=SMALL, pictures=PictureTraining(name="tiny_pictures"), pairs=3)


@pytest.fixture(params=POSE)
def network(request: pytest.FixtureRequest, pictures: PictureNetwork) -> RadarPose | CameraPose:
    torch.manual_seed(0)
    return pose_network(replace(SMALL, kind=request.param), pictures).eval()


@pytest.fixture
def batch(radar: dict[str, Tensor], camera: dict[str, Tensor]) -> Batch:
    generator = torch.Generator().manual_seed(5)
    radar_joints = torch.randn(*radar["frames"].shape, 32, 3, generator=generator)
    camera_joints = torch.randn(*camera["seen"].shape[:2], 32, 3, generator=generator)
    return Batch(
        radar["points"],
        radar["present"],
        radar["frames"],
        radar["motion"],
        radar_joints,
        camera["seen"],
        camera["geometry"],
        camera_joints,
        torch.zeros(len(radar_joints), 0),
    )


@torch.inference_mode()
def test_joints_of_every_frame_are_told_relative_to_the_mean(network: RadarPose | CameraPose, batch: Batch) -> None:
    told, truth, present = network.told(batch)
    assert told.shape == truth.shape
    assert present.shape == truth.shape[:2]
    network.mean_joints += 1.0
    torch.testing.assert_close(network.told(batch)[0], told + 1.0)


@torch.inference_mode()
def test_absent_frames_have_no_influence(pictures: PictureNetwork, batch: Batch) -> None:
    torch.manual_seed(0)
    network, absent = RadarPose(SMALL, pictures).eval(), ~batch.frames
    motion = torch.where(absent.unsqueeze(-1), 7.0, batch.motion)
    points = torch.where(absent[..., None, None], 7.0, batch.points)
    told = network(points, batch.present, motion)[batch.frames]
    torch.testing.assert_close(told, network.told(batch)[0][batch.frames], rtol=0, atol=1e-5)


def test_gradients_reach_every_parameter(network: RadarPose | CameraPose, batch: Batch) -> None:
    PoseObjective(CONFIG)(network, batch)[0].backward()
    for name, parameter in network.named_parameters():
        assert name.endswith("pool.score.bias") or (parameter.grad is not None and parameter.grad.abs().max() > 0), name


@torch.inference_mode()
def test_order_of_the_points_and_absent_ones_do_not_matter(pictures: PictureNetwork, radar: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    network = RadarPose(SMALL, pictures).eval()
    order = torch.randperm(9, generator=torch.Generator().manual_seed(4))
    garbage = radar["points"] + 100.0 * ~radar["present"].unsqueeze(-1)
    expected = network(radar["points"], radar["present"], radar["motion"])
    shuffled = network(garbage[:, :, order], radar["present"][:, :, order], radar["motion"])
    torch.testing.assert_close(shuffled, expected, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_anchor_knows_the_points_around_it() -> None:
    branch = AnchorBranch(16, 1)
    assert branch.anchors.shape == (81, 3)
    places = branch.anchors[[80, 0, 40]].unsqueeze(0) + 0.01
    branch.neighbours = 1
    assert branch.nearest(places, torch.ones(1, 3, dtype=torch.bool))[0, [80, 0, 40], 0].tolist() == [0, 1, 2]
    assert branch.nearest(places, torch.tensor([[True, True, False]]))[0, 40, 0].item() in (0, 1)


@torch.inference_mode()
def test_exported_network_is_the_trained_one(network: RadarPose | CameraPose, batch: Batch) -> None:
    scripted = torch.jit.freeze(torch.jit.script(network))
    inputs = (
        (batch.points, batch.present, batch.motion) if isinstance(network, RadarPose) else (batch.seen, batch.geometry)
    )
    torch.testing.assert_close(scripted(*inputs), network(*inputs), rtol=0, atol=1e-5)


class FewPeople(People):
    """Two people, of whom one walks twice before the camera."""

    def __init__(self, features: int) -> None:
        rng = np.random.default_rng(0)

        def heard() -> RadarWalk:
            points = tuple(rng.normal(size=(5, 5)).astype("f4") for _ in range(35))
            return RadarWalk(points, rng.normal(3.0, 0.1, (35, 2)), rng.normal(size=(35, 32, 3)).astype("f4"), 0.1)

        def looked() -> Looked:
            seen = rng.normal(size=(25, 2, features)).astype("f2")
            return Looked(seen, np.ones((25, 4), "f4"), rng.normal(size=(25, 32, 3)).astype("f4"), range(6))

        people: Any = [SimpleNamespace(radar=(heard(),), camera=(None,) * walks) for walks in (2, 1)]
        self.validation = people
        self.enrolled = [looked() for _ in range(3)]


def test_validation_is_the_mean_distance_of_the_joints(
    network: RadarPose | CameraPose, camera: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mission_core.models.learning.CHUNK", 1)
    people: Any = FewPeople(camera["seen"].shape[-1])
    network.eval()
    task = PoseTask(CONFIG, network, PoseObjective(CONFIG), people)
    with torch.inference_mode():
        score, figures = task.validate()
    if isinstance(network, CameraPose):
        truth = np.stack([people.enrolled[k].joints[2 : 2 + SNIPPET_FRAMES] for k in (0, 2)])
    else:
        truth = np.stack([person.radar[0].joints[2:32] for person in people.validation])
    mean = np.linalg.norm(truth - network.mean_joints.numpy(), axis=-1)[..., POSE_JOINTS].mean()
    assert figures["clips"] == len(truth)
    assert figures["mean_pose_error_cm"] == pytest.approx(100 * mean, abs=0.01)
    assert score == pytest.approx(-figures["average_joint_error_cm"] / 100, abs=1e-4)
    assert figures["average_joint_error_cm"] != figures["mean_pose_error_cm"]


def test_training_ends_with_the_best_network_and_its_figures(
    pictures: PictureNetwork, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people: Any = FewPeople(batch.seen.shape[-1])
    people.draw = lambda *_: batch
    monkeypatch.setattr(training, "People", lambda *_: people)
    monkeypatch.setattr(training.pictures, "is_trained", lambda _: True)
    monkeypatch.setattr(training.pictures, "load_pictures", lambda *_: pictures)
    best = train(replace(CONFIG, steps=2, validate_every=1), tmp_path / "tiny")
    assert torch.load(best, weights_only=True)["calibrated"]
    history = [json.loads(line) for line in (tmp_path / "tiny" / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in history] == [1, 2]
    assert all(0 < line["average_joint_error_cm"] < 1000 for line in history)
    assert (tmp_path / "tiny_pictures").is_dir()


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="kind is 'smpl'"):
        PoseConfig(kind="smpl")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="data sets keep 64"):
        replace(CONFIG, network=replace(SMALL, num_points=65))
