from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mission_core.errors import ConfigurationError, ModelError
from mission_core.losses import METRIC_LOSSES
from mission_core.models.baselines.configuration import DualConfig, PoseConfig
from mission_core.models.baselines.network import TwoBranchNetwork
from mission_core.models.baselines.pose_network import CameraPose
from mission_core.models.baselines.pose_training import PoseTraining
from mission_core.models.baselines.training import DualObjective, DualTraining
from mission_core.models.export import export
from mission_core.models.learning import Batch
from mission_core.models.matching import MatchingNetwork
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.training import load_config, network_of
from mission_core.paths import share_directory
from mission_core.train import claim

COMPARE = share_directory() / "config" / "train" / "compare"
CONFIG = DualTraining(
    name="tiny",
    network=DualConfig(num_frames=20, num_points=9, dim=16, lstm_layers=1, dropout=0.0),
    pictures=PictureTraining(name="tiny_pictures"),
)


@pytest.fixture
def batch(radar: dict[str, Tensor], camera: dict[str, Tensor]) -> Batch:
    """Three people, of whom the camera saw the first two; of these the second is taller for the radar, too."""
    camera["geometry"][1] = torch.tensor([0.3, 4.0, 2.0, 0.6])
    radar["points"][1, ..., 2] += 0.3 * radar["present"][1]
    return Batch(
        **radar,
        radar_joints=torch.zeros(3, 12, 32, 3),
        seen=camera["seen"][:2],
        geometry=camera["geometry"][:2],
        camera_joints=torch.zeros(2, 7, 32, 3),
        parameters=torch.zeros(3, 0),
    )


@pytest.mark.parametrize("loss", METRIC_LOSSES)
def test_a_few_steps_bring_together_what_belongs_together(loss: str, pictures: PictureNetwork, batch: Batch) -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, loss=loss)  # type: ignore[arg-type]
    network, objective = TwoBranchNetwork(config.network, pictures), DualObjective(config)
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=3e-3)
    for _ in range(12):
        value, parts = objective(network, batch)
        assert set(parts) == {"metric"}
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    heard = network.encode_radar(batch.points, batch.present, batch.frames, batch.motion)[:2]
    distances = network.distances(heard, network.encode_seen(batch.seen, batch.geometry))
    assert (distances.diagonal() + 0.2 < distances.flip(1).diagonal()).all()


@pytest.mark.parametrize("path", sorted(COMPARE.glob("*.yaml")), ids=lambda path: path.stem)
def test_comparison_has_the_budget_and_pictures_of_the_mission_network(path: Path) -> None:
    config, ours = load_config(path), load_config(COMPARE.parent / "mission_small.yaml")
    for name in ("pictures", "data", "crowd", "pairs", "steps", "seed", "learning_rate", "validate_every"):
        assert getattr(config, name) == getattr(ours, name), name
    assert config.network.num_frames == ours.network.num_frames  # type: ignore[union-attr]
    assert config.weight_decay == ours.weight_decay or config.method == "gait"  # of which it is part
    assert isinstance(network_of(config), MatchingNetwork) == (config.method != "pose")  # type: ignore[arg-type]


def test_network_that_matches_nobody_is_not_exported(tmp_path: Path, pictures: PictureNetwork) -> None:
    network = PoseConfig(kind="tcmr", dim=16)
    config = PoseTraining(name="tiny", network=network, pictures=CONFIG.pictures)
    claim(config, tmp_path / "run")
    weights = CameraPose(network, pictures).state_dict()
    saved = {"network": weights, "calibrated": True, "step": 1, "validation": {}}
    torch.save(saved, tmp_path / "run" / "best.pt")
    with pytest.raises(ModelError, match="matches nobody"):
        export(tmp_path / "run", tmp_path / "model")


def test_wrong_loss_is_named() -> None:
    with pytest.raises(ConfigurationError, match="loss is 'quadruplet'"):
        replace(CONFIG, loss="quadruplet")  # type: ignore[arg-type]
