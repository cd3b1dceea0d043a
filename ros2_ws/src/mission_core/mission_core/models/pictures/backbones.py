"""Backbones: from crops to a map of features, 6 rows by 4 columns.

`resnet50` is ResNet-50 v1.5 (He et al., "Deep residual learning for image recognition", CVPR 2016; stride in the 3 x 3
convolution as in torchvision), which the Mission paper takes from SPIN. Its parameters carry torchvision's names, so
that a user's own weights load as they are; those of SPIN are found under their prefix. None are shipped.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.errors import ConfigurationError, ModelError

MAP_ROWS, MAP_COLUMNS = 6, 4
"""Of every backbone's map."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Residual(nn.Module):
    """Two convolutions with a way around them; groups are normalised, so that a picture does not depend on others."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.first_norm, self.second_norm = nn.GroupNorm(8, outputs), nn.GroupNorm(8, outputs)
        self.around = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.around(x) + self.second_norm(self.second(inner)))


class SmallBackbone(nn.Module):
    """Some 0.5 M parameters, a stride of 16."""

    channels: int = 128

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 4, 4, bias=False),  # the full resolution would take most of the time
            nn.GroupNorm(8, 32),
            nn.ReLU(),
            Residual(32, 48, 1),
            Residual(48, 96, 2),
            Residual(96, 128, 2),
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Crops (B, 96, 64, 3) uint8 RGB to a map (B, 128, 6, 4)."""
        return self.layers(crops.permute(0, 3, 1, 2).float() / 127.5 - 1.0)


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = nn.Sequential()
        if stride > 1 or inputs != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(x)))
        inner = functional.relu(self.bn2(self.conv2(inner)))
        return functional.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


class ResNet50(nn.Module):
    """ResNet-50 without its classifier, on crops at twice their size: 23.5 M parameters, a stride of 32."""

    channels: int = 2048
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(256, 128, 4, 2)
        self.layer3 = _stage(512, 256, 6, 2)
        self.layer4 = _stage(1024, 512, 3, 2)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).reshape(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).reshape(3, 1, 1), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Crops (B, 96, 64, 3) uint8 RGB to a map (B, 2048, 6, 4)."""
        pixels = (crops.permute(0, 3, 1, 2).float() / 255.0 - self.mean) / self.deviation
        pixels = functional.interpolate(pixels, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.maxpool(functional.relu(self.bn1(self.conv1(pixels))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        _Bottleneck(inputs, width, stride), *(_Bottleneck(4 * width, width, 1) for _ in range(blocks - 1))
    )


def load_resnet50(network: ResNet50, path: Path) -> None:
    """Loads a user's weights: a state dictionary, or a checkpoint that holds one under "model" or "state_dict".

    Prefixes before the names are dropped, and what is not of a ResNet-50's convolutions (classifier, SPIN's regressor)
    is left out.

    Raises:
        ModelError: the file cannot be read, or lacks parameters of a ResNet-50, or has them in another shape.
    """
    try:
        saved: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path} cannot be read as a state dictionary of tensors: {error}") from error
    for key in ("model", "state_dict"):
        saved = saved[key] if isinstance(saved, dict) and isinstance(saved.get(key), dict) else saved
    own = network.state_dict()
    last = "layer4.2.conv3.weight"
    prefix = next((str(key).removesuffix(last) for key in saved if str(key).endswith(last)), "")
    found = {name: saved[prefix + name] for name in own if prefix + name in saved}
    wrong = [name for name in own if name not in found or found[name].shape != own[name].shape]
    if wrong:
        raise ModelError(
            f"{path} has no parameter {prefix + wrong[0]!r} of shape {tuple(own[wrong[0]].shape)}: expected "
            f"the weights of a ResNet-50 with torchvision's names ({len(wrong)} of {len(own)} do not fit)"
        )
    network.load_state_dict(found)


def backbone(name: str, weights: str = "") -> SmallBackbone | ResNet50:
    """A backbone by its name.

    Raises:
        ConfigurationError: there is none of that name, or it takes no weights.
    """
    if name == "resnet50":
        network = ResNet50()
        if weights:
            load_resnet50(network, Path(weights))
        return network
    if name != "small":
        raise ConfigurationError(f"there is no backbone {name!r}, expected small or resnet50")
    if weights:
        raise ConfigurationError(f"the small backbone takes no weights ({weights}): it is trained from scratch")
    return SmallBackbone()
