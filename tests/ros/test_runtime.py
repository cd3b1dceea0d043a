import signal
import subprocess
import sys
import time

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node
from rclpy.parameter import Parameter
from ros_harness import TIMEOUT, Listener, Spin

from mission_core.errors import ConfigurationError, DeviceError, MissionError
from mission_ros.runtime import ManagedNode, dataclass_parameters, parameter


class Probe(ManagedNode):
    """Notes what is asked of it; `failures` first attempts to configure fail."""

    def __init__(self, name: str = "probe", failures: int = 0, error: Exception | None = None) -> None:
        super().__init__(name)
        self.calls: list[str] = []
        self._failures = failures
        self._error = error or DeviceError("no device")

    def configure(self) -> None:
        self.calls.append("configure")
        if self.calls.count("configure") <= self._failures:
            raise self._error

    def activate(self) -> None:
        self.calls.append("activate")

    def deactivate(self) -> None:
        self.calls.append("deactivate")

    def cleanup(self) -> None:
        self.calls.append("cleanup")


def test_activates_itself(spin: Spin) -> None:
    node = Probe()
    spin(node, lambda: node.is_active)
    assert node.calls == ["configure", "activate"]


def test_tries_again_until_it_works_and_tells_a_lasting_reason_once(
    spin: Spin, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mission_ros.runtime._PATIENCE", 0.1)
    node = Probe(failures=4)
    node._retry_period = 0.1
    spin(node, lambda: node.is_active)
    assert node.calls == ["configure", "cleanup"] * 4 + ["configure", "activate"]
    assert [line for line in capfd.readouterr().err.splitlines() if "ERROR" in line and "no device" in line][1:] == []


def test_unexpected_error_is_told_with_its_origin(spin: Spin, capfd: pytest.CaptureFixture[str]) -> None:
    node = Probe(failures=1, error=ZeroDivisionError("of all things"))
    spin(node, lambda: node.is_active)
    assert "ZeroDivisionError: of all things" in capfd.readouterr().err


def test_cycles_ten_times(spin: Spin) -> None:
    node = Probe()
    spin(node, lambda: node.is_active)
    node.calls.clear()
    for _ in range(10):
        node.trigger_deactivate()
        node.trigger_cleanup()
        node.trigger_configure()
        node.trigger_activate()
    assert node.is_active
    assert node.calls == ["deactivate", "cleanup", "configure", "activate"] * 10


def test_work_that_does_not_end_keeps_the_node_active_and_its_device_open(spin: Spin) -> None:
    class Busy(Probe):
        busy = True

        def deactivate(self) -> None:
            super().deactivate()
            if self.busy:
                raise MissionError("has not ended")

    node = Busy()
    spin(node, lambda: node.is_active)
    node.trigger_deactivate()
    assert node.is_active
    node.trigger_shutdown()
    assert "cleanup" not in node.calls
    node.busy = False


def test_stays_inactive_when_told_to(spin: Spin) -> None:
    node = Probe()
    node._retry_period = 0.05
    spin(node, lambda: node.is_active)
    node.trigger_deactivate()
    later = time.monotonic() + 0.3
    spin(node, lambda: time.monotonic() > later)
    assert not node.is_active


def test_impossible_transition_is_refused_and_the_node_lives(
    spin: Spin, listener: Listener, capfd: pytest.CaptureFixture[str]
) -> None:
    node = Probe("lonely")
    spin(node, lambda: node.is_active)
    client = listener.node.create_client(ChangeState, "/lonely/change_state")
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    spin(node, client.service_is_ready)
    future = client.call_async(request)  # an active node cannot be configured
    spin(node, future.done)
    assert future.result().success is False
    states = listener.node.create_client(GetState, "/lonely/get_state")
    spin(node, states.service_is_ready)
    state = states.call_async(GetState.Request())
    spin(node, state.done)
    assert state.result().current_state.label == "active"
    assert "transition refused" in capfd.readouterr().err


def told_when_ended_by(number: signal.Signals, script: str) -> list[str]:
    """What a program prints that is sent a signal after its first line; it must end well and complain of nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(number)
    rest, errors = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, errors) == (0, "")
    return [first.rstrip(), *rest.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_in_order_on_a_signal(number: signal.Signals) -> None:
    script = (
        "from mission_ros.runtime import ManagedNode, run\n"
        "class N(ManagedNode):\n"
        "    def activate(self): print('active', flush=True)\n"
        "    def cleanup(self): print('clean', flush=True)\n"
        "run(lambda: N('n'))\n"
    )
    assert told_when_ended_by(number, script) == ["active", "clean"]


def test_a_callback_in_another_thread_comes_to_its_end_before_the_node_does() -> None:
    script = (
        "import time\n"
        "from rclpy.node import Node\n"
        "from std_msgs.msg import String\n"
        "from mission_ros.runtime import run\n"
        "class N(Node):\n"
        "    def __init__(self):\n"
        "        super().__init__('n')\n"
        "        self.told = self.create_publisher(String, 'told', 1)\n"
        "        self.create_timer(0.01, self.work)\n"
        "    def work(self):\n"
        "        print('working', flush=True)\n"
        "        time.sleep(0.5)\n"
        "        self.told.publish(String(data='done'))\n"
        "        print('done', flush=True)\n"
        "run(lambda: N(), threads=2)\n"
    )
    assert told_when_ended_by(signal.SIGINT, script)[-1] == "done"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("gate:=-1.0", "gate must be positive, got -1.0"),
        ("gate:=wide", "parameter gate is 'wide', expected a number such as 9.21"),
        ("use_sim_time:=7", "use_sim_time"),
    ],
)
def test_node_that_cannot_be_made_says_why_in_one_line(setting: str, words: str) -> None:
    command = [sys.executable, "-m", "mission_ros.nodes.radar_tracker", "--ros-args", "-p", setting]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_whole_number_is_a_number(rclpy_context: None) -> None:
    node = Node("typed", parameter_overrides=[Parameter("rate", value=5), Parameter("corner", value=[1, 2])])
    rate, corner = parameter(node, "rate", 10.0), parameter(node, "corner", [0.5, 0.5])
    assert (rate, type(rate)) == (5.0, float)
    assert (corner, type(corner[0])) == ([1.0, 2.0], float)
    node.destroy_node()


@pytest.mark.parametrize(
    ("value", "default", "words"),
    [
        ("fast", 10.0, "rate is 'fast', expected a number such as 10.0"),
        (True, 10.0, "expected a number"),
        (1, True, "expected true or false"),
        (2.5, 3, "expected a whole number"),
        (0, "0", "rate is 0, expected a text such as '0'"),
        ("P00", [""], "expected a list"),
        ([True, False], [1.0], "expected a list"),
    ],
)
def test_parameter_of_another_type_is_refused_by_name(
    value: object, default: object, words: str, rclpy_context: None
) -> None:
    node = Node("typed", parameter_overrides=[Parameter("rate", value=value)])
    with pytest.raises(ConfigurationError, match=words):
        parameter(node, "rate", default)  # type: ignore[arg-type]
    node.destroy_node()


def test_parameter_that_is_read_once_cannot_be_set(rclpy_context: None) -> None:
    node = Node("typed")
    parameter(node, "rate", 10.0)
    (result,) = node.set_parameters([Parameter("rate", value=20.0)])
    assert not result.successful
    assert node.get_parameter("rate").value == 10.0
    node.destroy_node()


def test_dataclass_becomes_parameters_and_back(rclpy_context: None) -> None:
    from mission_core.radar.tracking import TrackerConfig

    node = Probe("configured")
    assert dataclass_parameters(node, TrackerConfig) == TrackerConfig()
    assert node.get_parameter("clustering.room_min").value[0] == TrackerConfig().clustering.room_min[0]
    node.destroy_node()
