"""One condition of a protocol evaluated: who was ranked where, and the same with the radar clips of other people.

The scorer gets clips and the numbers that stand for enrolled people, nothing else, and gets both in random order, so
that not even their order tells anything. The truth is laid beside the scores afterwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from mission_core.errors import ConfigurationError
from mission_core.evaluation.encoding import Clips, Query
from mission_core.evaluation.identification import Identification, score_queries, shuffle_between_people
from mission_core.evaluation.protocols import Condition
from mission_core.metrics import cmc
from mission_core.types import Float64Array

ACCIDENT = 0.001
"""Chance of a control as good as this, below which it is no accident."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a condition.

    Attributes:
        condition: that was evaluated.
        people: P ids, in the order of the columns.
        identification: of all queries, once for each of the condition's galleries.
        control: the same in the first gallery with the radar clip of somebody else for every query (null modality);
            None where one person asks more than half of the queries.
        asked: takes that asked, Q ids.
        clips: enrolled in one gallery.
        seconds: mean time of a query in which the track was there.
        windows: mean number of clips of a query.
        not_enrolled: queries left out because the person has no clip in the gallery.
        too_short: takes left out because they are shorter than a clip.
    """

    condition: Condition
    people: tuple[str, ...]
    identification: Identification
    control: Identification | None
    asked: tuple[str, ...]
    clips: int
    seconds: float
    windows: float
    not_enrolled: int
    too_short: int

    @property
    def control_fails(self) -> bool:
        """Whether the control finds people better than chance does: then the figures prove nothing.

        That is as often as happens by accident in one of a thousand cases, the queries of one person counted as one.
        """
        if self.control is None:
            return False
        people, asking = self.control.num_people, len(np.unique(self.control.truth))
        return any(
            binom.sf(math.ceil(cmc(self.control.ranks, k) * asking) - 1, asking, k / people) < ACCIDENT
            for k in (1, 5)
            if k < people
        )


def evaluate_condition(clips: Clips, condition: Condition, seed: int = 0) -> Outcome:
    """Ranks all enrolled people for all queries of a condition.

    Args:
        clips: of the data set, as the model reads them.
        condition: what is asked.
        seed: of the order in which queries and people are shown, and of the control.

    Raises:
        ConfigurationError: nobody who asks is enrolled, or the gallery has fewer than two people.
    """
    clips.read(condition.query, [take_id for gallery in condition.galleries for take_id in gallery])
    galleries = [[i for i in gallery if clips.features(i)] for gallery in condition.galleries]
    people = tuple(sorted({clips.owner[take_id] for gallery in galleries for take_id in gallery}))
    given = queries_of(clips, condition)
    asked = tuple(i for i in given if clips.owner[i] in people)
    if not asked or len(people) < 2:
        raise ConfigurationError(
            f"{condition.label}: {len(asked)} queries of people who are among the {len(people)} enrolled; at least one "
            "query and two people are needed: choose another protocol, or a larger data set"
        )
    truth = np.array([people.index(clips.owner[i]) for i in asked], np.int64)
    queries = [given[i] for i in asked]
    rows = [rank(clips, gallery, queries, people, seed) for gallery in galleries]
    control = None
    if 2 * np.bincount(truth).max() <= len(truth):
        exchanged = shuffle_between_people(queries, truth, seed)
        control = Identification(rank(clips, galleries[0], exchanged, people, seed), truth)
    return Outcome(
        condition=condition,
        people=people,
        identification=Identification(np.concatenate(rows), np.tile(truth, len(rows))),
        control=control,
        asked=asked,
        clips=sum(len(clips.features(i)) for i in galleries[0]),
        seconds=float(np.mean([query.frames for query in queries])) / clips.model.frame_rate,
        windows=float(np.mean([1 + len(query.earlier) for query in queries])),
        not_enrolled=len(given) - len(asked),
        too_short=len(condition.query) - len(given) + len(condition.galleries[0]) - len(galleries[0]),
    )


def pooled(label: str, outcomes: Sequence[Outcome]) -> Outcome | None:
    """All queries of several outcomes together; None unless the same people were enrolled in all of them."""
    first = outcomes[0]
    if any(outcome.people != first.people for outcome in outcomes):
        return None
    conditions = [outcome.condition for outcome in outcomes]
    controls = [outcome.control for outcome in outcomes if outcome.control is not None]
    return Outcome(
        condition=Condition(
            label,
            None,
            tuple(take_id for condition in conditions for take_id in condition.query),
            tuple(gallery for condition in conditions for gallery in condition.galleries),
        ),
        people=first.people,
        identification=_together([outcome.identification for outcome in outcomes]),
        control=_together(controls) if len(controls) == len(outcomes) else None,
        asked=tuple(take_id for outcome in outcomes for take_id in outcome.asked),
        clips=first.clips,
        seconds=float(np.average([o.seconds for o in outcomes], weights=[len(o.asked) for o in outcomes])),
        windows=float(np.average([o.windows for o in outcomes], weights=[len(o.asked) for o in outcomes])),
        not_enrolled=sum(outcome.not_enrolled for outcome in outcomes),
        too_short=sum(outcome.too_short for outcome in outcomes),
    )


def _together(found: Sequence[Identification]) -> Identification:
    return Identification(np.concatenate([f.distances for f in found]), np.concatenate([f.truth for f in found]))


def queries_of(clips: Clips, condition: Condition) -> dict[str, Query]:
    """The queries that the takes of a condition give; those that are too short for one give none."""
    if condition.watched is None:
        found = {take_id: clips.query(take_id, condition.seconds) for take_id in condition.query}
    else:
        found = {take_id: clips.track(take_id, condition.watched) for take_id in condition.query}
    return {take_id: query for take_id, query in found.items() if query is not None}


def rank(
    clips: Clips,
    gallery: Sequence[str],
    queries: Sequence[Query],
    people: Sequence[str],
    seed: int,
) -> Float64Array:
    """Distances (Q, P) of queries to people; infinite to somebody without a clip in the gallery.

    Args:
        clips: of the data set.
        gallery: ids of the camera's takes that are enrolled.
        queries: Q queries.
        people: P ids, in the order of the columns.
        seed: of the order in which queries and people are shown to the model.
    """
    rng = np.random.default_rng((seed, 3))
    enrolled = sorted({clips.owner[take_id] for take_id in gallery})
    number = dict(zip(enrolled, rng.permutation(len(enrolled)).tolist(), strict=True))
    shown = [gallery[i] for i in rng.permutation(len(gallery))]
    order = rng.permutation(len(queries))
    features = np.stack([own for take_id in shown for own in clips.features(take_id)])
    owner = np.array([number[clips.owner[take_id]] for take_id in shown for _ in clips.features(take_id)], np.int64)
    asking = [queries[i] for i in order]
    earlier = None
    if any(query.earlier for query in asking):
        earlier = [list(clips.model.encode_radar(query.earlier)) if query.earlier else [] for query in asking]
    scored = score_queries(clips.model, [query.clip for query in asking], features, owner, earlier=earlier)
    distances = np.full((len(queries), len(people)), np.inf)
    columns = [column for column, person in enumerate(people) if person in number]
    distances[order[:, None], columns] = scored[:, [number[people[column]] for column in columns]]
    return distances
