"""What `recognition.py` found, as tables in Markdown and as figures."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

Found: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]
"""By row, a fold each."""
TASKS = ("activity", "identity")
RATIO_EDGES = np.linspace(2 / 3, 1.0, 41)
"""Bins of the ratio of the activity's loss weight to the identity's."""
PAPER = {
    **{"mra_net": (98.29, 95.87), "activity_only": (97.61, None), "identity_only": (None, 91.34)},
    **{"ratio_2_3": (95.72, 88.97), "ratio_3_4": (97.28, 91.37), "ratio_11_14": (98.43, 94.85)},
    **{"ratio_12_13": (96.13, 93.16), "ratio_1": (97.45, 90.23)},
    **{"coarse": (92.96, 89.75), "fine": (94.52, 90.14), "both_scales": (96.83, 91.30)},
    **{"coarse_attention": (97.71, 93.89), "fine_attention": (98.18, 94.06), "autoencoder": (95.08, None)},
}
"""F1 of activity and identity as the paper has it, on its own recordings [%]."""


def tables(data: str, found: Found) -> str:
    """All tables, in Markdown."""
    parts = [rows_table(found, paper=data == "activity6")]
    if any("identity_f1_by_activity" in each for folds in found.values() for each in folds):
        parts.append(by_activity_table(found))
    if any("disturbed" in each for folds in found.values() for each in folds):
        parts.append(disturbed_table(found))
    return "\n\n".join(parts)


def rows_table(found: Found, *, paper: bool) -> str:
    """One row each: F1 and accuracy, mean and standard deviation over folds [%]."""
    head = ["row", "folds", "parameters"]
    for task in TASKS:
        head += [f"{task} F1", "accuracy"] + (["the paper's F1"] if paper else [])
    if not paper:
        head = head[:5]
    lines = [_row(head), _row(["---"] * len(head))]
    for row, folds in found.items():
        cells = [row, str(len(folds)), f"{folds[0]['parameters']:,}" if "parameters" in folds[0] else ""]
        for index, task in enumerate(TASKS):
            own = [each["tasks"][task] for each in folds if task in each["tasks"]]
            cells += [_over([each["f1"] for each in own]), _over([each["accuracy"] for each in own])]
            value = PAPER.get(row, (None, None))[index]
            cells += [f"{value:.2f}" if value is not None else ""] if paper else []
        lines.append(_row(cells[: len(head)]))
    return "\n".join(lines)


def by_activity_table(found: Found) -> str:
    """F1 of the identity in windows of each activity."""
    some = next(each for folds in found.values() for each in folds if "identity_f1_by_activity" in each)
    names = list(some["identity_f1_by_activity"])
    lines = [_row(["identity F1 by activity", *names]), _row(["---"] * (len(names) + 1))]
    for row, folds in found.items():
        own = [each["identity_f1_by_activity"] for each in folds if "identity_f1_by_activity" in each]
        if own:
            lines.append(_row([row, *(_over([each[name] for each in own]) for name in names)]))
    return "\n".join(lines)


def disturbed_table(found: Found) -> str:
    """F1 under noise, or with less of the points and frames."""
    own = {row: [each for each in folds if "disturbed" in each] for row, folds in found.items()}
    own = {row: folds for row, folds in own.items() if folds}
    conditions = list(next(iter(own.values()))[0]["disturbed"])
    lines = [_row(["F1", *conditions, "undisturbed"]), _row(["---"] * (len(conditions) + 2))]
    for row, folds in own.items():
        for task in TASKS:
            if task in folds[0]["tasks"]:
                cells = [_over([each["disturbed"][name][task] for each in folds]) for name in conditions]
                lines.append(_row([f"{row}, {task}", *cells, _over([each["tasks"][task]["f1"] for each in folds])]))
    return "\n".join(lines)


def figures(data: str, found: Found) -> dict[str, Figure]:
    """Confusion matrices of MRA-Net, and the ratios of its loss weights, by name."""
    drawn = {}
    own = found.get("mra_net", [])
    if own:
        drawn["confusion"] = confusion_figure(own, f"MRA-Net on {data}")
    if counts := [each["ratios"] for each in own if "ratios" in each]:
        drawn["loss_weights"] = ratio_figure(np.sum(counts, axis=0))
    return drawn


def confusion_figure(folds: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Mean over folds, a matrix a task; rows are the truth."""
    tasks = list(folds[0]["tasks"])
    figure = Figure(figsize=(5.0 * len(tasks), 4.6), layout="constrained")
    for place, task in enumerate(tasks, start=1):
        axes = figure.add_subplot(1, len(tasks), place)
        values = 100 * np.mean([each["tasks"][task]["confusion"] for each in folds], axis=0)
        names = folds[0]["tasks"][task]["names"]
        axes.imshow(values, cmap="Blues", vmin=0, vmax=100)
        for (row, column), value in np.ndenumerate(values):
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", color="white" if value > 55 else "black")
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("told")
        axes.set_ylabel("true")
        axes.set_title(f"{title}: {task} [%]")
    return figure


def ratio_figure(counts: NDArray[np.int64]) -> Figure:
    """Histogram of the ratio of the activity's weight to the identity's, by the bins of RATIO_EDGES."""
    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.stairs(counts, RATIO_EDGES, fill=True)
    for numerator, denominator in ((2, 3), (3, 4), (11, 14), (23, 27), (12, 13), (1, 1)):
        axes.axvline(numerator / denominator, color="grey", lw=0.5)
    axes.set_xlabel("weight of the activity's loss / weight of the identity's")
    axes.set_ylabel("test windows")
    return figure


def _over(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{np.mean(values):.1f} ± {np.std(values):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
