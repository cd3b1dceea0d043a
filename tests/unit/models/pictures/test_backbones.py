from pathlib import Path

import pytest
import torch
from torch import Tensor

from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.pictures.backbones import ResNet50, backbone, load_resnet50


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """As torchvision saves them, classifier included."""
    torch.manual_seed(1)
    return {**ResNet50().state_dict(), "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("name", ["small", "resnet50"])
@torch.inference_mode()
def test_every_backbone_makes_a_map_of_six_by_four(name: str) -> None:
    network = backbone(name).eval()
    shown = network(torch.randint(0, 256, (2, 96, 64, 3), dtype=torch.uint8))
    assert shown.shape == (2, network.channels, 6, 4)


def test_resnet50_has_the_published_number_of_parameters() -> None:
    """25,557,032 with the classifier of 2048 x 1000 weights and 1000 biases."""
    assert sum(p.numel() for p in ResNet50().parameters()) == 25_557_032 - 2_049_000


@pytest.mark.parametrize(
    ("prefix", "wrapped"),
    [("", ()), ("hmr.", ("model",)), ("module.", ("state_dict",))],
    ids=["plain", "spin", "module"],
)
def test_own_weights_load_under_whatever_prefix(
    weights: dict[str, Tensor], prefix: str, wrapped: tuple[str, ...], tmp_path: Path
) -> None:
    saved: object = {prefix + name: values for name, values in weights.items()}
    for key in wrapped:
        saved = {key: saved}
    torch.save(saved, tmp_path / "own.pt")
    network = ResNet50()
    load_resnet50(network, tmp_path / "own.pt")
    for name, values in network.state_dict().items():
        torch.testing.assert_close(values, weights[name], msg=name)


def test_weights_of_something_else_are_named(weights: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "own.pt"
    with pytest.raises(ModelError, match=r"own\.pt cannot be read"):
        load_resnet50(ResNet50(), path)
    path.write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"own\.pt cannot be read"):
        load_resnet50(ResNet50(), path)
    torch.save({name: values for name, values in weights.items() if name != "layer3.0.conv1.weight"}, path)
    with pytest.raises(ModelError, match=r"no parameter 'layer3\.0\.conv1\.weight' of shape \(256, 512, 1, 1\)"):
        load_resnet50(ResNet50(), path)


def test_unknown_backbone_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no backbone 'vgg'"):
        backbone("vgg")
    with pytest.raises(ConfigurationError, match="takes no weights"):
        backbone("small", "own.pt")
