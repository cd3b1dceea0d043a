"""Gives the tests of the whole stack the environment of those in tests/ros."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import ros_harness  # noqa: F401
