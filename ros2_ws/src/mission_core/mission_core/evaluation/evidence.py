"""How sure the answers become with the time that somebody is watched."""

from dataclasses import dataclass

import numpy as np

from mission_core.evaluation.open_set import Probabilities, ask, auroc, identified
from mission_core.evaluation.outcomes import Outcome
from mission_core.metrics import Interval, bootstrap_mean

FALSE_ALARM_RATE = 0.1
"""Share of the people who are not enrolled that is let pass where the detection-and-identification rate is told."""


@dataclass(frozen=True)
class Watched:
    """What is known after some time.

    Attributes:
        seconds: for which tracks have been watched [s].
        windows: that were read of a track, on average.
        queries: how many.
        top1: share of the queries in which the right person is first.
        truth: mean probability of the right person.
        unknown: mean probability of "unknown".
        auroc: of "enrolled" against "not enrolled", everybody left out of the gallery in turn.
        identified: detection-and-identification rate at 10 % false alarms.
    """

    seconds: float
    windows: float
    queries: int
    top1: Interval
    truth: Interval
    unknown: float
    auroc: Interval
    identified: Interval


def watched(outcome: Outcome, probabilities: Probabilities) -> Watched:
    """What the probabilities of a model say after the time of an outcome."""
    found = outcome.identification
    told, asked = probabilities(found.distances), ask(found, probabilities)
    return Watched(
        seconds=outcome.condition.watched or outcome.seconds,
        windows=outcome.windows,
        queries=len(found.truth),
        top1=found.top(1),
        truth=bootstrap_mean(told[np.arange(len(found.truth)), found.truth], found.truth),
        unknown=float(told[:, -1].mean()),
        auroc=auroc(asked),
        identified=identified(asked, FALSE_ALARM_RATE),
    )
