"""The authors' released evaluation, which leaks the truth; here to be laid beside their figures, and for nothing else.

Source: CMC1 of the released code (`test` of train_midmodal_tri_nln_loc.py). Record i is the camera clip V_i of a walk.
A radar clip R_i *of the same person, chosen by the label,* is fused with it. The query is the radar's embedding inside
that pair, the gallery the vision's embeddings inside the pairs of all other records. So a query already holds pictures
of the right person, and each gallery item the right person's radar; a radar of pure noise is recognised all the same,
which the control here shows. Nothing of this is known in use: the figures are not comparable with any other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from mission_core.errors import ConfigurationError
from mission_core.metrics import Interval, bootstrap_mean
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Float32Array, Float64Array

WARNING = (
    "leaks the truth: pairs are made by the label, so each query holds pictures of the right person; not comparable "
    "with the other protocols"
)
RANKS = range(1, 11)

EmbedPairs = Callable[[Sequence[RadarClip], Float32Array], tuple[Float32Array, Float32Array]]
"""Embeddings of radar and vision (Q, E, D) each, inside each fused pair of Q clips and E entries."""


@runtime_checkable
class FusingModel(Protocol):
    """A model that fuses pairs."""

    fuses: bool

    def embed_pairs(self, clips: Sequence[RadarClip], entries: Float32Array) -> tuple[Float32Array, Float32Array]:
        """See `EmbedPairs`."""


@dataclass(frozen=True, eq=False)
class Released:
    """Figures of the leaking evaluation.

    Attributes:
        records: that ask and answer.
        people: whose they are.
        cmc: share of the records with one of the same person among the first k others, by k.
        chance: of the same.
        average_precision: mean.
        control: `cmc` with the radar clips of other people. It shows the leak: honest figures would fall to chance.
    """

    records: int
    people: int
    cmc: dict[int, Interval]
    chance: dict[int, float]
    average_precision: Interval
    control: dict[int, Interval]


def embedder(model: ReidModel) -> EmbedPairs:
    """What `as_released` needs of a model.

    Raises:
        ConfigurationError: the model does not fuse pairs.
    """
    if isinstance(model, FusingModel) and model.fuses:
        return model.embed_pairs
    raise ConfigurationError(
        f"the protocol as-released compares embeddings inside fused pairs, and model {model.name} offers none: name a "
        "model of the Mission network with --model, or choose another protocol"
    )


def as_released(
    embed: EmbedPairs,
    queries: Sequence[RadarClip],
    walkers: NDArray[np.int64],
    features: Float32Array,
    owner: NDArray[np.int64],
    seed: int = 0,
) -> Released:
    """The leaking evaluation.

    Args:
        embed: embeds pairs.
        queries: Q radar clips.
        walkers: (Q,) whose they are. The truth, and this protocol uses it.
        features: (K, *feature_shape) of camera clips.
        owner: (K,) whose they are.
        seed: of the choice of partners.

    Raises:
        ConfigurationError: nobody has two camera clips and a radar clip.
    """
    kept = np.flatnonzero([(owner == own).sum() > 1 and (walkers == own).any() for own in owner])
    if not len(kept) or len(np.unique(walkers)) < 2:
        raise ConfigurationError(
            "as-released needs two people with two camera clips and one radar clip each among the test walks: take a "
            "data set with more walks of everybody, for example walkers58"
        )
    rng = np.random.default_rng((seed, 8))
    truth = owner[kept]
    right = [int(rng.choice(np.flatnonzero(walkers == own))) for own in truth]
    wrong = [int(rng.choice(np.flatnonzero(walkers != own))) for own in truth]
    ranks, precision = _search(*_pairs(embed, [queries[i] for i in right], features[kept]), truth)
    control, _ = _search(*_pairs(embed, [queries[i] for i in wrong], features[kept]), truth)
    same = np.array([(truth == own).sum() - 1 for own in truth])
    return Released(
        records=len(truth),
        people=len(np.unique(truth)),
        cmc={k: bootstrap_mean((ranks <= k).astype(float), truth) for k in RANKS},
        chance={k: float(1.0 - hypergeom.pmf(0, len(truth) - 1, same, min(k, len(truth) - 1)).mean()) for k in RANKS},
        average_precision=bootstrap_mean(precision, truth),
        control={k: bootstrap_mean((control <= k).astype(float), truth) for k in RANKS},
    )


def _pairs(
    embed: EmbedPairs, partners: Sequence[RadarClip], features: Float32Array
) -> tuple[Float64Array, Float64Array]:
    """Embeddings (N, D) of radar and vision inside the pairs that the label made."""
    pairs = [embed([partner], own[None]) for partner, own in zip(partners, features, strict=True)]
    radar, vision = (np.stack([pair[side][0, 0] for pair in pairs]).astype(np.float64) for side in (0, 1))
    return radar, vision


def _search(
    radar: Float64Array, vision: Float64Array, truth: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Float64Array]:
    """Rank (N,) of the first record of the same person among all others, and average precision (N,)."""
    distances = np.square(radar[:, None] - vision[None]).sum(axis=-1)
    np.fill_diagonal(distances, np.inf)
    order = distances.argsort(axis=1, kind="stable")[:, :-1]
    hits = truth[order] == truth[:, None]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    return hits.argmax(axis=1) + 1, (precision * hits).sum(axis=1) / hits.sum(axis=1)
