"""What the comparison keeps of what it found, and what it does again."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mission_core.data.sets import walkers58
from mission_core.data.walks import settings
from mission_core.models.card import write_card

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
import comparison
from comparison import Job, configurations, data_of, evaluate_job, jobs_of

CARD = {"name": "PTL", "kind": "reid", "sha256": "a" * 64, "input": {}}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job that takes no time: what it finds by a protocol is that it was evaluated, and with which model."""

    def evaluations(model: Any, takes: Any, protocols: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        return [(protocol, {"by": model, "of": takes}) for protocol in protocols]

    people = walkers58(settings(10.0))
    monkeypatch.setattr(comparison, "plans", lambda _: (people, None))
    monkeypatch.setattr(comparison, "build", lambda recipe, *_, **__: recipe.name)
    monkeypatch.setattr(comparison, "evaluations", evaluations)
    (job,) = jobs_of(configurations(["PTL"]), 3, tmp_path / "runs", tmp_path / "results")
    (job.directory / "model").mkdir(parents=True)
    write_card(job.directory / "model", CARD)
    return job


def test_what_was_found_is_kept_with_the_card_and_not_done_again(job: Job) -> None:
    assert set(job.left()) == set(comparison.EVALUATED)
    assert job.found().results == {}
    evaluate_job(job, "first", workers=1)  # type: ignore[arg-type]
    assert job.left() == {}
    assert job.found().card == CARD
    plan = job.tests()["closed"]
    assert job.found().results["closed"] == {"data": data_of(plan), "by": "first", "of": "walkers58"}
    evaluate_job(job, "second", workers=1)  # type: ignore[arg-type]
    assert {each["by"] for each in job.found().results.values()} == {"first"}


def test_only_what_is_of_other_data_is_done_again(job: Job) -> None:
    evaluate_job(job, "first", workers=1)  # type: ignore[arg-type]
    found = dict(job.found().results)
    job.keep(CARD, found | {"unseen": found["unseen"] | {"data": "walkers58-0.9"}})
    assert set(job.left()) == {"unseen"}
    evaluate_job(job, "second", workers=1)  # type: ignore[arg-type]
    by = {protocol: each["by"] for protocol, each in job.found().results.items()}
    assert by == dict.fromkeys(comparison.EVALUATED, "first") | {"unseen": "second"}


def test_a_row_is_of_one_model(job: Job) -> None:
    evaluate_job(job, "first", workers=1)  # type: ignore[arg-type]
    write_card(job.directory / "model", CARD | {"sha256": "b" * 64})
    evaluate_job(job, "second", workers=1)  # type: ignore[arg-type]
    assert {each["by"] for each in job.found().results.values()} == {"second"}


def test_headline_methods_alone_have_several_seeds_each_with_a_file_of_its_own(tmp_path: Path) -> None:
    jobs = list(jobs_of(configurations(["PTL", "gait_alike"]), 3, tmp_path, tmp_path))
    assert [job.results.name for job in jobs] == [
        *("PTL.json", "gait_alike.json", "gait_alike-1.json", "gait_alike-2.json"),
    ]
    assert [job.config.seed for job in jobs] == [0, 0, 1, 2]


def test_the_leaking_evaluation_is_of_networks_that_fuse_and_joints_of_those_that_match_nobody(job: Job) -> None:
    (fused,) = jobs_of(configurations(["noAT"]), 1, job.directory, job.directory)
    (pose,) = jobs_of(configurations(["mmMesh"]), 1, job.directory, job.directory)
    assert "as-released" in fused.tests()
    assert "as-released" not in job.tests()
    assert set(pose.tests()) == {"joints"}
    assert "open-set" in replace(job, method="mission_small").tests()
