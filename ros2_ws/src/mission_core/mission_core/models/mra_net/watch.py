"""What micro_doppler tells, for the offline composition."""

from mission_core.models.mra_net.model import Recogniser
from mission_core.radar.doppler import DopplerMaps
from mission_core.radar.profile import RadarProfile
from mission_core.types import ActivityOpinion, DopplerKind, DopplerTimeMap, Mount, RadarFrame, Ranking, TrackedFrame


class ActivityWatch:
    """Follows what the tracks do, frame by frame.

    Args:
        recogniser: tells it, from such maps.
        kind: of the maps it is told by.
        profile: that the radar runs.
        mount: of the radar.
        num_frames: longest map.

    Attributes:
        model: of the recogniser.
    """

    def __init__(
        self, recogniser: Recogniser, kind: DopplerKind, profile: RadarProfile, mount: Mount, num_frames: int
    ) -> None:
        self.model = recogniser.model
        self._recogniser, self._kind, self._profile, self._mount = recogniser, kind, profile, mount
        self._maps = DopplerMaps(
            kind, velocities=profile.velocities, num_frames=num_frames, frame_period=profile.frame_period
        )

    def step(self, tracked: TrackedFrame, frame: RadarFrame) -> tuple[list[ActivityOpinion], list[Ranking]]:
        """Takes a frame; returns what each track does, and who of the people that the network knows it is."""
        return self._recogniser.step(self._maps_of(tracked, frame))

    def _maps_of(self, tracked: TrackedFrame, frame: RadarFrame) -> list[DopplerTimeMap]:
        if self._kind == "points":
            return self._maps.step_points(tracked)
        bins = frame.contents.get("range_doppler")
        if bins is None:  # lost, or another profile than the one that was named
            return []
        heatmap = self._profile.range_doppler_map(bins)
        return self._maps.step_heatmap(tracked, heatmap, self._profile.ranges, self._mount)
