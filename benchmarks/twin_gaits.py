"""How people's gaits differ, and differ from walk to walk, in motion capture and in the twin; and what that identifies.

    MISSION_DATA=DIR .venv/bin/python benchmarks/twin_gaits.py

35 real walkers with two clips each (`shum_gait_bvh`, most of them patients) and 35 people of the twin with two walks
each are measured from their joints with the same functions, over the same time. Printed for each measure: its mean, its
deviation between people, and from walk to walk of one person. Then an oracle told these measures exactly, or those of
them that a sensor's data let one recover, takes one walk as the query and the other as the gallery; the spread of its
model comes from the other people only, person by person. No lengths of bodies are told.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mission_core.kinematics import MEASURES, gait_measures
from mission_core.metrics import bootstrap_cmc, ranks_of_truth
from mission_core.oracle import fit_spread, log_likelihood_ratios
from mission_core.sim.bvh import load_bvh
from mission_core.sim.cohort import POPULATION_SEED, sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight
from mission_core.types import Float64Array

DATA = Path(os.environ.get("MISSION_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
RATE = 60.0  # [1/s]
SECONDS = 4.3  # of the twin's walks: the median of the captured clips
ANGLES = frozenset(MEASURES[5:17])
RADAR = ("speed", "cadence", "step_length", "arm_swing", "arm_offset")
CAMERA = (*RADAR, "step_width", "arm_asymmetry", "elbow_flexion", "elbow_range", "trunk_lean")
TOLD = {"all measures": MEASURES, "what the radar shows": RADAR, "what the camera shows": CAMERA}
"""Of a parameter that corresponds, the sensor's regressor recovers a tenth of the variance or more (docs/twin.md)."""


def main() -> None:
    """Measures, compares, ranks."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    captured = captured_walks()
    simulated = simulated_walks(len(captured))
    print(f"{len(captured)} captured walkers, two clips each, and as many of the twin")
    print("| measure | captured: mean | people | walks | twin: mean | people | walks |\n|---|---|---|---|---|---|---|")
    for index, name in enumerate(MEASURES):
        scale, unit = (180 / np.pi, " [deg]") if name in ANGLES and "asymmetry" not in name else (1.0, "")
        cells = [spread_of(values[:, :, index] * scale) for values in (captured, simulated)]
        print(f"| {name.replace('_', ' ')}{unit} | " + " | ".join(f"{v:.3g}" for cell in cells for v in cell) + " |")
    print("\n| the oracle is told | of | top-1 | top-5 |\n|---|---|---|---|")
    for told, names in TOLD.items():
        columns = [MEASURES.index(name) for name in names]
        for kind, values in (("captured", captured), ("twin", simulated)):
            ranks, truth = leave_one_out(values[..., columns])
            found = [bootstrap_cmc(ranks, truth, k) for k in (1, 5)]
            shares = " | ".join(f"{c.value:.1%} ({c.low:.0%} – {c.high:.0%})" for c in found)
            print(f"| {told} | {kind} | {shares} |")


def captured_walks() -> Float64Array:
    """(N, 2, M) measures of those with two clips, all on one body: identity is in the motion only."""
    body = sample_person(POPULATION_SEED)
    firsts = sorted((DATA / "shum_gait_bvh").glob("*_Cycle1.bvh"))
    pairs = [(first, first.with_name(first.name.replace("Cycle1", "Cycle2"))) for first in firsts]
    rows = []
    for pair in pairs:
        if pair[1].exists():
            motions = [load_bvh(path, body) for path in pair]
            rows.append([gait_measures(m.joints(np.arange(0.0, m.duration, 1 / RATE)), RATE) for m in motions])
    return np.array(rows)


def simulated_walks(people: int) -> Float64Array:
    """(N, 2, M) measures of the twin's people, all on one body too."""
    body = sample_person(POPULATION_SEED)
    rows = []
    for seed in range(POPULATION_SEED, POPULATION_SEED + people):
        person = sample_person(seed)
        walks = [Walk(person, straight((0.0, 0.0), (9.0, 0.0)), take) for take in range(2)]
        time = np.arange(0.0, SECONDS, 1 / RATE)
        rows.append([gait_measures(walk.joints(time) * body.stature / person.stature, RATE) for walk in walks])
    return np.array(rows)


def spread_of(values: Float64Array) -> tuple[float, float, float]:
    """Mean, deviation between people and from walk to walk, of one measure (N, 2)."""
    spread = fit_spread(values[..., None])
    return float(spread.mean[0]), float(np.sqrt(spread.between[0, 0])), float(np.sqrt(spread.within[0, 0]))


def leave_one_out(values: Float64Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks of the true person and who it is, each walk of each person (N, 2, M) once the query.

    The spread is fitted without the query's person: the model has never seen who is asked for.
    """
    known = np.isfinite(values).all(axis=(1, 2))
    values = values[known]
    ranks, truth = [], []
    for person in range(len(values)):
        spread = fit_spread(np.delete(values, person, axis=0))
        for query in range(2):
            scores = log_likelihood_ratios(values[None, person, query], values[:, 1 - query, None], spread)
            ranks.append(ranks_of_truth(scores, np.array([person])))
            truth.append(person)
    return np.concatenate(ranks), np.array(truth)


if __name__ == "__main__":
    main()
