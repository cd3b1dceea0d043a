"""Do two runs over the same radar frames say the same? Live against offline, live against replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mission_core.types import Ranking, Track

SAME_TRACK = 0.3
"""Tracks of two runs are the same person when they are this close at the same time [m]; ids may differ."""


SAME_SCORE = 1e-3
"""Scores of two runs are equal up to this: rankings of one frame may be computed together or one by one."""


TRACKER_MEMORY = 3.0
"""Time [s] within which the tracker forgets how a track began. A run whose nodes found each other a few frames later
filters a slightly different track until then, and ranks it differently for as long as the ranking looks back."""


@dataclass(frozen=True)
class Agreement:
    """Comparison of rankings at equal measurement times, of tracks at equal places, while both runs lasted.

    Attributes:
        compared: rankings that both runs made of settled tracks.
        same_order: of these, how many list the same people in the same order.
        same_first: of these, how many put the same person first.
        largest_difference: of any score, "unknown" included.
        settling: rankings that both made of tracks that one of them had not known for long enough; not compared.
        only_one: rankings of settled tracks that one run made and the other did not.
    """

    compared: int
    same_order: int
    same_first: int
    largest_difference: float
    settling: int
    only_one: int

    @property
    def complete(self) -> bool:
        """All that was compared is equal, and it is nearly all there is."""
        equal = self.same_order == self.compared and self.largest_difference < SAME_SCORE
        return equal and self.compared > 0 and self.only_one <= 0.01 * self.compared


Moment = tuple[tuple[Track, ...], tuple[Ranking, ...]]
"""Tracks and their rankings at one time."""
Run = Mapping[int, Moment]
"""By measurement time [ns]."""


def compare(first: Run, second: Run, memory: float, told_ns: int | None = None) -> Agreement:
    """Compares two runs over the same frames.

    Args:
        first: one run.
        second: the other one.
        memory: how far back rankings look that do not tell it [s]. Those are compared that look back on nothing before
            both runs had settled.
        told_ns: since when both runs are told what people do, and heed it; tracks count as no older than that. None:
            they are not.
    """

    def settled_at(stamp: int, *seen: tuple[Track, Ranking]) -> bool:
        begun = [stamp - track.age * 1e9 for track, _ in seen] + ([] if told_ns is None else [told_ns])
        since = [ranking.since_ns for _, ranking in seen if ranking.since_ns]
        return min(since, default=stamp - memory * 1e9) >= max(begun) + TRACKER_MEMORY * 1e9

    begin = max(min(first, default=0), min(second, default=0))
    end = min(max(first, default=-1), max(second, default=-1))
    settled: list[tuple[Ranking, Ranking]] = []
    settling = only_one = 0
    for stamp in sorted(stamp for stamp in first.keys() | second.keys() if begin <= stamp <= end):
        here, there = _ranked(first.get(stamp)), _ranked(second.get(stamp))
        for one in here:
            other = _nearest(one[0], there)
            if other is None:
                only_one += settled_at(stamp, one)
                continue
            there.remove(other)
            if settled_at(stamp, one, other):
                settled.append((one[1], other[1]))
            else:
                settling += 1
        only_one += sum(settled_at(stamp, one) for one in there)
    return Agreement(
        compared=len(settled),
        same_order=sum(_order(a) == _order(b) for a, b in settled),
        same_first=sum(_order(a)[0] == _order(b)[0] for a, b in settled),
        largest_difference=max((_difference(a, b) for a, b in settled), default=0.0),
        settling=settling,
        only_one=only_one,
    )


def _ranked(moment: Moment | None) -> list[tuple[Track, Ranking]]:
    """Tracks that have a ranking with candidates, with it."""
    tracks, rankings = moment or ((), ())
    by_id = {ranking.track_id: ranking for ranking in rankings if ranking.candidates}
    return [(track, by_id[track.track_id]) for track in tracks if track.track_id in by_id]


def _nearest(track: Track, others: Sequence[tuple[Track, Ranking]]) -> tuple[Track, Ranking] | None:
    def distance(other: tuple[Track, Ranking]) -> float:
        return float(np.linalg.norm(other[0].position - track.position))

    best = min(others, key=distance, default=None)
    return best if best is not None and distance(best) < SAME_TRACK else None


def _order(ranking: Ranking) -> tuple[str, ...]:
    return tuple(candidate.person_id for candidate in ranking.candidates)


def _scores(ranking: Ranking) -> dict[str, float]:
    return {"": ranking.unknown} | {candidate.person_id: candidate.score for candidate in ranking.candidates}


def _difference(first: Ranking, second: Ranking) -> float:
    here, there = _scores(first), _scores(second)
    return max(abs(here.get(person, 0.0) - there.get(person, 0.0)) for person in here.keys() | there.keys())
