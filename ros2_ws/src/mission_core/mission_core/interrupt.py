"""Being asked to stop while something is under way that should be ended first."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """Signals that ask to stop (Ctrl-C, SIGTERM), as they come; in the main thread only.

    The same one a second time raises KeyboardInterrupt: whoever presses Ctrl-C twice does not want to wait.
    """
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        if number in asked:
            raise KeyboardInterrupt
        asked.append(number)
        log.info("stopping after this step; ask again to stop at once, without saving")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
