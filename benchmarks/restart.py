"""How long a killed node of the running stack takes until it publishes again.

    .venv/bin/python benchmarks/restart.py [--rounds 3]

Runs the whole simulated stack as `mission up` does, kills each node in turn (SIGKILL) and listens for the first message
that it publishes after `mission up` has started it again. The reference, which tells a slow machine from a slow start,
is a bare node of rclpy that publishes one topic and nothing else, started beside the same stack in the same rounds.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from functools import partial

import psutil
import rclpy
from mission_msgs.msg import (
    ActivityArray,
    DopplerTimeMap,
    GalleryInfo,
    RadarFrame,
    RadarTrackArray,
    RankedIdentitiesArray,
)
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo
from simulated_stack import listening, simulated_stack
from std_msgs.msg import Empty
from visualization_msgs.msg import MarkerArray

from mission_ros.process import child_environment
from mission_ros.qos import LATCHED, RESULT, SENSOR_SUBSCRIBER

TOPICS = {
    "radar_simulator": (RadarFrame, "radar/raw", SENSOR_SUBSCRIBER),  # its frames come out of the driver
    "radar_driver": (RadarFrame, "radar/raw", SENSOR_SUBSCRIBER),
    "radar_tracker": (RadarTrackArray, "radar/tracks", RESULT),
    "gallery_manager": (GalleryInfo, "gallery/info", LATCHED),
    "reid": (RankedIdentitiesArray, "reid/identities", RESULT),
    "micro_doppler": (DopplerTimeMap, "micro_doppler/map", RESULT),
    "micro_doppler: activities": (ActivityArray, "micro_doppler/activities", RESULT),
    "camera_driver": (CameraInfo, "camera/color/camera_info", SENSOR_SUBSCRIBER),
    "visualizer": (MarkerArray, "viz/markers", RESULT),
}
"""What tells that a node publishes, by its name and, where that is not the first of it, by what is meant."""
REFERENCE = "bare node"
BARE = """
import rclpy
from std_msgs.msg import Empty
rclpy.init()
node = rclpy.create_node("bare", namespace="mission")
publisher = node.create_publisher(Empty, "bare", 10)
node.create_timer(0.02, lambda: publisher.publish(Empty()))
rclpy.spin(node)
"""
SETTLED = 0.3  # after a kill: what the dead process sent has arrived [s]
LONGEST = 60.0  # that is waited for a message [s]


class Listener(Node):
    """Remembers when each node was heard last."""

    def __init__(self) -> None:
        super().__init__("restart", namespace="mission")
        self.heard: dict[str, float] = {}
        for name, (kind, topic, qos) in (TOPICS | {REFERENCE: (Empty, "bare", 10)}).items():
            self.create_subscription(kind, topic, partial(self._note, name), qos)

    def _note(self, name: str, _: object) -> None:
        self.heard[name] = time.monotonic()

    def wait(self, name: str, since: float) -> float:
        """Seconds from `since` until a node is heard, from SETTLED on."""
        while time.monotonic() < since + LONGEST:
            if (heard := self.heard.get(name, 0.0)) > since + SETTLED:
                return heard - since
            time.sleep(0.01)
        sys.exit(f"{name} was not heard within {LONGEST:g} s; its reason stands above")


def main() -> None:
    """Runs the measurement and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="in each of which every node is killed once")
    rounds = parser.parse_args().rounds
    rclpy.init()
    node = Listener()
    with listening(node), simulated_stack() as stack:
        measured = measure(node, stack, rounds)
    report(measured, rounds)


def measure(node: Listener, stack: psutil.Process, rounds: int) -> dict[str, list[float]]:
    """Seconds by node, one for each round."""
    began = time.monotonic()
    for name in TOPICS:
        node.wait(name, began)
    measured: dict[str, list[float]] = {name: [] for name in (REFERENCE, *TOPICS)}
    for _ in range(rounds):
        measured[REFERENCE].append(start_bare_node(node))
        for name in TOPICS:
            os.kill(pid_of(stack, name.partition(":")[0]), signal.SIGKILL)
            measured[name].append(node.wait(name, time.monotonic()))
            time.sleep(1.0)
    return measured


def start_bare_node(node: Listener) -> float:
    """Seconds from the start of the reference until it is heard."""
    since = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", BARE], env=child_environment())
    try:
        return node.wait(REFERENCE, since)
    finally:
        process.kill()
        process.wait()


def pid_of(stack: psutil.Process, name: str) -> int:
    """Of a node of the stack."""
    for child in stack.children():
        if f"mission_ros.nodes.{name}" in child.cmdline():
            return child.pid
    sys.exit(f"{name} does not run; its reason stands above")


def report(measured: dict[str, list[float]], rounds: int) -> None:
    """Prints what was measured."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"seconds until a message comes, {rounds} rounds")
    print(f"{'killed':<28}{'median s':>10}{'max s':>8}{f'median : {REFERENCE}':>20}")
    reference = statistics.median(measured[REFERENCE])
    for name, values in measured.items():
        median = statistics.median(values)
        print(f"{name:<28}{median:>10.2f}{max(values):>8.2f}{median / reference:>20.1f}")


if __name__ == "__main__":
    main()
