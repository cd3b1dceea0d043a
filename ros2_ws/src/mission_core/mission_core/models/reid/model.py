"""A deployed re-identification model: TorchScript weights and the card that describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mission_core.errors import ModelError
from mission_core.models.card import read_card, require_weights
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Float32Array, Float64Array, Snippet

KIND = "reid"
CHUNK = 64
"""Enrolled clips fused at once: bounds the memory, and stays in the cache."""


def best_clips(distances: Float64Array, owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index (Q, P) of each person's nearest entry, which speaks for them.

    Args:
        distances: (Q, K) to the entries of the gallery.
        owner: (K,) whose they are, 0..P-1, each of whom has at least one.
    """
    order, people = np.argsort(owner, kind="stable"), owner.max() + 1
    if len(owner) == people:
        return np.tile(order, (len(distances), 1))
    first = np.searchsorted(owner[order], np.arange(people))
    nearest = [np.lexsort((row, owner))[first] for row in distances]  # by owner, then by distance
    return np.array(nearest, np.int64).reshape(-1, people)


@dataclass(frozen=True, eq=False)
class ReidModel:
    """Encodes clips and scores pairs. Make it with `load`.

    Attributes:
        name: of the model.
        sha256: of its weights; features made by one model are never compared with another's.
        num_frames: T, longest radar clip.
        snippet_frames: length of an enrolled clip.
        num_points: N, points per radar frame.
        feature_shape: of what is stored of an enrolled clip.
        merges: the clips of a person become one entry; else the best of them counts.
        fuses: what is compared of a clip depends on its partner.
        frame_rate: of a radar clip [Hz].
        card: everything the card says.
    """

    name: str
    sha256: str
    num_frames: int
    snippet_frames: int
    num_points: int
    feature_shape: tuple[int, int]
    merges: bool
    fuses: bool
    frame_rate: float
    card: Mapping[str, Any]
    network: torch.jit.ScriptModule

    @classmethod
    def load(cls, directory: Path | str) -> "ReidModel":
        """Loads `model.pt` and `card.yaml` from a directory.

        Raises:
            ModelError: a file is missing, the weights are not those the card describes, or it is another kind of model.
        """
        directory = Path(directory)
        card = read_card(directory)
        if card["kind"] != KIND:
            raise ModelError(f"{directory} holds a model of kind '{card['kind']}', expected '{KIND}'")
        try:
            reads = card["input"]
            num_frames, num_points = int(reads["num_frames"]), int(reads["num_points"])
            snippet_frames = int(reads["snippet_frames"])
            merges, fuses = bool(reads["merges_clips"]), bool(reads["fuses_pairs"])
            rows, columns = reads["feature_shape"]
            frame_rate = float(reads["frame_rate_hz"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card in {directory} does not tell the network's input ({error!r})") from error
        if not frame_rate > 0:
            raise ModelError(f"the card in {directory} says {frame_rate:g} frames a second, expected more than 0")
        weights_path = require_weights(directory, card)
        try:
            network = torch.jit.load(str(weights_path), map_location="cpu").eval()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{weights_path} cannot be loaded as TorchScript: {reason}") from error
        return cls(
            name=str(card["name"]),
            sha256=str(card["sha256"]),
            num_frames=num_frames,
            snippet_frames=snippet_frames,
            num_points=num_points,
            feature_shape=(int(rows), int(columns)),
            merges=merges,
            fuses=fuses,
            frame_rate=frame_rate,
            card=card,
            network=network,
        )

    @torch.inference_mode()
    def encode_clip(self, snippet: Snippet) -> Float32Array:
        """Features, of `feature_shape`, of an enrolled snippet; computed once, then stored.

        Raises:
            ModelError: the snippet is not as long as the model reads.
        """
        if len(snippet.crops) != self.snippet_frames:
            raise ModelError(
                f"model {self.name} reads {self.snippet_frames} frames, the snippet has {len(snippet.crops)}"
            )
        tokens = self.network.encode_vision(
            torch.from_numpy(snippet.crops)[None], torch.from_numpy(snippet.geometry.astype(np.float32))[None]
        )
        return tokens[0].numpy()

    @torch.inference_mode()
    def encode_radar(self, clips: Sequence[RadarClip]) -> torch.Tensor:
        """What the network makes of radar clips, Q rows."""
        points = torch.from_numpy(np.stack([clip.points for clip in clips]))
        present = torch.from_numpy(np.stack([clip.present for clip in clips]))
        frames = torch.from_numpy(np.stack([clip.frames for clip in clips]))
        motion = torch.from_numpy(np.stack([clip.motion for clip in clips]))
        return self.network.encode_radar(points, present, frames, motion)

    @torch.inference_mode()
    def entries(self, features: Float32Array, owner: NDArray[np.int64]) -> tuple[Float32Array, NDArray[np.int64]]:
        """What radar clips are compared with: E entries, and whose each is.

        Args:
            features: (K, *feature_shape) of the enrolled clips.
            owner: (K,) whose they are, 0..P-1, each of whom has at least one.
        """
        if not self.merges or not len(features):
            return features, owner
        people = int(owner.max()) + 1
        merged: Float32Array = self.network.merge(torch.from_numpy(features), torch.from_numpy(owner), people).numpy()
        return merged, np.arange(people)

    @torch.inference_mode()
    def distances(self, clips: Sequence[RadarClip], entries: Float32Array) -> Float64Array:
        """Distance (Q, E) of every radar clip to every entry of the gallery (E, *feature_shape), see `entries`.

        Every pair is measured; nothing tells the network which pair belongs together.
        """
        if not clips or not len(entries):
            return np.zeros((len(clips), len(entries)))
        return self.compare(self.encode_radar(clips), entries)

    @torch.inference_mode()
    def distances_over_windows(
        self, clips: Sequence[RadarClip], earlier: Sequence[Sequence[torch.Tensor]], entries: Float32Array
    ) -> Float64Array:
        """As `distances`, of people whose clips are the newest of several windows in which they were watched.

        Args:
            clips: Q newest clips.
            earlier: what `encode_radar` made of each one's windows before, none or more rows each.
            entries: of the gallery.
        """
        if not clips or not len(entries):
            return np.zeros((len(clips), len(entries)))
        return self.compare(self.encode_windows(clips, earlier), entries)

    @torch.inference_mode()
    def encode_windows(self, clips: Sequence[RadarClip], earlier: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
        """As `encode_radar`, of tracks of several windows, where the model merges; see `distances_over_windows`."""
        if not self.merges:
            return self.encode_radar(clips)
        windows = [torch.stack([new, *old]) for new, old in zip(self.encode_radar(clips), earlier, strict=True)]
        owner = torch.repeat_interleave(torch.tensor([len(own) for own in windows]))
        return self.network.merge_windows(torch.cat(windows), owner, len(clips))

    @torch.inference_mode()
    def embed_pairs(self, clips: Sequence[RadarClip], entries: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Unit vectors (Q, E, D) of both sides of every pair, of a model that `fuses`.

        Raises:
            ModelError: this one does not.
        """
        self._require_fusing("embeddings of pairs")
        radar = self.encode_radar(clips)
        parts = [self.network.embed_pairs(radar, chunk) for chunk in torch.from_numpy(entries).split(CHUNK)]
        radar_side, camera_side = (torch.cat(side, dim=1).numpy() for side in zip(*parts, strict=True))
        return radar_side, camera_side

    @torch.inference_mode()
    def joints(self, clips: Sequence[RadarClip], snippets: Sequence[Snippet]) -> tuple[Float32Array, Float32Array]:
        """Joints [m] that P radar clips (P, T, 32, 3) and P snippets (P, S, 32, 3) show, each pair fused.

        Raises:
            ModelError: the model fuses nothing.
        """
        self._require_fusing("joints")
        seen = torch.from_numpy(np.stack([self.encode_clip(snippet) for snippet in snippets]))
        radar, camera = self.network.joints(self.encode_radar(clips), seen)
        return radar.numpy(), camera.numpy()

    def _require_fusing(self, what: str) -> None:
        if not self.fuses:
            raise ModelError(f"model {self.name} does not fuse radar and camera clips: it has no {what}")

    @torch.inference_mode()
    def compare(self, radar: torch.Tensor, entries: Float32Array) -> Float64Array:
        """Distance (Q, E) of what `encode_radar` made of each radar clip to every entry."""
        chunks = torch.from_numpy(entries).split(CHUNK)
        return torch.cat([self.network.distances(radar, chunk) for chunk in chunks], dim=1).double().numpy()

    @torch.inference_mode()
    def signatures(self, entries: Float32Array) -> Float32Array:
        """By what the entries of a large gallery are found, (E, S); see `likeness`."""
        parts = [self.network.signatures(chunk) for chunk in torch.from_numpy(entries).split(CHUNK)]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def likeness(self, radar: torch.Tensor, signatures: Float32Array) -> Float64Array:
        """Nearly minus `compare` (Q, E), but for a constant of each query, for the price of a matrix product."""
        return (self.network.probes(radar) @ torch.from_numpy(signatures).T).double().numpy()

    @torch.inference_mode()
    def probabilities(self, person_distances: Float64Array) -> Float64Array:
        """Probabilities (Q, P + 1) of P persons and, last, of nobody among them, from their distances (Q, P)."""
        return self.network.probabilities(torch.from_numpy(person_distances).float()).double().numpy()
