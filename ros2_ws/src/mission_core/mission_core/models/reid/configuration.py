"""Hyperparameters of the Mission network."""

from dataclasses import dataclass
from typing import Literal

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.errors import ConfigurationError


@dataclass(frozen=True)
class ReidConfig:
    """Shape of the Mission network (SenSys 2024, section 3).

    Attributes:
        num_frames: T, frames of a radar clip at 10 Hz, at most; the paper evaluates 5 to 20.
        num_points: N, detections kept per frame (highest SNR first), absent ones are masked.
        point_features: widths of the shared per-point perceptron; the paper's 5, 12, 24, 48, 64.
        dim: D, width of the tokens of both branches; the released network has 256.
        lstm_layers: layers of the radar's bidirectional LSTM.
        tokens: what attends: one token a "frame" (the text: a pooled 256-vector, a PointNet's global feature), or each
            place of the backbone's map and each point ("pixel", as released). The two statements exclude each other.
        scope: attention reaches across the "clip" (the text of section 3.4), or only the same "frame" number of the
            other modality (as released).
        attention: False takes the mean of all tokens instead (the ablation noAT).
        fusion: False leaves the other modality out (the ablation noFU).
        dropout: on the tokens, in training.
    """

    num_frames: int = 50
    num_points: int = 64
    point_features: tuple[int, ...] = (5, 12, 24, 48, 64)
    dim: int = 128
    lstm_layers: int = 3
    tokens: Literal["frame", "pixel"] = "frame"
    scope: Literal["frame", "clip"] = "clip"
    attention: bool = True
    fusion: bool = True
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.point_features[0] != 5:
            raise ConfigurationError(
                f"point_features starts with {self.point_features[0]}, expected 5: a point has x, y, z, SNR, velocity"
            )
        if self.dim % 2:
            raise ConfigurationError(f"dim is {self.dim}, expected an even number: both recurrences are bidirectional")
        if self.num_frames < 2 or self.num_points < 1:
            raise ConfigurationError(f"num_frames={self.num_frames}, num_points={self.num_points}: too small")
        for name, known in (("tokens", ("frame", "pixel")), ("scope", ("frame", "clip"))):
            if getattr(self, name) not in known:
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}, expected {' or '.join(known)}")
        if self.scope == "frame" and self.num_frames != SNIPPET_FRAMES:
            raise ConfigurationError(
                f"scope: frame pairs frames of equal number: num_frames is {self.num_frames}, but camera clips have "
                f"{SNIPPET_FRAMES}"
            )
