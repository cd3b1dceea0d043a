"""Tables of the comparison, from reports as `mission evaluate --json` writes them."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
from comparison_tables import Found, figures, over_seeds, spread, tables

CARD = {"parameters": 1500, "parameters_of_pictures": 500, "validation": {"mAP": 0.25}}
PROTOCOLS = ("closed", "frames", "unseen", "cross-scene", "multi-person", "walks")


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def condition(top1: float, value: float | None = None) -> dict[str, Any]:
    return {
        "condition": f"at {value}",
        "value": value,
        "cmc": {"1": figure(top1), "5": figure(top1 + 0.3)},
        "mAP": figure(top1 + 0.1),
        "chance": {"cmc": {"1": 0.017, "5": 0.086}, "mAP": 0.08},
        "null_modality_control": {"cmc": {"1": figure(0.02)}},
    }


def found(name: str, top1: float, *, longest: float = 2.0, **more: Any) -> Found:
    results = {protocol: {"conditions": [condition(top1)]} for protocol in PROTOCOLS}
    results["closed"]["shortcut_floor"] = {"all": {"cmc": {"1": figure(0.1), "5": figure(0.3)}}}
    results["frames"] = {"conditions": [condition(top1 - 0.1, 1.0), condition(top1 + 0.2, longest)]}
    results["cross-scene"] = {"conditions": [condition(top1), condition(top1 + 0.1)]}
    return Found(name, CARD, results | more)


def cells(table: str, first: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_method_stands_with_its_interval_and_one_of_several_seeds_with_its_range() -> None:
    table = tables({"one": [found("one", 0.2)], "two": [found("two", 0.4), found("two-1", 0.5)]})
    assert cells(table, "one")[1:6] == ["", "1", "1,000", "25.0", "20.0 (15.0 – 25.0)"]
    assert cells(table, "one")[10] == "25.0"  # the mean of scenes
    assert cells(table, "two")[2] == "2"
    assert cells(table, "two")[5] == "45.0 [40.0 – 50.0]"
    assert cells(table, "shortcut floor")[5] == "10.0 (5.0 – 15.0)"
    assert cells(table, "chance")[5:8] == ["1.7", "8.6", "8.0"]
    assert {line.count("|") for line in table.split("\n\n")[0].splitlines()} == {14}


def test_the_papers_figures_stand_beside_ours() -> None:
    own = {"mission_small": [found("mission_small", 0.2, longest=5.0)], "gait_small": [found("gait_small", 0.3)]}
    table = tables(own | {"PTL": [found("PTL", 0.1)]})
    assert cells(table, "PTL")[1] == "53.3"
    assert cells(table, "frames | at 1.0") == ["frames", "at 1.0", "78.3", "10.0", "20.0"]
    assert cells(table, "multi-person") == ["multi-person", "at None", "84.8", "20.0", "30.0"]
    assert "camera-angle" not in table


def test_longer_queries_have_a_row_of_their_own() -> None:
    assert cells(tables({"long": [found("long", 0.3, longest=5.0)]}), "long, 5 s")[5] == "50.0 (45.0 – 55.0)"
    assert "brief, " not in tables({"brief": [found("brief", 0.3)]})


def test_what_was_not_evaluated_stays_empty() -> None:
    partly = found("partly", 0.2)
    partly = Found("partly", CARD, {name: partly.results[name] for name in ("closed", "unseen")})
    assert cells(tables({"partly": [partly]}), "partly")[10:] == ["", "", ""]
    assert len(tables({}).splitlines()) == 5  # the heads of two tables


def test_joints_and_what_leaks_have_their_own_tables() -> None:
    errors = {"pairs": 10, "radar": {"value": 8.0, "low": 7.5, "high": 8.5}, "camera": None}
    released = {"as_released": {"cmc": {"1": figure(0.9)}, "control": {"1": figure(0.6)}}}
    methods = {
        "fused": [found("fused", 0.2, **{"as-released": released})],
        "pose": [Found("pose", None, {"joints": errors})],
    }
    table = tables(methods)
    assert "| fused | 90.0 (85.0 – 95.0) | 60.0 (55.0 – 65.0) | 20.0 (15.0 – 25.0) |" in table
    assert "| pose | 8.0 (7.5 – 8.5) |  |" in table
    assert set(figures(methods)) == {"closed", "frames"}


@pytest.mark.parametrize(("values", "text"), [([0.5], "0.5"), ([1.0, 2.0, 3.0], "2.0 [1.0 – 3.0]")])
def test_seeds_are_told_by_mean_and_range(values: list[float], text: str) -> None:
    assert over_seeds(values) == text
    assert spread([figure(0.5)]) == "50.0 (45.0 – 55.0)"
