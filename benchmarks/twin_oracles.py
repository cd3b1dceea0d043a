"""How much identity is in the twin's people, and how much of it each sensor's data let one recover.

    .venv/bin/python benchmarks/twin_oracles.py [--people 400] [--processes 2] [--images docs/images]

1. Population people, who are never tested, walk before the radar and before the camera, each sensor its own walks. Cues
   of their clips (`mission_core.cues`) are kept on disk, person by person: the command may be interrupted and goes on
   where it was. Files of another state of the simulator are not used.
2. Regressors learn every parameter of body and gait from the cues of clips of 2, 5 and 20 s; people they have not seen
   tell the share of the variance that they recover, and their errors.
3. An oracle (`mission_core.oracle`) that is told the parameters of the 58 test people's walks, exactly or with errors
   of that size, ranks them: the honest protocol, query and gallery are different walks, no label reaches the scorer.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from twin_clips import CLIPS, DURATIONS, SENSORS, WALKS, Clips, simulated

from mission_core.metrics import Interval, bootstrap_cmc, ranks_of_truth
from mission_core.oracle import (
    Error,
    Spread,
    equivalent_error,
    fit_spread,
    log_likelihood_ratios,
    pair_ratios,
    recovered_share,
    shared_share,
)
from mission_core.sim.cohort import PARAMETERS, POPULATION_SEED, Person, parameter_vector, sample_person, walkers
from mission_core.sim.habits import sample_walk
from mission_core.types import Float64Array

GALLERY_CLIPS = 3
TRIALS = 20  # of the 58 people's walks, drawn anew: what is uncertain is the people
LARGE = 3000  # people whose parameters, not clips, tell how parameters spread
PENALTIES = np.logspace(1, 6, 11)
SHRINKAGE = 0.1  # of the covariance of estimates towards independence
VISIBLE = 0.1  # share of variance from 20 s from which a parameter counts as visible to a sensor
BODY = tuple(i for i, name in enumerate(PARAMETERS) if not hasattr(sample_person(0).gait, name))
GAIT = tuple(i for i in range(len(PARAMETERS)) if i not in BODY)
Key = tuple[str, float]  # sensor, duration


def main() -> None:
    """Simulates what is missing, learns, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=400, help="of the population, to learn from")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--images", type=Path, help="directory to plot into")
    options = parser.parse_args()
    spread = population_spread()
    clips = Clips.of(simulated(range(POPULATION_SEED, POPULATION_SEED + options.people), options.processes))
    keys = [(sensor, seconds) for sensor in SENSORS for seconds in DURATIONS]
    estimates = {key: out_of_fold(clips, key) for key in track(keys, "learning", disable=not sys.stderr.isatty())}
    shares = {key: recovered_share(*estimate) for key, estimate in estimates.items()}
    print(f"{options.people} people to learn from, {len(PARAMETERS)} parameters, regressor: ridge on cues")
    print_shares(shares, spread)
    print_achieved(clips, estimates)
    errors = {key: sensor_error(clips, key, *estimate, spread) for key, estimate in estimates.items()}
    print_ceilings(spread, errors, shares)
    if options.images:
        plot_shares(shares, options.images / "twin_identity.png")


# --- parameters ---------------------------------------------------------------------------------------------------


def population_spread() -> Spread:
    """How parameters spread among population people none of whose clips is used."""
    rng = np.random.default_rng(0)
    first = POPULATION_SEED + 1_000_000
    people = (sample_person(seed) for seed in range(first, first + LARGE))
    return fit_spread(np.array([[realised(person, rng) for _ in range(2)] for person in people]))


def realised(person: Person, rng: np.random.Generator) -> Float64Array:
    """(P,) parameters as they are on one walk."""
    return parameter_vector(replace(person, gait=sample_walk(person.gait, rng)))


# --- regressors ---------------------------------------------------------------------------------------------------


class Regressor:
    """Ridge regression on standardised cues; the penalty for each parameter serves people not learnt from best.

    Args:
        cues: (N, C) to learn from.
        truth: (N, P).
        owner: (N,) whose clips they are.
    """

    def __init__(self, cues: Float64Array, truth: Float64Array, owner: NDArray[np.int64]) -> None:
        self._middle, self._scale = truth.mean(axis=0), truth.std(axis=0)
        self._prepare = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            FunctionTransformer(np.clip, kw_args={"a_min": -4.0, "a_max": 4.0}),
        )
        x, y = self._prepare.fit_transform(cues), (truth - self._middle) / self._scale
        known, unknown = next(GroupKFold(4).split(x, groups=owner))
        losses = [
            np.square(Ridge(penalty).fit(x[known], y[known]).predict(x[unknown]) - y[unknown]).mean(axis=0)
            for penalty in PENALTIES
        ]
        self._ridge = Ridge(PENALTIES[np.argmin(losses, axis=0)]).fit(x, y)

    def __call__(self, cues: Float64Array) -> Float64Array:
        """Parameters (N, P) by cues (N, C)."""
        return self._middle + self._scale * self._ridge.predict(self._prepare.transform(cues))


def out_of_fold(clips: Clips, key: Key) -> tuple[Float64Array, Float64Array]:
    """Truth (N, P) of all clips, and what regressors say (N, P) that have not seen the clip's person."""
    cues, truth, owner = clips.cues[key], clips.truth[key], clips.owner[key]
    estimate = np.empty_like(truth)
    for known, unknown in GroupKFold(5).split(cues, groups=owner):
        estimate[unknown] = Regressor(cues[known], truth[known], owner[known])(cues[unknown])
    return truth, estimate


def sensor_error(clips: Clips, key: Key, truth: Float64Array, estimate: Float64Array, spread: Spread) -> Error:
    """Errors that a sensor makes, and how much of them a person's walks have in common."""
    wrong = by_walk(clips, key, truth - estimate)
    shared = (
        shared_share(wrong) if wrong.shape[1] > 1 else 0.0
    )  # of a sensor whose clips are only ever asked for singly
    return Error(equivalent_error(truth, estimate, spread.total), shared)


def by_walk(clips: Clips, key: Key, rows: Float64Array) -> Float64Array:
    """(people, walks, P) of the first clip of each walk, from (N, P) of all clips."""
    people, per_walk = len(np.unique(clips.owner[key])), CLIPS[key[1]]
    return rows.reshape(people, -1, per_walk, rows.shape[-1])[:, :, 0]


# --- ceilings -----------------------------------------------------------------------------------------------------


def ceilings(
    spread: Spread, columns: tuple[int, ...], query_error: Error | None = None, gallery_error: Error | None = None
) -> tuple[Interval, Interval]:
    """Top-1 and top-5 of the oracle among the 58, with 95 % intervals over people.

    Args:
        spread: of all parameters in the population.
        columns: parameters the oracle is told.
        query_error: with which, of the query.
        gallery_error: of each clip of the gallery.
    """
    rng = np.random.default_rng(1)
    people = walkers()
    seen = spread.of(columns)
    errors = [None if error is None else error.of(columns) for error in (query_error, gallery_error)]
    ranks = []
    for _ in range(TRIALS):
        values = np.array([[realised(person, rng) for _ in range(1 + GALLERY_CLIPS)] for person in people])[
            ..., columns
        ]
        parts = [values[:, :1], values[:, 1:]]
        measured = [
            part if error is None else part + error.draw(rng, len(people), part.shape[1])
            for part, error in zip(parts, errors, strict=True)
        ]
        scores = log_likelihood_ratios(measured[0][:, 0], measured[1], seen, *errors)
        ranks.append(ranks_of_truth(scores, np.arange(len(people))))
    truth = np.tile(np.arange(len(people)), TRIALS)
    one, five = (bootstrap_cmc(np.concatenate(ranks), truth, k) for k in (1, 5))
    return one, five


def print_ceilings(spread: Spread, errors: dict[Key, Error], shares: dict[Key, Float64Array]) -> None:
    """The ceilings of any model on the 58."""
    longest = max(DURATIONS)
    everything = (*BODY, *GAIT)
    print(f"\nexact parameters, {GALLERY_CLIPS} gallery clips per person, {TRIALS} draws of everybody's walks")
    print("| the oracle is told | parameters | top-1 | top-5 |\n|---|---|---|---|")
    told = {"everything": everything, "the body only": BODY, "the gait only": GAIT}
    for sensor in SENSORS:
        visible = tuple(np.flatnonzero(shares[sensor, longest] > VISIBLE).tolist())
        told[f"what is visible to: {sensor}"] = visible
        told[f"gait visible to: {sensor}"] = tuple(sorted(set(visible) & set(GAIT)))
    for name, columns in told.items():
        if columns:
            print(f"| {name} | {len(columns)} | " + " | ".join(map(percent, ceilings(spread, columns))) + " |")

    print("\nall parameters with the errors of the sensors' regressors")
    print("| query | gallery | " + " | ".join(f"{s:g} s: top-1 | top-5" for s in DURATIONS) + " |")
    print("|---|---|" + "---|---|" * len(DURATIONS))
    radars = [sensor for sensor in SENSORS if sensor != "camera"]
    pairs: list[tuple[str | None, str | None]] = [(radar, "camera") for radar in radars]
    pairs += [(radar, None) for radar in radars] + [(None, "camera"), ("camera", "camera")]
    for query, gallery in pairs:
        cells = []
        for seconds in DURATIONS:
            of = [None if sensor is None else errors[sensor, seconds] for sensor in (query, gallery)]
            cells += [percent(interval) for interval in ceilings(spread, everything, *of)]
        print(f"| {query or 'exact'} | {gallery or 'exact'} | " + " | ".join(cells) + " |", flush=True)


def print_achieved(clips: Clips, estimates: dict[Key, tuple[Float64Array, Float64Array]]) -> None:
    """What the regressors' own estimates are worth: 58 population people at a time, the model fitted on the others."""
    print("\nthe regressors themselves, on population people in groups of 58 whom they have not learnt from")
    print("| query | gallery | " + " | ".join(f"{s:g} s: top-1 | top-5" for s in DURATIONS) + " |")
    print("|---|---|" + "---|---|" * len(DURATIONS))
    for query in (sensor for sensor in SENSORS if sensor != "camera"):
        cells = []
        for seconds in DURATIONS:
            keys = [(sensor, seconds) for sensor in (query, "camera")]
            walks = [by_walk(clips, key, estimates[key][1]) for key in keys]
            ranks, truth = achieved(walks[0][:, 0], walks[1].mean(axis=1))
            cells += [percent(bootstrap_cmc(ranks, truth, k)) for k in (1, 5)]
        print(f"| {query} | camera, {WALKS['camera']} clips | " + " | ".join(cells) + " |", flush=True)


def achieved(queries: Float64Array, entries: Float64Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks of the truth, and who it is, of estimates (N, P), (N, P) of the same N people by the two sensors."""
    size = len(walkers())
    ranks, truth = [], []
    for first in range(0, len(queries) - size + 1, size):
        tested = np.zeros(len(queries), bool)
        tested[first : first + size] = True
        sides = []
        for values in (queries, entries):
            middle, scale = values[~tested].mean(axis=0), values[~tested].std(axis=0)
            sides.append((values - middle) / np.maximum(scale, 1e-9))
        known = np.cov(np.concatenate([side[~tested] for side in sides], axis=1), rowvar=False)
        known = (1 - SHRINKAGE) * known + SHRINKAGE * np.eye(len(known))
        half = len(known) // 2
        blocks = known[:half, :half], known[half:, half:], known[:half, half:]
        scores = pair_ratios(sides[0][tested], sides[1][tested], *blocks)
        ranks.append(ranks_of_truth(scores, np.arange(size)))
        truth.append(np.arange(first, first + size))
    return np.concatenate(ranks), np.concatenate(truth)


def percent(interval: Interval) -> str:
    """A share with its interval."""
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.0f} – {100 * interval.high:.0f})"


# --- shares -------------------------------------------------------------------------------------------------------


def print_shares(shares: dict[Key, Float64Array], spread: Spread) -> None:
    """Share of the variance of each parameter that each sensor's clips let one recover."""
    constancy = np.diag(spread.between) / np.diag(spread.total)
    print("\n| parameter | between people | " + " | ".join(f"{sensor}, {s:g} s" for sensor, s in shares) + " |")
    print("|---|---|" + "---|" * len(shares))
    for index, name in enumerate(PARAMETERS):
        cells = " | ".join(f"{max(share[index], 0.0):.2f}" for share in shares.values())
        print(f"| {name.replace('_', ' ')} | {constancy[index]:.2f} | {cells} |")


def plot_shares(shares: dict[Key, Float64Array], path: Path) -> None:
    """The same as bars, for the longest and the shortest clips."""
    figure, axes = plt.subplots(1, len(SENSORS), figsize=(12, 8), sharey=True, layout="constrained")
    place = np.arange(len(PARAMETERS))
    for axis, sensor in zip(axes, SENSORS, strict=True):
        for seconds, colour in zip(
            sorted(DURATIONS, reverse=True), ("tab:blue", "tab:cyan", "tab:orange"), strict=True
        ):
            axis.barh(place, np.maximum(shares[sensor, seconds], 0.0), color=colour, label=f"{seconds:g} s")
        axis.set(title=sensor, xlim=(0, 1), xlabel="share of variance recovered")
        axis.grid(axis="x", alpha=0.4)
    axes[0].set_yticks(place, [name.replace("_", " ") for name in PARAMETERS])
    axes[0].invert_yaxis()
    axes[-1].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
