"""Splits: which takes teach, which select models, which ask and which answer. They need no more than `TakeInfo`.

Queries are takes of the radar, the gallery is made of takes of the camera, and no walk is on both sides. Whatever is
drawn depends on the seed and on the ids alone.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mission_core.data.takes import TakeInfo
from mission_core.errors import ConfigurationError

Infos: TypeAlias = Sequence[TakeInfo]
Ids: TypeAlias = tuple[str, ...]

TRAIN_SHARE = 0.75
"""Of each person's takes in the closed split, as in the paper."""
UNSEEN_SHARE = 18 / 58
"""Of the people who are kept for testing in the unseen split, as in the paper."""
VALIDATION_SHARE = 0.15
"""Of the takes, or the people, that would teach otherwise."""
ANGLE_TOLERANCE = 7.5  # [deg], half the step between the angles of the paper


@dataclass(frozen=True, slots=True)
class Split:
    """Ids of takes by what they are used for.

    Attributes:
        train: to learn from, both sensors.
        validation: to select models and calibrate with, both sensors.
        query: of the radar.
        gallery: of the camera, of other walks than the queries'.
    """

    train: Ids
    validation: Ids
    query: Ids
    gallery: Ids


def closed(infos: Infos, seed: int = 0) -> Split:
    """Everybody is known: three quarters of each person's single walks teach, the rest are queries and gallery.

    With everybody in the test there is nobody left to validate with: some takes that would teach do so. Models that
    learn from other people altogether (`population`) are validated on those.
    """
    learn, test = _by_take(single(infos), TRAIN_SHARE, seed)
    train, validation = _by_take(learn, 1 - VALIDATION_SHARE, seed + 1)
    return _split(train, validation, test, test)


def unseen(infos: Infos, seed: int = 0) -> Split:
    """18 of 58 people are tested on, some of the other 40 validate, and the rest teach."""
    train, validation, test = by_person(single(infos), UNSEEN_SHARE, VALIDATION_SHARE * (1 - UNSEEN_SHARE), seed)
    return _split(train, validation, test, test)


def population(infos: Infos, seed: int = 0) -> Split:
    """Nobody is tested on: 15 % of the people validate, by queries and gallery of their own, the rest teach."""
    train, validation, _ = by_person(infos, 0.0, VALIDATION_SHARE, seed)
    return _split(train, validation, validation, validation)


def cross_scene(infos: Infos, scene: str, seed: int = 0) -> Split:
    """Learns in all scenes but one, is tested in that one.

    Raises:
        ConfigurationError: no take is of that scene.
    """
    test = _some(single(infos), lambda info: info.scene == scene, f"scene {scene!r}", "scene")
    rest = [info for info in single(infos) if info.scene != scene]
    train, validation = _by_take(rest, 1 - VALIDATION_SHARE, seed)
    return _split(train, validation, test, test)


def camera_angle(infos: Infos, angle_deg: float, seed: int = 0) -> Split:
    """As `closed`, but the gallery holds only walks at this angle to the camera."""
    return _at_angle(infos, angle_deg, "camera", seed)


def radar_angle(infos: Infos, angle_deg: float, seed: int = 0) -> Split:
    """As `closed`, but only walks at this angle to the radar are queries."""
    return _at_angle(infos, angle_deg, "radar", seed)


def multi_person(infos: Infos, seed: int = 0) -> Split:
    """As `closed`, but the queries are walks of which the radar saw several at once.

    Raises:
        ConfigurationError: there is none.
    """
    base = closed(infos, seed)
    crowd = _some(infos, lambda info: info.people > 1 and info.sensor == "radar", "several people at once", "people")
    gallery = _of(infos, base.gallery)
    return _split(_of(infos, base.train), _of(infos, base.validation), crowd, gallery)


def walks(infos: Infos, fold: int = 0) -> Split:
    """Half of each person's walks teach and are the gallery, the radar's takes of the other half are the queries.

    For data of which both sensors saw the same walks: with two walks of everybody, learn from one, query with the
    other. People of one walk are left out.

    Args:
        infos: of all takes.
        fold: 0, or 1 to swap the halves.
    """
    first: list[TakeInfo] = []
    second: list[TakeInfo] = []
    for own in _groups(infos, lambda info: info.person_id):
        names = sorted({info.walk_id for info in own})
        half = set(names[: len(names) // 2])
        if half:
            first += [info for info in own if info.walk_id in half]
            second += [info for info in own if info.walk_id not in half]
    if not first:
        raise ConfigurationError("nobody has two walks: a gallery and a query of the same person need one each")
    learn, test = (second, first) if fold else (first, second)
    return _split(learn, (), test, learn)


def folds(infos: Infos, count: int = 5, seed: int = 0) -> list[tuple[Ids, Ids]]:
    """(train, test) of cross validation by take: in every fold the same share of each person and activity."""
    rng = np.random.default_rng((seed, count))
    fold_of: dict[str, int] = {}
    for own in _groups(infos, lambda info: f"{info.person_id} {info.activity}"):
        order = rng.permutation(len(own)) + int(rng.integers(count))
        fold_of.update({info.take_id: int(place % count) for info, place in zip(own, order, strict=True)})
    ids = [info.take_id for info in infos]
    return [
        (tuple(i for i in ids if fold_of[i] != fold), tuple(i for i in ids if fold_of[i] == fold))
        for fold in range(count)
    ]


def require_strangers(learned: Iterable[TakeInfo], tested: Iterable[TakeInfo]) -> None:
    """Makes sure that nobody is tested on of whom a model learned.

    Raises:
        ConfigurationError: somebody is in both, by id or by the seed they were drawn with.
    """
    known, strangers = list(learned), list(tested)
    ids = {info.person_id for info in known} & {info.person_id for info in strangers}
    seeds = {info.person_seed for info in known} & {info.person_seed for info in strangers} - {-1}
    if ids or seeds:
        who = ", ".join(sorted(ids) or map(str, sorted(seeds)))
        raise ConfigurationError(
            f"{len(ids or seeds)} people are in the training and in the test data ({who}): make a `population` whose "
            "seeds start at 10000 or above, and test on other data"
        )


def single(infos: Iterable[TakeInfo]) -> list[TakeInfo]:
    """Takes of people who walked alone, through the area once."""
    return [info for info in infos if info.people == 1 and info.route != "laps"]


def by_person(
    infos: Infos, test_share: float, validation_share: float, seed: int
) -> tuple[list[TakeInfo], list[TakeInfo], list[TakeInfo]]:
    """Takes of the training, the validation and the test people."""
    people = sorted({info.person_id for info in infos})
    order = np.random.default_rng((seed, 2)).permutation(len(people))
    num_test, num_validation = round(test_share * len(people)), round(validation_share * len(people))
    test = {people[i] for i in order[:num_test]}
    validation = {people[i] for i in order[num_test : num_test + num_validation]}
    return (
        [info for info in infos if info.person_id not in test | validation],
        [info for info in infos if info.person_id in validation],
        [info for info in infos if info.person_id in test],
    )


def _by_take(infos: Infos, share: float, seed: int) -> tuple[list[TakeInfo], list[TakeInfo]]:
    """The share of the takes of each person and sensor, and the rest; all takes of a walk stay together."""
    kept: set[str] = set()
    rng = np.random.default_rng((seed, 1))
    for own in _groups(infos, lambda info: f"{info.person_id} {info.sensor}"):
        names = sorted({info.walk_id for info in own})
        chosen = rng.permutation(len(names))[: round(share * len(names))]
        kept |= {names[i] for i in chosen}
    return [info for info in infos if info.walk_id in kept], [info for info in infos if info.walk_id not in kept]


def _at_angle(infos: Infos, angle_deg: float, sensor: str, seed: int) -> Split:
    base = closed(infos, seed)
    sides = {"radar": _of(infos, base.query), "camera": _of(infos, base.gallery)}
    sides[sensor] = _some(
        sides[sensor],
        lambda info: abs(info.angle_deg - angle_deg) <= ANGLE_TOLERANCE,
        f"an angle of {angle_deg:g} degrees to the {sensor}",
        "angle_deg",
    )
    return _split(_of(infos, base.train), _of(infos, base.validation), sides["radar"], sides["camera"])


def _split(train: Infos, validation: Infos, query: Infos, gallery: Infos) -> Split:
    """Ids of takes; of the query and the gallery only those of the right sensor.

    Raises:
        ConfigurationError: a side is empty, or a walk is on both.
    """
    queries = [info for info in query if info.sensor == "radar"]
    enrolled = [info for info in gallery if info.sensor == "camera"]
    if not queries or not enrolled:
        lacking = "radar take to ask with" if not queries else "camera take for the gallery"
        raise ConfigurationError(f"the split leaves no {lacking}: the data set is too small for it")
    shared = {info.walk_id for info in queries} & {info.walk_id for info in enrolled}
    if shared:
        raise ConfigurationError(
            f"both sensors saw the walks {', '.join(sorted(shared)[:5])}: use the split `walks`, which keeps a query's "
            "own walk out of the gallery"
        )
    return Split(_ids(train), _ids(validation), _ids(queries), _ids(enrolled))


def _ids(infos: Infos) -> Ids:
    return tuple(info.take_id for info in infos)


def _of(infos: Infos, ids: Collection[str]) -> list[TakeInfo]:
    wanted = set(ids)
    return [info for info in infos if info.take_id in wanted]


def _some(infos: Infos, fits: Callable[[TakeInfo], bool], what: str, attribute: str) -> list[TakeInfo]:
    """Those that fit.

    Raises:
        ConfigurationError: none does.
    """
    found = [info for info in infos if fits(info)]
    if not found:
        held = ", ".join(sorted({str(getattr(info, attribute)) for info in infos})[:12]) or "nothing"
        raise ConfigurationError(f"no take is of {what}; the data set has {attribute} {held}")
    return found


def _groups(infos: Infos, key: Callable[[TakeInfo], str]) -> list[list[TakeInfo]]:
    groups: dict[str, list[TakeInfo]] = {}
    for info in infos:
        groups.setdefault(key(info), []).append(info)
    return [groups[name] for name in sorted(groups)]
