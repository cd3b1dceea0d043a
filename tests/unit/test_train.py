from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mission_core.data.walks import PersonWalks, WalkSetConfig
from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.export import export
from mission_core.models.reid.configuration import ReidConfig
from mission_core.paths import share_directory
from mission_core.sim.cohort import POPULATION_SEED
from mission_core.train import TrainConfig, Trainer, load_config

TINY = TrainConfig(
    name="tiny",
    network=ReidConfig(dim=16, image_features=(3, 8, 8), lstm_layers=1),
    steps=4,
    batch_people=4,
    validate_every=2,
)


@pytest.fixture(autouse=True)
def _home(strangers_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_HOME", str(strangers_home))


class InterruptedTrainer(Trainer):
    """Is interrupted at its first validation, before `last.pt` is written."""

    def _validate(self, people: list[PersonWalks], state: str) -> str:
        (self.directory / "last.pt").mkdir(parents=True)
        try:
            return super()._validate(people, state)
        except IsADirectoryError:
            raise KeyboardInterrupt from None
        finally:
            (self.directory / "last.pt").rmdir()


def test_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path: Path, strangers: WalkSetConfig) -> None:
    config = replace(TINY, data=strangers)
    Trainer(config, tmp_path / "whole").run()
    with pytest.raises(KeyboardInterrupt):
        InterruptedTrainer(config, tmp_path / "cut").run()
    with pytest.raises(ModelError, match="not calibrated"):
        export(tmp_path / "cut", tmp_path / "model")
    Trainer(config, tmp_path / "cut").run()
    whole, cut = (torch.load(tmp_path / name / "last.pt", weights_only=True)["network"] for name in ("whole", "cut"))
    for name, values in whole.items():
        torch.testing.assert_close(cut[name], values, msg=name)


def test_run_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("name: other\n")
    with pytest.raises(ConfigurationError, match="run with other settings"):
        Trainer(TINY, tmp_path).run()


def test_shipped_configuration_is_valid_and_keeps_off_the_test_cohort() -> None:
    config = load_config(share_directory() / "config" / "train" / "reid_small.yaml")
    assert config.name == "reid_small"
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
