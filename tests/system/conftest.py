"""Gives the tests of the whole stack the environment of those in tests/ros, and a listener."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ros_harness import Listener, ros


@pytest.fixture(scope="session")
def rclpy_context() -> Iterator[None]:
    with ros():
        yield


@pytest.fixture
def listener(rclpy_context: None) -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()
