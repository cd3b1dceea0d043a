"""Shapes of the networks that the Mission network is compared with."""

from dataclasses import dataclass
from typing import Literal

from mission_core.errors import ConfigurationError

RADAR = ("pointnet", "voxel", "dgcnn")
VISION = ("tcmr", "gaitpart", "reflection")
POSE = ("mmmesh", "tcmr")


@dataclass(frozen=True)
class DualConfig:
    """Shape of a network that encodes each side by itself (Mission, section 4, "baselines").

    The paper's PTL is pointnet and tcmr, PGL pointnet and gaitpart, VCGL voxel and gaitpart, DGL dgcnn and gaitpart,
    HRD pointnet and reflection.

    Attributes:
        radar: encoder of the radar's side, see `baselines.radar`.
        vision: encoder of the camera's side, see `baselines.vision` and `baselines.reflection`.
        num_frames: T, frames of a radar clip at 10 Hz, at most.
        num_points: N, detections kept per frame (highest SNR first).
        dim: D, width of frame tokens and of what is compared; the Mission network's.
        lstm_layers: of the bidirectional LSTM after each point encoder; the Mission network's.
        dropout: on what is projected, in training.
    """

    radar: Literal["pointnet", "voxel", "dgcnn"] = "pointnet"
    vision: Literal["tcmr", "gaitpart", "reflection"] = "tcmr"
    num_frames: int = 50
    num_points: int = 64
    dim: int = 128
    lstm_layers: int = 3
    dropout: float = 0.1

    def __post_init__(self) -> None:
        _check_choice("radar", self.radar, RADAR)
        _check_choice("vision", self.vision, VISION)
        _check_even(self.dim)


@dataclass(frozen=True)
class PoseConfig:
    """Shape of a network that tells joints and matches nobody (Mission, section 4, "pose").

    Attributes:
        kind: "mmmesh" reads the radar, "tcmr" the camera.
        num_frames: T, frames of a radar clip at 10 Hz, at most.
        num_points: N, detections kept per frame (highest SNR first).
        dim: D, width of frame tokens.
        lstm_layers: of each of mmMesh's bidirectional LSTMs.
    """

    kind: Literal["mmmesh", "tcmr"]
    num_frames: int = 50
    num_points: int = 64
    dim: int = 128
    lstm_layers: int = 3

    def __post_init__(self) -> None:
        _check_choice("kind", self.kind, POSE)
        _check_even(self.dim)


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"{name} is {value!r}, expected one of {', '.join(known)}")


def _check_even(dim: int) -> None:
    if dim % 2:
        raise ConfigurationError(f"dim is {dim}, expected an even number: recurrences are bidirectional")
