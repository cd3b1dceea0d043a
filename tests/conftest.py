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


NODES = (REPOSITORY / "tests" / "ros", REPOSITORY / "tests" / "system")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real nodes are timed by a real clock: on a busy machine discovery or a read may be late once, but not thrice.

    What was run again is counted in the last line of the report. Where several processes share the tests, one has all
    those with real nodes, so that no two are timed at once, and one those whose people take long to simulate.
    """
    for item in items:
        group = "strangers" if "strangers_home" in getattr(item, "fixturenames", ()) else str(item.path)
        if any(item.path.is_relative_to(directory) for directory in NODES):
            item.add_marker(pytest.mark.flaky(reruns=2))
            group = "nodes"
        item.add_marker(pytest.mark.xdist_group(group))
