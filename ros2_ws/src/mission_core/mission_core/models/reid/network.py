"""The Mission network: radar branch, vision branch, coordinated representation, pose heads, pooling.

Source: Mission (SenSys 2024), section 3; equation numbers are the paper's. B clips, T frames, n tokens a frame (1, or
the places of the backbone's map, or the points of the radar), D = `ReidConfig.dim`, d = D / 2.

Every pair of a radar and a camera clip is fused, and the distance inside the fused pair is what is ranked by. What
follows the attention between the two is linear up to the pooling, so nothing of the fused tokens but a few inner
products is ever needed: each clip is encoded once to what it gives to any partner, and a pair costs two small matrices
of attention. That is exact, and the same in training and in use.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.layers import AttentionPooling, MetricBox, PointScale, Projection, Recurrence, masked_softmax
from mission_core.models.matching import MatchingNetwork
from mission_core.models.pictures.backbones import MAP_COLUMNS, MAP_ROWS
from mission_core.models.pictures.network import PictureNetwork, feature_map
from mission_core.models.reid.configuration import ReidConfig
from mission_core.types import NUM_JOINTS


class RadarBranch(nn.Module):
    """PointNet per frame, then a bidirectional LSTM over the frames (section 3.2).

    Deviations: LayerNorm instead of BatchNorm, because the number of present points varies from 0 to N; beside the
    attention pooling of equation 1 the maximum over the points and their count, which a softmax loses.
    """

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        self.scale = PointScale()
        widths = config.point_features
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU()]
        self.point_mlp = nn.Sequential(*layers)
        self.pool = AttentionPooling(widths[-1])
        self.frame = nn.Linear(2 * widths[-1] + 1, config.dim)
        self.recurrence = Recurrence(config.dim, config.lstm_layers)

    def point_features(self, points: Tensor) -> Tensor:
        """Points (B, T, N, 5) to features (B, T, N, 64)."""
        return self.point_mlp(self.scale(points))

    def frames(self, features: Tensor, present: Tensor) -> Tensor:
        """Features (B, T, N, 64), present (B, T, N) to frame tokens (B, T, D)."""
        attended = self.pool(features, present)  # (B, T, 64)
        largest = features.masked_fill(~present.unsqueeze(-1), 0.0).amax(dim=2)  # ReLU output: 0 is its least value
        count = present.sum(dim=2, keepdim=True).to(features.dtype) / present.shape[2]
        seen = present.any(dim=2, keepdim=True).to(features.dtype)
        tokens = self.frame(torch.cat([attended * seen, largest, count], dim=-1))  # (B, T, D)
        return self.recurrence(tokens)

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Encodes points (B, T, N, 5), present (B, T, N) to frame tokens (B, T, D)."""
        return self.frames(self.point_features(points), present)


class VisionBranch(nn.Module):
    """From the map of a frozen backbone to frame tokens, with a bidirectional GRU over the frames (section 3.3).

    Deviations: the backbone is learnt on poses before and not tuned any more, so that all methods share it (the paper
    tunes SPIN's). The map is not averaged: where in the crop a limb is, is the pose. The paper feeds whole pictures,
    in which position and scale show; here the person's crop and, apart from it, the metric box say the same.
    """

    def __init__(self, config: ReidConfig, channels: int) -> None:
        super().__init__()
        self.box = MetricBox()
        self.narrow = nn.Linear(channels, 64)
        self.frame = nn.Linear(MAP_ROWS * MAP_COLUMNS * 64 + MetricBox.SIZE, config.dim)
        self.gru = nn.GRU(config.dim, config.dim // 2, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, places: Tensor, geometry: Tensor) -> Tensor:
        """Encodes places (B, T, n, channels) and geometry (B, T, 4) [m], NaN = unknown, to (B, T, D)."""
        appearance = functional.relu(self.narrow(places)).flatten(2)
        tokens = self.frame(torch.cat([appearance, self.box(geometry)], dim=-1))
        return self.norm(tokens + self.gru(tokens)[0])


class Coordination(nn.Module):
    """Enriches one modality by itself and by the other (equations 2 to 4).

    The paper's equation 2 has wrong subscripts; read rightly, the queries come from the modality that is enriched, keys
    and values from itself (intra) or from the other (inter), and the softmax runs over the keys:
    ``z = x + W_y [softmax(q k_x^T) v_x ; softmax(q' k_m^T) v_m]``.

    Deviations: scores are scaled by 1/sqrt(d), which the paper does not state; only W_y starts at zero, for with three
    zero-initialised layers in series, as released, none of them ever receives a gradient from the fused outputs.
    """

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        dim = config.dim
        self.inner = dim // 2
        self.norm_self, self.norm_other = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.intra = nn.Linear(dim, 3 * self.inner)  # query, key, value
        self.inter_query = nn.Linear(dim, self.inner)
        self.inter_key_value = nn.Linear(dim, 2 * self.inner)
        self.output = nn.Linear(2 * self.inner, dim)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        # without attention every query is 0, so that all tokens weigh the same; without fusion every value is 0
        self.focus = float(config.attention) / math.sqrt(self.inner)
        self.share = float(config.fusion)

    def own(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """What a clip is before it meets a partner, and what it asks for: (B, G, S, D) to the same and (B, G, S, d).

        Args:
            tokens: (B, G, S, D) in G groups that attend to themselves only.
            present: (B, G, S) which exist.
        """
        normed = self.norm_self(tokens)
        query, key, value = self.intra(normed).chunk(3, dim=-1)
        intra = attention(query * self.focus, key, present) @ value
        base = tokens + functional.linear(intra, self.output.weight[:, : self.inner], self.output.bias)
        return base, self.inter_query(normed) * self.focus

    def given(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What a clip gives to a partner: keys (B, G, S, d) and, through W_y, values (B, G, S, D)."""
        key, value = self.inter_key_value(self.norm_other(tokens)).chunk(2, dim=-1)
        return key, functional.linear(value, self.output.weight[:, self.inner :]) * self.share


def attention(query: Tensor, key: Tensor, present: Tensor) -> Tensor:
    """Weights (..., S, S') of tokens (..., S', d), where present (..., S'), for queries (..., S, d)."""
    return masked_softmax(query @ key.transpose(-1, -2), present.unsqueeze(-2))


class Pooling(nn.Module):
    """Fuses clips with their partners and pools them over the tokens of a frame, then over the frames (section 3.4).

    Both weights follow from inner products with the fused tokens. A clip is told by (base, query, present) of its own
    tokens (B, G, S, ...) and by (key, value, present) of its partner's, as `Coordination` makes them.
    """

    def __init__(self, dim: int, tokens: int, *, even: bool) -> None:
        super().__init__()
        self.tokens = tokens  # of a frame
        self.even = even  # the places of a picture are averaged, the points of a frame are weighed
        self.within = nn.Linear(dim, 1, bias=False)
        self.over = nn.Linear(dim, 1, bias=False)

    def scores(self, tokens: Tensor) -> Tensor:
        """Inner products (..., 2) with tokens (..., D) or with parts that they are a sum of."""
        return torch.cat([self.within(tokens), self.over(tokens)], dim=-1)

    def inside(self, scores: Tensor, present: Tensor) -> Tensor:
        """Weights (..., T, n) of the tokens of a frame, by scores (..., T, n, 2) where present (..., T, n)."""
        return masked_softmax(torch.zeros_like(scores[..., 0]) if self.even else scores[..., 0], present)

    def weights(self, scores: Tensor, present: Tensor) -> Tensor:
        """Weights (A, B, G, S) of all tokens of a clip, by scores (A, B, G, S, 2) where present (A, 1, G, S)."""
        shape = (scores.shape[0], scores.shape[1], -1, self.tokens)
        there = present.reshape(len(present), 1, -1, self.tokens)
        inside = self.inside(scores.reshape(shape[0], shape[1], shape[2], shape[3], 2), there)
        over = (inside * scores[..., 1].reshape(shape)).sum(dim=-1)
        pool = inside * masked_softmax(over, there.any(dim=-1)).unsqueeze(-1)
        return pool.reshape(scores.shape[:-1])

    def alone(self, base: Tensor, present: Tensor) -> Tensor:
        """A clips without a partner, pooled: (A, D)."""
        pool = self.weights(self.scores(base).unsqueeze(1), present.unsqueeze(1))
        return torch.einsum("abgs,agsd->ad", pool, base)

    def forward(
        self, base: Tensor, query: Tensor, present: Tensor, key: Tensor, value: Tensor, partner_present: Tensor
    ) -> Tensor:
        """Every one of A clips fused with each of B partners, and pooled: (A, B, D)."""
        weights = masked_softmax(
            torch.einsum("agsd,bgtd->abgst", query, key), partner_present.unsqueeze(-2).unsqueeze(0)
        )
        scores = self.scores(base).unsqueeze(1) + torch.einsum("abgst,bgtc->abgsc", weights, self.scores(value))
        pool = self.weights(scores, present.unsqueeze(1))
        received = torch.einsum("abgs,abgst->abgt", pool, weights)
        return torch.einsum("abgs,agsd->abd", pool, base) + torch.einsum("abgt,bgtd->abd", received, value)

    def fused_frames(
        self, base: Tensor, query: Tensor, present: Tensor, key: Tensor, value: Tensor, partner_present: Tensor
    ) -> Tensor:
        """Each of P clips fused with its one partner, pooled over the tokens of a frame: (P, T, D)."""
        weights = masked_softmax(torch.einsum("pgsd,pgtd->pgst", query, key), partner_present.unsqueeze(-2))
        fused = base + weights @ value
        fused = fused.reshape(len(fused), -1, self.tokens, fused.shape[-1])
        inside = self.inside(self.scores(fused), present.reshape(fused.shape[:3]))
        return (inside.unsqueeze(-1) * fused).sum(dim=2)


class PoseHead(nn.Module):
    """Joints of each frame, a training signal only (section 3.5)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, 128), nn.ReLU(), nn.Linear(128, 3 * NUM_JOINTS))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., D) to joints (..., 32, 3) [m] in the body frame of `processing.body_frame`."""
        return self.layers(tokens).unflatten(-1, (-1, 3))


class MissionNetwork(MatchingNetwork):
    """The whole network. Clips are encoded to rows, one a token: own D, query d, key d, value D, whether it exists."""

    def __init__(self, config: ReidConfig, pictures: PictureNetwork) -> None:
        super().__init__(pictures, config.num_frames, config.num_points)
        self.config = config
        dim, channels, points = config.dim, pictures.backbone.channels, config.point_features[-1]
        self.radar = RadarBranch(config)
        self.motion = nn.Linear(3, dim)  # of the track; not in the paper, whose points are in absolute places
        self.vision = VisionBranch(config, channels)
        self.dim, self.inner, self.groups = dim, dim // 2, config.num_frames if config.scope == "frame" else 1
        self.pixels = config.tokens == "pixel"
        self.aligned = config.scope == "frame"
        # equation 1's concatenation of local and global features, projected to one width
        self.radar_tokens = nn.Linear(points + dim, dim) if self.pixels else nn.Identity()
        self.vision_tokens = nn.Linear(channels + dim, dim) if self.pixels else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.radar_fusion = Coordination(config)  # radar enriched by vision
        self.vision_fusion = Coordination(config)  # vision enriched by radar
        self.radar_pooling = Pooling(dim, config.num_points if self.pixels else 1, even=False)
        self.vision_pooling = Pooling(dim, MAP_ROWS * MAP_COLUMNS if self.pixels else 1, even=True)
        # deviation: the released network compares the pooled tokens themselves, which then serve two masters
        self.radar_projection = Projection(dim)
        self.vision_projection = Projection(dim)
        self.fused_pose = PoseHead(dim)  # shared by both, as released
        self.radar_pose = PoseHead(dim)
        self.vision_pose = PoseHead(dim)

    @torch.jit.export
    def encode_radar(self, points: Tensor, present: Tensor, frames: Tensor, motion: Tensor) -> Tensor:
        """Rows (B, T * n, columns); see MatchingNetwork."""
        features = self.radar.point_features(points)
        tokens = (self.radar.frames(features, present) + self.motion(motion)).unsqueeze(2)
        exists = frames.unsqueeze(-1)
        if self.pixels:
            spread = tokens.expand(-1, -1, points.shape[2], -1)
            tokens, exists = self.radar_tokens(torch.cat([features, spread], dim=-1)), present & exists
        tokens, exists = self._grouped(self.dropout(tokens), exists)
        base, query = self.radar_fusion.own(tokens, exists)
        key, value = self.vision_fusion.given(tokens)
        return self._rows(base, query, key, value, exists)

    @torch.jit.export
    def encode_seen(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Rows (B, T * n, columns); see MatchingNetwork."""
        places = feature_map(seen).flatten(-2).transpose(-1, -2)  # (B, T, n, channels)
        tokens = self.vision(places, geometry).unsqueeze(2)
        if self.pixels:
            spread = tokens.expand(-1, -1, places.shape[2], -1)
            tokens = self.vision_tokens(torch.cat([places, spread], dim=-1))
        exists = torch.ones(tokens.shape[:3], dtype=torch.bool, device=tokens.device)
        tokens, exists = self._grouped(self.dropout(tokens), exists)
        base, query = self.vision_fusion.own(tokens, exists)
        key, value = self.radar_fusion.given(tokens)
        return self._rows(base, query, key, value, exists)

    def _grouped(self, tokens: Tensor, exists: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, n, D) in groups (B, G, S, D) within which they attend, and which exist (B, G, S)."""
        if self.aligned:
            return tokens, exists
        return tokens.flatten(1, 2).unsqueeze(1), exists.flatten(1, 2).unsqueeze(1)

    def _rows(self, base: Tensor, query: Tensor, key: Tensor, value: Tensor, exists: Tensor) -> Tensor:
        there = exists.unsqueeze(-1).to(base.dtype)
        return torch.cat([base, query, key, value * there, there], dim=-1).flatten(1, 2)

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The inverse of `_rows`: base, query, key, value (B, G, S, ...) and which exist (B, G, S)."""
        grouped = rows.reshape(len(rows), self.groups, -1, rows.shape[-1])
        base, query, key, value, there = grouped.split([self.dim, self.inner, self.inner, self.dim, 1], dim=-1)
        return base, query, key, value, there.squeeze(-1) > 0.5

    @torch.jit.export
    def embed_pairs(self, radar: Tensor, entries: Tensor) -> tuple[Tensor, Tensor]:
        """Every radar clip (Q, R, columns) fused with every camera clip (E, R', columns), as unit vectors (Q, E, D).

        Returns:
            The radar's side of each pair, and the camera's.
        """
        base_r, query_r, key_r, value_r, there_r = self._parts(radar)
        base_v, query_v, key_v, value_v, there_v = self._parts(entries)
        pooled_r = self.radar_pooling(base_r, query_r, there_r, key_v, value_v, there_v)
        pooled_v = self.vision_pooling(base_v, query_v, there_v, key_r, value_r, there_r).transpose(0, 1)
        return (
            self.radar_projection(pooled_r),
            self.vision_projection(pooled_v),
        )

    @torch.jit.export
    def distances(self, radar: Tensor, entries: Tensor) -> Tensor:
        """Distance (Q, E) inside each fused pair (equation 6), in 0..4.

        Squared Euclidean between unit vectors, which ranks like the paper's Euclidean distance.
        """
        embedded_radar, embedded_vision = self.embed_pairs(radar, entries)
        return (embedded_radar - embedded_vision).square().sum(dim=-1)

    @torch.jit.export
    def signatures(self, entries: Tensor) -> Tensor:
        """Unit vectors (E, D) of camera clips with no partner: `distances` without what fusion adds.

        How well they propose depends on how little fusion changes. The paper's losses do not ask for that;
        `MissionTraining.propose_weight` does.
        """
        base, _, _, _, there = self._parts(entries)
        return self.vision_projection.settled(self.vision_pooling.alone(base, there))

    @torch.jit.export
    def probes(self, radar: Tensor) -> Tensor:
        """Twice the unit vectors (Q, D) of radar clips with no partner; see `signatures`."""
        base, _, _, _, there = self._parts(radar)
        return 2.0 * self.radar_projection.settled(self.radar_pooling.alone(base, there))

    @torch.jit.export
    def joints(self, radar: Tensor, vision: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (P, T, 32, 3) that P radar clips, and the camera clips fused with each, show [m]."""
        base_r, query_r, key_r, value_r, there_r = self._parts(radar)
        base_v, query_v, key_v, value_v, there_v = self._parts(vision)
        fused_r = self.radar_pooling.fused_frames(base_r, query_r, there_r, key_v, value_v, there_v)
        fused_v = self.vision_pooling.fused_frames(base_v, query_v, there_v, key_r, value_r, there_r)
        return self.fused_pose(fused_r), self.fused_pose(fused_v)

    def own_joints(self, radar: Tensor, vision: Tensor) -> tuple[Tensor, Tensor]:
        """As `joints`, from what each clip says by itself: the heads without which attention would not wake up."""
        base_r, _, _, _, there_r = self._parts(radar)
        base_v, _, _, _, there_v = self._parts(vision)
        return (
            self.radar_pose(self._mean(base_r, there_r, self.radar_pooling.tokens)),
            self.vision_pose(self._mean(base_v, there_v, self.vision_pooling.tokens)),
        )

    def _mean(self, tokens: Tensor, present: Tensor, count: int) -> Tensor:
        """Mean over the tokens of each frame: (P, T, D)."""
        tokens = (tokens * present.unsqueeze(-1)).reshape(len(tokens), -1, count, self.dim)
        there = present.reshape(len(tokens), -1, count, 1)
        return tokens.sum(dim=2) / there.sum(dim=2).clamp(min=1)
