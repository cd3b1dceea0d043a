"""How long it takes from a raw radar clip to the ranked list of 58 candidates, beside ways that cache less.

    .venv/bin/python benchmarks/ranking.py [--candidates 58] [--threads 2]

Of the network that ships, and of the Mission network as text and release have it. Those have random weights, which
take as long as trained ones. Ways:

* "naive": pair by pair, both raw clips encoded anew for each pair;
* "pair by pair": all clips encoded once, one call of the network for each pair;
* "as deployed": what the node does: enrolled clips encoded when they were enrolled, all pairs at once.

Times are medians, of the naive way a tenth of the candidates is timed and multiplied. One camera clip a candidate.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.models.card import DEFAULT_MODEL, model_directory
from mission_core.models.export import write_model
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import PictureNetwork
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.network import MissionNetwork
from mission_core.models.reid.processing import RadarClip
from mission_core.models.reid.search import prepare, search
from mission_core.types import Snippet

ROUNDS = 15
NAIVE_SHARE = 10
MISSION = {
    "Mission, tokens frame, scope clip, 20 frames": ReidConfig(num_frames=20),
    "Mission, tokens pixel, scope frame, 20 frames": ReidConfig(num_frames=20, tokens="pixel", scope="frame"),
}


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=58)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.candidates} candidates, {options.threads} threads; milliseconds")
    print("| network | naive | pair by pair | as deployed | naive : as deployed | pair by pair : as deployed |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        for name, model in models(Path(directory)).items():
            naive, pairs, deployed = times(model, options.candidates)
            ratios = f"{naive / deployed:.0f} | {pairs / deployed:.1f}"
            print(f"| {name} | {naive:,.0f} | {pairs:.1f} | {deployed:.1f} | {ratios} |")


def models(directory: Path) -> dict[str, ReidModel]:
    """What is measured, by name."""
    torch.manual_seed(0)
    pictures = PictureNetwork(PictureConfig())
    made = {DEFAULT_MODEL: ReidModel.load(model_directory(DEFAULT_MODEL))}
    for number, (name, config) in enumerate(MISSION.items()):
        made[name] = write_model(MissionNetwork(config, pictures), name, directory / str(number), {})
    return made


def times(model: ReidModel, candidates: int) -> tuple[float, float, float]:
    """Milliseconds of the naive way, pair by pair, and as deployed."""
    rng = np.random.default_rng(0)
    snippets = [raw_snippet(rng) for _ in range(candidates)]
    clip = raw_clip(model, rng)
    features = np.stack([model.encode_clip(snippet) for snippet in snippets])
    gallery = prepare(model, features, np.arange(candidates))
    few = snippets[: max(candidates // NAIVE_SHARE, 1)]

    def naive() -> None:
        for snippet in few:
            model.distances([clip], model.encode_clip(snippet)[None])

    def pair_by_pair() -> None:
        radar = model.encode_radar([clip])
        for entry in torch.from_numpy(features):
            with torch.inference_mode():
                model.network.distances(radar, entry[None])

    def deployed() -> None:
        search(model, model.encode_radar([clip]), gallery)

    return median(naive, 3) * candidates / len(few), median(pair_by_pair), median(deployed)


def raw_snippet(rng: np.random.Generator) -> Snippet:
    """A camera clip; what it shows does not change how long it takes."""
    crops = rng.integers(0, 256, (SNIPPET_FRAMES, 96, 64, 3), dtype=np.uint8)
    stamps = np.arange(SNIPPET_FRAMES, dtype=np.int64) * 10**8
    return Snippet(crops, rng.normal(size=(SNIPPET_FRAMES, 4)).astype(np.float32), stamps)


def raw_clip(model: ReidModel, rng: np.random.Generator) -> RadarClip:
    """A radar clip as long as the model reads."""
    shape = model.num_frames, model.num_points
    points, motion = rng.normal(size=(*shape, 5)), rng.normal(size=(shape[0], 3))
    return RadarClip(
        points.astype(np.float32), rng.random(shape) < 0.3, np.ones(shape[0], bool), motion.astype(np.float32)
    )


def median(call: Callable[[], None], rounds: int = ROUNDS) -> float:
    """Median milliseconds of a call, once warmed up."""
    call()
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        found.append(1e3 * (time.perf_counter() - began))
    return float(np.median(found))


if __name__ == "__main__":
    main()
