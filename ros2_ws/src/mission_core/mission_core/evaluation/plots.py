"""The figures of an evaluation as pictures, from what `reports.report` makes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mission_core.errors import ConfigurationError
from mission_core.evaluation.protocols import PROTOCOLS

MAX_CURVES = 10
"""Conditions whose characteristic is drawn."""


def draw(content: Mapping[str, Any], directory: Path) -> list[Path]:
    """Draws what there is to draw into a directory; returns the paths of the pictures.

    Raises:
        ConfigurationError: the directory cannot be written to.
    """
    pictures = {
        f"{content['protocol']}_{name}.png": figure for name, figure in _figures(content).items() if figure is not None
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, figure in pictures.items():
            figure.savefig(directory / name, dpi=110)
    except OSError as error:
        raise ConfigurationError(f"{directory} cannot be written to ({error}): name another with --images") from error
    return [directory / name for name in pictures]


def _figures(content: Mapping[str, Any]) -> dict[str, Figure | None]:
    conditions = content.get("conditions", [])
    return {
        "cmc": _single(plot_cmc, content, conditions) if conditions else _single(plot_released, content, content),
        "curve": _curve(content, conditions),
        "stature": _stature(content, conditions),
        "reliability": _single(plot_reliability, content, content["open_set"]) if "open_set" in content else None,
        "seconds": _single(plot_seconds, content, content["by_seconds"]) if "by_seconds" in content else None,
    }


def _single(plot: Any, content: Mapping[str, Any], data: Any) -> Figure:
    figure = Figure(figsize=(7, 5), layout="constrained")
    figure.suptitle(_title(content))
    plot(figure.add_subplot(), data)
    return figure


def _title(content: Mapping[str, Any]) -> str:
    return f"{content['protocol']}: {content['model']['name']} on {content['dataset']['directory']}"


def _curve(content: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]]) -> Figure | None:
    axis = PROTOCOLS[content["protocol"]].axis
    if not axis:
        return None
    figure = _single(plot_curve, content, conditions)
    figure.axes[0].set_xlabel(axis)
    return figure


def _stature(content: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]]) -> Figure | None:
    pairs = [pair for each in conditions if each["confusions"] for pair in each["confusions"]["statures"]]
    return _single(plot_stature, content, np.array(pairs)) if pairs else None


def plot_cmc(axes: Axes, conditions: Sequence[Mapping[str, Any]]) -> None:
    """Cumulative matching characteristics with 95 % intervals, and what chance and the control give."""
    shown = conditions[:MAX_CURVES]
    for condition in shown:
        ranks, values, low, high = _band(condition["cmc"])
        (line,) = axes.plot(ranks, values, "o-", label=condition["condition"], markersize=4)
        axes.fill_between(ranks, low, high, color=line.get_color(), alpha=0.2 / len(shown), linewidth=0)
    first, several = shown[0], f" ({shown[0]['condition']})" if len(shown) > 1 else ""
    ranks = [int(k) for k in first["chance"]["cmc"]]
    axes.plot(ranks, [100 * c for c in first["chance"]["cmc"].values()], ":", color="0.4", label=f"chance{several}")
    if first["null_modality_control"] is not None:
        _, control, *_ = _band(first["null_modality_control"]["cmc"])
        axes.plot(ranks, control, "--", color="0.4", label=f"radar of somebody else{several}")
    axes.set(xlabel="rank", ylabel="true person among the first [%]", ylim=(0, 101), xticks=range(1, 11))
    _finish(axes)


def plot_released(axes: Axes, content: Mapping[str, Any]) -> None:
    """The leaking evaluation beside its control: the nearer the two, the less the radar has to do with it."""
    released = content["as_released"]
    for name, label in (("cmc", "as released (leaks the truth)"), ("control", "the same with radar of other people")):
        ranks, values, low, high = _band(released[name])
        (line,) = axes.plot(ranks, values, "o-", label=label, markersize=4)
        axes.fill_between(ranks, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.plot(ranks, [100 * chance for chance in released["chance"].values()], ":", color="0.4", label="chance")
    axes.set(xlabel="rank", ylabel="right person among the first [%]", ylim=(0, 101), xticks=range(1, 11))
    _finish(axes)


def plot_curve(axes: Axes, conditions: Sequence[Mapping[str, Any]]) -> None:
    """Top-1, top-5 and mAP over the conditions."""
    places = [condition["value"] for condition in conditions]
    for name, pick in (
        ("top-1", lambda condition: condition["cmc"]["1"]),
        ("top-5", lambda condition: condition["cmc"].get("5", {"value": 1.0, "low": 1.0, "high": 1.0})),
        ("mAP", lambda condition: condition["mAP"]),
    ):
        figures = [pick(condition) for condition in conditions]
        values, low, high = (100 * np.array([figure[key] for figure in figures]) for key in ("value", "low", "high"))
        axes.errorbar(places, values, (values - low, high - values), fmt="o-", capsize=3, markersize=4, label=name)
    axes.plot(places, [100 * c["chance"]["cmc"]["1"] for c in conditions], ":", color="0.4", label="chance of top-1")
    alike = [
        condition["in_galleries_of_one_size"] for condition in conditions if "in_galleries_of_one_size" in condition
    ]
    if alike:
        label = f"top-1 in galleries of {alike[0]['people']}"
        axes.plot(places, [100 * each["top1"]["value"] for each in alike], "s--", color="C0", markersize=4, label=label)
    axes.set(ylabel="[%]", ylim=(0, 101), xticks=places)
    _finish(axes)


def plot_stature(axes: Axes, statures: Any) -> None:
    """Stature of the true and of the wrongly chosen people (N, 2) [m]."""
    axes.scatter(statures[:, 0], statures[:, 1], s=14, alpha=0.6)
    ends = [float(statures.min()) - 0.02, float(statures.max()) + 0.02]
    axes.plot(ends, ends, ":", color="0.4", label="equal")
    axes.set(xlabel="stature of the true person [m]", ylabel="stature of the one chosen instead [m]")
    axes.set_aspect("equal")
    _finish(axes)


def plot_reliability(axes: Axes, found: Mapping[str, Any]) -> None:
    """Accuracy by confidence; the numbers are how many answers a bin holds."""
    confidence, accuracy = (100 * np.array([each[key] for each in found["bins"]]) for key in ("confidence", "accuracy"))
    axes.plot([0, 100], [0, 100], ":", color="0.4", label="means what it says")
    axes.plot(confidence, accuracy, "o-", label=f"expected calibration error {100 * found['calibration_error']:.1f} %")
    for each, x, y in zip(found["bins"], confidence, accuracy, strict=True):
        axes.annotate(str(each["count"]), (x, y), (4, -12), textcoords="offset points", fontsize="small", color="0.3")
    axes.set(xlabel="confidence [%]", ylabel="right answers [%]", xlim=(0, 101), ylim=(0, 101))
    _finish(axes)


def plot_seconds(axes: Axes, points: Sequence[Mapping[str, Any]]) -> None:
    """Top-1 and mean probability of the right person by seconds watched."""
    seconds = [point["seconds"] for point in points]
    for key, label in (("top1", "right person first"), ("truth", "mean probability of the right person")):
        values, low, high = (
            100 * np.array([point[key][part] for point in points]) for part in ("value", "low", "high")
        )
        axes.errorbar(seconds, values, (values - low, high - values), fmt="o-", capsize=3, markersize=4, label=label)
    axes.plot(seconds, [100 * point["unknown"] for point in points], "--", color="0.5", label="mean of unknown")
    axes.set(xlabel="seconds watched", ylabel="[%]", ylim=(0, 101))
    _finish(axes)


def _band(cmc: Mapping[str, Mapping[str, float]]) -> tuple[list[int], Any, Any, Any]:
    figures = list(cmc.values())
    values, low, high = (100 * np.array([figure[key] for figure in figures]) for key in ("value", "low", "high"))
    return [int(k) for k in cmc], values, low, high


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
