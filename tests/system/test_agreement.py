"""Some time of the simulated room: live, replayed, and ranked offline, all three must say the same."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ros_harness import TIMEOUT, Up, wait_for

from mission_core.agreement import TRACKER_MEMORY
from mission_core.calibration import load_calibration
from mission_core.gallery.enrol import enrol
from mission_core.gallery.store import SqliteGallery
from mission_core.models.card import DEFAULT_MODEL, model_directory
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.ranking import Reidentifier

SETTLED = 12.0
"""How long a run goes on once rankings look back on nothing before the first of them [s]."""
ENROLLED = ("P03", "P05", "P07")
"""All but P05 walk before the radar."""

Orders = dict[float, set[tuple[str, ...]]]
"""By time: the enrolled people in the order in which they are ranked, for every track."""


def mission(home: Path, *arguments: str) -> list[dict[str, Any]]:
    """What a mission command prints as JSON lines; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "mission_core.cli", *arguments, "--json"],
        env=os.environ | {"ROS_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def orders(entries: list[dict[str, Any]], since: float = 0.0) -> Orders:
    """Of rankings that depend on nothing before a time; without tracks, whose ids differ from run to run."""
    found: Orders = {}
    for entry in entries:
        if entry.get("candidates") and entry.get("since", since) >= since:
            people = tuple(candidate["person_id"] for candidate in entry["candidates"])
            found.setdefault(round(entry["stamp"], 3), set()).add(people)
    return found


@pytest.mark.slow
def test_replay_and_offline_evaluation_rank_as_the_live_run_did(tmp_path: Path) -> None:
    gallery, bag = tmp_path / "gallery.sqlite3", tmp_path / "bag"
    model = ReidModel.load(model_directory(DEFAULT_MODEL))
    with SqliteGallery(gallery, model.sha256) as store:
        for person in ENROLLED:  # before: a gallery that grows during the run cannot agree with itself
            enrol(store, model, person, f"sim://walk?person={person}", load_calibration().camera.mount)

    memory = TRACKER_MEMORY + Reidentifier(model).memory
    with Up(tmp_path, "--camera", "none", "--gallery", str(gallery), "--record", str(bag)) as up:
        wait_for(lambda: up.entries, "the first ranking")
        wait_for(lambda: up.newest() > up.entries[0]["stamp"] + memory + SETTLED, "the last ranking")
        assert up.end() == 0, up.log
    replayed = mission(tmp_path, "replay", str(bag), "--rate", "2", "--gallery", str(gallery))
    *offline, summary = mission(tmp_path, "evaluate", str(bag), "--gallery", str(gallery))

    agreement = summary["agreement"]
    assert agreement["complete"], agreement
    assert agreement["compared"] > 10 * SETTLED / 2  # of three tracks at 10 Hz; activities are told some seconds later

    for name, other in (("live", orders(up.entries)), ("replayed", orders(replayed))):
        # the recorder may have missed some of the first frames, which were ranked live
        begin = min(orders(offline).keys() & other.keys())
        settled = orders(offline, begin + 2 * TRACKER_MEMORY)  # who walks is told soon after
        common = settled.keys() & other.keys()
        assert len(common) > 10 * SETTLED / 2, name
        for stamp in common:
            assert settled[stamp] <= other[stamp], (name, stamp)
