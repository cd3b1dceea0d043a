"""The simulated data sets: which takes each is made of. All follow from a seed; `mission simulate` makes them.

* `walkers58`: the test cohort, 20 walks of each person alone before each sensor in three scenes at 0-60 degrees, and
  takes of two people at once. The sensors watch different walks, by clocks of their own.
* `mocap35`: 35 captured walkers with two clips each; both sensors watch the same clips, from five angles.
* `activity6`: six people and five activities with the composition of MRA-Net's table 3, and their slow-time signal.
* `laps58`: everybody of the test cohort back and forth, before the radar for longer than a ranking looks back on,
  before the camera as people are enrolled.
* `population`: any number of other people to learn from; `laps`: the same people back and forth before each sensor.
* `crowd`: many more of them, before the radar only.
* `motion`: both sensors' takes of one's own joint sequences.
"""

import ast
import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

import mission_core
from mission_core.data.shards import Job, Recipe
from mission_core.data.takes import Take, TakeInfo
from mission_core.data.twin import DAYS, FIRST_NS, camera_takes, radar_takes, slow_time_of, whole_take
from mission_core.errors import ConfigurationError
from mission_core.radar.profile import load_profile
from mission_core.sim import rooms
from mission_core.sim.activity import Activity, Kind, Place
from mission_core.sim.bvh import load_bvh
from mission_core.sim.cohort import POPULATION_SEED, Girths, Person, Segments, sample_person, walkers
from mission_core.sim.rooms import ANGLES, AREAS, SCENES, Scenario, Sensor
from mission_core.sim.sequence import JointSequence, load_sequence

GENERATOR_VERSION = "1.0"
"""The simulator changes for a physical reason only, written in docs/decisions.md."""

SINGLE_WALKS = 20
PAIR_ROUNDS = 4
CHUNK = 10
"""Scenarios in a shard."""
LAPS_SECONDS = 12.0
"""For which people walk back and forth."""
TRACK_SECONDS = 25.0
"""For which those of `laps58` do so before the radar."""
CROWD_SEED = 100_000
"""First seed of the people of `crowd`; those of a population are below."""
MOCAP_SEED, ACTIVITY_SEED = 1_000, 2_000
"""First seeds of the bodies of captured people, and of those of `activity6`: neither test cohort nor population."""

SIMULATED = "simulated; shows no real person, free to use under the licence of mission"
CAPTURED = "made of recorded motion: the terms of the recordings hold for it"

# words that keep the draws of different purposes apart
_SINGLE, _PAIR, _PAIRING, _MOCAP, _ACTIVITY, _MOTION, _LAPS = range(7)

_SIMULATOR = (
    *("activity", "antennas", "body", "bvh", "cohort", "fmcw", "gait", "habits", "look", "mesh", "path"),
    *("posture", "raster", "receiver", "render", "rooms", "scatter", "scene", "sequence", "shapes"),
    *("skeletons", "tracker", "view"),
)
_MODULES = (
    *(f"sim/{name}.py" for name in _SIMULATOR),
    *(f"data/{name}.py" for name in ("sets", "twin", "following", "takes")),
    *(f"radar/{name}.py" for name in ("profile", "clustering", "ghosts", "tracking", "doppler")),
    "camera/snippet.py",
    *("calibration.py", "geometry.py", "kinematics.py"),
)
"""Whose change may change the data."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen for every simulated data set.

    Attributes:
        profile: .cfg that the radar runs.
        seed: of everything that is drawn, but for the people of a test set, who are always the same.
        whole_frames: keep whole pictures beside the crops.
    """

    profile: Path
    seed: int = 0
    whole_frames: bool = False

    def recipe(self, name: str, licence: str, **parameters: Any) -> Recipe:
        """Of a data set with these settings."""
        return Recipe(
            name=name,
            version=GENERATOR_VERSION,
            seed=self.seed,
            parameters={"whole_frames": self.whole_frames, **parameters},
            profile=self.profile.name,
            profile_sha256=hashlib.sha256(self.profile.read_bytes()).hexdigest(),
            code=code_hash(),
            licence=licence,
        )


Plan = tuple[Recipe, list[Job]]


@cache
def code_hash(package: Path = Path(mission_core.__file__).parent) -> str:
    """Of the code that shapes the data; comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for name in _MODULES:
        tree = ast.parse((package / name).read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [n for n in body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]  # type: ignore[attr-defined]
        digest.update(f"{name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:12]


# --- walkers58 and population ----------------------------------------------------------------------------------------


def walkers58(settings: Settings, *, walks: int = SINGLE_WALKS, pair_rounds: int = PAIR_ROUNDS) -> Plan:
    """The test cohort.

    Args:
        settings: of the data set.
        walks: of each person alone before each sensor.
        pair_rounds: times everybody walks with somebody else before each sensor.
    """
    jobs = []
    for person in walkers():
        jobs += _single_jobs(person, walks, settings)
    pairs = _pairs(settings.seed, len(walkers()), pair_rounds)
    for sensor in _SENSORS:
        for start in range(0, len(pairs), CHUNK):
            chunk = pairs[start : start + CHUNK]
            make = partial(_paired_walks, chunk, sensor, start, settings)
            jobs.append(Job(f"pairs-{start:03d}-{sensor}", 2 * len(chunk), make))
    return settings.recipe("walkers58", SIMULATED, single_walks=walks, pair_rounds=pair_rounds), jobs


def population(settings: Settings, people: int, *, walks: int = 4, first_seed: int = POPULATION_SEED) -> Plan:
    """Other people than those of any test set, for learning.

    Args:
        settings: of the data set.
        people: how many.
        walks: of each person alone before each sensor; beside them one with somebody else.
        first_seed: of the people.

    Raises:
        ConfigurationError: no people, or seeds of the test cohorts.
    """
    if walks < 1:
        raise ConfigurationError(f"a population of people with {walks} walks each: expected at least one")
    seeds = _population_seeds(people, first_seed)
    jobs = []
    for seed in seeds:
        jobs += _single_jobs(_population_person(seed), walks, settings)
    couples = [(seeds[i], seeds[i + 1]) for i in range(0, people - 1, 2)]
    for sensor in _SENSORS:
        for start in range(0, len(couples), CHUNK):
            chunk = couples[start : start + CHUNK]
            make = partial(_paired_walks, chunk, sensor, start, settings)
            jobs.append(Job(f"pairs-{start:05d}-{sensor}", 2 * len(chunk), make))
    return settings.recipe("population", SIMULATED, people=people, walks=walks, first_seed=first_seed), jobs


def _population_seeds(people: int, first_seed: int) -> list[int]:
    if people < 1:
        raise ConfigurationError(f"a population of {people} people: expected at least one")
    if first_seed < POPULATION_SEED:
        raise ConfigurationError(
            f"the population's first seed is {first_seed}: those below {POPULATION_SEED} are people of test sets"
        )
    return list(range(first_seed, first_seed + people))


def laps(settings: Settings, people: int, *, first_seed: int = POPULATION_SEED) -> Plan:
    """The people of a population, back and forth before each sensor: they turn, slow down and set off again.

    Args:
        settings: of the data set.
        people: how many.
        first_seed: of the people.

    Raises:
        ConfigurationError: no people, or seeds of the test cohorts.
    """
    jobs = []
    for sensor in _SENSORS:
        for seed in _population_seeds(people, first_seed):
            jobs.append(Job(f"N{seed}-{sensor}", 1, partial(_laps, seed, sensor, LAPS_SECONDS, settings)))
    return settings.recipe("laps", SIMULATED, people=people, first_seed=first_seed), jobs


def laps58(settings: Settings) -> Plan:
    """The test cohort back and forth, before the radar for longer than a ranking looks back on."""
    seconds = {"radar": TRACK_SECONDS, "camera": LAPS_SECONDS}
    jobs = [
        Job(f"{person.person_id}-{sensor}", 1, partial(_laps, person.seed, sensor, seconds[sensor], settings))
        for sensor in _SENSORS
        for person in walkers()
    ]
    return settings.recipe("laps58", SIMULATED), jobs


def crowd(settings: Settings, people: int, *, first_seed: int = CROWD_SEED) -> Plan:
    """One walk each of many people alone before the radar: what few points say of a body is learnt from many bodies.

    Args:
        settings: of the data set.
        people: how many.
        first_seed: of the people.

    Raises:
        ConfigurationError: no people, or seeds of a population or of the test cohorts.
    """
    if people < 1:
        raise ConfigurationError(f"a crowd of {people} people: expected at least one")
    if first_seed < CROWD_SEED:
        raise ConfigurationError(f"the crowd's first seed is {first_seed}: those below {CROWD_SEED} are other people's")
    jobs = []
    for start in range(0, people, CHUNK):
        seeds = range(first_seed + start, first_seed + min(start + CHUNK, people))
        jobs.append(Job(f"N{seeds[0]}-radar", len(seeds), partial(_crowd_walks, seeds, settings)))
    return settings.recipe("crowd", SIMULATED, people=people, first_seed=first_seed), jobs


def _crowd_walks(seeds: Sequence[int], settings: Settings) -> list[Take]:
    return [take for seed in seeds for take in _single_walks(seed, "radar", 1, settings)]


def _population_person(seed: int) -> Person:
    """Anybody by seed: P00 .. P57 of the cohort, others N10000 and so on."""
    return sample_person(seed, f"N{seed}" if seed >= POPULATION_SEED else None)


def _single_jobs(person: Person, walks: int, settings: Settings) -> list[Job]:
    return [
        Job(f"{person.person_id}-{sensor}", walks, partial(_single_walks, person.seed, sensor, walks, settings))
        for sensor in _SENSORS
    ]


_SENSORS: tuple[Sensor, ...] = ("radar", "camera")


def _single_walks(person_seed: int, sensor: Sensor, walks: int, settings: Settings) -> list[Take]:
    """All walks of one person alone before one sensor: every scene and angle in turn."""
    person = _population_person(person_seed)
    takes: list[Take] = []
    for number in range(walks):
        rng = np.random.default_rng((settings.seed, _SINGLE, _SENSORS.index(sensor), person.seed, number))
        angle, scene = ANGLES[number // len(SCENES) % len(ANGLES)], SCENES[number % len(SCENES)]
        if walks < len(ANGLES) * len(SCENES):  # too few to have all of them in turn
            angle, scene = rng.choice(ANGLES), SCENES[rng.integers(len(SCENES))]
        scenario = rooms.alone(person, sensor, rng, angle_deg=float(angle), scene=scene)
        takes += _record(scenario, [f"{person.person_id}-{sensor}-{number:02d}"], rng, settings)
    return takes


def _laps(person_seed: int, sensor: Sensor, seconds: float, settings: Settings) -> list[Take]:
    """One person back and forth before one sensor, in a scene that is drawn."""
    person = _population_person(person_seed)
    rng = np.random.default_rng((settings.seed, _LAPS, _SENSORS.index(sensor), person.seed))
    scenario = rooms.laps(person, sensor, rng, scene=SCENES[rng.integers(len(SCENES))], seconds=seconds)
    return list(_record(scenario, [f"{person.person_id}-{sensor}-laps"], rng, settings))


def _pairs(seed: int, people: int, rounds: int) -> list[tuple[int, int]]:
    """Seeds of two people each; everybody is in one pair of every round."""
    rng = np.random.default_rng((seed, _PAIRING))
    drawn = [rng.permutation(people).reshape(-1, 2) for _ in range(rounds)]
    return [(int(one), int(other)) for pairs in drawn for one, other in pairs]


def _paired_walks(pairs: Sequence[tuple[int, int]], sensor: Sensor, first: int, settings: Settings) -> list[Take]:
    """Two people at once, side by side and crossing in turn."""
    takes: list[Take] = []
    for number, seeds in enumerate(pairs, start=first):
        rng = np.random.default_rng((settings.seed, _PAIR, _SENSORS.index(sensor), number, *seeds))
        people = [_population_person(seed) for seed in seeds]
        scenario = rooms.two(people, sensor, rng, scene=SCENES[number // 2 % len(SCENES)], crossing=bool(number % 2))
        ids = [f"{person.person_id}-{sensor}-pair{number:03d}" for person in people]
        takes += _record(scenario, ids, rng, settings)
    return takes


def _record(
    scenario: Scenario,
    ids: Sequence[str],
    rng: np.random.Generator,
    settings: Settings,
    *,
    walk_ids: Sequence[str] | None = None,
) -> Sequence[Take]:
    """What the scenario's sensor records, by a clock that began at a random time."""
    infos = [_info(scenario, index, *names) for index, names in enumerate(zip(ids, walk_ids or ids, strict=True))]
    if scenario.sensor == "radar":
        return radar_takes(scenario, infos, load_profile(settings.profile), start_ns=_clock(rng))
    return camera_takes(scenario, infos, start_ns=_clock(rng), whole_frames=settings.whole_frames)


def _info(scenario: Scenario, index: int, take_id: str, walk_id: str) -> TakeInfo:
    """Of the take of one of the scenario's people."""
    person = scenario.motions[index].person
    return TakeInfo(
        take_id=take_id,
        person_id=person.person_id,
        walk_id=walk_id,
        sensor=scenario.sensor,
        scene=scenario.scene,
        angle_deg=round(scenario.angles_deg[index], 1),
        route=scenario.route,
        people=len(scenario.motions),
        seed=scenario.seeds[index],
        person_seed=person.seed,
    )


def _clock(rng: np.random.Generator) -> int:
    """When a sensor's clock says that a scenario begins [ns]."""
    return FIRST_NS + int(rng.integers(DAYS * 86_400 * 10**9))


# --- captured motion -------------------------------------------------------------------------------------------------

_CLIP = re.compile(r"Subject(?P<person>\w+)_Cycle(?P<clip>\d+)\.bvh")


def mocap35(settings: Settings, directory: Path) -> Plan:
    """The walkers in BVH files who have two clips each.

    Args:
        settings: of the data set.
        directory: with files named Subject<person>_Cycle<number>.bvh.

    Raises:
        ConfigurationError: it holds nobody with two clips.
    """
    clips: dict[str, list[Path]] = {}
    for path in sorted(directory.glob("*.bvh")):
        if match := _CLIP.fullmatch(path.name):
            clips.setdefault(match["person"], []).append(path)
    people = {person: paths for person, paths in sorted(clips.items()) if len(paths) > 1}
    if not people:
        raise ConfigurationError(
            f"{directory} holds nobody with two clips: expected files Subject<person>_Cycle<number>.bvh; name their "
            "directory with --motion"
        )
    jobs = [
        Job(
            f"{person}-{sensor}",
            len(ANGLES) * len(paths),
            partial(_captured_walks, person, MOCAP_SEED + number, paths, sensor, settings),
        )
        for number, (person, paths) in enumerate(people.items())
        for sensor in _SENSORS
    ]
    return settings.recipe("mocap35", CAPTURED, people=len(people), clips=_fingerprints(directory, "*.bvh")), jobs


def _captured_walks(
    person_id: str, person_seed: int, paths: Sequence[Path], sensor: Sensor, settings: Settings
) -> list[Take]:
    """All clips of one person before one sensor, at every angle."""
    person = sample_person(person_seed, person_id)
    takes: list[Take] = []
    for path in paths:
        clip = load_bvh(path, person)
        for number, angle in enumerate(ANGLES):
            rng = np.random.default_rng((settings.seed, _MOCAP, _SENSORS.index(sensor), _number(path.stem), number))
            scenario = captured(clip, sensor, rng, angle_deg=angle, scene=SCENES[number % len(SCENES)])
            takes += _record(scenario, [f"{path.stem}-{sensor}-{number}"], rng, settings, walk_ids=[path.stem])
    return takes


def motion(settings: Settings, directory: Path) -> Plan:
    """One record of each file of joints: the same walk before both sensors.

    Args:
        settings: of the data set.
        directory: with .npz or .bvh files; of a .bvh file the name is both person and take.

    Raises:
        ConfigurationError: there is none.
    """
    paths = sorted([*directory.glob("*.npz"), *directory.glob("*.bvh")])
    if not paths:
        raise ConfigurationError(f"{directory} holds no .npz and no .bvh file with joints: name another directory")
    if len({path.stem for path in paths}) < len(paths):
        raise ConfigurationError(f"{directory} holds files of one name with different endings: rename some")
    jobs = [Job(path.stem, 2, partial(_own_motion, path, settings)) for path in paths]
    return settings.recipe("motion", CAPTURED, files=_fingerprints(directory, "*.npz", "*.bvh")), jobs


def _own_motion(path: Path, settings: Settings) -> list[Take]:
    if path.suffix == ".bvh":
        match = _CLIP.fullmatch(path.name)
        person_id = match["person"] if match else path.stem
        clip = load_bvh(path, sample_person(MOCAP_SEED + _number(person_id) % MOCAP_SEED, person_id))
    else:
        clip = load_sequence(path)
    takes: list[Take] = []
    for sensor in _SENSORS:
        rng = np.random.default_rng((settings.seed, _MOTION, _SENSORS.index(sensor), _number(path.stem)))
        scenario = captured(clip, sensor, rng, angle_deg=float(rng.choice(ANGLES)), scene=SCENES[rng.integers(3)])
        takes += _record(scenario, [f"{path.stem}-{sensor}"], rng, settings, walk_ids=[path.stem])
    return takes


def captured(
    clip: JointSequence, sensor: Sensor, rng: np.random.Generator, *, angle_deg: float, scene: rooms.Scene
) -> Scenario:
    """Captured motion in the middle of an area, turned so that it leads at an angle to the sensor's axis."""
    heading = math.radians(angle_deg) * rng.choice((-1.0, 1.0)) + math.pi * rng.integers(2)
    centred = clip.placed((0.0, 0.0), heading)
    middle = (centred.frames[:, 0, :2].min(axis=0) + centred.frames[:, 0, :2].max(axis=0)) / 2
    area = AREAS[sensor]
    placed = clip.placed((area.centre - 0.5 - float(middle[0]), -float(middle[1])), heading)
    return Scenario(
        sensor=sensor,
        scene=scene,
        route="captured",
        angles_deg=(angle_deg,),
        motions=(placed,),
        seeds=(int(rng.integers(2**31)),),
        seed=int(rng.integers(2**31)),
        duration=placed.duration,
    )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def _fingerprints(directory: Path, *patterns: str) -> dict[str, str]:
    paths = sorted(path for pattern in patterns for path in directory.glob(pattern))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in paths}


# --- activity6 -------------------------------------------------------------------------------------------------------

ACTIVITIES: tuple[Kind, ...] = (Kind.WALK, Kind.RUN, Kind.JUMP, Kind.CIRCLE, Kind.BOX)

_Sex = Literal["male", "female"]
SUBJECTS: tuple[tuple[_Sex, int, float, float], ...] = (
    ("male", 23, 1.73, 73.0),
    ("male", 25, 1.78, 71.0),
    ("male", 23, 1.72, 75.0),
    ("female", 23, 1.66, 66.0),
    ("male", 23, 1.88, 92.0),
    ("female", 24, 1.69, 52.0),
)
"""Sex, age [years], stature [m] and mass [kg] of MRA-Net's six people (Remote Sensing 2019, 11, 2584)."""

SPECTROGRAMS = (
    (340, 338, 166, 396, 266),
    (388, 282, 160, 356, 197),
    (233, 237, 220, 430, 158),
    (208, 211, 100, 242, 141),
    (256, 175, 190, 320, 145),
    (177, 414, 197, 316, 239),
)
"""Spectrograms of each subject and activity, the columns as ACTIVITIES: table 3 of the same paper, 7498 in all."""

WINDOW, HOP, TAKE = 1.0, 0.25, 1.5
"""A take of some 1.5 s gives windows of 1 s. The paper's overlap of 0.36 s would give one window a take; with a hop of
0.25 s a take gives three, so that folds by take and folds by window differ, as they must have for the paper [s]."""
PRF = 290.0
CARRIER = 4.23e9
"""With PRF it gives the paper's axis of +-5.14 m/s; the 4.0 GHz that the paper names give +-5.43 m/s [Hz]."""
SETTLE = 1.2  # before a take begins: the tracker has to find the person [s]
SURFACE_RATE = 100.0  # of the surfaces that the slow-time signal is interpolated from [1/s]


def activity6(settings: Settings) -> Plan:
    """Six people and five activities."""
    jobs = []
    for subject in range(len(SUBJECTS)):
        for kind, windows in zip(ACTIVITIES, SPECTROGRAMS[subject], strict=True):
            lengths = take_windows(windows)
            for start in range(0, len(lengths), 5 * CHUNK):
                chunk = lengths[start : start + 5 * CHUNK]
                make = partial(_activity_takes, subject, kind, start, chunk, settings)
                jobs.append(Job(f"S{subject + 1}-{kind}-{start:03d}", len(chunk), make))
    parameters = {"window": WINDOW, "hop": HOP, "prf": PRF, "carrier": CARRIER, "spectrograms": SPECTROGRAMS}
    return settings.recipe("activity6", SIMULATED, **parameters), jobs


def take_windows(windows: int) -> list[int]:
    """Windows of each take that together are as many as asked for; all takes but the last are full."""
    full = round((TAKE - WINDOW) / HOP) + 1
    return [full] * (windows // full) + ([windows % full] if windows % full else [])


def subject_person(subject: int) -> Person:
    """One of SUBJECTS: a sampled person of the same sex, brought to the age, stature and mass.

    Lengths grow with stature, girths with the root of mass over stature, as for bodies of one shape and density.
    """
    sex, age, stature, mass = SUBJECTS[subject]
    first = ACTIVITY_SEED + 100 * subject
    sample = next(person for person in map(sample_person, range(first, first + 100)) if person.sex == sex)
    tall = stature / sample.stature
    wide = math.sqrt(mass / stature / (sample.mass / sample.stature))
    return replace(
        sample,
        person_id=f"S{subject + 1}",
        age=age,
        stature=stature,
        mass=mass,
        segments=Segments(**{f.name: getattr(sample.segments, f.name) * tall for f in fields(Segments)}),
        girths=Girths(**{f.name: getattr(sample.girths, f.name) * wide for f in fields(Girths)}),
    )


def _activity_takes(subject: int, kind: Kind, first: int, windows: Sequence[int], settings: Settings) -> list[Take]:
    """Takes of one person and activity: points and map of the radar in use, and slow time as the paper's has it."""
    person, profile = subject_person(subject), load_profile(settings.profile)
    takes: list[Take] = []
    for number, count in enumerate(windows, start=first):
        rng = np.random.default_rng((settings.seed, _ACTIVITY, subject, ACTIVITIES.index(kind), number))
        length = WINDOW + (count - 1) * HOP
        walk_seed = int(rng.integers(2**31))
        doing = Activity(kind, person, _place(kind, rng), walk_seed)
        begin = min(SETTLE, doing.duration - length)
        scenario = Scenario(
            sensor="radar",
            scene=SCENES[number % len(SCENES)],
            route="activity",
            angles_deg=(0.0,),
            motions=(doing,),
            seeds=(walk_seed,),
            seed=int(rng.integers(2**31)),
            duration=begin + length,
        )
        name = f"{person.person_id}-{kind}-{number:03d}"
        info = replace(_info(scenario, 0, name, name), activity=str(kind))
        take = whole_take(scenario, info, profile, begin=begin, start_ns=_clock(rng))
        times = begin + np.arange(round(length * SURFACE_RATE) + 1) / SURFACE_RATE
        takes.append(replace(take, iq=slow_time_of(doing, times, walk_seed, carrier=CARRIER, prf=PRF), prf=PRF))
    return takes


def _place(kind: Kind, rng: np.random.Generator) -> Place:
    """Where somebody is active, 1.5-7.5 m ahead as in the paper, towards the radar or away from it."""
    away = bool(rng.random() < 0.5)
    aside, turn = float(rng.uniform(-0.3, 0.3)), float(rng.normal(0.0, 0.08))
    if kind in (Kind.WALK, Kind.RUN):
        return Place(1.5, aside, turn) if away else Place(7.5, aside, math.pi + turn)
    if kind is Kind.JUMP:
        return Place(float(rng.uniform(1.5, 4.5)), aside, turn) if away else Place(7.5, aside, math.pi + turn)
    return Place(float(rng.uniform(3.5, 5.5)), aside, math.pi + turn)  # facing the radar
