"""The offline composition of what the nodes run: radar frames in, tracks and ranked identities out. No DDS."""

from collections.abc import Iterator
from dataclasses import dataclass

from mission_core.data.bags import BagReader
from mission_core.errors import FrameError
from mission_core.models.mra_net.watch import ActivityWatch
from mission_core.models.reid.ranking import Reidentifier
from mission_core.radar.tlv import decode_frame
from mission_core.radar.tracking import RadarTracker
from mission_core.types import ActivityOpinion, Ranking, TrackedFrame


@dataclass(frozen=True, slots=True, eq=False)
class Perceived:
    """What was made of one radar frame: the tracks, and for each of them a ranking and, where told, what it does."""

    tracked: TrackedFrame
    rankings: tuple[Ranking, ...]
    activities: tuple[ActivityOpinion, ...] = ()


class Pipeline:
    """Tracker, activities where asked for, and re-identification, chained as the nodes chain them."""

    def __init__(
        self, tracker: RadarTracker, reidentifier: Reidentifier, activity: ActivityWatch | None = None
    ) -> None:
        self.tracker = tracker
        self.reidentifier = reidentifier
        self.activity = activity
        self.bad_frames = 0

    def step(self, stamp_ns: int, raw: bytes, radar: int = 0) -> Perceived | None:
        """Takes one raw radar frame; None, and counted, when its bytes are no valid frame, or of a further radar.

        What further radars see moves the tracks on, and is told with the next frame of the first one.
        """
        try:
            frame = decode_frame(raw)
        except FrameError:
            self.bad_frames += 1
            return None
        tracked = self.tracker.step(stamp_ns, frame.frame_number, frame.points, radar)
        if radar:
            return None
        if self.activity is None:
            return Perceived(tracked, tuple(self.reidentifier.step(tracked)))
        others, opinions, _ = self.activity.step(tracked, frame)
        return Perceived(tracked, tuple(self.reidentifier.step(tracked, others)), tuple(opinions))

    def run(self, bag: BagReader) -> Iterator[Perceived]:
        """Everything that can be derived from a recording's raw radar frames."""
        for radar, stamp_ns, raw in bag.frames_of_radars():
            perceived = self.step(stamp_ns, raw, radar)
            if perceived is not None:
                yield perceived
