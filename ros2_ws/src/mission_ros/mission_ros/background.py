"""Work beside the executor: a thread that ends when told, and a worker that drops the oldest when it falls behind."""

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from mission_core.errors import MissionError

T = TypeVar("T")

_NICE = 5  # a third of the share that others get of a busy core: it goes on beside a program that uses every core

_log = logging.getLogger(__name__)


def give_way() -> None:
    """Lets all others go first from now on, for this thread and those that it starts."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


class Background:
    """Runs `work(stop)` in a thread; `work` returns soon after the event `stop` is set.

    What `work` raises is a bug: it is told, and the process ends in order, to be started again by its supervisor.
    """

    def __init__(self, work: Callable[[threading.Event], None], log: Callable[[str], object] = _log.critical) -> None:
        self._work = work
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=getattr(work, "__name__", None))
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Asks the thread to end, and waits for it.

        Args:
            timeout: longest wait [s].

        Raises:
            MissionError: it still works; what it works with must stay open. Asking again is fine.
        """
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise MissionError(f"work in the background has not ended within {timeout:g} s: try again later")

    def _run(self) -> None:
        try:
            self._work(self._stop)
        except Exception as error:
            _log.debug("background thread failed", exc_info=True)
            self._log(f"{self._thread.name} failed, this node ends: {type(error).__name__}: {error}")
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


class Worker(Generic[T]):
    """Hands items to `work` in a thread, in order; when it falls `depth` items behind, the oldest is dropped.

    Attributes:
        dropped: items that were dropped.
    """

    def __init__(self, work: Callable[[T], None], depth: int, log: Callable[[str], object] = _log.critical) -> None:
        self.dropped = 0
        self._work = work
        self._items: deque[T] = deque(maxlen=depth)
        self._arrived = threading.Semaphore(0)
        self._thread = Background(self._drain, log)

    def put(self, item: T) -> None:
        """Adds an item; never blocks."""
        self.dropped += len(self._items) == self._items.maxlen
        self._items.append(item)
        self._arrived.release()

    def stop(self) -> None:
        """Finishes the item at hand and forgets the others."""
        self._items.clear()
        self._thread.stop()

    def _drain(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self._arrived.acquire(timeout=0.2):
                continue
            try:
                item = self._items.popleft()
            except IndexError:  # dropped, or forgotten
                continue
            self._work(item)
