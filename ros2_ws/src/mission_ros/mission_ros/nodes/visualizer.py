"""Shows what the stack knows: markers for rviz, and the camera picture with skeletons and identities drawn in."""

import time
from collections import deque

from mission_msgs.msg import BodyArray, RadarTrackArray, RankedIdentitiesArray
from rclpy.event_handler import PublisherEventCallbacks, QoSPublisherMatchedInfo
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import MarkerArray

from mission_core.annotate import annotate, ranking_text
from mission_core.data import messages
from mission_core.types import Float64Array, Ranking, Track
from mission_ros import conversions, markers
from mission_ros.diagnostics import Diagnostics, Intake, Level, Rate, Report
from mission_ros.qos import RESULT, SENSOR_PUBLISHER, SENSOR_SUBSCRIBER
from mission_ros.runtime import parameter, run

try:
    from message_filters import Subscriber, TimeSynchronizer
except ImportError:
    from mission_ros.message_filters_fallback import Subscriber, TimeSynchronizer

_BODIES_TIMEOUT = 1.0  # [s] without skeletons after which pictures go on without them
TRACK_NAMESPACES = (markers.BOXES, markers.TRAILS, markers.LABELS)


class Visualizer(Node):
    """Publishes `viz/markers` and, while somebody looks at it, `viz/image`.

    Parameters:
        image_rate: annotated pictures per second at most [Hz].
        trail_length: past positions shown per track.
    """

    def __init__(self) -> None:
        super().__init__("visualizer")
        self._image_period = 1.0 / parameter(self, "image_rate", 10.0)
        self._trail_length = parameter(self, "trail_length", 100)
        self._trails: dict[int, deque[Float64Array]] = {}
        self._bodies: set[int] = set()
        self._last_bodies = -_BODIES_TIMEOUT
        self._rate, self._pictures = Rate(), Rate()
        self._intake = Intake(self)
        self._rankings: dict[int, Ranking] = {}
        self._camera: CameraInfo | None = None
        self._camera_inputs: list[Subscriber] = []
        self._last_image = 0.0
        self._markers = self.create_publisher(MarkerArray, "viz/markers", RESULT)
        self._image = self.create_publisher(
            Image, "viz/image", SENSOR_PUBLISHER, event_callbacks=PublisherEventCallbacks(matched=self._on_viewers)
        )
        self._diagnostics = Diagnostics(self, self._report)
        self.create_subscription(
            RadarTrackArray, "radar/tracks", self._on_tracks, RESULT, event_callbacks=self._intake.events
        )
        self.create_subscription(RankedIdentitiesArray, "reid/identities", self._on_identities, RESULT)
        self.create_subscription(BodyArray, "camera/bodies", self._on_bodies, SENSOR_SUBSCRIBER)
        self.create_subscription(CameraInfo, "camera/color/camera_info", self._on_camera_info, SENSOR_SUBSCRIBER)

    def _on_identities(self, message: RankedIdentitiesArray) -> None:
        self._rankings = {ranking.track_id: ranking for ranking in messages.rankings(message)}

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._camera = message

    def _on_tracks(self, message: RadarTrackArray) -> None:
        self._rate.tick()
        tracks = messages.tracks(message)
        gone = self._follow(tracks)
        if not self._markers.get_subscription_count():
            return
        shown = markers.track_markers(tracks, self._trails, self._rankings, message.header)
        deleted = markers.delete_markers(TRACK_NAMESPACES, gone, message.header)
        self._publish(MarkerArray(markers=shown.markers + deleted.markers))

    def _follow(self, tracks: tuple[Track, ...]) -> set[int]:
        """Extends the trails by the tracks' positions; returns the ids of tracks that are gone."""
        gone = self._trails.keys() - {track.track_id for track in tracks}
        for track_id in gone:
            del self._trails[track_id]
        for track in tracks:
            self._trails.setdefault(track.track_id, deque(maxlen=self._trail_length)).append(track.position)
        return gone

    def _on_bodies(self, message: BodyArray) -> None:
        self._last_bodies = time.monotonic()
        if not self._markers.get_subscription_count():
            return
        bodies = messages.bodies(message)
        seen = {body.body_id for body in bodies}
        shown = markers.skeleton_markers(bodies, message.header)
        deleted = markers.delete_markers((markers.SKELETONS,), self._bodies - seen, message.header)
        self._bodies = seen
        self._publish(MarkerArray(markers=shown.markers + deleted.markers))

    def _publish(self, message: MarkerArray) -> None:
        if message.markers:
            self._markers.publish(message)

    def _on_viewers(self, event: QoSPublisherMatchedInfo) -> None:
        """Takes pictures (41 MB/s) off the wire only while somebody looks at the result."""
        if event.current_count and not self._camera_inputs:
            image = Subscriber(self, Image, "camera/color/image_raw", qos_profile=SENSOR_SUBSCRIBER)
            bodies = Subscriber(self, BodyArray, "camera/bodies", qos_profile=SENSOR_SUBSCRIBER)
            image.registerCallback(self._on_picture_alone)
            TimeSynchronizer([image, bodies], 5).registerCallback(self._on_picture)
            self._camera_inputs = [image, bodies]
        elif not event.current_count:
            for subscriber in self._camera_inputs:
                self.destroy_subscription(subscriber.sub)
            self._camera_inputs = []

    def _on_picture_alone(self, image: Image) -> None:
        if time.monotonic() - self._last_bodies > _BODIES_TIMEOUT:  # a camera without body tracking
            self._on_picture(image, None)

    def _on_picture(self, image: Image, bodies: BodyArray | None) -> None:
        now = time.monotonic()
        if now - self._last_image < self._image_period:
            return
        self._last_image = now
        with self._intake.guard():
            frame = messages.camera_frame(image, bodies, self._camera)
            lines = [f"track {track}: {ranking_text(self._rankings.get(track))}" for track in sorted(self._trails)]
            self._image.publish(conversions.image_to_msg(annotate(frame, lines), frame.stamp_ns, image.header.frame_id))
            self._pictures.tick()

    def _report(self) -> Report:
        rate = self._rate.read()
        values: dict[str, object] = {"rate_hz": rate, "pictures_hz": self._pictures.read()} | self._intake.counters()
        if self._intake.problem:
            return Report(Level.ERROR, self._intake.problem, values)
        if not rate:
            return Report(Level.WARN, "no tracks arrive on radar/tracks", values)
        return Report(Level.OK, f"{len(self._trails)} tracks at {rate:.1f} Hz", values)


def main() -> None:
    """Runs the node."""
    run(Visualizer)


if __name__ == "__main__":
    main()
