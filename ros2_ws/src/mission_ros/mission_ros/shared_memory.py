"""Shared memory that Fast DDS leaves behind when a process is killed, or takes over from a killed one."""

import fcntl
import re
from collections.abc import Iterable
from pathlib import Path

_DIRECTORY = Path("/dev/shm")
_FILE = re.compile(r"/dev/shm/(fastrtps_\w+)")


def mapped(pid: int) -> set[str]:
    """Names of the Fast DDS segments and ports that a process uses; none if it is gone."""
    try:
        return set(_FILE.findall(Path(f"/proc/{pid}/maps").read_text()))
    except OSError:
        return set()


def remove_orphans(names: Iterable[str], *, unlocked_too: bool = False) -> None:
    """Removes those segments and ports whose owner is dead: a living one locks the file beside its segment.

    A port that outlived a killed process, was taken over by the next one and left in order stays without that file;
    `unlocked_too` removes these as well.
    """
    for name in names:
        locks = [lock for lock in (_DIRECTORY / f"{name}_el", _DIRECTORY / f"{name}_sl") if lock.exists()]
        if (locks or unlocked_too) and not any(_locked(lock) for lock in locks):
            for file in (_DIRECTORY / name, *locks, _DIRECTORY / f"sem.{name}_mutex"):
                file.unlink(missing_ok=True)


def _locked(lock: Path) -> bool:
    try:
        with lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
