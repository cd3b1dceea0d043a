"""Hyperparameters of the Mission network."""

from dataclasses import dataclass

from mission_core.errors import ConfigurationError


@dataclass(frozen=True)
class ReidConfig:
    """Shape of the Mission network (SenSys 2024, section 3).

    The defaults are the small configuration, which trains from scratch on a CPU. It keeps the paper's structure and
    departs from its sizes where named.

    Attributes:
        num_frames: T, frames of a radar clip and of an enrolled clip, at 10 Hz; the paper evaluates 5 to 20.
        num_points: N, detections kept per frame (highest SNR first), absent ones are masked.
        point_features: widths of the shared per-point perceptron; the paper's 5, 12, 24, 48, 64.
        image_features: channels of the convolutions that replace the paper's ResNet-50. It has 24 M parameters and
            needs weights that are not ours to ship; a few strided convolutions train in minutes.
        dim: width of the frame tokens of both branches; 256 in the paper.
        lstm_layers: layers of the radar's bidirectional LSTM.
        dropout: on the frame tokens, in training.
    """

    num_frames: int = 20
    num_points: int = 64
    point_features: tuple[int, ...] = (5, 12, 24, 48, 64)
    image_features: tuple[int, ...] = (3, 32, 64, 128)
    dim: int = 128
    lstm_layers: int = 3
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
