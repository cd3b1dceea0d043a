"""What the drivers have in common: a lifecycle node that publishes what a feed delivers, from a thread of its own."""

from typing import Any, Generic, TypeVar

from mission_ros.background import Background
from mission_ros.feed import Feed
from mission_ros.runtime import ManagedNode

F = TypeVar("F", bound=Feed)


class FeedNode(ManagedNode, Generic[F]):
    """A driver. Subclasses make the feed, and publish what it delivers.

    Attributes:
        feed: while the node is configured; None where there is nothing to drive.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.feed: F | None = None
        self._thread: Background | None = None

    def make_feed(self) -> F | None:
        """The feed that the parameters describe."""
        raise NotImplementedError

    def publish(self, *measurement: Any) -> None:
        """Publishes what the feed delivers; called from its thread."""
        raise NotImplementedError

    def configure(self) -> None:
        """Opens the feed; a device streams from here on."""
        self.feed = self.make_feed()
        if self.feed is not None:
            self.feed.open()

    def activate(self) -> None:
        """Publishes what comes."""
        feed = self.feed
        if feed is not None:
            self._thread = Background(lambda stop: feed.run(self.publish, stop), self.get_logger().fatal)

    def deactivate(self) -> None:
        """Publishes no more."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def cleanup(self) -> None:
        """Closes the feed."""
        if self.feed is not None:
            self.feed.close()
            self.feed = None

    def now_ns(self) -> int:
        """Time of the node's clock [ns]."""
        return int(self.get_clock().now().nanoseconds)
