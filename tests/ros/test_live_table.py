import io

import numpy as np
import pytest
from rich.console import Console

from mission_core.types import ActivityOpinion, Candidate, Ranking, Track
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


def rendered(snapshot: Snapshot, width: int = 220) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(live_table.table(snapshot))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("show", [rendered, lambda snapshot: "\n".join(live_table.lines(snapshot))])
def test_tells_everything_in_view(show: object) -> None:
    text = show(snapshot())  # type: ignore[operator]
    for words in (
        "10.0 frames per second",
        "walking 1.1 m/s",
        "standing 0.1 m/s",
        "P03 60%",
        "P07 20%",
        "P00 6%",
        "10%",
        "70%",
        "4 frames",
        "12 s",
        "2 of 10 people",
        "radar_driver: no port",
    ):
        assert words in text
    assert "P01" not in text  # only three are shown


def test_a_line_of_text_needs_no_heading() -> None:
    first, *_ = (line for line in live_table.lines(snapshot()) if "track 1" in line)
    assert first.endswith(
        "walking 1.1 m/s, 3.0 m ahead, 1.2 m right, 12 s in view: P03 60%, P07 20%, P00 6%, unknown 10%"
    )


def test_what_micro_doppler_tells_goes_before_speed() -> None:
    activities = {
        1: ActivityOpinion(1, ("box", "run"), (0.2, 0.7)),
        2: ActivityOpinion(2, ("box", "run"), (0.2, 0.1)),
        3: ActivityOpinion(3, (), ()),
    }
    shown = snapshot(activities=activities)
    lines = [line for line in live_table.lines(shown) if "track" in line]
    for words, line in zip(("run 1.1 m/s", "other 0.1 m/s", "standing 0.0 m/s"), lines, strict=True):
        assert words in line
    assert "judged by the track's micro-Doppler" in " ".join(rendered(shown).split())


def test_a_terminal_of_80_columns_is_wide_enough() -> None:
    far = Track(123, np.array([12.0, 5.5, 1.0]), np.array([1.9, 1.0, 0.0]), np.ones(3), np.ones(4), 3599.0, 9, 0)
    widest = snapshot(tracks=(far,), rankings={123: ranking(123, 0.99, P03=1.0, P07=0.09, P00=0.09)})
    text = rendered(widest, width=80)
    row = next(line for line in text.splitlines() if "walking" in line)
    assert " ".join(row.split()) == "123 walking 2.1 m/s 12.0, 5.5 L P03 100% P07 9% P00 9% 99% 3599 s"
    heads = next(line for line in text.splitlines() if "Activity" in line)
    assert " ".join(heads.split()) == "Track Activity Where [m] 1st 2nd 3rd Unknown Age"
    assert "…" not in text


def test_terminal_table_explains_itself() -> None:
    text = " ".join(rendered(snapshot()).split())
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
    assert live_table.gallery_line(snapshot(expected=0)) == "Gallery: 2 people (P00, P03)"
    assert live_table.gallery_line(snapshot(expected=0, enrolled=())) == "Gallery: 0 people (nobody)"
