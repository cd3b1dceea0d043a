import io

import numpy as np
import pytest
from rich.console import Console

from mission_core.types import Candidate, Ranking, Track
from mission_ros import live_table
from mission_ros.live_table import NodeState, Snapshot


def track(track_id: int, *velocity: float) -> Track:
    return Track(track_id, np.array([3.0, -1.2, 1.0]), np.array(velocity), np.ones(3), np.ones(4), 12.0, 9, 0)


def ranking(track_id: int, unknown: float, **scores: float) -> Ranking:
    candidates = tuple(Candidate(person, score, "", 0.0) for person, score in scores.items())
    return Ranking(track_id, candidates, unknown, 20)


def snapshot(**changes: object) -> Snapshot:
    fields = {
        "scene": ("Radar: simulated", "Camera: simulated"),
        "tracks": (track(1, 1.0, 0.5, 0.0), track(2, 0.1, 0.1, 0.0), track(3, 0.0, 0.0, 0.0)),
        "rankings": {
            1: ranking(1, 0.1, P03=0.6, P07=0.2, P00=0.06, P01=0.04),
            2: ranking(2, 0.7, P05=0.3),
            3: Ranking(3, (), 1.0, 4),
        },
        "frame_rate": 9.96,
        "enrolled": ("P00", "P03"),
        "expected": 10,
        "nodes": (NodeState("reid", "ok", "fine", 0), NodeState("radar_driver", "error", "no port", 2)),
    }
    return Snapshot(**(fields | changes))  # type: ignore[arg-type]


def rendered(snapshot: Snapshot) -> str:
    console = Console(file=io.StringIO(), width=220)
    console.print(live_table.table(snapshot))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("show", [rendered, lambda snapshot: "\n".join(live_table.lines(snapshot))])
def test_tells_everything_in_view(show: object) -> None:
    text = show(snapshot())  # type: ignore[operator]
    for words in (
        "10.0 frames per second",
        "walking 1.1 m/s",
        "standing 0.1 m/s",
        "3.0 m ahead, 1.2 m right",
        "P03 60%",
        "P07 20%",
        "P00 6%",
        "unknown 10%",
        "unknown 70%",
        "4 frames",
        "12 s",
        "2 of 10 people",
        "radar_driver: no port",
    ):
        assert words in text
    assert "P01" not in text  # only three are shown


def test_terminal_table_explains_itself() -> None:
    text = rendered(snapshot())
    for words in ("who is the radar looking at?", "Activity is judged by the track's speed alone", "Ctrl-C ends"):
        assert words in text
    assert "(2 restarts)" in text


def test_empty_room_and_absent_gallery() -> None:
    text = rendered(snapshot(tracks=(), rankings={}, enrolled=None))
    assert "nobody in view yet" in text
    assert "Gallery: opening" in text


def test_track_that_reid_has_not_seen() -> None:
    assert "waiting" in rendered(snapshot(rankings={}))


def test_gallery_without_a_goal_is_never_incomplete() -> None:
    assert live_table.gallery_line(snapshot(expected=0)) == "Gallery: 2 people enrolled (P00, P03)"
    assert live_table.gallery_line(snapshot(expected=0, enrolled=())) == "Gallery: 0 people enrolled (nobody)"
