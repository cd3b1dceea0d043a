from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from mission_core.errors import ModelError
from mission_core.models.card import CARD, WEIGHTS, read_card
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.pictures.training import PictureTraining, adopt, begun, is_trained, load_pictures, ship
from mission_core.models.reid.model import ReidModel
from mission_core.models.training import load_config
from mission_core.paths import share_directory
from mission_core.train import BEST

CONFIG = PictureTraining(name="tiny_pictures", steps=3)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A training that has ended."""
    torch.manual_seed(3)
    saved = {
        "step": 3,
        "config": asdict(CONFIG),
        "provenance": {"git": "0"},
        "network": PictureNetwork(CONFIG.network).state_dict(),
        "validation": {"joint_error_m": 0.03},
    }
    directory = tmp_path / "run"
    directory.mkdir()
    torch.save({**saved, "calibrated": True}, directory / BEST)
    return directory


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a network of that name would come with mission."""
    (tmp_path / "share" / "config").mkdir(parents=True)
    (tmp_path / "share" / "config" / "mission.yaml").write_text("")
    monkeypatch.setenv("MISSION_SHARE", str(tmp_path / "share"))
    return tmp_path / "share" / "models" / CONFIG.name


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Directory of a run that has not begun."""
    (tmp_path / "other").mkdir()
    return tmp_path / "other"


def test_a_network_that_comes_with_mission_is_not_learnt_again(run: Path, shipped: Path, other: Path) -> None:
    card = ship(CONFIG, run, shipped)
    assert card == read_card(shipped)
    assert (card["validation"], card["training"]["best_step"]) == ({"joint_error_m": 0.03}, 3)
    assert not begun(other)
    adopt(CONFIG, other)
    assert begun(other)
    assert is_trained(other)
    weights = load_pictures(CONFIG, run).state_dict()
    for name, values in load_pictures(CONFIG, other).state_dict().items():
        torch.testing.assert_close(values, weights[name], rtol=0, atol=0)


def test_one_of_other_settings_or_another_kind_is_left_alone(run: Path, shipped: Path, other: Path) -> None:
    adopt(CONFIG, other)  # there is none
    ship(CONFIG, run, shipped)
    adopt(replace(CONFIG, seed=1), other)
    adopt(replace(CONFIG, name="another"), other)
    assert not begun(other)
    card = shipped / CARD
    card.write_text(card.read_text().replace("kind: pictures", "kind: reid"))
    adopt(CONFIG, other)
    assert not begun(other)


def test_a_damaged_one_is_refused(run: Path, shipped: Path, other: Path) -> None:
    ship(CONFIG, run, shipped)
    (shipped / WEIGHTS).write_bytes((shipped / WEIGHTS).read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"model\.pt has SHA-256 .* its card says"):
        adopt(CONFIG, other)
    (shipped / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"model\.pt does not exist"):
        adopt(CONFIG, other)
    assert not begun(other)


def test_a_run_that_did_not_end_is_not_shipped(run: Path, shipped: Path) -> None:
    saved = torch.load(run / BEST, weights_only=True)
    torch.save({**saved, "calibrated": False}, run / BEST)
    with pytest.raises(ModelError, match="not of a training that ended"):
        ship(CONFIG, run, shipped)
    assert not shipped.exists()


def test_it_is_no_model_for_the_nodes(run: Path, shipped: Path) -> None:
    ship(CONFIG, run, shipped)
    with pytest.raises(ModelError, match="kind 'pictures', expected 'reid'"):
        ReidModel.load(shipped)


def test_the_network_that_comes_with_mission_is_that_of_the_shipped_settings(other: Path) -> None:
    config = load_config(share_directory() / "config" / "train" / "pictures_small.yaml")
    assert isinstance(config, PictureTraining)
    adopt(config, other)
    assert is_trained(other)
    assert load_pictures(config, other).mean_joints.abs().max() > 0.5
