"""Fixtures shared by all tests.

Tests, and the processes they start, can import the samples beside this file: `sample_takes`, `sample_walkers`.
"""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))


@pytest.fixture(scope="session")
def mission_data() -> Path:
    """Directory of real recordings; skips where they are absent. They are not part of this repository."""
    path = Path(os.environ.get("MISSION_DATA", REPOSITORY.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"real recordings are not at {path}; set MISSION_DATA to their directory")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real nodes are timed by a real clock: on a busy machine discovery or a read may be late once, but not thrice.

    What was run again is counted in the last line of the report.
    """
    for item in items:
        if item.path.is_relative_to(REPOSITORY / "tests" / "ros") or item.path.is_relative_to(
            REPOSITORY / "tests" / "system"
        ):
            item.add_marker(pytest.mark.flaky(reruns=2))
