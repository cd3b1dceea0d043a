"""`mission record`: everything that runs into one bag, which `ros2 bag play` and `mission replay` play."""

import argparse
import os
import re
import sys
import time
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

import rclpy
from rclpy.duration import Duration
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

from mission_core.errors import BagError
from mission_ros.bag import BagWriter, message_class, recover
from mission_ros.environment import node_environment
from mission_ros.node_table import DEFAULT_NAMESPACE
from mission_ros.process import StopSignal, die_with_parent
from mission_ros.runtime import STEADY
from mission_ros.topics import IMAGES, MORE_RADAR, RECORDED

QUEUE_DEPTH = 20
"""Messages of a topic that may wait in DDS; more than a second of any sensor."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of `mission record`."""
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="new directory (default: bags/<time>)")
    parser.add_argument("--topics", nargs="+", metavar="TOPIC", help="only these (default: everything of mission)")
    parser.add_argument("--no-images", action="store_true", help="leave out the pictures, 2.5 GB per minute")
    parser.add_argument("--namespace", default=DEFAULT_NAMESPACE, help="of the stack (default: %(default)s)")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after so long (default: at Ctrl-C)")
    parser.add_argument("--recover", type=Path, metavar="PATH", help="save what a killed recorder wrote of PATH")


def run(arguments: argparse.Namespace) -> int:
    """Records until Ctrl-C, SIGTERM or the time is up.

    Raises:
        BagError: the bag cannot be written, or nothing was there to record.
    """
    die_with_parent()
    if arguments.recover:
        count = recover(arguments.recover)
        print(f"recovered {count} messages: {arguments.recover}", file=sys.stderr)
        return 0
    path = arguments.output or Path("bags") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    topics = [topic for topic in arguments.topics or RECORDED if not (arguments.no_images and topic == IMAGES)]
    stop = StopSignal()
    os.environ.update(node_environment())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        with BagWriter(path) as writer:
            recorder = Recorder(writer, arguments.namespace, topics)
            print(f"recording to {path}; Ctrl-C ends", file=sys.stderr)
            _spin(recorder, stop, arguments.seconds or float("inf"))
            recorder.destroy_node()
    finally:
        rclpy.try_shutdown()
    return _report(writer, recorder)


class Recorder(Node):
    """Subscribes to topics as soon as somebody publishes them, and hands their bytes to the bag.

    Attributes:
        lost: messages that DDS lost before they arrived here, by topic.
    """

    def __init__(self, writer: BagWriter, namespace: str, topics: Collection[str]) -> None:
        super().__init__("recorder", namespace=namespace)
        self.writer = writer
        self.lost: dict[str, int] = {}
        self._wanted = {self.resolve_topic_name(topic) for topic in topics}
        # a further radar's topics stand below the stack's namespace, under a name that nobody has told
        own = re.escape(self.get_namespace().rstrip("/"))
        further = "|".join(re.escape(topic) for topic in MORE_RADAR if topic in topics)
        self._further = re.compile(f"{own}/[^/]+/({further})") if further else None
        self._seen: set[str] = set()
        self.create_timer(0.1, self._subscribe, clock=STEADY)
        self._subscribe()

    def _subscribe(self) -> None:
        for topic, types in self.get_topic_names_and_types():
            wanted = topic in self._wanted or (self._further is not None and self._further.fullmatch(topic))
            publishers = self.get_publishers_info_by_topic(topic) if wanted and topic not in self._seen else []
            if not publishers:
                continue
            self._seen.add(topic)
            try:
                received_class = message_class(types[0])
                self.writer.add_topic(topic, types[0], [_recorded_qos(publisher) for publisher in publishers])
            except (ImportError, AttributeError, BagError) as error:
                self.get_logger().warning(f"{topic} is not recorded: {types[0]} is not installed ({error})")
                continue
            self._record(topic, received_class, _matching_qos(publishers))

    def _record(self, topic: str, received_class: type, qos: QoSProfile) -> Subscription:
        def receive(data: bytes) -> None:
            self.writer.write(topic, time.time_ns(), data)

        def lose(event: QoSMessageLostInfo) -> None:
            self.lost[topic] = event.total_count

        events = SubscriptionEventCallbacks(message_lost=lose)
        return self.create_subscription(received_class, topic, receive, qos, raw=True, event_callbacks=events)


def _spin(recorder: Recorder, stop: StopSignal, seconds: float) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(recorder)
    end = time.monotonic() + seconds
    while not stop.is_set() and not recorder.writer.failed and (left := end - time.monotonic()) > 0:
        executor.spin_once(timeout_sec=min(0.2, left))
    for _ in range(QUEUE_DEPTH * len(RECORDED)):  # what has arrived by now
        executor.spin_once(timeout_sec=0.0)
    executor.shutdown(timeout_sec=1.0)


def _report(writer: BagWriter, recorder: Recorder) -> int:
    if not writer.message_count:
        raise BagError(
            "nothing was recorded: no topic of mission was published. Start the stack with `mission up`, and see that "
            "ROS_DOMAIN_ID and --namespace are the same here and there."
        )
    print(f"recorded {writer.message_count} messages: {writer.path}", file=sys.stderr)
    for reason, counts in (("the disk was too slow", writer.dropped), ("DDS lost them", recorder.lost)):
        for topic, count in sorted(counts.items()):
            print(f"warning: {count} messages of {topic} are missing, {reason}", file=sys.stderr)
    return 0


def _matching_qos(publishers: Iterable[TopicEndpointInfo]) -> QoSProfile:
    """The strictest quality of service that all publishers offer: nothing that can be had is lost."""
    offered = [publisher.qos_profile for publisher in publishers]
    reliable = all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
    latched = all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=QUEUE_DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _recorded_qos(publisher: TopicEndpointInfo) -> Qos:
    """What a publisher offers, in the bag's terms. DDS does not tell history and depth of others: "unknown"."""
    qos = publisher.qos_profile
    return Qos(
        history=QosHistory[qos.history.name],
        depth=qos.depth,
        reliability=QosReliability[qos.reliability.name],
        durability=QosDurability[qos.durability.name],
        deadline=_qos_time(qos.deadline),
        lifespan=_qos_time(qos.lifespan),
        liveliness=QosLiveliness[qos.liveliness.name],
        liveliness_lease_duration=_qos_time(qos.liveliness_lease_duration),
        avoid_ros_namespace_conventions=qos.avoid_ros_namespace_conventions,
    )


def _qos_time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, 10**9))
