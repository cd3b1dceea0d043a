"""Reads a radar and publishes its frames as they are (`radar/raw`) and all that is in them, decoded."""

from pathlib import Path

from mission_msgs.msg import RadarFrame as RadarFrameMsg
from mission_msgs.msg import RadarHeatmap, RadarTrackArray, VitalSigns
from sensor_msgs.msg import PointCloud2

from mission_core.calibration import load_calibration
from mission_core.data import messages
from mission_core.errors import ConfigurationError, FrameError
from mission_core.paths import shared_file
from mission_core.radar.device import RadarDevice
from mission_core.radar.heatmaps import heatmaps
from mission_core.radar.profile import RadarProfile, load_profile
from mission_core.radar.targets import TargetTracks
from mission_core.radar.tlv import decode_frame
from mission_core.types import RadarFrame
from mission_ros import conversions
from mission_ros.diagnostics import Diagnostics, Level, Rate, Report
from mission_ros.feed_node import FeedNode
from mission_ros.qos import RESULT, SENSOR_PUBLISHER
from mission_ros.radar_feed import CaptureFeed, LiveFeed, RadarFeed, sensor_health
from mission_ros.runtime import parameter, run
from mission_ros.static_transform import publish_mount


class RadarDriver(FeedNode[RadarFeed]):
    """Driver of a TI mmWave radar with the out-of-box demo; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("radar_driver")
        self._source = parameter(self, "source", "device")
        self._cli_port = parameter(self, "cli_port", "auto")
        self._data_port = parameter(self, "data_port", "auto")
        self._serial_number = parameter(self, "serial_number", "")
        self._data_baudrate = parameter(self, "data_baudrate", 921600)
        self._profile_file = parameter(self, "profile", "walking_10fps.cfg")
        self._layout = parameter(self, "layout", "auto")
        self._capture_file = parameter(self, "capture_file", "")
        self._capture_rate = parameter(self, "capture_rate", 1.0)
        self._capture_loop = parameter(self, "capture_loop", False)
        self._frame_id = parameter(self, "frame_id", "radar")
        self._room_frame = parameter(self, "room_frame", "radar_room")
        pose = load_calibration(parameter(self, "calibration", "")).pose_of_radar(parameter(self, "radar", "radar"))
        self._mount = pose.mount
        self._profile: RadarProfile | None = None
        self._targets = TargetTracks((), self._mount)
        self._rate = Rate()
        self._bad_frames = 0
        self._sensor: dict[str, object] = {}
        self._raw = self.create_publisher(RadarFrameMsg, "radar/raw", SENSOR_PUBLISHER)
        self._points = self.create_publisher(PointCloud2, "radar/points", SENSOR_PUBLISHER)
        self._tracks = self.create_publisher(RadarTrackArray, "radar/targets", RESULT)
        self._heatmaps = self.create_publisher(RadarHeatmap, "radar/heatmaps", SENSOR_PUBLISHER)
        self._vital_signs = self.create_publisher(VitalSigns, "radar/vital_signs", RESULT)
        self._diagnostics = Diagnostics(self, self._report, hardware_id=self._source)
        publish_mount(self, pose, self._room_frame, self._frame_id)
        if self._source == "topic":
            self.create_subscription(RadarFrameMsg, "radar/raw", self._on_raw, RESULT)

    def make_feed(self) -> RadarFeed | None:
        """The radar or the capture; None where the frames come from a topic."""
        profile = self._profile = load_profile(shared_file(self._profile_file, "config/radar"))
        self._targets = TargetTracks(profile.commands, self._mount)
        match self._source:
            case "device":
                device = RadarDevice(
                    self._cli_port,
                    self._data_port,
                    serial_number=self._serial_number,
                    data_baudrate=self._data_baudrate,
                )
                return LiveFeed(
                    device, profile, self._data_baudrate, self.now_ns, self._diagnostics.publish, self._layout
                )
            case "file":
                return CaptureFeed(
                    Path(self._capture_file), self._capture_rate, self._capture_loop, self.now_ns, self._layout
                )
            case "topic":
                return None
        raise ConfigurationError(f"radar_driver: source is {self._source!r}, expected device, file or topic")

    def publish(self, frame: RadarFrame, stamp_ns: int) -> None:
        """Publishes a frame as it is and decoded."""
        self._raw.publish(conversions.radar_frame_to_msg(frame, stamp_ns, self._frame_id))
        self._publish_decoded(frame, stamp_ns, self._frame_id)

    def _publish_decoded(self, frame: RadarFrame, stamp_ns: int, frame_id: str) -> None:
        self._points.publish(conversions.points_to_cloud(frame.points, stamp_ns, frame_id))
        if (tracks := self._targets.step(stamp_ns, frame)) is not None:
            self._tracks.publish(conversions.tracks_to_msg(tracks, stamp_ns, frame.frame_number, self._room_frame))
        if self._profile is not None:
            self._publish_maps(frame, self._profile, stamp_ns, frame_id)
        self._sensor |= sensor_health(frame)
        self._rate.tick()

    def _publish_maps(self, frame: RadarFrame, profile: RadarProfile, stamp_ns: int, frame_id: str) -> None:
        """What needs the axes of the profile."""
        try:
            for heatmap in heatmaps(frame, profile):
                self._heatmaps.publish(conversions.heatmap_to_msg(heatmap, stamp_ns, frame_id))
        except ConfigurationError as error:
            self.get_logger().warning(f"radar/heatmaps: {error}", throttle_duration_sec=10.0)
        if (vital_signs := frame.contents.get("vital_signs")) is not None:
            distance = vital_signs.range_bin * profile.range_step
            self._vital_signs.publish(conversions.vital_signs_to_msg(vital_signs, distance, stamp_ns, frame_id))

    def _on_raw(self, message: RadarFrameMsg) -> None:
        if not self.is_active:
            return
        try:
            frame = decode_frame(messages.radar_frame(message))
        except FrameError as error:
            self._bad_frames += 1
            self.get_logger().warning(f"radar/raw: {error}", throttle_duration_sec=10.0)
            return
        self._publish_decoded(frame, messages.stamp_ns(message), message.header.frame_id)

    def _report(self) -> Report:
        rate = self._rate.read()
        values: dict[str, object] = {"source": self._source, "rate_hz": rate, "frames": self._rate.total} | self._sensor
        problem = "not configured"
        if self._source == "topic":
            problem, values = "", values | {"error_frames": self._bad_frames}
        elif self.feed is not None:
            problem, values = self.feed.problem, values | self.feed.counters()
        if problem:
            return Report(Level.ERROR, problem, values)
        return Report(Level.OK if rate else Level.WARN, f"{rate:.1f} frames per second", values)


def main() -> None:
    """Runs the node."""
    run(RadarDriver)


if __name__ == "__main__":
    main()
