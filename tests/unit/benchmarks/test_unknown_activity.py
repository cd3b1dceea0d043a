"""What is left out of a training, and what is told of it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mission_core.data.doppler_windows import LabelledMaps, MapShape
from mission_core.models.mra_net.configuration import MraNetConfig, RecognitionTraining
from mission_core.models.mra_net.training import Parts

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
from unknown_activity import row, without

TINY = RecognitionTraining(
    name="tiny",
    data="activities",
    tasks="activity",
    maps=MapShape("points", rows=16, columns=20, range_db=(0.0, 20.0)),
    network=MraNetConfig(widths=(4, 8, 8)),
    made_up=0.2,
    batch=16,
    steps=4,
    validate_every=4,
)


def maps(count: int) -> LabelledMaps:
    """Three activities, each at a velocity of its own."""
    activity = np.arange(count) % 3
    values = np.random.default_rng(count).normal(0.0, 1.0, (count, 16, 20)).astype(np.float32)
    values[np.arange(count), 2 + 5 * activity] += 20.0
    names, none = np.arange(count).astype(str), np.zeros(count, np.bool_)
    return LabelledMaps(values, activity, none.astype(np.int64), names, none, ("box", "sit", "walk"), ("P00",))


def test_the_rest_is_as_if_there_were_no_such_activity() -> None:
    rest = without(maps(9), "sit")
    assert rest.activities == ("box", "walk")
    assert rest.activity.tolist() == [0, 1] * 3
    assert rest.take.tolist() == ["0", "2", "3", "5", "6", "8"]
    assert rest.maps.shape == (6, 16, 20)


def test_a_row_tells_of_what_was_left_out(tmp_path: Path) -> None:
    parts = Parts(maps(48), maps(24), maps(30))
    cells = row("sit", parts, replace(TINY, name="tiny_without_sit"), tmp_path).strip("| ").split(" | ")
    assert cells[0] == "sit"
    assert 0.0 <= float(cells[1]) <= 1.0
    assert all(0.0 <= float(cell.rstrip("%")) <= 100.0 for cell in cells[2:4])
    assert cells[4].split()[0] in ("box", "walk")
    assert row("walk", parts, replace(TINY, name="tiny_without_walk"), tmp_path).split(" | ")[0] == "| walk"
