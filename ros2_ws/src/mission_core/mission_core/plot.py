"""One picture of a recording: where people walked, who they were taken for, how they moved, what the camera saw."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from mission_core.annotate import annotate, colour, ranking_text
from mission_core.types import (
    CameraFrame,
    DopplerKind,
    DopplerTimeMap,
    Float32Array,
    Float64Array,
    Ranking,
    TrackedFrame,
)

MAX_TRACKS = 4
"""Tracks whose ranking is shown; the longest ones."""

MAX_CANDIDATES = 3
"""Candidates shown per track; those with the highest mean score."""

SHOWN_POINTS = 5000
"""Detections drawn at most, evenly thinned out."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What is drawn; anything may be empty.

    Attributes:
        title: of the picture.
        frames: of the tracker, in order of time.
        rankings: measurement time [ns] and the rankings of all tracks.
        maps: Doppler-time maps, in order of time; only the newest column of each is drawn.
        picture: a camera frame.
    """

    title: str
    frames: Sequence[TrackedFrame] = ()
    rankings: Sequence[tuple[int, tuple[Ranking, ...]]] = ()
    maps: Sequence[DopplerTimeMap] = ()
    picture: CameraFrame | None = None

    @property
    def start_ns(self) -> int:
        """Earliest measurement time."""
        firsts = [frame.stamp_ns for frame in self.frames[:1]]
        firsts += [stamp for stamp, _ in self.rankings[:1]]
        firsts += [item.stamp_ns for item in self.maps[:1]]
        return min(firsts, default=0)


def overview(recording: Recording) -> Figure:
    """The picture, 14 x 9 inches."""
    figure = Figure(figsize=(14, 9), layout="constrained")
    figure.suptitle(recording.title)
    grid = figure.add_gridspec(2, 2, height_ratios=(3, 2))
    plot_tracks(figure.add_subplot(grid[0, 0]), recording)
    plot_rankings(figure, grid[0, 1], recording)
    plot_doppler(figure.add_subplot(grid[1, 0]), recording)
    plot_picture(figure.add_subplot(grid[1, 1]), recording)
    return figure


def plot_tracks(axes: Axes, recording: Recording) -> None:
    """Paths of the tracks seen from above, the radar below looking up; each ends with who it was taken for."""
    axes.set(title="tracks from above", xlabel="y [m], + = left", ylabel="x [m], away from the radar")
    paths: dict[int, list[Float64Array]] = defaultdict(list)
    for frame in recording.frames:
        for track in frame.tracks:
            paths[track.track_id].append(track.position)
    if not paths:
        _say(axes, "no tracks in this recording")
        return
    points = np.concatenate([frame.points for frame in recording.frames])
    shown = points[:: max(1, len(points) // SHOWN_POINTS)]
    axes.scatter(shown[:, 1], shown[:, 0], s=2, color="0.8", label="detections")
    last_rankings = {ranking.track_id: ranking for _, rankings in recording.rankings for ranking in rankings}
    for track_id, path in paths.items():
        xyz = np.array(path)
        axes.plot(xyz[:, 1], xyz[:, 0], color=colour(track_id))
        axes.plot(xyz[-1, 1], xyz[-1, 0], "o", color=colour(track_id))
        text = f"#{track_id} {ranking_text(last_rankings.get(track_id))}"
        axes.annotate(
            text,
            (xyz[-1, 1], xyz[-1, 0]),
            (6, 6),
            textcoords="offset points",
            color=colour(track_id),
            bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
    axes.plot(0.0, 0.0, "^", color="black", markersize=10, label="radar")
    axes.set_aspect("equal", adjustable="datalim")
    axes.invert_xaxis()  # y points left
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize="small")


def plot_rankings(figure: Figure, place: SubplotSpec, recording: Recording) -> None:
    """Scores of the best candidates of each of the longest tracks, and the share of "unknown", over time."""
    histories: dict[int, list[tuple[float, Ranking]]] = defaultdict(list)
    for stamp_ns, rankings in recording.rankings:
        for ranking in rankings:
            histories[ranking.track_id].append(((stamp_ns - recording.start_ns) * 1e-9, ranking))
    longest = sorted(histories, key=lambda track_id: len(histories[track_id]), reverse=True)[:MAX_TRACKS]
    if not longest:
        _say(figure.add_subplot(place, title="ranked identities"), "no rankings in this recording")
        return
    rows = place.subgridspec(len(longest), 1)
    panels: list[Axes] = []
    colours: dict[str, tuple[float, float, float]] = {}
    for row, track_id in enumerate(sorted(longest)):
        axes = figure.add_subplot(rows[row], sharex=panels[0] if panels else None)
        panels.append(axes)
        _plot_history(axes, histories[track_id], colours)
        axes.set_ylabel(f"track {track_id}", color=colour(track_id))
        axes.tick_params(labelbottom=row == len(longest) - 1)
    panels[0].set_title("ranked identities")
    panels[-1].set_xlabel("time [s]")


def _plot_history(
    axes: Axes, history: Sequence[tuple[float, Ranking]], colours: dict[str, tuple[float, float, float]]
) -> None:
    times = [time for time, _ in history]
    scores: dict[str, Float64Array] = defaultdict(lambda: np.zeros(len(history)))
    for index, (_, ranking) in enumerate(history):
        for candidate in ranking.candidates:
            scores[candidate.person_id][index] = candidate.score
    best = sorted(scores, key=lambda person_id: scores[person_id].mean(), reverse=True)[:MAX_CANDIDATES]
    for person_id in best:
        rgb = colours.setdefault(person_id, colour(len(colours)))  # the same person looks the same in every panel
        axes.plot(times, scores[person_id], label=person_id, color=rgb)
    axes.plot(times, [ranking.unknown for _, ranking in history], "--", color="0.5", label="unknown")
    axes.set(ylim=(-0.04, 1.04))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize="small", ncols=2)


def plot_doppler(axes: Axes, recording: Recording) -> None:
    """Radial velocities of the track with the most maps, over the whole recording."""
    axes.set(title="Doppler over time", xlabel="time [s]", ylabel="radial velocity [m/s], + = away")
    if not recording.maps:
        _say(axes, "no Doppler-time maps in this recording")
        return
    (track_id, kind), _ = Counter((item.track_id, item.kind) for item in recording.maps).most_common(1)[0]
    stamps, velocities, values = doppler_history(recording.maps, track_id, kind)
    times = (stamps - recording.start_ns) * 1e-9
    mesh = axes.pcolormesh(times, velocities, values, shading="nearest", cmap="magma")
    axes.set_title(f"Doppler over time of track {track_id}, from {kind}")
    axes.figure.colorbar(mesh, ax=axes, label="dB")


def doppler_history(
    maps: Sequence[DopplerTimeMap], track_id: int, kind: DopplerKind
) -> tuple[Float64Array, Float32Array, Float32Array]:
    """Strings the newest columns of one track's successive maps together.

    Returns:
        (T,) measurement times [ns], (D,) velocities [m/s], (D, T) values [dB].
    """
    chosen = [item for item in maps if item.track_id == track_id and item.kind == kind]
    stamps = np.array([item.stamp_ns for item in chosen])
    return stamps, chosen[0].velocities, np.stack([item.values[:, -1] for item in chosen], axis=1)


def plot_picture(axes: Axes, recording: Recording) -> None:
    """The camera frame with skeletons and boxes."""
    axes.set(title="camera", xticks=(), yticks=())
    if recording.picture is None:
        _say(axes, "no camera pictures in this recording")
        return
    axes.imshow(annotate(recording.picture)[:, :, ::-1])


def _say(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.5")
