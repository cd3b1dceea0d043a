"""Windows of Doppler over time: how they are cut, labelled and parted."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_takes import make_radar_take

from mission_core.data.doppler_windows import (
    NOBODY,
    RADHAR_ACTIVITIES,
    MapShape,
    folds,
    noisy,
    radhar_windows,
    resized,
    take_windows,
)
from mission_core.data.takes import RadarTake, TakeInfo, TakeList
from mission_core.errors import ConfigurationError

IQ = MapShape(rows=20, columns=30)
POINTS = MapShape(kind="points", rows=32, columns=10, range_db=(0.0, 40.0))


def take(name: str, person: str, activity: str, seconds: float = 1.5) -> RadarTake:
    info = TakeInfo(name, person, name, "radar", activity=activity)
    times = np.arange(int(seconds * 290) + 1) / 290.0
    signal = np.exp(2j * np.pi * 60.0 * times).astype(np.complex64)
    return replace(make_radar_take(info, counts=(3,) * round(10 * seconds)), iq=signal, prf=290.0)


TAKES = TakeList(
    [take("a", "S1", "walk"), take("b", "S2", "walk", 1.25), take("c", "S1", "box", 1.0), take("d", "S2", "box")]
)


def test_a_take_gives_as_many_windows_as_it_is_long():
    windows = take_windows(TAKES, IQ)
    assert windows.maps.shape == (3 + 2 + 1 + 3, 20, 30)
    assert windows.take.tolist() == ["a"] * 3 + ["b"] * 2 + ["c"] + ["d"] * 3
    assert [windows.activities[i] for i in windows.activity] == ["walk"] * 5 + ["box"] * 4
    assert [windows.people[i] for i in windows.person] == ["S1"] * 3 + ["S2"] * 2 + ["S1"] + ["S2"] * 3
    assert windows.maps.max() <= 0.0


def test_doppler_time_maps_are_cut_at_the_same_moments():
    windows = take_windows(TAKES, POINTS)
    assert windows.maps.shape == (9, 32, 10)
    np.testing.assert_array_equal(windows.maps[0], take("a", "S1", "walk").doppler[:, :10])
    np.testing.assert_array_equal(windows.maps[1], take("a", "S1", "walk").doppler[:, 2:12])


def test_what_is_shorter_than_a_window_begins_with_nothing():
    (window,) = take_windows(TakeList([take("a", "S1", "walk")]), replace(POINTS, seconds=2.0, columns=20)).maps
    assert not window[:, :5].any()
    np.testing.assert_array_equal(window[:, 5:], take("a", "S1", "walk").doppler)


def test_strangers_are_nobody_and_stay_together():
    strangers = TakeList([*(take(name, "N1", "walk") for name in "ef"), take("a", "S1", "walk")])
    windows = take_windows(strangers, POINTS, known={"S1"})
    assert windows.people == ("S1", NOBODY)
    assert windows.person.tolist() == [1] * 6 + [0] * 3
    assert windows.take.tolist() == ["N1"] * 6 + ["a"] * 3


def test_another_kind_of_maps_is_refused():
    with pytest.raises(ConfigurationError, match="a map of points, expected one of heatmap"):
        take_windows(TAKES, replace(POINTS, kind="heatmap"))
    with pytest.raises(ConfigurationError, match="no slow-time signal"):
        take_windows(TakeList([replace(take("a", "S1", "walk"), iq=None)]), IQ)
    with pytest.raises(ConfigurationError, match="maps of points have none"):
        take_windows(TAKES, POINTS, snr_db=10.0)


@pytest.mark.parametrize("snr_db", [0.0, 15.0])
def test_noise_is_as_loud_as_asked_for(snr_db):
    signal = np.full(200_000, 0.5 + 0.5j, np.complex64)
    added = noisy(signal, snr_db, np.random.default_rng(0)) - signal
    assert 10.0 * np.log10(0.5 / np.mean(np.abs(added) ** 2)) == pytest.approx(snr_db, abs=0.1)
    assert noisy(signal, np.inf, np.random.default_rng(0)) is signal


def test_noise_fills_what_was_empty_and_is_the_same_each_time():
    clear, loud = take_windows(TAKES, IQ), take_windows(TAKES, IQ, snr_db=0.0)
    assert np.median(loud.maps) > np.median(clear.maps) + 20.0
    np.testing.assert_array_equal(loud.maps, take_windows(TAKES, IQ, snr_db=0.0).maps)


def test_resizing_keeps_the_mean():
    values = np.random.default_rng(0).uniform(size=(64, 40)).astype(np.float32)
    assert resized(values, (64, 40)) is values
    assert resized(values, (32, 20)).mean() == pytest.approx(values.mean(), abs=1e-6)
    assert resized(values, (100, 150)).shape == (100, 150)


def test_folds_keep_takes_together_and_labels_apart():
    rng = np.random.default_rng(1)
    groups = np.repeat([f"take{i}" for i in range(60)], 3)
    labels = np.repeat(rng.integers(0, 3, 60), 3)
    parts = folds(labels, groups, 5)
    assert np.sum(parts, axis=0).tolist() == [1] * 180
    for part in parts:
        assert not set(groups[part]) & set(groups[~part])
        for label in range(3):
            share = np.mean(part[labels == label])
            assert share == pytest.approx(0.2, abs=3 / np.count_nonzero(labels == label))


def test_a_group_with_several_labels_stays_together():
    groups = np.repeat([f"N{i}" for i in range(20)], 4)
    labels = np.tile(np.array([0, 1, 2, 3]), 20)
    for part in folds(labels, groups, 5):
        assert not set(groups[part]) & set(groups[~part])
        assert np.bincount(labels[part]).tolist() == [4] * 4


def test_folds_by_window_part_takes():
    groups, labels = np.repeat([f"take{i}" for i in range(60)], 3), np.zeros(180, np.int64)
    parts = folds(labels, None, 5)
    assert all(set(groups[part]) & set(groups[~part]) for part in parts)


def test_too_few_takes_for_the_folds_are_named():
    with pytest.raises(ConfigurationError, match="label 0 has windows of 2 takes only"):
        folds(np.zeros(6, np.int64), np.repeat(["a", "b"], 3), 5)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"seconds": 0.0}, "0 s"),
        ({"kind": "wave"}, "'wave'"),
        ({"rows": 4}, "4 x 150"),
        ({"range_db": (0.0, -50.0)}, "the lower one first"),
    ],
)
def test_impossible_shapes_are_refused(shape, said):
    with pytest.raises(ConfigurationError, match=said):
        MapShape(**shape)


# --- RadHAR ----------------------------------------------------------------------------------------------------------

COLUMNS = ["x", "y", "z", "range", "velocity", "doppler_bin", "bearing", "intensity"]
RADHAR = MapShape(kind="points", rows=16, columns=60, seconds=2.0, hop=1 / 3, range_db=(0.0, 16.0))


def write_recording(path: Path, began: float, bins: int) -> None:
    """80 frames of two points of one velocity and one that stands."""
    frame = np.repeat(np.arange(80), 3)
    rows = np.zeros((240, 8), np.float32)
    rows[:, 4] = np.tile([bins * 0.61466867, bins * 0.61466867, 0.0], 80)
    times = (frame / 30.0).astype(np.float32)
    np.savez(path, t=times, t0=np.array(began), frame=frame, pts=rows, cols=COLUMNS)


@pytest.fixture
def recordings(tmp_path):
    directory = tmp_path / "radhar" / "npz"
    directory.mkdir(parents=True)
    for number, activity in enumerate(RADHAR_ACTIVITIES):
        for repeat, (split, began) in enumerate((("Train", 0.0), ("Test", 25.0), ("Train", 4000.0))):
            write_recording(directory / f"{split}_{activity}_{repeat}.npz", 1e9 + 9000.0 * number + began, number)
    return tmp_path


def test_radhar_windows_hold_what_moves_how_fast(recordings):
    windows = radhar_windows(recordings, RADHAR)
    assert windows.maps.shape == (5 * 3 * 3, 16, 60)  # 80 frames give three windows of 60, 10 apart
    walk = windows.maps[windows.activity == RADHAR_ACTIVITIES.index("walk")][0]
    np.testing.assert_allclose(walk[8 + 4], 10.0 * np.log10(3.0), rtol=1e-6)
    np.testing.assert_allclose(walk[8], 10.0 * np.log10(2.0), rtol=1e-6)
    assert not walk[[7, 9, 11, 13]].any()


def test_radhar_sittings_are_recordings_without_a_pause(recordings):
    windows = radhar_windows(recordings, RADHAR)
    assert len(set(windows.take)) == 10
    for sitting in set(windows.take):
        assert len(set(windows.activity[windows.take == sitting])) == 1
    assert windows.held_out.sum() == 15


def test_radhar_can_lose_frames_and_points(recordings):
    whole, sparse = radhar_windows(recordings, RADHAR), radhar_windows(recordings, RADHAR, keep=0.5, drop=0.25)
    silent = (sparse.maps.max(axis=1) == 0.0).mean()
    assert 0.25 < silent < 0.5
    assert sparse.maps.sum() < 0.6 * whole.maps.sum()


def test_radhar_has_points_alone(recordings):
    with pytest.raises(ConfigurationError, match="RadHAR has points"):
        radhar_windows(recordings, IQ)


def test_real_recordings_have_several_sittings_of_every_activity():
    data = Path(os.environ.get("MISSION_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
    if not (data / "radhar").is_dir():
        pytest.skip(f"no RadHAR recordings below {data} (MISSION_DATA)")
    windows = radhar_windows(data, RADHAR)
    for activity in range(len(RADHAR_ACTIVITIES)):
        assert len(set(windows.take[windows.activity == activity])) >= 4
    for part in folds(windows.activity, windows.take, 4):
        assert not set(windows.take[part]) & set(windows.take[~part])
