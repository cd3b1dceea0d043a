"""What a model reads of takes: each take is opened once, and each of the camera's is encoded once."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import get_console
from rich.progress import track

from mission_core.data.takes import TakeSet, camera_take, radar_take
from mission_core.data.walks import RadarWalk, in_frames, middle, walk_before_camera, walk_before_radar
from mission_core.errors import ConfigurationError
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.processing import RadarClip
from mission_core.models.reid.windows import EARLIER_WINDOWS, MIN_SECONDS, cut
from mission_core.types import Float32Array

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What asks who somebody is.

    Attributes:
        clip: before the radar, the newest one.
        earlier: clips of the same track before it, oldest first.
    """

    clip: RadarClip
    earlier: Sequence[RadarClip] = ()

    @property
    def frames(self) -> int:
        """In which the track was there."""
        return sum(int(clip.frames.sum()) for clip in (self.clip, *self.earlier))


class Clips:
    """Queries and enrolled clips of a data set, as one model reads them.

    Attributes:
        takes: the data set.
        model: that reads.
        owner: who walks, by id of take; no model ever sees it.
        longest: query [s].

    Raises:
        ConfigurationError: the model does not read queries as long as asked for.
    """

    def __init__(self, takes: TakeSet, model: ReidModel, seconds: float | None = None) -> None:
        most = model.num_frames / model.frame_rate
        if seconds is not None and not 1.0 / model.frame_rate <= seconds <= most:
            raise ConfigurationError(
                f"queries of {seconds:g} s were asked for, expected at most {most:g} s, which is what model "
                f"{model.name} reads, and at least one frame of {1.0 / model.frame_rate:g} s"
            )
        self.takes = takes
        self.model = model
        self.longest = seconds or most
        self.owner = {info.take_id: info.person_id for info in takes.infos}
        self._walks: dict[str, RadarWalk | None] = {}
        self._features: dict[str, tuple[Float32Array, ...]] = {}

    def read(self, radar: Iterable[str], camera: Iterable[str]) -> None:
        """Reads takes ahead, with progress; those that were read before are not read again."""
        missing = [take_id for take_id in dict.fromkeys(radar) if take_id not in self._walks]
        for take_id in track(missing, "reading walks before the radar", console=get_console(), disable=not missing):
            self._walk(take_id)
        missing = [take_id for take_id in dict.fromkeys(camera) if take_id not in self._features]
        if missing and not get_console().is_terminal:
            log.info("encoding %d walks before the camera", len(missing))
        for take_id in track(missing, "encoding walks before the camera", console=get_console(), disable=not missing):
            self.features(take_id)

    def query(self, take_id: str, seconds: float | None = None) -> Query | None:
        """The query that a radar take gives; None where it is too short for one.

        Args:
            take_id: of the take.
            seconds: of the query at most, in the middle of the walk; None for the longest query.
        """
        walk = self._walk(take_id)
        if walk is None:
            return None
        length = in_frames(min(seconds or self.longest, self.longest), self.model.frame_rate)
        return Query(self._clip(walk, middle(len(walk.points), length), length))

    def track(self, take_id: str, seconds: float) -> Query | None:
        """The query that a radar take gives as the node reads it; None where nothing of it is long enough yet.

        That is windows of straight walking of a model that merges them, and the newest frames of any other.

        Args:
            take_id: of the take.
            seconds: for which it has been watched.
        """
        walk = self._walk(take_id)
        if walk is None:
            return None
        rate, most = self.model.frame_rate, self.model.num_frames
        end = min(in_frames(seconds, rate), len(walk.points))
        windows = cut(walk.places[:end], rate, most) if self.model.merges else [slice(max(end - most, 0), end)]
        lengths = [(window.start, window.stop - window.start) for window in windows]
        clips = [self._clip(walk, *window) for window in lengths if window[1] >= in_frames(MIN_SECONDS, rate)]
        return Query(clips[-1], clips[-1 - EARLIER_WINDOWS : -1]) if clips else None

    def _clip(self, walk: RadarWalk, start: int, length: int) -> RadarClip:
        return walk.clip(start, length, self.model.num_frames, self.model.num_points)

    def features(self, take_id: str) -> tuple[Float32Array, ...]:
        """What the model makes of the clips of a camera take; none where it is too short for one.

        That is the clip in the middle of a walk, and of somebody who walks back and forth all that enrolment takes.
        """
        if take_id not in self._features:
            self._features[take_id] = self._encoded(take_id)
        return self._features[take_id]

    def _walk(self, take_id: str) -> RadarWalk | None:
        if take_id not in self._walks:
            self._walks[take_id] = walk_before_radar(radar_take(self.takes, take_id), self.model.frame_rate)
        return self._walks[take_id]

    def _encoded(self, take_id: str) -> tuple[Float32Array, ...]:
        walk = walk_before_camera(camera_take(self.takes, take_id))
        return tuple(self.model.encode_clip(walk.snippet(start)) for start in walk.enrolled()) if walk else ()
