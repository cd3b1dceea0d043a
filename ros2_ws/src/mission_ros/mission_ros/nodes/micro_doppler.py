"""Publishes a Doppler-time map of every track (`micro_doppler/map`)."""

from mission_msgs.msg import DopplerTimeMap as DopplerTimeMapMsg
from mission_msgs.msg import RadarFrame, RadarTrackArray
from sensor_msgs.msg import PointCloud2

from mission_core.calibration import load_calibration
from mission_core.data import messages
from mission_core.errors import ConfigurationError
from mission_core.paths import shared_file
from mission_core.radar.doppler import DopplerMaps
from mission_core.radar.profile import load_profile
from mission_core.radar.tlv import decode_frame
from mission_core.types import DopplerTimeMap
from mission_ros import conversions
from mission_ros.diagnostics import Diagnostics, Intake, Level, Rate, Report
from mission_ros.qos import RESULT
from mission_ros.runtime import ManagedNode, parameter, run

try:
    from message_filters import Subscriber, TimeSynchronizer
except ImportError:
    from mission_ros.message_filters_fallback import Subscriber, TimeSynchronizer

_WAITING = 10  # frames that may wait for their partner


class MicroDoppler(ManagedNode):
    """Doppler-time maps from points or from the heatmap; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("micro_doppler")
        self._kind = parameter(self, "kind", "points")
        self._num_frames = parameter(self, "num_frames", 64)
        self._profile_name = parameter(self, "profile", "walking_10fps.cfg")
        self._mount = load_calibration(parameter(self, "calibration", "")).radar.mount
        self._arrived, self._rate = Rate(), Rate()
        self._intake = Intake(self)
        self._publisher = self.create_publisher(DopplerTimeMapMsg, "micro_doppler/map", RESULT)
        self._diagnostics = Diagnostics(self, self._report)
        self._inputs: list[Subscriber] = []

    def configure(self) -> None:
        """Makes the axes from the radar's profile."""
        if self._kind not in ("points", "heatmap"):
            raise ConfigurationError(f"micro_doppler: kind is {self._kind!r}, expected points or heatmap")
        self._profile = load_profile(shared_file(self._profile_name, "config/radar"))
        self._maps = DopplerMaps(
            self._kind,
            velocities=self._profile.velocities,
            num_frames=self._num_frames,
            frame_period=self._profile.frame_period,
        )

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

    def _subscribe(self, msg_type: type, topic: str) -> Subscriber:
        events = self._intake.events
        self._inputs.append(Subscriber(self, msg_type, topic, qos_profile=RESULT, event_callbacks=events))
        return self._inputs[-1]

    def _on_points(self, tracks: RadarTrackArray, labelled: PointCloud2) -> None:
        with self._intake.guard():
            frame = messages.tracked_frame(tracks, labelled)
            self._publish(self._maps.step_points(frame), tracks.header.frame_id)

    def _on_heatmap(self, tracks: RadarTrackArray, labelled: PointCloud2, raw: RadarFrame) -> None:
        with self._intake.guard():
            frame = messages.tracked_frame(tracks, labelled)
            bins = decode_frame(messages.radar_frame(raw)).contents.get("range_doppler")
            if bins is None:
                raise ConfigurationError("the radar sends no range-Doppler heatmap: set guiMonitor's 5th value to 1")
            heatmap = self._profile.range_doppler_map(bins)
            maps = self._maps.step_heatmap(frame, heatmap, self._profile.ranges, self._mount)
            self._publish(maps, tracks.header.frame_id)

    def _publish(self, maps: list[DopplerTimeMap], frame_id: str) -> None:
        for doppler in maps:
            self._publisher.publish(conversions.doppler_map_to_msg(doppler, frame_id))
        self._rate.tick()

    def _report(self) -> Report:
        rate = self._rate.read()
        values = {"kind": self._kind, "rate_hz": rate, "frames": self._rate.total} | self._intake.counters()
        values["received_frames"] = self._arrived.total  # those without their cloud among them
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
