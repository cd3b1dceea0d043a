"""What another node tells of the tracks, a moment later than the frames it is of."""

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

DELAY_NS = 500_000_000
"""How old an opinion is when it counts [ns]: live it has arrived by then, so that live and replay see the same."""
VALID_NS = 1_500_000_000
"""How old an opinion may be [ns]; when who tells it falls silent, all goes on as without it."""


class Told(Generic[T]):
    """Remembers what was told of the tracks frame by frame, and finds what counts for a frame."""

    def __init__(self) -> None:
        self._told: deque[tuple[int, Sequence[T]]] = deque(maxlen=64)  # more than VALID_NS of frames

    def add(self, stamp_ns: int, opinions: Sequence[T]) -> None:
        """Takes what was told of a frame; of an earlier time only after a restart, when all before is forgotten."""
        if self._told and stamp_ns < self._told[-1][0]:
            self._told.clear()
        self._told.append((stamp_ns, opinions))

    def at(self, stamp_ns: int) -> Sequence[T]:
        """What counts for a frame of that time: the newest that is old enough; nothing where that is too old."""
        for told_ns, opinions in reversed(self._told):
            if told_ns <= stamp_ns - DELAY_NS:
                return opinions if stamp_ns - told_ns <= VALID_NS else ()
        return ()
