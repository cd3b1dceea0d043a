"""Do two runs over the same radar frames say the same? Live against offline, live against replay."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mission_core.types import Float64Array, Ranking, Track

SAME_TRACK = 0.3
"""Tracks of two runs are the same person when they are this close at the same time [m]; ids may differ."""


SAME_SCORE = 1e-3
"""Scores of two runs are equal up to this: rankings of one frame may be computed together or one by one."""


@dataclass(frozen=True)
class Agreement:
    """Comparison of rankings at equal measurement times, of tracks at equal places, while both runs lasted.

    Attributes:
        compared: rankings that both runs made from equally many frames.
        same_order: of these, how many list the same people in the same order.
        same_first: of these, how many put the same person first.
        largest_difference: of any score, "unknown" included.
        other_frames: rankings that both made, but from different numbers of frames: a recording begins amid a track.
        only_one: rankings that one run made and the other did not.
    """

    compared: int
    same_order: int
    same_first: int
    largest_difference: float
    other_frames: int
    only_one: int

    @property
    def complete(self) -> bool:
        """All that was compared is equal, and it is nearly all there is."""
        equal = self.same_order == self.compared and self.largest_difference < SAME_SCORE
        return equal and self.compared > 0 and self.other_frames + self.only_one <= 0.1 * self.compared


Run = Mapping[int, tuple[tuple[Track, ...], tuple[Ranking, ...]]]
"""Tracks and rankings by measurement time [ns]."""


def compare(first: Run, second: Run) -> Agreement:
    """Compares two runs over the same frames."""
    begin = max(min(first, default=0), min(second, default=0))
    end = min(max(first, default=-1), max(second, default=-1))
    stamps = {stamp for stamp in first.keys() | second.keys() if begin <= stamp <= end}
    nothing: tuple[tuple[Track, ...], tuple[Ranking, ...]] = ((), ())
    pairs: list[tuple[Ranking, Ranking]] = []
    total = 0
    for stamp in sorted(stamps):
        here, there = first.get(stamp, nothing), second.get(stamp, nothing)
        pairs += _pairs(here, there)
        total += len(_ranked(here)) + len(_ranked(there))
    equal = [(a, b) for a, b in pairs if a.frames_used == b.frames_used]
    return Agreement(
        compared=len(equal),
        same_order=sum(_order(a) == _order(b) for a, b in equal),
        same_first=sum(_order(a)[0] == _order(b)[0] for a, b in equal),
        largest_difference=max((_difference(a, b) for a, b in equal), default=0.0),
        other_frames=len(pairs) - len(equal),
        only_one=total - 2 * len(pairs),
    )


def _pairs(
    first: tuple[tuple[Track, ...], tuple[Ranking, ...]], second: tuple[tuple[Track, ...], tuple[Ranking, ...]]
) -> Iterator[tuple[Ranking, Ranking]]:
    places, others = _ranked(second), {ranking.track_id: ranking for ranking in second[1]}
    rankings = {ranking.track_id: ranking for ranking in first[1]}
    for track_id, position in _ranked(first).items():
        near = _nearest(position, places)
        if near is not None:
            del places[near]
            yield rankings[track_id], others[near]


def _nearest(position: Float64Array, places: Mapping[int, Float64Array]) -> int | None:
    distances = {track_id: float(np.linalg.norm(place - position)) for track_id, place in places.items()}
    best = min(distances, key=distances.__getitem__, default=None)
    return best if best is not None and distances[best] < SAME_TRACK else None


def _ranked(run: tuple[tuple[Track, ...], tuple[Ranking, ...]]) -> dict[int, Float64Array]:
    """Places of the tracks that have a ranking with candidates, by id."""
    ranked = {ranking.track_id for ranking in run[1] if ranking.candidates}
    return {track.track_id: track.position for track in run[0] if track.track_id in ranked}


def _order(ranking: Ranking) -> tuple[str, ...]:
    return tuple(candidate.person_id for candidate in ranking.candidates)


def _scores(ranking: Ranking) -> dict[str, float]:
    return {"": ranking.unknown} | {candidate.person_id: candidate.score for candidate in ranking.candidates}


def _difference(first: Ranking, second: Ranking) -> float:
    here, there = _scores(first), _scores(second)
    return max(abs(here.get(person, 0.0) - there.get(person, 0.0)) for person in here.keys() | there.keys())
