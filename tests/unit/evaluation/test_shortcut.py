from dataclasses import replace

import numpy as np
import pytest
from sample_walkers import walkers

from mission_core.data.takes import RadarTake, TakeList
from mission_core.evaluation.shortcut import GROUPS, nearest_centroid, shortcut_floor, statistics
from mission_core.types import Points


def with_points(take: RadarTake, rng: np.random.Generator, number: float, power: float) -> RadarTake:
    def frame() -> Points:
        points = rng.normal(size=(max(int(number), 1), 6)).astype(np.float32)
        points[:, 4] = power
        return points

    return replace(take, points=tuple(frame() for _ in take.points))


def data(number: float, power: float) -> TakeList:
    """Walkers each of whom gives some points more and some power more than the one before; else all are alike."""
    rng = np.random.default_rng(0)
    takes = walkers(people=10, walks=8)
    made = []
    for info in takes.infos:
        take = takes.take(info.take_id)
        if isinstance(take, RadarTake):
            take = with_points(take, rng, 10 + number * info.person_seed, 20.0 + power * info.person_seed)
        made.append(take)
    return TakeList(made)


@pytest.mark.parametrize(("number", "power", "telling"), [(2, 0.0, "points per frame"), (0, 1.0, "power")])
def test_what_a_data_set_gives_away_is_found(number: float, power: float, telling: str) -> None:
    floor = shortcut_floor(data(number, power))
    assert floor.found[telling].top(1).value == 1.0
    assert floor.found["extent"].top(1).value < 0.5
    assert floor.training_takes == 60


def test_a_data_set_that_gives_nothing_away_is_at_chance() -> None:
    floor = shortcut_floor(data(0, 0.0))
    for name in GROUPS:
        assert floor.found[name].top(1).low <= 0.25


def test_statistics_of_a_take() -> None:
    take = walkers(people=1, walks=1).take("P00-radar-00-radar-1")
    assert isinstance(take, RadarTake)
    line = np.zeros((11, 6), np.float32)
    line[:, 0], line[:, 4], line[:, 5] = np.linspace(0.0, 1.0, 11), 30.0, 7.0
    seen = replace(take, points=(line, np.zeros((0, 6), np.float32)) * (len(take.points) // 2))
    assert statistics(seen) == pytest.approx([5.5, 5.5, 30.0, 0.0, 7.0, 0.8, 0.0, 0.0], abs=1e-6)
    assert not statistics(replace(take, points=(line[:0],) * 3)).any()


def test_what_differs_from_take_to_take_counts_little() -> None:
    learnt = np.array([[0.0, 0.0], [0.1, 1000.0], [1.0, 400.0], [1.1, 1000.0]])
    found = nearest_centroid(learnt, np.array([0, 0, 1, 1]), np.array([[0.9, 400.0]]))
    assert found.argmin() == 1
    once = nearest_centroid(learnt[::2], np.array([0, 1]), np.array([[0.0, 0.0], [1.0, 400.0]]))
    assert once.argmin(axis=1).tolist() == [0, 1]
    assert np.isfinite(nearest_centroid(np.ones((4, 2)), np.array([0, 0, 1, 1]), np.ones((1, 2)))).all()
