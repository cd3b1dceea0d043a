"""`mission replay`: plays what a bag holds of the sensors to the perception nodes, which `mission up` runs."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import rclpy
import yaml
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from mission_msgs.msg import RadarFrame, RankedIdentitiesArray
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from rosgraph_msgs.msg import Clock

from mission_core.data import messages
from mission_core.data.bags import BagReader
from mission_core.errors import BagError, ConfigurationError
from mission_core.gallery.locate import find_gallery
from mission_core.models.card import DEFAULT_MODEL
from mission_ros import conversions
from mission_ros.bag import message_class
from mission_ros.environment import node_environment
from mission_ros.node_table import DEFAULT_NAMESPACE, node_table
from mission_ros.process import StopSignal, child_environment
from mission_ros.qos import RESULT, SENSOR_PUBLISHER
from mission_ros.topics import INPUTS, below

READY_TIMEOUT = 60.0
"""Time the nodes have to get ready [s]; on a cold machine the network alone takes ten."""

DISCOVERY_TIME = 1.5
"""Time [s] to see who is in the ROS domain already."""

SETTLE_TIME = 1.0
"""For so long [s] no new topic or subscriber may appear before the first message is played."""

DRAIN_TIMEOUT = 5.0
"""Time without a new ranking [s] after which the end of the bag is taken for processed."""

PRINT_TIME = 0.5
"""Time [s] given to `mission up`, which prints the last ranking, after it has come here."""

MAX_BEHIND = 4
"""Radar frames that may be on their way through the nodes; with more the player waits, so that none gets lost."""

_TICK = 0.05  # [s] between two messages on /clock at most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of `mission replay`."""
    parser.add_argument("bag", type=Path, help="recording made by `mission record`")
    parser.add_argument("--rate", type=float, default=1.0, metavar="R", help="speed (default: as it was recorded)")
    parser.add_argument("--namespace", default=DEFAULT_NAMESPACE, help="of the nodes (default: %(default)s)")
    parser.add_argument("--gallery", type=Path, metavar="PATH", help="people to look for (default: those of the bag)")
    parser.add_argument("--model", default="", metavar="NAME", help="model by name or directory")
    parser.add_argument(
        "--params-file", type=Path, metavar="YAML", help="parameters that differ from config/mission.yaml"
    )
    parser.add_argument("--json", action="store_true", help="print every ranking as one line of JSON")
    parser.add_argument("--loop", action="store_true", help="again and again, each time with nodes that know nothing")


def run(arguments: argparse.Namespace) -> int:
    """Plays the bag, once or until Ctrl-C.

    Raises:
        BagError: the bag cannot be read, or what it holds was not processed.
        ConfigurationError: the nodes run already, did not get ready, or ended too early.
    """
    if arguments.rate <= 0.0:
        raise ConfigurationError(f"--rate {arguments.rate:g}: expected a speed above 0, such as 2 for twice as fast")
    stop = StopSignal()
    os.environ.update(node_environment())
    stdout = os.dup(1)
    os.dup2(2, 1)  # Fast DDS writes its complaints to stdout, which belongs to the rankings
    with BagReader(arguments.bag) as bag:
        play_once(bag, arguments, stop, stdout)
        while arguments.loop and not stop.is_set():
            play_once(bag, arguments, stop, stdout)
    return 0


def play_once(bag: BagReader, arguments: argparse.Namespace, stop: StopSignal, stdout: int) -> None:
    """Starts the nodes, plays the bag, waits for the last ranking, ends the nodes; they show rankings on `stdout`."""
    gallery = arguments.gallery or find_gallery(bag.enrolled(), arguments.model or DEFAULT_MODEL)
    if gallery is None:
        print(f"no gallery here holds the people enrolled at {bag.path}: name one with --gallery", file=sys.stderr)
    with _player(bag, arguments) as player:
        player.require_alone(lambda: not stop.is_set())
        with _nodes(bag, arguments, gallery, stdout) as nodes:

            def going() -> bool:
                if stop.is_set():
                    return False
                if nodes.poll() is not None:
                    raise ConfigurationError(f"the nodes ended too early ({nodes.returncode}); the reason stands above")
                return True

            player.wait_until_ready(going)
            player.play(arguments.rate, going)
            player.wait_until_processed(going)
        stop.wait(PRINT_TIME)


class Player(Node):
    """Publishes the sensors' topics of a bag, and /clock."""

    def __init__(self, bag: BagReader, namespace: str) -> None:
        super().__init__("player", namespace=namespace)
        self._bag = bag
        self._topics = [topic for topic in (*INPUTS, *below(bag.more_radars(), ["radar/raw"])) if bag.has(topic)]
        if "radar/raw" not in self._topics:
            raise BagError(f"{bag.path} has no messages of radar/raw, from which everything else is derived")
        self._inputs = {
            topic: self.create_publisher(message_class(bag.message_type(topic)), topic, SENSOR_PUBLISHER)
            for topic in self._topics
        }
        self._time = self.create_publisher(Clock, "/clock", 10)
        self._behind = 0
        self._last_frame_ns = 0
        self._last_ranking_ns = 0
        self.create_subscription(RankedIdentitiesArray, "reid/identities", self._on_identities, RESULT)
        table = node_table("replay", "replay", more_radars=dict.fromkeys(bag.more_radars(), ""))
        self._expected = {self._full(spec.path) for spec in table}
        self._questions: dict[str, tuple[Client, Future | None]] = {}
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def require_alone(self, going: Callable[[], bool]) -> None:
        """Looks for a stack that runs already: what it measures and what is played would get mixed.

        Raises:
            ConfigurationError: there is one.
        """
        deadline = time.monotonic() + DISCOVERY_TIME
        while going() and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.1)
            found = sorted(self._expected & self._nodes())
            if found or self.count_publishers("radar/raw") > 1:  # beside this player
                raise ConfigurationError(
                    f"a stack runs in namespace {self.get_namespace()} already "
                    f"({', '.join(found) or 'somebody publishes radar/raw'}): end it, or give this replay another "
                    "--namespace or ROS_DOMAIN_ID."
                )

    def wait_until_ready(self, going: Callable[[], bool]) -> None:
        """Waits until all nodes are there and active, and no new connection has come up for a while.

        Raises:
            ConfigurationError: they do not get ready.
        """
        deadline = time.monotonic() + READY_TIMEOUT
        graph, quiet_since = self._graph(), time.monotonic()
        while going():
            missing = self._not_ready()
            now = self._graph()
            if missing or now != graph:
                graph, quiet_since = now, time.monotonic()
            if time.monotonic() - quiet_since > SETTLE_TIME:
                return
            if time.monotonic() > deadline:
                nodes = ", ".join(sorted(missing)) or "connections between nodes"
                raise ConfigurationError(f"not ready after {READY_TIMEOUT:.0f} s: {nodes}; their reasons stand above")
            self._executor.spin_once(timeout_sec=0.1)

    def play(self, rate: float, going: Callable[[], bool]) -> None:
        """Publishes every message when it is due, `rate` times as fast as it was recorded, or as the nodes can take."""
        start, first_ns = time.monotonic(), self._bag.start_ns()
        for stamp_ns, topic, data in self._bag.raw_messages(*self._topics):
            start += self._wait_for_nodes(going)
            due = start + (stamp_ns - first_ns) * 1e-9 / rate
            while going() and (wait := due - time.monotonic()) > 0.0:
                self._executor.spin_once(timeout_sec=min(wait, _TICK))
                self._publish_clock(stamp_ns - max(0, round((due - time.monotonic()) * rate * 1e9)))
            if not going():
                return
            self._publish_clock(stamp_ns)
            self._inputs[topic].publish(data)
            if topic == "radar/raw":
                self._behind += 1
                self._last_frame_ns = messages.time_ns(deserialize_message(data, RadarFrame).header.stamp)

    def _wait_for_nodes(self, going: Callable[[], bool]) -> float:
        """Waits while too many frames are under way; returns for how long [s]."""
        if self._behind <= MAX_BEHIND:
            return 0.0
        start = time.monotonic()
        while going() and self._behind > MAX_BEHIND:
            self._executor.spin_once(timeout_sec=_TICK)
            if time.monotonic() - start > DRAIN_TIMEOUT:
                self._behind = 0  # those are lost
        return time.monotonic() - start

    def wait_until_processed(self, going: Callable[[], bool]) -> None:
        """Waits for the ranking of the last radar frame.

        Raises:
            BagError: it does not come.
        """
        seen, deadline = self._last_ranking_ns, time.monotonic() + DRAIN_TIMEOUT
        while going() and self._last_ranking_ns < self._last_frame_ns:
            if time.monotonic() > deadline:
                raise BagError(f"not all of {self._bag.path} was processed: no ranking of its last radar frame came")
            self._executor.spin_once(timeout_sec=_TICK)
            if self._last_ranking_ns != seen:
                seen, deadline = self._last_ranking_ns, time.monotonic() + DRAIN_TIMEOUT

    def _on_identities(self, message: RankedIdentitiesArray) -> None:
        self._behind = max(0, self._behind - 1)
        self._last_ranking_ns = messages.stamp_ns(message)

    def _graph(self) -> dict[str, tuple[int, int]]:
        """Publishers and subscribers of every topic."""
        topics = [topic for topic, _ in self.get_topic_names_and_types()]
        return {topic: (self.count_publishers(topic), self.count_subscribers(topic)) for topic in topics}

    def _not_ready(self) -> set[str]:
        """Full names of the nodes that are missing, or have a lifecycle and are not active."""
        waiting = self._expected - self._nodes()
        for service, types in self.get_service_names_and_types():
            node = service.rpartition("/")[0]
            if types == ["lifecycle_msgs/srv/GetState"] and node in self._expected and not self._is_active(service):
                waiting.add(node)
        return waiting

    def _nodes(self) -> set[str]:
        """Full names of all nodes."""
        return {f"{namespace.rstrip('/')}/{name}" for name, namespace in self.get_node_names_and_namespaces()}

    def _full(self, name: str) -> str:
        return f"{self.get_namespace().rstrip('/')}/{name}"

    def _is_active(self, service: str) -> bool:
        """The newest answer of a node; asks again when it was no."""
        client, answer = self._questions.get(service) or (self.create_client(GetState, service), None)
        if answer is not None and not answer.done():
            return False
        if answer is not None and answer.result().current_state.id == State.PRIMARY_STATE_ACTIVE:
            return True
        self._questions[service] = client, client.call_async(GetState.Request())
        return False

    def _publish_clock(self, stamp_ns: int) -> None:
        self._time.publish(Clock(clock=conversions.ns_to_stamp(stamp_ns)))


@contextmanager
def _player(bag: BagReader, arguments: argparse.Namespace) -> Iterator[Player]:
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        player = Player(bag, arguments.namespace)
        yield player
        player.destroy_node()
    finally:
        rclpy.try_shutdown()


def _with_sim_time(params_file: Path | None) -> dict[str, dict[str, dict[str, object]]]:
    """The parameters of a file, and the time of the bag for every node.

    Raises:
        ConfigurationError: the file is absent, or no parameter file.
    """
    try:
        parameters = yaml.safe_load(params_file.read_text()) if params_file else {}
        parameters.setdefault("/**", {}).setdefault("ros__parameters", {})["use_sim_time"] = True
    except (OSError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"--params-file {params_file} is no parameter file ({error}): expected nodes, below each ros__parameters, "
            "as in config/mission.yaml"
        ) from error
    return dict(parameters)


@contextmanager
def _nodes(
    bag: BagReader, arguments: argparse.Namespace, gallery: Path | None, stdout: int
) -> "Iterator[subprocess.Popen[bytes]]":
    """The perception nodes under `mission up`, which ends with this process."""
    with tempfile.TemporaryDirectory(prefix="mission-") as directory:
        parameters = Path(directory) / "replay.yaml"
        parameters.write_text(yaml.safe_dump(_with_sim_time(arguments.params_file)))
        command = [sys.executable, "-m", "mission_core.cli", "up", "--radar", "replay", "--camera", "replay"]
        command += ["--namespace", arguments.namespace, "--params-file", str(parameters)]
        command += ["--gallery", str(gallery)] if gallery else []
        command += ["--model", arguments.model] if arguments.model else []
        command += ["--json"] if arguments.json else []
        command += ["--more-radars", ",".join(bag.more_radars())] if bag.more_radars() else []
        with subprocess.Popen(command, stdout=stdout, env=child_environment()) as nodes:
            try:
                yield nodes
            finally:
                nodes.send_signal(signal.SIGINT)
