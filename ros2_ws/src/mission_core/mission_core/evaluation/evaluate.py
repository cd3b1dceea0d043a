"""The evaluation of a model on a data set: a protocol's conditions, and what belongs beside them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich import get_console
from rich.progress import track

from mission_core.data.takes import TakeInfo, TakeSet
from mission_core.errors import ConfigurationError
from mission_core.evaluation import protocols
from mission_core.evaluation.as_released import Released, as_released, embedder
from mission_core.evaluation.confusions import Confusions, confusions
from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.evidence import Watched, watched
from mission_core.evaluation.joints import JointErrors, joint_errors, joint_pairs
from mission_core.evaluation.open_set import OpenSet, open_set
from mission_core.evaluation.outcomes import Outcome, evaluate_condition, pooled, queries_of
from mission_core.evaluation.shortcut import Floor, shortcut_floor
from mission_core.sim.cohort import POPULATION_SEED

WITH_FLOOR = ("closed",)
"""Protocols beside which the shortcut floor is told: those with training walks of the people who are asked for."""
WITH_OPEN_SET = ("open-set", "tracks")
"""Protocols that leave everybody out of the gallery in turn."""
WITH_JOINTS = ("closed",)
"""Protocols beside which models that tell joints are asked for them."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came of a protocol.

    Attributes:
        protocol: its name.
        outcomes: of each condition.
        confusions: of each condition with one gallery of everybody; None elsewhere.
        floor: for the protocols of WITH_FLOOR.
        joints: for the protocols of WITH_JOINTS, of a model that fuses, where the data set tells true joints.
        open_set: for the protocols of WITH_OPEN_SET, of the last condition.
        watched: for tracks, after the time of each condition.
        released: for as-released, which has no outcomes.
    """

    protocol: str
    outcomes: tuple[Outcome, ...]
    confusions: tuple[Confusions | None, ...]
    floor: Floor | None = None
    joints: JointErrors | None = None
    open_set: OpenSet | None = None
    watched: tuple[Watched, ...] = ()
    released: Released | None = None


def evaluate(clips: Clips, protocol: str, seed: int = 0) -> Evaluation:
    """Evaluates a model.

    Args:
        clips: of the data set, as the model reads them.
        protocol: key of `protocols.PROTOCOLS`.
        seed: of all that is drawn.

    Raises:
        ConfigurationError: the data set or the model does not allow the protocol.
    """
    takes, model = clips.takes, clips.model
    require_test_people(takes.infos)
    conditions = protocols.conditions(protocol, protocols.Given(takes.infos, seed, clips.longest))
    if protocol == "as-released":
        return Evaluation(protocol, (), (), released=_released(clips, conditions[0], seed))
    clips.read(
        [take_id for condition in conditions for take_id in condition.query],
        [take_id for condition in conditions for gallery in condition.galleries for take_id in gallery],
    )
    outcomes = [
        evaluate_condition(clips, condition, seed)
        for condition in track(conditions, "ranking", console=get_console(), disable=len(conditions) < 2)
    ]
    last = outcomes[-1].identification
    if protocol == "walks" and (both := pooled("both folds", outcomes)) is not None:
        outcomes.append(both)
    return Evaluation(
        protocol=protocol,
        outcomes=tuple(outcomes),
        confusions=tuple(_confusions(outcome, takes) for outcome in outcomes),
        floor=shortcut_floor(takes, seed) if protocol in WITH_FLOOR else None,
        joints=_joints(clips, conditions[0]) if protocol in WITH_JOINTS and model.fuses else None,
        open_set=open_set(last, model.probabilities, seed) if protocol in WITH_OPEN_SET else None,
        watched=tuple(watched(each, model.probabilities) for each in outcomes) if protocol == "tracks" else (),
    )


def require_test_people(infos: Iterable[TakeInfo]) -> None:
    """Makes sure that nobody is evaluated on of whom models learn.

    Raises:
        ConfigurationError: somebody is of the population of simulated people.
    """
    taught = {i.person_id for i in infos if i.person_seed >= POPULATION_SEED and i.route != "captured"}
    if taught:
        raise ConfigurationError(
            f"{len(taught)} people of the data set ({', '.join(sorted(taught)[:3])}) are of the population that models "
            "learn from: evaluate on other people, for example on walkers58"
        )


def _confusions(outcome: Outcome, takes: TakeSet) -> Confusions | None:
    condition = outcome.condition
    return confusions(outcome, takes.infos) if len(condition.galleries) == 1 and condition.candidates is None else None


def _joints(clips: Clips, condition: protocols.Condition) -> JointErrors | None:
    model = clips.model
    pairs = joint_pairs(clips.takes, condition, (model.num_frames, model.num_points), model.frame_rate, clips.longest)
    return joint_errors(pairs, model.joints) if pairs else None


def _released(clips: Clips, condition: protocols.Condition, seed: int) -> Released:
    embed = embedder(clips.model)
    clips.read(condition.query, condition.galleries[0])
    queries = queries_of(clips, condition)
    enrolled = [i for i in condition.galleries[0] for _ in clips.features(i)]
    people = sorted({clips.owner[i] for i in (*queries, *enrolled)})
    walkers, owner = (np.array([people.index(clips.owner[i]) for i in ids], np.int64) for ids in (queries, enrolled))
    features = np.stack([own for i in condition.galleries[0] for own in clips.features(i)])
    return as_released(embed, [query.clip for query in queries.values()], walkers, features, owner, seed)
