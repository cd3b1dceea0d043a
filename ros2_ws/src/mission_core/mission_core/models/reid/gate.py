"""Who may be ranked, by what they do: gaits are compared, and only who walks has one."""

from collections import deque
from collections.abc import Sequence

from mission_core.types import ActivityOpinion

WALK = "walk"
LEAST = 0.3
"""Probability of walking below which somebody does something else."""
DELAY_NS = 500_000_000
"""How old an opinion is when it counts [ns]: live it has arrived by then, so that live and replay see the same."""
VALID_NS = 1_500_000_000
"""How old an opinion may be [ns]; when micro_doppler falls silent, everybody is ranked as without it."""


class WalkingGate:
    """Remembers what was told of the tracks, and says who did not walk a moment ago."""

    def __init__(self) -> None:
        self._told: deque[tuple[int, Sequence[ActivityOpinion]]] = deque(maxlen=64)  # more than VALID_NS of frames

    def add(self, stamp_ns: int, opinions: Sequence[ActivityOpinion]) -> None:
        """Takes what was told of a frame; of an earlier time only after a restart, when all before is forgotten."""
        if self._told and stamp_ns < self._told[-1][0]:
            self._told.clear()
        self._told.append((stamp_ns, opinions))

    def others(self, stamp_ns: int) -> frozenset[int]:
        """Tracks that do something else than walk, for a frame of that time; who is not known is not among them."""
        for told_ns, opinions in reversed(self._told):
            if told_ns <= stamp_ns - DELAY_NS:
                return _others(opinions) if stamp_ns - told_ns <= VALID_NS else frozenset()
        return frozenset()


def _others(opinions: Sequence[ActivityOpinion]) -> frozenset[int]:
    found = []
    for opinion in opinions:
        told = dict(zip(opinion.activities, opinion.probabilities, strict=True))
        if told and told.get(WALK, 0.0) < LEAST:
            found.append(opinion.track_id)
    return frozenset(found)
