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
import os
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from rich.progress import track
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from twin_clips import DURATIONS, SENSORS, WALKS, Clips, simulated

from mission_core.metrics import Interval, bootstrap_cmc, ranks_of_truth
from mission_core.oracle import (
    Error,
    Spread,
    equivalent_error,
    fit_spread,
    log_likelihood_ratios,
    recovered_share,
    shared_share,
)
from mission_core.sim.cohort import PARAMETERS, POPULATION_SEED, Person, parameter_vector, sample_person, walkers
from mission_core.sim.habits import sample_walk
from mission_core.types import Float64Array

GALLERY_CLIPS = 3
TRIALS = 20  # of the 58 people's walks, drawn anew: what is uncertain is the people
LARGE = 3000  # people whose parameters, not clips, tell how parameters spread
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
    os.nice(10)
    spread = population_spread()
    clips = Clips.of(simulated(range(POPULATION_SEED, POPULATION_SEED + options.people), options.processes))
    keys = [(sensor, seconds) for sensor in SENSORS for seconds in DURATIONS]
    estimates = {key: out_of_fold(clips, key) for key in track(keys, "learning", disable=not sys.stderr.isatty())}
    shares = {key: recovered_share(*estimate) for key, estimate in estimates.items()}
    print(f"{options.people} people to learn from, {len(PARAMETERS)} parameters, regressor: ridge on cues")
    print_shares(shares, spread)
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
    return fit_spread(np.array([[realised(person, rng) for _ in range(WALKS)] for person in people]))


def realised(person: Person, rng: np.random.Generator) -> Float64Array:
    """(P,) parameters as they are on one walk."""
    return parameter_vector(replace(person, gait=sample_walk(person.gait, rng)))


# --- regressors ---------------------------------------------------------------------------------------------------


def regressor() -> Pipeline:
    """Ridge regression on standardised cues, its penalty chosen by leave-one-out."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(np.clip, kw_args={"a_min": -4.0, "a_max": 4.0}),
        RidgeCV(np.logspace(1, 5, 9)),
    )


def out_of_fold(clips: Clips, key: Key) -> tuple[Float64Array, Float64Array]:
    """Truth (N, P) of all clips, and what regressors say (N, P) that have not seen the clip's person."""
    cues, truth, owner = clips.cues[key], clips.truth[key], clips.owner[key]
    estimate = np.empty_like(truth)
    for known, unknown in GroupKFold(5).split(cues, groups=owner):
        middle, scale = truth[known].mean(axis=0), truth[known].std(axis=0)
        fitted = regressor().fit(cues[known], (truth[known] - middle) / scale)
        estimate[unknown] = middle + scale * fitted.predict(cues[unknown])
    return truth, estimate


def sensor_error(clips: Clips, key: Key, truth: Float64Array, estimate: Float64Array, spread: Spread) -> Error:
    """Errors that a sensor makes, and how much of them a person's walks have in common."""
    wrong = truth - estimate
    people, counts = np.unique(clips.owner[key], return_counts=True)
    by_person = wrong.reshape(len(people), counts[0], -1)
    one_per_walk = by_person[:, :: counts[0] // WALKS][:, :WALKS]
    return Error(equivalent_error(truth, estimate, spread.total), shared_share(one_per_walk))


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
