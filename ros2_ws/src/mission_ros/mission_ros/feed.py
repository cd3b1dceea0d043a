"""What drives a driver: a source of measurements that keeps itself running. Knows no ROS."""

import threading
from collections.abc import Callable
from typing import Protocol


class Feed(Protocol):
    """Source of measurements.

    Attributes:
        problem: why there are none at present, empty while all is well.
    """

    problem: str

    def open(self) -> None:
        """Makes ready to run; raises MissionError."""

    def run(self, deliver: Callable[..., None], stop: threading.Event) -> None:
        """Delivers measurements until `stop` is set or the source ends."""

    def close(self) -> None:
        """Lets go of the source."""
