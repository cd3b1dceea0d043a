"""What `comparison.py` found, as tables in Markdown and as figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mission_core.evaluation.protocols import PROTOCOLS

SECONDS = 2.0
"""Longest queries: the paper's, and all that most methods read."""
CURVES = ("frames", "camera-angle", "radar-angle", "records", "candidates")
"""Protocols whose conditions are the places of a curve."""
COLUMNS = (
    *("the paper", "seeds", "parameters", "validation mAP"),
    *("top-1", "top-5", "mAP", "control"),
    *("unseen", "scenes", "several", "mocap35"),
)
"""Of the table of methods."""
PAPER = {
    **{"mission_small": 85.4, "noFU": 64.8, "noTL": 56.5, "noAT": 55.0, "HRD": 55.6},
    **{"PTL": 53.3, "PGL": 52.3, "VCGL": 51.3, "DGL": 50.3},
}
"""Top-1 among 58 people as the Mission paper has it (SenSys 2024; noTL: as its plots seem to) [%]."""
PAPER_CONDITIONS: Mapping[str, Mapping[float | None, float]] = {
    "closed": {None: 85.4},
    "unseen": {None: 84.9},
    "multi-person": {None: 84.8},
    "frames": {0.5: 76.1, 1.0: 78.3, 1.5: 83.9, 2.0: 86.9},
    "camera-angle": {0: 86.9, 15: 81.1, 30: 76.3, 45: 75.3, 60: 65.3},
    "radar-angle": {0: 86.9, 15: 79.1, 30: 76.3, 45: 75.3, 60: 42.3},
    "records": {1: 80.9, 2: 83.1, 3: 84.3, 4: 85.0, 5: 86.9, 6: 85.9, 7: 86.4, 8: 86.6},
    "candidates": {10: 90.9, 58: 83.8},
}
"""Top-1 of the Mission network as the paper has it, by protocol and place on its axis [%]."""
BESIDE = ("mission_small", "gait_alike", "gait_small")
"""Methods that stand beside these."""


@dataclass(frozen=True)
class Found:
    """What was found of a method with one seed.

    Attributes:
        name: of its run.
        card: of its model; None of a network that matches nobody.
        results: report of each protocol that was evaluated.
    """

    name: str
    card: Mapping[str, Any] | None
    results: Mapping[str, Any]


Methods = Mapping[str, Sequence[Found]]
"""By the method's name, a seed each; of several seeds tables show mean and range."""


def tables(methods: Methods) -> str:
    """All tables, in Markdown."""
    matching = {name: found for name, found in methods.items() if "closed" in found[0].results}
    parts = [methods_table(matching), conditions_table(matching)]
    if released := [each for found in matching.values() for each in found if "as-released" in each.results]:
        parts.append(released_table(released))
    if told := [row(name, *joints_cells(errors)) for name, found in methods.items() if (errors := joint_errors(found))]:
        parts.append("\n".join(["| average joint error [cm] | radar | camera |", "|---|---|---|", *told]))
    return "\n\n".join(parts)


def methods_table(methods: Methods) -> str:
    """One row a method, and one more where it reads longer queries."""
    rows = [row("method", *COLUMNS), "|---" * (len(COLUMNS) + 1) + "|"]
    for name, found in methods.items():
        rows.append(row(name, f"{PAPER[name]:.1f}" if name in PAPER else "", *method_cells(found)))
        longest = [each.results["frames"]["conditions"][-1] for each in found if "frames" in each.results]
        if longest and longest[0]["value"] > SECONDS:
            rows.append(row(f"{name}, {longest[0]['value']:g} s", *[""] * 4, *identified(longest), *[""] * 4))
    return "\n".join([*rows, *below(methods)])


def method_cells(found: Sequence[Found]) -> list[str]:
    """A method's cells of the table; empty where it was not evaluated."""
    cards = [each.card for each in found if each.card is not None]
    learnt = int(cards[0]["parameters"]) - int(cards[0]["parameters_of_pictures"])
    return [
        str(len(found)),
        f"{learnt:,}",
        over_seeds([100 * card["validation"]["mAP"] for card in cards]),
        *identified([each.results["closed"]["conditions"][0] for each in found]),
        *(top1(found, protocol) for protocol in ("unseen", "cross-scene", "multi-person", "walks")),
    ]


def identified(of: Sequence[Mapping[str, Any]]) -> list[str]:
    """Top-1, top-5, mAP and the control's top-1 of a condition, over seeds."""
    return [
        *(spread([each["cmc"][k] for each in of]) for k in ("1", "5")),
        spread([each["mAP"] for each in of]),
        over_seeds([100 * each["null_modality_control"]["cmc"]["1"]["value"] for each in of]),
    ]


def top1(found: Sequence[Found], protocol: str) -> str:
    """Top-1 over seeds: of `cross-scene` the mean over scenes, else of the last condition, which is that of all."""
    conditions = [each.results[protocol]["conditions"] for each in found if protocol in each.results]
    if not conditions:
        return ""
    if protocol == "cross-scene":
        return over_seeds([100 * float(np.mean([c["cmc"]["1"]["value"] for c in scenes])) for scenes in conditions])
    return spread([own[-1]["cmc"]["1"] for own in conditions])


def below(methods: Methods) -> list[str]:
    """Shortcut floor and chance, which are the same for all."""
    if not methods:
        return []
    closed = next(iter(methods.values()))[0].results["closed"]
    floor, chance = closed["shortcut_floor"]["all"], closed["conditions"][0]["chance"]
    last = [f"{100 * chance['cmc'][k]:.1f}" for k in ("1", "5")]
    return [
        row("shortcut floor", *[""] * 4, *(spread([floor["cmc"][k]]) for k in ("1", "5")), *[""] * 6),
        row("chance", *[""] * 4, *last, f"{100 * chance['mAP']:.1f}", *[""] * 5),
    ]


def conditions_table(methods: Methods) -> str:
    """Top-1 under the conditions that the paper has too, of the methods BESIDE; the first seed."""
    first = {name: methods[name][0].results for name in BESIDE if name in methods}
    rows = [row("protocol", "condition", "the paper", *first), "|---" * (len(first) + 3) + "|"]
    for protocol, places in PAPER_CONDITIONS.items():
        for place, published in places.items():
            found = [at(results, protocol, place) for results in first.values()]
            if any(found):
                shown = [f"{100 * each['cmc']['1']['value']:.1f}" if each else "" for each in found]
                label = next(each["condition"] for each in found if each)
                rows.append(row(protocol, label, f"{published:.1f}", *shown))
    return "\n".join(rows)


def at(results: Mapping[str, Any], protocol: str, place: float | None) -> Mapping[str, Any] | None:
    """The condition of a protocol at a place of its axis, if it was evaluated."""
    return next((each for each in results.get(protocol, {}).get("conditions", []) if each["value"] == place), None)


def released_table(found: Sequence[Found]) -> str:
    """The leaking evaluation beside the honest one."""
    columns = ("as released (leaks the truth)", "top-1", "the same with radar of other people", "honest top-1")
    rows = [row(*columns), "|---" * len(columns) + "|"]
    for each in found:
        released = each.results["as-released"]["as_released"]
        honest = each.results["closed"]["conditions"][0]["cmc"]["1"]
        figures_of = (released["cmc"]["1"], released["control"]["1"], honest)
        rows.append(row(each.name, *(spread([figure]) for figure in figures_of)))
    return "\n".join(rows)


def joint_errors(found: Sequence[Found]) -> list[Mapping[str, Any]]:
    """Joint errors of a method, for each seed, if it tells joints."""
    told = [each.results.get("joints") or each.results.get("closed", {}).get("joint_errors_cm") for each in found]
    return [errors for errors in told if errors]


def joints_cells(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """Joint errors on either side; empty for a side that is not told."""
    sides = [[each[side] for each in errors if each[side]] for side in ("radar", "camera")]
    return [spread(side, 1.0) if side else "" for side in sides]


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


def figures(methods: Methods) -> dict[str, Figure]:
    """Characteristics, and a curve for each protocol of CURVES; the first seed of every method that has it."""
    drawn = {}
    for protocol in ("closed", *CURVES):
        own = {name: f[0].results[protocol]["conditions"] for name, f in methods.items() if protocol in f[0].results}
        if own:
            figure = drawn[protocol] = Figure(figsize=(9, 5), layout="constrained")
            draw_methods(figure.add_subplot(), protocol, own)
    return drawn


def draw_methods(axes: Axes, protocol: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """The methods by one protocol: characteristics of `closed`, top-1 over the conditions of others."""
    chance: dict[float, float] = {}
    for number, (name, conditions) in enumerate(found.items()):
        if protocol == "closed":
            values = {int(k): figure["value"] for k, figure in conditions[0]["cmc"].items()}
            chance = {int(k): value for k, value in conditions[0]["chance"]["cmc"].items()}
        else:
            values = {each["value"]: each["cmc"]["1"]["value"] for each in conditions}
            chance |= {each["value"]: each["chance"]["cmc"]["1"] for each in conditions}
        marker = "osD^v<>ph*"[number % 10]
        axes.plot(list(values), [100 * value for value in values.values()], f"{marker}-", label=name, markersize=5)
    axes.plot(list(chance), [100 * value for value in chance.values()], ":", color="0.4", label="chance")
    axis = "rank" if protocol == "closed" else PROTOCOLS[protocol].axis
    axes.set(
        xlabel=axis, ylabel="top-1 [%]" if protocol != "closed" else "true person among the first [%]", ylim=(0, 101)
    )
    axes.set_title(f"{protocol}: {PROTOCOLS[protocol].summary}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
