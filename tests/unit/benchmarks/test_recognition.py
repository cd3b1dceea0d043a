"""What the comparison of activity and identity trains, keeps and shows."""

import sys
from pathlib import Path

import numpy as np
import pytest

from mission_core.data.doppler_windows import LabelledMaps
from mission_core.models.mra_net.training import Parts

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
import recognition
from recognition import ABLATIONS, base_of, configured, disturbances, jobs_of, linear, step_times, work
from recognition_tables import RATIO_EDGES, figures, tables


def maps(count: int = 120, people: tuple[str, ...] = ("S1", "S2")) -> LabelledMaps:
    """Two activities and two people, each at a velocity of their own; each take has two windows."""
    rng = np.random.default_rng(0)
    numbers = np.arange(count) // 2
    activity, person = numbers % 2, numbers // 2 % 2
    values = np.full((count, 16, 20), -50.0) + rng.normal(0.0, 1.0, (count, 16, 20))
    values[np.arange(count), 4 + 8 * activity] += 20.0
    values[np.arange(count), 14 + person] += 20.0
    names, none = numbers.astype(str), np.zeros(count, np.bool_)
    return LabelledMaps(values.astype(np.float32), activity, person, names, none, ("box", "walk"), people)


def test_rows_are_trained_with_the_same_settings_but_for_what_they_are():
    base = base_of("activity6")
    jobs = {job.row: job.config for job in jobs_of("activity6", [], 1, Path("runs"), Path("results"))}
    assert jobs["mra_net"] == configured(base, {"name": "activity6-mra_net-0"})
    assert (jobs["fine"].network.scales, jobs["fine"].network.attention) == ("fine", False)
    assert jobs["fine"].network.widths == base.network.widths
    assert jobs["ratio_2_3"].weighting == pytest.approx(2 / 3)
    assert jobs["cao"].tasks == "identity"
    for config in jobs.values():
        assert (config.steps, config.batch, config.learning_rate) == (base.steps, base.batch, base.learning_rate)


def test_every_fold_is_a_run_and_the_authors_split_has_one():
    names = [job.config.name for job in jobs_of("radhar", ["lstm", "lstm_authors"], None, Path("runs"), Path("found"))]
    assert names == ["radhar-lstm-0", "radhar-lstm_authors-0", "radhar-lstm-1", "radhar-lstm-2", "radhar-lstm-3"]


def test_an_unknown_row_is_named():
    with pytest.raises(SystemExit, match="'resnet'"):
        list(jobs_of("radhar", ["resnet"], None, Path("runs"), Path("found")))


def test_linear_regression_tells_what_is_plain():
    whole, places = maps(), np.arange(120)
    found = linear(Parts(whole.subset(places < 80), whole.subset(places < 8), whole.subset(places >= 80)))
    assert found["tasks"]["activity"]["f1"] == 100.0
    assert found["tasks"]["identity"]["f1"] == 100.0
    assert found["identity_f1_by_activity"] == {"box": 100.0, "walk": 100.0}
    assert found["windows"] == {"train": 80, "validation": 8, "test": 40}


def test_what_was_found_is_kept_and_not_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(recognition, "all_maps", lambda *_: maps())
    jobs = list(jobs_of("activity6", ["linear"], 2, tmp_path / "runs", tmp_path / "found"))
    work(jobs, 1)
    first = [job.results.read_text() for job in jobs]
    monkeypatch.setattr(recognition, "linear", lambda _: pytest.fail("done again"))
    work(jobs, 1)
    assert [job.results.read_text() for job in jobs] == first
    assert "| linear | 2 |" in tables("activity6", {"linear": [job.found() for job in jobs]})


def test_disturbed_windows_are_those_of_the_fold(monkeypatch):
    asked = []

    def disturbed(data: str, workers: int, **how: float) -> LabelledMaps:
        asked.append(how)
        return maps()

    class Tells(recognition.torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = recognition.torch.nn.Parameter(recognition.torch.zeros(1))

        def forward(self, values):
            return {"activity": values[:, [4, 12]].mean(dim=2), "identity": values[:, [14, 15]].mean(dim=2)}

    monkeypatch.setattr(recognition, "_maps", disturbed)
    (job,) = jobs_of("activity6", ["mra_net"], 1, Path("runs"), Path("found"))
    found = dict(disturbances(job, Tells()))
    assert asked == [{"snr_db": snr} for snr in recognition.SNRS_DB]
    assert all(each == {"activity": 100.0, "identity": 100.0} for each in found.values())


def test_tables_show_means_over_folds_beside_the_papers():
    def fold(f1: float) -> dict:
        told = {"windows": 4, "accuracy": f1, "precision": f1, "recall": f1, "f1": f1}
        task = {**told, "names": ["box", "walk"], "confusion": [[1.0, 0.0], [0.5, 0.5]]}
        counts = [0] * (len(RATIO_EDGES) - 1)
        counts[5] = 4
        return {
            "parameters": 1234,
            "tasks": {"activity": task, "identity": task},
            "ratios": counts,
            "disturbed": {"snr_db=0": {"activity": f1 - 10.0, "identity": f1 - 20.0}},
            "identity_f1_by_activity": {"box": f1, "walk": f1},
        }

    found = {"mra_net": [fold(90.0), fold(94.0)]}
    shown = tables("activity6", found)
    assert "| mra_net | 2 | 1,234 | 92.0 ± 2.0 | 92.0 ± 2.0 | 98.29 | 92.0 ± 2.0 | 92.0 ± 2.0 | 95.87 |" in shown
    assert "| mra_net, identity | 72.0 ± 2.0 | 92.0 ± 2.0 |" in shown
    assert set(figures("activity6", found)) == {"confusion", "loss_weights"}


def test_times_are_told_beside_the_first_row():
    base = configured(base_of("radhar"), {"batch": 2})
    lines = step_times(base, rounds=1).splitlines()[2:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == list(ABLATIONS)
    assert "| +0 % |" in lines[0]
