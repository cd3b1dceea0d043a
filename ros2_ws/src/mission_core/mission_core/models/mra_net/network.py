"""MRA-Net, the multiscale residual attention network.

Source: "Multiscale Residual Attention Network for joint activity recognition and person identification with radar
micro-Doppler signatures", Remote Sensing 2019, 11, 2584, section 3; the mask branch is that of the mixed attention of
Wang et al., "Residual attention network for image classification", CVPR 2017.

Deviations, for the paper's text tells no more: batch normalisation after every convolution, rectifiers, maximum pooling
between the blocks; widths and depths are ours.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.mra_net.configuration import MraNetConfig

ACTIVITY, IDENTITY, LOSS_WEIGHTS = "activity", "identity", "loss_weights"
"""Heads: classes of what is done, of who it is, and, while learning, how the losses of both weigh."""


class Recognizer(nn.Module):
    """Any network that tells classes of a map of Doppler over time: what all that are compared have in common.

    Args:
        trunk: of (B, 1, H, W) in 0..1 to an embedding (B, D).
        size: H velocities, W columns.
        heads: number of outputs by name.
        range_db: least value of a map that counts, and the one beyond which all are alike [dB].

    Attributes:
        temperatures: what the logits of each head are divided by, in their order, so that probabilities mean what they
            say; fitted once the rest has learnt.
    """

    floor_db: float
    span_db: float
    temperatures: Tensor

    def __init__(
        self, trunk: nn.Module, size: tuple[int, int], heads: dict[str, int], range_db: tuple[float, float]
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.floor_db, self.span_db = range_db[0], range_db[1] - range_db[0]
        with torch.no_grad():
            dim = trunk.eval()(torch.zeros(1, 1, *size)).shape[1]
        self.heads = nn.ModuleDict({name: nn.Linear(dim, count) for name, count in heads.items()})
        self.register_buffer("temperatures", torch.ones(len(heads)))
        orthogonal(self)

    def embed(self, maps: Tensor) -> Tensor:
        """Maps (B, H, W) [dB] to embeddings (B, D)."""
        embedding: Tensor = self.trunk(self.scaled(maps))
        return embedding

    def scaled(self, maps: Tensor) -> Tensor:
        """Maps (B, H, W) [dB] to (B, 1, H, W) in 0..1."""
        return ((maps - self.floor_db) / self.span_db).clamp(0.0, 1.0).unsqueeze(1)

    def forward(self, maps: Tensor) -> dict[str, Tensor]:
        """Maps (B, H, W) [dB] to logits (B, C) by head."""
        embedding = self.embed(maps)
        logits: dict[str, Tensor] = {}
        for number, (name, head) in enumerate(self.heads.items()):
            logits[name] = head(embedding) / self.temperatures[number]
        return logits


def orthogonal(network: nn.Module) -> None:
    """Orthogonal weights, no bias: the paper's initialisation."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.orthogonal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def convolution(channels: int, width: int, size: int) -> nn.Sequential:
    """A convolution that keeps height and width."""
    return nn.Sequential(
        nn.Conv2d(channels, width, size, padding=size // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def convolutions(channels: int, width: int, size: int, depth: int) -> nn.Sequential:
    """One after another."""
    return nn.Sequential(*(convolution(channels if first == 0 else width, width, size) for first in range(depth)))


class Mask(nn.Module):
    """The mask branch: down to a quarter of height and width and up again, with a way across at half."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.down = nn.MaxPool2d(2, ceil_mode=True)
        self.at_half = convolution(channels, width, 3)
        self.at_quarter = convolution(width, width, 3)
        self.across = convolution(width, width, 3)
        self.joined = convolution(width, width, 3)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W) to shares (B, width, H, W) in 0..1."""
        half = self.at_half(self.down(x))
        quarter = self.at_quarter(self.down(half))
        joined = self.joined(_spread(quarter, half) + self.across(half))
        return torch.sigmoid(self.out(_spread(joined, x)))


def _spread(features: Tensor, like: Tensor) -> Tensor:
    """To the height and width of another."""
    return functional.interpolate(features, size=like.shape[-2:], mode="bilinear", align_corners=False)


class Block(nn.Module):
    """O_b(x) = (M(x) + 1) f(O_p1(x) + O_p2(x)), equation 1; what `MraNetConfig` leaves out is not there."""

    def __init__(self, channels: int, width: int, config: MraNetConfig) -> None:
        super().__init__()
        sizes = {"fine": (3,), "coarse": (5,), "both": (3, 5)}[config.scales]
        self.branches = nn.ModuleList(convolutions(channels, width, size, config.depth) for size in sizes)
        self.join = nn.Conv2d(width, width, 1)
        self.mask = Mask(channels, width) if config.attention else None

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W) to (B, width, H, W)."""
        together = torch.zeros(1, device=x.device)
        for branch in self.branches:
            together = together + branch(x)
        joined: Tensor = self.join(together)
        if self.mask is not None:
            joined = (self.mask(x) + 1.0) * joined
        return joined


def mra_net_trunk(config: MraNetConfig) -> nn.Module:
    """The blocks, each followed by pooling; everything that is left is the embedding."""
    layers: list[nn.Module] = []
    channels = 1
    for width in config.widths:
        layers += [Block(channels, width, config), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten())
