import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import sample_person
from mission_core.sim.path import (
    SampledMotion,
    back_and_forth,
    circle,
    crossing,
    route,
    stop_and_go,
    straight,
    velocities,
)


def test_a_straight_leads_from_start_to_end_and_on():
    path = straight((1.0, 2.0), (4.0, 6.0))
    assert path.length == pytest.approx(5.0, abs=1e-6)
    points, headings = path.at(np.array([-1.0, 0.0, 2.5, 5.0, 6.0]))
    along = np.array([0.6, 0.8])
    np.testing.assert_allclose(
        points, np.array([1.0, 2.0]) + np.array([-1.0, 0.0, 2.5, 5.0, 6.0])[:, None] * along, atol=1e-6
    )
    np.testing.assert_allclose(headings, np.arctan2(4, 3), atol=1e-6)


def test_corners_are_rounded_and_ends_stay():
    path = route([(0, 0), (3, 0), (3, 3)])
    ends, _ = path.at(np.array([0.0, path.length]))
    np.testing.assert_allclose(ends, [[0, 0], [3, 3]], atol=1e-6)
    distance = np.linspace(0.5, path.length - 0.5, 200)
    headings = path.at(distance)[1]
    assert np.abs(np.diff(headings)).max() < 0.12
    assert headings[-1] - headings[0] == pytest.approx(np.pi / 2, abs=0.01)
    assert path.curvature(distance).max() > 1.0


def test_back_and_forth_closes_and_turns_round():
    path = back_and_forth((2.0, 0.0), (7.0, 0.0))
    points, headings = path.at(np.array([0.3, 0.3 + path.length]))
    np.testing.assert_allclose(points[0], points[1], atol=1e-6)
    assert headings[1] - headings[0] == pytest.approx(2 * np.pi, abs=1e-3)
    around, _ = path.at(np.linspace(0, path.length, 400))
    assert around[:, 0].min() == pytest.approx(2.0, abs=0.1)
    assert around[:, 0].max() == pytest.approx(7.0, abs=0.1)
    assert np.abs(around[:, 1]).max() < 0.35


def test_a_circle_has_its_radius():
    path = circle((3.0, 1.0), 1.5)
    points, _ = path.at(np.linspace(0, 30, 300))
    np.testing.assert_allclose(np.linalg.norm(points - [3.0, 1.0], axis=1), 1.5, atol=1e-3)
    np.testing.assert_allclose(path.curvature(np.linspace(0, 30, 300)), 1 / 1.5, rtol=0.02)


def test_crossing_paths_meet_in_one_point():
    first, second = crossing((4.0, 1.0), np.pi, 6.0, between=1.0)
    for path in (first, second):
        assert path.length == pytest.approx(6.0, abs=1e-6)
        np.testing.assert_allclose(path.at(np.array([3.0]))[0], [[4.0, 1.0]], atol=1e-6)
    between = first.at(np.zeros(1))[1] - second.at(np.zeros(1))[1]
    assert np.cos(between)[0] == pytest.approx(np.cos(1.0))


def test_halts_are_on_the_way():
    path = stop_and_go((0, 0), (8, 0), [(4.0, 2.0)])
    assert path.standing
    assert path.stops == ((4.0, 2.0),)
    with pytest.raises(ConfigurationError, match="keep them 1 m apart"):
        stop_and_go((0, 0), (8, 0), [(7.5, 2.0)])


@pytest.mark.parametrize(
    "make", [lambda: straight((1, 1), (1.1, 1)), lambda: route([(0, 0)]), lambda: back_and_forth((0, 0), (1, 0))]
)
def test_paths_without_length_are_refused(make):
    with pytest.raises(ConfigurationError, match="move them apart"):
        make()


def test_sampled_motion_meets_its_table_and_is_smooth_between():
    t = np.arange(50) / 100.0
    table = np.sin(2 * np.pi * 2.0 * t)[:, None, None] * np.ones((1, 32, 3))
    motion = SampledMotion(sample_person(0), table)
    assert motion.duration == pytest.approx(0.49)
    np.testing.assert_allclose(motion.joints(t), table)
    between = np.linspace(0.05, 0.4, 77)
    np.testing.assert_allclose(motion.joints(between)[:, 0, 0], np.sin(4 * np.pi * between), atol=2e-4)
    np.testing.assert_allclose(velocities(motion, between)[:, 3, 1], 4 * np.pi * np.cos(4 * np.pi * between), atol=0.05)
    np.testing.assert_array_equal(motion.joints(np.array([-1.0, 9.0]))[:, 0, 0], table[[0, -1], 0, 0])
    endless = SampledMotion(sample_person(0), table, endless=True)
    np.testing.assert_allclose(endless.joints(t + 5.0), endless.joints(t), atol=1e-9)
