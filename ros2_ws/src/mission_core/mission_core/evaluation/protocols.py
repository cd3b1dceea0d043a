"""The protocols of evaluation: which takes ask and which answer, condition by condition. Nothing is scored here.

Queries are takes of the radar, the gallery is made of takes of the camera, and no query's own walk is in the gallery
(`mission_core.data.splits`). A condition needs no more than what is known of takes without opening them.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from mission_core.data import splits
from mission_core.data.splits import Ids, Infos, Split
from mission_core.errors import ConfigurationError
from mission_core.sim.rooms import ANGLES

log = logging.getLogger(__name__)

SECONDS = (0.5, 1.0, 1.5, 2.0)
"""Lengths of queries that are compared, beside the model's own longest: the paper's 5 to 20 frames."""
WATCHED = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 24.0)
"""For which tracks are watched [s]."""
RECORDS = range(1, 9)
"""Enrolled clips of a person that are compared."""
CANDIDATES = (10, 20, 30, 40, 50, 58)
"""Sizes of galleries that are compared."""
DRAWS = 5
"""Galleries over which `records` averages."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of a table.

    Attributes:
        label: for the reader.
        value: place on the axis of a curve; None where conditions have no order.
        query: ids of the radar's takes.
        galleries: ids of the camera's takes; the figures of several galleries are averaged.
        seconds: of its queries at most; None for the longest.
        watched: for which the tracks that ask have been watched [s]; None where walks ask, not tracks.
        candidates: people in a gallery, exact averages over all galleries of that size; None for everybody.
    """

    label: str
    value: float | None
    query: Ids
    galleries: tuple[Ids, ...]
    seconds: float | None = None
    watched: float | None = None
    candidates: int | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What conditions are made of.

    Attributes:
        infos: of all takes of the data set.
        seed: of whatever is drawn.
        longest: query [s].
    """

    infos: Infos
    seed: int
    longest: float


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way to evaluate.

    Attributes:
        summary: what it tells, in a few words.
        axis: of the curve that its conditions make; "" where they make none.
        conditions: makes them.
    """

    summary: str
    axis: str
    conditions: Callable[[Given], list[Condition]]


def conditions(name: str, given: Given) -> list[Condition]:
    """The conditions of a protocol, a key of PROTOCOLS, on a data set.

    Raises:
        ConfigurationError: there is no such protocol, or the data set does not hold what it needs.
    """
    if name not in PROTOCOLS:
        raise ConfigurationError(f"there is no protocol {name!r}, expected one of {', '.join(PROTOCOLS)}")
    try:
        return PROTOCOLS[name].conditions(given)
    except ConfigurationError as error:
        walks = [{info.walk_id for info in given.infos if info.sensor == sensor} for sensor in ("radar", "camera")]
        if name == "walks" or not walks[0] & walks[1]:
            raise
        raise ConfigurationError(
            f"the protocol {name} needs sensors that watched different walks, and here both saw the same ones: use the "
            f"protocol walks ({error})"
        ) from error


def _closed(given: Given) -> list[Condition]:
    return [_condition("closed", splits.closed(given.infos, given.seed))]


def _unseen(given: Given) -> list[Condition]:
    return [_condition("unseen people", splits.unseen(given.infos, given.seed))]


def _cross_scene(given: Given) -> list[Condition]:
    scenes = sorted({info.scene for info in given.infos} - {""})
    if not scenes:
        raise ConfigurationError("the data set does not tell where its walks are: choose another protocol")
    return _those_there_are(scenes, lambda scene: splits.cross_scene(given.infos, scene, given.seed))


def _camera_angle(given: Given) -> list[Condition]:
    return _by_angle(given, splits.camera_angle)


def _radar_angle(given: Given) -> list[Condition]:
    return _by_angle(given, splits.radar_angle)


def _by_angle(given: Given, split: Callable[[Infos, float, int], Split]) -> list[Condition]:
    splits.closed(given.infos, given.seed)  # what is wrong with the data set as a whole is told first
    made = _those_there_are(
        [f"{angle:g}°" for angle in ANGLES], lambda label: split(given.infos, _degrees(label), given.seed)
    )
    return [replace(condition, value=_degrees(condition.label)) for condition in made]


def _degrees(label: str) -> float:
    return float(label.removesuffix("°"))


def _multi_person(given: Given) -> list[Condition]:
    return [_condition("several people at once", splits.multi_person(given.infos, given.seed))]


def _walks(given: Given) -> list[Condition]:
    return [_condition(f"fold {fold + 1}", splits.walks(given.infos, fold)) for fold in (0, 1)]


def _frames(given: Given) -> list[Condition]:
    whole = _condition("", splits.closed(given.infos, given.seed))
    lengths = [*(seconds for seconds in SECONDS if seconds < given.longest), given.longest]
    return [replace(whole, label=f"{seconds:g} s", value=seconds, seconds=seconds) for seconds in lengths]


def _tracks(given: Given) -> list[Condition]:
    laps = [info for info in given.infos if info.route == "laps"]
    radar, camera = (tuple(info.take_id for info in laps if info.sensor == name) for name in ("radar", "camera"))
    if not radar or not camera:
        raise ConfigurationError(
            "the protocol tracks needs people who walk back and forth before both sensors, as those of laps58 do: make "
            "it with `mission simulate laps58`"
        )
    return [Condition(f"{seconds:g} s", seconds, radar, (camera,), watched=seconds) for seconds in WATCHED]


def _candidates(given: Given) -> list[Condition]:
    whole = _condition("", splits.closed(given.infos, given.seed))
    enrolled = {info.take_id: info.person_id for info in given.infos}
    people = len({enrolled[take_id] for take_id in whole.galleries[0]})
    sizes = [size for size in CANDIDATES if size <= people]
    if not sizes:
        raise ConfigurationError(
            f"the data set has {people} people, galleries of {CANDIDATES[0]} cannot be made: choose the protocol closed"
        )
    return [replace(whole, label=f"{size} people", value=float(size), candidates=size) for size in sizes]


def _records(given: Given) -> list[Condition]:
    """Queries as closed; clips are drawn from all of the camera's takes of other walks than any query's."""
    base = splits.closed(given.infos, given.seed)
    asked = {info.walk_id for info in given.infos if info.take_id in set(base.query)}
    of_person: dict[str, list[str]] = {}
    for info in sorted(splits.single(given.infos), key=lambda info: info.take_id):
        if info.sensor == "camera" and info.walk_id not in asked:
            of_person.setdefault(info.person_id, []).append(info.take_id)
    fewest = min(len(own) for own in of_person.values())
    made = []
    for count in (count for count in RECORDS if count <= fewest):
        draws = 1 if all(len(own) == count for own in of_person.values()) else DRAWS
        galleries = tuple(_drawn(of_person, count, given.seed, draw) for draw in range(draws))
        made.append(Condition(f"{count} clips", float(count), base.query, galleries))
    return made


def _drawn(of_person: dict[str, list[str]], count: int, seed: int, draw: int) -> Ids:
    """`count` takes of everybody; those of a smaller count of the same draw are among them."""
    rng = np.random.default_rng((seed, draw, 7))
    orders = {person: rng.permutation(len(own)) for person, own in sorted(of_person.items())}
    return tuple(of_person[person][i] for person, order in orders.items() for i in order[:count])


def _condition(label: str, split: Split) -> Condition:
    return Condition(label, None, split.query, (split.gallery,))


def _those_there_are(labels: Iterable[str], split: Callable[[str], Split]) -> list[Condition]:
    """Conditions by label whose split the data set allows; the others are told of.

    Raises:
        ConfigurationError: it allows none.
    """
    made, errors = [], []
    for label in labels:
        try:
            made.append(_condition(label, split(label)))
        except ConfigurationError as error:
            log.warning("condition %s is left out: %s", label, error)
            errors.append(error)
    if not made:
        raise errors[0]
    return made


PROTOCOLS: dict[str, Protocol] = {
    "closed": Protocol("three quarters of each person's walks teach, the rest ask and answer", "", _closed),
    "unseen": Protocol("people who taught nothing", "", _unseen),
    "cross-scene": Protocol("asked in a scene that taught nothing", "", _cross_scene),
    "camera-angle": Protocol("clips of one angle to the camera are enrolled", "angle to the camera [°]", _camera_angle),
    "radar-angle": Protocol("walks at one angle to the radar ask", "angle to the radar [°]", _radar_angle),
    "records": Protocol("1 to 8 clips of everybody are enrolled", "enrolled clips of a person", _records),
    "frames": Protocol("queries of 0.5 to 2 s, and as long as the model reads", "length of a query [s]", _frames),
    "candidates": Protocol("galleries of 10 to 58 people", "people in the gallery", _candidates),
    "multi-person": Protocol("walks of which the radar saw several at once ask", "", _multi_person),
    "walks": Protocol("for data of which both sensors saw the same walks: one half asks for the other", "", _walks),
    "tracks": Protocol("tracks of people who walk back and forth, as the node reads them", "watched [s]", _tracks),
    "open-set": Protocol("is the person enrolled at all", "", _closed),
    "as-released": Protocol("the authors' evaluation, which leaks the truth", "", _closed),
}
"""By name, in the order of the documentation."""
