from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mission_core.data.walks import WalkSetConfig
from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.export import export
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.training import GaitTraining
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.training import MissionTraining
from mission_core.models.training import Training, load_config, train
from mission_core.paths import share_directory
from mission_core.sim.cohort import POPULATION_SEED
from mission_core.train import Schedule, Trainer

TINY = MissionTraining(
    name="tiny",
    network=ReidConfig(dim=16, image_features=(3, 8, 8), lstm_layers=1),
    steps=4,
    batch_people=4,
    validate_every=2,
)
TINY_GAIT = GaitTraining(
    name="tiny_gait",
    network=GaitConfig(dim=16, lines=4, swinging=2, free=2),
    crowd=2,
    pairs=4,
    singles=2,
    pictures=4,
    pose=Schedule(steps=2, validate_every=1),
    steps=4,
    validate_every=2,
)


@pytest.fixture(autouse=True)
def _home(strangers_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_HOME", str(strangers_home))


def interrupted(trainer: Trainer, state: str) -> str:
    """In place of `Trainer._validate`: interrupted at the first validation, before `last.pt` is written."""
    (trainer.directory / "last.pt").mkdir(parents=True)
    try:
        return VALIDATE(trainer, state)
    except IsADirectoryError:
        raise KeyboardInterrupt from None
    finally:
        (trainer.directory / "last.pt").rmdir()


VALIDATE = Trainer._validate


@pytest.mark.parametrize("config", [TINY, TINY_GAIT], ids=lambda config: config.method)
def test_interrupted_training_ends_where_an_uninterrupted_one_does(
    config: Training, tmp_path: Path, strangers: WalkSetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, data=strangers)
    train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "cut")
    with pytest.raises(ModelError, match="run `mission train`"):
        export(tmp_path / "cut", tmp_path / "model")
    train(config, tmp_path / "cut")
    whole, cut = (torch.load(tmp_path / name / "last.pt", weights_only=True)["task"] for name in ("whole", "cut"))
    assert whole
    for name, values in whole.items():
        torch.testing.assert_close(cut[name], values, msg=name)


def test_run_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: other\n")
    with pytest.raises(ConfigurationError, match="run with other settings"):
        train(TINY, tmp_path)


def test_shipped_configurations_are_valid_and_keep_off_the_test_cohort() -> None:
    for path in (share_directory() / "config" / "train").rglob("*.yaml"):
        config = load_config(path)
        assert config.name == path.stem
        assert config.data.first_seed >= POPULATION_SEED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3", "at least a name"),
        ("name: x\nstep: 3", "unknown key 'step'"),
        ("name: x\nnetwork: {dims: 3}", "network: unknown key 'dims'"),
        ("name: x\ndata: {first_seed: 5}", "below 10000 are kept for test people"),
        ("name: [x", "is no YAML"),
        ("name: x\nsteps: 0", "steps is 0"),
        ("name: x\nnetwork: {num_frames: 10}", "snippets have 20"),
        ("name: x\nmethod: magic", "no method 'magic', expected one of mission, gait"),
        ("name: x\nmethod: gait\npose: {step: 3}", "pose: unknown key 'step'"),
        ("name: x\nmethod: gait\ncrowd: 0", "expected both above 0, or both 0"),
        ("name: x\nmethod: gait\nnetwork: {num_points: 65}", "data sets keep 64"),
        ("name: x\ndata: {walks: 0}", "walks is 0"),
        ("name: x\ndata: {validation_people: 9}", "at least twice as many"),
    ],
)
def test_wrong_configuration_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load_config(tmp_path / "bad.yaml")


def test_absent_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load_config(tmp_path / "nowhere.yaml")
