"""What all networks have in common that match radar clips with camera clips."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.camera.snippet import SNIPPET_RATE
from mission_core.models.pictures.network import PictureNetwork


class MatchingNetwork(nn.Module):
    """A network that tells how far a radar clip and a camera clip speak of one person.

    A deployed model offers `encode_radar`, `encode_vision`, `merge`, `distances` and `probabilities`, and `signatures`
    and `probes` to search large galleries. B clips, T frames, N points; what clips are encoded to is (rows, columns) of
    whatever the network wants, and is computed once: for a query when it is asked, for an enrolled clip when it is
    enrolled.

    Attributes:
        pictures: reads single pictures; learnt before and frozen.
        num_frames: T, frames of a radar clip, at most.
        num_points: N, detections kept per frame.
        frame_rate: of radar clips [Hz].
        merges: whether the clips of a person become one entry, and windows of a track one query.
    """

    merges = False

    sharpness: Tensor
    unknown_logit: Tensor

    def __init__(
        self, pictures: PictureNetwork, num_frames: int, num_points: int, frame_rate: float = SNIPPET_RATE
    ) -> None:
        super().__init__()
        self.pictures = pictures.requires_grad_(False)
        self.num_frames, self.num_points, self.frame_rate = num_frames, num_points, frame_rate
        # probabilities: softmax over [-sharpness * distance of each person, unknown_logit]; calibrated after training
        self.register_buffer("sharpness", torch.tensor(1.0))
        self.register_buffer("unknown_logit", torch.tensor(0.0))

    @torch.jit.export
    def encode_radar(self, points: Tensor, present: Tensor, frames: Tensor, motion: Tensor) -> Tensor:
        """Radar clips as they are compared, (B, rows, columns).

        Args:
            points: (B, T, N, 5) as `processing.frame_points` makes them.
            present: (B, T, N) which points exist.
            frames: (B, T) which frames exist.
            motion: (B, T, 3) as `processing.track_motion` makes it.
        """
        raise NotImplementedError

    @torch.jit.export
    def encode_seen(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Camera clips as they are compared, (B, rows, columns).

        Args:
            seen: (B, T, S) what the picture network read of each frame.
            geometry: (B, T, 4) lateral offset, distance, height, width of the person [m], NaN where unknown.
        """
        raise NotImplementedError

    @torch.jit.export
    def encode_vision(self, crops: Tensor, geometry: Tensor) -> Tensor:
        """As `encode_seen`, of crops (B, T, H, W, 3) uint8 RGB."""
        seen = self.pictures(crops.flatten(0, 1), geometry.flatten(0, 1))
        return self.encode_seen(seen.reshape(crops.shape[0], crops.shape[1], -1), geometry)

    @torch.jit.export
    def merge(self, encoded: Tensor, owner: Tensor, people: int) -> Tensor:  # noqa: ARG002
        """What is compared of people: by default each clip (K, rows, columns) remains single, and the best counts.

        Args:
            encoded: (K, rows, columns) of K clips.
            owner: (K,) whose they are, 0..people-1.
            people: how many.
        """
        return encoded

    @torch.jit.export
    def merge_windows(self, encoded: Tensor, owner: Tensor, tracks: int) -> Tensor:  # noqa: ARG002
        """As `merge`, of windows of tracks; only networks that merge are asked."""
        return encoded

    @torch.jit.export
    def distances(self, radar: Tensor, entries: Tensor) -> Tensor:
        """Distance (Q, E) of every radar clip (Q, rows, columns) to every entry of a gallery (E, rows, columns)."""
        raise NotImplementedError

    @torch.jit.export
    def signatures(self, entries: Tensor) -> Tensor:
        """By what entries (E, rows, columns) of a large gallery are found, (E, S).

        The inner product of an entry's signature with a query's probe is nearly minus their distance, but for a
        constant of each query: whom it puts first is worth measuring.
        """
        raise NotImplementedError

    @torch.jit.export
    def probes(self, radar: Tensor) -> Tensor:
        """With what radar clips (Q, rows, columns) search signatures, (Q, S)."""
        raise NotImplementedError

    @torch.jit.export
    def probabilities(self, person_distances: Tensor) -> Tensor:
        """Distances (Q, P) of each person's best clip to probabilities (Q, P + 1), the last one "unknown".

        With every enrolled person the chance grows that somebody is near by accident; the logit of "unknown" grows by
        as much, so that its prior, one half in calibration, holds in a gallery of any size.
        """
        people = person_distances.shape[1]
        unknown = (self.unknown_logit + math.log(float(people))).expand(person_distances.shape[0], 1)
        return functional.softmax(torch.cat([-self.sharpness * person_distances, unknown], dim=-1), dim=-1)

    def fit_merging(self, score: Callable[[], float]) -> None:
        """Fits what merging depends on, if anything, so that the score on validation people is greatest."""


class DualNetwork(MatchingNetwork):
    """A matching network of which each side makes a unit vector of its own: (B, 1, D)."""

    @torch.jit.export
    def distances(self, radar: Tensor, entries: Tensor) -> Tensor:
        """Squared Euclidean distance (Q, E), 0..4, between unit vectors (Q, 1, D) and (E, 1, D)."""
        return 2.0 - 2.0 * radar.flatten(1) @ entries.flatten(1).T

    @torch.jit.export
    def signatures(self, entries: Tensor) -> Tensor:
        """The unit vectors themselves: with probes they give the exact distance; see MatchingNetwork."""
        return entries.flatten(1)

    @torch.jit.export
    def probes(self, radar: Tensor) -> Tensor:
        """Twice the unit vectors; see MatchingNetwork."""
        return 2.0 * radar.flatten(1)
