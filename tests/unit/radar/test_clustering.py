import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.radar.clustering import NOISE, ClusterConfig, cluster, denoise
from mission_core.types import Points

CONFIG = ClusterConfig()


def detections(xyz: list[tuple[float, float, float]], snr: float = 20.0) -> Points:
    points = np.zeros((len(xyz), 6), np.float32)
    points[:, :3] = np.reshape(xyz, (-1, 3))
    points[:, 4] = snr
    return points


def body(x: float, y: float, count: int, seed: int) -> Points:
    rng = np.random.default_rng(seed)
    points = np.zeros((count, 6), np.float32)
    points[:, 0] = x + rng.normal(0, 0.12, count)
    points[:, 1] = y + rng.normal(0, 0.12, count)
    points[:, 2] = rng.uniform(0.1, 1.8, count)
    points[:, 4] = rng.uniform(10, 30, count)
    return points


def test_no_points_no_labels():
    assert cluster(detections([]), CONFIG).shape == (0,)


def test_a_body_is_one_cluster_from_feet_to_head():
    labels = cluster(body(4.0, 0.5, 40, seed=1), CONFIG)
    assert set(labels) - {NOISE} == {0}
    assert np.mean(labels == 0) > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_neighbouring_lanes_stay_apart(seed):
    points = np.concatenate((body(4.0, 0.0, 25, seed), body(4.0, 1.0, 25, seed + 100)))
    labels = cluster(points, CONFIG)
    assert not set(labels[:25]) & set(labels[25:]) - {NOISE}


def test_two_points_of_a_far_person_are_kept():
    np.testing.assert_array_equal(cluster(detections([(8.0, 1.0, 0.9), (8.1, 1.1, 1.3)]), CONFIG), [0, 0])


def test_isolated_points_are_noise():
    np.testing.assert_array_equal(cluster(detections([(2.0, 0.0, 1.0), (5.0, 2.0, 1.0)]), CONFIG), [NOISE, NOISE])


def test_weak_points_and_points_outside_the_room_are_dropped():
    inside, leakage, behind_wall, above = (3.0, 0.0, 1.0), (0.1, 0.0, 1.0), (3.0, 9.0, 1.0), (3.0, 0.0, 3.5)
    np.testing.assert_array_equal(
        denoise(detections([inside, leakage, behind_wall, above]), CONFIG), [True, False, False, False]
    )
    weak, strong = detections([inside], snr=9.0), detections([inside], snr=10.0)
    np.testing.assert_array_equal(denoise(np.concatenate((weak, strong)), ClusterConfig(min_snr=10.0)), [False, True])


def test_a_layout_without_snr_is_not_dropped():
    assert denoise(detections([(3.0, 0.0, 1.0)], snr=0.0), CONFIG).all()


@pytest.mark.parametrize(
    "wrong", [{"room_min": (0.0, 7.0, 0.0)}, {"eps": 0.0}, {"z_weight": -1.0}, {"min_points": 0}], ids=str
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ClusterConfig(**wrong)
