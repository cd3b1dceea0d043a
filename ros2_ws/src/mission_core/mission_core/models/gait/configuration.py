"""Hyperparameters of the gait network."""

from dataclasses import dataclass

from mission_core.camera.snippet import SNIPPET_RATE
from mission_core.errors import ConfigurationError


@dataclass(frozen=True)
class GaitConfig:
    """Shape of the gait network.

    Attributes:
        num_frames: T, frames of a radar clip, at most; shorter clips tell less.
        frame_rate: of radar clips [Hz].
        num_points: N, detections kept per frame (highest SNR first), absent ones are masked.
        dim: width of the frame tokens of both sides.
        lines: frequencies at which tokens are correlated over the clip.
        swinging: projections of the tokens whose strength is told at each of the lines.
        free: latent dimensions beside those of the known parameters of body and gait.
        dropout: on tokens and pooled features, in training.
    """

    num_frames: int = 50
    frame_rate: float = SNIPPET_RATE
    num_points: int = 64
    dim: int = 64
    lines: int = 24
    swinging: int = 16
    free: int = 14
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.dim % 2:
            raise ConfigurationError(f"dim is {self.dim}, expected an even number: the recurrence is bidirectional")
        if self.num_frames < 10 or self.num_points < 1:
            raise ConfigurationError(f"num_frames={self.num_frames}, num_points={self.num_points}: too small")
