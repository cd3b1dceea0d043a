"""How accuracy grows with the time that somebody is watched: within a walk, then over further walks of a track."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.evaluation.encoding import Clips
from mission_core.evaluation.identification import Identification
from mission_core.evaluation.open_set import ask, auroc, identified
from mission_core.evaluation.outcomes import Outcome, queries_of, rank
from mission_core.metrics import Interval, bootstrap_mean
from mission_core.models.reid.ranking import EARLIER_WINDOWS

SECONDS = (1.0, 2.0, 3.0, 5.0)
"""That are looked at within a walk."""
FALSE_ALARM_RATE = 0.1
"""Share of the people who are not enrolled that is let pass where the detection-and-identification rate is told."""


@dataclass(frozen=True)
class Watched:
    """What is known after some time.

    Attributes:
        seconds: mean time in which the track was there [s].
        windows: walks that were watched.
        queries: how many.
        top1: share of the queries in which the right person is first.
        truth: mean probability of the right person.
        unknown: mean probability of "unknown".
        auroc: of "enrolled" against "not enrolled", everybody left out of the gallery in turn.
        identified: detection-and-identification rate at 10 % false alarms.
    """

    seconds: float
    windows: int
    queries: int
    top1: Interval
    truth: Interval
    unknown: float
    auroc: Interval
    identified: Interval


def over_time(clips: Clips, outcome: Outcome, seed: int = 0) -> list[Watched]:
    """Accuracy by time watched, everybody enrolled.

    Within a walk queries grow around its middle. Afterwards the same person's other queries come before it, as windows
    of one track do in the node, as many as that remembers and as everybody who asks has; which walks are one person's
    is what the tracker knows, not who that is. Models that read only a track's newest frames end within the walk.

    Args:
        clips: of the data set.
        outcome: of the queries.
        seed: of the order of a person's walks.
    """
    model, truth = clips.model, outcome.identification.truth
    gallery = [i for i in outcome.condition.galleries[0] if clips.features(i) is not None]
    lengths = sorted({min(seconds, clips.longest) for seconds in SECONDS} | {clips.longest})
    points = []
    for length in lengths:
        queries = queries_of(clips, outcome.asked, length)
        found = Identification(rank(clips, gallery, queries, outcome.people, seed), truth)
        points.append(_watched(clips, found, float(np.mean([q.frames.sum() for q in queries])) / model.frame_rate, 1))
    if not model.merges:
        return points
    queries = queries_of(clips, outcome.asked)
    windows = model.encode_radar(queries)
    lasted = np.array([clip.frames.sum() for clip in queries]) / model.frame_rate
    before = earlier_walks(truth, seed)
    for count in range(1, min(EARLIER_WINDOWS, min(len(own) for own in before)) + 1):
        earlier = [[windows[i] for i in own[:count]] for own in before]
        found = Identification(rank(clips, gallery, queries, outcome.people, seed, earlier), truth)
        seconds = np.mean([lasted[[query, *own[:count]]].sum() for query, own in enumerate(before)])
        points.append(_watched(clips, found, float(seconds), 1 + count))
    return points


def earlier_walks(truth: NDArray[np.int64], seed: int) -> list[list[int]]:
    """For each of Q queries the numbers of the same person's other queries, in random order."""
    rng = np.random.default_rng((seed, 6))
    return [
        rng.permutation([other for other in np.flatnonzero(truth == person) if other != query]).astype(int).tolist()
        for query, person in enumerate(truth)
    ]


def _watched(clips: Clips, found: Identification, seconds: float, windows: int) -> Watched:
    probabilities = clips.model.probabilities(found.distances)
    asked = ask(found, clips.model.probabilities)
    of_truth = probabilities[np.arange(len(found.truth)), found.truth]
    return Watched(
        seconds=seconds,
        windows=windows,
        queries=len(found.truth),
        top1=found.top(1),
        truth=bootstrap_mean(of_truth, found.truth),
        unknown=float(probabilities[:, -1].mean()),
        auroc=auroc(asked),
        identified=identified(asked, FALSE_ALARM_RATE),
    )
