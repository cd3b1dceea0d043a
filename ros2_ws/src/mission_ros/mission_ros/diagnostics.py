"""State of health of a node, once per second on /diagnostics."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.node import Node

from mission_core.errors import MissionError
from mission_ros import conversions
from mission_ros.runtime import STEADY


class Level(IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What a node says about itself."""

    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


class Rate:
    """Events per second, from one reading to the next."""

    def __init__(self) -> None:
        self.total = 0
        self._last_total = 0
        self._last_time = time.monotonic()

    def tick(self) -> None:
        """Counts one event."""
        self.total += 1

    def read(self) -> float:
        """Events per second [Hz] since the last reading."""
        now = time.monotonic()
        rate = (self.total - self._last_total) / max(now - self._last_time, 1e-9)
        self._last_total, self._last_time = self.total, now
        return rate


class Intake:
    """What of a node's input did not get through.

    Attributes:
        problem: why the last message could not be used, empty when it could.
    """

    def __init__(self, node: Node) -> None:
        self.problem = ""
        self._node = node
        self._lost = 0
        self._refused = 0

    @property
    def events(self) -> SubscriptionEventCallbacks:
        """For subscriptions whose losses on the way shall be counted."""
        return SubscriptionEventCallbacks(message_lost=self._on_lost)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around work on one message: what is wrong with it is told, and costs this message instead of the node."""
        try:
            yield
        except MissionError as error:
            self._refused += 1
            self.problem = str(error)
            self._node.get_logger().warning(self.problem, throttle_duration_sec=10.0)
        else:
            self.problem = ""

    def counters(self) -> dict[str, object]:
        """Counters, for diagnostics."""
        return {"lost_messages": self._lost, "refused_messages": self._refused}

    def _on_lost(self, event: QoSMessageLostInfo) -> None:
        self._lost += event.total_count_change


class Diagnostics:
    """Publishes what `report` returns each second; `hardware_id` names the device, empty for none.

    A report that cannot be made for a reason mission knows is an error with that reason.
    """

    def __init__(self, node: Node, report: Callable[[], Report], hardware_id: str = "") -> None:
        self._node = node
        self._report = report
        self.hardware_id = hardware_id
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        node.create_timer(1.0, self.publish, clock=STEADY)

    def publish(self) -> None:
        """Publishes now; for changes that cannot wait a second."""
        try:
            report = self._report()
        except MissionError as error:
            report = Report(Level.ERROR, str(error))
        name = self._node.get_fully_qualified_name().lstrip("/")
        now_ns = self._node.get_clock().now().nanoseconds
        self._publisher.publish(
            conversions.diagnostics_to_msg(name, self.hardware_id, report.level, report.message, report.values, now_ns)
        )
