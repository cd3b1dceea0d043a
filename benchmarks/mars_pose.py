"""How well the radar branch sees the pose of real people: MARS, people unknown and people known.

    MISSION_DATA=DIR .venv/bin/python benchmarks/mars_pose.py [--data DIR] [--out runs/mars_pose] [--seeds 1]

Everybody of MARS is left out once: the network learns from the others. A last fold is like the split of the data set's
authors: everybody is known, the last fifth of every take is tested. Window and frame of reference are chosen on a
validation part of what may be learnt from; then the chosen network learns from all of it and is tested once. Beside it
stand the mean joints of the people learnt from: where they were on average, and moved to the middle of the points.

Every fit is kept in the output directory, so that an interrupted run goes on where it was. For research only: the
recordings are not mission's, and nothing that is learnt from them is shipped.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from mission_core.errors import ConfigurationError
from mission_core.models.reid.configuration import ReidConfig
from mission_core.radar_pose import (
    Budget,
    PoseError,
    Split,
    Take,
    Variant,
    fit,
    in_time_order,
    load_takes,
    mean_pose,
    measure,
    predict,
    without_person,
)
from mission_core.types import Float32Array

DATA = Path(os.environ.get("MISSION_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
VARIANTS = tuple(Variant(window, relative) for relative in (True, False) for window in (1, 8, 16))
CHOICE = Budget(steps=400)  # for each variant
FINAL = Budget(steps=2000)  # for the chosen one
ROWS = {"network": "radar branch", "place": "mean pose, absolute", "cloud": "mean pose, at the cloud's middle"}
PUBLISHED = 5.87  # mean of the three axes' absolute errors [cm]: abstract of An and Ogras, ACM TECS 20 (5s), 2021
HEAD = "| fold | estimate | depth | lateral | height | mean of axes | distance | distance, pelvises aligned |"


@dataclass(frozen=True)
class Result:
    """Of one fold with one seed.

    Attributes:
        variant: that was chosen.
        errors: on the test part, by the names in `ROWS`.
    """

    variant: Variant
    errors: dict[str, PoseError]


def main() -> None:
    """Learns and measures fold by fold, then prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="directory of real recordings, mars/ in it")
    parser.add_argument("--out", type=Path, default=Path("runs/mars_pose"), help="where fits are kept")
    parser.add_argument("--seeds", type=int, default=1, help="networks per fold")
    options = parser.parse_args()
    try:
        takes = load_takes(options.data, ReidConfig().num_points)
        people = sorted({take.person for take in takes})
        splits = [*(without_person(takes, person) for person in people), in_time_order(takes)]
        claim(options.out, takes)
    except ConfigurationError as error:
        sys.exit(f"mars_pose: {error}")
    describe(takes, options.seeds)
    print(f"{HEAD}\n|---|---|{'---|' * 6}", flush=True)
    *unknown, known = splits
    results = [rows(f"{split.name} unknown", learn(split, options)) for split in unknown]
    rows("mean of the people unknown", [result for part in results for result in part])
    rows("people known, in time order", learn(known, options))
    print(f"| people known, in time order | as published | – | – | – | {PUBLISHED:.2f} | – | – |\n")


def claim(out: Path, takes: Sequence[Take]) -> None:
    """Makes a directory that of these recordings and budgets.

    Raises:
        ConfigurationError: it is that of others.
    """
    out.mkdir(parents=True, exist_ok=True)
    settings = {"frames": counts(takes), "choice": asdict(CHOICE), "final": asdict(FINAL)}
    text, path = json.dumps(settings, indent=1), out / "settings.json"
    if path.exists() and path.read_text() != text:
        raise ConfigurationError(f"{path} is of other recordings or budgets: name another --out, or delete that one")
    path.write_text(text)


def describe(takes: Sequence[Take], seeds: int) -> None:
    """Says what is there and what follows."""
    parts = ", ".join(f"{name} {number}" for name, number in counts(takes).items())
    print(f"{sum(map(len, takes))} frames of MARS ({parts}). For research only.")
    print(f"Errors in cm, means over frames, joints and {seeds} seed{'s' if seeds > 1 else ''}.\n")


def counts(takes: Iterable[Take]) -> dict[str, int]:
    """Frames by person and part."""
    found: dict[str, int] = {}
    for take in takes:
        key = f"{take.person} {take.part}"
        found[key] = found.get(key, 0) + len(take)
    return found


def learn(split: Split, options: argparse.Namespace) -> list[Result]:
    """Results of a split, seed by seed; what was learnt from and chosen goes to the error stream."""
    results = [run(split, seed, options.out) for seed in range(options.seeds)]
    sizes = ", ".join(str(sum(map(len, part))) for part in (split.learn, split.validation, split.test))
    chosen = "; ".join(str(result.variant) for result in results)
    print(f"{split.name}: {sizes} frames to learn from, choose on, test on; chosen: {chosen}", file=sys.stderr)
    return results


def run(split: Split, seed: int, out: Path) -> Result:
    """Chooses, learns, tests; or reads what an earlier run came to."""
    stem = f"{split.name.replace(' ', '_')}-{seed}"
    path = out / f"{stem}.json"
    if path.exists():
        saved = json.loads(path.read_text())
        errors = {name: PoseError(**error) for name, error in saved["errors"].items()}
        return Result(Variant(**saved["variant"]), errors)
    steps = CHOICE.steps * len(VARIANTS) + FINAL.steps
    known = (*split.learn, *split.validation)
    with Progress(disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(f"{split.name}, seed {seed}", total=steps)
        chosen = choose(split, seed, out / f"{stem}-choice.json", lambda steps: progress.advance(bar, steps))
        network = fit(known, chosen, FINAL, seed, lambda _: progress.advance(bar))
    estimates: dict[str, Callable[[Take], Float32Array]] = {
        "network": lambda take: predict(network, take),
        "place": mean_pose(known, Variant(chosen.window, relative=False)),
        "cloud": mean_pose(known, Variant(chosen.window, relative=True)),
    }
    errors = {name: measure(split.test, estimate) for name, estimate in estimates.items()}
    torch.save(network.state_dict(), out / f"{stem}.pt")
    saved = {"variant": asdict(chosen), "errors": {name: asdict(error) for name, error in errors.items()}}
    write(path, saved)
    return Result(chosen, errors)


def choose(split: Split, seed: int, path: Path, advance: Callable[[int], None]) -> Variant:
    """The variant with the least distance on the validation part; what each came to is kept in a file."""
    distances: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    for variant in VARIANTS:
        if str(variant) in distances:
            advance(CHOICE.steps)
            continue
        network = fit(split.learn, variant, CHOICE, seed, lambda _: advance(1))
        distances[str(variant)] = measure(split.validation, partial(predict, network)).distance
        write(path, distances)
    return min(VARIANTS, key=lambda variant: distances[str(variant)])


def write(path: Path, content: object) -> None:
    """Whole or not at all: an interrupted run must not leave half a file."""
    unfinished = path.with_suffix(".partial")
    unfinished.write_text(json.dumps(content, indent=1))
    unfinished.replace(path)


def rows(fold: str, results: list[Result]) -> list[Result]:
    """Prints the mean of some results, estimate by estimate, in Markdown."""
    for name, title in ROWS.items():
        error = PoseError(*np.mean([astuple(result.errors[name]) for result in results], axis=0).tolist())
        values = (error.depth, error.lateral, error.height, error.axes, error.distance, error.shape)
        print(f"| {fold} | {title} | " + " | ".join(f"{value:.1f}" for value in values) + " |", flush=True)
    return results


if __name__ == "__main__":
    main()
