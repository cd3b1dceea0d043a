"""Spectrograms of slow-time signals: echoes of known speed, clutter, a simulated walker."""

import numpy as np
import pytest

from mission_core.data.sets import subject_person
from mission_core.data.twin import slow_time_of
from mission_core.errors import ConfigurationError
from mission_core.radar.spectrogram import FLOOR_DB, SPEED_OF_LIGHT, SpectrogramSettings, spectrogram
from mission_core.sim.activity import Activity, Kind, Place

SETTINGS = SpectrogramSettings()
STEP = float(np.diff(SETTINGS.velocities)[0])


def echo(velocity: float, seconds: float = 1.0, amplitude: float = 1.0) -> np.ndarray:
    """Of a point that moves at a velocity [m/s], positive = away."""
    times = np.arange(round(seconds * SETTINGS.prf)) / SETTINGS.prf
    phase = 4.0 * np.pi * SETTINGS.carrier / SPEED_OF_LIGHT * (3.0 + velocity * times)
    return (amplitude * np.exp(1j * phase)).astype(np.complex64)


def test_the_axis_is_the_papers():
    assert SETTINGS.fastest == pytest.approx(5.14, abs=0.005)
    assert SETTINGS.velocities[0] == pytest.approx(-SETTINGS.fastest)
    assert SETTINGS.velocities[SETTINGS.num_bins // 2] == 0.0


@pytest.mark.parametrize("velocity", [-4.2, -1.3, 0.7, 2.5, 5.0])
def test_an_echo_is_where_its_velocity_is(velocity):
    found = SETTINGS.velocities[spectrogram(echo(velocity), SETTINGS).mean(axis=1).argmax()]
    assert found == pytest.approx(velocity, abs=STEP)


def test_what_is_too_fast_appears_on_the_other_side():
    found = SETTINGS.velocities[spectrogram(echo(SETTINGS.fastest + 1.0), SETTINGS).mean(axis=1).argmax()]
    assert found == pytest.approx(1.0 - SETTINGS.fastest, abs=STEP)


def test_the_strongest_echo_is_0_db_and_levels_are_kept():
    values = spectrogram(echo(2.5) + echo(-2.5, amplitude=0.1), SETTINGS)
    assert values.max() == 0.0
    away = values[np.abs(SETTINGS.velocities - 2.5).argmin()].mean()
    towards = values[np.abs(SETTINGS.velocities + 2.5).argmin()].mean()
    assert away - towards == pytest.approx(20.0, abs=0.2)


def test_clutter_is_removed():
    still = 100.0 + 30.0j + echo(0.02, amplitude=10.0)
    moving = spectrogram(still + echo(1.5), SETTINGS)
    assert SETTINGS.velocities[moving.mean(axis=1).argmax()] == pytest.approx(1.5, abs=STEP)
    kept = spectrogram(still + echo(1.5), SpectrogramSettings(clutter_speed=0.0))
    assert SETTINGS.velocities[kept.mean(axis=1).argmax()] == 0.0


def test_only_whole_windows_count():
    settings = SpectrogramSettings(hop=0.1)
    whole = round(0.2 * 290)
    assert spectrogram(echo(1.0)[:whole], settings).shape == (256, 1)
    assert spectrogram(echo(1.0)[: whole + 29], settings).shape == (256, 2)
    # an echo that begins late is not there before the first window that reaches it
    late = np.concatenate([np.zeros(145, np.complex64), echo(2.0)[145:]])
    values = spectrogram(late, SpectrogramSettings(hop=0.1, clutter_speed=0.0))
    assert values[:, 0].max() == FLOOR_DB
    assert values[:, -1].max() == pytest.approx(0.0, abs=0.1)


def test_silence_is_the_floor():
    assert (spectrogram(np.zeros(290, np.complex64), SETTINGS) == FLOOR_DB).all()


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (np.zeros(57, np.complex64), "58 samples"),
        (np.zeros((290, 2), np.complex64), r"\(290, 2\)"),
        (np.full(290, np.nan, np.complex64), "not finite"),
    ],
)
def test_bad_signals_are_refused(signal, said):
    with pytest.raises(ConfigurationError, match=said):
        spectrogram(signal, SETTINGS)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prf": 0.0}, "prf 0 Hz"),
        ({"interval": 0.001}, "interval"),
        ({"num_bins": 32}, "num_bins is 32"),
        ({"clutter_speed": 6.0}, "clutter_speed is 6"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        SpectrogramSettings(**settings)


def test_somebody_who_comes_nearer_is_below_zero():
    walk = Activity(Kind.WALK, subject_person(0), Place(7.0, 0.0, np.pi), 3)
    times = np.arange(1.0, 2.0, 0.01)
    values = spectrogram(slow_time_of(walk, times, 3, carrier=SETTINGS.carrier, prf=SETTINGS.prf), SETTINGS)
    pelvis = walk.joints(times)[:, 0, 0]
    speed = (pelvis[-1] - pelvis[0]) / (times[-1] - times[0])
    power = (10.0 ** (values / 10.0)).mean(axis=1)
    assert np.average(SETTINGS.velocities, weights=power) == pytest.approx(speed, abs=0.25)
