"""Keeps child processes running: starts them, prefixes what they print, restarts what dies, ends all in order.

Knows no ROS, except that a killed process leaves shared memory of Fast DDS behind.
"""

import contextlib
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from mission_ros import shared_memory
from mission_ros.process import child_environment

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 10.0  # [s] before a restart, doubling
_HEALTHY_AFTER = 10.0  # [s] of life after which the delay starts anew
_PATIENCE, _KILL_PATIENCE = 5.0, 2.0  # [s] after SIGTERM, after SIGKILL


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """State of one child.

    Attributes:
        pid: None while it waits to be started again.
        restarts: how often it was started again.
        uptime: since its last start [s]; 0 while it waits.
        last_exit: exit status of the previous process, negative for a signal; None if none has ended.
    """

    pid: int | None
    restarts: int
    uptime: float
    last_exit: int | None


class Supervisor:
    """Runs one process per command until `stop`. Call `poll` about ten times per second, from the thread that made it.

    Children are process groups of their own, so that Ctrl-C reaches this process only. Those that call
    `mission_ros.process.die_with_parent` end when this process dies, however it dies.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        env: Mapping[str, str],
        log: Callable[[str, str], None],
        once: Collection[str] = (),
    ) -> None:
        """Starts nothing yet.

        Args:
            commands: what to run, by name.
            env: environment of the children.
            log: takes name and line of everything a child prints; called from several threads.
            once: names of those that are not started again.
        """
        self._children = {
            name: _Child(name, list(command), dict(env), log, restart=name not in once)
            for name, command in commands.items()
        }

    def start(self) -> None:
        """Starts every process."""
        for child in self._children.values():
            child.start()

    def poll(self) -> None:
        """Starts again what has died and waited long enough."""
        for child in self._children.values():
            child.poll()

    def health(self) -> dict[str, ProcessHealth]:
        """State of every process, by name."""
        return {name: child.health() for name, child in self._children.items()}

    def stop(self, names: Collection[str] | None = None, patience: float = _PATIENCE) -> None:
        """Ends processes: SIGTERM, after `patience` [s] SIGKILL. Returns when they are gone; `poll` no more after it.

        Args:
            names: which; by default all.
            patience: time they have to end in order [s].
        """
        children = [child for name, child in self._children.items() if names is None or name in names]
        running = [child for child in children if child.process is not None]
        # SIGTERM, though nodes take SIGINT as well: a Python that still imports answers SIGINT with a traceback
        for number, limit in ((signal.SIGTERM, patience), (signal.SIGKILL, _KILL_PATIENCE)):
            for child in running:
                child.send(number)
            deadline = time.monotonic() + limit
            while running and time.monotonic() < deadline:
                running = [child for child in running if child.running()]
                time.sleep(0.02)
        for child in children:
            child.finish()
        used = [child.shared_memory for child in children]
        shared_memory.remove_orphans(set().union(*used), unlocked_too=True)


class _Child:
    """One process after another under one name."""

    def __init__(
        self, name: str, command: list[str], env: dict[str, str], log: Callable[[str, str], None], *, restart: bool
    ) -> None:
        self.process: subprocess.Popen[str] | None = None
        self._name = name
        self._command = command
        self._env = env
        self._log = log
        self._pump: threading.Thread | None = None
        self.shared_memory: set[str] = set()
        self._started = 0.0
        self._look_at = 0.0
        self._start_at = 0.0 if restart else math.inf
        self._delay = _FIRST_DELAY
        self._restarts = 0
        self._last_exit: int | None = None

    def start(self) -> None:
        self._started = time.monotonic()
        self._look_at = self._started + 0.5
        self.process = subprocess.Popen(
            self._command,
            env=child_environment(self._env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,  # not a session: across sessions Linux heeds no `nice` (sched(7), autogroups)
        )
        self._pump = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._pump.start()

    def poll(self) -> None:
        now = time.monotonic()
        if self.process is None:
            if now >= self._start_at:
                self._restarts += 1
                self.start()
        elif self.running():
            self._look_at_shared_memory(now)
            if now - self._started > _HEALTHY_AFTER:
                self._delay = _FIRST_DELAY
        else:
            status = self.process.returncode
            self.finish()
            again = f", starts again in {self._delay:.1f} s" if math.isfinite(self._start_at) else ""
            level = "WARN" if again else "ERROR" if status else "INFO"
            self._log(self._name, f"[{level}] ended with status {status}{again}")
            self._start_at = max(self._start_at, now + self._delay)
            self._delay = min(2 * self._delay, _LONGEST_DELAY)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.running():
            self.shared_memory |= shared_memory.mapped(self.process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def finish(self) -> None:
        """Tidies up after a process that has ended."""
        if self.process is None:
            return
        self._last_exit = self.process.returncode
        if self._pump is not None:
            self._pump.join(1.0)
        if self.process.stdout is not None:
            self.process.stdout.close()
        shared_memory.remove_orphans(self.shared_memory)
        self.process = None

    def health(self) -> ProcessHealth:
        if self.process is None or not self.running():
            return ProcessHealth(None, self._restarts, 0.0, self._last_exit)
        return ProcessHealth(self.process.pid, self._restarts, time.monotonic() - self._started, self._last_exit)

    def _look_at_shared_memory(self, now: float) -> None:
        """Notes its segments, which cannot be asked for once it is dead: all are there soon after the start."""
        if now >= self._look_at and now - self._started < _HEALTHY_AFTER:
            self.shared_memory |= shared_memory.mapped(self.process.pid) if self.process else set()
            self._look_at = now + 1.0

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError):  # closed while a grandchild still held the other end
            for line in process.stdout:
                self._log(self._name, line.rstrip("\n"))
