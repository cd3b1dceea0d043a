"""How every node runs: one main loop, one way to end, and lifecycle nodes that look after themselves."""

import time
import traceback
from array import array
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from mission_core.errors import ConfigurationError, MissionError
from mission_ros.node_table import ParameterValue
from mission_ros.process import StopSignal, die_with_parent

T = TypeVar("T")

STEADY = Clock(clock_type=ClockType.STEADY_TIME)
"""Clock of timers that must tick although `use_sim_time` stands still."""

_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list"}
_PATIENCE = 5.0  # [s] a node may wait for others before that is an error
_SPIN_TIMEOUT = 0.2  # [s] longest time until a signal is noticed
_LAST_CALLBACKS = 1.0  # [s] that callbacks have left when a node ends


def run(make_node: Callable[[], Node], threads: int = 1) -> None:
    """Runs a node until SIGINT or SIGTERM, then takes it down in order; the process ends with status 0.

    A node that cannot be made for a reason mission knows ends with that reason in one line, and status 1.

    Args:
        make_node: makes it.
        threads: that call it back; with more than one, callback groups say what may happen at once.
    """
    die_with_parent()
    stop = StopSignal()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make_node()
    except (MissionError, ParameterException) as error:
        rclpy.logging.get_logger("mission").fatal(str(error))
        rclpy.try_shutdown()
        raise SystemExit(1) from None
    executor: Executor = SingleThreadedExecutor() if threads == 1 else MultiThreadedExecutor(threads)
    executor.add_node(node)
    try:
        while not stop.is_set():
            executor.spin_once(timeout_sec=_SPIN_TIMEOUT)
    finally:
        _let_finish(executor)
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def _let_finish(executor: Executor) -> None:
    """Waits for callbacks in other threads, for a second at most.

    rclpy's own `shutdown` would, says its docstring; on Jazzy it takes away what they work with at once.
    """
    began, running = time.monotonic(), getattr(executor, "_futures", [])
    while time.monotonic() - began < _LAST_CALLBACKS and not all(task.done() for task in running):
        time.sleep(0.01)


def parameter(node: Node, name: str, default: ParameterValue) -> Any:
    """Declares a parameter, which stays as it is while the node runs, and tells its value.

    Raises:
        ConfigurationError: it is not of the default's type; whole numbers are decimal ones too.
    """
    # rclpy would take no 5 for a 5.0, so it is told any type and the check is here
    descriptor = ParameterDescriptor(read_only=True, dynamic_typing=True)
    value = node.declare_parameter(name, default, descriptor).value
    try:
        return _of_type(value, default)
    except TypeError:
        raise ConfigurationError(
            f"{node.get_name()}: parameter {name} is {value!r}, expected {_KINDS[type(default)]} such as {default!r}"
        ) from None


def _of_type(value: Any, default: Any) -> Any:
    if isinstance(default, list):
        if not isinstance(value, Sequence | array) or isinstance(value, str):
            raise TypeError
        return [_of_type(each, default[0]) for each in value]
    if type(default) is float and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise TypeError
    return value


def texts(values: list[str]) -> tuple[str, ...]:
    """The non-empty ones: ROS has no empty list of strings, `[""]` stands for it."""
    return tuple(value for value in values if value)


def dataclass_parameters(node: Node, config: type[T], prefix: str = "") -> T:
    """Declares a parameter for each field of a (nested) dataclass of defaults, and makes one of their values.

    Raises:
        ConfigurationError: the dataclass refuses the values.
    """
    values: dict[str, Any] = {}
    defaults = config()
    for field in fields(config):  # type: ignore[arg-type]
        default = getattr(defaults, field.name)
        if is_dataclass(default):
            values[field.name] = dataclass_parameters(node, type(default), f"{prefix}{field.name}.")
        elif isinstance(default, tuple):
            values[field.name] = tuple(parameter(node, prefix + field.name, list(default)))
        else:
            values[field.name] = parameter(node, prefix + field.name, default)
    return config(**values)


class ManagedNode(LifecycleNode):
    """A lifecycle node that configures and activates itself, and tries again while it cannot.

    Subclasses implement `configure`, `activate`, `deactivate` and `cleanup`; errors raised there are logged and turn
    into a failed transition: a node that cannot stop its work stays active, and keeps open what it works with. Once
    active it is left to whoever manages it: a `deactivate` from outside stays.

    Parameters:
        autostart: configure and activate without being asked.
        retry_period: time between attempts to do so [s].
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._complaint = ""
        self._complaint_since = 0.0
        self._complaint_told = False
        self._answer_invalid_transitions()
        self._autostart = parameter(self, "autostart", True)
        self._retry_period = parameter(self, "retry_period", 1.0)
        self._starter = self.create_timer(0.0, self._start, clock=STEADY, autostart=self._autostart)

    def configure(self) -> None:
        """Opens what the node needs; may raise."""

    def activate(self) -> None:
        """Begins to work; may raise."""

    def deactivate(self) -> None:
        """Stops working."""

    def cleanup(self) -> None:
        """Closes what `configure` opened, as far as it did."""

    @property
    def is_active(self) -> bool:
        """Whether the node is in the active state."""
        return bool(self._state_machine.current_state[1] == "active")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Lifecycle transition."""
        result = self._attempt(self.configure)
        if result is not TransitionCallbackReturn.SUCCESS:
            self._attempt(self.cleanup)
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lifecycle transition."""
        result = self._attempt(self.activate)
        if result is not TransitionCallbackReturn.SUCCESS:
            self._attempt(self.deactivate)
            return result
        self._starter.cancel()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lifecycle transition."""
        result = self._attempt(self.deactivate)
        return super().on_deactivate(state) if result is TransitionCallbackReturn.SUCCESS else result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Lifecycle transition."""
        return self._attempt(self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:  # noqa: ARG002
        """Lifecycle transition."""
        self._starter.cancel()
        return self._end()

    def destroy_node(self) -> None:
        """Ends the work before the entities go."""
        self._end()
        super().destroy_node()

    def _end(self) -> TransitionCallbackReturn:
        """Deactivates and cleans up; what still works keeps what it works with."""
        result = self._attempt(self.deactivate)
        return self._attempt(self.cleanup) if result is TransitionCallbackReturn.SUCCESS else result

    def _start(self) -> None:
        """One attempt to become active; the first at once, further ones every `retry_period`."""
        self._starter.timer_period_ns = int(self._retry_period * 1e9)
        if self._state_machine.current_state[1] == "unconfigured":
            self.trigger_configure()
        if self._state_machine.current_state[1] == "inactive":
            self.trigger_activate()

    def _attempt(self, action: Callable[[], None]) -> TransitionCallbackReturn:
        # rclpy swallows what a transition raises without a word, so it is told here
        try:
            action()
        except MissionError as error:
            self._complain(str(error), _PATIENCE if self._autostart else 0.0)
        except Exception:
            self._complain(traceback.format_exc(), 0.0)
        else:
            return TransitionCallbackReturn.SUCCESS
        return TransitionCallbackReturn.FAILURE

    def _complain(self, complaint: str, patience: float) -> None:
        """Tells a reason once, when it has lasted `patience` [s]: nodes that start together wait for each other."""
        now = time.monotonic()
        if complaint != self._complaint:
            self._complaint, self._complaint_since, self._complaint_told = complaint, now, False
            if patience:
                self.get_logger().info(f"not yet: {complaint}")
        if not self._complaint_told and now - self._complaint_since >= patience:
            self.get_logger().error(complaint)
            self._complaint_told = True

    def _answer_invalid_transitions(self) -> None:
        """Answers a transition that is not possible now with "no success".

        rclpy on Jazzy lets the RCLError out of spin instead, which ends the node and leaves the caller waiting.
        """
        service = next(service for service in self.services if service.srv_name.endswith("/change_state"))
        change_state = service.callback

        def answer(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except rclpy_implementation.RCLError as error:
                self.get_logger().warning(f"transition refused: {error}")
                response.success = False
                return response

        service.callback = answer
