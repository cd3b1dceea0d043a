"""A deployed re-identification model: TorchScript weights and the card that describes them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mission_core.errors import ModelError
from mission_core.models.card import WEIGHTS, read_card
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Float32Array, Float64Array, Snippet

KIND = "reid"
CHUNK = 64
"""Enrolled clips fused at once: bounds the memory, and stays in the cache."""


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def best_clips(distances: Float64Array, owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index (Q, P) of each person's nearest clip, which speaks for them.

    Args:
        distances: (Q, K) to the enrolled clips.
        owner: (K,) whose they are, 0..P-1, each of whom has at least one.
    """
    best = np.empty((len(distances), owner.max() + 1), np.int64)
    for person in range(best.shape[1]):
        own = np.flatnonzero(owner == person)
        best[:, person] = own[distances[:, own].argmin(axis=1)]
    return best


@dataclass(frozen=True, eq=False)
class ReidModel:
    """Encodes clips and scores pairs. Make it with `load`.

    Attributes:
        name: of the model.
        sha256: of its weights; features made by one model are never compared with another's.
        num_frames: T, length of both clips.
        num_points: N, points per radar frame.
        frame_period_ns: time between the frames of a clip.
        card: everything the card says.
    """

    name: str
    sha256: str
    num_frames: int
    num_points: int
    frame_period_ns: int
    card: Mapping[str, Any]
    network: torch.jit.ScriptModule

    @classmethod
    def load(cls, directory: Path | str) -> "ReidModel":
        """Loads `model.pt` and `card.yaml` from a directory.

        Raises:
            ModelError: a file is missing, the weights are not those the card describes, or it is another kind of model.
        """
        directory = Path(directory)
        card, weights_path = read_card(directory), directory / WEIGHTS
        if not weights_path.is_file():
            raise ModelError(f"{weights_path} does not exist: restore it, or make it with `mission export`")
        kind, expected = card["kind"], card["sha256"]
        try:
            num_frames, num_points = int(card["input"]["num_frames"]), int(card["input"]["num_points"])
            frame_period_ns = round(1e9 / float(card["input"]["frame_rate_hz"]))
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ModelError(f"the card in {directory} does not tell the network's input ({error!r})") from error
        if kind != KIND:
            raise ModelError(f"{directory} holds a model of kind '{kind}', expected '{KIND}'")
        found = sha256_of(weights_path)
        if found != expected:
            raise ModelError(
                f"{weights_path} has SHA-256 {found[:12]}..., its card says {str(expected)[:12]}...: the file was "
                "altered or only half copied; restore it or export the model again"
            )
        try:
            network = torch.jit.load(str(weights_path), map_location="cpu").eval()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{weights_path} cannot be loaded as TorchScript: {reason}") from error
        return cls(str(card["name"]), found, num_frames, num_points, frame_period_ns, card, network)

    @torch.inference_mode()
    def encode_clip(self, snippet: Snippet) -> Float32Array:
        """Features (T, D) of an enrolled snippet; computed once, then stored."""
        self._expect_frames(len(snippet.crops), "snippet")
        tokens = self.network.encode_vision(
            torch.from_numpy(snippet.crops)[None], torch.from_numpy(snippet.geometry.astype(np.float32))[None]
        )
        return tokens[0].numpy()

    @torch.inference_mode()
    def encode_radar(self, clips: Sequence[RadarClip]) -> torch.Tensor:
        """Tokens (Q, T, D) of radar clips."""
        points = torch.from_numpy(np.stack([clip.points for clip in clips]))
        present = torch.from_numpy(np.stack([clip.present for clip in clips]))
        return self.network.encode_radar(points, present)

    @torch.inference_mode()
    def distances(self, clips: Sequence[RadarClip], features: Float32Array) -> Float64Array:
        """Distance (Q, K) in 0..4 of every radar clip to every enrolled clip's features (K, T, D).

        Every pair is fused and measured; nothing tells the network which pair belongs together.
        """
        if not clips or not len(features):
            return np.zeros((len(clips), len(features)))
        frames = torch.from_numpy(np.stack([clip.frames for clip in clips]))
        tokens = self.encode_radar(clips)
        chunks = torch.from_numpy(features).split(CHUNK)
        return torch.cat([self.network.distances(tokens, frames, chunk) for chunk in chunks], dim=1).double().numpy()

    @torch.inference_mode()
    def probabilities(self, person_distances: Float64Array) -> Float64Array:
        """Probabilities (Q, P + 1) of P persons and, last, of nobody among them, from their distances (Q, P)."""
        return self.network.probabilities(torch.from_numpy(person_distances).float()).double().numpy()

    def _expect_frames(self, found: int, what: str) -> None:
        if found != self.num_frames:
            raise ModelError(f"model {self.name} reads {self.num_frames} frames, the {what} has {found}")
