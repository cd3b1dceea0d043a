"""Settings of the network that reads pictures."""

from dataclasses import dataclass
from typing import Literal

BACKBONES = ("small", "resnet50")


@dataclass(frozen=True)
class PictureConfig:
    """Shape of the picture network.

    Attributes:
        backbone: "small" trains from scratch on a CPU within half an hour; "resnet50" is the paper's and wants a GPU.
        weights: file of a user's own weights for resnet50 (ImageNet's from torchvision, or SPIN's), "" for none.
    """

    backbone: Literal["small", "resnet50"] = "small"
    weights: str = ""
