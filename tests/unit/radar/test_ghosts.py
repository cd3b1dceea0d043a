import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.radar.ghosts import Echo, GhostConfig, echo, is_ghost
from mission_core.types import Points


def detections(*decibels: float) -> Points:
    points = np.zeros((len(decibels), 6), np.float32)
    points[:, 4] = decibels
    return points


def echoes(distance: float, strength: float, num_points: int = 3, num_images: int = 0) -> list[Echo]:
    return [Echo(distance, strength, num_points, num_images)] * 4


NOTHING = np.zeros((0, 2))


def test_strength_is_the_power_that_the_distance_leaves():
    near = echo(detections(20.0, 20.0), 2.0, np.zeros((2, 2)), NOTHING)
    far = echo(detections(20.0, 20.0), 4.0, np.zeros((2, 2)), NOTHING)
    assert near.strength == pytest.approx(20 + 10 * np.log10(2) + 40 * np.log10(2))
    assert far.strength - near.strength == pytest.approx(40 * np.log10(2))  # twice as far, the same power: 16 times
    assert np.isnan(echo(detections(0.0, 0.0), 2.0, np.zeros((2, 2)), NOTHING).strength)


def test_images_share_range_and_velocity_to_the_last_bit_that_counts():
    spans = np.array([[3.0, 0.5], [3.0, 0.6], [3.1, 0.5]])
    others = np.array([[3.0004, 0.5], [3.1, 0.4]])
    assert echo(detections(1.0, 1.0, 1.0), 3.0, spans, others).num_images == 1
    assert echo(detections(1.0, 1.0, 1.0), 3.0, spans, NOTHING).num_images == 0


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (echoes(5.0, 55.0), True),
        (echoes(5.0, 65.0), False),  # not weak enough
        (echoes(2.0, 55.0), False),  # nearer than the person
        (echoes(5.0, 55.0, num_points=6), False),  # too much of it
        (echoes(5.0, np.nan), False),  # not known
        (echoes(5.0, 70.0, num_points=4, num_images=3), True),
        (echoes(5.0, 70.0, num_points=4, num_images=2), False),
    ],
)
def test_a_ghost_is_weak_and_behind_or_an_image(own, expected):
    assert is_ghost(own, [echoes(3.0, 70.0)], GhostConfig()) is expected


def test_alone_nobody_is_weak():
    assert not is_ghost(echoes(5.0, 30.0), [], GhostConfig())


@pytest.mark.parametrize("wrong", [{"deficit": 0.0}, {"max_points": -1.0}, {"image_share": 0.0}, {"image_share": 1.1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="ghosts"):
        GhostConfig(**wrong)
