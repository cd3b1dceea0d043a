"""The gait network: what each sensor says about a body and its gait, and how far two of them speak of one person.

Not from a paper. Each side tells a Gaussian over the same latent parameters of a person, as evidence: a clip multiplies
what is known beforehand, N(0, I), by a likelihood with information vector h and precision l, so that afterwards it is
N(h / (1 + l), 1 / (1 + l)). Clips of one person add up; what a clip does not show has precision 0; and a pair is scored
by the likelihood ratio of one person against two, as in probabilistic linear discriminant analysis (Ioffe 2006).

The latent parameters are the known ones of simulated people, decorrelated and turned so that errors along them are
independent, which training finds out; and some that it is free to choose. B clips, T frames, N points, D latent
parameters. Everything a deployed model needs, normalisation included, is inside the module.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.camera.snippet import SNIPPET_RATE
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.layers import AttentionPooling
from mission_core.models.matching import MatchingNetwork
from mission_core.models.pictures.network import NUM_OUTLINE, PictureNetwork, joints_and_outline
from mission_core.sim.cohort import PARAMETERS
from mission_core.types import NUM_JOINTS

CAMERA_PERIOD = 1.0 / SNIPPET_RATE  # of the camera's frames [s]
SLOWEST, FASTEST = 0.7, 2.8
"""Frequencies that are looked at [1/s]: slow strides to fast steps."""
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
"""Of which the best on validation people is taken."""
VARIANCES = (0.5 - 0.125**0.5, 0.5 + 0.125**0.5)
"""What is left to be known of a latent parameter, between 0 and 1: where signatures are exact (Chebyshev nodes)."""
NEIGHBOURS = 4  # frames on either side over which the camera's motion is measured


def soft_histogram(values: Tensor, weights: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Histograms (B, T, bins) of values (B, T, N) with weights (B, T, N); a value is shared by its two nearest bins."""
    places = ((values - low) / (high - low) * (bins - 1)).clamp(0.0, bins - 1.0)
    lower = places.floor().clamp(max=bins - 2.0)
    share = places - lower
    result = torch.zeros((values.shape[0], values.shape[1], bins), dtype=values.dtype, device=values.device)
    result.scatter_add_(-1, lower.long(), weights * (1.0 - share))
    result.scatter_add_(-1, lower.long() + 1, weights * share)
    return torch.log1p(result)


def _moments(values: Tensor, weights: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    mean = (values * weights).sum(dim=-1, keepdim=True) / total
    return mean, (((values - mean).square() * weights).sum(dim=-1, keepdim=True) / total).sqrt()


class PointHistograms(nn.Module):
    """What the points of a frame say, without order: where they are and how fast, counted and weighted by strength.

    Deviation from the paper's PointNet: with hundreds instead of millions of people to learn from, fixed histograms
    generalise far better than learnt point features.
    """

    SIZE = 2 * (24 + 32 + 16 + 16) + 10 * 16 + 8

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Points (B, T, N, 5) as `frame_points` makes them, present (B, T, N), to (B, T, SIZE)."""
        along, left, height, snr, doppler = points.unbind(-1)
        one = present.to(points.dtype)
        strength = one * (snr / 30.0).clamp(0.0, 2.0)
        total = one.sum(dim=-1, keepdim=True).clamp(min=1.0)
        body, _ = _moments(doppler, one, total)
        limbs = doppler - body  # the trunk's own velocity differs from walk to walk
        top = height.masked_fill(~present, -1.0).amax(dim=-1, keepdim=True)
        row = (height / 2.2 * 9.0).round().clamp(0.0, 9.0)
        column = ((limbs + 3.2) / 6.4 * 15.0).round().clamp(0.0, 15.0)
        both = torch.zeros((points.shape[0], points.shape[1], 160), dtype=points.dtype, device=points.device)
        both.scatter_add_(-1, (row * 16.0 + column).long(), strength)
        return torch.cat(
            [
                soft_histogram(height, one, 0.0, 2.2, 24),
                soft_histogram(height, strength, 0.0, 2.2, 24),
                soft_histogram(limbs, one, -3.2, 3.2, 32),
                soft_histogram(limbs, strength, -3.2, 3.2, 32),
                soft_histogram(left, one, -0.8, 0.8, 16),
                soft_histogram(left, strength, -0.8, 0.8, 16),
                soft_histogram(along, one, -0.8, 0.8, 16),
                soft_histogram(along, strength, -0.8, 0.8, 16),
                torch.log1p(both),
                torch.log1p(total),
                body,
                top,
                *_moments(height, one, total),
                _moments(limbs, one, total)[1],
                _moments(snr, one, total)[0] / 30.0,
                _moments(left, one, total)[1],
            ],
            dim=-1,
        )


class Spectrum(nn.Module):
    """How strongly projections of the tokens swing at each of some frequencies: it shows cadence, and what swings."""

    angles: Tensor

    def __init__(self, config: GaitConfig, period: float) -> None:
        super().__init__()
        self.project = nn.Linear(config.dim, config.swinging)
        frequencies = torch.linspace(SLOWEST, FASTEST, config.lines)
        self.register_buffer("angles", 2.0 * math.pi * period * frequencies)  # from frame to frame [rad]

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Tokens (B, T, C), present (B, T) to (B, lines * swinging)."""
        mask = present.to(tokens.dtype).unsqueeze(-1)
        count = mask.sum(dim=1, keepdim=True).clamp(min=1.0)
        series = self.project(tokens)
        series = (series - (series * mask).sum(dim=1, keepdim=True) / count) * mask
        phase = self.angles.unsqueeze(-1) * torch.arange(tokens.shape[1], device=tokens.device)  # (lines, T)
        real = torch.einsum("ft,btc->bfc", phase.cos(), series)
        imaginary = torch.einsum("ft,btc->bfc", phase.sin(), series)
        return torch.log1p((real.square() + imaginary.square()) / count).flatten(1)


class Witness(nn.Module):
    """From features of the frames of a clip to evidence about the person."""

    offset: Tensor
    scale: Tensor

    def __init__(self, inputs: int, config: GaitConfig, period: float) -> None:
        super().__init__()
        dim = config.dim
        self.frame = nn.Sequential(
            nn.Linear(inputs, dim), nn.LayerNorm(dim), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(dim, dim)
        )
        self.convolutions = nn.Sequential(
            nn.Conv1d(dim, dim, 5, padding=2), nn.ReLU(), nn.Conv1d(dim, dim, 5, padding=2)
        )
        self.gru = nn.GRU(dim, dim // 2, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(config.dropout)
        self.attention = AttentionPooling(dim)
        self.spectrum = Spectrum(config, period)
        latent = len(PARAMETERS) + config.free
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(3 * dim + config.lines * config.swinging, 2 * dim),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(2 * dim, 2 * latent),
        )
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.bias)
        last.weight.data.mul_(0.1)
        # mean and deviation of the inputs over the walks that are learnt from
        self.register_buffer("offset", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Features (B, T, inputs), present (B, T) to (B, 2, D): information vector and precision."""
        mask = present.to(features.dtype).unsqueeze(-1)
        tokens = self.frame((features - self.offset) / self.scale) * mask
        tokens = tokens + self.convolutions(tokens.transpose(1, 2)).transpose(1, 2) * mask
        tokens = self.dropout(self.norm(tokens + self.gru(tokens)[0]))
        count = mask.sum(dim=1).clamp(min=1.0)
        mean = (tokens * mask).sum(dim=1) / count
        deviation = (((tokens - mean.unsqueeze(1)).square() * mask).sum(dim=1) / count + 1e-6).sqrt()
        pooled = [self.attention(tokens, present), mean, deviation, self.spectrum(tokens, present)]
        information, precision = self.head(torch.cat(pooled, dim=-1)).chunk(2, dim=-1)
        return torch.stack([information, functional.softplus(precision - 2.0)], dim=1)


def merged(encoded: Tensor, owner: Tensor, people: int, shared: Tensor) -> Tensor:
    """Evidence about people from several clips of each, of whose errors a share is the same in all of them.

    n equal clips of precision l give the precision l / ((1 - shared) / n + shared): n l where they err independently,
    l where they err alike. Of unequal ones l is the greatest, so that a poor clip takes nothing from a good one.

    Args:
        encoded: evidence (K, 2, D) of clips: information and precision.
        owner: (K,) whose they are, 0..people-1.
        people: P.
        shared: share, 0..1.

    Returns:
        (P, 2, D); 0 for people without a clip.
    """
    shape = (people, encoded.shape[1], encoded.shape[2])
    total = torch.zeros(shape, dtype=encoded.dtype, device=encoded.device).index_add(0, owner, encoded)
    rows = owner.reshape(-1, 1).expand(-1, encoded.shape[2])
    best = torch.zeros_like(total[:, 1]).scatter_reduce(0, rows, encoded[:, 1], "amax")
    scale = best / ((1.0 - shared) * best + shared * total[:, 1]).clamp(min=1e-9)
    return total * scale.unsqueeze(1)


def log_ratio(first: Tensor, second: Tensor) -> Tensor:
    """Log-likelihood ratio of one person against two, (Q, K), of evidence (Q, 2, D) and (K, 2, D)."""
    h1, l1 = first.unsqueeze(1).unbind(2)
    h2, l2 = second.unsqueeze(0).unbind(2)
    fit = (h1 + h2).square() / (1.0 + l1 + l2) - h1.square() / (1.0 + l1) - h2.square() / (1.0 + l2)
    room = torch.log1p(l1 + l2) - torch.log1p(l1) - torch.log1p(l2)
    return 0.5 * (fit - room).sum(dim=-1)


class GaitNetwork(MatchingNetwork):
    """The whole network: what is encoded is evidence (B, 2, D), the clips of a person become one."""

    merges = True
    shared_by_clips: Tensor
    shared_by_windows: Tensor

    def __init__(self, config: GaitConfig, pictures: PictureNetwork) -> None:
        super().__init__(pictures, config.num_frames, config.num_points, config.frame_rate)
        self.config = config
        self.neighbours, self.period, self.variances = NEIGHBOURS, CAMERA_PERIOD, VARIANCES
        self.histograms = PointHistograms()
        self.radar = Witness(PointHistograms.SIZE + 4, config, 1.0 / config.frame_rate)
        self.vision = Witness(3 * NUM_JOINTS + NUM_OUTLINE + 5, config, CAMERA_PERIOD)
        self.turn = nn.Parameter(torch.zeros(len(PARAMETERS), len(PARAMETERS)))
        # share of a clip's errors that all clips of a person have in common; calibrated after training
        self.register_buffer("shared_by_clips", torch.tensor(0.5))
        self.register_buffer("shared_by_windows", torch.tensor(0.5))

    @torch.jit.export
    def encode_radar(self, points: Tensor, present: Tensor, frames: Tensor, motion: Tensor) -> Tensor:
        """Evidence (B, 2, D) of radar clips; see MatchingNetwork."""
        return self.radar(self.radar_features(points, present, motion), frames)

    @torch.jit.export
    def radar_features(self, points: Tensor, present: Tensor, motion: Tensor) -> Tensor:
        """What is read of each frame (B, T, C), before anything learnt."""
        speed = torch.linalg.vector_norm(motion[..., :2], dim=-1, keepdim=True)
        return torch.cat([self.histograms(points, present), motion, speed], dim=-1)

    @torch.jit.export
    def encode_seen(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Evidence (B, 2, D) of camera clips; see MatchingNetwork."""
        features = self.vision_features(seen, geometry)
        return self.vision(features, torch.ones(features.shape[:2], dtype=torch.bool, device=features.device))

    @torch.jit.export
    def vision_features(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """What is read of each picture (B, T, C): joints and outline of `seen` (B, T, S), and geometry (B, T, 4).

        Speed over the floor comes from where the feet are; unknown geometry counts as zero, and is marked.
        """
        known = torch.isfinite(geometry).all(dim=-1, keepdim=True)
        metric = torch.nan_to_num(geometry)
        index = torch.arange(geometry.shape[1], device=geometry.device)
        before = (index - self.neighbours).clamp(min=0)
        after = (index + self.neighbours).clamp(max=geometry.shape[1] - 1)
        seconds = ((after - before).to(metric.dtype) * self.period).unsqueeze(-1)
        velocity = (metric[:, after, :2] - metric[:, before, :2]) / seconds
        speed = torch.linalg.vector_norm(velocity, dim=-1, keepdim=True)
        own = torch.cat([velocity, speed, metric[..., 2:3]], dim=-1) * known
        return torch.cat([joints_and_outline(seen), own, known.to(metric.dtype)], dim=-1)

    @torch.jit.export
    def merge(self, encoded: Tensor, owner: Tensor, people: int) -> Tensor:
        """Evidence (P, 2, D) about each of P people from that of their clips (K, 2, D), owner (K,) telling whose."""
        return merged(encoded, owner, people, self.shared_by_clips)

    @torch.jit.export
    def merge_windows(self, encoded: Tensor, owner: Tensor, tracks: int) -> Tensor:
        """The same of tracks from their windows: these are of one walk, where clips may be of several."""
        return merged(encoded, owner, tracks, self.shared_by_windows)

    @torch.jit.export
    def distances(self, radar: Tensor, entries: Tensor) -> Tensor:
        """Negative log-likelihood ratio (Q, P) of one person against two: (Q, 2, D) and (P, 2, D)."""
        return -log_ratio(radar, entries)

    @torch.jit.export
    def signatures(self, entries: Tensor) -> Tensor:
        """By what evidence (E, 2, D) is found, (E, 6 D).

        An entry leaves each parameter with mean m = h / (1 + l) and variance v = 1 / (1 + l), and twice the log ratio
        with a query (h', l') is, summed over the parameters and but for a constant of the query::

            (2 h' m - l' m^2 + h'^2 v) / (1 + l' v) - log(1 + l' v)

        For a fixed v that is an inner product of (m, m^2, 1) with coefficients of the query alone; between the two
        VARIANCES, and a little beyond, it is taken to be linear in v.
        """
        information, precision = entries.unbind(1)
        variance = 1.0 / (1.0 + precision)
        mean = information * variance
        low, high = self.variances
        share = ((variance - low) / (high - low)).unsqueeze(1)
        told = torch.stack([mean, mean.square(), torch.ones_like(mean)], dim=1)
        return torch.cat([(1.0 - share) * told, share * told], dim=1).flatten(1)

    @torch.jit.export
    def probes(self, radar: Tensor) -> Tensor:
        """With what evidence (Q, 2, D) searches: coefficients (Q, 6 D) of `signatures`."""
        information, precision = radar.unbind(1)
        coefficients = []
        for variance in self.variances:
            scale = 1.0 / (1.0 + precision * variance)
            constant = information.square() * variance * scale + scale.log()
            coefficients += [information * scale, -0.5 * precision * scale, 0.5 * constant]
        return torch.stack(coefficients, dim=1).flatten(1)

    def fit_merging(self, score: Callable[[], float]) -> None:
        """See MatchingNetwork: how much of their errors clips and windows share, one after the other."""
        for share in (self.shared_by_clips, self.shared_by_windows):
            scores = []
            for value in SHARES:
                share.fill_(value)
                scores.append(score())
            share.fill_(SHARES[scores.index(max(scores))])

    def rotation(self) -> Tensor:
        """(G, G) orthogonal: turns decorrelated parameters to those along which errors are independent."""
        return torch.linalg.matrix_exp(self.turn - self.turn.T)
