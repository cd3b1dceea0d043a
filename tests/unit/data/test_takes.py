import json
from dataclasses import replace

import numpy as np
import pytest
from sample_takes import CAMERA, RADAR, make_camera_take, make_radar_take

from mission_core.data.takes import (
    CameraTake,
    RadarTake,
    TakeInfo,
    TakeList,
    camera_take,
    from_arrays,
    radar_take,
    to_arrays,
)
from mission_core.errors import ConfigurationError


def test_a_radar_take_survives_its_arrays() -> None:
    take = replace(make_radar_take(), iq=np.arange(6, dtype=np.complex64) * 1j, prf=290.0)
    again = from_arrays(take.info, to_arrays(take))
    assert isinstance(again, RadarTake)
    assert [len(points) for points in again.points] == [4, 0, 2]
    np.testing.assert_allclose(again.points[2], take.points[2], atol=2e-3)
    np.testing.assert_array_equal(again.stamps_ns, take.stamps_ns)
    np.testing.assert_array_equal(again.iq, take.iq)
    assert again.prf == 290.0
    np.testing.assert_allclose(again.doppler, take.doppler, atol=0.02)


def test_a_radar_take_without_any_point_survives() -> None:
    take = make_radar_take(counts=(0, 0))
    again = from_arrays(take.info, to_arrays(take))
    assert isinstance(again, RadarTake)
    assert [points.shape for points in again.points] == [(0, 6), (0, 6)]
    assert again.iq is None


def test_a_camera_take_survives_its_arrays() -> None:
    take = make_camera_take()
    again = from_arrays(take.info, to_arrays(take))
    assert isinstance(again, CameraTake)
    assert np.abs(again.crops.astype(int) - take.crops).mean() < 2.0  # red stays red
    np.testing.assert_array_equal(again.masks, take.masks)
    assert again.images is None
    np.testing.assert_array_equal(again.boxes, take.boxes)
    np.testing.assert_array_equal(again.geometry, take.geometry)


def test_what_is_unknown_of_a_take_survives_json() -> None:
    again = TakeInfo.from_json(json.loads(json.dumps(CAMERA.to_json())))
    assert np.isnan(again.angle_deg)
    assert TakeInfo.from_json(json.loads(json.dumps(RADAR.to_json()))) == RADAR


def test_a_take_of_the_other_sensor_is_refused() -> None:
    takes = TakeList([make_radar_take(), make_camera_take()])
    assert radar_take(takes, "P03-r1").info.sensor == "radar"
    with pytest.raises(ConfigurationError, match="P03-r1 is the radar's"):
        camera_take(takes, "P03-r1")
    with pytest.raises(ConfigurationError, match="P03-c1 is the camera's"):
        radar_take(takes, "P03-c1")
