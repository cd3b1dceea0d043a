from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mission_core.data.walks import WalkSetConfig
from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.export import export
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.training import GaitTraining
from mission_core.models.learning import MatchingTraining
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.training import MissionTraining
from mission_core.models.training import load_config, train
from mission_core.paths import share_directory
from mission_core.sim.cohort import POPULATION_SEED
from mission_core.train import Trainer

PICTURES = PictureTraining(name="pictures", pictures=4, steps=2, validate_every=1)
TINY = MissionTraining(
    name="tiny",
    pictures=PICTURES,
    network=ReidConfig(dim=16, lstm_layers=1),
    steps=4,
    pairs=4,
    validate_every=2,
)
TINY_GAIT = GaitTraining(
    name="tiny_gait",
    pictures=PICTURES,
    network=GaitConfig(dim=16, lines=4, swinging=2, free=2),
    crowd=2,
    pairs=4,
    singles=2,
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
    config: MatchingTraining, tmp_path: Path, strangers: WalkSetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, data=strangers, pictures=replace(PICTURES, data=strangers))
    train(config, tmp_path / "whole")  # and the picture network beside it, which the other run shares
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
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("name: other\n")
    with pytest.raises(ConfigurationError, match="run with other settings"):
        train(TINY, tmp_path / "run")


def test_shipped_configurations_are_valid_and_keep_off_the_test_cohort() -> None:
    for path in (share_directory() / "config" / "train").glob("*.yaml"):
        config = load_config(path)
        assert config.name == path.stem
        assert config.data.first_seed >= POPULATION_SEED


GOOD = "name: x\nmethod: mission\npictures: {name: p, method: pictures}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3", "at least a name and a method"),
        ("name: [x", "is no YAML"),
        ("name: x\nmethod: magic", "no method 'magic', expected one of pictures, mission, gait"),
        ("name: x\nmethod: gait", "pictures is missing"),
        ("name: x\nmethod: gait\npictures: nowhere", r"nowhere\.yaml: No such file"),
        (f"{GOOD}step: 3", "unknown key 'step'"),
        (f"{GOOD}network: {{dims: 3}}", "network: unknown key 'dims'"),
        (f"{GOOD}data: {{first_seed: 5}}", "below 10000 are kept for test people"),
        (f"{GOOD}steps: 0", "steps is 0"),
        (f"{GOOD}network: {{num_frames: 10}}", "num_frames is 10, expected 20 or more"),
        (f"{GOOD}network: {{num_points: 65}}", "data sets keep 64"),
        (f"{GOOD}loss: magic", "loss is 'magic', expected one of triplet"),
        (f"{GOOD}data: {{walks: 0}}", "walks is 0"),
        ("name: x\nmethod: pictures\npictures: 1", "pictures is 1"),
    ],
)
def test_wrong_configuration_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load_config(tmp_path / "bad.yaml")


def test_absent_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load_config(tmp_path / "nowhere.yaml")
