"""From a training of activity and identity to a model that the node loads: frozen TorchScript and a card."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mission_core import __version__
from mission_core.data.doppler_windows import NOBODY, LabelledMaps
from mission_core.errors import ModelError
from mission_core.metrics import expected_calibration_error
from mission_core.models.card import WEIGHTS, sha256_of, write_card
from mission_core.models.mra_net.choice import KIND
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.mra_net.model import RecognitionModel, without_nobody
from mission_core.models.mra_net.network import ACTIVITY, IDENTITY, LOSS_WEIGHTS, Recognizer
from mission_core.models.mra_net.training import PROFILES, load_maps, load_recognizer, parts_of, recognition
from mission_core.models.reid.gate import WALK
from mission_core.paths import share_directory
from mission_core.radar.profile import load_profile
from mission_core.train import BEST, plain

PARITY = 1e-5
"""Largest difference between the trained and the exported network that is accepted, as a share of the largest logit."""
LIMITS = """\
Trained and tested on simulated people only, see docs/twin.md: nothing is claimed about real people. Of people it tells
apart those that are named here and nobody else."""


def export(config: RecognitionTraining, run: Path, output: Path, *, workers: int = 1) -> RecognitionModel:
    """Exports the best checkpoint of a run and tests it with what its fold was not trained on.

    Raises:
        ModelError: the run did not end, is of maps that no radar's stream gives, or the exported network differs from
            the trained one.
    """
    saved = _saved(run)
    if config.maps.kind == "iq" or config.data == "radhar":
        raise ModelError(
            f"{run} learnt from {config.data}, maps of kind '{config.maps.kind}': the node reads Doppler-time maps of "
            "points or heatmaps of a profile of ours"
        )
    maps = load_maps(config, workers)
    network = load_recognizer(config, maps, run)
    write_model(network, config, output, maps.activities, maps.people)
    parts = parts_of(config, maps)
    found = recognition(network, parts.test)
    card = {
        **RecognitionModel.load(output).card,
        **(prior_of(parts.train) if IDENTITY in network.heads else {}),
        "test": {
            "protocol": "windows of takes of known people, and of strangers, that nothing was learnt from",
            **{
                task: {
                    **each.summary(),
                    "expected_calibration_error": round(
                        expected_calibration_error(each.told.max(axis=1), each.answers == each.truth), 4
                    ),
                    "confusion": np.round(each.confusion(), 3).tolist(),
                }
                for task, each in found.items()
            },
        },
        "validation": saved["validation"],
        "training": {**plain(config), "best_step": saved["step"]},
        "provenance": saved["provenance"],
    }
    write_card(output, card)
    return RecognitionModel.load(output)


def write_model(
    network: Recognizer, config: RecognitionTraining, output: Path, activities: tuple[str, ...], people: tuple[str, ...]
) -> None:
    """Writes frozen TorchScript, without the head of the loss weights, and its card without figures.

    Raises:
        ModelError: see `export`.
    """
    profile = load_profile(share_directory() / "config" / "radar" / PROFILES[config.maps.kind])
    native = len(profile.velocities), round(config.maps.seconds / profile.frame_period)
    if config.maps.size != native:
        raise ModelError(
            f"{config.name} reads maps of {config.maps.rows} x {config.maps.columns}, but {config.maps.seconds:g} s of "
            f"{PROFILES[config.maps.kind]} are {native[0]} x {native[1]}: train it on these"
        )
    network = network.eval()
    if LOSS_WEIGHTS in network.heads:
        del network.heads[LOSS_WEIGHTS]  # the last one
        network.temperatures = network.temperatures[: len(network.heads)]
    scripted = torch.jit.freeze(torch.jit.script(network))
    _check_parity(network, scripted, config.maps.size)
    output.mkdir(parents=True, exist_ok=True)
    torch.jit.save(scripted, str(output / WEIGHTS))
    reads: dict[str, Any] = {
        "kind": config.maps.kind,
        "rows": config.maps.rows,
        "columns": config.maps.columns,
        "frame_period_s": round(profile.frame_period, 6),
        "velocities_m_s": [round(float(velocity), 5) for velocity in profile.velocities[[0, -1]]],
        "profile": PROFILES[config.maps.kind],
    }
    card = {
        "name": config.name,
        "kind": KIND,
        "sha256": sha256_of(output / WEIGHTS),
        "mission_version": __version__,
        "date": datetime.date.today().isoformat(),
        "parameters": sum(each.numel() for each in network.parameters()),
        "input": reads,
        "activities": list(activities) if ACTIVITY in network.heads else [],
        "people": list(without_nobody(people)) if IDENTITY in network.heads else [],
        "made_by": [f"mission train config/train/{config.name}.yaml", f"mission export RUN models/{config.name}"],
        "license": "Apache-2.0",
        "limits": LIMITS,
    }
    write_card(output, card)


def prior_of(learnt: LabelledMaps) -> dict[str, float]:
    """How likely somebody who walks was none of the people to tell apart, in what was learnt from; empty: never."""
    if NOBODY not in learnt.people or WALK not in learnt.activities:
        return {}
    walks = learnt.activity == learnt.activities.index(WALK)
    share = float((learnt.person[walks] == learnt.people.index(NOBODY)).mean())
    return {"prior_unknown": round(share, 4)} if 0.0 < share < 1.0 else {}


def _saved(run: Path) -> dict[str, Any]:
    path = run / BEST
    if not path.is_file():
        raise ModelError(f"{path} does not exist: run `mission train` to its first validation")
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if not saved.get("calibrated"):
        raise ModelError(f"{path} is not calibrated: the training was interrupted; run `mission train` again to end it")
    return saved


@torch.inference_mode()
def _check_parity(network: Recognizer, scripted: torch.jit.ScriptModule, size: tuple[int, int]) -> None:
    maps = 60.0 * torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    told, expected = scripted(maps), network(maps)
    difference = max(
        float((told[name] - logits).abs().max() / logits.abs().max().clip(1.0)) for name, logits in expected.items()
    )
    if not difference < PARITY:
        raise ModelError(f"the exported network differs from the trained one by {difference:.2g}, expected < {PARITY}")
