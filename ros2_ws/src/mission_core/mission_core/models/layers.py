"""Layers that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def masked_softmax(logits: Tensor, present: Tensor) -> Tensor:
    """Softmax over the last dimension where `present`; a row with nothing present stays finite."""
    return functional.softmax(logits.masked_fill(~present, -1e4), dim=-1)


class AttentionPooling(nn.Module):
    """Weighted sum over a set, weights by a softmax over learned scores (Mission, equation 1)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Pools tokens (..., S, C) where present (..., S) to (..., C)."""
        weights = masked_softmax(self.score(tokens).squeeze(-1), present)
        return (weights.unsqueeze(-2) @ tokens).squeeze(-2)


class Recurrence(nn.Module):
    """Bidirectional LSTM over frames, with a way around it, so that a short training need not learn the identity."""

    def __init__(self, dim: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, dim // 2, num_layers=layers, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T, D) to the same."""
        return self.norm(tokens + self.lstm(tokens)[0])


class PointScale(nn.Module):
    """Brings the five features of points to a common scale."""

    offset: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        # typical value and spread of x, y, z [m], SNR [dB], velocity [m/s]
        self.register_buffer("offset", torch.tensor([0.0, 0.0, 1.0, 20.0, 0.0]))
        self.register_buffer("scale", torch.tensor([0.5, 0.5, 1.0, 15.0, 1.5]))

    def forward(self, points: Tensor) -> Tensor:
        """Points (..., 5) to the same."""
        return (points - self.offset) / self.scale


class MetricBox(nn.Module):
    """The box of a person in metres, on a common scale."""

    SIZE = 5
    offset: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        # typical value and spread of lateral offset, distance, height and width [m]
        self.register_buffer("offset", torch.tensor([0.0, 4.0, 1.7, 0.6]))
        self.register_buffer("scale", torch.tensor([1.5, 1.5, 0.1, 0.2]))

    def forward(self, geometry: Tensor) -> Tensor:
        """Geometry (..., 4) [m], NaN where unknown, to (..., SIZE): 0 where unknown, and whether it is known."""
        known = torch.isfinite(geometry).all(dim=-1, keepdim=True)
        metric = (torch.nan_to_num(geometry) - self.offset) / self.scale * known
        return torch.cat([metric, known.to(metric.dtype)], dim=-1)


class Projection(nn.Module):
    """To the unit vectors that are compared, from what was pooled, normalised over the batch.

    Source: Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", CVPRW 2019; in none of
    the papers whose networks use it here. Without it untrained clips are all but one vector, and the triplet loss takes
    long to find out in what they differ, or never does: the Mission network's stayed at its margin for 450 steps.
    """

    def __init__(self, dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(dim, dim)

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled (..., D) to the same."""
        normed = self.norm(pooled.reshape(-1, pooled.shape[-1])).reshape(pooled.shape)
        return functional.normalize(self.linear(self.dropout(normed)), dim=-1)

    def settled(self, pooled: Tensor) -> Tensor:
        """As in use, even while training: pooled (B, D) of another kind, which must not move the statistics."""
        norm = self.norm
        normed = functional.batch_norm(
            pooled, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
        )
        return functional.normalize(self.linear(normed), dim=-1)
