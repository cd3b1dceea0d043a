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
from mission_core.models.reid.windows import EARLIER_WINDOWS, MIN_SECONDS, turns
from mission_core.types import Candidate, Float32Array, Float64Array, Ranking, Track, TrackedFrame

EARLY = 0.25  # periods of the model by which a frame may come early
DOUBTFUL = 1.5
"""What comes before somebody is told to do something else [s]: half of the map by which it is told, and the delay."""
FOLLOW = 0.1  # of what a frame is early or late by which the next ones are expected earlier or later


class _Window(NamedTuple):
    """A window of walking that has ended: what the model made of it, and of what."""

    said: torch.Tensor
    num_frames: int
    frames: tuple[Float32Array | None, ...]
    places: tuple[Float64Array, ...]


@dataclass(slots=True)
class _History:
    """What is remembered of a track.

    Attributes:
        frames: of the present window, None: lost.
        places: of the present window, NaN: lost [m].
        earlier: the windows before.
        ranking: the last one.
        ranked: whether there has been one.
        start_ns: when the track was first seen; moves with what the clocks of radar and model differ by.
        index: of the newest frame that was read, in periods of the model from there.
        age: of the track then [s].
    """

    frames: deque[Float32Array | None]
    places: deque[Float64Array]
    earlier: deque[_Window]
    ranking: Ranking
    ranked: bool
    start_ns: int
    index: int
    age: float


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
            length = self.model.num_frames
            frames, places = deque[Float32Array | None](maxlen=length), deque[Float64Array](maxlen=length)
            earlier = deque[_Window](maxlen=EARLIER_WINDOWS)
            history = _History(frames, places, earlier, nobody_yet, False, frame.stamp_ns, -1, track.age)
        index = math.floor((frame.stamp_ns - history.start_ns) * 1e-9 * self.model.frame_rate + EARLY)
        if index <= history.index:  # the radar is faster than the model reads
            return history
        if not walks:
            self._end_walk(history)
            history.index, history.age = index, track.age
            return history
        for _ in range(min(index - history.index - 1, self.model.num_frames)):
            history.frames.append(None)
            history.places.append(np.full(2, np.nan))
        if self.model.merges and (
            len(history.frames) == self.model.num_frames
            or turns(list(history.places), self.model.frame_rate, track.position[:2], track.velocity[:2])
        ):
            self._begin_window(history)
        points = frame.points[frame.labels == track.track_id]
        history.frames.append(frame_points(points, track.position, self.model.num_points))
        history.places.append(track.position[:2])
        expected_ns = history.start_ns + round(index * 1e9 / self.model.frame_rate)
        history.start_ns += round(FOLLOW * (frame.stamp_ns - expected_ns))
        history.index, history.age = index, track.age
        if not history.ranked:
            history.ranking = replace(history.ranking, frames_used=len(history.frames))
        return history

    def _begin_window(self, history: _History) -> None:
        """Keeps what the window says that ends here, if it is long enough to say anything."""
        if len(history.frames) >= self.min_frames:
            clip = self._clip(history)
            said, num_frames = self.model.encode_radar([clip])[0], int(clip.frames.sum())
            history.earlier.append(_Window(said, num_frames, tuple(history.frames), tuple(history.places)))
        history.frames.clear()
        history.places.clear()

    def _end_walk(self, history: _History) -> None:
        """Ends the window, without its end: when somebody is known to do something else they have for a while."""
        if not history.frames:
            return
        for _ in range(round(DOUBTFUL * self.model.frame_rate)):
            if not history.frames and history.earlier:
                reopened = history.earlier.pop()
                history.frames.extend(reopened.frames)
                history.places.extend(reopened.places)
            if history.frames:
                history.frames.pop()
                history.places.pop()
        if self.model.merges:
            self._begin_window(history)
            if not history.earlier:  # what was ranked was no walk
                history.ranking, history.ranked = Ranking(history.ranking.track_id, (), 1.0, 0), False
        history.frames.clear()
        history.places.clear()

    def _is_due(self, history: _History, renew: bool) -> bool:
        return len(history.frames) >= self.min_frames and (renew or not history.ranked)

    def _rank(self, track_ids: Sequence[int]) -> list[Ranking]:
        if not track_ids:
            return []
        clips = [self._clip(self._histories[track_id]) for track_id in track_ids]
        used = [
            int(clip.frames.sum()) + sum(window.num_frames for window in self._histories[track_id].earlier)
            for track_id, clip in zip(track_ids, clips, strict=True)
        ]
        if not self._people:
            return [Ranking(track_id, (), 1.0, n) for track_id, n in zip(track_ids, used, strict=True)]
        earlier = [[window.said for window in self._histories[track_id].earlier] for track_id in track_ids]
        found = search(self.model, self.model.encode_windows(clips, earlier), self._gallery)
        return [
            Ranking(track_id, self._candidates(each), each.unknown, n)
            for track_id, n, each in zip(track_ids, used, found, strict=True)
        ]

    def _clip(self, history: _History) -> RadarClip:
        places = np.stack(list(history.places))
        model = self.model
        return radar_clip(list(history.frames), places, model.num_frames, model.num_points, 1.0 / model.frame_rate)

    def _candidates(self, found: Found) -> tuple[Candidate, ...]:
        rows = zip(found.people, found.probabilities, found.entries, found.distances, strict=True)
        return tuple(
            Candidate(self._people[person], float(score), self._speakers[entry], float(distance))
            for person, score, entry, distance in rows
        )
