"""Who walks where: the simulated cohort, the radar's room, the camera's rooms, and walks drawn at random for training.

The radar and the cameras never watch the same walk: each draws its own from the same family of routes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from mission_core.errors import ConfigurationError
from mission_core.sim.motion import Route, Walk
from mission_core.sim.people import Person, sample_person

COHORT_SIZE = 58
"""Persons P00 .. P57 are the test cohort, as many as the paper's. Training must use seeds from here upwards."""

GALLERY_IDS = tuple(f"P{seed:02d}" for seed in range(10))

Area = Literal["radar", "camera"]

# first words of the seeds, so that no two purposes ever draw the same walk
RADAR_ROOM, CAMERA_ROOM, ENROLMENT = 1, 2, 3


@dataclass(frozen=True, slots=True)
class _Family:
    """Parallel straight lanes around a centre ahead of the sensor, turned against its axis."""

    centre: float  # [m] ahead of the sensor
    centre_jitter: float
    half_length: tuple[float, float]
    angle_deg: tuple[float, float]  # off the sensor's axis, to either side
    half_width: float  # of the strip the lanes lie in [m]
    spacing: float  # [m]
    end_jitter: float  # of every end across its lane [m]


# radar: 1.5-6.5 m, mostly towards and away. Camera: 2-6 m inside 90 degrees, 0-60 degrees off the axis as in the paper
FAMILIES: dict[Area, _Family] = {
    "radar": _Family(4.0, 0.2, (1.6, 2.2), (0.0, 15.0), 1.5, 1.35, 0.12),
    "camera": _Family(4.2, 0.15, (1.25, 1.5), (0.0, 60.0), 1.1, 1.1, 0.05),
}


@lru_cache(maxsize=256)
def person(person_id: str) -> Person:
    """The person of the test cohort with this id, P00 .. P57.

    Raises:
        ConfigurationError: no such person.
    """
    match = re.fullmatch(r"P(\d\d)", person_id)
    if match is None or int(match[1]) >= COHORT_SIZE:
        raise ConfigurationError(
            f"there is no simulated person {person_id!r}: the cohort is P00 .. P{COHORT_SIZE - 1:02d}"
        )
    return sample_person(int(match[1]), person_id)


def radar_room(person_ids: Sequence[str], seed: int) -> list[Walk]:
    """People who walk before the radar at once, in its room frame, on lanes at least 1 m apart."""
    return _room("radar", person_ids, np.random.default_rng((RADAR_ROOM, seed)))


def camera_room(person_ids: Sequence[str], seed: int) -> list[Walk]:
    """People who walk before a camera elsewhere, in the camera's room frame: other walks at other times."""
    return _room("camera", person_ids, np.random.default_rng((CAMERA_ROOM, seed)))


def enrolment_walk(person_id: str, take: int) -> Walk:
    """One person back and forth alone before the camera, 2-6 m away and 0-60 degrees off its axis."""
    walker = person(person_id)
    return random_walk(walker, np.random.default_rng((ENROLMENT, walker.seed, take)), "camera")


def random_walk(walker: Person, rng: np.random.Generator, area: Area) -> Walk:
    """A walk of a person alone, drawn from the same family as the rooms."""
    return _walk(walker, routes(rng, area)[0], rng)


def routes(rng: np.random.Generator, area: Area, count: int = 1) -> list[Route]:
    """Parallel lanes before the sensor, in random order.

    Raises:
        ConfigurationError: more people than the area has lanes.
    """
    family = FAMILIES[area]
    slack = family.half_width - (count - 1) / 2 * family.spacing
    if count < 1 or slack < 0:
        most = int(2 * family.half_width / family.spacing) + 1
        raise ConfigurationError(f"{count} people asked to walk before the {area}: there is room for 1 to {most}")
    angle = np.deg2rad(rng.uniform(*family.angle_deg)) * rng.choice((-1.0, 1.0))
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    centre = np.array([family.centre + rng.uniform(-1, 1) * family.centre_jitter, 0.0])
    lanes = (np.arange(count) - (count - 1) / 2) * family.spacing + rng.uniform(-slack, slack)
    drawn = []
    for lane in rng.permutation(lanes):
        ends = np.array([-1.0, 1.0]) * rng.uniform(*family.half_length)
        jitter = rng.uniform(-1, 1, 2) * family.end_jitter
        near, far = (centre + end * along + (lane + j) * across for end, j in zip(ends, jitter, strict=True))
        drawn.append(Route(((float(near[0]), float(near[1])), (float(far[0]), float(far[1])))))
    return drawn


def _room(area: Area, person_ids: Sequence[str], rng: np.random.Generator) -> list[Walk]:
    walkers = [person(person_id) for person_id in person_ids]
    return [_walk(*pair, rng) for pair in zip(walkers, routes(rng, area, len(walkers)), strict=True)]


def _walk(walker: Person, route: Route, rng: np.random.Generator) -> Walk:
    return Walk(walker, route, seed=int(rng.integers(2**31)), start=float(rng.uniform(0.0, 30.0)))
