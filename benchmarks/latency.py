"""How long from the last byte of a radar frame to who is in it and what they do, and what each node costs.

    .venv/bin/python benchmarks/latency.py [--seconds 60]

Runs the whole simulated stack (three people before the radar, ten enrolled, camera included) as `mission up` does, and
listens to it. The last byte has arrived at the stamp of the frame plus the time its bytes take on the UART. Frames in
which rankings or activities are renewed (every `period` of the nodes reid and micro_doppler) are told apart from those
that repeat them. CPU is each process' own, as a share of one core, after a warm-up.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import psutil
import rclpy
from mission_msgs.msg import ActivityArray, RadarFrame, RankedIdentitiesArray
from rclpy.node import Node
from simulated_stack import listening, simulated_stack

from mission_core.data import messages
from mission_ros.qos import RESULT, SENSOR_SUBSCRIBER

NS_PER_BYTE = 10 * 1e9 / 921600  # 8N1
WARM_UP = 25.0  # [s] until everybody is tracked, and enrolled on the first start


class Arrival(NamedTuple):
    """What came of a frame: when it was measured and when it came [ns], of how many people, and what it says."""

    stamp_ns: int
    came_ns: int
    people: int
    values: tuple[float, ...]


class Listener(Node):
    """Remembers when what arrived."""

    def __init__(self) -> None:
        super().__init__("latency", namespace="mission")
        self.last_byte_ns: dict[int, float] = {}
        self.arrivals: dict[str, list[Arrival]] = {"rankings": [], "activities": []}
        self.create_subscription(RadarFrame, "radar/raw", self._on_raw, SENSOR_SUBSCRIBER)
        self.create_subscription(RankedIdentitiesArray, "reid/identities", self._on_identities, RESULT)
        self.create_subscription(ActivityArray, "micro_doppler/activities", self._on_activities, RESULT)

    def _on_raw(self, message: RadarFrame) -> None:
        stamp = messages.stamp_ns(message)
        self.last_byte_ns[stamp] = stamp + len(message.data) * NS_PER_BYTE

    def _on_identities(self, message: RankedIdentitiesArray) -> None:
        ranked = [ranking for ranking in message.identities if ranking.candidates]
        scores = tuple(candidate.score for ranking in ranked for candidate in ranking.candidates)
        self.arrivals["rankings"].append(Arrival(messages.stamp_ns(message), time.time_ns(), len(ranked), scores))

    def _on_activities(self, message: ActivityArray) -> None:
        told = [opinion for opinion in messages.activities(message) if opinion.activities]
        shares = tuple(share for opinion in told for share in opinion.probabilities)
        self.arrivals["activities"].append(Arrival(messages.stamp_ns(message), time.time_ns(), len(told), shares))


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


def delays(arrivals: Sequence[Arrival], last_byte_ns: Mapping[int, float], start_ns: int) -> dict[str, list[float]]:
    """From the last byte on [ms], of frames with three people: of those that say something new, and of the others."""
    rows: dict[str, list[float]] = {"renewed": [], "repeated": []}
    previous: tuple[float, ...] = ()
    for each in arrivals:
        kind = "repeated" if each.values == previous else "renewed"
        previous = each.values
        if each.stamp_ns >= start_ns and each.people == 3 and each.stamp_ns in last_byte_ns:
            rows[kind].append((each.came_ns - last_byte_ns[each.stamp_ns]) * 1e-6)
    return rows


def report(node: Listener, start_ns: int, cpu: dict[str, float]) -> None:
    """Prints what was measured."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'of three tracks':<28}{'frames':>8}{'median ms':>11}{'p99 ms':>9}{'max ms':>9}")
    frames = sum(stamp >= start_ns for stamp in node.last_byte_ns)
    for name, arrivals in node.arrivals.items():
        rows = delays(arrivals, node.last_byte_ns, start_ns)
        if not any(rows.values()):
            sys.exit(f"nothing was measured: no {name} of three people came; see what `mission up` shows")
        for kind, values in (*rows.items(), ("all", rows["renewed"] + rows["repeated"])):
            if values:
                median, p99, most = np.percentile(values, (50, 99, 100))
                print(f"{f'{name}, {kind}':<28}{len(values):>8}{median:>11.1f}{p99:>9.1f}{most:>9.1f}")
        came = sum(each.stamp_ns >= start_ns for each in arrivals)
        print(f"{f'{name} of {frames} frames':<28}{came:>8}")
    print(f"\n{'process':<28}{'share of a core':>16}")
    for name, share in sorted(cpu.items(), key=lambda item: -item[1]):
        print(f"{name:<28}{share:>15.1%}")
    print(f"{'sum':<28}{sum(cpu.values()):>15.1%}")


if __name__ == "__main__":
    main()
