from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.sets import GENERATOR_VERSION
from mission_core.data.walks import WalkSetConfig, stacked
from mission_core.errors import ModelError
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.network import MissionNetwork
from mission_core.models.reid.processing import RadarClip
from mission_core.models.training import load_config
from mission_core.paths import share_directory
from mission_core.types import Snippet

PARTS = ("crops", "geometry")


def snippet(seed: int = 0, frames: int = SNIPPET_FRAMES) -> Snippet:
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, 256, (frames, 96, 64, 3), dtype=np.uint8)
    return Snippet(crops, rng.normal(size=(frames, 4)).astype(np.float32), np.arange(frames) * 10**8)


def radar(seed: int = 0) -> RadarClip:
    rng = np.random.default_rng(seed)
    points, motion = rng.normal(size=(6, 8, 5)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    return RadarClip(points, rng.random((6, 8)) < 0.5, np.ones(6, bool), motion)


@pytest.fixture
def directory(model: ReidModel, network: MissionNetwork, tmp_path: Path) -> Path:
    from mission_core.models.export import write_model

    assert write_model(network, "tiny", tmp_path / "tiny", {}).name == model.name
    return tmp_path / "tiny"


def test_exported_model_computes_what_the_network_does(model: ReidModel, network: MissionNetwork) -> None:
    clips, snippets = [radar(0), radar(1)], [snippet(2), snippet(3), snippet(4)]
    features = np.stack([model.encode_clip(s) for s in snippets])
    with torch.inference_mode():
        radar_rows = network.encode_radar(*stacked(clips))
        crops, geometry = (torch.from_numpy(np.stack([getattr(s, name) for s in snippets])) for name in PARTS)
        entries = network.encode_vision(crops, geometry)
        expected = network.distances(radar_rows, entries)
        sides = network.embed_pairs(radar_rows, entries)
    np.testing.assert_allclose(model.distances(clips, features), expected.numpy(), atol=1e-5)
    for side, found in zip(sides, model.embed_pairs(clips, features), strict=True):
        np.testing.assert_allclose(found, side.numpy(), atol=1e-5)


def test_exported_model_tells_the_joints_that_the_network_does(model: ReidModel, network: MissionNetwork) -> None:
    clips, snippets = [radar(0), radar(1)], [snippet(2), snippet(3)]
    with torch.inference_mode():
        crops, geometry = (torch.from_numpy(np.stack([getattr(s, name) for s in snippets])) for name in PARTS)
        expected = network.joints(network.encode_radar(*stacked(clips)), network.encode_vision(crops, geometry))
    told = model.joints(clips, snippets)
    assert [side.shape for side in told] == [(2, 6, 32, 3), (2, SNIPPET_FRAMES, 32, 3)]
    for side, found in zip(expected, told, strict=True):
        np.testing.assert_allclose(found, side.numpy(), atol=1e-5)


def test_a_model_that_does_not_fuse_has_neither_embeddings_of_pairs_nor_joints(gait_model: ReidModel) -> None:
    with pytest.raises(ModelError, match="tiny_gait does not fuse"):
        gait_model.embed_pairs([], np.zeros((0, 2, 36), np.float32))
    with pytest.raises(ModelError, match="it has no joints"):
        gait_model.joints([], [])


def test_nothing_to_score_gives_an_empty_table(model: ReidModel) -> None:
    assert model.distances([], np.zeros((3, 20, 49), np.float32)).shape == (0, 3)
    assert model.distances([radar()], np.zeros((0, 20, 49), np.float32)).shape == (1, 0)


def test_snippet_of_another_length_is_refused(model: ReidModel) -> None:
    with pytest.raises(ModelError, match="reads 20 frames, the snippet has 5"):
        model.encode_clip(snippet(frames=5))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"card\.yaml cannot be read"):
        ReidModel.load(tmp_path)


def test_altered_weights_are_refused(directory: Path) -> None:
    with (directory / "model.pt").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match=r"model\.pt has SHA-256 .* its card says"):
        ReidModel.load(directory)


def test_model_of_another_kind_is_refused(directory: Path) -> None:
    card = yaml.safe_load((directory / "card.yaml").read_text())
    (directory / "card.yaml").write_text(yaml.safe_dump({**card, "kind": "mra_net"}))
    with pytest.raises(ModelError, match="kind 'mra_net', expected 'reid'"):
        ReidModel.load(directory)


def test_a_model_without_a_frame_rate_is_refused(directory: Path) -> None:
    card = yaml.safe_load((directory / "card.yaml").read_text())
    (directory / "card.yaml").write_text(yaml.safe_dump({**card, "input": {**card["input"], "frame_rate_hz": 0}}))
    with pytest.raises(ModelError, match="says 0 frames a second"):
        ReidModel.load(directory)


def test_broken_card_is_refused(directory: Path) -> None:
    (directory / "card.yaml").write_text("kind: [reid")
    with pytest.raises(ModelError, match="no model card"):
        ReidModel.load(directory)


@pytest.mark.parametrize("name", ["gait_small"])
def test_shipped_model_is_the_one_its_card_describes(name: str) -> None:
    """`load` compares the hash; the figures must be of this generator, and of a control that found nothing."""
    model = ReidModel.load(share_directory() / "models" / name)
    config = load_config(share_directory() / "config" / "train" / f"{name}.yaml")
    test = model.card["test"]
    assert test["generator"] == GENERATOR_VERSION
    assert WalkSetConfig(**model.card["training"]["data"]) == config.data
    assert test["people"] == 58
    assert test["top1_95"][0] <= test["top1"] <= test["top1_95"][1]
    low, high = test["null_modality_control"]["top5_95"]
    assert low <= test["chance_top5"] <= high < 0.2
