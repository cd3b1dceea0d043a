"""What the two opinions are asked, and what is measured of the answers."""

import sys
from pathlib import Path

import numpy as np
import pytest

from mission_core.data.takes import RadarTake, TakeInfo
from mission_core.types import Candidate, Ranking

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
from second_opinion import frames_of, measured, table


def ranking(unknown: float, **scores: float) -> Ranking:
    ordered = sorted(scores.items(), key=lambda each: -each[1])
    return Ranking(1, tuple(Candidate(who, score, "", 0.0) for who, score in ordered), unknown, 20)


def test_figures_of_answers() -> None:
    rankings = [
        ranking(0.2, P00=0.6, P01=0.2),  # right
        ranking(0.6, P00=0.1, P01=0.3),  # the first of the known is right, but "unknown" is likelier
        ranking(0.1, P00=0.8, P01=0.1),  # a stranger taken for P00
        ranking(0.8, P00=0.1, P01=0.1),  # a stranger told as such
    ]
    found = measured(rankings, ["P00", "P01", "N75000", "N75001"])
    assert found["top1"][0] == 1.0  # type: ignore[index]
    assert found["right_or_rightly_unknown"][0] == 0.5  # type: ignore[index]
    assert found["auroc_unknown"] == pytest.approx(0.5)
    shares = (0.6, 0.3, 0.1, 0.8)
    assert found["log_loss"] == pytest.approx(-np.log(shares).mean(), abs=1e-4)
    text = table({"gallery": found}, 0.25)
    assert "| gallery | 100.0% (100.0% .. 100.0%) | 50.0%" in text
    assert text.endswith("weight of the network's opinion 0.25")


def test_a_take_is_read_as_the_tracker_told_it() -> None:
    frames, seconds = 12, np.arange(12) * 0.1
    places = np.stack([2.0 + seconds, np.zeros(frames), np.ones(frames)], axis=1).astype(np.float32)
    places[4] = np.nan
    points = tuple(np.full((number % 3, 6), number, np.float32) for number in range(frames))
    nothing = np.zeros((0, frames), np.float32)
    take = RadarTake(
        TakeInfo("a", "P00", "a", "radar", frames=frames),
        (seconds * 1e9).astype(np.int64),
        points,
        places,
        np.full((frames, 32, 3), np.nan, np.float32),
        np.zeros(0, np.float32),
        nothing,
    )
    told = frames_of(take)
    assert [frame.frame_number for frame in told] == list(range(1, 13))
    np.testing.assert_allclose([frame.tracks[0].position[0] for frame in told], 2.0 + seconds, atol=1e-5)
    np.testing.assert_allclose([frame.tracks[0].velocity for frame in told], [[1.0, 0.0, 0.0]] * 12, atol=1e-3)
    assert [len(frame.labels) for frame in told] == [number % 3 for number in range(frames)]
