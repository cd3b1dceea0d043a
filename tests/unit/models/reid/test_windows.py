"""Where tracks are cut."""

import numpy as np

from mission_core.models.reid.windows import cut


def back_and_forth(rate: float, *, speed: float = 1.2, way: float = 4.8, laps: int = 3) -> np.ndarray:
    """(F, 2) along x."""
    distance = np.arange(0.0, laps * way, speed / rate)
    x = way - np.abs(distance % (2 * way) - way)
    return np.stack((2.0 + x, np.zeros_like(x)), axis=1)


def test_a_window_ends_where_somebody_turns() -> None:
    for rate in (10.0, 20.0):
        places = back_and_forth(rate)
        windows = cut(places, rate, 1000)
        begins = [window.start / rate for window in windows if window.stop - window.start >= rate]
        np.testing.assert_allclose(begins, [0.0, 4.0, 8.0], atol=0.45)


def test_windows_are_all_of_the_track_and_no_longer_than_asked_for() -> None:
    places = back_and_forth(10.0)
    places[17:21] = np.nan
    windows = cut(places, 10.0, 25)
    assert np.concatenate([np.arange(len(places))[window] for window in windows]).tolist() == list(range(len(places)))
    assert max(window.stop - window.start for window in windows) == 25


def test_who_stands_makes_no_window_of_any_length() -> None:
    places = np.concatenate((back_and_forth(10.0, laps=1), np.tile((6.8, 0.0), (30, 1))))
    lengths = [window.stop - window.start for window in cut(places, 10.0, 100)]
    assert 38 <= lengths[0] <= 44
    assert max(lengths[1:]) <= 1
    assert cut(places[:0], 10.0, 100) == []
