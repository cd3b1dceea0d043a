"""The whole simulated stack as `mission up` runs it, with a node beside it that listens."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from mission_ros.environment import node_environment

os.environ.update(node_environment())
os.environ.setdefault("ROS_DOMAIN_ID", "77")

import rclpy
from rclpy.node import Node

from mission_ros.process import child_environment

COMMAND = ("up", "--radar", "sim", "--camera", "sim", "--json", "--log-level", "error")


@contextmanager
def listening(node: Node) -> Iterator[None]:
    """Calls a node back in a thread of its own, until the end, which is that of rclpy, too."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            rclpy.spin_once(node, timeout_sec=0.1)

    spinner = threading.Thread(target=spin)
    spinner.start()
    try:
        yield
    finally:
        stop.set()
        spinner.join()
        node.destroy_node()
        rclpy.shutdown()


@contextmanager
def simulated_stack() -> Iterator[psutil.Process]:
    """The running supervisor; its children are the nodes.

    Raises:
        SystemExit: a process of the stack was not there when it was asked for.
    """
    command = [sys.executable, "-m", "mission_core.cli", *COMMAND]
    stack = subprocess.Popen(command, env=child_environment(), stdout=subprocess.DEVNULL)
    try:
        yield psutil.Process(stack.pid)
    except psutil.Error as error:
        sys.exit(f"nothing was measured, the stack ended too early ({error}); its reason stands above")
    finally:
        stack.terminate()
        stack.wait()
