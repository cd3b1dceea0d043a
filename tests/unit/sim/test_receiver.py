"""The detector of the simulated radar and the commands that set it; where things appear is tested with `sim.fmcw`."""

from pathlib import Path

import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.radar.profile import parse_profile
from mission_core.sim.fmcw import Effects, FmcwRadar
from mission_core.sim.receiver import Cfar, Receiver
from mission_core.sim.scatter import Scatterers
from mission_core.types import Column, Mount

TEXT = (Path(__file__).resolve().parents[3] / "config" / "radar" / "walking_10fps.cfg").read_text()


def changed(*replacements):
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return parse_profile(text, "changed")


def observe(profile, *scatterers):
    """Points of scatterers (distance [m], azimuth to the left [deg], speed away [m/s]) of 1 m^2 in open air."""
    distance, azimuth, speed = np.array(scatterers).T
    unit = np.stack((np.cos(np.deg2rad(azimuth)), np.sin(np.deg2rad(azimuth)), np.zeros_like(azimuth)), axis=1)
    targets = Scatterers(distance[:, None] * unit, speed[:, None] * unit, np.ones(len(unit), np.complex64))
    return FmcwRadar(profile, Mount(1.0), 1, effects=Effects(room=None)).observe(targets).points


def test_cfar_modes():
    levels = np.array([[0.0] * 10 + [4.0] * 4 + [20.0] + [0.0] * 15], np.float32)
    average, greater, smaller = (
        Cfar(mode, 4, 1, 3 if mode == 0 else 2, False, 10.0, False).detect(levels)[1][0, 14] for mode in (0, 1, 2)
    )
    assert (average, greater, smaller) == (1.5, 3.0, 0.0)


def test_cfar_ends():
    levels = np.zeros((1, 16), np.float32)
    levels[0, 0] = 20.0
    levels[0, 12:15] = 8.0
    line, circle = (Cfar(0, 3, 1, 1, cyclic, 15.0, True).detect(levels) for cyclic in (False, True))
    assert (line[1][0, 0], circle[1][0, 0]) == (0.0, 12.0)  # the sum of six cells, halved
    assert line[0][0].nonzero()[0].tolist() == [0]
    assert not circle[0].any()


def test_settings_that_are_missing_or_impossible():
    with pytest.raises(ConfigurationError, match="cfarCfg -1 1"):
        Receiver(changed(("cfarCfg -1 1 0 4 2 3 1 13.0 0", "")))
    with pytest.raises(ConfigurationError, match="complex 1x"):
        Receiver(changed(("adcCfg 2 1", "adcCfg 2 0")))


SEEN = (3.0, 35.0, 2.5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("aoaFovCfg -1 -60 60", "aoaFovCfg -1 -30 30"),
        ("cfarFovCfg -1 0 0.3 10.0", "cfarFovCfg -1 0 0.3 2.5"),
        ("cfarFovCfg -1 1 -4.53 4.53", "cfarFovCfg -1 1 -4.53 1.0"),
    ],
)
def test_fields_of_view(old, new):
    profile = changed((old, new))
    points = observe(profile, SEEN)
    # removing the mean of what moves leaves a trace of it at zero Doppler
    assert len(points[np.abs(points[:, Column.DOPPLER]) > 1.5 * profile.doppler_step]) == 0
    assert len(observe(changed(), SEEN)) > 5


def test_grouping_leaves_the_peak():
    profile = changed(("13.0 0\n", "13.0 1\n"))
    points = observe(profile, SEEN)
    moving = points[np.abs(points[:, Column.DOPPLER]) > 1.5 * profile.doppler_step]
    assert len(moving) == 1
    assert np.linalg.norm(moving[0, :3]) == pytest.approx(3.0, abs=profile.range_step)


def test_thresholds():
    counts = [len(observe(changed(("13.0 0\n", f"{threshold} 0\n")), SEEN)) for threshold in (8.0, 13.0, 30.0, 90.0)]
    assert sorted(counts, reverse=True) == counts
    assert counts[0] > counts[2] > counts[3] == 0


def test_two_people_in_one_cell_of_range_and_doppler_give_two_points_where_the_profile_asks():
    pair = (4.0, 25.0, 2.0), (4.0, -25.0, 2.0)
    found = observe(changed(), *pair)
    single = observe(changed(("multiObjBeamForming -1 1", "multiObjBeamForming -1 0")), *pair)
    azimuths = np.rad2deg(np.arctan2(found[:, Column.Y], found[:, Column.X]))
    assert {round(azimuth / 25) for azimuth in azimuths} >= {-1, 1}
    assert len(found) > 1.5 * len(single)
