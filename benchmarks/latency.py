"""How long from the last byte of a radar frame to the ranked identities of everybody in it, and what each node costs.

    .venv/bin/python benchmarks/latency.py [--seconds 60]

Runs the whole simulated stack (three people before the radar, ten enrolled, camera included) as `mission up` does, and
listens to it. The last byte has arrived at the stamp of the frame plus the time its bytes take on the UART. Frames in
which the rankings are renewed (every `period` of node reid) are told apart from those that repeat them. CPU is each
process' own, as a share of one core, after a warm-up.
"""

import argparse
import os
import platform
import sys
import time

import numpy as np
import psutil
import rclpy
from mission_msgs.msg import RadarFrame, RankedIdentitiesArray
from rclpy.node import Node
from simulated_stack import listening, simulated_stack

from mission_core.data import messages
from mission_ros.qos import RESULT, SENSOR_SUBSCRIBER

NS_PER_BYTE = 10 * 1e9 / 921600  # 8N1
WARM_UP = 25.0  # [s] until everybody is tracked, and enrolled on the first start


class Listener(Node):
    """Remembers when what arrived."""

    def __init__(self) -> None:
        super().__init__("latency", namespace="mission")
        self.last_byte_ns: dict[int, float] = {}
        self.arrivals: list[tuple[int, int, int, tuple[float, ...]]] = []  # stamp, arrival, people, scores
        self.create_subscription(RadarFrame, "radar/raw", self._on_raw, SENSOR_SUBSCRIBER)
        self.create_subscription(RankedIdentitiesArray, "reid/identities", self._on_identities, RESULT)

    def _on_raw(self, message: RadarFrame) -> None:
        stamp = messages.stamp_ns(message)
        self.last_byte_ns[stamp] = stamp + len(message.data) * NS_PER_BYTE

    def _on_identities(self, message: RankedIdentitiesArray) -> None:
        ranked = [ranking for ranking in message.identities if ranking.candidates]
        scores = tuple(candidate.score for ranking in ranked for candidate in ranking.candidates)
        self.arrivals.append((messages.stamp_ns(message), time.time_ns(), len(ranked), scores))


def main() -> None:
    """Runs the measurement and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of measurement, after the warm-up")
    seconds = parser.parse_args().seconds
    rclpy.init()
    node = Listener()
    with listening(node), simulated_stack() as stack:
        time.sleep(WARM_UP)
        start_ns, cpu = time.time_ns(), cpu_seconds(stack)
        time.sleep(seconds)
        spent = {name: value - cpu.get(name, 0.0) for name, value in cpu_seconds(stack).items()}
    report(node, start_ns, {name: value / seconds for name, value in spent.items()})


def cpu_seconds(stack: psutil.Process) -> dict[str, float]:
    """CPU time of the stack's processes by node name."""
    result = {}
    for process in (stack, *stack.children(recursive=True)):
        words = process.cmdline()
        module = next((word for word in words if word.startswith("mission_ros.nodes.")), "mission up")
        times = process.cpu_times()
        result[module.rpartition(".")[2]] = times.user + times.system
    return result


def report(node: Listener, start_ns: int, cpu: dict[str, float]) -> None:
    """Prints what was measured."""
    rows: dict[str, list[float]] = {"renewed": [], "repeated": []}
    previous: tuple[float, ...] = ()
    for stamp, arrival, people, scores in node.arrivals:
        kind = "repeated" if scores == previous else "renewed"
        previous = scores
        if stamp >= start_ns and people == 3 and stamp in node.last_byte_ns:
            rows[kind].append((arrival - node.last_byte_ns[stamp]) * 1e-6)
    if not any(rows.values()):
        sys.exit("nothing was measured: no ranking of three people came; see what `mission up` shows")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'rankings of three tracks':<28}{'frames':>8}{'median ms':>11}{'p99 ms':>9}{'max ms':>9}")
    for kind, values in (*rows.items(), ("all", rows["renewed"] + rows["repeated"])):
        if values:
            median, p99, most = np.percentile(values, (50, 99, 100))
            print(f"{kind:<28}{len(values):>8}{median:>11.1f}{p99:>9.1f}{most:>9.1f}")
    print(f"\n{'process':<28}{'share of a core':>16}")
    for name, share in sorted(cpu.items(), key=lambda item: -item[1]):
        print(f"{name:<28}{share:>15.1%}")
    print(f"{'sum':<28}{sum(cpu.values()):>15.1%}")


if __name__ == "__main__":
    main()
