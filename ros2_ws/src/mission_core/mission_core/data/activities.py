"""The simulated data set `activities`: what people do in a room, as the radar in use tracks them.

Known people, whom a network is to tell apart, do everything several times. Strangers do it once: from them it learns
what an activity looks like whoever does it, and that most people are nobody it knows. Whoever walks does so straight
through the room or back and forth; everything else happens anywhere before the radar, in any direction.
"""

import hashlib
import math
from functools import partial
from pathlib import Path

import numpy as np

from mission_core.data.sets import SIMULATED, Plan, Settings
from mission_core.data.shards import Job
from mission_core.data.takes import Take, TakeInfo
from mission_core.data.twin import DAYS, FIRST_NS, radar_takes
from mission_core.errors import ConfigurationError
from mission_core.radar.profile import load_profile
from mission_core.sim import rooms
from mission_core.sim.activity import RUNWAY, Activity, Kind, Place
from mission_core.sim.cohort import Person, sample_person
from mission_core.sim.path import Motion
from mission_core.sim.rooms import ANGLES, SCENES, Scenario

STRANGER_SEED = 60_000
"""First seed of the strangers: neither test cohort nor population."""
KNOWN = tuple(f"P{number:02d}" for number in range(10))
"""Who is known: those whom the simulated room enrols."""
SECONDS = 10.0
"""Of a take of what does not come to an end by itself [s]."""
KNOWN_WALKS, KNOWN_OTHERS = 8, 3
"""Takes of everybody who is known: of walking, and of each other activity."""
_STREAM = 0xAC  # keeps these draws apart from those of other data sets
_MIDDLE = 4.8  # of runs and circles [m ahead]


def activities(settings: Settings, people: int) -> Plan:
    """All kinds of activities.

    Args:
        settings: of the data set.
        people: how many strangers there are.

    Raises:
        ConfigurationError: no strangers.
    """
    if people < 1:
        raise ConfigurationError(f"activities of {people} strangers: expected at least one")
    jobs = []
    for person_id in KNOWN:
        for kind in Kind:
            count = KNOWN_WALKS if kind is Kind.WALK else KNOWN_OTHERS
            jobs.append(Job(f"{person_id}-{kind}", count, partial(_known_takes, person_id, kind, count, settings)))
    for seed in range(STRANGER_SEED, STRANGER_SEED + people):
        jobs.append(Job(f"N{seed}", len(Kind), partial(_stranger_takes, seed, settings)))
    made_by = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return settings.recipe("activities", SIMULATED, people=people, made_by=made_by), jobs


def _known_takes(person_id: str, kind: Kind, count: int, settings: Settings) -> list[Take]:
    person = rooms.person(person_id)
    return [take for number in range(count) for take in _takes(person, kind, number, settings)]


def _stranger_takes(seed: int, settings: Settings) -> list[Take]:
    person = sample_person(seed, f"N{seed}")
    return [take for kind in Kind for take in _takes(person, kind, seed, settings)]


def _takes(person: Person, kind: Kind, number: int, settings: Settings) -> list[Take]:
    """One take, or none where the tracker did not follow."""
    rng = np.random.default_rng((settings.seed, _STREAM, person.seed, list(Kind).index(kind), number))
    scenario = _scenario(person, kind, number, rng)
    take_id = f"{person.person_id}-{kind}-{number % 1000:03d}"
    info = TakeInfo(
        take_id=take_id,
        person_id=person.person_id,
        walk_id=take_id,
        sensor="radar",
        scene=scenario.scene,
        route=scenario.route,
        activity=str(kind),
        seed=scenario.seeds[0],
        person_seed=person.seed,
    )
    start_ns = FIRST_NS + int(rng.integers(DAYS * 86_400 * 10**9))
    return list(radar_takes(scenario, [info], load_profile(settings.profile), start_ns=start_ns))


def _scenario(person: Person, kind: Kind, number: int, rng: np.random.Generator) -> Scenario:
    scene = SCENES[rng.integers(len(SCENES))]
    if kind is Kind.WALK and number % 2:
        return rooms.laps(person, "radar", rng, scene=scene, seconds=SECONDS)
    if kind is Kind.WALK:
        return rooms.alone(person, "radar", rng, angle_deg=float(rng.uniform(0.0, ANGLES[-1])), scene=scene)
    seed = int(rng.integers(2**31))
    doing: Motion = Activity(kind, person, _place(kind, rng), seed, duration=SECONDS)
    return Scenario(
        sensor="radar",
        scene=scene,
        route="activity",
        angles_deg=(0.0,),
        motions=(doing,),
        seeds=(seed,),
        seed=int(rng.integers(2**31)),
        duration=min(SECONDS, doing.duration),
    )


def _place(kind: Kind, rng: np.random.Generator) -> Place:
    """Anywhere before the radar, facing anywhere; whoever gets on stays in view."""
    heading = float(rng.uniform(-math.pi, math.pi))
    if kind is Kind.RUN:
        return Place(_MIDDLE - RUNWAY / 2 * math.cos(heading), -RUNWAY / 2 * math.sin(heading), heading)
    if kind is Kind.CIRCLE:
        return Place(_MIDDLE + float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-1.0, 1.0)), heading)
    distance, bearing = float(rng.uniform(2.2, 7.0)), float(rng.uniform(-0.6, 0.6))
    x, y = distance * math.cos(bearing), distance * math.sin(bearing)
    if kind is Kind.JUMP:  # some 3 m ahead
        return Place(_MIDDLE - 1.5 * math.cos(heading), 0.5 * y - 1.5 * math.sin(heading), heading)
    return Place(x, y, heading)
