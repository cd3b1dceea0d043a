"""Fixtures of the tests with real ROS nodes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ros_harness import listener, rclpy_context, spin, swept_shared_memory  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the real structure with random weights, written as `mission export` writes one."""
    import torch

    from mission_core.models.export import write_model
    from mission_core.models.pictures.configuration import PictureConfig
    from mission_core.models.pictures.network import PictureNetwork
    from mission_core.models.reid.configuration import ReidConfig
    from mission_core.models.reid.network import MissionNetwork

    torch.manual_seed(0)
    directory = tmp_path_factory.mktemp("model") / "random"
    write_model(MissionNetwork(ReidConfig(num_frames=20), PictureNetwork(PictureConfig())), "random", directory, {})
    return directory


@pytest.fixture(scope="session")
def recognition_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of activities and people with random weights, for the maps of walking_10fps.cfg."""
    import torch

    from mission_core.models.mra_net.export import write_model
    from mission_core.models.mra_net.network import Recognizer, mra_net_trunk
    from mission_core.models.training import load_config
    from mission_core.paths import share_directory

    torch.manual_seed(0)
    config = load_config(share_directory() / "config" / "train" / "mra_net_walking.yaml")
    heads = {"activity": 3, "identity": 3}
    network = Recognizer(mra_net_trunk(config.network), config.maps.size, heads, config.maps.range_db)
    directory = tmp_path_factory.mktemp("model") / "recognition"
    write_model(network, config, directory, ("box", "walk"), ("P00", "P01", "nobody"))
    return directory
