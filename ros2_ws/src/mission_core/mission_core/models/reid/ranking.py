"""Online re-identification: collects each track's frames and ranks the gallery.

What a track's clip is depends on the model. One that merges clips reads windows of straight walking, one after another,
and what they say adds up over the track's life; any other reads the track's newest frames.
"""

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from mission_core.errors import GalleryModelMismatch
from mission_core.gallery.store import Clip
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.processing import RadarClip, frame_points, radar_clip
from mission_core.models.reid.search import Found, Prepared, prepare, search
from mission_core.models.reid.windows import EARLIER_WINDOWS, MIN_SECONDS, stands, turns
from mission_core.types import Candidate, Float32Array, Float64Array, Ranking, Track, TrackedFrame

EARLY = 0.25  # periods of the model by which a frame may come early
DOUBTFUL = 1.5
"""What comes before somebody is told to do something else [s]: half of the map by which it is told, and the delay."""
FOLLOW = 0.1  # of what a frame is early or late by which the next ones are expected earlier or later


class _Frame(NamedTuple):
    """What the model reads of a track at one time: points, None where it was lost, and place [m], NaN there."""

    stamp_ns: int
    points: Float32Array | None
    place: Float64Array


class _Window(NamedTuple):
    """A window of walking that has ended: what the model made of it, and of what."""

    said: torch.Tensor
    num_frames: int
    frames: tuple[_Frame, ...]
    walk_ns: int


@dataclass(slots=True)
class _History:
    """What is remembered of a track.

    Attributes:
        frames: of the present window.
        walk_ns: when the walk began that this window is of: what is made of it depends on nothing before.
        earlier: the windows before.
        ranking: the last one.
        ranked: whether there has been one.
        start_ns: when the walk began; moves with what the clocks of radar and model differ by.
        index: of the newest frame that was read, in periods of the model from there.
        age: of the track then [s].
    """

    frames: deque[_Frame]
    walk_ns: int
    earlier: deque[_Window]
    ranking: Ranking
    ranked: bool
    start_ns: int
    index: int
    age: float

    @property
    def since_ns(self) -> int:
        """See Ranking."""
        return self.earlier[0].walk_ns if self.earlier else self.walk_ns

    def begin(self, now_ns: int) -> None:
        """Begins a walk with the frame of that time [ns]: not even which frames are read depends on those before."""
        self.walk_ns = self.start_ns = now_ns
        self.index = 0

    @property
    def frames_earlier(self) -> int:
        """Frames, none of them lost, in the windows before."""
        return sum(window.num_frames for window in self.earlier)


class Reidentifier:
    """Ranks the enrolled people for every track, from its last frames.

    Rankings are renewed when the measurement time passes a multiple of `period`, for all tracks at once. So the same
    frames give the same rankings, live and offline, wherever a recording begins.

    A ranking lists all people of a gallery of up to `search.EXACT_UP_TO`, and of a larger one the `search.PROPOSED` who
    are measured; everybody else is part of "unknown" there.

    Args:
        model: the network.
        period: time between two rankings of a track [s].
        min_seconds: how long a track must be watched before it is ranked for the first time [s].
    """

    def __init__(self, model: ReidModel, *, period: float = 0.5, min_seconds: float = MIN_SECONDS) -> None:
        self.model = model
        self._period_ns = round(period * 1e9)
        self.min_frames = min(max(round(min_seconds * model.frame_rate), 1), model.num_frames)
        self._histories: dict[int, _History] = {}
        self._slot = -1
        self._speakers: list[str] = []  # the clip that is named for each entry
        self._gallery = Prepared(np.zeros((0, 0, 0), np.float32), np.zeros(0, np.int64), None)
        self._people: list[str] = []

    @property
    def memory(self) -> float:
        """How much walking a ranking looks back on, at most [s]; while somebody stands nothing is forgotten."""
        windows = 1 + EARLIER_WINDOWS if self.model.merges else 1
        return windows * self.model.num_frames / self.model.frame_rate

    def set_gallery(self, clips: Sequence[Clip]) -> None:
        """Replaces the gallery; all tracks are ranked against it with the next frame.

        Raises:
            GalleryModelMismatch: a clip's features do not have the shape that this model reads.
        """
        for clip in clips:
            if clip.features.shape != self.model.feature_shape:
                raise GalleryModelMismatch(
                    f"clip {clip.clip_id} has features of shape {clip.features.shape}, model {self.model.name} reads "
                    f"{self.model.feature_shape}: enrol it again"
                )
        self._people = sorted({clip.person_id for clip in clips})
        index = {person: i for i, person in enumerate(self._people)}
        owner = np.array([index[clip.person_id] for clip in clips], np.int64)
        features = np.stack([clip.features for clip in clips]) if clips else np.zeros((0, 0, 0), np.float32)
        self._gallery = prepare(self.model, features, owner)
        newest = {clip.person_id: clip.clip_id for clip in sorted(clips, key=lambda clip: clip.enrolled_ns)}
        merged = [newest[person] for person in self._people]
        self._speakers = merged if self.model.merges else [clip.clip_id for clip in clips]
        self._slot = -1

    def step(self, frame: TrackedFrame, others: Collection[int] = ()) -> list[Ranking]:
        """Takes one frame; returns one ranking per current track, in their order.

        Args:
            frame: of the tracker.
            others: tracks that do something else than walk (`gate.WalkingGate`): their window ends, and what they do
                counts for nothing; what their walk before said stays.
        """
        self._histories = {
            track.track_id: self._remember(track, frame, walks=track.track_id not in others) for track in frame.tracks
        }
        slot = frame.stamp_ns // self._period_ns
        renew, self._slot = slot != self._slot, slot
        due = [track_id for track_id, history in self._histories.items() if self._is_due(history, renew)]
        for track_id, ranking in zip(due, self._rank(due), strict=True):
            self._histories[track_id].ranking = ranking
            self._histories[track_id].ranked = True
        return [history.ranking for history in self._histories.values()]

    def _remember(self, track: Track, frame: TrackedFrame, *, walks: bool) -> _History:
        history = self._histories.get(track.track_id)
        restarted = history is not None and (track.age < history.age or frame.stamp_ns < history.start_ns)
        if history is None or restarted:  # after a restart of the tracker ids mean other people
            nobody_yet = Ranking(track.track_id, (), 1.0, 0)
            frames, earlier = deque[_Frame](maxlen=self.model.num_frames), deque[_Window](maxlen=EARLIER_WINDOWS)
            now_ns = frame.stamp_ns
            history = _History(frames, now_ns, earlier, nobody_yet, False, now_ns, -1, track.age)
        index = math.floor((frame.stamp_ns - history.start_ns) * 1e-9 * self.model.frame_rate + EARLY)
        if index <= history.index:  # the radar is faster than the model reads
            return history
        history.age = track.age
        if walks:
            self._read(history, track, frame, index)
        else:
            self._end_walk(history)
            history.begin(frame.stamp_ns)
        return history

    def _read(self, history: _History, track: Track, frame: TrackedFrame, index: int) -> None:
        """Takes a frame of somebody who walks, `index` periods of the model after the walk began."""
        for _ in range(min(index - history.index - 1, self.model.num_frames)):
            history.frames.append(_Frame(frame.stamp_ns, None, np.full(2, np.nan)))
        places = [seen.place for seen in history.frames]
        if self.model.merges and (
            len(places) == self.model.num_frames
            or turns(places, self.model.frame_rate, track.position[:2], track.velocity[:2])
        ):
            self._begin_window(history)
        if self.model.merges and stands(track.velocity[:2]):
            history.begin(frame.stamp_ns)
            index = 0
        points = frame.points[frame.labels == track.track_id]
        read = frame_points(points, track.position, self.model.num_points)
        history.frames.append(_Frame(frame.stamp_ns, read, track.position[:2]))
        if not self.model.merges:  # the window moves on with every frame
            history.walk_ns = history.frames[0].stamp_ns
        expected_ns = history.start_ns + round(index * 1e9 / self.model.frame_rate)
        history.start_ns += round(FOLLOW * (frame.stamp_ns - expected_ns))
        history.index = index
        if not history.ranked:
            history.ranking = replace(history.ranking, frames_used=len(history.frames))

    def _begin_window(self, history: _History) -> None:
        """Keeps what the window says that ends here, if it is long enough to say anything."""
        if len(history.frames) >= self.min_frames:
            clip = self._clip(history)
            said, num_frames = self.model.encode_radar([clip])[0], int(clip.frames.sum())
            history.earlier.append(_Window(said, num_frames, tuple(history.frames), history.walk_ns))
        history.frames.clear()

    def _end_walk(self, history: _History) -> None:
        """Ends the window, without its end: when somebody is known to do something else they have for a while."""
        if not history.frames:
            return
        for _ in range(round(DOUBTFUL * self.model.frame_rate)):
            if not history.frames and history.earlier:
                reopened = history.earlier.pop()
                history.frames.extend(reopened.frames)
                history.walk_ns = reopened.walk_ns
            if history.frames:
                history.frames.pop()
        if self.model.merges:
            self._begin_window(history)
            if not history.earlier:  # what was ranked was no walk
                history.ranking, history.ranked = Ranking(history.ranking.track_id, (), 1.0, 0), False
        history.frames.clear()

    def _is_due(self, history: _History, renew: bool) -> bool:
        return len(history.frames) >= self.min_frames and (renew or not history.ranked)

    def _rank(self, track_ids: Sequence[int]) -> list[Ranking]:
        if not track_ids:
            return []
        histories = [self._histories[track_id] for track_id in track_ids]
        clips = [self._clip(history) for history in histories]
        nobody = [
            Ranking(track_id, (), 1.0, int(clip.frames.sum()) + history.frames_earlier, history.since_ns)
            for track_id, clip, history in zip(track_ids, clips, histories, strict=True)
        ]
        if not self._people:
            return nobody
        earlier = [[window.said for window in history.earlier] for history in histories]
        found = search(self.model, self.model.encode_windows(clips, earlier), self._gallery)
        return [
            replace(ranking, candidates=self._candidates(each), unknown=each.unknown)
            for ranking, each in zip(nobody, found, strict=True)
        ]

    def _clip(self, history: _History) -> RadarClip:
        _, points, places = zip(*history.frames, strict=True)
        model = self.model
        return radar_clip(points, np.stack(places), model.num_frames, model.num_points, 1.0 / model.frame_rate)

    def _candidates(self, found: Found) -> tuple[Candidate, ...]:
        rows = zip(found.people, found.probabilities, found.entries, found.distances, strict=True)
        return tuple(
            Candidate(self._people[person], float(score), self._speakers[entry], float(distance))
            for person, score, entry, distance in rows
        )
