"""Trunks of the networks that MRA-Net is compared with, each after its own paper.

They end in an embedding, as MRA-Net's does; heads, initialisation, data and budget are the same for all. What a paper
leaves open is chosen here, and where maps or budgets are smaller than a paper's that is said.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.mra_net.network import convolution


def kim_moon(size: tuple[int, int]) -> nn.Module:
    """Three convolutions with pooling and a hidden layer.

    Source: Kim and Moon, "Human detection and activity classification based on micro-Doppler signatures using deep
    convolutional neural networks", IEEE Geoscience and Remote Sensing Letters 2016. Filters of 5 x 5, 20 a layer.
    """
    layers: list[nn.Module] = []
    for channels in (1, 20, 20):
        layers += [nn.Conv2d(channels, 20, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    flat = 20 * _pooled(size, 3)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 100), nn.ReLU(), nn.Dropout(0.5))


def vandersmissen(size: tuple[int, int]) -> nn.Module:
    """Two small convolutions with pooling and a hidden layer, exponential units, much dropout.

    Source: Vandersmissen et al., "Indoor person identification using a low-power FMCW radar", IEEE Transactions on
    Geoscience and Remote Sensing 2018. Batch normalisation as elsewhere here, for the budget is short.
    """
    layers: list[nn.Module] = []
    for channels, width in ((1, 8), (8, 16)):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ELU(), nn.MaxPool2d(2)]
    flat = 16 * _pooled(size, 2)
    return nn.Sequential(*layers, nn.Dropout(0.5), nn.Flatten(), nn.Linear(flat, 128), nn.ELU(), nn.Dropout(0.5))


def cao(size: tuple[int, int]) -> nn.Module:  # noqa: ARG001 - all trunks are made alike
    """Five convolutions and two hidden layers in the manner of AlexNet.

    Source: Cao et al., "Radar-ID: human identification based on radar micro-Doppler signatures using deep convolutional
    neural networks", IET Radar, Sonar & Navigation 2018. Deviations: a quarter of AlexNet's filters, a stride of two
    instead of four and batch normalisation, for the maps are small and nothing is pretrained on photographs.
    """
    return nn.Sequential(
        *_normed(1, 16, 11, stride=2),
        nn.MaxPool2d(3, 2, 1),
        *_normed(16, 48, 5),
        nn.MaxPool2d(3, 2, 1),
        *_normed(48, 96, 3),
        *_normed(96, 64, 3),
        *_normed(64, 64, 3),
        nn.AdaptiveAvgPool2d((4, 6)),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * 24, 256),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(256, 256),
        nn.ReLU(),
    )


class Autoencoder(nn.Module):
    """An encoder that first learns to be undone, without labels.

    Source: Seyfioglu, Ozbayoglu and Gurbuz, "Deep convolutional autoencoder for radar-based classification of similar
    aided and unaided human activities", IEEE Transactions on Aerospace and Electronic Systems 2018: three layers of
    filters of 3 x 3 beside others of 9 x 9, then two hidden layers. Half of the filters (15 a layer).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(_TwoSizes(channels, 15) for channels in (1, 15, 15))
        self.decoders = nn.ModuleList(_TwoSizes(15, 15) for _ in range(3))
        self.out = nn.Conv2d(15, 1, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        flat = 15 * _pooled(size, 3)
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(flat, 150), nn.ReLU(), nn.Dropout(0.5), nn.Linear(150, 150), nn.ReLU()
        )

    def encode(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, 15, H / 8, W / 8)."""
        for encoder in self.encoders:
            x = self.pool(encoder(x))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, D)."""
        embedding: Tensor = self.hidden(self.encode(x))
        return embedding

    @torch.jit.unused
    def reconstruction_loss(self, x: Tensor) -> Tensor:
        """Mean squared error of what comes back of maps (B, 1, H, W)."""
        code = self.encode(x)
        sizes = [(x.shape[-2] // 4, x.shape[-1] // 4), (x.shape[-2] // 2, x.shape[-1] // 2), x.shape[-2:]]
        for decoder, size in zip(self.decoders, sizes, strict=True):
            code = decoder(functional.interpolate(code, size=size, mode="nearest"))
        return functional.mse_loss(self.out(code), x)


class StackedLstm(nn.Module):
    """Two layers of LSTM that read a map column by column; the last state is the embedding.

    Source: Wang et al., "Stacked LSTM network for human activity classification using radar", as MRA-Net's authors
    compare with; 64 units a layer.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.lstm = nn.LSTM(size[0], 64, num_layers=2, batch_first=True, dropout=0.2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, 64)."""
        states = self.lstm(x.squeeze(1).transpose(1, 2))[0]
        return states[:, -1]


class JmiCnn(nn.Module):
    """A shared trunk with channel attention in which every stage reads all that came before, for both tasks.

    Source: Lang et al., "Joint motion classification and person identification via multitask learning for smart homes",
    IEEE Internet of Things Journal 2019: multitask learning, attention, hierarchical reuse of features. Its sizes are
    not at hand: widths are MRA-Net's here, attention is squeeze and excitation (Hu et al., CVPR 2018).
    """

    def __init__(self, size: tuple[int, int]) -> None:  # noqa: ARG002 - all trunks are made alike
        super().__init__()
        widths = (8, 16, 32)
        channels = [1]
        for width in widths:
            channels.append(channels[-1] + width)
        self.stages = nn.ModuleList(
            nn.Sequential(convolution(before, width, 3), convolution(width, width, 3), _Excitation(width))
            for before, width in zip(channels, widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.squeeze = nn.Conv2d(channels[-1], 32, 1)
        self.flatten = nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, D)."""
        for stage in self.stages:
            x = self.pool(torch.cat((x, stage(x)), dim=1))
        embedding: Tensor = self.flatten(self.squeeze(x))
        return embedding


class _TwoSizes(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.small = nn.Conv2d(channels, (width + 1) // 2, 3, padding=1)
        self.large = nn.Conv2d(channels, width // 2, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(torch.cat((self.small(x), self.large(x)), dim=1))


class _Excitation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(width, width // 4), nn.ReLU(), nn.Linear(width // 4, width), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.weigh(x.mean(dim=(2, 3)))
        return x * weights[:, :, None, None]


def _normed(channels: int, width: int, size: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, size, stride, size // 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()]


def _pooled(size: tuple[int, int], times: int) -> int:
    """Places that are left of a map after halving it."""
    return (size[0] >> times) * (size[1] >> times)
