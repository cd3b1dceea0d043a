"""Every method of the comparison, trained and evaluated alike: the table, and the curves it is made of.

    .venv/bin/python benchmarks/comparison.py [--seeds 3] [--runs runs] [--dataset walkers58] [METHOD ...]

Trains each method of `config/train/*_small.yaml` and `config/train/compare/` (seed by seed, the picture network once
for all), exports it, evaluates it on the data set by the protocols of PROTOCOLS, and prints the table. What is done is
kept in `--runs` and not done again: the command can be interrupted at any time and goes on where it was. HEADLINE
methods are trained with as many seeds as asked for, the others with the first.

Model selection and calibration see validation people only; the data set is opened once for each trained model.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from mission_core.data.shards import DataSet, open_dataset
from mission_core.evaluation.evaluate import evaluate
from mission_core.evaluation.reports import report
from mission_core.models.export import write_run
from mission_core.models.learning import MatchingTraining
from mission_core.models.reid.model import ReidModel
from mission_core.models.training import is_model, load_config, train
from mission_core.paths import share_directory

HEADLINE = ("gait_small", "mission_small")
"""Methods that are trained with several seeds."""
PROTOCOLS = ("closed", "frames", "unseen", "cross-scene", "camera-angle", "radar-angle", "records", "candidates")
MORE = ("multi-person", "open-set", "as-released")
"""Protocols of the HEADLINE methods beside PROTOCOLS."""
SHORT, LONG = "20 frames", "50 frames"
"""Conditions of the protocol `frames` that the table shows; the second of methods that read so much."""

console = Console(stderr=True)


def main() -> None:
    """Does what is not done yet, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names of configurations (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="of the headline methods (3)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="directory of the runs (runs)")
    parser.add_argument("--dataset", default="walkers58", help="to test on (walkers58)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate what is missing (2)")
    options = parser.parse_args()
    takes = open_dataset(options.dataset)
    jobs = list(jobs_of(configurations(options.methods), options.seeds))
    began, done = time.monotonic(), 0
    for number, config in enumerate(jobs, start=1):
        directory = options.runs / config.name
        path = directory / f"{takes.directory.name}.json"
        if path.exists():
            continue
        left = f", {(time.monotonic() - began) / done * (len(jobs) - number + 1) / 60:.0f} min left" if done else ""
        console.print(f"[bold]{config.name}: {number} of {len(jobs)}{left}")
        write_results(path, results(config, directory, takes, options.workers))
        done += 1
    print(table([json.loads((options.runs / job.name / f"{takes.directory.name}.json").read_text()) for job in jobs]))


def configurations(wanted: Sequence[str]) -> dict[str, MatchingTraining]:
    """Settings by the name of their file, those that match."""
    below = share_directory() / "config" / "train"
    paths = {path.stem: path for path in (*sorted(below.glob("*_small.yaml")), *sorted(below.glob("compare/*.yaml")))}
    if unknown := sorted(set(wanted) - set(paths)):
        raise SystemExit(f"there is no configuration {unknown[0]!r}, expected one of {', '.join(paths)}")
    loaded = {name: load_config(path) for name, path in paths.items() if not wanted or name in wanted}
    return {
        name: config for name, config in loaded.items() if isinstance(config, MatchingTraining) and is_model(config)
    }


def jobs_of(configs: dict[str, MatchingTraining], seeds: int) -> Iterator[MatchingTraining]:
    """All with the first seed, then the headline methods with the others."""
    for seed in range(seeds):
        for name, config in configs.items():
            if seed == 0 or name in HEADLINE:
                yield replace(config, seed=seed, name=name if seed == config.seed else f"{name}-{seed}")


def results(config: MatchingTraining, directory: Path, takes: DataSet, workers: int) -> dict[str, Any]:
    """Trains, exports and evaluates one method with one seed."""
    began = time.monotonic()
    train(config, directory, workers)
    minutes = (time.monotonic() - began) / 60
    model = write_run(directory, directory / "model")
    base = config.name.removesuffix(f"-{config.seed}")
    protocols = PROTOCOLS + (MORE if base in HEADLINE else ())
    return {
        "method": base,
        "seed": config.seed,
        "minutes_of_this_call": minutes,
        "parameters": learnt_parameters(model),
        "validation": model.card["validation"],
        "protocols": {name: outcome(takes, model, name) for name in protocols},
    }


def outcome(takes: DataSet, model: ReidModel, protocol: str) -> dict[str, Any]:
    """What a protocol found."""
    console.print(f"evaluating {model.name}: {protocol}")
    return report(evaluate(takes, model, protocol))


def learnt_parameters(model: ReidModel) -> int:
    """Parameters beside those of the picture network, which all share."""
    return int(model.card["parameters"]) - int(model.card["parameters_of_pictures"])


def write_results(path: Path, content: dict[str, Any]) -> None:
    """In one step, so that what is there is whole."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.replace(path)


def table(found: list[dict[str, Any]]) -> str:
    """One row a method, in Markdown; of several seeds their mean and range."""
    rows = [
        "| method | seeds | parameters | validation mAP | 2 s: top-1 | top-5 | 5 s: top-1 | top-5 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(each["method"] for each in found):
        own = [each for each in found if each["method"] == method]
        short, long = ([condition(each, label) for each in own] for label in (SHORT, LONG))
        cells = [
            method,
            str(len(own)),
            f"{own[0]['parameters']:,}",
            spread([each["validation"]["mAP"] for each in own]),
            *(spread_of(rows_of, k) if None not in rows_of else "" for rows_of in (short, long) for k in ("1", "5")),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    chance = (condition(found[0], SHORT) or {})["chance"]["cmc"]
    return "\n".join([*rows, f"\nChance: {chance['1']:.1%} top-1, {chance['5']:.1%} top-5."])


def condition(result: dict[str, Any], label: str) -> dict[str, Any] | None:
    """A condition of the protocol `frames`; None where the method reads no queries of that length."""
    rows = result["protocols"]["frames"]["conditions"]
    return next((row for row in rows if row["condition"] == label), None)


def spread_of(rows: list[dict[str, Any]], k: str) -> str:
    """CMC at k: of one seed with its interval over people, of several their mean and range."""
    if len(rows) > 1:
        return spread([row["cmc"][k]["value"] for row in rows])
    only = rows[0]["cmc"][k]
    return f"{only['value']:.1%} ({100 * only['low']:.0f} – {100 * only['high']:.0f})"


def spread(values: list[float]) -> str:
    """Mean, and range where there are several."""
    mean = f"{np.mean(values):.1%}"
    return mean if len(values) == 1 else f"{mean} [{100 * min(values):.1f} – {100 * max(values):.1f}]"


if __name__ == "__main__":
    main()
