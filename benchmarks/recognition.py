"""MRA-Net and the networks it is compared with: activity and identity, by cross validation.

    [MISSION_DATA=DIR] .venv/bin/python benchmarks/recognition.py activity6|radhar [--folds N] [--images DIR] [ROW ...]

`activity6`: simulated, six people and five activities, spectrograms; the rows are those of the paper's tables 4 to 6
(Remote Sensing 2019, 11, 2584), its compared systems, and folds by window to tell how much they leak. `radhar`: real
recordings of five activities (MISSION_DATA), Doppler-time maps of points, by sittings and by the authors' own split.

Each row is trained with the settings of config/train/mra_net_small.yaml or radhar_small.yaml but for what its name
says, fold by fold; a tenth of what is learnt from selects the weights, and the fold is tested with once. The command
can be interrupted and goes on where it was; what was found lies in `results/` beside this file, a file a row and fold.
`--show` does nothing but print and draw, `--times` measures what a step of each row of table 6 takes.
"""

import argparse
import functools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recognition_tables import RATIO_EDGES, figures, tables
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mission_core.data.doppler_windows import LabelledMaps
from mission_core.evaluation.recognition import Recognition
from mission_core.models.mra_net.configuration import MraNetConfig, RecognitionTraining
from mission_core.models.mra_net.network import ACTIVITY, IDENTITY, LOSS_WEIGHTS
from mission_core.models.mra_net.training import (
    Parts,
    RecognitionTask,
    load_maps,
    load_recognizer,
    parts_of,
    recognition,
    recognizer,
    told_of,
)
from mission_core.models.training import load_config
from mission_core.paths import share_directory
from mission_core.train import Trainer
from mission_core.types import Float32Array

RESULTS = Path(__file__).resolve().parent / "results" / "recognition"
LINEAR = "linear"
"""Logistic regression on the mean, spread and maximum of every velocity: what needs no network."""
SINGLE = {
    **{"kim_moon": "activity", "autoencoder": "activity", "lstm": "activity"},
    **{"vandersmissen": "identity", "cao": "identity"},
}
"""Compared systems that tell one thing, and what."""
ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "coarse": {"scales": "coarse", "attention": False},
    "fine": {"scales": "fine", "attention": False},
    "both_scales": {"attention": False},
    "coarse_attention": {"scales": "coarse"},
    "fine_attention": {"scales": "fine"},
    "mra_net": {},
}
"""Shapes of table 6, in its order."""
RATIOS = {"ratio_2_3": 2 / 3, "ratio_3_4": 3 / 4, "ratio_11_14": 11 / 14, "ratio_12_13": 12 / 13, "ratio_1": 1.0}
ROWS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "activity6": {
        "mra_net": {},
        "activity_only": {"tasks": "activity"},
        "identity_only": {"tasks": "identity"},
        **{name: {"weighting": ratio} for name, ratio in RATIOS.items()},
        "as_printed": {"weighting": "as_printed"},
        **{name: {"network": shape} for name, shape in ABLATIONS.items() if shape},
        **{name: {"trunk": name, "tasks": tasks} for name, tasks in SINGLE.items()},
        "jmi_cnn": {"trunk": "jmi_cnn", "weighting": 1.0},
        LINEAR: {},
        "by_window": {"split": "window"},
    },
    "radhar": {
        **{name: {"trunk": name} for name in ("mra_net", "jmi_cnn", *SINGLE)},
        "mra_net_worse": {"kept": (0.5, 0.25, 0.1), "lost": (0.1, 0.25, 0.5)},
        LINEAR: {},
        **{f"{name}_authors": {"trunk": name, "split": "authors"} for name in ("mra_net", "jmi_cnn", *SINGLE)},
        f"{LINEAR}_authors": {"split": "authors"},
    },
}
"""What each row changes of the settings."""
SETTINGS = {"activity6": "mra_net_small", "radhar": "radhar_small"}
DISTURBED = ("mra_net", "jmi_cnn", "mra_net_worse")
"""Rows that are tested under noise, or with less of the frames and points, as well."""
SNRS_DB = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
LOSSES = {"keep": (0.5, 0.25, 0.1), "drop": (0.1, 0.25, 0.5)}
"""Share of the points that is left, share of the frames that is lost."""

console = Console(stderr=True)


@dataclass(frozen=True)
class Job:
    """One fold of a row.

    Attributes:
        row: its name.
        config: of its training.
        directory: of its run.
        results: file of what was found.
    """

    row: str
    config: RecognitionTraining
    directory: Path
    results: Path

    @property
    def linear(self) -> bool:
        """Whether it needs no training."""
        return self.row.removesuffix("_authors") == LINEAR

    def found(self) -> dict[str, Any]:
        """What was found; empty where nothing was."""
        return json.loads(self.results.read_text()) if self.results.is_file() else {}


def main() -> None:
    """Does what is not done yet, prints the tables and draws the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=sorted(ROWS))
    parser.add_argument("rows", nargs="*", help="names of rows (default: all)")
    parser.add_argument("--folds", type=int, default=None, help="how many of the folds (default: all)")
    parser.add_argument("--runs", type=Path, default=Path("runs/recognition"), help="directory of the runs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory of what was found (results/ here)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate what is missing (2)")
    parser.add_argument("--images", type=Path, help="directory to draw the figures into")
    parser.add_argument("--show", action="store_true", help="show what is there, and do nothing more")
    parser.add_argument("--times", action="store_true", help="measure what a step of each row of table 6 takes")
    options = parser.parse_args()
    if options.times:
        print(step_times(base_of(options.data)))
        return
    jobs = list(jobs_of(options.data, options.rows, options.folds, options.runs, options.results))
    if not options.show:
        work(jobs, options.workers)
    found: dict[str, list[dict[str, Any]]] = {}
    for job in jobs:
        if one := job.found():
            found.setdefault(job.row, []).append(one)
    print(tables(options.data, found))
    if options.images is not None:
        options.images.mkdir(parents=True, exist_ok=True)
        for name, figure in figures(options.data, found).items():
            figure.savefig(options.images / f"recognition_{options.data}_{name}.png", dpi=110)


def base_of(data: str) -> RecognitionTraining:
    """Settings that all rows share."""
    config = load_config(share_directory() / "config" / "train" / f"{SETTINGS[data]}.yaml")
    assert isinstance(config, RecognitionTraining)
    return config


def jobs_of(data: str, wanted: Sequence[str], folds: int | None, runs: Path, results: Path) -> Iterator[Job]:
    """All rows with their first fold, then with their second, and so on; the authors' split has one."""
    rows, base = ROWS[data], base_of(data)
    if unknown := sorted(set(wanted) - set(rows)):
        raise SystemExit(f"there is no row {unknown[0]!r}, expected one of {', '.join(rows)}")
    for fold in range(base.folds if folds is None else folds):
        for row, changes in rows.items():
            if (wanted and row not in wanted) or (fold and changes.get("split") == "authors"):
                continue
            name = f"{data}-{row}-{fold}"
            config = configured(base, {**changes, "name": name, "fold": fold})
            yield Job(row, config, runs / name, results / f"{name}.json")


def configured(base: RecognitionTraining, changes: Mapping[str, Any]) -> RecognitionTraining:
    """Settings with some changed; those of the network one by one."""
    shape = changes.get("network", {})
    network: MraNetConfig = replace(base.network, **shape)
    return replace(base, **{**changes, "network": network})


def work(jobs: Sequence[Job], workers: int) -> None:
    """Trains and tests what is not tested yet."""
    began, left = time.monotonic(), [job for job in jobs if not job.found()]
    for done, job in enumerate(left):
        rest = f", {(time.monotonic() - began) / done * (len(left) - done) / 60:.0f} min left" if done else ""
        console.print(f"[bold]{job.config.name}: {len(jobs) - len(left) + done + 1} of {len(jobs)}{rest}")
        maps = all_maps(job.config, workers)
        found = linear(parts_of(job.config, maps)) if job.linear else trained(job, maps)
        job.results.parent.mkdir(parents=True, exist_ok=True)
        partial = job.results.with_suffix(".partial")
        partial.write_text(json.dumps(found, indent=1) + "\n")
        partial.replace(job.results)


def all_maps(config: RecognitionTraining, workers: int) -> LabelledMaps:
    """The windows that all rows share."""
    return _maps(config.data, workers)


@functools.cache
def _maps(data: str, workers: int, **disturbed: float) -> LabelledMaps:
    return load_maps(base_of(data), workers, **disturbed)


def trained(job: Job, maps: LabelledMaps) -> dict[str, Any]:
    """Trains a fold, or goes on with it, and tests it."""
    config = job.config
    losses = zip(config.kept, config.lost, strict=True)
    parts = parts_of(config, maps, [_maps(config.data, 1, keep=keep, drop=drop) for keep, drop in losses])
    torch.manual_seed(config.seed)
    Trainer(RecognitionTask(config, parts), config, job.directory).run()
    network = load_recognizer(config, maps, job.directory)
    found = {
        "parameters": sum(each.numel() for each in network.parameters()),
        **told(recognition(network, parts.test), parts),
    }
    weights = told_of(network, parts.test.maps).get(LOSS_WEIGHTS)
    if weights is not None:
        least = weights.min(axis=1)
        found["ratios"] = np.histogram((2.0 + least) / (3.0 - least), RATIO_EDGES)[0].tolist()
    if job.row in DISTURBED:
        found["disturbed"] = dict(disturbances(job, network))
    return found


def disturbances(job: Job, network: torch.nn.Module) -> Iterator[tuple[str, dict[str, float]]]:
    """F1 by task of the same windows with noise, or with less in them."""
    conditions = [("snr_db", snr) for snr in SNRS_DB]
    if job.config.data == "radhar":
        conditions = [(name, share) for name, shares in LOSSES.items() for share in shares]
    for name, value in conditions:
        test = parts_of(job.config, _maps(job.config.data, 1, **{name: value})).test
        yield f"{name}={value:g}", {task: round(100 * each.f1, 2) for task, each in recognition(network, test).items()}


def linear(parts: Parts) -> dict[str, Any]:
    """What logistic regression tells, by task."""
    learn, test = (np.concatenate([statistics(p.maps) for p in some]) for some in ((parts.train,), (parts.test,)))
    found = {}
    for task in (ACTIVITY, IDENTITY):
        truth, tested, names = (
            (parts.train.activity, parts.test.activity, parts.test.activities)
            if task == ACTIVITY
            else (parts.train.person, parts.test.person, parts.test.people)
        )
        if names:
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(learn, truth)
            found[task] = Recognition(model.predict_proba(test), tested, names)
    return told(found, parts)


def statistics(maps: Float32Array) -> Float32Array:
    """(N, 3 H) mean, standard deviation and maximum over time of every velocity."""
    return np.concatenate([maps.mean(axis=2), maps.std(axis=2), maps.max(axis=2)], axis=1)


def told(found: Mapping[str, Recognition], parts: Parts) -> dict[str, Any]:
    """Figures as they are kept."""
    kept: dict[str, Any] = {
        "windows": {name: len(getattr(parts, name)) for name in ("train", "validation", "test")},
        "tasks": {
            task: {**each.summary(), "names": each.names, "confusion": np.round(each.confusion(), 4).tolist()}
            for task, each in found.items()
        },
    }
    if IDENTITY in found:
        kept["identity_f1_by_activity"] = {
            name: round(100 * found[IDENTITY].where(parts.test.activity == index).f1, 2)
            for index, name in enumerate(parts.test.activities)
        }
    return kept


def step_times(base: RecognitionTraining, rounds: int = 5) -> str:
    """CPU time of a training step of each row of table 6, medians of rounds that take turns, beside the first row."""
    generator = torch.Generator().manual_seed(0)
    maps = -60.0 * torch.rand(base.batch, *base.maps.size, generator=generator)
    none = np.zeros(1, np.int64)
    names = LabelledMaps(none, none, none, none.astype(str), none > 0, ("",) * 5, ("",) * 6)  # type: ignore[arg-type]
    networks = {
        row: recognizer(configured(base, {"network": shape}), names).train() for row, shape in ABLATIONS.items()
    }
    spent: dict[str, list[float]] = {row: [] for row in networks}
    for _ in range(rounds + 1):
        for row, network in networks.items():
            began = time.process_time()
            sum(logits.logsumexp(dim=1).sum() for logits in network(maps).values()).backward()
            spent[row].append(time.process_time() - began)
    medians = {row: float(np.median(values[1:])) for row, values in spent.items()}
    first = next(iter(medians.values()))
    lines = ["| row | CPU time of a step [s] | beside the first | parameters |", "|---|---|---|---|"]
    for row, median in medians.items():
        count = sum(each.numel() for each in networks[row].parameters())
        lines.append(f"| {row} | {median:.2f} | {100 * (median / first - 1):+.0f} % | {count:,} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
