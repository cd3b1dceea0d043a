"""How much identity there is in parameters of body and gait: a matcher that is told them, exactly or with errors.

The oracle does what no model can do better as long as parameters are normally distributed: it knows how parameters
spread between people and from walk to walk of one person (`Spread`, from people who are never tested), and how large
each sensor's errors are (`Error`), and scores a pair by the logarithm of the ratio of two likelihoods, "both are of one
person" against "they are of two". That is the two-covariance model, known as PLDA in speaker recognition (Brümmer & de
Villiers, "The speaker partitioning problem", Odyssey 2010). The scorer sees numbers and no labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mission_core.types import Float64Array

PRECISION = 0.01
"""What "exact" means, in standard deviations between people: nobody measures lengths of a walking body better than to
1 % of their spread. It also keeps covariances of parameters that follow from each other regular."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How P parameters spread.

    Attributes:
        mean: (P,) over people.
        between: (P, P) covariance of people's means.
        within: (P, P) covariance of a person's walks around that person's mean.
    """

    mean: Float64Array
    between: Float64Array
    within: Float64Array

    @property
    def total(self) -> Float64Array:
        """(P, P) covariance of one walk of anybody."""
        return self.between + self.within

    def of(self, columns: Sequence[int]) -> "Spread":
        """The same for some of the parameters."""
        grid = np.ix_(columns, columns)
        return Spread(self.mean[list(columns)], self.between[grid], self.within[grid])


@dataclass(frozen=True, slots=True, eq=False)
class Error:
    """Errors of measured parameters, independent of the parameters.

    Attributes:
        covariance: (P, P).
        shared: share of it that all clips of one person have in common: what a sensor gets wrong about somebody's
            looks it gets wrong again.
    """

    covariance: Float64Array
    shared: float = 0.0

    def of(self, columns: Sequence[int]) -> "Error":
        """The same for some of the parameters."""
        return Error(self.covariance[np.ix_(columns, columns)], self.shared)

    def draw(self, rng: np.random.Generator, people: int, clips: int) -> Float64Array:
        """Errors (people, clips, P) of clips."""
        root = _root(self.covariance)
        common = rng.normal(size=(people, 1, len(root))) * np.sqrt(self.shared)
        own = rng.normal(size=(people, clips, len(root))) * np.sqrt(1.0 - self.shared)
        return (common + own) @ root.T


def fit_spread(values: Float64Array) -> Spread:
    """Spread of parameters (N people, K walks, P), N and K at least 2.

    Raises:
        ValueError: fewer people or walks.
    """
    people, walks, _ = values.shape
    if people < 2 or walks < 2:
        raise ValueError(f"parameters of {people} people and {walks} walks each: expected at least two of both")
    means = values.mean(axis=1)
    own = values - means[:, None]
    within = np.einsum("nkp,nkq->pq", own, own) / (people * (walks - 1))
    between = np.cov(means, rowvar=False).reshape(within.shape) - within / walks
    return Spread(means.mean(axis=0), _positive(between), within)


def equivalent_error(truth: Float64Array, estimate: Float64Array, prior: Float64Array) -> Float64Array:
    """Covariance (P, P) of the independent errors that would leave as much unknown as a regressor leaves.

    A regressor draws its estimates towards the mean, so its errors depend on the truth. If C is the covariance of truth
    minus estimate and S that of the parameters, errors of covariance (C^-1 - S^-1)^-1 added to the truth leave the same
    C. Its directions are taken from the first half of the rows and the variances along them from the second, for
    in the sample that directions come from their smallest variances are too small.

    Args:
        truth: (N, P) parameters of people it was not trained on, person by person.
        estimate: (N, P) what it said.
        prior: (P, P) covariance of the parameters, S.
    """
    factor = np.linalg.cholesky(_regular(prior))
    left = np.linalg.solve(factor, (truth - estimate).T).T
    half = len(left) // 2
    _, vectors = np.linalg.eigh(np.cov(left[:half], rowvar=False).reshape(prior.shape))
    unknown = np.clip((left[half:] @ vectors).var(axis=0), 1e-6, 0.999)
    root = factor @ vectors
    return (root * (unknown / (1.0 - unknown))) @ root.T


def recovered_share(truth: Float64Array, estimate: Float64Array) -> Float64Array:
    """(P,) share of the variance of parameters (N, P) that estimates (N, P) explain; 0 is no better than the mean."""
    return 1.0 - np.mean((truth - estimate) ** 2, axis=0) / truth.var(axis=0)


def shared_share(errors: Float64Array) -> float:
    """Share of the variance of errors (N people, K clips, P), scaled alike, that a person's clips have in common."""
    spread = fit_spread(errors / errors.std(axis=(0, 1)))
    return float(np.clip(np.trace(spread.between) / np.trace(spread.total), 0.0, 1.0))


def log_likelihood_ratios(
    queries: Float64Array,
    gallery: Float64Array,
    spread: Spread,
    query_error: Error | None = None,
    gallery_error: Error | None = None,
) -> Float64Array:
    """Scores (Q, G): log of p(query and entry | one person) / p(query and entry | two people).

    Args:
        queries: (Q, P) parameters as measured, each on one walk.
        gallery: (G, K, P) as measured on K walks of each entry; their mean holds all they tell.
        spread: of the parameters in the population.
        query_error: of the queries' measurement; None for exact ones.
        gallery_error: of each gallery clip's.
    """
    clips = gallery.shape[1]
    scale = np.sqrt(np.diag(spread.between) + np.diag(spread.within))
    unit = 1.0 / np.where(scale > 0, scale, 1.0)
    shape = np.outer(unit, unit)
    floor = PRECISION**2 * np.eye(len(unit))

    def error(of: Error | None, count: int) -> Float64Array:
        if of is None:
            return floor
        return floor + of.covariance * shape * (of.shared + (1.0 - of.shared) / count)

    between, within = spread.between * shape, spread.within * shape
    query_cov = between + within + error(query_error, 1)
    entry_cov = between + within / clips + error(gallery_error, clips)
    centred = (queries - spread.mean) * unit
    entries = (gallery.mean(axis=1) - spread.mean) * unit
    return pair_ratios(centred, entries, query_cov, entry_cov, between)


def pair_ratios(
    queries: Float64Array, entries: Float64Array, query_cov: Float64Array, entry_cov: Float64Array, cross: Float64Array
) -> Float64Array:
    """Scores (Q, G) of any two kinds of measurement of one person, jointly normal, mean 0.

    Args:
        queries: (Q, A).
        entries: (G, B).
        query_cov: (A, A).
        entry_cov: (B, B).
        cross: (A, B) covariance of a query and an entry of one person.
    """
    gain = np.linalg.solve(entry_cov, cross.T).T
    same = _log_density(queries[:, None] - (entries @ gain.T)[None], query_cov - gain @ cross.T)
    return same - _log_density(queries, query_cov)[:, None]


def _log_density(values: Float64Array, covariance: Float64Array) -> Float64Array:
    """Log density of values (..., P), mean 0, up to the constant that depends on P only."""
    factor = np.linalg.cholesky(_positive(covariance, 1e-12))
    white = np.linalg.solve(factor, values.reshape(-1, len(factor)).T)
    return -0.5 * np.square(white).sum(axis=0).reshape(values.shape[:-1]) - np.log(np.diag(factor)).sum()


def _regular(covariance: Float64Array) -> Float64Array:
    return covariance + np.diag(np.diag(covariance)) * PRECISION**2


def _positive(covariance: Float64Array, least: float = 0.0) -> Float64Array:
    """The nearest covariance without negative directions."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * np.maximum(values, least)) @ vectors.T


def _root(covariance: Float64Array) -> Float64Array:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
