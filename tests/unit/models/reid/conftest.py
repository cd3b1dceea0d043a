import pytest
import torch

from mission_core.models.export import write_model
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.network import GaitNetwork
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.network import MissionNetwork

SMALL = ReidConfig(num_frames=6, num_points=8, dim=16, lstm_layers=1, dropout=0.0)


def awake(network: MissionNetwork) -> MissionNetwork:
    """Replaces the zeros that fusion starts from, so that it has an effect without training."""
    for fusion in (network.radar_fusion, network.vision_fusion):
        torch.nn.init.normal_(fusion.output.weight)
    return network


@pytest.fixture(scope="session")
def pictures() -> PictureNetwork:
    torch.manual_seed(0)
    return PictureNetwork(PictureConfig()).eval()


@pytest.fixture(scope="session")
def network(pictures: PictureNetwork) -> MissionNetwork:
    torch.manual_seed(0)
    return awake(MissionNetwork(SMALL, pictures)).eval()


@pytest.fixture(scope="session")
def model(network: MissionNetwork, tmp_path_factory: pytest.TempPathFactory) -> ReidModel:
    return write_model(network, "tiny", tmp_path_factory.mktemp("model"), {})


@pytest.fixture(scope="session")
def gait_model(pictures: PictureNetwork, tmp_path_factory: pytest.TempPathFactory) -> ReidModel:
    """A model that merges clips, with random weights."""
    torch.manual_seed(0)
    config = GaitConfig(num_frames=12, num_points=8, dim=16, lines=4, swinging=2, free=2)
    return write_model(GaitNetwork(config, pictures), "tiny_gait", tmp_path_factory.mktemp("gait") / "tiny_gait", {})
