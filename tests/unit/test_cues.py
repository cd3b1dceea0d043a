"""Cues of a clip: they must find what was put into it."""

import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.cues import (
    OUTLINE_ROWS,
    STEPS,
    CameraClip,
    RadarClip,
    camera_cues,
    dominant_frequency,
    radar_cues,
)

RNG = np.random.default_rng(0)
VELOCITIES = np.linspace(-4.5, 4.5, 32)


@pytest.mark.parametrize("frequency", [1.5, 1.83, 2.4])
def test_finds_the_step_frequency(frequency):
    time = np.arange(60) / 10
    series = 3.0 + 0.2 * time + 0.5 * np.sin(2 * np.pi * frequency * time) + 0.1 * RNG.normal(size=60)
    found, amplitude, share = dominant_frequency(series, 0.1, STEPS)
    assert found == pytest.approx(frequency, abs=0.05)
    assert amplitude == pytest.approx(0.5, rel=0.2)
    assert share > 0.5


def test_a_series_with_gaps_is_bridged_and_an_empty_one_says_nothing():
    series = np.sin(2 * np.pi * 2.0 * np.arange(100) / 15)
    series[::7] = np.nan
    assert dominant_frequency(series, 1 / 15, STEPS)[0] == pytest.approx(2.0, abs=0.05)
    assert np.isnan(dominant_frequency(np.full(20, np.nan), 0.1, STEPS)).all()


def radar_clip(frames: int, speed: float = 1.2, step: float = 1.9, height: float = 1.7, map_: bool = True) -> RadarClip:
    """A walker straight ahead who recedes, points evenly up to a height, spread in Doppler by the steps."""
    time = np.arange(frames) / 10
    places = np.column_stack((1.0 + speed * time, np.zeros(frames)))
    swing = 0.3 + 0.2 * np.sin(2 * np.pi * step * time)
    clouds = []
    for place, size in zip(places, swing, strict=True):
        points = np.zeros((30, 6), np.float32)
        points[:, :2] = place
        points[:, 2] = np.linspace(0.0, height, 30)
        points[:, 3] = speed + size * np.tile((-1.0, 1.0), 15)
        points[:, 4] = 20.0
        clouds.append(points)
    doppler = np.full((frames, 32 if map_ else 0), 1.0)
    if map_:
        doppler += 25 * np.exp(-0.5 * ((VELOCITIES - speed) / swing[:, None]) ** 2)
    return RadarClip(tuple(clouds), places, 0.1, doppler, VELOCITIES if map_ else np.zeros(0))


def test_radar_cues_hold_speed_height_and_cadence():
    cues = radar_cues(radar_clip(50))
    assert cues[0] == pytest.approx(1.2, abs=0.01)
    assert cues[3] == 30.0
    heights = cues[5:12]
    assert heights[-1] == pytest.approx(1.7, abs=0.1)
    assert heights[3] == pytest.approx(0.85, abs=0.02)
    assert np.sum(np.abs(cues - 1.9) < 0.05) >= 2  # in the points and in the map


def test_radar_cues_have_one_length_whatever_the_clip():
    full = radar_cues(radar_clip(20))
    assert radar_cues(radar_clip(200)).shape == full.shape
    clip = radar_clip(20)
    empty = RadarClip(tuple(p[:0] for p in clip.frames), clip.places, 0.1, clip.doppler, clip.velocities)
    assert radar_cues(empty).shape == full.shape
    assert len(radar_cues(radar_clip(20, map_=False))) < len(full)


def camera_clip(frames: int, height: float = 1.7, step: float = 1.9) -> CameraClip:
    time = np.arange(frames) / 15
    swing = 0.25 * np.sin(np.pi * step * time)
    outlines = np.zeros((frames, OUTLINE_ROWS, 2))
    outlines[:, :, 0], outlines[:, :, 1] = -0.2, 0.2
    outlines[:, :4, 1] += np.abs(swing)[:, None]
    boxes = np.column_stack((1.2 * time, np.full(frames, 4.0), np.full(frames, height), np.full(frames, 0.5)))
    joints = np.zeros((frames, 32, 2))
    joints[:, :, 1] = np.linspace(0.1, height, 32)
    joints[:, Joint.ANKLE_LEFT, 0], joints[:, Joint.ANKLE_RIGHT, 0] = swing, -swing
    return CameraClip(outlines, boxes, joints, 1 / 15)


def test_camera_cues_hold_speed_height_and_cadence():
    cues = camera_cues(camera_clip(75))
    assert cues[0] == pytest.approx(1.2, abs=0.01)
    assert cues[3:6] == pytest.approx(1.7)
    assert np.sum(np.abs(cues - 1.9) < 0.06) >= 2  # outlines of the shanks swing once a step
    assert np.sum(np.abs(cues - 0.95) < 0.06) >= 2  # an ankle swings once a stride


def test_camera_cues_have_one_length_whatever_the_clip():
    full = camera_cues(camera_clip(30))
    assert camera_cues(camera_clip(300)).shape == full.shape
    clip = camera_clip(30)
    clip.outlines[:, 3] = np.nan
    assert camera_cues(clip).shape == full.shape


def test_taller_people_have_greater_cues():
    short, tall = (camera_cues(camera_clip(75, height=height)) for height in (1.55, 1.85))
    assert np.all(tall[3:6] - short[3:6] == pytest.approx(0.3))
    short, tall = (radar_cues(radar_clip(50, height=height)) for height in (1.55, 1.85))
    assert np.all(tall[7:12] > short[7:12])
