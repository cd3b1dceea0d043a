"""Do two runs over the same radar frames say the same? Live against offline, live against replay."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mission_core.types import Float64Array, Ranking, Track

SAME_TRACK = 0.3
"""Tracks of two runs are the same person when they are this close at the same time [m]; ids may differ."""


@dataclass(frozen=True)
class Agreement:
    """Comparison of rankings at equal measurement times, of tracks at equal places.

    Attributes:
        compared: rankings that both runs made from equally many frames.
        same_order: of these, how many list the same people in the same order.
        same_first: of these, how many put the same person first.
        largest_difference: of any person's score.
        only_one: rankings with candidates that only one run made: it was recorded from the middle, or frames were lost.
    """

    compared: int
    same_order: int
    same_first: int
    largest_difference: float
    only_one: int

    @property
    def complete(self) -> bool:
        """Everything that can be compared is equal."""
        return self.compared > 0 and self.same_order == self.compared


Run = Mapping[int, tuple[tuple[Track, ...], tuple[Ranking, ...]]]
"""Tracks and rankings by measurement time [ns]."""


def compare(first: Run, second: Run) -> Agreement:
    """Compares two runs over the same frames."""
    pairs = [pair for stamp in sorted(first.keys() & second.keys()) for pair in _pairs(first[stamp], second[stamp])]
    total = sum(_ranked(run[stamp][1]) for run in (first, second) for stamp in first.keys() & second.keys())
    equal = [(a, b) for a, b in pairs if a.frames_used == b.frames_used]
    differences = [_difference(a, b) for a, b in equal]
    return Agreement(
        compared=len(equal),
        same_order=sum(_order(a) == _order(b) for a, b in equal),
        same_first=sum(_order(a)[0] == _order(b)[0] for a, b in equal),
        largest_difference=max(differences, default=0.0),
        only_one=total - 2 * len(equal),
    )


def _pairs(
    first: tuple[tuple[Track, ...], tuple[Ranking, ...]], second: tuple[tuple[Track, ...], tuple[Ranking, ...]]
) -> Iterable[tuple[Ranking, Ranking]]:
    places = {track.track_id: track.position for track in second[0]}
    others = {ranking.track_id: ranking for ranking in second[1] if ranking.candidates}
    positions = {track.track_id: track.position for track in first[0]}
    for ranking in first[1]:
        if not ranking.candidates or ranking.track_id not in positions:
            continue
        near = _nearest(positions[ranking.track_id], {i: p for i, p in places.items() if i in others})
        if near is not None:
            yield ranking, others[near]


def _nearest(position: Float64Array, places: Mapping[int, Float64Array]) -> int | None:
    distances = {track_id: float(np.linalg.norm(place - position)) for track_id, place in places.items()}
    best = min(distances, key=distances.__getitem__, default=None)
    return best if best is not None and distances[best] < SAME_TRACK else None


def _ranked(rankings: Iterable[Ranking]) -> int:
    return sum(bool(ranking.candidates) for ranking in rankings)


def _order(ranking: Ranking) -> tuple[str, ...]:
    return tuple(candidate.person_id for candidate in ranking.candidates)


def _difference(first: Ranking, second: Ranking) -> float:
    scores = {candidate.person_id: candidate.score for candidate in second.candidates}
    return max(abs(c.score - scores.get(c.person_id, 0.0)) for c in first.candidates)
