"""Online re-identification: collects each track's frames and ranks the gallery."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mission_core.errors import GalleryModelMismatch
from mission_core.gallery.store import Clip
from mission_core.models.reid.model import ReidModel, best_clips
from mission_core.models.reid.processing import RadarClip, frame_points, radar_clip
from mission_core.types import Candidate, Float32Array, Float64Array, Ranking, Track, TrackedFrame


@dataclass(slots=True)
class _History:
    """What is remembered of a track: its newest frames (None: lost), when and at what age, and its last ranking."""

    frames: deque[Float32Array | None]
    ranking: Ranking
    stamp_ns: int
    age: float


class Reidentifier:
    """Ranks the enrolled people for every track, from its last frames.

    Rankings are renewed when the measurement time passes a multiple of `period`, for all tracks at once. So the same
    frames give the same rankings, live and offline, wherever a recording begins.

    Args:
        model: the network.
        period: time between two rankings of a track [s].
        min_frames: frames a track must have before it is ranked for the first time.
    """

    def __init__(self, model: ReidModel, *, period: float = 0.5, min_frames: int = 10) -> None:
        self.model = model
        self._period_ns = round(period * 1e9)
        self.min_frames = min(min_frames, model.num_frames)
        self._histories: dict[int, _History] = {}
        self._slot = -1
        self._clips: list[Clip] = []
        self._features = np.zeros((0, 0, 0), np.float32)
        self._people: list[str] = []
        self._owner = np.zeros(0, np.int64)

    def set_gallery(self, clips: Sequence[Clip]) -> None:
        """Replaces the gallery; all tracks are ranked against it with the next frame.

        Raises:
            GalleryModelMismatch: a clip's features do not have the length this model reads.
        """
        for clip in clips:
            if len(clip.features) != self.model.num_frames:
                raise GalleryModelMismatch(
                    f"clip {clip.clip_id} has features of {len(clip.features)} frames, model {self.model.name} reads "
                    f"{self.model.num_frames}: enrol it again"
                )
        self._clips = list(clips)
        self._people = sorted({clip.person_id for clip in clips})
        index = {person: i for i, person in enumerate(self._people)}
        self._owner = np.array([index[clip.person_id] for clip in clips], np.int64)
        self._features = np.stack([clip.features for clip in clips]) if clips else np.zeros((0, 0, 0), np.float32)
        self._slot = -1

    def step(self, frame: TrackedFrame) -> list[Ranking]:
        """Takes one frame; returns one ranking per current track, in their order."""
        self._histories = {track.track_id: self._remember(track, frame) for track in frame.tracks}
        slot = frame.stamp_ns // self._period_ns
        renew, self._slot = slot != self._slot, slot
        due = [track_id for track_id, history in self._histories.items() if self._is_due(history, renew)]
        for track_id, ranking in zip(due, self._rank(due), strict=True):
            self._histories[track_id].ranking = ranking
        return [history.ranking for history in self._histories.values()]

    def _remember(self, track: Track, frame: TrackedFrame) -> _History:
        history = self._histories.get(track.track_id)
        if history is None or track.age < history.age:  # after a restart of the tracker ids mean other people
            nobody_yet = Ranking(track.track_id, (), 1.0, 0)
            history = _History(deque(maxlen=self.model.num_frames), nobody_yet, frame.stamp_ns, track.age)
        lost = round((frame.stamp_ns - history.stamp_ns) / self.model.frame_period_ns) - 1
        history.frames.extend([None] * min(max(lost, 0), self.model.num_frames))
        points = frame.points[frame.labels == track.track_id]
        history.frames.append(frame_points(points, track.position, self.model.num_points))
        history.stamp_ns, history.age = frame.stamp_ns, track.age
        if len(history.frames) < self.min_frames:
            history.ranking = replace(history.ranking, frames_used=len(history.frames))
        return history

    def _is_due(self, history: _History, renew: bool) -> bool:
        ready = len(history.frames) >= self.min_frames
        return ready and (renew or history.ranking.frames_used < self.min_frames)

    def _rank(self, track_ids: Sequence[int]) -> list[Ranking]:
        if not track_ids:
            return []
        clips = [self._clip(self._histories[track_id]) for track_id in track_ids]
        used = [int(clip.frames.sum()) for clip in clips]
        if not self._clips:
            return [Ranking(track_id, (), 1.0, n) for track_id, n in zip(track_ids, used, strict=True)]
        distances = self.model.distances(clips, self._features)  # (Q, K)
        best = best_clips(distances, self._owner)
        person_distances = np.take_along_axis(distances, best, axis=1)  # (Q, P)
        probabilities = self.model.probabilities(person_distances)
        return [
            self._ranking(track_id, n, best[q], person_distances[q], probabilities[q])
            for q, (track_id, n) in enumerate(zip(track_ids, used, strict=True))
        ]

    def _clip(self, history: _History) -> RadarClip:
        return radar_clip(list(history.frames), self.model.num_frames, self.model.num_points)

    def _ranking(
        self,
        track_id: int,
        frames_used: int,
        best: NDArray[np.int64],
        distances: Float64Array,
        probabilities: Float64Array,
    ) -> Ranking:
        order = np.argsort(-probabilities[:-1], kind="stable")
        candidates = tuple(
            Candidate(self._people[p], float(probabilities[p]), self._clips[best[p]].clip_id, float(distances[p]))
            for p in order
        )
        return Ranking(track_id, candidates, float(probabilities[-1]), frames_used)
