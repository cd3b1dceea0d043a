"""Who may be ranked, by what they do: gaits are compared, and only who walks has one."""

from collections.abc import Sequence

from mission_core.models.reid.told import Told
from mission_core.types import ActivityOpinion

WALK = "walk"
MOST = 0.5
"""Probability of anything that is known and not walking above which somebody does that. What the network does not know
is left to the speed, as without it: a way of walking that it never saw is still walking."""


class WalkingGate:
    """Remembers what was told of the tracks, and says who did not walk a moment ago."""

    def __init__(self) -> None:
        self._told: Told[ActivityOpinion] = Told()

    def add(self, stamp_ns: int, opinions: Sequence[ActivityOpinion]) -> None:
        """Takes what was told of a frame."""
        self._told.add(stamp_ns, opinions)

    def others(self, stamp_ns: int) -> frozenset[int]:
        """Tracks that do something else than walk, for a frame of that time; who is not known is not among them."""
        found = []
        for opinion in self._told.at(stamp_ns):
            told = dict(zip(opinion.activities, opinion.probabilities, strict=True))
            if sum(told.values()) - told.get(WALK, 0.0) > MOST:
                found.append(opinion.track_id)
        return frozenset(found)
