"""How processes end: when they are asked to, and never later than their parent, however that dies."""

import ctypes
import os
import signal
import time
from collections.abc import Mapping

_PARENT = "MISSION_PARENT_PID"
_PR_SET_PDEATHSIG = 1
_NAP = 0.02  # [s]


class StopSignal:
    """Whether SIGINT or SIGTERM has come to this process, from now on.

    No threading.Event, whose lock a second signal would wait for in vain when it interrupts the handler of the first.
    """

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._asked

    def wait(self, seconds: float) -> bool:
        """Waits for it, no longer than some seconds; returns whether it has come."""
        end = time.monotonic() + seconds
        while not self._asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))
        return self._asked

    def _ask(self, *_: object) -> None:
        self._asked = True


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment (of this process) with which a child that calls `die_with_parent` knows whose child it is."""
    return dict(os.environ if environment is None else environment) | {_PARENT: str(os.getpid())}


def die_with_parent() -> None:
    """Asks the kernel for SIGTERM when the parent dies, if it gave this process a `child_environment`.

    A child does this itself: code between fork and exec (`preexec_fn`) may deadlock when the parent has threads.
    """
    parent = os.environ.pop(_PARENT, None)  # not for this process' own children
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before that
        raise SystemExit(1)
