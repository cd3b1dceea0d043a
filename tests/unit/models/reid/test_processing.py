import numpy as np
import pytest

from mission_core.models.reid.processing import frame_points, radar_clip, track_motion
from mission_core.types import Column

SPEED, PERIOD = 1.3, 0.1
PLACES = np.array([4.0, -1.0]) + SPEED * PERIOD * np.outer(np.arange(9), [-0.6, 0.8])


def cloud(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)


def test_points_are_relative_to_the_track_along_the_line_of_sight() -> None:
    points = np.zeros((1, 6), np.float32)
    points[0, :3] = (0.0, 3.5, 1.2)  # half a metre behind a person who stands 3 m to the left of the radar
    points[0, Column.SNR], points[0, Column.DOPPLER] = 20.0, -1.5
    features = frame_points(points, np.array([0.0, 3.0, 1.0]), 8)
    np.testing.assert_allclose(features, [[0.5, 0.0, 1.2, 20.0, -1.5]], atol=1e-6)


def test_where_a_person_walks_does_not_show() -> None:
    ahead = cloud(5)
    turned = ahead.copy()
    turned[:, 0], turned[:, 1] = -ahead[:, 1], ahead[:, 0]  # the scene, a quarter turn to the left
    straight = frame_points(ahead, np.array([4.0, 0.5, 1.0]), 8)
    left = frame_points(turned, np.array([-0.5, 4.0, 1.0]), 8)
    np.testing.assert_allclose(left, straight, atol=1e-5)


def test_strongest_points_are_kept() -> None:
    points = cloud(20)
    kept = frame_points(points, np.array([3.0, 0.0, 1.0]), 4)
    assert sorted(kept[:, 3]) == sorted(points[:, Column.SNR])[-4:]


def test_short_and_empty_histories_are_padded_in_front() -> None:
    frames = [np.ones((2, 5), np.float32), np.zeros((0, 5), np.float32), np.ones((3, 5), np.float32)]
    clip = radar_clip(frames, PLACES[:3], 5, 4, PERIOD)
    assert clip.frames.tolist() == [False, False, True, True, True]
    assert clip.present.sum(axis=1).tolist() == [0, 0, 2, 0, 3]
    assert clip.points.shape == (5, 4, 5)


def test_lost_frames_are_absent_in_their_place() -> None:
    clip = radar_clip([np.ones((2, 5), np.float32), None, np.ones((1, 5), np.float32)], PLACES[:3], 4, 4, PERIOD)
    assert clip.frames.tolist() == [False, True, False, True]
    assert clip.present.sum(axis=1).tolist() == [0, 2, 0, 1]


def test_only_the_newest_frames_are_used() -> None:
    frames = [np.full((1, 5), i, np.float32) for i in range(9)]
    assert radar_clip(frames, PLACES, 3, 2, PERIOD).points[:, 0, 0].tolist() == [6.0, 7.0, 8.0]


def test_motion_is_measured_along_and_across_the_line_of_sight() -> None:
    motion = track_motion(PLACES, PERIOD)
    np.testing.assert_allclose(motion[:, 2], np.hypot(*PLACES.T), atol=1e-5)
    np.testing.assert_allclose(np.hypot(motion[:, 0], motion[:, 1]), SPEED, atol=1e-5)  # at the ends, too
    aside = track_motion(np.column_stack((np.full(9, 3.0), np.linspace(-0.4, 0.4, 9))), PERIOD)
    assert aside[4].tolist() == pytest.approx([0.0, 1.0, 3.0], abs=1e-5)  # to the left of the way it looks


def test_motion_is_the_same_at_any_frame_rate() -> None:
    seconds = np.arange(0.0, 4.0, 0.05)
    swaying = np.column_stack((4.0 - 1.2 * seconds, 0.05 * np.sin(2 * np.pi * seconds)))
    slow, fast = track_motion(swaying[::2], 0.1), track_motion(swaying, 0.05)
    np.testing.assert_allclose(slow[5:-5], fast[::2][5:-5], atol=1e-5)


def test_motion_goes_on_over_lost_frames_and_is_absent_in_them() -> None:
    places = PLACES.copy()
    places[3] = np.nan
    np.testing.assert_allclose(track_motion(places, PERIOD), track_motion(PLACES, PERIOD), atol=1e-5)
    frames = [None if i == 3 else np.ones((1, 5), np.float32) for i in range(9)]
    clip = radar_clip(frames, places, 12, 2, PERIOD)
    assert np.flatnonzero(clip.motion.any(axis=1)).tolist() == [3, 4, 5, 7, 8, 9, 10, 11]
    assert not track_motion(np.full((4, 2), np.nan), PERIOD).any()
