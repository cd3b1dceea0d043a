import pytest
import torch

from mission_core.models.export import write_model
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.network import MissionNetwork

SMALL = ReidConfig(num_frames=6, num_points=8, dim=16, image_features=(3, 8, 8), lstm_layers=1, dropout=0.0)


def awake(network: MissionNetwork) -> MissionNetwork:
    """Replaces the zeros that fusion starts from, so that it has an effect without training."""
    for fusion in (network.radar_fusion, network.vision_fusion):
        torch.nn.init.normal_(fusion.output.weight)
    return network


@pytest.fixture(scope="session")
def network() -> MissionNetwork:
    torch.manual_seed(0)
    return awake(MissionNetwork(SMALL)).eval()


@pytest.fixture(scope="session")
def model(network: MissionNetwork, tmp_path_factory: pytest.TempPathFactory) -> ReidModel:
    return write_model(network, "tiny", tmp_path_factory.mktemp("model"), {})
