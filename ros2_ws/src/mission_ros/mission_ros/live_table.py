"""What `mission up` shows: who is in the radar's view, as a table for a terminal or as lines of text."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mission_core.types import Ranking, Track

WALKING_SPEED = 0.3
"""Slowest speed that counts as walking [m/s]: the tracker's noise on somebody who stands stays below."""
_SHOWN = 3  # identities per track
_STYLES = {"ok": "green", "warning": "yellow", "error": "red", "starting": "cyan"}


@dataclass(frozen=True, slots=True)
class NodeState:
    """How a node is.

    Attributes:
        name: of the node.
        state: "ok", "warning", "error" or "starting".
        message: what it says about itself.
        restarts: how often it had to be started again.
    """

    name: str
    state: str
    message: str
    restarts: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown at one time.

    Attributes:
        scene: lines that tell what the sensors are.
        tracks: people in view.
        rankings: who they may be, by track_id.
        frame_rate: radar frames per second [Hz].
        enrolled: ids of the people in the gallery; None while that is not known.
        expected: how many people the gallery is going to hold, 0 if any number.
        nodes: state of every node.
    """

    scene: tuple[str, ...]
    tracks: tuple[Track, ...]
    rankings: dict[int, Ranking]
    frame_rate: float
    enrolled: tuple[str, ...] | None
    expected: int
    nodes: tuple[NodeState, ...]


def activity(track: Track) -> str:
    """What the person does, from the speed of the track alone."""
    speed = float((track.velocity[:2] ** 2).sum() ** 0.5)
    return f"{'walking' if speed >= WALKING_SPEED else 'standing'} {speed:.1f} m/s"


def gallery_line(snapshot: Snapshot) -> str:
    """How full the gallery is."""
    if snapshot.enrolled is None:
        return "Gallery: opening"
    count = len(snapshot.enrolled)
    if count < snapshot.expected:
        return f"Gallery: enrolling from camera walks, {count} of {snapshot.expected} people so far"
    return f"Gallery: {count} people enrolled ({', '.join(snapshot.enrolled) or 'nobody'})"


def table(snapshot: Snapshot) -> RenderableType:
    """For a terminal."""
    head = Text("\n".join((*snapshot.scene, gallery_line(snapshot))))
    return Group(
        Panel(
            head, title="[bold]mission[/bold]: who is the radar looking at?", title_align="left", border_style="blue"
        ),
        _people(snapshot),
        _nodes(snapshot),
        Text(
            f"{snapshot.frame_rate:.1f} frames per second. Percent: probability that the track is this enrolled "
            "person; unknown: none of them. Activity is judged by the track's speed alone. Ctrl-C ends.",
            style="dim",
        ),
    )


def lines(snapshot: Snapshot) -> Iterator[str]:
    """For a file or a pipe."""
    count = len(snapshot.tracks)
    yield f"{count} people in view, {snapshot.frame_rate:.1f} frames per second. {gallery_line(snapshot)}"
    for track in snapshot.tracks:
        names = ", ".join(text for text, _ in _identities(snapshot.rankings.get(track.track_id)) if text)
        yield f"  track {track.track_id}: {activity(track)}, {_place(track)}, {track.age:.0f} s in view: {names}"
    for node in snapshot.nodes:
        if node.state != "ok":
            yield f"  {node.name}: {node.message}"


def _people(snapshot: Snapshot) -> Table:
    people = Table(expand=True, border_style="blue")
    people.add_column("Track", justify="right")
    people.add_column("Activity")
    people.add_column("Where")
    for heading in ("Most likely", "Second", "Third", "Unknown"):
        people.add_column(heading, justify="right", min_width=9)
    people.add_column("In view", justify="right")
    for track in snapshot.tracks:
        identities = [Text(text, style) for text, style in _identities(snapshot.rankings.get(track.track_id))]
        people.add_row(str(track.track_id), activity(track), _place(track), *identities, f"{track.age:.0f} s")
    if not snapshot.tracks:
        people.add_row("", Text("nobody in view yet", style="dim"))
    return people


def _place(track: Track) -> str:
    x, y = track.position[:2]
    return f"{x:.1f} m ahead, {abs(y):.1f} m {'left' if y >= 0 else 'right'}"


def _identities(ranking: Ranking | None) -> list[tuple[str, str]]:
    """Text and style of the first candidates and of "unknown", always `_SHOWN` + 1."""
    if ranking is None or not ranking.candidates:
        frames = f"{ranking.frames_used} frames" if ranking is not None else "waiting"
        return [(frames, "dim")] + [("", "")] * (_SHOWN - 1) + [("unknown", "dim")]
    found = [(f"{c.person_id} {c.score:.0%}", "") for c in ranking.candidates[:_SHOWN]]
    found += [("", "")] * (_SHOWN - len(found))
    if ranking.candidates[0].score > ranking.unknown:
        found[0] = (found[0][0], "bold green")
        return [*found, (f"unknown {ranking.unknown:.0%}", "dim")]
    return [*found, (f"unknown {ranking.unknown:.0%}", "bold yellow")]


def _nodes(snapshot: Snapshot) -> Text:
    text = Text()
    for node in snapshot.nodes:
        restarts = f" ({node.restarts} restarts)" if node.restarts else ""
        text.append("● ", _STYLES[node.state]).append(f"{node.name}{restarts}  ")
    for node in snapshot.nodes:
        if node.state != "ok":
            text.append(f"\n{node.name}: {node.message}", _STYLES[node.state])
    return text
