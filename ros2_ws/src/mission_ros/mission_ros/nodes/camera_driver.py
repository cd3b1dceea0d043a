"""Publishes a camera: pictures, intrinsics, and the skeletons of sources that have them."""

from mission_msgs.msg import BodyArray
from sensor_msgs.msg import CameraInfo, Image

from mission_core.calibration import load_calibration
from mission_core.types import CameraFrame
from mission_ros import conversions
from mission_ros.camera_feed import CameraFeed
from mission_ros.diagnostics import Diagnostics, Level, Rate, Report
from mission_ros.feed_node import FeedNode
from mission_ros.qos import SENSOR_PUBLISHER
from mission_ros.runtime import parameter, run
from mission_ros.static_transform import publish_mount


class CameraDriver(FeedNode[CameraFeed]):
    """Driver of whatever `mission_core.camera.source` opens; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("camera_driver")
        self._source = parameter(self, "source", "0")
        self._max_fps = parameter(self, "max_fps", 15.0)
        self._loop = parameter(self, "loop", False)
        self._frame_id = parameter(self, "frame_id", "camera_color_optical_frame")
        room_frame = parameter(self, "room_frame", "camera_room")
        calibration = load_calibration(parameter(self, "calibration", ""))
        self._rate = Rate()
        self._image = self.create_publisher(Image, "camera/color/image_raw", SENSOR_PUBLISHER)
        self._info = self.create_publisher(CameraInfo, "camera/color/camera_info", SENSOR_PUBLISHER)
        self._bodies = self.create_publisher(BodyArray, "camera/bodies", SENSOR_PUBLISHER)
        self._diagnostics = Diagnostics(self, self._report, hardware_id="camera")
        publish_mount(self, calibration.camera, room_frame, self._frame_id, optical=True)

    def make_feed(self) -> CameraFeed:
        """The camera."""
        return CameraFeed(self._source, self._max_fps, self._loop, self.now_ns, self._diagnostics.publish)

    def publish(self, frame: CameraFrame) -> None:
        """Publishes a picture and what belongs to it."""
        if frame.bodies is not None:
            self._bodies.publish(conversions.bodies_to_msg(frame.bodies, frame.stamp_ns, self._frame_id))
        if frame.camera is not None:
            self._info.publish(conversions.camera_model_to_msg(frame.camera, frame.stamp_ns, self._frame_id))
        self._image.publish(conversions.image_to_msg(frame.image, frame.stamp_ns, self._frame_id))
        self._rate.tick()

    def _report(self) -> Report:
        rate = self._rate.read()
        values: dict[str, object] = {"rate_hz": rate, "pictures": self._rate.total}
        if self.feed is None:
            return Report(Level.ERROR, "no camera yet", values)
        values["reopened"] = self.feed.reopened
        if self.feed.problem:
            return Report(Level.ERROR, self.feed.problem, values)
        return Report(Level.OK if rate else Level.WARN, f"{rate:.1f} pictures per second", values)


def main() -> None:
    """Runs the node."""
    run(CameraDriver)


if __name__ == "__main__":
    main()
