"""Child processes that never outlive their parent, however it dies."""

import ctypes
import os
import signal
from collections.abc import Mapping

_PARENT = "MISSION_PARENT_PID"
_PR_SET_PDEATHSIG = 1


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
