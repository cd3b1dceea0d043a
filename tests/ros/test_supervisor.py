import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
from ros_harness import TIMEOUT, fastdds_files, wait_for

from mission_ros.supervisor import Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAITHFUL = [
    sys.executable,
    "-c",
    "import time; from mission_ros.process import die_with_parent; die_with_parent(); time.sleep(60)",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time\n"
    "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\n"
    "print('deaf', flush=True); time.sleep(60)",
]
NODE = [
    sys.executable,
    "-c",
    "from rclpy.node import Node\nfrom std_msgs.msg import String\nfrom mission_ros.runtime import run\n"
    "class N(Node):\n    def __init__(self):\n        super().__init__('n')\n"
    "        self.create_publisher(String, 'x', 10); self.create_subscription(String, 'x', print, 10)\n"
    "        print('up', flush=True)\nrun(N)\n",
]


class Supervised:
    """A supervisor, what its children printed, and a loop that polls."""

    def __init__(self, once: tuple[str, ...] = (), **commands: list[str]) -> None:
        self.lines: list[tuple[str, str]] = []
        self.supervisor = Supervisor(commands, os.environ, lambda *line: self.lines.append(line), once)

    def __enter__(self) -> "Supervised":
        self.supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()

    def pid(self, name: str) -> int | None:
        self.supervisor.poll()
        return self.supervisor.health()[name].pid


def test_restarts_what_dies_and_leaves_the_others_alone() -> None:
    with Supervised(a=SLEEP, b=SLEEP) as stack:
        first, other = stack.pid("a"), stack.pid("b")
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: stack.pid("a") not in (None, first), "restart")
        assert stack.pid("b") == other
        health = stack.supervisor.health()["a"]
        assert (health.restarts, health.last_exit) == (1, -signal.SIGKILL)


def test_children_are_out_of_reach_of_ctrl_c_but_heed_the_priorities_of_each_other() -> None:
    with Supervised(a=SLEEP) as children:
        pid = children.supervisor.health()["a"].pid
        assert pid is not None
        assert os.getpgid(pid) == pid  # Ctrl-C goes to the group in the foreground
        assert os.getsid(pid) == os.getsid(0)  # Linux shares a core out among sessions first, among threads after that


def test_waits_longer_each_time() -> None:
    with Supervised(failing=[sys.executable, "-S", "-c", "raise SystemExit(3)"]) as stack:
        wait_for(
            lambda: stack.pid("failing") is None and stack.supervisor.health()["failing"].restarts >= 3, "restarts"
        )
    delays = [float(line.split(" in ")[1].split()[0]) for _, line in stack.lines if "starts again" in line]
    assert delays[:3] == [0.2, 0.4, 0.8]


def test_does_not_restart_what_shall_run_once() -> None:
    with Supervised(("short",), short=[sys.executable, "-c", "print('done')"]) as stack:
        wait_for(lambda: stack.pid("short") is None, "end")
        time.sleep(0.5)
        assert stack.pid("short") is None
    assert [line for _, line in stack.lines] == ["done", "[INFO] ended with status 0"]


def test_failure_of_what_shall_run_once_is_an_error() -> None:
    with Supervised(("short",), short=[sys.executable, "-S", "-c", "raise SystemExit(3)"]) as stack:
        wait_for(lambda: stack.pid("short") is None, "end")
    assert stack.lines == [("short", "[ERROR] ended with status 3")]
    assert stack.supervisor.health()["short"].last_exit == 3


def test_one_is_ended_before_the_others_and_given_its_time() -> None:
    slow = "import signal, time\ndef end(*_):\n    time.sleep(0.5); raise SystemExit(0)\n"
    slow += "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(60)"
    with Supervised(("slow",), slow=[sys.executable, "-c", slow], other=SLEEP) as stack:
        wait_for(lambda: ("slow", "ready") in stack.lines, "start")
        other = stack.pid("other")
        stack.supervisor.stop(["slow"], patience=TIMEOUT)
        assert stack.supervisor.health()["slow"].last_exit == 0
        assert stack.supervisor.health()["other"].pid == other


def test_prefixes_both_outputs() -> None:
    script = "import sys; print('out'); print('err \\u00e9', file=sys.stderr)"
    with Supervised(("talker",), talker=[sys.executable, "-c", script]) as stack:
        wait_for(lambda: stack.pid("talker") is None, "end")
    assert {("talker", "out"), ("talker", "err é")} <= set(stack.lines)


def test_ends_even_the_stubborn(monkeypatch: object) -> None:
    with Supervised(stubborn=STUBBORN, willing=SLEEP) as stack:
        wait_for(lambda: ("stubborn", "deaf") in stack.lines, "start")
        pids = [stack.pid(name) for name in ("stubborn", "willing")]
        started = time.monotonic()
    assert time.monotonic() - started < 7.0
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import os, time
        from mission_ros.supervisor import Supervisor
        supervisor = Supervisor({{"a": {FAITHFUL!r}, "b": {FAITHFUL!r}}}, os.environ, print)
        supervisor.start()
        print(*(health.pid for health in supervisor.health().values()), flush=True)
        time.sleep(60)
    """)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    process.kill()
    process.wait(TIMEOUT)
    wait_for(lambda: not any(_runs(pid) for pid in pids), "end of the children")


def test_leaves_no_shared_memory_of_killed_nodes() -> None:
    with Supervised(a=NODE, b=NODE) as stack:
        wait_for(lambda: stack.lines.count(("a", "up")) == stack.lines.count(("b", "up")) == 1, "start")
        end = time.monotonic() + 2.0  # long enough to be looked at
        while time.monotonic() < end:
            stack.supervisor.poll()
            time.sleep(0.1)
        used = fastdds_files([stack.pid("a"), stack.pid("b")])
        assert any(file.exists() for file in used)
        os.kill(stack.pid("a"), signal.SIGKILL)
        wait_for(lambda: stack.pid("a") and stack.lines.count(("a", "up")) == 2, "restart")
        used |= fastdds_files([stack.pid("a"), stack.pid("b")])
    assert not [file for file in used if file.exists()]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
