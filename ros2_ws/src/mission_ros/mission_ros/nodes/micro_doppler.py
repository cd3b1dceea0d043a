"""Publishes a Doppler-time map of every track (`micro_doppler/map`), and what a model makes of it.

With a model: what each track does (`micro_doppler/activities`) and who of the people that the model knows it is
(`micro_doppler/identities`).
"""

import threading
from typing import TYPE_CHECKING

from mission_msgs.msg import ActivityArray, RadarFrame, RadarTrackArray, RankedIdentitiesArray
from mission_msgs.msg import DopplerTimeMap as DopplerTimeMapMsg
from sensor_msgs.msg import PointCloud2

from mission_core.calibration import load_calibration
from mission_core.data import messages
from mission_core.errors import ConfigurationError
from mission_core.models.mra_net.choice import AUTO, chosen_model
from mission_core.paths import shared_file
from mission_core.radar.doppler import DopplerMaps
from mission_core.radar.profile import load_profile
from mission_core.radar.tlv import decode_frame
from mission_core.types import DopplerTimeMap, TrackedFrame
from mission_ros import conversions
from mission_ros.background import Background
from mission_ros.diagnostics import Diagnostics, Intake, Level, Rate, Report
from mission_ros.qos import RESULT
from mission_ros.runtime import ManagedNode, parameter, run

try:
    from message_filters import Subscriber, TimeSynchronizer
except ImportError:
    from mission_ros.message_filters_fallback import Subscriber, TimeSynchronizer

if TYPE_CHECKING:
    from mission_core.models.mra_net.model import Recogniser

_WAITING = 10  # frames that may wait for their partner
_LONGEST_LOADING = 60.0  # [s] of a model, which cannot be asked to stop


class MicroDoppler(ManagedNode):
    """Doppler-time maps, activities and identities; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("micro_doppler")
        self._kind = parameter(self, "kind", "points")
        self._num_frames = parameter(self, "num_frames", 64)
        self._profile_name = parameter(self, "profile", "walking_10fps.cfg")
        self._mount = load_calibration(parameter(self, "calibration", "")).radar.mount
        self._model = parameter(self, "model", AUTO)
        self._period = parameter(self, "period", 0.5)
        self._min_seconds = parameter(self, "min_seconds", 1.0)
        self._loading: Background | None = None
        self._recogniser: Recogniser | None = None
        self._latency_ms = 0.0
        self._arrived, self._rate = Rate(), Rate()
        self._intake = Intake(self)
        self._publisher = self.create_publisher(DopplerTimeMapMsg, "micro_doppler/map", RESULT)
        self._activities = self.create_publisher(ActivityArray, "micro_doppler/activities", RESULT)
        self._identities = self.create_publisher(RankedIdentitiesArray, "micro_doppler/identities", RESULT)
        self._diagnostics = Diagnostics(self, self._report)
        self._inputs: list[Subscriber] = []

    def configure(self) -> None:
        """Makes the axes from the radar's profile; refuses a model that was trained for others."""
        if self._kind not in ("points", "heatmap"):
            raise ConfigurationError(f"micro_doppler: kind is {self._kind!r}, expected points or heatmap")
        self._profile = load_profile(shared_file(self._profile_name, "config/radar"))
        self._maps = DopplerMaps(
            self._kind,
            velocities=self._profile.velocities,
            num_frames=self._num_frames,
            frame_period=self._profile.frame_period,
        )
        self._directory = chosen_model(self._model, self._kind, self._profile)
        if self._directory is not None:
            self._loading = Background(self._load, self.get_logger().fatal)  # maps do not wait for it

    def activate(self) -> None:
        """Listens to tracks, and to what the maps are made of."""
        tracks = self._subscribe(RadarTrackArray, "radar/tracks")
        tracks.registerCallback(lambda _: self._arrived.tick())
        labelled = self._subscribe(PointCloud2, "radar/points_labelled")
        if self._kind == "points":
            self._synchronizer = TimeSynchronizer([tracks, labelled], _WAITING)
            self._synchronizer.registerCallback(self._on_points)
        else:
            raw = self._subscribe(RadarFrame, "radar/raw")
            self._synchronizer = TimeSynchronizer([tracks, labelled, raw], _WAITING)
            self._synchronizer.registerCallback(self._on_heatmap)

    def deactivate(self) -> None:
        """Listens no more."""
        for subscriber in self._inputs:
            self.destroy_subscription(subscriber.sub)
        self._inputs = []

    def cleanup(self) -> None:
        """Forgets the model."""
        if self._loading is not None:
            self._loading.stop(_LONGEST_LOADING)
        self._loading = self._recogniser = None

    def _load(self, _stop: threading.Event) -> None:
        from mission_core.models.mra_net.model import Recogniser, RecognitionModel  # torch takes seconds to import

        assert self._directory is not None
        model = RecognitionModel.load(self._directory)
        self._recogniser = Recogniser(model, period=self._period, min_seconds=self._min_seconds)

    def _subscribe(self, msg_type: type, topic: str) -> Subscriber:
        events = self._intake.events
        self._inputs.append(Subscriber(self, msg_type, topic, qos_profile=RESULT, event_callbacks=events))
        return self._inputs[-1]

    def _on_points(self, tracks: RadarTrackArray, labelled: PointCloud2) -> None:
        with self._intake.guard():
            frame = messages.tracked_frame(tracks, labelled)
            self._publish(self._maps.step_points(frame), frame, tracks.header.frame_id)

    def _on_heatmap(self, tracks: RadarTrackArray, labelled: PointCloud2, raw: RadarFrame) -> None:
        with self._intake.guard():
            frame = messages.tracked_frame(tracks, labelled)
            bins = decode_frame(messages.radar_frame(raw)).contents.get("range_doppler")
            if bins is None:
                raise ConfigurationError("the radar sends no range-Doppler heatmap: set guiMonitor's 5th value to 1")
            heatmap = self._profile.range_doppler_map(bins)
            maps = self._maps.step_heatmap(frame, heatmap, self._profile.ranges, self._mount)
            self._publish(maps, frame, tracks.header.frame_id)

    def _publish(self, maps: list[DopplerTimeMap], frame: TrackedFrame, frame_id: str) -> None:
        for doppler in maps:
            self._publisher.publish(conversions.doppler_map_to_msg(doppler, frame_id))
        if self._recogniser is not None:
            self._tell(self._recogniser, maps, frame.stamp_ns, frame_id)
        self._latency_ms = (self.get_clock().now().nanoseconds - frame.stamp_ns) * 1e-6
        self._rate.tick()

    def _tell(self, recogniser: "Recogniser", maps: list[DopplerTimeMap], stamp_ns: int, frame_id: str) -> None:
        opinions, rankings = recogniser.step(maps)
        made_by = {"model_id": recogniser.model.name, "model_sha256": recogniser.model.sha256}
        if recogniser.model.activities:
            self._activities.publish(conversions.activities_to_msg(opinions, stamp_ns, frame_id, **made_by))
        if recogniser.model.people:
            self._identities.publish(
                conversions.rankings_to_msg(rankings, stamp_ns, frame_id, gallery_revision=0, **made_by)
            )

    def _report(self) -> Report:
        rate = self._rate.read()
        values = {"kind": self._kind, "rate_hz": rate, "frames": self._rate.total} | self._intake.counters()
        values["received_frames"] = self._arrived.total  # those without their cloud among them
        values["latency_ms"] = self._latency_ms
        values["model"] = self._recogniser.model.name if self._recogniser is not None else ""
        if self._intake.problem:
            return Report(Level.ERROR, self._intake.problem, values)
        if not rate:
            return Report(Level.WARN, "no tracks arrive on radar/tracks", values)
        return Report(Level.OK, f"{rate:.1f} frames per second", values)


def main() -> None:
    """Runs the node."""
    run(MicroDoppler)


if __name__ == "__main__":
    main()
