import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
from ros_harness import TIMEOUT, wait_for

from mission_ros.process import child_environment

CHILD = "import time; from mission_ros.process import die_with_parent; die_with_parent(); print('up'); time.sleep(60)"


def parent(child: str, patience: float) -> "subprocess.Popen[str]":
    """A process that starts `child`, tells its pid, and waits for a line of it for so long."""
    script = textwrap.dedent(f"""
        import select, subprocess, sys, time
        from mission_ros.process import child_environment
        command = [sys.executable, "-u", "-c", {child!r}]
        child = subprocess.Popen(command, env=child_environment(), stdout=subprocess.PIPE)
        if {patience}:
            select.select([child.stdout], [], [], {patience})
        print(child.pid, flush=True)
        time.sleep(60)
    """)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("patience", [TIMEOUT, 0.0], ids=["while it runs", "before it asked for it"])
def test_a_child_dies_with_its_killed_parent(patience: float) -> None:
    with parent(CHILD, patience) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    wait_for(lambda: gone(child), "end of the child")


def test_a_grandchild_does_not_take_its_grandparent_for_its_parent() -> None:
    script = (
        "import os, subprocess, sys; from mission_ros.process import die_with_parent; die_with_parent()\n"
        "again = 'from mission_ros.process import die_with_parent; die_with_parent()'\n"
        "sys.exit(subprocess.call([sys.executable, '-c', again]))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=child_environment(), timeout=TIMEOUT, check=False)
    assert done.returncode == 0


def test_without_a_parent_that_asked_for_it_nothing_happens() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MISSION_PARENT_PID"}
    done = subprocess.run([sys.executable, "-c", CHILD.split("; print")[0]], env=environment, check=False)
    assert done.returncode == 0


def test_a_storm_of_signals_ends_a_process_all_the_same() -> None:
    script = textwrap.dedent("""
        import time
        from mission_ros.process import StopSignal
        stop = StopSignal()
        print("up", flush=True)
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            pass
        print(stop.is_set(), stop.wait(60.0))
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            process.send_signal(signal.SIGTERM)
        try:
            output, _ = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert output == "True True\n"
