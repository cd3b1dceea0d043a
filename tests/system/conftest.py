"""Gives the tests of the whole stack the environment of those in tests/ros, and a listener."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ros_harness import listener, rclpy_context, swept_shared_memory  # noqa: F401 - fixtures
