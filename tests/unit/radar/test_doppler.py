import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.geometry import sensor_to_room
from mission_core.radar.doppler import RANGE_GATE, DopplerMaps
from mission_core.types import NO_TRACK, Mount, Track, TrackedFrame

VELOCITIES = np.arange(-8, 8, dtype=np.float32) * 0.25
RANGES = np.arange(64, dtype=np.float32) * 0.1
MOUNT = Mount(height=1.5, pitch_deg=10.0)
MAPS = {"velocities": VELOCITIES, "num_frames": 5, "frame_period": 0.1}


def frame(number: int, people: dict[int, list[tuple[float, float]]], distance: float = 3.0) -> TrackedFrame:
    """People as track id -> [(Doppler m/s, SNR dB)], `distance` metres in front of the sensor."""
    where = sensor_to_room(np.array([distance, 0.0, 0.0]), MOUNT)
    points = np.array([[*where, v, snr, 0.0] for hits in people.values() for v, snr in hits], np.float32)
    labels = np.array([track_id for track_id, hits in people.items() for _ in hits], np.int32)
    still = np.zeros(3)
    tracks = tuple(
        Track(track_id, where, still, still, np.ones(4), 1.0, num_points=len(hits), missed_frames=0)
        for track_id, hits in people.items()
    )
    return TrackedFrame(number * 100_000_000, number, tracks, points.reshape(-1, 6), labels)


def test_points_fall_into_their_bins_weighted_by_snr():
    maps = DopplerMaps("points", **MAPS)
    first, second = maps.step_points(frame(1, {3: [(1.0, 20.0), (1.1, 20.0), (-0.5, 10.0)], 7: [(0.0, 10.0)]}))
    assert (first.track_id, second.track_id) == (3, 7)
    assert first.stamp_ns == 100_000_000
    assert first.kind == "points"
    assert first.frame_period == 0.1
    assert first.values.shape == (16, 1)
    assert first.values.dtype == np.float32
    expected = np.zeros(16)
    expected[VELOCITIES == 1.0] = 10 * np.log10(1 + 100 + 100)
    expected[VELOCITIES == -0.5] = 10 * np.log10(1 + 10)
    np.testing.assert_allclose(first.values[:, 0], expected, rtol=1e-5)
    assert np.flatnonzero(second.values) == np.flatnonzero(VELOCITIES == 0.0)


def test_points_of_nobody_and_beyond_the_axis_are_left_out_and_untold_snr_counts_little():
    given = frame(1, {3: [(5.0, 20.0), (-2.2, 20.0), (0.5, 0.0)]})
    (only,) = DopplerMaps("points", **MAPS).step_points(given)
    assert only.values.sum() == pytest.approx(10 * np.log10(2))
    nobody = TrackedFrame(1, 1, given.tracks, given.points, np.full(3, NO_TRACK, np.int32))
    (only,) = DopplerMaps("points", **MAPS).step_points(nobody)
    assert not only.values.any()


def test_unknown_frame_numbers_are_no_gap():
    maps = DopplerMaps("points", **MAPS)
    for number in (7, 0, 0, 900):
        (only,) = maps.step_points(frame(number, {0: [(1.0, 10.0)]}))
    assert only.values.shape[1] == 4
    assert only.values.any(axis=0).all()


def test_the_newest_column_is_last_and_history_is_bounded():
    maps = DopplerMaps("points", **MAPS)
    lengths = []
    for k in range(8):
        (only,) = maps.step_points(frame(k, {0: [(float(VELOCITIES[k]), 10.0)]}))
        lengths.append(only.values.shape[1])
    assert lengths == [1, 2, 3, 4, 5, 5, 5, 5]
    np.testing.assert_array_equal(only.values.argmax(axis=0), [3, 4, 5, 6, 7])


def test_silence_and_lost_frames_are_zero_columns():
    maps = DopplerMaps("points", **MAPS)
    maps.step_points(frame(10, {0: [(0.5, 10.0)]}))
    maps.step_points(frame(11, {0: []}))
    (only,) = maps.step_points(frame(14, {0: [(0.5, 10.0)]}))
    np.testing.assert_array_equal(only.values.any(axis=0), [True, False, False, False, True])
    assert only.values.shape == (16, 5)


def test_a_counter_that_restarts_or_leaps_stays_bounded():
    maps = DopplerMaps("points", **MAPS)
    maps.step_points(frame(10, {0: [(0.5, 10.0)]}))
    (only,) = maps.step_points(frame(1, {0: [(0.5, 10.0)]}))
    assert only.values.any(axis=0).all()
    (only,) = maps.step_points(frame(10**9, {0: [(0.5, 10.0)]}))
    assert only.values.shape == (16, 5)


def test_the_map_of_a_dead_track_is_forgotten():
    maps = DopplerMaps("points", **MAPS)
    maps.step_points(frame(1, {0: [(0.5, 10.0)], 1: [(0.5, 10.0)]}))
    assert [m.track_id for m in maps.step_points(frame(2, {1: [(0.5, 10.0)]}))] == [1]
    first, _ = maps.step_points(frame(3, {0: [(0.5, 10.0)], 1: [(0.5, 10.0)]}))
    assert first.values.shape[1] == 1


def test_the_heatmap_is_gated_by_the_range_from_the_sensor():
    heatmap = np.full((64, 16), 40.0, np.float32)  # 40 dB of noise
    heatmap[30, 12] = 70.0  # the person at 3 m, 30 dB above it
    heatmap[50, 2] = 70.0  # somebody at 5 m
    (only,) = DopplerMaps("heatmap", **MAPS).step_heatmap(frame(1, {4: [(0.0, 1.0)]}), heatmap, RANGES, MOUNT)
    assert only.kind == "heatmap"
    expected = np.zeros(16)
    expected[12] = 30.0
    np.testing.assert_allclose(only.values[:, 0], expected, atol=0.01)
    assert RANGE_GATE == 0.5
    far = frame(1, {4: [(0.0, 1.0)]}, distance=3.0 + RANGE_GATE + 0.1)
    (only,) = DopplerMaps("heatmap", **MAPS).step_heatmap(far, heatmap, RANGES, MOUNT)
    assert not only.values.any()


def test_a_coasting_track_takes_nothing_from_the_heatmap():
    heatmap = np.random.default_rng(1).uniform(30, 70, (64, 16)).astype(np.float32)
    (only,) = DopplerMaps("heatmap", **MAPS).step_heatmap(frame(1, {4: []}), heatmap, RANGES, MOUNT)
    assert not only.values.any()


def test_no_tracks_no_maps():
    assert DopplerMaps("points", **MAPS).step_points(frame(1, {})) == []


def test_a_heatmap_of_another_profile_is_refused():
    with pytest.raises(ConfigurationError, match=r"\(64, 32\).*64 range and 16 Doppler"):
        DopplerMaps("heatmap", **MAPS).step_heatmap(frame(1, {}), np.zeros((64, 32), np.float32), RANGES, MOUNT)


def test_the_kinds_are_not_mixed():
    with pytest.raises(ConfigurationError, match="made from heatmap"):
        DopplerMaps("heatmap", **MAPS).step_points(frame(1, {}))


@pytest.mark.parametrize(
    "wrong",
    [{"velocities": VELOCITIES[::-1]}, {"velocities": VELOCITIES**3}, {"num_frames": 0}, {"frame_period": 0.0}],
    ids=["descending", "uneven", "no frames", "no period"],
)
def test_impossible_axes_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="expected"):
        DopplerMaps("points", **{**MAPS, **wrong})
