"""Lets tests of data sets, and the processes they start, import `tests/sample_takes.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
