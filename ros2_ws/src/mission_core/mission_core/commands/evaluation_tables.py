"""The figures of an evaluation as tables on a terminal, from what `reports.report` makes."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

SHOWN_RANKS = ("1", "3", "5", "10")
OPEN = ("area under ROC", "identified at 10 % false alarms")


def show(content: dict[str, Any], console: Console | None = None) -> None:
    """Prints everything but what only programs want."""
    console = console or Console()
    data, model = content["dataset"], content["model"]
    console.print(
        f"{content['protocol']}: {model['name']} ({model['sha256'][:8]}) on {data['directory']}, seed "
        f"{content['seed']}",
        style="bold",
        markup=False,
    )
    if released := content.get("as_released"):
        _show_released(console, content["warning"], released)
        return
    console.print(_conditions(content["conditions"]))
    for condition in content["conditions"]:
        _tell(console, condition)
    if wrong := [condition for condition in content["conditions"] if condition["confusions"]]:
        console.print(_errors(wrong))
    if "shortcut_floor" in content:
        console.print(_floor(content["shortcut_floor"]))
    if joints := content.get("joint_errors_cm"):
        text = ", ".join(
            f"before the {side} {error['value']:.2f} ({error['low']:.2f}-{error['high']:.2f})"
            for side in ("radar", "camera")
            if (error := joints[side]) is not None
        )
        console.print(f"average joint error [cm], each query fused with a clip of its own person: {text}")
    if "open_set" in content:
        _show_open_set(console, content["open_set"])
    if "by_seconds" in content:
        console.print(_by_seconds(content["by_seconds"]))


def percent(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f}"


def with_interval(figure: dict[str, float]) -> str:
    """A share in percent and its 95 % interval."""
    return f"{percent(figure['value'])} ({percent(figure['low'])}-{percent(figure['high'])})"


def _conditions(conditions: Iterable[dict[str, Any]]) -> Table:
    table = Table(
        title="percent, with 95 % intervals over people; control: every query with the radar of somebody else"
    )
    for column in ("condition", "people", "queries", "clips", *(f"top-{k}" for k in SHOWN_RANKS), "mAP"):
        table.add_column(column)
    for condition in conditions:
        if alike := condition.get("in_galleries_of_one_size"):
            table.caption = f"galleries differ in size; top-1 / {alike['people']}: in all galleries of that many people"
        ranks = [k for k in SHOWN_RANKS if k in condition["cmc"]]
        padding = [""] * (len(SHOWN_RANKS) - len(ranks))
        counts = [str(condition[key]) for key in ("people", "queries", "gallery_clips")]
        figures = [with_interval(condition["cmc"][k]) for k in ranks]
        table.add_row(condition["condition"], *counts, *figures, *padding, with_interval(condition["mAP"]))
        if alike:
            table.add_row(f"  top-1 / {alike['people']}", "", "", "", with_interval(alike["top1"]))
        chance, control = condition["chance"], condition["null_modality_control"]
        below = [percent(chance["cmc"][k]) for k in ranks]
        table.add_row("  chance", "", "", "", *below, *padding, percent(chance["mAP"]), style="dim")
        if control is not None:
            style = "bold red" if control["above_chance"] else "dim"
            below = [percent(control["cmc"][k]["value"]) for k in ranks]
            table.add_row("  control", "", "", "", *below, *padding, percent(control["mAP"]["value"]), style=style)
    return table


def _tell(console: Console, condition: dict[str, Any]) -> None:
    """What does not go without saying of a condition."""
    label, control = condition["condition"], condition["null_modality_control"]
    if control is None:
        console.print(f"{label}: no control, one person asks more than half of the queries")
    elif control["above_chance"]:
        console.print(f"{label}: the control is above chance, so these figures prove nothing", style="bold red")
    if condition["queries_of_people_not_enrolled"] or condition["takes_too_short"]:
        console.print(
            f"{label}: left out {condition['queries_of_people_not_enrolled']} queries of people without a clip in the "
            f"gallery, and {condition['takes_too_short']} takes shorter than a clip"
        )


def _errors(conditions: Iterable[dict[str, Any]]) -> Table:
    title = "wrong first places: how far the chosen person is from the true one (in brackets: anybody else)"
    table = Table(title=title)
    columns = ("stature, cm", "cadence, 1/s", "all parameters, deviations", "more like than, %")
    for column in ("condition", "wrong", *columns, "most often confused"):
        table.add_column(column)
    for condition in conditions:
        found = condition["confusions"]
        figures = ["", "", "", ""]
        if found["overall"] is not None:
            stature, cadence = found["likeness"]["stature"], found["likeness"]["cadence"]
            figures = [
                f"{100 * stature['chosen']:.1f} ({100 * stature['anybody']:.1f})",
                f"{cadence['chosen']:.2f} ({cadence['anybody']:.2f})",
                f"{found['overall']['chosen']:.2f} ({found['overall']['anybody']:.2f})",
                "" if found["nearness"] is None else percent(found["nearness"]),
            ]
        pairs = ", ".join(f"{one}/{other} {times}" for one, other, times in found["pairs"][:3])
        table.add_row(condition["condition"], f"{found['wrong']} of {found['queries']}", *figures, pairs)
    return table


def _floor(floor: dict[str, Any]) -> Table:
    title = f"shortcut floor, percent: radar to radar, nearest centroid of {floor['training_takes']} takes, no gait"
    table = Table(title=title)
    for column in ("statistics", "top-1", "top-5"):
        table.add_column(column)
    for name, found in floor.items():
        if name != "training_takes":
            table.add_row(name, with_interval(found["cmc"]["1"]), with_interval(found["cmc"].get("5", found["mAP"])))
            chance = found["chance"]["cmc"]
    table.add_row("  chance", percent(chance["1"]), percent(chance.get("5", 1.0)), style="dim")
    return table


def _show_open_set(console: Console, found: dict[str, Any]) -> None:
    table = Table(title=f"is the person enrolled? {found['queries']} queries of {found['people']} people, percent")
    for column in ("measure", "value"):
        table.add_column(column)
    table.add_row("area under ROC", with_interval(found["auroc"]))
    for rate, figure in found["identified"].items():
        table.add_row(f"detected and identified at {float(rate):.0%} false alarms", with_interval(figure))
    table.add_row("node: false alarms, somebody leads though not enrolled", with_interval(found["false_alarms"]))
    table.add_row("node: detections, somebody leads where enrolled", with_interval(found["detected"]))
    table.add_row("node: the right person leads where enrolled", with_interval(found["led_by_truth"]))
    table.add_row("expected calibration error", percent(found["calibration_error"]))
    for each in found["transfer"]:
        text = f"threshold of one half for {each['wanted']:.0%}: false alarms among the other half (95 % of halvings)"
        table.add_row(text, with_interval(each["false_alarms"]))
        table.add_row("  detected and identified there", with_interval(each["identified"]))
    console.print(table)
    table = Table(title="reliability, percent")
    for column in ("confidence", "answers", "mean confidence", "accuracy"):
        table.add_column(column)
    for each in found["bins"]:
        span = f"{100 * each['low']:.0f}-{100 * each['high']:.0f}"
        table.add_row(span, str(each["count"]), percent(each["confidence"]), percent(each["accuracy"]))
    console.print(table)


def _by_seconds(points: Iterable[dict[str, Any]]) -> Table:
    table = Table(title="accuracy by time watched, percent")
    for column in ("seconds", "windows", "top-1", "mean probability of the right person", "of unknown", *OPEN):
        table.add_column(column)
    for point in points:
        first, truth, area, identified = (with_interval(point[k]) for k in ("top1", "truth", "auroc", "identified"))
        row = (f"{point['seconds']:.1f}", f"{point['windows']:.1f}", first, truth, percent(point["unknown"]))
        table.add_row(*row, area, identified)
    return table


def _show_released(console: Console, warning: str, found: dict[str, Any]) -> None:
    console.print(f"LEAKING: {warning}", style="bold red")
    table = Table(title=f"the authors' evaluation, {found['records']} records of {found['people']} people, percent")
    for column in ("", *(f"top-{k}" for k in SHOWN_RANKS), "mAP"):
        table.add_column(column)
    precision = with_interval(found["average_precision"])
    table.add_row("as released", *(with_interval(found["cmc"][k]) for k in SHOWN_RANKS), precision)
    table.add_row("the same with radar of other people", *(with_interval(found["control"][k]) for k in SHOWN_RANKS), "")
    table.add_row("chance", *(percent(found["chance"][k]) for k in SHOWN_RANKS), "")
    console.print(table)
