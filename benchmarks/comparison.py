"""Every method of the comparison, trained and evaluated alike: the tables, and the figures they are made of.

    [MISSION_DATA=DIR] .venv/bin/python benchmarks/comparison.py [--seeds 3] [--images DIR] [METHOD ...]

Trains each method of `config/train/*_small.yaml` and `config/train/compare/` (seed by seed, the picture network once
for all), exports it, evaluates it on `walkers58` by the protocols of EVALUATED with queries of SECONDS at most, and on
`mocap35` where its captured clips are, and prints what is there of all. People, walks, pictures and results are made
once and kept: the command can be interrupted at any time and goes on where it was. HEADLINE methods are trained with as
many seeds as asked for, the others with the first. `--show` does nothing but print and draw.

Model selection and calibration see validation people only; test people are seen by trained models only.
"""

import argparse
import functools
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
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
from mission_core.models.card import CARD
from mission_core.models.export import write_run
from mission_core.models.learning import MatchingTraining
from mission_core.models.pictures.training import load_pictures
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.processing import RadarClip
from mission_core.models.training import is_model, load_config, network_of, train
from mission_core.paths import share_directory
from mission_core.train import restore
from mission_core.types import Float32Array, Snippet

HEADLINE = ("gait_small", "mission_small")
"""Methods that are trained with several seeds."""
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


@dataclass(frozen=True)
class Job:
    """A method with a seed.

    Attributes:
        config: of its training.
        method: name of its settings.
        directory: of its run.
    """

    config: MatchingTraining
    method: str
    directory: Path

    def tests(self) -> dict[Path, Plan]:
        """What is evaluated on which data: the file that keeps the report of a protocol, and the plan of the data."""
        people, captured = plans(self.config.data.frame_rate)
        asked = dict.fromkeys(self._protocols(), people)
        if is_model(self.config) and captured is not None:
            asked["walks"] = captured
        return {self.directory / plan[0].directory(Path()) / f"{name}.json": plan for name, plan in asked.items()}

    def _protocols(self) -> tuple[str, ...]:
        """Of the test people; joints only, of a method that tells nothing else."""
        if not is_model(self.config):
            return ("joints",)
        headline = ("open-set",) if self.method in HEADLINE else ()
        return (*EVALUATED, *headline, *(("as-released",) if self.config.method == "mission" else ()))

    def left(self) -> dict[Path, Plan]:
        """What was not evaluated yet."""
        return {path: plan for path, plan in self.tests().items() if not path.is_file()}

    def found(self) -> Found:
        """What was evaluated so far."""
        card = self.directory / "model" / CARD
        return Found(
            self.config.name,
            yaml.safe_load(card.read_text()) if card.is_file() else None,
            {path.stem: json.loads(path.read_text()) for path in self.tests() if path.is_file()},
        )


def main() -> None:
    """Does what is not done yet, prints the tables and draws the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names of configurations (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="of the headline methods (3)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="directory of the runs (runs)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate what is missing (2)")
    parser.add_argument("--images", type=Path, help="directory to draw the figures into")
    parser.add_argument("--show", action="store_true", help="show what is there, and do nothing more")
    options = parser.parse_args()
    jobs = list(jobs_of(configurations(options.methods), options.seeds, options.runs))
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


def jobs_of(configs: Mapping[str, MatchingTraining], seeds: int, runs: Path) -> Iterator[Job]:
    """All with the first seed, then the headline methods with the others."""
    for seed in range(seeds):
        for name, config in configs.items():
            if seed == 0 or name in HEADLINE:
                own = name if seed == config.seed else f"{name}-{seed}"
                yield Job(replace(config, seed=seed, name=own), name, runs / own)


def work(jobs: Sequence[Job], workers: int) -> None:
    """Trains and evaluates what is not trained and evaluated yet."""
    began = time.monotonic()
    left = [job for job in jobs if job.left()]
    for done, job in enumerate(left):
        rest = f", {(time.monotonic() - began) / done * (len(left) - done) / 60:.0f} min left" if done else ""
        console.print(f"[bold]{job.config.name}: {len(jobs) - len(left) + done + 1} of {len(jobs)}{rest}")
        model = trained(job, workers)
        by_data: dict[Path, list[Path]] = {}
        for path in job.left():
            by_data.setdefault(path.parent, []).append(path)
        for paths in by_data.values():
            takes = build(*job.tests()[paths[0]], default_root(), workers=workers)
            paths[0].parent.mkdir(parents=True, exist_ok=True)
            if model is None:
                keep(paths[0], asdict(told_joints(job, takes)))
            else:
                evaluate_model(model, takes, paths)


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


def evaluate_model(model: ReidModel, takes: DataSet, paths: Sequence[Path]) -> None:
    """Evaluates by the protocols that files of reports are named after."""
    brief, whole = Clips(takes, model, SECONDS), Clips(takes, model)
    for path in paths:
        console.print(f"evaluating {model.name}: {path.stem}")
        keep(path, report(evaluate(whole if path.stem == "frames" else brief, path.stem)))


def keep(path: Path, content: Mapping[str, Any]) -> None:
    """Writes what was found, in one step, so that what is there is whole."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content))
    partial.replace(path)


@torch.inference_mode()
def told_joints(job: Job, takes: DataSet) -> Any:
    """Errors of a network that tells joints and matches nobody, on the clips of the protocol `closed`."""
    pictures = load_pictures(job.config.pictures, job.directory.parent / job.config.pictures.name)
    network, path = network_of(job.config, pictures), job.directory / "best.pt"
    restore(network, torch.load(path, map_location="cpu", weights_only=True)["network"], path)
    network.eval()

    def tell(
        clips: Sequence[RadarClip], snippets: Sequence[Snippet]
    ) -> tuple[Float32Array | None, Float32Array | None]:
        if isinstance(network, RadarPose):
            points, present, _, motion = stacked(clips)
            return network(points, present, motion).numpy(), None
        assert isinstance(network, CameraPose)
        crops, geometry = (torch.from_numpy(np.stack([getattr(s, n) for s in snippets])) for n in ("crops", "geometry"))
        seen = pictures(crops.flatten(0, 1), geometry.flatten(0, 1)).unflatten(0, crops.shape[:2])
        return None, network(seen, geometry).numpy()

    (closed,) = conditions("closed", Given(takes.infos, 0, SECONDS))
    return joint_errors(
        joint_pairs(takes, closed, (network.num_frames, network.num_points), SNIPPET_RATE, SECONDS), tell
    )


if __name__ == "__main__":
    main()
