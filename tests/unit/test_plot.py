import numpy as np
import pytest
from matplotlib.figure import Figure

from mission_core.plot import MAX_CANDIDATES, MAX_TRACKS, Recording, doppler_history, overview
from mission_core.types import CameraFrame, Candidate, DopplerTimeMap, Ranking, Track, TrackedFrame


def make_recording(num_tracks: int = 2, num_frames: int = 20) -> Recording:
    frames, rankings, maps = [], [], []
    for index in range(num_frames):
        stamp = 10**18 + index * 10**8
        tracks = tuple(
            Track(t, np.array([1.0 + 0.1 * index, t, 0.9]), np.zeros(3), np.ones(3), np.ones(4), 1.0, 5, 0)
            for t in range(num_tracks)
        )
        frames.append(TrackedFrame(stamp, index, tracks, np.ones((3, 6), np.float32), np.zeros(3, np.int32)))
        candidates = tuple(Candidate(f"P{k:02d}", 0.5 / (k + 1), "c", 0.1) for k in range(6))
        rankings.append((stamp, tuple(Ranking(t, candidates, 0.1, 20) for t in range(num_tracks))))
        values = np.full((8, 5), index, np.float32)
        maps += [
            DopplerTimeMap(stamp, t, "points", np.linspace(-2, 2, 8, dtype=np.float32), values, 0.1) for t in (0, 1)
        ]
    picture = CameraFrame(10**18, np.zeros((90, 160, 3), np.uint8))
    return Recording("walk", frames, rankings, maps, picture)


def titles(figure: Figure) -> set[str]:
    return {axes.get_title() for axes in figure.axes} - {""}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_four_panels(tmp_path) -> None:
    figure = overview(make_recording())
    figure.savefig(tmp_path / "walk.png")
    assert (tmp_path / "walk.png").stat().st_size > 10_000
    assert titles(figure) == {
        "tracks from above",
        "ranked identities",
        "Doppler over time of track 0, from points",
        "camera",
    }


def test_tracks_are_drawn_where_they_were_and_named(tmp_path) -> None:
    figure = overview(make_recording())
    above = next(axes for axes in figure.axes if axes.get_title() == "tracks from above")
    path = above.lines[2]  # two per track: its path and its end
    np.testing.assert_allclose(path.get_xdata(), 1.0)  # y of track 1
    np.testing.assert_allclose(path.get_ydata(), 1.0 + 0.1 * np.arange(20))  # x
    assert above.xaxis_inverted()  # y points left
    assert texts(figure) == ["#0 P00 50 %", "#1 P00 50 %"]


def test_rankings_show_the_longest_tracks_and_the_best_candidates() -> None:
    figure = overview(make_recording(num_tracks=MAX_TRACKS + 3))
    panels = [axes for axes in figure.axes if axes.get_ylabel().startswith("track ")]
    assert len(panels) == MAX_TRACKS
    names = [text.get_text() for text in panels[0].get_legend().get_texts()]
    assert names == [*["P00", "P01", "P02"][:MAX_CANDIDATES], "unknown"]


def test_an_empty_recording_says_so_in_every_panel(tmp_path) -> None:
    figure = overview(Recording("nothing"))
    figure.savefig(tmp_path / "nothing.png")
    assert len(texts(figure)) == 4
    assert all(text.startswith("no ") for text in texts(figure))


def test_doppler_history_strings_newest_columns_together() -> None:
    recording = make_recording()
    stamps, velocities, values = doppler_history(recording.maps, 1, "points")
    assert stamps.shape == (20,)
    assert velocities.shape == (8,)
    np.testing.assert_array_equal(values, np.tile(np.arange(20, dtype=np.float32), (8, 1)))


@pytest.mark.parametrize("missing", ["frames", "rankings", "maps", "picture"])
def test_any_part_may_be_missing(missing: str) -> None:
    recording = make_recording()
    parts = {name: getattr(recording, name) for name in ("frames", "rankings", "maps", "picture") if name != missing}
    figure = overview(Recording("walk", **parts))
    assert sum(text.startswith("no ") for text in texts(figure)) == 1
