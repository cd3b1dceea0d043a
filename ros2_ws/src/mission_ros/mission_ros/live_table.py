"""What `mission up` shows: who is in the radar's view, as a table for a terminal or as lines of text."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mission_core.types import ActivityOpinion, Ranking, Track

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
        activities: what the people do, by track_id; empty where nobody tells.
    """

    scene: tuple[str, ...]
    tracks: tuple[Track, ...]
    rankings: dict[int, Ranking]
    frame_rate: float
    enrolled: tuple[str, ...] | None
    expected: int
    nodes: tuple[NodeState, ...]
    activities: dict[int, ActivityOpinion] = field(default_factory=dict)


def activity(track: Track, opinion: ActivityOpinion | None = None) -> str:
    """What the person does; from the speed of the track alone where nobody tells."""
    speed = float((track.velocity[:2] ** 2).sum() ** 0.5)
    does = "walking" if speed >= WALKING_SPEED else "standing"
    if opinion is not None and opinion.activities:
        likeliest, name = max(zip(opinion.probabilities, opinion.activities, strict=True))
        does = name if likeliest >= 1.0 - sum(opinion.probabilities) else "other"
    return f"{does} {speed:.1f} m/s"


def gallery_line(snapshot: Snapshot) -> str:
    """How full the gallery is."""
    if snapshot.enrolled is None:
        return "Gallery: opening"
    count = len(snapshot.enrolled)
    if count < snapshot.expected:
        return f"Gallery: enrolling from camera walks, {count} of {snapshot.expected} people so far"
    return f"Gallery: {count} people ({', '.join(snapshot.enrolled) or 'nobody'})"


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
            f"{snapshot.frame_rate:.1f} frames per second. Where: ahead of the radar, then left (L) or right (R) of "
            "its axis. Percent: probability that the track is this enrolled person, or unknown: none of them. Activity "
            f"is judged by the track's {'micro-Doppler' if snapshot.activities else 'speed alone'}. Ctrl-C ends.",
            style="dim",
        ),
    )


def lines(snapshot: Snapshot) -> Iterator[str]:
    """For a file or a pipe."""
    count = len(snapshot.tracks)
    yield f"{count} people in view, {snapshot.frame_rate:.1f} frames per second. {gallery_line(snapshot)}"
    for track in snapshot.tracks:
        *texts, unknown = (text for text, _ in _identities(snapshot.rankings.get(track.track_id)))
        names = ", ".join(filter(None, (*texts, f"unknown {unknown}".strip())))
        does = activity(track, snapshot.activities.get(track.track_id))
        yield f"  track {track.track_id}: {does}, {_place(track)}, {track.age:.0f} s in view: {names}"
    for node in snapshot.nodes:
        if node.state != "ok":
            yield f"  {node.name}: {node.message}"


def _people(snapshot: Snapshot) -> Table:
    """Fits 80 columns without a broken cell."""
    people = Table(
        expand=True, border_style="blue", box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0)
    )
    people.add_column("Track", justify="right", no_wrap=True)
    people.add_column("Activity", no_wrap=True)
    people.add_column(Text("Where [m]"), no_wrap=True)  # as Text, lest the unit be taken for markup
    for heading in ("1st", "2nd", "3rd", "Unknown", "Age"):
        people.add_column(heading, justify="right", no_wrap=True)
    for track in snapshot.tracks:
        identities = [Text(text, style) for text, style in _identities(snapshot.rankings.get(track.track_id))]
        does = activity(track, snapshot.activities.get(track.track_id))
        people.add_row(str(track.track_id), does, _short_place(track), *identities, f"{track.age:.0f} s")
    if not snapshot.tracks:
        people.add_row("", Text("nobody in view yet", style="dim"))
    return people


def _short_place(track: Track) -> str:
    x, y = track.position[:2]
    return f"{x:.1f}, {abs(y):.1f} {'L' if y >= 0 else 'R'}"


def _place(track: Track) -> str:
    x, y = track.position[:2]
    return f"{x:.1f} m ahead, {abs(y):.1f} m {'left' if y >= 0 else 'right'}"


def _identities(ranking: Ranking | None) -> list[tuple[str, str]]:
    """Text and style of the first candidates and of the probability of none, always `_SHOWN` + 1."""
    if ranking is None or not ranking.candidates:
        frames = f"{ranking.frames_used} frames" if ranking is not None else "waiting"
        return [(frames, "dim")] + [("", "")] * _SHOWN
    found = [(f"{c.person_id} {c.score:.0%}", "") for c in ranking.candidates[:_SHOWN]]
    found += [("", "")] * (_SHOWN - len(found))
    if ranking.candidates[0].score > ranking.unknown:
        found[0] = (found[0][0], "bold green")
        return [*found, (f"{ranking.unknown:.0%}", "dim")]
    return [*found, (f"{ranking.unknown:.0%}", "bold yellow")]


def _nodes(snapshot: Snapshot) -> RenderableType:
    states = [
        Text.assemble(("● ", _STYLES[node.state]), node.name, f" ({node.restarts} restarts)" if node.restarts else "")
        for node in snapshot.nodes
    ]
    messages = [
        Text(f"{node.name}: {node.message}", _STYLES[node.state]) for node in snapshot.nodes if node.state != "ok"
    ]
    return Group(Columns(states, padding=(0, 2)), *messages)
