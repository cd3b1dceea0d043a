"""Bodies as scatterers: how much comes back, from where, and what a spectrogram of their motion shows."""

import numpy as np
import pytest
from scipy.signal import stft

from mission_core.camera.skeleton import Joint
from mission_core.geometry import room_to_sensor
from mission_core.radar.profile import SPEED_OF_LIGHT
from mission_core.sim.body import Body, Surface
from mission_core.sim.cohort import walkers
from mission_core.sim.fmcw import slow_time
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight, velocities
from mission_core.sim.scatter import (
    MEAN_SQUARE_SLOPE,
    REFLECTIVITY,
    cross_section_per_area,
    scatterers,
    trails,
)
from mission_core.types import Mount

MOUNT = Mount(height=1.0)
DT = 0.005


def sphere(centre, radius=0.3, count=600, velocity=(0.0, 0.0, 0.0)):
    """Evenly spread samples (a Fibonacci lattice) at t - DT, t, t + DT."""
    index = np.arange(count) + 0.5
    z, angle = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    normals = np.stack((np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z), axis=1)
    moved = np.array([-DT, 0.0, DT])[:, None, None] * np.array(velocity)
    positions = np.array(centre) + radius * normals + moved
    areas = np.full((3, count), 4 * np.pi * radius**2 / count)
    return Surface(positions, np.broadcast_to(normals, positions.shape), areas)


def power(*surfaces, of=None):
    found = scatterers(surfaces, DT, MOUNT, range(len(surfaces)))
    square = np.abs(found.amplitudes.astype(np.complex128)) ** 2
    if of is None:
        return square.sum()
    return square[np.linalg.norm(found.positions - room_to_sensor(np.array(of), MOUNT), axis=1) < 0.4].sum()


def test_a_rough_sphere_has_the_cross_section_of_its_disc():
    # specular points: reflectivity times the disc, more by the slopes: integral of sqrt(1 + u) exp(-u / s^2) / s^2
    u = np.linspace(0.0, 20.0, 200_001)
    more = 20.0 * np.mean(np.sqrt(1 + u) * np.exp(-u / MEAN_SQUARE_SLOPE) / MEAN_SQUARE_SLOPE)
    expected = REFLECTIVITY * np.pi * 0.3**2 * more
    assert power(sphere((50.0, 0.0, 1.0))) == pytest.approx(expected, rel=0.05)


def test_cross_section_falls_with_incidence_and_is_none_from_behind():
    per_area = cross_section_per_area(np.cos(np.deg2rad([0.0, 20.0, 40.0, 60.0, 91.0, 180.0])))
    assert per_area[0] == pytest.approx(REFLECTIVITY / MEAN_SQUARE_SLOPE)
    assert (np.diff(per_area[:4]) < 0).all()
    assert (per_area[4:] == 0).all()


@pytest.mark.parametrize("heading", [0, 90, 180])
def test_people_reflect_as_much_as_published(heading):
    """About -10 to 0 dBsm, the order of what was measured of adults at 24 and 77 GHz (EUR 25762 EN, 2013)."""
    totals = []
    for person in walkers()[::10]:
        body, walk = Body(person), Walk(person, straight((0.0, 0.0), (8.0, 0.0)), 1)
        joints = walk.joints(np.array([2.0, 2.0, 2.0]))
        joints = joints - joints[:, :1] * [1, 1, 0]
        cosine, sine = np.cos(np.deg2rad(heading)), np.sin(np.deg2rad(heading))
        turned = joints @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]).T + [4.0, 0, 0]
        totals.append(10 * np.log10(power(body.samples(turned))))
    assert -10.0 < np.mean(totals) < 0.0
    assert np.ptp(totals) > 0.3  # people differ


def test_what_stands_behind_somebody_is_hidden():
    front, behind, beside = (2.5, 0.0, 1.0), (4.5, 0.0, 1.0), (4.5, 1.5, 1.0)
    alone = power(sphere(behind))
    assert power(sphere(front, 0.45), sphere(behind), of=behind) < 0.02 * alone
    assert power(sphere(front, 0.45), sphere(beside), of=beside) == pytest.approx(power(sphere(beside)))
    assert power(sphere(behind), sphere(front, 0.45), of=front) == pytest.approx(power(sphere(front, 0.45), of=front))


def test_a_body_hides_parts_of_itself():
    arm, trunk = sphere((2.6, 0.0, 1.0), 0.1), sphere((3.0, 0.0, 1.0), 0.2)
    one = Surface(
        *(
            np.concatenate((getattr(arm, name), getattr(trunk, name)), axis=1)
            for name in ("positions", "normals", "areas")
        )
    )
    assert power(one) < 0.75 * (power(arm) + power(trunk))
    assert power(one) > power(arm)


def test_scatterers_lie_on_the_near_side_and_move_with_the_surface():
    tilted = Mount(height=2.0, pitch_deg=15.0)
    found = scatterers([sphere((4.0, 1.0, 1.0), velocity=(1.2, -0.4, 0.1))], DT, tilted, [0])
    centre = room_to_sensor(np.array([4.0, 1.0, 1.0]), tilted)
    assert (np.linalg.norm(found.positions, axis=1) < np.linalg.norm(centre)).all()
    expected = room_to_sensor(np.array([1.2, -0.4, 0.1]), tilted) - room_to_sensor(np.zeros(3), tilted)
    np.testing.assert_allclose(found.velocities, np.broadcast_to(expected, found.velocities.shape), atol=1e-9)


def test_phases_stay_with_the_material_and_differ_between_walks():
    still = sphere((4.0, 0.0, 1.0))
    first, again, other = (scatterers([still], DT, MOUNT, [seed]).amplitudes for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.angle(first / other)).mean() > 1.0
    moving = sphere((4.0, 0.0, 1.0), velocity=(20.0, 0.0, 0.0))
    trail = trails([moving], np.array([-DT, 0.0, DT]), MOUNT, [1])
    seen = (trail.amplitudes != 0).all(axis=0)
    assert seen.sum() > 100
    turned = np.angle(trail.amplitudes[2, seen] / trail.amplitudes[0, seen])
    np.testing.assert_allclose(turned, 0.0, atol=1e-5)


def test_nobody_scatters_nothing():
    assert scatterers([], DT, MOUNT, []).positions.shape == (0, 3)


# A walker in the spectrogram of slow-time samples at 62 GHz against the kinematics the samples were made from

CARRIER, PRF = 62e9, 8000.0


def cadence(signal, period):
    """Frequency [Hz] of the strongest oscillation at the rate of steps."""
    signal = signal - np.polyval(np.polyfit(np.arange(len(signal)), signal, 1), np.arange(len(signal)))
    magnitude = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), 2**15))
    rates = np.fft.rfftfreq(2**15, period)
    steps = (rates > 1.2) & (rates < 3.2)
    return rates[steps][magnitude[steps].argmax()]


@pytest.mark.parametrize("index", [3, 20, 40])
def test_spectrogram_of_a_walker_matches_its_kinematics(index):
    person = walkers()[index]
    walk = Walk(person, straight((9.0, 0.2), (1.5, 0.2)), 5)
    times = np.arange(1.0, walk.duration - 1.0, 0.01)
    surface = Body(person).samples(walk.joints(times))
    iq = slow_time(trails([surface], times, MOUNT, [7]), carrier=CARRIER, prf=PRF)
    hop = 80
    shifts, centres, transform = stft(
        iq, PRF, nperseg=512, noverlap=512 - hop, nfft=2048, return_onesided=False, boundary=None, padded=False
    )
    axis = np.fft.fftshift(shifts) * SPEED_OF_LIGHT / (2 * CARRIER)
    spectrogram = np.fft.fftshift(np.abs(transform) ** 2, axes=0)
    centres = centres + times[0]

    trunk = [Joint.PELVIS, Joint.SPINE_NAVEL, Joint.SPINE_CHEST]
    position = room_to_sensor(walk.joints(centres)[:, trunk], MOUNT)
    radial = np.sum(velocities(walk, centres)[:, trunk] * position, axis=-1) / np.linalg.norm(position, axis=-1)
    line = axis[spectrogram.argmax(axis=0)]
    assert line.mean() == pytest.approx(radial.mean(), rel=0.05)
    assert np.median(np.abs(line - radial.mean(axis=1))) < 0.2

    # the leg that swings is the fastest edge of each column, 25 dB below its torso line
    edge = axis[(spectrogram > spectrogram.max(axis=0) * 10**-2.5).argmax(axis=0)]
    ranges = np.linalg.norm(room_to_sensor(surface.positions, MOUNT), axis=-1)
    fastest = np.gradient(ranges, times, axis=0).min(axis=1)
    assert np.percentile(edge, 2) == pytest.approx(np.percentile(fastest, 2), rel=0.05)
    ankles = velocities(walk, times)[:, [Joint.ANKLE_LEFT, Joint.ANKLE_RIGHT], 0].min(axis=1)
    assert cadence(edge, hop / PRF) == pytest.approx(cadence(ankles, times[1] - times[0]), rel=0.05)
