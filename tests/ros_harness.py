"""What tests with real ROS nodes share. Importing this sets the environment, so it comes before rclpy.

Each test process has a ROS domain of its own, on this machine only, with every message field checked.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from mission_ros.environment import node_environment

T = TypeVar("T")

NAMESPACE = "mission"
TIMEOUT = 90.0
"""Longest wait for something that should happen soon [s]; machines that run tests start nodes slowly at times."""


_FASTDDS_FILES = (("", ""), ("", "_el"), ("", "_sl"), ("sem.", "_mutex"))  # of a segment: prefix, suffix


def _claim_domain() -> tuple[int, socket.socket]:
    """A ROS domain that no other test process has, and what holds it for the life of this process."""
    for domain in range(20, 101):
        claim = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(OSError):
            claim.bind(f"\0mission-test-domain-{domain}")
            return domain, claim
        claim.close()
    raise RuntimeError("all ROS domains from 20 to 100 are taken by other test processes")


DOMAIN, _claim = _claim_domain()
os.environ.update(node_environment(), ROS_DOMAIN_ID=str(DOMAIN), ROS_PYTHON_CHECK_FIELDS="1")


def wait_for(condition: Callable[[], T], what: str, timeout: float = TIMEOUT) -> T:
    """The first true value of `condition`."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not within {timeout:g} s"
        time.sleep(0.02)


class NodeProcess:
    """A node as users start it; ends with the `with` block, and must then end in order.

    Attributes:
        output: what it printed so far.
    """

    def __init__(self, executable: str, *, namespace: str = NAMESPACE, **parameters: str) -> None:
        options = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        command = [sys.executable, "-m", f"mission_ros.nodes.{executable}", "--ros-args", "-r", f"__ns:=/{namespace}"]
        self.output = ""
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._pump = threading.Thread(target=self._read, daemon=True)
        self._pump.start()

    def __enter__(self) -> "NodeProcess":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self._pump.join(2.0)
        assert kind is not None or status == 0, f"status {status}:\n{self.output}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line


class Up:
    """A running `mission up`; does not outlive the `with` block.

    Attributes:
        entries: what it printed as JSON.
        log: what it printed on stderr.
    """

    def __init__(self, home: Path, *arguments: str) -> None:
        self.entries: list[dict[str, Any]] = []
        self.log = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mission_core.cli", "up", "--json", *arguments],
            env=os.environ | {"ROS_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_entries, self._read_log)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def nodes(self) -> dict[str, int]:
        """Process ids of the nodes by name."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                names = [word for word in child.cmdline() if word.startswith("mission_ros.nodes.")]
            except psutil.Error:
                continue
            found |= {name.rpartition(".")[2]: child.pid for name in names}
        return found

    def newest(self) -> float:
        """Stamp of the newest ranking [s]."""
        return self.entries[-1]["stamp"] if self.entries else 0.0

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.wait(TIMEOUT)

    def wait(self, timeout: float) -> int:
        status = self.process.wait(timeout)
        for thread in self._threads:
            thread.join(5.0)
        return status

    def _read_entries(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.entries.append(json.loads(line) if line.startswith("{") else {"not JSON": line})

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line


class Listener:
    """A node of the test, spinning in a thread: collects messages, calls services.

    Attributes:
        node: for whatever else is needed.
    """

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.node = rclpy.create_node(f"test_{time.monotonic_ns()}", namespace=NAMESPACE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def collect(self, msg_type: type, topic: str, qos: Any = 10) -> list[Any]:
        """A list that grows with every message."""
        messages: list[Any] = []
        self.node.create_subscription(msg_type, topic, messages.append, qos)
        return messages

    def call(self, srv_type: Any, name: str, request: Any, timeout: float = TIMEOUT) -> Any:
        """The response of a service."""
        client = self.node.create_client(srv_type, name)
        assert client.wait_for_service(timeout), f"no service {name}"
        future = client.call_async(request)
        wait_for(future.done, f"response of {name}", timeout)
        return future.result()

    def diagnostics(self) -> "dict[str, tuple[int, str, dict[str, str]]]":
        """Newest level, message and values by node name; fills as they arrive."""
        from diagnostic_msgs.msg import DiagnosticArray

        from mission_core.data import messages

        newest: dict[str, tuple[int, str, dict[str, str]]] = {}

        def note(message: DiagnosticArray) -> None:
            for name, level, text, values in messages.diagnostics(message):
                newest[name.rpartition("/")[2]] = (level, text, values)

        self.node.create_subscription(DiagnosticArray, "/diagnostics", note, 10)
        return newest

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5.0)
        self._executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.1)


def fastdds_files(pids: Iterable[int]) -> set[Path]:
    """Shared memory that Fast DDS uses in these processes; others, and this one, have theirs."""

    def mapped(pid: int) -> set[str]:
        with contextlib.suppress(OSError):
            return set(re.findall(r"/dev/shm/(fastrtps_\w+)", Path(f"/proc/{pid}/maps").read_text()))
        return set()

    names = set().union(*(mapped(pid) for pid in pids)) - mapped(os.getpid())
    return {Path("/dev/shm") / f"{prefix}{name}{suffix}" for name in names for prefix, suffix in _FASTDDS_FILES}


@pytest.fixture(scope="session", autouse=True)
def swept_shared_memory() -> Iterator[None]:
    """Takes away what processes leave behind that tests kill."""
    from mission_ros.shared_memory import remove_orphans

    yield
    names = {path.name for path in Path("/dev/shm").glob("fastrtps_*") if not path.name.endswith(("_el", "_sl"))}
    first_port = 7400 + 250 * DOMAIN  # of this domain, which is ours alone (DDSI-RTPS 9.6.1.1)
    ours = {f"fastrtps_port{port}" for port in range(first_port, first_port + 250)}
    remove_orphans(names - ours)
    remove_orphans(names & ours, unlocked_too=True)


@pytest.fixture(scope="module")
def rclpy_context() -> Iterator[None]:
    """rclpy without its signal handlers, which would take Ctrl-C from pytest; gone when other modules start nodes."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield
    finally:
        rclpy.try_shutdown()


@pytest.fixture
def listener(rclpy_context: None) -> Iterator[Listener]:
    """A node of the test; see `Listener`."""
    listener = Listener()
    yield listener
    listener.close()


Spin = Callable[[Any, Callable[[], object]], None]


@pytest.fixture
def spin(rclpy_context: None) -> Iterator[Spin]:
    """Spins a node of this process until a condition is true; nodes end with the test."""
    from rclpy.executors import MultiThreadedExecutor

    executor = MultiThreadedExecutor(3)
    nodes: list[Any] = []

    def spin(node: Any, until: Callable[[], object]) -> None:
        if node not in nodes:
            nodes.append(node)
            executor.add_node(node)
        end = time.monotonic() + TIMEOUT
        while not until():
            assert time.monotonic() < end
            executor.spin_once(timeout_sec=0.05)

    yield spin
    executor.shutdown()
    for node in nodes:
        node.destroy_node()
