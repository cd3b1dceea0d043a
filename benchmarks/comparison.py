"""Every method of the comparison, trained and evaluated alike: the tables, and the figures they are made of.

    .venv/bin/python benchmarks/comparison.py [--seeds 3] [--dataset walkers58] [--images DIR] [METHOD ...]

Trains each method of `config/train/*_small.yaml` and `config/train/compare/` (seed by seed, the picture network once
for all), exports it, evaluates it on the data set by the protocols of EVALUATED with queries of FRAMES frames at most,
and prints what is there of all. What is done is kept in `--runs` and not done again: the command can be interrupted at
any time and goes on where it was. HEADLINE methods are trained with as many seeds as asked for, the others with the
first. `--show` does nothing but print and draw.

Model selection and calibration see validation people only; the data set is opened for trained models only.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from mission_core.data.shards import DataSet, open_dataset
from mission_core.data.walks import stacked
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.evaluate import evaluate
from mission_core.evaluation.joints import joint_errors, joint_pairs
from mission_core.evaluation.protocols import PROTOCOLS, Given, conditions
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
FRAMES = 20
"""Of the longest queries: the paper's, and all that most methods read."""
EVALUATED = (
    *("closed", "frames", "unseen", "cross-scene", "multi-person"),
    *("camera-angle", "radar-angle", "records", "candidates"),
)
"""Protocols of all methods that match."""
CURVES = ("frames", "camera-angle", "radar-angle", "records", "candidates")
"""Protocols whose conditions are the places of a curve."""

console = Console(stderr=True)


@dataclass(frozen=True)
class Job:
    """A method with a seed.

    Attributes:
        config: of its training.
        method: name of its settings.
        directory: of its run.
        found: where what is evaluated is kept, a file each.
    """

    config: MatchingTraining
    method: str
    directory: Path
    found: Path

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is evaluated; joints only, of a method that tells nothing else."""
        if not is_model(self.config):
            return ("joints",)
        return EVALUATED + (("open-set",) if self.method in HEADLINE else ()) + self._of_pairs

    @property
    def _of_pairs(self) -> tuple[str, ...]:
        return ("as-released",) if self.config.method == "mission" else ()

    def results(self) -> dict[str, Any]:
        """What was found so far, by protocol."""
        paths = {name: self.found / f"{name}.json" for name in self.protocols}
        return {name: json.loads(path.read_text()) for name, path in paths.items() if path.is_file()}

    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.results()) == len(self.protocols)


def main() -> None:
    """Does what is not done yet, prints the tables and draws the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="names of configurations (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="of the headline methods (3)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="directory of the runs (runs)")
    parser.add_argument("--dataset", default="walkers58", help="to test on (walkers58)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate what is missing (2)")
    parser.add_argument("--images", type=Path, help="directory to draw the figures into")
    parser.add_argument("--show", action="store_true", help="show what is there, and do nothing more")
    options = parser.parse_args()
    takes = open_dataset(options.dataset)
    jobs = list(jobs_of(configurations(options.methods), options.seeds, options.runs, takes.directory.name))
    if not options.show:
        work(jobs, takes, options.workers)
    found = {}
    for job in jobs:
        found.setdefault(job.method, []).append(job)
    print(tables(found))
    if options.images is not None:
        options.images.mkdir(parents=True, exist_ok=True)
        for name, figure in figures(found).items():
            figure.savefig(options.images / f"comparison_{name}.png", dpi=110)


# --- what is done -----------------------------------------------------------------------------------------------------


def configurations(wanted: Sequence[str]) -> dict[str, MatchingTraining]:
    """Settings by the name of their file, those that match."""
    below = share_directory() / "config" / "train"
    paths = {path.stem: path for path in (*sorted(below.glob("*_small.yaml")), *sorted(below.glob("compare/*.yaml")))}
    if unknown := sorted(set(wanted) - set(paths)):
        raise SystemExit(f"there is no configuration {unknown[0]!r}, expected one of {', '.join(paths)}")
    loaded = {name: load_config(path) for name, path in paths.items() if not wanted or name in wanted}
    return {name: config for name, config in loaded.items() if isinstance(config, MatchingTraining)}


def jobs_of(configs: Mapping[str, MatchingTraining], seeds: int, runs: Path, dataset: str) -> Iterator[Job]:
    """All with the first seed, then the headline methods with the others."""
    for seed in range(seeds):
        for name, config in configs.items():
            if seed == 0 or name in HEADLINE:
                own = name if seed == config.seed else f"{name}-{seed}"
                yield Job(replace(config, seed=seed, name=own), name, runs / own, runs / own / dataset)


def work(jobs: Sequence[Job], takes: DataSet, workers: int) -> None:
    """Trains and evaluates what is not trained and evaluated yet."""
    began = time.monotonic()
    left = [job for job in jobs if not job.is_done()]
    for done, job in enumerate(left):
        rest = f", {(time.monotonic() - began) / done * (len(left) - done) / 60:.0f} min left" if done else ""
        console.print(f"[bold]{job.config.name}: {len(jobs) - len(left) + done + 1} of {len(jobs)}{rest}")
        job.found.mkdir(parents=True, exist_ok=True)
        if is_model(job.config):
            evaluate_model(job, takes, trained(job, workers))
        else:
            train(job.config, job.directory, workers)
            keep(job, "joints", asdict(told_joints(job, takes)))


def trained(job: Job, workers: int) -> ReidModel:
    """The exported model of a job."""
    directory = job.directory / "model"
    if not (directory / CARD).is_file():
        train(job.config, job.directory, workers)
        return write_run(job.directory, directory)
    return ReidModel.load(directory)


def evaluate_model(job: Job, takes: DataSet, model: ReidModel) -> None:
    """Evaluates by all protocols that were not yet."""
    brief, whole = Clips(takes, model, FRAMES), Clips(takes, model)
    for name in job.protocols:
        if name not in job.results():
            console.print(f"evaluating {model.name}: {name}")
            keep(job, name, report(evaluate(whole if name == "frames" else brief, name)))


def keep(job: Job, name: str, content: Mapping[str, Any]) -> None:
    """Writes what was found, in one step, so that what is there is whole."""
    partial = job.found / f"{name}.partial"
    partial.write_text(json.dumps(content))
    partial.replace(job.found / f"{name}.json")


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

    (closed,) = conditions("closed", Given(takes.infos, 0, FRAMES))
    return joint_errors(joint_pairs(takes, closed, network.num_frames, network.num_points, FRAMES), tell)


# --- what is shown ----------------------------------------------------------------------------------------------------


def tables(found: Mapping[str, Sequence[Job]]) -> str:
    """The methods and their figures, in Markdown; of several seeds their mean and range."""
    matching = {name: jobs for name, jobs in found.items() if is_model(jobs[0].config)}
    parts = [methods_table(matching)]
    if released := [job for jobs in matching.values() for job in jobs if "as-released" in job.results()]:
        parts.append(released_table(released))
    if told := [joints_row(name, jobs) for name, jobs in found.items() if joint_figures(jobs)]:
        parts.append("\n".join(["| average joint error [cm] | radar | camera |", "|---|---|---|", *told]))
    return "\n\n".join(parts)


def methods_table(found: Mapping[str, Sequence[Job]]) -> str:
    """One row a method, and one more where it reads longer queries."""
    columns = (
        "seeds",
        "parameters",
        "validation mAP",
        "top-1",
        "top-5",
        "mAP",
        "control",
        "unseen",
        "scenes",
        "several",
    )
    rows = [f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, jobs in found.items():
        own = [job.results() for job in jobs if job.is_done()]
        if not own:
            continue
        cards = [ReidModel.load(job.directory / "model").card for job in jobs if job.is_done()]
        learnt = int(cards[0]["parameters"]) - int(cards[0]["parameters_of_pictures"])
        closed = [each["closed"]["conditions"][0] for each in own]
        validation = over_seeds([100 * card["validation"]["mAP"] for card in cards])
        scenes = [np.mean([c["cmc"]["1"]["value"] for c in each["cross-scene"]["conditions"]]) for each in own]
        more = [
            spread([each["unseen"]["conditions"][0]["cmc"]["1"] for each in own]),
            over_seeds([100 * float(scene) for scene in scenes]),
            spread([each["multi-person"]["conditions"][0]["cmc"]["1"] for each in own]),
        ]
        rows.append(row(name, str(len(own)), f"{learnt:,}", validation, *identified(closed), *more))
        longest = [each["frames"]["conditions"][-1] for each in own]
        if longest[0]["value"] > FRAMES:
            rows.append(row(f"{name}, {longest[0]['value']:.0f} frames", "", "", "", *identified(longest), "", "", ""))
    return "\n".join([*rows, *below(found)])


def identified(of: Sequence[Mapping[str, Any]]) -> list[str]:
    """Top-1, top-5, mAP and the control's top-1 of a condition, over seeds."""
    control = over_seeds([100 * each["null_modality_control"]["cmc"]["1"]["value"] for each in of])
    return [
        *(spread([each["cmc"][k] for each in of]) for k in ("1", "5")),
        spread([each["mAP"] for each in of]),
        control,
    ]


def below(found: Mapping[str, Sequence[Job]]) -> list[str]:
    """Shortcut floor and chance, which are the same for all."""
    closed = [job.results()["closed"] for jobs in found.values() for job in jobs if "closed" in job.results()]
    if not closed:
        return []
    floor, chance = closed[0]["shortcut_floor"]["all"], closed[0]["conditions"][0]["chance"]
    last = [f"{100 * chance['cmc'][k]:.1f}" for k in ("1", "5")]
    return [
        row("shortcut floor", "", "", "", *(spread([floor["cmc"][k]]) for k in ("1", "5")), *[""] * 5),
        row("chance", "", "", "", *last, f"{100 * chance['mAP']:.1f}", *[""] * 4),
    ]


def released_table(jobs: Sequence[Job]) -> str:
    """The leaking evaluation beside the honest one."""
    rows = [
        "| as released (leaks the truth) | top-1 | the same with radar of other people | honest top-1 |",
        "|---" * 4 + "|",
    ]
    for job in jobs:
        released = job.results()["as-released"]["as_released"]
        honest = job.results()["closed"]["conditions"][0]["cmc"]["1"]
        figures_of = (released["cmc"]["1"], released["control"]["1"], honest)
        rows.append(row(job.config.name, *(spread([figure]) for figure in figures_of)))
    return "\n".join(rows)


def joint_figures(jobs: Sequence[Job]) -> list[Mapping[str, Any]]:
    """Joint errors of a method, for each seed, if it tells joints."""
    found = [job.results() for job in jobs]
    return [
        *(each["joints"] for each in found if "joints" in each),
        *(each["closed"]["joint_errors_cm"] for each in found if "joint_errors_cm" in each.get("closed", {})),
    ]


def joints_row(name: str, jobs: Sequence[Job]) -> str:
    """Joint errors of a method on either side."""
    sides = [[each[side] for each in joint_figures(jobs) if each[side]] for side in ("radar", "camera")]
    return row(name, *(spread(side, 1.0) if side else "" for side in sides))


def row(*cells: str) -> str:
    """Of a table."""
    return f"| {' | '.join(cells)} |"


def spread(of: Sequence[Mapping[str, float]], factor: float = 100.0) -> str:
    """Figures: of one seed with its interval over people, of several their mean and range."""
    if len(of) > 1:
        return over_seeds([factor * each["value"] for each in of])
    return f"{factor * of[0]['value']:.1f} ({factor * of[0]['low']:.1f} – {factor * of[0]['high']:.1f})"


def over_seeds(values: Sequence[float]) -> str:
    """Mean, and range where there are several."""
    mean = f"{np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} [{min(values):.1f} – {max(values):.1f}]"


def figures(found: Mapping[str, Sequence[Job]]) -> dict[str, Figure]:
    """Characteristics, and a curve for each protocol of CURVES; the first seed of every method that has it."""
    first = {name: jobs[0].results() for name, jobs in found.items() if is_model(jobs[0].config)}
    drawn = {}
    for protocol in ("closed", *CURVES):
        own = {name: each[protocol]["conditions"] for name, each in first.items() if protocol in each}
        if own:
            figure = drawn[protocol] = Figure(figsize=(8, 5.5), layout="constrained")
            draw_methods(figure.add_subplot(), protocol, own)
    return drawn


def draw_methods(axes: Axes, protocol: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """The methods by one protocol: characteristics of `closed`, top-1 over the conditions of others."""
    chance: dict[float, float] = {}
    for number, (name, rows) in enumerate(found.items()):
        if protocol == "closed":
            values = {int(k): figure["value"] for k, figure in rows[0]["cmc"].items()}
            chance = {int(k): value for k, value in rows[0]["chance"]["cmc"].items()}
        else:
            values = {row["value"]: row["cmc"]["1"]["value"] for row in rows}
            chance |= {row["value"]: row["chance"]["cmc"]["1"] for row in rows}
        marker = "osD^v<>ph*"[number % 10]
        axes.plot(list(values), [100 * value for value in values.values()], f"{marker}-", label=name, markersize=5)
    axes.plot(list(chance), [100 * value for value in chance.values()], ":", color="0.4", label="chance")
    axis = "rank" if protocol == "closed" else PROTOCOLS[protocol].axis
    axes.set(
        xlabel=axis, ylabel="top-1 [%]" if protocol != "closed" else "true person among the first [%]", ylim=(0, 101)
    )
    axes.set_title(f"{protocol}: {PROTOCOLS[protocol].summary}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2)


if __name__ == "__main__":
    main()
