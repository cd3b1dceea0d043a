"""Stands in for `message_filters` where it is not installed: exact-time synchronisation, with the same interface.

Import as `message_filters` does not exist on the Python package registry:

    try:
        from message_filters import Subscriber, TimeSynchronizer
    except ImportError:
        from mission_ros.message_filters_fallback import Subscriber, TimeSynchronizer
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile


class Subscriber:
    """A subscription whose messages go to every registered callback.

    Attributes:
        sub: the rclpy subscription.
    """

    def __init__(
        self, node: Node, msg_type: type, topic: str, qos_profile: QoSProfile | int = 10, **options: Any
    ) -> None:
        self._callbacks: list[Callable[[Any], None]] = []
        self.sub = node.create_subscription(msg_type, topic, self._receive, qos_profile, **options)

    def registerCallback(self, callback: Callable[[Any], None]) -> None:  # noqa: N802 - as in message_filters
        """Calls `callback(message)` for every message."""
        self._callbacks.append(callback)

    def _receive(self, message: Any) -> None:
        for callback in self._callbacks:
            callback(message)


class TimeSynchronizer:
    """Calls back with one message of each input, all of the same stamp.

    Each input keeps its newest `queue_size` messages while they wait for their partners; the oldest stamp goes first.
    Sets are delivered in the order of their stamps.
    """

    def __init__(self, fs: Sequence[Any], queue_size: int) -> None:
        self._callbacks: list[Callable[..., None]] = []
        self._queue_size = queue_size
        self._queues: tuple[dict[tuple[int, int], Any], ...] = tuple({} for _ in fs)
        for source, queue in zip(fs, self._queues, strict=True):
            source.registerCallback(partial(self._add, queue))

    def registerCallback(self, callback: Callable[..., None]) -> None:  # noqa: N802 - as in message_filters
        """Calls `callback(message_of_first_input, message_of_second_input, ...)` for every complete set."""
        self._callbacks.append(callback)

    def _add(self, queue: dict[tuple[int, int], Any], message: Any) -> None:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        queue[stamp] = message
        while len(queue) > self._queue_size:
            del queue[min(queue)]
        if all(stamp in other for other in self._queues):
            messages = [other.pop(stamp) for other in self._queues]
            for callback in self._callbacks:
                callback(*messages)
