"""Who walks where: the areas before the radar and before the camera, and what happens in them.

The two sensors watch different places at different times: a scenario belongs to one of them. All is drawn from the
generator that is passed in, so the same seed gives the same scenario.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import Person, walkers
from mission_core.sim.gait import Walk
from mission_core.sim.path import Motion, Path, back_and_forth, straight
from mission_core.types import Float64Array

Sensor = Literal["radar", "camera"]
Scene = Literal["classroom", "corridor", "hall"]
Route = Literal["straight", "stop-and-go", "side-by-side", "crossing", "laps", "endless", "activity", "captured"]

SCENES: tuple[Scene, ...] = ("classroom", "corridor", "hall")
ANGLES = (0.0, 15.0, 30.0, 45.0, 60.0)
"""Of routes off the sensor's axis, as in the paper [deg]."""
ANGLE_JITTER = 5.0  # [deg]

PAUSE = (1.0, 2.5)  # of somebody who stops on the way [s]
LANES = (1.1, 1.5)  # between people who walk side by side [m]
CROSSING = (40.0, 90.0)  # between the routes of people who cross [deg]
HEAD_START = (1.0, 1.6)  # of the one who is first where two routes cross [s]
SHORTEST_LAP = 0.6  # of the longest
_PLACE = 0xE4  # seed of the place where people are enrolled


@dataclass(frozen=True, slots=True)
class Area:
    """The floor that a sensor watches, ahead of it.

    Attributes:
        centre: of all routes [m ahead].
        scatter: of the centres, ahead and to the side [m].
        half_length: of routes [m]; twice the least is at least the 6 m of the paper.
        lap: half length of the lanes that are walked without end, and their centre [m, m ahead].
        half_width: of the strip in which people walk side by side without end [m].
    """

    centre: float
    scatter: float
    half_length: tuple[float, float]
    lap: tuple[float, float]
    half_width: float


# radar: 1.4-8.9 m ahead, within +-55 degrees. camera: 2.1-9.2 m, where 90 degrees of view show people from head to foot
AREAS: dict[Sensor, Area] = {
    "radar": Area(centre=5.1, scatter=0.2, half_length=(3.2, 3.5), lap=(2.5, 4.6), half_width=1.6),
    "camera": Area(centre=5.6, scatter=0.15, half_length=(3.1, 3.35), lap=(2.8, 5.4), half_width=1.4),
}


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """People before one sensor.

    Attributes:
        sensor: which.
        scene: what the place looks like.
        route: how they move.
        angles_deg: of each person's route off the sensor's axis, 0..90.
        motions: of each person, room frame of the sensor.
        seeds: of each person's walk: clothes and phases are new with each.
        seed: of the place and of the sensor's noise.
        duration: [s], infinite for endless ones.
    """

    sensor: Sensor
    scene: Scene
    route: Route
    angles_deg: tuple[float, ...]
    motions: tuple[Motion, ...]
    seeds: tuple[int, ...]
    seed: int
    duration: float


@lru_cache(maxsize=1)
def _cohort() -> dict[str, Person]:
    return {person.person_id: person for person in walkers()}


def person(person_id: str) -> Person:
    """The person of the test cohort with this id, P00 .. P57.

    Raises:
        ConfigurationError: no such person.
    """
    if person_id not in _cohort():
        raise ConfigurationError(
            f"there is no simulated person {person_id!r}: the cohort is P00 .. P{len(_cohort()) - 1:02d}"
        )
    return _cohort()[person_id]


# --- takes -----------------------------------------------------------------------------------------------------------


def alone(
    who: Person, sensor: Sensor, rng: np.random.Generator, *, angle_deg: float, scene: Scene, pause: bool = False
) -> Scenario:
    """One person walks through the area once, at an angle to the sensor's axis, and may stand still on the way."""
    angle = float(np.clip(angle_deg + rng.uniform(-ANGLE_JITTER, ANGLE_JITTER), 0.0, ANGLES[-1]))
    path = _line(sensor, rng, math.radians(angle) * _sign(rng))
    if pause:
        path = replace(path, stops=((path.length * rng.uniform(0.35, 0.65), rng.uniform(*PAUSE)),))
    return _scenario(sensor, scene, "stop-and-go" if pause else "straight", [who], [path], [0.0], rng)


def two(
    people: Sequence[Person], sensor: Sensor, rng: np.random.Generator, *, scene: Scene, crossing: bool
) -> Scenario:
    """Two people walk through the area at once, side by side or across each other's way."""
    angle = math.radians(rng.uniform(0.0, 30.0)) * _sign(rng)
    if crossing:
        other = angle - math.copysign(math.radians(rng.uniform(*CROSSING)), angle)
        paths = [_line(sensor, rng, heading) for heading in (angle, other)]
        return _scenario(sensor, scene, "crossing", people, paths, [rng.uniform(*HEAD_START), 0.0], rng)
    gap = rng.uniform(*LANES)
    paths = [_line(sensor, rng, angle, aside=side * gap / 2) for side in (1.0, -1.0)]
    return _scenario(sensor, scene, "side-by-side", people, paths, [0.0, rng.uniform(0.0, 0.6)], rng)


def laps(who: Person, sensor: Sensor, rng: np.random.Generator, *, scene: Scene, seconds: float) -> Scenario:
    """One person walks back and forth for some seconds, in any direction, across the middle of the area or aside."""
    area = AREAS[sensor]
    heading = math.radians(rng.uniform(0.0, ANGLES[-1])) * _sign(rng)
    aside, half_length = rng.uniform(-1, 1) * area.half_width, area.lap[0] * rng.uniform(SHORTEST_LAP, 1.0)
    path = back_and_forth(*_ends(heading, aside, half_length, (area.lap[1], 0.0)))
    return replace(_scenario(sensor, scene, "laps", [who], [path], [rng.uniform(0.0, 30.0)], rng), duration=seconds)


# --- rooms without end -----------------------------------------------------------------------------------------------


def live_room(sensor: Sensor, person_ids: Sequence[str], seed: int, scene: Scene = "hall") -> Scenario:
    """People of the cohort who walk back and forth without end, at least 1 m apart: what the simulated room shows.

    Raises:
        ConfigurationError: an unknown person, or more people than the area has room for.
    """
    rng = np.random.default_rng((0x11FE, sensor == "radar", seed))
    area, count = AREAS[sensor], len(person_ids)
    spacing = 2 * area.half_width / max(count - 1, 1)
    if not count or spacing < 1.0:
        most = int(2 * area.half_width) + 1
        raise ConfigurationError(f"{count} people asked to walk before the {sensor}: there is room for 1 to {most}")
    angle = math.radians(rng.uniform(0.0, 10.0)) * _sign(rng)
    lanes = (np.arange(count) - (count - 1) / 2) * min(spacing, LANES[1])
    paths = [
        back_and_forth(*_ends(angle, float(lane), area.lap[0] * rng.uniform(0.9, 1.0), (area.lap[1], 0.0)))
        for lane in rng.permutation(lanes)
    ]
    people = [person(person_id) for person_id in person_ids]
    return _scenario(sensor, scene, "endless", people, paths, rng.uniform(0.0, 30.0, count).tolist(), rng)


def enrolment(person_id: str, take: int, scene: Scene = "hall") -> Scenario:
    """One person of the cohort walks back and forth before the camera, 0-60 degrees off its axis, without end.

    All are enrolled in the same place, whatever they wear and wherever they walk in it.
    """
    who = person(person_id)
    rng = np.random.default_rng((0xE401, who.seed, take))
    area = AREAS["camera"]
    heading = math.radians(rng.uniform(0.0, ANGLES[-1])) * _sign(rng)
    ends = _ends(heading, 0.0, area.lap[0], (area.lap[1], 0.0))
    path = back_and_forth(*ends)
    return replace(_scenario("camera", scene, "endless", [who], [path], [rng.uniform(0.0, 30.0)], rng), seed=_PLACE)


# --- lines over the floor --------------------------------------------------------------------------------------------


def _line(sensor: Sensor, rng: np.random.Generator, heading: float, aside: float = 0.0) -> Path:
    """Straight through the area, `aside` of its middle [m], towards the sensor or away from it."""
    area = AREAS[sensor]
    centre = (area.centre + rng.uniform(-1, 1) * area.scatter, rng.uniform(-1, 1) * area.scatter)
    near, far = _ends(heading, aside, rng.uniform(*area.half_length), centre)
    return straight(near, far) if rng.random() < 0.5 else straight(far, near)


def _ends(
    heading: float, aside: float, half_length: float, centre: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Near and far end of a line."""
    along = np.array([math.cos(heading), math.sin(heading)])
    across = np.array([-along[1], along[0]])
    middle: Float64Array = np.asarray(centre) + aside * across
    near, far = middle - half_length * along, middle + half_length * along
    return (float(near[0]), float(near[1])), (float(far[0]), float(far[1]))


def _scenario(
    sensor: Sensor,
    scene: Scene,
    route: Route,
    people: Sequence[Person],
    paths: Sequence[Path],
    starts: Sequence[float],
    rng: np.random.Generator,
) -> Scenario:
    seeds = [int(seed) for seed in rng.integers(2**31, size=len(people))]
    motions = tuple(Walk(*drawn) for drawn in zip(people, paths, seeds, starts, strict=True))
    return Scenario(
        sensor=sensor,
        scene=scene,
        route=route,
        angles_deg=tuple(_off_axis(path) for path in paths),
        motions=motions,
        seeds=tuple(seeds),
        seed=int(rng.integers(2**31)),
        duration=min(motion.duration for motion in motions),
    )


def _off_axis(path: Path) -> float:
    """Angle between a path's first half and the sensor's axis, 0..90 [deg]."""
    way = path.points[len(path.points) // 4] - path.points[0]
    return math.degrees(math.atan2(abs(way[1]), abs(way[0])))


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice((-1.0, 1.0)))
