"""What a network makes of an activity that it never learnt.

    .venv/bin/python benchmarks/unknown_activity.py [--config mra_net_walking] [--steps 400] [ACTIVITY ...]

For each activity of the data of a configuration a network learns all others, from the training part of the fold, and
is then asked about takes of its test part: of what it learnt, and of what it did not. "None of these" should be likely
for the second and unlikely for the first (area under the ROC). The gate of `reid` stops what is taken for something
else than walking, and leaves to the speed what is taken for walking or for nothing known. What was trained is kept: the
command can be interrupted and goes on.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from mission_core.data.doppler_windows import LabelledMaps
from mission_core.metrics import area_under_roc
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.mra_net.network import ACTIVITY
from mission_core.models.mra_net.training import Parts, RecognitionTask, load_maps, load_recognizer, parts_of, told_of
from mission_core.models.reid.gate import MOST, WALK
from mission_core.models.training import load_config
from mission_core.paths import share_directory
from mission_core.train import Trainer

console = Console(stderr=True)


def main() -> None:
    """Trains what is not trained yet, prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("activities", nargs="*", help="to leave out, one at a time (default: each)")
    parser.add_argument("--config", default="mra_net_walking", help="of config/train (%(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="of each training (%(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("runs/unknown"), help="directory of the runs (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate what is missing (%(default)s)")
    options = parser.parse_args()
    config = load_config(share_directory() / "config" / "train" / f"{options.config}.yaml")
    assert isinstance(config, RecognitionTraining)
    config = replace(config, tasks="activity", steps=options.steps, validate_every=options.steps // 4)
    maps = load_maps(config, options.workers)
    parts = parts_of(config, maps)
    print("| left out | AUROC of none of these | told as none | passes the gate | mostly taken for |")
    print("|---|---|---|---|---|")
    for activity in options.activities or maps.activities:
        console.print(f"[bold]without {activity}")
        print(row(activity, parts, replace(config, name=f"{config.name}_without_{activity}"), options.runs), flush=True)


def row(activity: str, parts: Parts, config: RecognitionTraining, runs: Path) -> str:
    """Trains without an activity, and asks about it."""
    known = Parts(*(without(part, activity) for part in (parts.train, parts.validation, parts.test)))
    directory = runs / config.name
    torch.manual_seed(config.seed)
    Trainer(RecognitionTask(config, known), config, directory).run()
    network = load_recognizer(config, known.train, directory)
    asked = parts.test.subset(parts.test.activity == parts.test.activities.index(activity))
    names = known.train.activities
    of_known, of_other = (told_of(network, part.maps)[ACTIVITY] for part in (known.test, asked))
    none = len(names)
    taken = np.bincount(of_other.argmax(axis=1), minlength=none + 1) / len(of_other)
    otherwise = of_other[:, :none].sum(axis=1) - (of_other[:, names.index(WALK)] if WALK in names else 0.0)
    passes = float((otherwise <= MOST).mean())
    most = int(taken[:none].argmax())
    area = area_under_roc(of_other[:, none].astype(float), of_known[:, none].astype(float))
    return f"| {activity} | {area:.3f} | {taken[none]:.1%} | {passes:.1%} | {names[most]} ({taken[most]:.1%}) |"


def without(maps: LabelledMaps, activity: str) -> LabelledMaps:
    """All that is something else, as if there were no such activity."""
    gone = maps.activities.index(activity)
    rest = maps.subset(maps.activity != gone)
    names = tuple(name for name in maps.activities if name != activity)
    return replace(rest, activity=rest.activity - (rest.activity > gone), activities=names)


if __name__ == "__main__":
    main()
