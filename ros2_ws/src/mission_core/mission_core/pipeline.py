"""The offline composition of what the nodes run: radar frames in, tracks and ranked identities out. No DDS."""

from collections.abc import Iterator
from dataclasses import dataclass

from mission_core.data.bags import BagReader
from mission_core.errors import FrameError
from mission_core.models.mra_net.watch import ActivityWatch
from mission_core.models.reid.gate import WalkingGate
from mission_core.models.reid.ranking import Reidentifier
from mission_core.models.reid.second_opinion import SecondOpinion
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
    """Tracker, activities where asked for, and re-identification, chained as the nodes chain them.

    Args:
        tracker: of one room.
        reidentifier: with its gallery.
        activity: tells what the tracks do and, of some people, who they are.
        gate: heeds what they do.
        second: joins who they are with the gallery's rankings.
    """

    def __init__(
        self,
        tracker: RadarTracker,
        reidentifier: Reidentifier,
        activity: ActivityWatch | None = None,
        gate: WalkingGate | None = None,
        second: SecondOpinion | None = None,
    ) -> None:
        self.tracker = tracker
        self.reidentifier = reidentifier
        self.activity = activity
        self.gate = gate
        self.second = second
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
        opinions, told = ([], []) if self.activity is None else self.activity.step(tracked, frame)
        others: frozenset[int] = frozenset()
        if self.gate is not None:
            self.gate.add(tracked.stamp_ns, opinions)
            others = self.gate.others(tracked.stamp_ns)
        rankings = self.reidentifier.step(tracked, others)
        if self.second is not None:
            self.second.add(tracked.stamp_ns, told)
            rankings = self.second.join(tracked.stamp_ns, rankings)
        return Perceived(tracked, tuple(rankings), tuple(opinions))

    def run(self, bag: BagReader) -> Iterator[Perceived]:
        """Everything that can be derived from a recording's raw radar frames."""
        for radar, stamp_ns, raw in bag.frames_of_radars():
            perceived = self.step(stamp_ns, raw, radar)
            if perceived is not None:
                yield perceived
