"""Follows the people in `radar/points`: `radar/tracks`, and whose each detection is in `radar/points_labelled`.

Further radars of the same room, in the namespaces that are named after them, correct the same tracks. These are
published with the frames of the first one, as is all that is known of a person from there on.
"""

from functools import partial

from mission_msgs.msg import RadarFrame, RadarTrackArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import PointCloud2

from mission_core.calibration import load_calibration
from mission_core.data import messages
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_ros import conversions
from mission_ros.diagnostics import Diagnostics, Intake, Level, Rate, Report
from mission_ros.qos import RESULT, SENSOR_SUBSCRIBER
from mission_ros.runtime import dataclass_parameters, parameter, run, texts

_REMEMBERED = 8  # frame numbers waiting for their cloud


class RadarTrackerNode(Node):
    """One tracker of one room; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("radar_tracker")
        self._room_frame = parameter(self, "room_frame", "radar_room")
        calibration = load_calibration(parameter(self, "calibration", ""))
        more = texts(parameter(self, "more_radars", [""]))
        others = [calibration.pose_of_radar(name).seen_from(calibration.radar) for name in more]
        self._tracker = RadarTracker(dataclass_parameters(self, TrackerConfig), calibration.radar.mount, others)
        self._numbers: dict[int, int] = {}  # by stamp
        self._num_tracks = 0
        self._rate = Rate()
        self._intake = Intake(self)
        self._tracks = self.create_publisher(RadarTrackArray, "radar/tracks", RESULT)
        self._labelled = self.create_publisher(PointCloud2, "radar/points_labelled", RESULT)
        self._diagnostics = Diagnostics(self, self._report)
        self.create_subscription(RadarFrame, "radar/raw", self._on_raw, SENSOR_SUBSCRIBER)
        self.create_subscription(
            PointCloud2, "radar/points", self._on_points, SENSOR_SUBSCRIBER, event_callbacks=self._intake.events
        )
        for number, name in enumerate(more, start=1):
            publisher = self.create_publisher(PointCloud2, f"{name}/radar/points_labelled", RESULT)
            self.create_subscription(
                PointCloud2,
                f"{name}/radar/points",
                partial(self._on_more_points, number, publisher),
                SENSOR_SUBSCRIBER,
                event_callbacks=self._intake.events,
            )

    def _on_raw(self, message: RadarFrame) -> None:
        # a point cloud has no room for the frame number; the driver sends the frame it is from just before
        self._numbers = dict([*self._numbers.items()][-_REMEMBERED:])
        self._numbers[messages.stamp_ns(message)] = int(message.frame_number)

    def _on_points(self, cloud: PointCloud2) -> None:
        with self._intake.guard():
            stamp_ns = messages.stamp_ns(cloud)
            frame_number = self._numbers.pop(stamp_ns, 0)
            frame = self._tracker.step(stamp_ns, frame_number, messages.points(cloud))
            tracks, labelled = conversions.tracked_frame_to_msgs(frame, self._room_frame)
            self._labelled.publish(labelled)
            self._tracks.publish(tracks)
            self._num_tracks = len(frame.tracks)
            self._rate.tick()

    def _on_more_points(self, radar: int, publisher: Publisher, cloud: PointCloud2) -> None:
        with self._intake.guard():
            frame = self._tracker.step(messages.stamp_ns(cloud), 0, messages.points(cloud), radar)
            _, labelled = conversions.tracked_frame_to_msgs(frame, self._room_frame)
            publisher.publish(labelled)

    def _report(self) -> Report:
        rate = self._rate.read()
        values: dict[str, object] = {"rate_hz": rate, "frames": self._rate.total, "tracks": self._num_tracks}
        values |= self._intake.counters()
        if self._intake.problem:
            return Report(Level.ERROR, self._intake.problem, values)
        if not rate:
            return Report(Level.WARN, "no point clouds arrive on radar/points", values)
        return Report(Level.OK, f"{self._num_tracks} tracks at {rate:.1f} Hz", values)


def main() -> None:
    """Runs the node."""
    run(RadarTrackerNode)


if __name__ == "__main__":
    main()
