"""Statistics of a walker's points and the distance between two samples of them."""

import numpy as np
import pytest

from mission_core.realism import STATISTICS, matched, moving_points, two_sample, walker_places, walker_statistics
from mission_core.types import Column

RNG = np.random.default_rng(0)


def test_distance_of_a_sample_to_itself_is_zero():
    values = RNG.normal(size=500)
    apart = two_sample(values, values)
    assert apart.ks == 0.0
    assert apart.wasserstein == 0.0


def test_distance_of_shifted_normals_is_the_shift():
    apart = two_sample(RNG.normal(0.0, 2.0, 20_000), RNG.normal(3.0, 2.0, 20_000))
    assert apart.wasserstein == pytest.approx(1.5, abs=0.05)  # 3 / 2, in deviations of the real sample
    assert apart.ks == pytest.approx(0.547, abs=0.02)  # 2 Phi(0.75) - 1
    assert apart.medians == pytest.approx((0.0, 3.0), abs=0.1)


def test_distance_of_uniforms_without_overlap_is_total():
    apart = two_sample(RNG.uniform(0, 1, 1000), RNG.uniform(2, 3, 1000))
    assert apart.ks == 1.0


def test_values_that_are_missing_are_left_out():
    values = np.array([1.0, 2.0, np.nan, 3.0])
    assert two_sample(values, np.array([1.0, 2.0, 3.0])).ks == 0.0
    with pytest.raises(ValueError, match="of 0 and 3"):
        two_sample(np.array([np.nan]), values)
    with pytest.raises(ValueError, match="no spread"):
        two_sample(np.ones(5), values)


def cloud(number: int, centre: tuple[float, float], doppler: float) -> np.ndarray:
    points = np.zeros((number, 6), np.float32)
    points[:, :2] = centre + RNG.normal(0, 0.02, (number, 2))
    points[:, Column.Z] = np.linspace(-0.5, 0.5, number)
    points[:, Column.DOPPLER] = doppler
    points[:, Column.SNR] = 20.0
    points[:, Column.NOISE] = 45.0
    return points


def test_still_points_and_far_ones_are_not_the_walkers():
    frames = [np.concatenate((cloud(5, (2.0, 0.0), 1.0), cloud(9, (2.0, 0.0), 0.0), cloud(2, (6.0, 1.0), -1.0)))] * 4
    moving = moving_points(frames)
    assert [len(points) for points in moving] == [7] * 4
    places = walker_places(moving, 3)
    np.testing.assert_allclose(places, np.tile((2.0, 0.0), (4, 1)), atol=0.1)
    found = walker_statistics(moving, places)
    assert found.values["count"].tolist() == [5.0] * 4
    np.testing.assert_allclose(found.values["speed"], 1.0)
    np.testing.assert_allclose(found.range, 2.0, atol=0.1)
    np.testing.assert_allclose(found.snr, 20.0, atol=0.5)  # as at 2 m
    assert set(found.floor.tolist()) == {45.0}
    assert set(found.values) == set(STATISTICS)


def test_snr_is_told_as_at_two_metres():
    points = cloud(4, (4.0, 0.0), 1.0)
    found = walker_statistics([points], np.array([[4.0, 0.0]]))
    np.testing.assert_allclose(found.snr, 20.0 + 12.04, atol=0.01)


def test_width_and_depth_turn_with_the_line_of_sight():
    points = cloud(50, (0.0, 3.0), 1.0)  # to the left of the sensor
    points[:, 1] = 3.0 + np.linspace(-0.3, 0.3, 50)
    points[:, 0] = 0.0
    found = walker_statistics([points], np.array([[0.0, 3.0]])).values
    assert found["depth"][0] == pytest.approx(0.177, abs=0.01)
    assert found["width"][0] == pytest.approx(0.0, abs=1e-6)


def test_a_walker_unseen_for_a_while_is_interpolated():
    frames = [cloud(5, (1.0, 0.0), 1.0), np.zeros((0, 6), np.float32), cloud(5, (2.0, 0.0), 1.0)]
    np.testing.assert_allclose(walker_places(frames, 1)[1, 0], 1.5, atol=0.1)
    assert np.isnan(walker_statistics(frames, walker_places(frames, 1)).values["height"][1])
    with pytest.raises(ValueError, match="no frame"):
        walker_places(frames[1:2], 1)


def test_matched_frames_have_the_ranges_of_the_reference():
    reference, candidates = RNG.uniform(1.0, 2.0, 400), RNG.uniform(0.0, 5.0, 3000)
    drawn = candidates[matched(reference, candidates, np.arange(0.0, 6.0, 0.5))]
    assert len(drawn) == 400
    assert drawn.min() >= 1.0
    assert drawn.max() <= 2.0
    assert np.histogram(drawn, [1, 1.5, 2])[0].tolist() == np.histogram(reference, [1, 1.5, 2])[0].tolist()
