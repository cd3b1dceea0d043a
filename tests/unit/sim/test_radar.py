from pathlib import Path

import numpy as np
import pytest

from mission_core.geometry import sensor_to_room
from mission_core.radar.profile import load_profile, parse_profile
from mission_core.sim import scenario
from mission_core.sim.motion import cast
from mission_core.sim.people import sample_person
from mission_core.sim.radar import RadarSimulator, Scatterers, body_scatterers
from mission_core.types import Column, Mount

PROFILES = Path(__file__).resolve().parents[3] / "config" / "radar"
POINTS, HEATMAP = (load_profile(PROFILES / f"{name}.cfg") for name in ("walking_10fps", "walking_heatmap_10fps"))
MOUNT = Mount(height=1.0)
WALKS = scenario.radar_room(("P00", "P03", "P05"), seed=1)
PEOPLE = [walk.person for walk in WALKS]


def simulator(profile=POINTS, seed=1, **options):
    return RadarSimulator(profile, MOUNT, seed, ghosts=0.0, **options)


def scatterer(distance, azimuth_deg=0.0, elevation_deg=0.0, speed=1.0, cross_section=1.0):
    """One point that moves straight away at `speed`; azimuth to the left."""
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    unit = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    return Scatterers(distance * unit[None], speed * unit[None], np.array([cross_section]))


@pytest.mark.parametrize("speed", [-3.0, -0.9, 1.2, 2.6])
@pytest.mark.parametrize(
    ("distance", "azimuth", "elevation"), [(2.0, 0, 0), (3.3, 30, 0), (4.1, -40, 8), (5.7, 10, -9)]
)
def test_scatterer_appears_where_theory_says(distance, azimuth, elevation, speed):
    points = simulator().observe_scatterers(scatterer(distance, azimuth, elevation, speed)).points
    strongest = points[points[:, Column.SNR].argmax()].astype(float)
    x, y, z = strongest[:3]
    assert np.linalg.norm(strongest[:3]) == pytest.approx(distance, abs=POINTS.range_step)
    assert strongest[Column.DOPPLER] == pytest.approx(speed, abs=POINTS.doppler_step)
    assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(azimuth, abs=3.0)
    assert np.rad2deg(np.arcsin(z / distance)) == pytest.approx(elevation, abs=3.0)


def test_doppler_aliases_beyond_the_maximum():
    speed = 1.3 * POINTS.max_velocity
    points = simulator().observe_scatterers(scatterer(3.0, 0, 0, speed)).points
    strongest = points[points[:, Column.SNR].argmax()]
    assert strongest[Column.DOPPLER] == pytest.approx(speed - 2 * POINTS.max_velocity, abs=POINTS.doppler_step)


def test_power_falls_with_the_fourth_power_of_range():
    def mean_power(distance):
        radar = simulator()
        frames = (radar.observe_scatterers(scatterer(distance, cross_section=10.0)).points for _ in range(200))
        return np.mean([10 ** (points[:, Column.SNR].max() / 10) for points in frames])

    loss = 10 * np.log10(mean_power(2.0) / mean_power(4.0))
    assert loss == pytest.approx(40 * np.log10(2), abs=2.5)


def test_what_stands_still_is_removed_unless_the_profile_keeps_it():
    text = (PROFILES / "walking_10fps.cfg").read_text().replace("clutterRemoval -1 1", "clutterRemoval -1 0")
    still = scatterer(3.0, speed=0.0, cross_section=0.05)
    zero = lambda radar: np.count_nonzero(radar.observe_scatterers(still).points[:, Column.DOPPLER] == 0)  # noqa: E731
    assert zero(simulator()) == 0
    assert zero(simulator(parse_profile(text, "static"))) > 0


def test_two_people_in_one_cell_blend_and_apart_separate():
    left, right = scatterer(3.0, 25), scatterer(3.0, -25)
    both = Scatterers(*(np.concatenate(pair) for pair in zip(*map(_fields, (left, right)), strict=True)))
    apart = Scatterers(both.positions, both.velocities * [[1.0], [-1.0]], both.cross_sections)
    points = simulator().observe_scatterers(apart).points
    azimuth = np.rad2deg(np.arctan2(points[:, 1], points[:, 0]))
    assert ((azimuth > 20) & (points[:, Column.DOPPLER] > 0)).any()
    assert ((azimuth < -20) & (points[:, Column.DOPPLER] < 0)).any()
    blended = simulator().observe_scatterers(both).points
    assert (blended[:, Column.DOPPLER] > 0).all()


def _fields(scatterers):
    return scatterers.positions, scatterers.velocities, scatterers.cross_sections


def test_heat_map_peaks_where_the_scatterer_is():
    observation = simulator(HEATMAP).observe_scatterers(scatterer(4.0, speed=-1.5))
    heat = HEATMAP.range_doppler_map(observation.range_doppler)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert HEATMAP.ranges[row] == pytest.approx(4.0, abs=HEATMAP.range_step)
    assert HEATMAP.velocities[column] == pytest.approx(-1.5, abs=HEATMAP.doppler_step)
    point = observation.points[observation.points[:, Column.SNR].argmax()]
    assert heat.max() == pytest.approx(point[Column.SNR] + point[Column.NOISE], abs=0.5)


def test_heat_map_only_where_the_profile_asks():
    assert simulator(POINTS).observe_scatterers(scatterer(3.0)).range_doppler is None


@pytest.mark.parametrize("profile", [POINTS, HEATMAP], ids=lambda profile: profile.name)
def test_nobody_gives_no_points(profile):
    points = RadarSimulator(profile, MOUNT, 1).frame(np.zeros((0, 32, 3)), np.zeros((0, 32, 3)), [])
    assert points.shape == (0, len(Column))
    assert points.dtype == np.float32


def test_walkers_give_points_on_their_bodies():
    radar = simulator()
    counts, scatter = [], []
    for t in np.arange(0.0, 10.0, 0.2):
        joints, velocities = cast(WALKS, t)
        points = radar.frame(joints, velocities, PEOPLE)
        assert np.isfinite(points).all()
        assert (points[:, Column.SNR] > 10).all()
        room = sensor_to_room(points[:, :3].astype(float), MOUNT)
        distances = np.linalg.norm(room[:, None, :2] - joints[None, :, 0, :2], axis=-1)
        counts.append(np.bincount(distances.argmin(axis=1), minlength=3))
        scatter.append(np.mean(distances.min(axis=1) < 0.8))
    mean = np.mean(counts, axis=0)
    assert (mean > 10).all()
    assert (mean < 80).all()
    assert np.mean(scatter) > 0.9


def test_elevation_is_coarser_than_azimuth():
    radar = simulator()
    azimuth, elevation = [], []
    for _ in range(200):
        point = radar.observe_scatterers(scatterer(5.0, cross_section=0.004)).points
        if len(point):
            azimuth.append(np.arctan2(point[0, 1], point[0, 0]))
            elevation.append(np.arcsin(point[0, 2] / np.linalg.norm(point[0, :3])))
    assert len(azimuth) > 50
    assert np.std(elevation) > 1.5 * np.std(azimuth)


def test_echoes_come_from_the_side_that_faces_the_radar():
    walk = WALKS[0]
    joints, velocities = walk.motion(np.array([2.0]))
    found = body_scatterers(joints, velocities, [walk.person], MOUNT)
    spine = joints[0, (0, 1, 2, 3)].mean(axis=0) - (0, 0, MOUNT.height)
    trunk = found.positions[:8]
    assert (np.linalg.norm(trunk[:, :2], axis=1) < np.linalg.norm(spine[:2]) + 0.02).all()
    assert (found.cross_sections > 0).all()


def test_a_person_in_front_shades_the_one_behind():
    person = sample_person(3)
    joints = WALKS[0].joints(np.array([2.0]))
    joints = joints - joints[:, :1] * [1, 1, 0]
    front, behind, beside = (joints + offset for offset in ([2.5, 0, 0], [4.5, 0, 0], [4.5, 1.5, 0]))
    still = np.zeros_like(front)

    def power(body, *others):
        bodies = np.concatenate((body, *others))
        found = body_scatterers(bodies, np.concatenate([still] * len(bodies)), [person] * len(bodies), MOUNT)
        return found.cross_sections[: len(found.cross_sections) // len(bodies)].sum()

    assert power(behind, front) < 0.3 * power(behind)
    assert power(beside, front) == pytest.approx(power(beside), rel=0.01)


def test_same_seed_same_frames():
    joints, velocities = cast(WALKS, 1.0)
    first, second, other = (simulator(seed=seed).frame(joints, velocities, PEOPLE) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert first.shape != other.shape or (first != other).any()
