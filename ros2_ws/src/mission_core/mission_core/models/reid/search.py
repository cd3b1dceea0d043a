"""Whom of the enrolled people radar clips show: everybody is measured, or in a large gallery those who are proposed.

A network measures pair by pair, which takes as long as the gallery is large. So in a large one the inner products of
signatures, one matrix product, propose whom to measure (`MatchingNetwork.signatures`). Those are then ranked exactly.

What is not measured is estimated: an inner product is nearly minus the distance but for a constant, which follows from
those who are measured. Probabilities are over everybody, as in a small gallery: nobody who is proposed gains from how
many others were not, and "unknown", whose logit grows with the number of people, keeps its meaning. What falls to
people who are not proposed is counted as "unknown", which is to say none of the candidates.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mission_core.models.reid.model import ReidModel, best_clips
from mission_core.types import Float32Array, Float64Array

PROPOSED = 200
"""People who are measured in a large gallery."""
EXACT_UP_TO = 1000
"""People of whom all are measured: with the gait network proposing pays only beyond (benchmarks/gallery_size.py)."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A gallery as it is searched. Make it with `prepare`.

    Attributes:
        entries: (E, *feature_shape) what radar clips are compared with.
        owner: (E,) whose they are, 0..P-1, each of whom has at least one.
        signatures: (E, S) of the entries, None in a gallery of which everybody is measured.
    """

    entries: Float32Array
    owner: NDArray[np.int64]
    signatures: Float32Array | None


@dataclass(frozen=True, eq=False)
class Found:
    """Who a radar clip may show: C people, the most probable first.

    Attributes:
        people: (C,) all P, or those who were proposed.
        entries: (C,) the nearest of each.
        distances: (C,) to these.
        probabilities: (C,)
        unknown: probability that it is none of them.
    """

    people: NDArray[np.int64]
    entries: NDArray[np.int64]
    distances: Float64Array
    probabilities: Float64Array
    unknown: float


def prepare(model: ReidModel, features: Float32Array, owner: NDArray[np.int64]) -> Prepared:
    """Makes a gallery ready.

    Args:
        model: which searches it.
        features: (K, *feature_shape) of the enrolled clips.
        owner: (K,) whose they are, 0..P-1, each of whom has at least one.
    """
    entries, whose = model.entries(features, owner)
    large = len(whose) > 0 and whose.max() >= EXACT_UP_TO
    return Prepared(entries, whose, model.signatures(entries) if large else None)


def search(model: ReidModel, radar: torch.Tensor, gallery: Prepared) -> list[Found]:
    """Ranks the people of a gallery, of whom there is at least one.

    Args:
        model: which encoded radar clips and gallery.
        radar: what it made of Q radar clips.
        gallery: to search.
    """
    if gallery.signatures is None:
        best, distances = nearest(model.compare(radar, gallery.entries), gallery.owner)
        return _found(model, np.tile(np.arange(best.shape[1]), (len(best), 1)), best, distances)
    best, distances = nearest(-model.likeness(radar, gallery.signatures), gallery.owner)
    proposed = np.sort(distances.argpartition(PROPOSED - 1, axis=1)[:, :PROPOSED], axis=1)
    for query, people in enumerate(proposed):
        own = np.flatnonzero(np.isin(gallery.owner, people))
        measured = model.compare(radar[query : query + 1], gallery.entries[own])
        closest, exact = nearest(measured, np.searchsorted(people, gallery.owner[own]))
        distances[query] += (exact[0] - distances[query, people]).mean()
        best[query, people], distances[query, people] = own[closest[0]], exact[0]
    return _found(model, proposed, best, distances)


def nearest(distances: Float64Array, owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], Float64Array]:
    """Each person's nearest entry (Q, P) and its distance (Q, P), from those of all entries (Q, E)."""
    best = best_clips(distances, owner)
    return best, np.take_along_axis(distances, best, axis=1)


def _found(
    model: ReidModel, listed: NDArray[np.int64], best: NDArray[np.int64], distances: Float64Array
) -> list[Found]:
    """Of people listed (Q, C) among all, whose nearest entries (Q, P) have these distances (Q, P)."""
    probabilities = model.probabilities(distances)
    result = []
    for people, entries, apart, likely in zip(listed, best, distances, probabilities, strict=True):
        order = people[np.argsort(-likely[people], kind="stable")]
        unknown = float(likely[-1] + np.delete(likely[:-1], people).sum())
        result.append(Found(order, entries[order], apart[order], likely[order], unknown))
    return result
