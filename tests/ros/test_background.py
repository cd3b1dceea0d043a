import os
import subprocess
import sys
import threading
import time

import pytest
from ros_harness import TIMEOUT, wait_for

from mission_core.errors import MissionError
from mission_ros.background import Background, Worker, give_way


def test_worker_takes_all_in_order() -> None:
    done: list[int] = []
    worker = Worker(done.append, depth=100)
    for item in range(50):
        worker.put(item)
    wait_for(lambda: len(done) == 50, "items")
    worker.stop()
    assert done == list(range(50))
    assert worker.dropped == 0


def test_slow_worker_drops_the_oldest_and_counts() -> None:
    done: list[int] = []
    gate = threading.Event()

    def work(item: int) -> None:
        gate.wait(TIMEOUT)
        done.append(item)

    worker = Worker(work, depth=3)
    worker.put(0)
    wait_for(lambda: not worker._items, "first item to be taken")
    for item in range(1, 11):
        worker.put(item)
    gate.set()
    wait_for(lambda: len(done) == 4, "items")
    worker.stop()
    assert done == [0, 8, 9, 10]
    assert worker.dropped == 7


def test_background_ends_when_told() -> None:
    background = Background(lambda stop: stop.wait(TIMEOUT) and None)
    started = time.monotonic()
    background.stop()
    assert time.monotonic() - started < 1.0
    assert not background._thread.is_alive()


def test_a_thread_that_gives_way_goes_last_with_all_it_starts_and_nobody_else() -> None:
    priorities: list[int] = []

    def note() -> None:
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def work(_stop: threading.Event) -> None:
        give_way()
        note()
        started = threading.Thread(target=note)
        started.start()
        started.join()

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    Background(work).stop()
    assert min(priorities) > before
    assert len(priorities) == 2
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_background_that_goes_on_working_is_told() -> None:
    gate = threading.Event()
    background = Background(lambda _: gate.wait(TIMEOUT) and None)
    with pytest.raises(MissionError, match=r"not ended within 0\.05 s"):
        background.stop(timeout=0.05)
    gate.set()
    background.stop()


def test_failure_in_the_background_ends_the_process_in_order() -> None:
    script = (
        "import signal, threading\n"
        "from mission_ros.background import Background\n"
        "stop = threading.Event()\n"
        "signal.signal(signal.SIGTERM, lambda *_: stop.set())\n"
        "def work(_): raise KeyError('lost')\n"
        "Background(work, print)\n"
        "print('stopped', stop.wait(10))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert "work failed, this node ends: KeyError: 'lost'" in done.stdout
    assert "stopped True" in done.stdout
