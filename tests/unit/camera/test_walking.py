import numpy as np
import pytest

from mission_core.camera.walking import walks_on

RATE = 10.0


def geometry(places: np.ndarray, seed: int = 0) -> np.ndarray:
    """(S, 4) of somebody at some places (S, 2) ahead and left, with the error of a box's lower edge."""
    wobble = np.random.default_rng(seed).normal(0.0, 0.05, len(places))
    size = np.tile((1.75, 0.6), (len(places), 1))
    return np.column_stack((places[:, 1], places[:, 0] + wobble, size)).astype(np.float32)


def line(speed: float, direction_deg: float = 0.0, frames: int = 20) -> np.ndarray:
    way = np.arange(frames)[:, None] * speed / RATE
    return np.array((4.0, 0.0)) + way * np.array((np.cos(np.radians(direction_deg)), np.sin(np.radians(direction_deg))))


@pytest.mark.parametrize("direction", [0.0, 60.0, 90.0, 180.0])
@pytest.mark.parametrize("speed", [0.8, 1.2, 1.8])
def test_who_walks_straight_on_does(speed: float, direction: float) -> None:
    assert walks_on(geometry(line(speed, direction)), RATE)


def test_who_stands_strolls_turns_or_sets_off_does_not() -> None:
    there = line(1.2)
    turned = np.concatenate((there[:10], there[9::-1]))
    aside = np.concatenate((there[:10], there[9] + line(1.2, 90.0)[:10] - line(1.2)[0]))
    sets_off = np.concatenate((np.tile(there[0], (10, 1)), there[:10]))
    for places in (line(0.0), line(0.4), turned, aside, sets_off, sets_off[::-1]):
        assert not walks_on(geometry(places), RATE)


def test_of_a_camera_that_nobody_placed_everything_counts() -> None:
    assert walks_on(np.full((20, 4), np.nan, np.float32), RATE)
