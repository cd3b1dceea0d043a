"""Every method of the comparison, trained and evaluated alike: the tables, and the figures they are made of.

    [MISSION_DATA=DIR] .venv/bin/python benchmarks/comparison.py [--seeds 3] [--images DIR] [METHOD ...]

Trains each method of `config/train/*_small.yaml` and `config/train/compare/` (seed by seed, the picture network once
for all), exports it, evaluates it on `walkers58` by the protocols of EVALUATED with queries of SECONDS at most, and on
`mocap35` where its captured clips are, and prints what is there of all. People, walks, pictures and networks are made
once and kept: the command can be interrupted at any time and goes on where it was. What was found lies in `results/`
beside this file, in version control: a row of the table is made once, on any machine. HEADLINE methods are trained with
as many seeds as asked for, the others with the first. `--show` does nothing but print and draw.

Model selection and calibration see validation people only; test people are seen by trained models only.
"""

import argparse
import functools
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from comparison_tables import SECONDS, Found, figures, tables
from rich.console import Console

from mission_core.camera.snippet import SNIPPET_RATE
from mission_core.data.sets import Plan, mocap35, walkers58
from mission_core.data.shards import DataSet, build, default_root
from mission_core.data.walks import settings, stacked
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.evaluate import evaluate
from mission_core.evaluation.joints import joint_errors, joint_pairs
from mission_core.evaluation.protocols import Given, conditions
from mission_core.evaluation.reports import report
from mission_core.models.baselines.pose_network import CameraPose, RadarPose
from mission_core.models.card import CARD, read_card
from mission_core.models.export import write_run
from mission_core.models.learning import MatchingTraining
from mission_core.models.pictures.training import load_pictures
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.processing import RadarClip
from mission_core.models.training import is_model, load_config, network_of, train
from mission_core.paths import share_directory
from mission_core.train import restore
from mission_core.types import Float32Array, Snippet

RESULTS = Path(__file__).resolve().parent / "results"
"""What was found, a file for each method and seed."""
HEADLINE = ("gait_alike", "mission_small")
"""Methods that are trained with several seeds: ours and the paper's, of the same data."""
EVALUATED = (
    *("closed", "frames", "unseen", "cross-scene", "multi-person"),
    *("camera-angle", "radar-angle", "records", "candidates"),
)
"""Protocols of all methods that match."""
CLIPS = Path(os.environ.get("MISSION_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")) / "shum_gait_bvh"
"""Captured walks that `mocap35` is made of; research only."""

console = Console(stderr=True)


@functools.cache
def plans(rate: float) -> tuple[Plan, Plan | None]:
    """Of `walkers58` at a frame rate of the radar [Hz], and of `mocap35` where its clips are."""
    return walkers58(settings(rate)), mocap35(settings(rate), CLIPS) if CLIPS.is_dir() else None


Card: TypeAlias = Mapping[str, Any] | None
"""Of a model; None of a network that matches nobody."""
Reports: TypeAlias = Iterable[tuple[str, Mapping[str, Any]]]
"""By the name of the protocol."""


@dataclass(frozen=True)
class Job:
    """A method with a seed.

    Attributes:
        config: of its training.
        method: name of its settings.
        directory: of its run.
        results: file of what was found.
    """

    config: MatchingTraining
    method: str
    directory: Path
    results: Path

    def tests(self) -> dict[str, Plan]:
        """The protocols to evaluate by, and the plan of the data of each."""
        people, captured = plans(self.config.data.frame_rate)
        if not is_model(self.config):
            return {"joints": people}
        headline = ("open-set",) if self.method in HEADLINE else ()
        released = ("as-released",) if self.config.method == "mission" else ()
        asked = dict.fromkeys((*EVALUATED, *headline, *released), people)
        return asked if captured is None else asked | {"walks": captured}

    def left(self) -> dict[str, Plan]:
        """What was not evaluated yet, or on other data."""
        found = self.found().results
        return {name: plan for name, plan in self.tests().items() if found.get(name, {}).get("data") != data_of(plan)}

    def found(self) -> Found:
        """What was evaluated so far."""
        kept = json.loads(self.results.read_text()) if self.results.is_file() else {"card": None, "results": {}}
        return Found(self.config.name, kept["card"], kept["results"])

    def keep(self, card: Card, results: Mapping[str, Any]) -> None:
        """Writes what was found of the model with a card, in one step, so that the file is whole."""
        self.results.parent.mkdir(parents=True, exist_ok=True)
        partial = self.results.with_suffix(".partial")
        partial.write_text(json.dumps({"card": card, "results": results}, indent=1) + "\n")
        partial.replace(self.results)


def data_of(plan: Plan) -> str:
    """Name of the data set of a plan, which tells what it was made with."""
    return plan[0].directory(Path()).name


def main() -> None:
    """Does what is not done yet, prints the tables and draws the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names of configurations (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="of the headline methods (3)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="directory of the runs (runs)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory of what was found (results/ here)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate what is missing (2)")
    parser.add_argument("--images", type=Path, help="directory to draw the figures into")
    parser.add_argument("--show", action="store_true", help="show what is there, and do nothing more")
    options = parser.parse_args()
    jobs = list(jobs_of(configurations(options.methods), options.seeds, options.runs, options.results))
    if not CLIPS.is_dir():
        console.print(f"mocap35 is left out: there are no captured walks at {CLIPS}; MISSION_DATA says where they are")
    if not options.show:
        work(jobs, options.workers)
    methods: dict[str, list[Found]] = {}
    for job in jobs:
        if (found := job.found()).results:
            methods.setdefault(job.method, []).append(found)
    print(tables(methods))
    if options.images is not None:
        options.images.mkdir(parents=True, exist_ok=True)
        for name, figure in figures(methods).items():
            figure.savefig(options.images / f"comparison_{name}.png", dpi=110)


def configurations(wanted: Sequence[str]) -> dict[str, MatchingTraining]:
    """Settings by the name of their file, those that match."""
    below = share_directory() / "config" / "train"
    paths = {path.stem: path for path in (*sorted(below.glob("*_small.yaml")), *sorted(below.glob("compare/*.yaml")))}
    if unknown := sorted(set(wanted) - set(paths)):
        raise SystemExit(f"there is no configuration {unknown[0]!r}, expected one of {', '.join(paths)}")
    loaded = {name: load_config(path) for name, path in paths.items() if not wanted or name in wanted}
    return {name: config for name, config in loaded.items() if isinstance(config, MatchingTraining)}


def jobs_of(configs: Mapping[str, MatchingTraining], seeds: int, runs: Path, results: Path) -> Iterator[Job]:
    """All with the first seed, then the headline methods with the others."""
    for seed in range(seeds):
        for name, config in configs.items():
            if seed == 0 or name in HEADLINE:
                own = name if seed == config.seed else f"{name}-{seed}"
                yield Job(replace(config, seed=seed, name=own), name, runs / own, results / f"{own}.json")


def work(jobs: Sequence[Job], workers: int) -> None:
    """Trains and evaluates what is not trained and evaluated yet."""
    began = time.monotonic()
    left = [job for job in jobs if job.left()]
    for done, job in enumerate(left):
        rest = f", {(time.monotonic() - began) / done * (len(left) - done) / 60:.0f} min left" if done else ""
        console.print(f"[bold]{job.config.name}: {len(jobs) - len(left) + done + 1} of {len(jobs)}{rest}")
        evaluate_job(job, trained(job, workers), workers)


def evaluate_job(job: Job, model: ReidModel | None, workers: int) -> None:
    """Evaluates what is left of a job; all of it, if what is there was found of other weights."""
    card = None if model is None else read_card(job.directory / "model")
    if job.found().card != card:
        job.keep(card, {})
    by_data: dict[str, list[str]] = {}
    for protocol, plan in job.left().items():
        by_data.setdefault(data_of(plan), []).append(protocol)
    for data, protocols in by_data.items():
        takes = build(*job.tests()[protocols[0]], default_root(), workers=workers)
        reports = told_joints(job, takes) if model is None else evaluations(model, takes, protocols)
        for protocol, found in reports:
            job.keep(card, {**job.found().results, protocol: {"data": data, **found}})


def trained(job: Job, workers: int) -> ReidModel | None:
    """The exported model of a job; None where there is none, but a trained network only."""
    directory = job.directory / "model"
    if not is_model(job.config):
        train(job.config, job.directory, workers)
        return None
    if not (directory / CARD).is_file():
        train(job.config, job.directory, workers)
        return write_run(job.directory, directory)
    return ReidModel.load(directory)


def evaluations(model: ReidModel, takes: DataSet, protocols: Sequence[str]) -> Reports:
    """Reports by protocols, without who is confused with whom."""
    brief, whole = Clips(takes, model, SECONDS), Clips(takes, model)
    for protocol in protocols:
        console.print(f"evaluating {model.name}: {protocol}")
        found = report(evaluate(whole if protocol == "frames" else brief, protocol))
        for condition in found.get("conditions", []):
            del condition["confusions"]
        yield protocol, found


@torch.inference_mode()
def told_joints(job: Job, takes: DataSet) -> Reports:
    """Report of the errors of a network that tells joints and matches nobody, on the clips of the protocol `closed`."""
    pictures = load_pictures(job.config.pictures, job.directory.parent / job.config.pictures.name)
    network, path = network_of(job.config, pictures), job.directory / "best.pt"
    restore(network, torch.load(path, map_location="cpu", weights_only=True)["network"], path)
    assert isinstance(network, RadarPose | CameraPose)
    network.eval()

    def tell(
        clips: Sequence[RadarClip], snippets: Sequence[Snippet]
    ) -> tuple[Float32Array | None, Float32Array | None]:
        if isinstance(network, RadarPose):
            points, present, _, motion = stacked(clips)
            return network(points, present, motion).numpy(), None
        crops, geometry = (torch.from_numpy(np.stack([getattr(s, n) for s in snippets])) for n in ("crops", "geometry"))
        seen = pictures(crops.flatten(0, 1), geometry.flatten(0, 1)).unflatten(0, crops.shape[:2])
        return None, network(seen, geometry).numpy()

    (closed,) = conditions("closed", Given(takes.infos, 0, SECONDS))
    pairs = joint_pairs(takes, closed, (network.num_frames, network.num_points), SNIPPET_RATE, SECONDS)
    return [("joints", asdict(joint_errors(pairs, tell)))]


if __name__ == "__main__":
    main()
