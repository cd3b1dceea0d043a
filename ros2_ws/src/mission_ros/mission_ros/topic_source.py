"""The running camera as a source of pictures, for enrolment."""

import contextlib
import queue

from mission_msgs.msg import BodyArray
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image

from mission_core.camera.source import READ_TIMEOUT
from mission_core.data import messages
from mission_core.errors import CameraError, MessageError
from mission_core.types import Body, CameraFrame, CameraModel
from mission_ros.qos import SENSOR_SUBSCRIBER

_REMEMBERED = 8  # pictures that may wait to be read, skeletons that may wait for their picture


class TopicSource:
    """`mission_core.camera.source.FrameSource` over the topics of camera_driver.

    Listens only while open. `read` waits, so it must be called from another thread than the one that takes messages.
    """

    live = True
    fps = 15.0

    def __init__(self, node: Node) -> None:
        self._node = node
        self._group = MutuallyExclusiveCallbackGroup()  # pictures stay in order
        self._subscriptions: list[Subscription] = []
        self._frames: queue.Queue[CameraFrame] = queue.Queue(_REMEMBERED)
        self._camera: CameraModel | None = None
        self._bodies: dict[int, tuple[Body, ...]] = {}
        self._problem = ""

    def open(self) -> None:
        """Begins to listen."""
        for msg_type, topic, callback in (
            (CameraInfo, "camera/color/camera_info", self._on_info),
            (BodyArray, "camera/bodies", self._on_bodies),
            (Image, "camera/color/image_raw", self._on_image),
        ):
            self._subscriptions.append(
                self._node.create_subscription(msg_type, topic, callback, SENSOR_SUBSCRIBER, callback_group=self._group)
            )

    def read(self) -> CameraFrame | None:
        """The next picture.

        Raises:
            CameraError: none comes, or none that can be used.
        """
        try:
            return self._frames.get(timeout=READ_TIMEOUT)
        except queue.Empty:
            raise CameraError(
                self._problem
                or f"no picture came on camera/color/image_raw for {READ_TIMEOUT:.0f} s: is camera_driver running?"
            ) from None

    def close(self) -> None:
        """Listens no more."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def describe(self) -> str:
        """What it is."""
        return "the running camera"

    def _on_info(self, message: CameraInfo) -> None:
        self._camera = messages.camera_model(message)

    def _on_bodies(self, message: BodyArray) -> None:
        self._bodies = dict([*self._bodies.items()][-_REMEMBERED:])
        self._bodies[messages.stamp_ns(message)] = messages.bodies(message)

    def _on_image(self, message: Image) -> None:
        # camera_driver sends the skeletons of a picture just before it; without them people are found in the picture
        stamp_ns = messages.stamp_ns(message)
        try:
            picture = messages.image(message)
        except MessageError as error:
            self._problem = str(error)
            return
        if self._frames.full():
            with contextlib.suppress(queue.Empty):  # read meanwhile
                self._frames.get_nowait()
        self._frames.put_nowait(CameraFrame(stamp_ns, picture, self._camera, self._bodies.get(stamp_ns)))
