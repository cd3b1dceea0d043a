"""Vision encoders of the baselines: what was seen in a clip (B, T, S), and the metric box (B, T, 4), to (B, D).

Nothing here reads pictures: the frozen picture network has, for all methods alike.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.layers import AttentionPooling, MetricBox
from mission_core.models.pictures.backbones import MAP_COLUMNS, MAP_ROWS
from mission_core.models.pictures.network import SILHOUETTE_HEIGHT, feature_map, silhouettes


class TemporalFrames(nn.Module):
    """Frame tokens of which each knows its own frame, the past and the future apart (TCMR).

    Source: Choi et al., "Beyond static features for temporally consistent 3D human pose and shape from a video", CVPR
    2021. A bidirectional GRU reads all frames; two further ones forecast the frame from those before it alone and from
    those after it alone; attention weighs the three, and no residual path leads around them.

    Deviations: TCMR does so for the middle frame of 16, here every frame of the clip is one; the map of the frozen
    backbone stands for its pooled 2048 features, and the metric box for SPIN's crop; widths are D, not 1024 and 2048.
    """

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__()
        self.box = MetricBox()
        self.narrow = nn.Linear(channels, 64)
        self.static = nn.Sequential(nn.Linear(MAP_ROWS * MAP_COLUMNS * 64 + MetricBox.SIZE, dim), nn.LayerNorm(dim))
        self.every = nn.GRU(dim, dim // 2, num_layers=2, batch_first=True, bidirectional=True)
        self.past = nn.GRU(dim, dim, batch_first=True)
        self.future = nn.GRU(dim, dim, batch_first=True)
        self.integrate = nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Linear(dim, dim)) for _ in range(3)])
        self.weigh = nn.Sequential(nn.Linear(3 * dim, dim), nn.Tanh(), nn.Linear(dim, 3))
        self.norm = nn.LayerNorm(dim)

    def forward(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Seen (B, T, S), geometry (B, T, 4) to tokens (B, T, D)."""
        places = feature_map(seen).flatten(-2).transpose(-1, -2)  # (B, T, 24, channels)
        appearance = functional.relu(self.narrow(places)).flatten(2)
        static = self.static(torch.cat([appearance, self.box(geometry)], dim=-1))
        told = [
            self.integrate[0](self.every(static)[0]),
            self.integrate[1](self.before(static)),
            self.integrate[2](self.after(static)),
        ]
        weights = self.weigh(torch.cat(told, dim=-1)).softmax(dim=-1).unsqueeze(-1)  # (B, T, 3, 1)
        return self.norm((torch.stack(told, dim=-2) * weights).sum(dim=-2))

    def before(self, static: Tensor) -> Tensor:
        """What the frames before each forecast of it, (B, T, D); nothing for the first."""
        return functional.pad(self.past(static[:, :-1])[0], [0, 0, 1, 0])

    def after(self, static: Tensor) -> Tensor:
        """What the frames after each forecast of it, (B, T, D); nothing for the last."""
        return functional.pad(self.future(static[:, 1:].flip(1))[0].flip(1), [0, 0, 0, 1])


class TemporalBranch(nn.Module):
    """TCMR's frames, pooled over the clip by attention (the vision side of the paper's PTL)."""

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__()
        self.frames = TemporalFrames(dim, channels)
        self.pool = AttentionPooling(dim)

    def forward(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Seen (B, T, S), geometry (B, T, 4) to (B, D)."""
        tokens = self.frames(seen, geometry)
        return self.pool(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device))


class FocalConv(nn.Module):
    """A convolution that sees a horizontal strip of the picture at a time (GaitPart's focal convolution).

    Pictures are kept with their channels last, so that strips are only another view of them.
    """

    def __init__(self, inputs: int, outputs: int, strips: int) -> None:
        super().__init__()
        self.strips = strips
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (F, inputs, H, W) to (F, outputs, H, W)."""
        apart = pictures.permute(0, 2, 3, 1).unflatten(1, (self.strips, -1)).flatten(0, 1)  # (F * strips, h, W, inputs)
        shown = functional.leaky_relu(self.conv(apart.permute(0, 3, 1, 2)), 0.01).permute(0, 2, 3, 1)
        return shown.unflatten(0, (-1, self.strips)).flatten(1, 2).permute(0, 3, 1, 2)


class MicroMotion(nn.Module):
    """How each part moves over a few neighbouring frames, and the most of it in a clip (micro-motion capture).

    Windows of 3 and 5 frames are pooled, and weighed channel by channel with what the part does within them. Every part
    has weights of its own, which are the groups of grouped convolutions.
    """

    def __init__(self, channels: int, parts: int) -> None:
        super().__init__()
        inner, outer = parts * channels // 4, parts * channels
        self.short = nn.Sequential(
            nn.Conv1d(outer, inner, 3, padding=1, groups=parts),
            nn.LeakyReLU(),
            nn.Conv1d(inner, outer, 1, groups=parts),
        )
        self.long = nn.Sequential(
            nn.Conv1d(outer, inner, 3, padding=1, groups=parts),
            nn.LeakyReLU(),
            nn.Conv1d(inner, outer, 3, padding=1, groups=parts),
        )

    def forward(self, parts: Tensor) -> Tensor:
        """Parts (B, T, P, C) to (B, P, C)."""
        series = parts.flatten(2).transpose(1, 2)  # (B, P * C, T)
        short = self.pooled(series, 3) * self.short(series).sigmoid()
        long = self.pooled(series, 5) * self.long(series).sigmoid()
        return (short + long).amax(dim=-1).unflatten(1, parts.shape[2:])

    def pooled(self, series: Tensor, window: int) -> Tensor:
        """Sum of mean and maximum over windows of frames, (B, P * C, T)."""
        mean = functional.avg_pool1d(series, window, stride=1, padding=window // 2)
        return mean + functional.max_pool1d(series, window, stride=1, padding=window // 2)


class PartBranch(nn.Module):
    """GaitPart: silhouettes, focal convolutions, horizontal parts, micro-motion of each, a layer for each.

    Source: Fan et al., "GaitPart: Temporal part-based model for gait recognition", CVPR 2020.

    Deviations: silhouettes are the picture network's, in grey, 48 x 32 instead of 64 x 44; layers have 16, 32 and 64
    channels instead of 32, 64 and 128, and the first is one convolution of stride 2; there are 12 parts, not 16. The
    metric box is one part more: GaitPart scales silhouettes to one height, which would leave out the stature and the
    speed that every other method is told. The features of all parts are projected to one vector, which is compared;
    GaitPart compares part by part.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        width, self.parts, own = 64, SILHOUETTE_HEIGHT // 4, 32
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.LeakyReLU(),
            FocalConv(16, 32, 2),
            FocalConv(32, 32, 2),
            nn.MaxPool2d(2),
            FocalConv(32, width, 4),
            FocalConv(width, width, 4),
        )
        self.box = MetricBox()
        self.metric = nn.Linear(MetricBox.SIZE, width)
        self.motion = MicroMotion(width, self.parts + 1)
        self.separate = nn.Conv1d((self.parts + 1) * width, (self.parts + 1) * own, 1, groups=self.parts + 1)
        self.together = nn.Sequential(nn.LayerNorm((self.parts + 1) * own), nn.Linear((self.parts + 1) * own, dim))

    def forward(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Seen (B, T, S), geometry (B, T, 4) to (B, D)."""
        pictures = silhouettes(seen).flatten(0, 1).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        shown = self.layers(pictures)  # (B * T, C, 12, 8)
        parts = (shown.amax(dim=-1) + shown.mean(dim=-1)).transpose(1, 2)  # (B * T, P, C)
        metric = self.metric(self.box(geometry)).unsqueeze(2)  # (B, T, 1, C)
        moved = self.motion(torch.cat([parts.unflatten(0, seen.shape[:2]), metric], dim=2))
        return self.together(self.separate(moved.flatten(1).unsqueeze(-1)).squeeze(-1))
