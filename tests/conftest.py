"""Fixtures shared by all tests.

Tests, and the processes they start, can import the samples beside this file: `sample_takes`, `sample_walkers`.
"""

import os
import sys
from pathlib import Path
from typing import Any

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


NODES = ("tests/ros/", "tests/system/")
STRANGERS = ("tests/unit/test_null_modality.py", "tests/unit/test_train.py")
"""Files whose tests share people that it takes a minute to simulate."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real nodes are timed by a real clock: on a busy machine discovery or a read may be late once, but not thrice.

    What was run again is counted in the last line of the report. The files that take longest come first, so that of
    several processes none is left alone with them at the end.
    """
    for item in items:
        if item.nodeid.startswith(NODES):
            item.add_marker(pytest.mark.flaky(reruns=2))
    items.sort(key=lambda item: not item.nodeid.startswith(NODES + STRANGERS))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A process that has no test with real nodes, or is through with them, gives way to one that has."""
    if not item.nodeid.startswith(NODES):
        os.setpriority(os.PRIO_PROCESS, 0, max(10, os.getpriority(os.PRIO_PROCESS, 0)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several processes share the tests file by file, but real nodes are all in one: no two are timed at once."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            groups = {NODES: "nodes", STRANGERS: "strangers"}
            own = (group for beginnings, group in groups.items() if nodeid.startswith(beginnings))
            return next(own, nodeid.partition("::")[0])

    return Scheduling(config, log)
