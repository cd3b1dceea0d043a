"""The Mission network: radar branch, vision branch, coordinated representation, pose heads, pooling.

Source: Mission (SenSys 2024), section 3; equation numbers are the paper's. Tokens are frames and attention runs across
the frames of a clip, as the text of section 3.4 has it. B clips, T frames, N points, D = `ReidConfig.dim`.

Everything a deployed model needs, normalisation included, is inside the module, so that an exported network cannot be
fed differently from the trained one.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.models.reid.configuration import ReidConfig
from mission_core.sim.cohort import PARAMETERS
from mission_core.types import CROP_HEIGHT, CROP_WIDTH, NUM_JOINTS


def masked_softmax(logits: Tensor, present: Tensor) -> Tensor:
    """Softmax over the last dimension where `present`; a row with nothing present stays finite."""
    return functional.softmax(logits.masked_fill(~present, -1e4), dim=-1)


class AttentionPooling(nn.Module):
    """Weighted sum over a set, weights by a softmax over learned scores (equation 1)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Pools tokens (..., S, C) where present (..., S) to (..., C)."""
        weights = masked_softmax(self.score(tokens).squeeze(-1), present)
        return (weights.unsqueeze(-1) * tokens).sum(dim=-2)


class RadarBranch(nn.Module):
    """PointNet per frame, then a bidirectional LSTM over the frames (section 3.2).

    Deviation: LayerNorm instead of BatchNorm, because the number of present points varies from 0 to N.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        widths = config.point_features
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU()]
        self.point_mlp = nn.Sequential(*layers)
        self.pool = AttentionPooling(widths[-1])
        # the count of points is lost by a softmax over them, and tells how well the frame saw the person
        self.frame = nn.Linear(2 * widths[-1] + 1, config.dim)
        self.lstm = nn.LSTM(
            config.dim, config.dim // 2, num_layers=config.lstm_layers, batch_first=True, bidirectional=True
        )
        self.norm = nn.LayerNorm(config.dim)
        # typical value and spread of x, y, z [m], SNR [dB], velocity [m/s]
        self.register_buffer("offset", torch.tensor([0.0, 0.0, 1.0, 20.0, 0.0]))
        self.register_buffer("scale", torch.tensor([0.5, 0.5, 1.0, 15.0, 1.5]))

    def forward(self, points: Tensor, present: Tensor) -> Tensor:
        """Encodes points (B, T, N, 5), present (B, T, N) to frame tokens (B, T, D)."""
        features = self.point_mlp((points - self.offset) / self.scale)  # (B, T, N, 64)
        attended = self.pool(features, present)  # (B, T, 64)
        largest = features.masked_fill(~present.unsqueeze(-1), 0.0).amax(dim=2)  # ReLU output: 0 is its least value
        count = present.sum(dim=2, keepdim=True).float() / present.shape[2]
        seen = present.any(dim=2, keepdim=True).float()
        frames = self.frame(torch.cat([attended * seen, largest, count], dim=-1))  # (B, T, D)
        # the recurrence sees a residual path, so that a short training run need not learn the identity first
        return self.norm(frames + self.lstm(frames)[0])


class VisionBranch(nn.Module):
    """Convolutions per frame, then a bidirectional GRU over the frames (section 3.3, after TCMR).

    Deviations: a small network trained from scratch stands for ResNet-50 (see ReidConfig). The paper feeds whole
    pictures, in which a person's position and scale are visible; we feed the person's crop and, apart from it, the
    metric box, which says the same without the background.
    """

    offset: Tensor
    scale: Tensor

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        widths = config.image_features
        layers: list[nn.Module] = []
        for depth, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            # patches of 4 x 4 first: the full resolution would take most of the time and carries little gait
            kernel, stride, padding = (4, 4, 0) if depth == 0 else (3, 2, 1)
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
            layers += [convolution, nn.GroupNorm(8, outputs), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers, nn.Flatten())  # where in the crop a limb is must not be pooled away
        places = (CROP_HEIGHT >> len(widths)) * (CROP_WIDTH >> len(widths))
        self.geometry = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.frame = nn.Linear(places * widths[-1] + 32, config.dim)
        self.gru = nn.GRU(config.dim, config.dim // 2, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(config.dim)
        # typical value and spread of lateral offset, distance, height and width [m]
        self.register_buffer("offset", torch.tensor([0.0, 4.0, 1.7, 0.6]))
        self.register_buffer("scale", torch.tensor([1.5, 1.5, 0.1, 0.2]))

    def forward(self, crops: Tensor, geometry: Tensor) -> Tensor:
        """Encodes crops (B, T, H, W, 3) uint8 RGB and geometry (B, T, 4) [m], NaN = unknown, to (B, T, D)."""
        batch, frames = crops.shape[0], crops.shape[1]
        pixels = crops.flatten(0, 1).permute(0, 3, 1, 2).float() / 127.5 - 1.0  # (B*T, 3, H, W)
        appearance = self.convolutions(pixels).reshape(batch, frames, -1)
        known = torch.isfinite(geometry).all(dim=-1, keepdim=True)
        metric = (torch.nan_to_num(geometry) - self.offset) / self.scale * known
        metric = self.geometry(torch.cat([metric, known.float()], dim=-1))
        tokens = self.frame(torch.cat([appearance, metric], dim=-1))  # (B, T, D)
        return self.norm(tokens + self.gru(tokens)[0])


class CoordinatedRepresentation(nn.Module):
    """Enriches one modality by itself and by the other (equations 2 to 4).

    The paper's equation 2 has wrong subscripts; read rightly, the queries come from the modality that is enriched, keys
    and values from itself (intra) or from the other (inter), and the softmax runs over the keys:
    ``y = x + W_y [softmax(q k_x^T) v_x ; softmax(q' k_m^T) v_m]``.

    Deviations: scores are scaled by 1/sqrt(D), which the paper does not state; only W_y starts at zero, for with three
    zero-initialised layers in series, as released, none of them ever receives a gradient from the fused outputs.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm_self = nn.LayerNorm(dim)
        self.norm_other = nn.LayerNorm(dim)
        self.intra = nn.Linear(dim, 3 * dim)  # query, key, value
        self.inter_query = nn.Linear(dim, dim)
        self.inter_key_value = nn.Linear(dim, 2 * dim)
        self.output = nn.Linear(2 * dim, dim)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.scale = 1.0 / math.sqrt(dim)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, key_present: Tensor) -> Tensor:
        """Softmax attention of query (..., T, D) over keys (..., S, D) where key_present (..., S)."""
        return masked_softmax(query @ key.transpose(-1, -2) * self.scale, key_present.unsqueeze(-2)) @ value

    def intra_attention(self, tokens: Tensor, present: Tensor) -> Tensor:
        """What a clip says about itself, (B, T, D): independent of the partner, so computed once."""
        query, key, value = self.intra(self.norm_self(tokens)).chunk(3, dim=-1)
        return self.attend(query, key, value, present)

    def forward(self, tokens: Tensor, intra: Tensor, other: Tensor, other_present: Tensor) -> Tensor:
        """Fuses tokens (..., T, D), with their `intra_attention`, with other (..., S, D); leading dims broadcast."""
        query = self.inter_query(self.norm_self(tokens))
        key, value = self.inter_key_value(self.norm_other(other)).chunk(2, dim=-1)
        inter = self.attend(query, key, value, other_present)
        intra, inter = torch.broadcast_tensors(intra, inter)
        return tokens + self.output(torch.cat([intra, inter], dim=-1))


class PoseHead(nn.Module):
    """Joints of each frame, a training signal only (section 3.5)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, 128), nn.ReLU(), nn.Linear(128, 3 * NUM_JOINTS))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (..., D) to joints (..., 32, 3) [m] in the body frame of `processing.body_frame`."""
        return self.layers(tokens).unflatten(-1, (-1, 3))


class GaitHead(nn.Module):
    """What a clip tells about body and gait of its person, a training signal only.

    Not in the paper: pose says where the joints are now, this what stays the same from walk to walk, so that the tokens
    of both modalities learn to carry it.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pooling = AttentionPooling(dim)
        self.layers = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, len(PARAMETERS)))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        """Tokens (B, T, D), present (B, T) to (B, G) standardised `sim.cohort.parameter_vector`s."""
        return self.layers(self.pooling(tokens, present))


class MissionNetwork(nn.Module):
    """The whole network. `encode_radar`, `encode_vision` and `distances` are what a deployed model offers."""

    sharpness: Tensor
    unknown_logit: Tensor

    def __init__(self, config: ReidConfig) -> None:
        super().__init__()
        self.config = config
        self.radar = RadarBranch(config)
        self.vision = VisionBranch(config)
        self.dropout = nn.Dropout(config.dropout)
        self.radar_fusion = CoordinatedRepresentation(config.dim)  # radar enriched by vision
        self.vision_fusion = CoordinatedRepresentation(config.dim)  # vision enriched by radar
        self.radar_pooling = AttentionPooling(config.dim)
        self.vision_pooling = AttentionPooling(config.dim)
        # deviation: the released network compares the pooled tokens themselves, which then serve two masters
        self.radar_projection = nn.Linear(config.dim, config.dim)
        self.vision_projection = nn.Linear(config.dim, config.dim)
        self.fused_pose = PoseHead(config.dim)  # shared by both, as released
        self.radar_pose = PoseHead(config.dim)
        self.vision_pose = PoseHead(config.dim)
        self.radar_gait = GaitHead(config.dim)
        self.vision_gait = GaitHead(config.dim)
        # probabilities: softmax over [-sharpness * distance of each person, unknown_logit]; calibrated after training
        self.register_buffer("sharpness", torch.tensor(10.0))
        self.register_buffer("unknown_logit", torch.tensor(-5.0))

    @torch.jit.export
    def encode_radar(self, points: Tensor, present: Tensor, frames: Tensor, motion: Tensor) -> Tensor:  # noqa: ARG002
        """Points (B, T, N, 5), present (B, T, N) to frame tokens (B, T, D), once per query.

        All networks that match are called alike; this one needs neither frames (B, T) nor motion (B, T, 3).
        """
        return self.dropout(self.radar(points, present))

    @torch.jit.export
    def encode_vision(self, crops: Tensor, geometry: Tensor) -> Tensor:
        """Crops (B, T, H, W, 3) uint8, geometry (B, T, 4) to frame tokens (B, T, D), once per enrolled clip."""
        return self.dropout(self.vision(crops, geometry))

    @torch.jit.export
    def fuse(self, radar: Tensor, frames: Tensor, vision: Tensor) -> tuple[Tensor, Tensor]:
        """Fuses every radar clip with every camera clip.

        Args:
            radar: (Q, T, D) tokens.
            frames: (Q, T) which of them exist.
            vision: (K, T, D) tokens.

        Returns:
            Fused radar tokens and fused vision tokens, both (Q, K, T, D).
        """
        all_frames = torch.ones(vision.shape[:2], dtype=torch.bool, device=vision.device)
        radar_intra = self.radar_fusion.intra_attention(radar, frames).unsqueeze(1)
        vision_intra = self.vision_fusion.intra_attention(vision, all_frames).unsqueeze(0)
        radar, frames = radar.unsqueeze(1), frames.unsqueeze(1)  # (Q, 1, T, D)
        vision, all_frames = vision.unsqueeze(0), all_frames.unsqueeze(0)  # (1, K, T, D)
        fused_radar = self.radar_fusion(radar, radar_intra, vision, all_frames)
        fused_vision = self.vision_fusion(vision, vision_intra, radar, frames)
        return fused_radar, fused_vision

    @torch.jit.export
    def embed(self, fused_radar: Tensor, frames: Tensor, fused_vision: Tensor) -> tuple[Tensor, Tensor]:
        """Pools fused tokens (Q, K, T, D) over the frames to unit vectors (Q, K, D)."""
        present = frames.unsqueeze(1).expand(fused_radar.shape[:3])
        all_frames = torch.ones(fused_vision.shape[:3], dtype=torch.bool, device=frames.device)
        radar = self.radar_projection(self.radar_pooling(fused_radar, present))
        vision = self.vision_projection(self.vision_pooling(fused_vision, all_frames))
        return functional.normalize(radar, dim=-1), functional.normalize(vision, dim=-1)

    @torch.jit.export
    def merge(self, vision: Tensor, owner: Tensor, people: int) -> Tensor:  # noqa: ARG002
        """Clips (K, T, D) remain single: each pair is fused, and the best clip of a person counts."""
        return vision

    @torch.jit.export
    def distances(self, radar: Tensor, frames: Tensor, vision: Tensor) -> Tensor:
        """Distance inside each fused pair (equation 6): (Q, T, D), (Q, T), (K, T, D) to (Q, K), in 0..4.

        Squared Euclidean between unit vectors, which ranks like the paper's Euclidean distance.
        """
        fused_radar, fused_vision = self.fuse(radar, frames, vision)
        embedded_radar, embedded_vision = self.embed(fused_radar, frames, fused_vision)
        return (embedded_radar - embedded_vision).square().sum(dim=-1)

    @torch.jit.export
    def probabilities(self, person_distances: Tensor) -> Tensor:
        """Distances (Q, P) of each person's best clip to probabilities (Q, P + 1), the last one "unknown".

        With every enrolled person the chance grows that somebody is near by accident; the logit of "unknown" grows by
        as much, so that its prior, one half in calibration, holds in a gallery of any size.
        """
        people = person_distances.shape[1]
        unknown = (self.unknown_logit + math.log(float(people))).expand(person_distances.shape[0], 1)
        return functional.softmax(torch.cat([-self.sharpness * person_distances, unknown], dim=-1), dim=-1)

    def forward(self, points: Tensor, present: Tensor, frames: Tensor, crops: Tensor, geometry: Tensor) -> Tensor:
        """Distances (Q, K) of Q radar clips to K camera clips, from their raw inputs."""
        radar = self.encode_radar(points, present, frames, torch.zeros(0))
        return self.distances(radar, frames, self.encode_vision(crops, geometry))
