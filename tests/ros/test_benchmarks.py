"""The benchmarks fit the code they measure: each starts and explains itself."""

import subprocess
import sys
from pathlib import Path

import pytest
import ros_harness  # noqa: F401  (its environment)

SCRIPTS = [
    path
    for path in sorted((Path(__file__).resolve().parents[2] / "benchmarks").glob("*.py"))
    if "argparse" in path.read_text()
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_starts(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage:")
