"""`mission evaluate` of data sets, on walkers whose number a stand-in model reads from either sensor."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from sample_walkers import Fusing, Merging, laps, walkers

from mission_core import cli
from mission_core.data.shards import Job, Recipe, build
from mission_core.data.takes import Take, TakeInfo
from mission_core.errors import ConfigurationError
from mission_core.evaluation.evaluate import require_test_people
from mission_core.evaluation.protocols import PROTOCOLS
from mission_core.models.reid.model import ReidModel

PNG = b"\x89PNG"


OWN_DATA = {"walks": "shared", "tracks": "laps"}
"""Of protocols that need a data set of their own kind."""


def takes(person: int, kind: str) -> list[Take]:
    shared = kind == "shared"
    made = laps() if kind == "laps" else walkers(12, 2 if shared else 8, shared=shared, pairs=not shared)
    return [made.take(info.take_id) for info in made.infos if info.person_seed == person]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Directories of data sets: the sensors see different walks, the same ones, people who walk back and forth."""
    root = tmp_path_factory.mktemp("datasets")
    made = {}
    for name in ("apart", "shared", "laps"):
        jobs = [Job(f"P{person:02d}", 1, functools.partial(takes, person, name)) for person in range(12)]
        made[name] = str(build(Recipe(name, "0.1", seed=0), jobs, root).directory)
    return made


@pytest.fixture
def evaluate(datasets: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setattr(ReidModel, "load", lambda _: Merging())

    def run(protocol: str, *options: str, data: str = "apart") -> tuple[int, str, str]:
        status = cli.main(["evaluate", "--dataset", datasets[data], "--protocol", protocol, *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name not in ("as-released",)])
def test_every_protocol_prints_one_json_object(evaluate: Any, protocol: str) -> None:
    status, out, err = evaluate(protocol, "--json", data=OWN_DATA.get(protocol, "apart"))
    assert status == 0, err
    content = json.loads(out)
    assert (content["protocol"], content["model"]["sha256"], content["seed"]) == (protocol, "ab" * 32, 0)
    assert content["dataset"]["generator"] == "0.1"
    for condition in content["conditions"]:
        assert condition["cmc"]["1"]["value"] == 1.0
        assert condition["cmc"]["1"]["low"] <= 1.0 <= condition["cmc"]["1"]["high"]
        assert condition["queries"] > 0
        assert condition["people_who_ask"] <= condition["people"] <= 12 or protocol == "candidates"
        control = condition["null_modality_control"]
        assert control is None or not control["above_chance"]
    assert ("shortcut_floor" in content) == (protocol == "closed")
    assert ("open_set" in content) == (protocol in ("open-set", "tracks"))
    assert ("by_seconds" in content) == (protocol == "tracks")


def test_a_table_for_people_and_pictures(evaluate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    for protocol in ("closed", "open-set", "radar-angle", "tracks"):
        data = OWN_DATA.get(protocol, "apart")
        status, out, err = evaluate(protocol, "--images", str(tmp_path / "images"), data=data)
        assert status == 0, err
        assert f"{protocol}: reader (abababab) on {data}-0.1" in out
        assert "chance" in out
        assert "wrote" in err
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert {"closed_cmc.png", "radar-angle_curve.png", "open-set_reliability.png", "tracks_seconds.png"} <= names
    assert all(path.read_bytes().startswith(PNG) for path in (tmp_path / "images").iterdir())


def test_a_model_that_tells_joints_is_asked_for_them(evaluate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReidModel, "load", lambda _: Fusing())
    errors = json.loads(evaluate("closed", "--json")[1])["joint_errors_cm"]
    assert errors["pairs"] > 0
    assert (errors["radar"]["value"], errors["camera"]["value"]) == (3.0, 4.0)
    monkeypatch.setenv("COLUMNS", "160")
    assert "before the radar 3.00 (3.00-3.00), before the camera 4.00 (4.00-4.00)" in evaluate("closed")[1]


def test_queries_are_as_long_as_asked_for(evaluate: Any) -> None:
    whole, brief = (json.loads(evaluate("closed", "--json", *o)[1]) for o in ([], ["--seconds", "0.7"]))
    assert [content["conditions"][0]["mean_query_seconds"] for content in (whole, brief)] == [2.0, 0.7]
    assert (whole["model"]["num_frames"], whole["seconds"], brief["seconds"]) == (20, 2.0, 0.7)
    by_length = json.loads(evaluate("frames", "--json", "--seconds", "1.2")[1])["conditions"]
    assert [condition["condition"] for condition in by_length] == ["0.5 s", "1 s", "1.2 s"]
    status, _, err = evaluate("closed", "--seconds", "2.1")
    assert status == 1
    assert "queries of 2.1 s were asked for, expected at most 2 s, which is what model reader reads" in err


def test_the_seed_draws_another_split(evaluate: Any) -> None:
    one, same, other = (json.loads(evaluate("closed", "--json", *seed)[1]) for seed in ([], [], ["--seed", "3"]))
    assert one == same
    assert other["seed"] == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing given"),
        (["bag", "--dataset", "x"], "bag and dataset given"),
        (["--dataset", "x", "--motion", "y"], "dataset and motion given"),
        (["bag", "--protocol", "closed"], "--protocol is an option of data sets"),
        (["--dataset", "x", "--params-file", "p"], "--params-file is an option of bags"),
        (["--motion", "x", "--protocol", "closed"], "--protocol closed does not go with --motion"),
    ],
)
def test_what_does_not_go_together_is_told(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_a_model_and_a_data_set_that_are_not_there_are_told(
    datasets: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", "--dataset", datasets["apart"], "--model", "nobody"]) == 1
    assert "name a model directory" in capsys.readouterr().err


def test_a_protocol_that_the_data_does_not_allow_names_the_remedy(evaluate: Any) -> None:
    status, out, err = evaluate("unseen", data="shared")
    assert (status, out) == (1, "")
    assert "use the protocol walks" in err


def test_galleries_of_different_size_are_compared_at_one_size(evaluate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    content = json.loads(evaluate("camera-angle", "--json")[1])
    sizes = [condition["people"] for condition in content["conditions"]]
    assert len(set(sizes)) > 1
    assert {c["in_galleries_of_one_size"]["people"] for c in content["conditions"]} == {min(sizes)}
    assert "galleries differ in size" in evaluate("camera-angle")[1]
    assert "in_galleries_of_one_size" not in json.loads(evaluate("frames", "--json")[1])["conditions"][0]


def test_both_folds_are_told_together(evaluate: Any) -> None:
    content = json.loads(evaluate("walks", "--json", data="shared")[1])
    assert [c["condition"] for c in content["conditions"]] == ["fold 1", "fold 2", "both folds"]
    assert content["conditions"][2]["queries"] == 24


def test_a_bag_is_still_evaluated(recorded_room: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(recorded_room.path)]) == 1
    assert "name the gallery with --gallery" in capsys.readouterr().err


def test_a_protocol_that_the_model_does_not_allow_names_the_remedy(evaluate: Any) -> None:
    status, _, err = evaluate("as-released")
    assert status == 1
    assert "name a model of the Mission network" in err


def test_nobody_is_evaluated_on_of_whom_models_learn() -> None:
    people = [TakeInfo("N1", "N10000", "N1", "radar", person_seed=10_000)]
    with pytest.raises(ConfigurationError, match=r"1 people of the data set \(N10000\)"):
        require_test_people(people)
    captured = TakeInfo("A1", "A1", "A1", "radar", person_seed=123_456, route="captured")
    require_test_people([captured, *walkers(people=2, walks=1).infos])
