"""People who walk, stop to do something on the spot, turn round and walk on: what a gate has to tell apart."""

import dataclasses
import math

import numpy as np

from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.activity import Activity, Kind, Place
from mission_core.sim.cohort import Person
from mission_core.sim.gait import Walk
from mission_core.sim.path import RATE, SampledMotion, straight
from mission_core.sim.rooms import Scenario
from mission_core.types import Float64Array

ON_THE_SPOT = (Kind.STAND, Kind.BOX, Kind.SIT)
SECONDS = 8.0
"""At a stop [s]."""
CHANGE, TURN = 0.6, 1.2
"""Time to go over from one posture to another, and to turn half round [s]."""


def stopping_room(scenario: Scenario, doing: Kind | str, seconds: float = SECONDS) -> Scenario:
    """The same people as in `rooms.live_room`, on the same lanes, but at either end they stop for a while.

    Args:
        scenario: people who walk back and forth without end.
        doing: what they do there, one of `ON_THE_SPOT`.
        seconds: how long [s].

    Raises:
        ConfigurationError: it is nothing that is done on the spot.
    """
    if doing not in ON_THE_SPOT:
        raise ConfigurationError(f"nobody stops to {str(doing)!r}: expected one of {', '.join(ON_THE_SPOT)}")
    motions = tuple(
        _lane(motion, Kind(doing), seed, seconds) for motion, seed in zip(scenario.motions, scenario.seeds, strict=True)
    )
    return dataclasses.replace(scenario, motions=motions)


def there_and_back(
    person: Person,
    near: tuple[float, float],
    far: tuple[float, float],
    doing: Kind,
    seed: int,
    seconds: float = SECONDS,
) -> SampledMotion:
    """Somebody who walks from `near` to `far` (x, y) [m], stops, turns, comes back and stops again, without end."""
    parts = []
    for number, (start, end) in enumerate(((near, far), (far, near))):
        heading = math.atan2(end[1] - start[1], end[0] - start[0])
        walk = Walk(person, straight(start, end, standing=True), seed + number)
        stop = Activity(doing, person, Place(*end, heading), seed + number, duration=seconds)
        parts += [_table(walk), _table(stop)]
    joined = [
        part for table, after in zip(parts, parts[1:] + parts[:1], strict=True) for part in _led_over(table, after)
    ]
    return SampledMotion(person, np.concatenate(joined), endless=True)


def _lane(motion: object, doing: Kind, seed: int, seconds: float) -> SampledMotion:
    assert isinstance(motion, Walk)
    points = motion.path.points
    ends = points[np.argmin(points[:, 0])], points[np.argmax(points[:, 0])]
    near, far = ((float(x), float(y)) for x, y in ends)
    return there_and_back(motion.person, near, far, doing, seed, seconds)


def _table(motion: SampledMotion) -> Float64Array:
    return motion.joints(np.arange(round(motion.duration * RATE)) / RATE)


def _led_over(table: Float64Array, after: Float64Array) -> tuple[Float64Array, Float64Array]:
    """A part, and what leads from its last posture to the first of the part after it, turning on the spot."""
    last, first = table[-1], after[0]
    angle = _wrapped(_facing(first) - _facing(last))
    count = round(RATE * (CHANGE + (TURN - CHANGE) * abs(angle) / math.pi))
    share = _smooth(np.arange(1, count) / count)
    begin, end = last - _foot(last), first - _foot(first)
    turned = (1 - share)[:, None, None] * _turned(begin, share * angle) + share[:, None, None] * _turned(
        end, (share - 1) * angle
    )
    return table, turned + (1 - share)[:, None, None] * _foot(last) + share[:, None, None] * _foot(first)


def _foot(posture: Float64Array) -> Float64Array:
    """(3,) Where on the floor somebody stands."""
    x, y, _ = posture[Joint.PELVIS]
    return np.array([x, y, 0.0])


def _facing(posture: Float64Array) -> float:
    """Heading of the hips [rad]."""
    x, y, _ = posture[Joint.HIP_LEFT] - posture[Joint.HIP_RIGHT]  # to the left
    return math.atan2(-x, y)


def _turned(posture: Float64Array, angles: Float64Array) -> Float64Array:
    """(T, 32, 3) A posture turned about the vertical, once for each angle."""
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros_like(angles)
    matrices = np.stack((cos, sin, zero, -sin, cos, zero, zero, zero, zero + 1), axis=-1).reshape(-1, 3, 3)
    return np.einsum("jc,tcd->tjd", posture, matrices)


def _wrapped(angle: float) -> float:
    return (angle + math.pi) % (2 * math.pi) - math.pi


def _smooth(share: Float64Array) -> Float64Array:
    return share * share * (3.0 - 2.0 * share)
