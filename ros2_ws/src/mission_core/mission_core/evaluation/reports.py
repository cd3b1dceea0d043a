"""The figures of an evaluation as JSON has them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mission_core.evaluation.as_released import WARNING
from mission_core.evaluation.confusions import Confusions
from mission_core.evaluation.evaluate import Evaluation
from mission_core.evaluation.identification import Identification
from mission_core.evaluation.outcomes import Outcome

RANKS = range(1, 11)
"""Of the cumulative matching characteristic."""


def report(evaluation: Evaluation) -> dict[str, Any]:
    """Everything an evaluation found; figures are rounded to four digits, intervals are of 95 %."""
    content: dict[str, Any] = {"protocol": evaluation.protocol}
    if evaluation.released is not None:
        return _rounded({**content, "warning": WARNING, "as_released": asdict(evaluation.released)})
    content["conditions"] = [
        {
            **_outcome(outcome),
            **_like_the_others(outcome, evaluation.outcomes),
            "confusions": None if confused is None else _confusions(confused),
        }
        for outcome, confused in zip(evaluation.outcomes, evaluation.confusions, strict=True)
    ]
    if evaluation.floor is not None:
        content["shortcut_floor"] = {
            "training_takes": evaluation.floor.training_takes,
            **{name: _identification(found) for name, found in evaluation.floor.found.items()},
        }
    if evaluation.joints is not None:
        content["joint_errors_cm"] = asdict(evaluation.joints)
    if evaluation.open_set is not None:
        content["open_set"] = asdict(evaluation.open_set)
    if evaluation.watched:
        content["by_seconds"] = [asdict(watched) for watched in evaluation.watched]
    return _rounded(content)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    condition, candidates = outcome.condition, outcome.condition.candidates
    control = None
    if outcome.control is not None:
        control = {**_identification(outcome.control, candidates), "above_chance": outcome.control_fails}
    return {
        "condition": condition.label,
        "value": condition.value,
        "people": candidates or len(outcome.people),
        "people_who_ask": len(np.unique(outcome.identification.truth)),
        "queries": len(outcome.asked),
        "mean_query_seconds": outcome.seconds,
        "mean_query_windows": outcome.windows,
        "gallery_clips": outcome.clips,
        "galleries": len(condition.galleries),
        "queries_of_people_not_enrolled": outcome.not_enrolled,
        "takes_too_short": outcome.too_short,
        **_identification(outcome.identification, candidates),
        "null_modality_control": control,
    }


def _like_the_others(outcome: Outcome, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Where galleries differ in size: top-1 averaged over all galleries of the smallest size, which can be compared."""
    sizes = {len(each.people) for each in outcomes}
    if len(sizes) < 2:
        return {}
    figure = outcome.identification.top(1, min(sizes))
    return {"in_galleries_of_one_size": {"people": min(sizes), "top1": asdict(figure)}}


def _identification(of: Identification, candidates: int | None = None) -> dict[str, Any]:
    """CMC 1 to 10, mAP, and what chance would give; in galleries of `candidates`, by default of everybody."""
    size = candidates or of.num_people
    ranks = [k for k in RANKS if k <= size]
    return {
        "cmc": {k: asdict(of.top(k, candidates)) for k in ranks},
        "mAP": asdict(of.mean_average_precision(candidates)),
        "chance": {"cmc": {k: k / size for k in ranks}, "mAP": float(np.mean(1.0 / np.arange(1, size + 1)))},
    }


def _confusions(found: Confusions) -> dict[str, Any]:
    content = asdict(found)
    return {**content, "statures": found.statures.tolist()}


def _rounded(value: Any) -> Any:
    """The same with numbers of four digits after the point, and text for keys."""
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
