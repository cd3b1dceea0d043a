from types import SimpleNamespace

import pytest
from builtin_interfaces.msg import Time
from ros_harness import wait_for
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from mission_ros.message_filters_fallback import Subscriber, TimeSynchronizer


class Source:
    """An input without ROS, as `message_filters.SimpleFilter` is one."""

    def __init__(self) -> None:
        self.callback = None

    def registerCallback(self, callback) -> None:  # noqa: N802
        self.callback = callback

    def send(self, sec: int, nanosec: int = 0, text: str = "") -> None:
        stamp = SimpleNamespace(sec=sec, nanosec=nanosec)
        self.callback(SimpleNamespace(header=SimpleNamespace(stamp=stamp), text=text or f"{sec}.{nanosec}"))


@pytest.fixture
def two() -> tuple[Source, Source, TimeSynchronizer, list]:
    left, right = Source(), Source()
    synchronizer = TimeSynchronizer([left, right], queue_size=3)
    pairs: list = []
    synchronizer.registerCallback(lambda a, b: pairs.append((a.text, b.text)))
    return left, right, synchronizer, pairs


def test_equal_stamps_meet_in_either_order(two) -> None:
    left, right, _, pairs = two
    left.send(1, text="l1")
    assert pairs == []
    right.send(1, text="r1")
    right.send(2, text="r2")
    left.send(2, text="l2")
    assert pairs == [("l1", "r1"), ("l2", "r2")]


def test_nearly_equal_stamps_do_not_meet(two) -> None:
    left, right, _, pairs = two
    left.send(1, 500)
    right.send(1, 501)
    assert pairs == []


def test_a_message_is_used_once(two) -> None:
    left, right, _, pairs = two
    left.send(1, text="l")
    right.send(1, text="r")
    right.send(1, text="again")
    assert pairs == [("l", "r")]


def test_the_newest_queue_size_messages_wait(two) -> None:
    left, right, synchronizer, pairs = two
    for second in range(1, 100):
        left.send(second)
    assert [len(queue) for queue in synchronizer._queues] == [3, 0]
    for second in range(1, 100):
        right.send(second)
    assert [a for a, _ in pairs] == ["97.0", "98.0", "99.0"]


def test_a_late_message_makes_room_before_newer_ones(two) -> None:
    left, right, _, pairs = two
    for second in (10, 11, 12, 5):
        left.send(second)
    right.send(5)
    right.send(10)
    assert pairs == [("10.0", "10.0")]


def test_three_inputs_and_two_callbacks() -> None:
    sources = [Source(), Source(), Source()]
    synchronizer = TimeSynchronizer(sources, 5)
    first, second = [], []
    synchronizer.registerCallback(lambda *messages: first.append(len(messages)))
    synchronizer.registerCallback(lambda *messages: second.append(len(messages)))
    for source in sources:
        source.send(1)
    assert (first, second) == ([3], [3])


def test_behaves_as_the_real_package_does(two) -> None:
    message_filters = pytest.importorskip("message_filters", reason="comes with ROS, not with the Python registry")
    script = [(0, 1), (1, 2), (1, 1), (0, 3), (0, 2), (1, 3), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (1, 4), (1, 7)]
    real: list = []
    sources = [message_filters.SimpleFilter(), message_filters.SimpleFilter()]
    message_filters.TimeSynchronizer(sources, 3).registerCallback(
        lambda a, b: real.append((a.header.stamp.sec, b.header.stamp.sec))
    )
    for side, second in script:
        sources[side].signalMessage(Image(header=Header(stamp=Time(sec=second))))
        two[side].send(second)
    assert [(int(float(a)), int(float(b))) for a, b in two[3]] == real


def test_subscribers_feed_it(listener) -> None:
    image, info = (listener.node.create_publisher(kind, name, 10) for kind, name in ((Image, "i"), (CameraInfo, "c")))
    inputs = [Subscriber(listener.node, Image, "i", qos_profile=10), Subscriber(listener.node, CameraInfo, "c")]
    pairs: list = []
    TimeSynchronizer(inputs, 5).registerCallback(lambda a, b: pairs.append((a.width, b.width)))
    wait_for(lambda: image.get_subscription_count() and info.get_subscription_count(), "subscriptions")
    header = Header(stamp=Time(sec=7, nanosec=8))
    image.publish(Image(header=header, width=3))
    info.publish(CameraInfo(header=header, width=4))
    assert wait_for(lambda: pairs, "a pair") == [(3, 4)]
