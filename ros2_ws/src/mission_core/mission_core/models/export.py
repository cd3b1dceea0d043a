"""From a training result to a model that the nodes load: frozen TorchScript and a card with honest figures."""

import dataclasses
import datetime
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mission_core import __version__
from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.sets import GENERATOR_VERSION
from mission_core.data.walks import COHORT_WALKS, SNIPPET_SECONDS, cohort, in_frames, protocol, read_walks
from mission_core.errors import ModelError
from mission_core.evaluation.identification import (
    Identification,
    calibration_summary,
    score_queries,
    shuffle_between_people,
)
from mission_core.models.card import WEIGHTS, sha256_of, write_card
from mission_core.models.learning import MatchingTraining
from mission_core.models.matching import MatchingNetwork
from mission_core.models.reid.model import KIND, ReidModel
from mission_core.models.reid.network import MissionNetwork
from mission_core.models.training import load_config, network_of
from mission_core.paths import share_directory
from mission_core.sim.cohort import walkers
from mission_core.train import restore

log = logging.getLogger(__name__)

EXPORTED = [
    *("encode_radar", "encode_vision", "merge", "merge_windows"),
    *("distances", "probabilities", "signatures", "probes"),
]
EXPORTED_OF_PAIRS = [*EXPORTED, "embed_pairs", "joints"]
PARITY = 1e-5
"""Largest difference between the trained and the exported network that is accepted."""
LIMITS = """\
Trained and tested on simulated people only: radar and camera come from the simulator of this repository, see
docs/twin.md. Nothing is claimed about real people."""


def export(run: Path, output: Path, *, workers: int = 1) -> ReidModel:
    """Exports the best checkpoint of a training run and tests it on the test cohort.

    Args:
        run: directory of `mission train`.
        output: directory to write `model.pt` and `card.yaml` into.
        workers: processes that simulate the test cohort, if it was not simulated before.

    Raises:
        ModelError: the run has no calibrated result, or the exported network differs from the trained one.
    """
    model = write_run(run, output)
    write_card(output, {**model.card, "test": cohort_figures(model, workers)})
    return ReidModel.load(output)


def write_run(run: Path, output: Path) -> ReidModel:
    """Exports the best checkpoint of a training run, untested; see `export`."""
    config = load_config(run / "config.yaml")
    if not isinstance(config, MatchingTraining):
        raise ModelError(
            f"{run} is a run of a network that reads pictures, which is part of those that match: no model"
        )
    network, saved = _trained(run, config)
    details = {
        "made_by": [f"mission train {_settings_file(config.name)} -o {run}", f"mission export {run} {output}"],
        "license": "Apache-2.0",
        "limits": LIMITS,
        "training": {**_plain(dataclasses.asdict(config)), "best_step": saved["step"]},
        "provenance": saved.get("provenance", {}),  # older runs do not say
        "validation": saved["validation"],
    }
    return write_model(network, config.name, output, details)


def write_model(network: MatchingNetwork, name: str, output: Path, details: Mapping[str, Any]) -> ReidModel:
    """Writes frozen TorchScript and its card, after checking that it computes what the network does.

    Raises:
        ModelError: the exported network differs from the given one.
    """
    network = network.eval()
    exported = EXPORTED_OF_PAIRS if isinstance(network, MissionNetwork) else EXPORTED
    scripted = torch.jit.freeze(torch.jit.script(network), preserved_attrs=exported)
    _check_parity(network, scripted)
    output.mkdir(parents=True, exist_ok=True)
    torch.jit.save(scripted, str(output / WEIGHTS))
    write_card(output, {**_card(name, network, sha256_of(output / WEIGHTS)), **details})
    return ReidModel.load(output)


def cohort_figures(model: ReidModel, workers: int) -> dict[str, Any]:
    """Figures on the 58 simulated test people, whom no training has seen, with the null-modality control."""
    made = cohort(model.frame_rate, workers)
    people = read_walks(made, rate=model.frame_rate)
    test = protocol(people, model.num_frames, model.num_points)
    features = np.stack([model.encode_clip(snippet) for snippet in test.snippets])
    distances = score_queries(model, test.queries, features, test.owner)
    shuffled = shuffle_between_people(test.queries, test.truth)
    null = Identification(score_queries(model, shuffled, features, test.owner), test.truth).summary()
    brief_frames = in_frames(SNIPPET_SECONDS, model.frame_rate)
    short = protocol(people, model.num_frames, model.num_points, brief_frames).queries
    brief = Identification(score_queries(model, short, features, test.owner), test.truth).summary()
    seconds, snippet_seconds = model.num_frames / model.frame_rate, SNIPPET_SECONDS
    return {
        "protocol": f"query: up to {seconds:g} s in the middle of a walk alone before the radar; gallery: "
        f"{COHORT_WALKS} camera clips of {snippet_seconds:g} s per person, of other walks; every pair is scored; "
        f"{'clips are merged' if model.merges else 'best clip counts'}; intervals bootstrapped over people",
        "generator": GENERATOR_VERSION,
        "data": made.directory.name,
        "people": len(people),
        "radar_walks_not_followed": len(walkers()) * COHORT_WALKS - len(test.queries),
        **Identification(distances, test.truth).summary(),
        f"queries_of_{snippet_seconds:g}_s": {key: brief[key] for key in ("top1", "top1_95", "top5", "top5_95", "mAP")},
        "null_modality_control": {key: null[key] for key in ("top1", "top1_95", "top5", "top5_95")},
        "calibration": calibration_summary(model, distances, test.truth),
    }


def _settings_file(name: str) -> str:
    """Where the settings of that name are, among those that come with mission."""
    share = share_directory()
    found = sorted((share / "config" / "train").rglob(f"{name}.yaml"))
    return str(found[0].relative_to(share)) if found else f"{name}.yaml"


def _trained(run: Path, config: MatchingTraining) -> tuple[MatchingNetwork, dict[str, Any]]:
    path = run / "best.pt"
    if not path.is_file():
        raise ModelError(f"{path} does not exist: run `mission train` to its first validation")
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if not saved.get("calibrated"):
        raise ModelError(f"{path} is not calibrated: the training was interrupted; run `mission train` again to end it")
    network = network_of(config)
    if not isinstance(network, MatchingNetwork):
        raise ModelError(f"{run} is a run of a network that tells joints and matches nobody: no model")
    restore(network, saved["network"], path)
    return network, saved


@torch.inference_mode()
def _check_parity(network: MatchingNetwork, scripted: torch.jit.ScriptModule) -> None:
    snippets, owner = SNIPPET_FRAMES, torch.tensor([0, 1, 0])
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2, network.num_frames, network.num_points, 5, generator=generator)
    present = torch.rand(points.shape[:-1], generator=generator) < 0.5
    frames = torch.ones(points.shape[:2], dtype=torch.bool)
    motion = torch.randn(2, network.num_frames, 3, generator=generator)
    crops = torch.randint(0, 256, (3, snippets, 96, 64, 3), dtype=torch.uint8, generator=generator)
    geometry = torch.randn(3, snippets, 4, generator=generator)
    frames[0, :2], geometry[1] = False, float("nan")  # what is absent must be absent in both
    results = []
    for each in (network, scripted):
        radar = each.encode_radar(points, present, frames, motion)
        radar = torch.cat((radar, each.merge_windows(radar, torch.zeros(len(radar), dtype=torch.int64), 1)))
        entries = each.merge(each.encode_vision(crops, geometry), owner, 2)
        results.append(torch.stack((each.distances(radar, entries), each.probes(radar) @ each.signatures(entries).T)))
    difference = float((results[0] - results[1]).abs().max())
    if not difference < PARITY:
        raise ModelError(f"the exported network differs from the trained one by {difference:.2g}, expected < {PARITY}")
    log.info("exported and trained network differ by at most %.1e", difference)


def _card(name: str, network: MatchingNetwork, sha256: str) -> dict[str, Any]:
    crops, geometry = torch.zeros(1, SNIPPET_FRAMES, 96, 64, 3, dtype=torch.uint8), torch.zeros(1, SNIPPET_FRAMES, 4)
    with torch.inference_mode():
        features = network.encode_vision(crops, geometry)
    return {
        "name": name,
        "kind": KIND,
        "sha256": sha256,
        "mission_version": __version__,
        "date": datetime.date.today().isoformat(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "parameters_of_pictures": sum(p.numel() for p in network.pictures.parameters()),
        "input": {
            "num_frames": network.num_frames,
            "frame_rate_hz": network.frame_rate,
            "num_points": network.num_points,
            "snippet_frames": SNIPPET_FRAMES,
            "feature_shape": list(features.shape[1:]),
            "merges_clips": network.merges,
            "fuses_pairs": isinstance(network, MissionNetwork),
            "radar": "x, y relative to the track along and left of the line of sight [m], z above the floor [m], "
            "SNR [dB], radial velocity [m/s]",
            "camera": "96 x 64 RGB crops, and lateral offset, distance, height, width of the person [m]",
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
