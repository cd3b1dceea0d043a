"""Static transforms `map` -> room frame -> sensor frame on /tf_static."""

import numpy as np
from rclpy.node import Node

from mission_core.calibration import SensorPose
from mission_core.geometry import pitch_rotation, rep103_to_optical, yaw_rotation
from mission_ros import conversions, qos

try:
    from tf2_msgs.msg import TFMessage
except ImportError:  # not among the wheels; nothing that reads /tf_static is there either
    TFMessage = None


def publish_mount(node: Node, pose: SensorPose, room_frame: str, sensor_frame: str, *, optical: bool = False) -> None:
    """Latches where a sensor is; does nothing where tf2_msgs is not installed.

    Args:
        node: whose publisher this becomes.
        pose: of the sensor.
        room_frame: frame on the floor beneath the sensor.
        sensor_frame: frame of its measurements.
        optical: the sensor frame has camera optical axes (x right, y down, z forward).
    """
    if TFMessage is None:
        node.get_logger().debug("tf2_msgs is not installed: /tf_static is not published")
        return
    now_ns = node.get_clock().now().nanoseconds
    publisher = node.create_publisher(TFMessage, "/tf_static", qos.LATCHED)
    publisher.publish(
        TFMessage(
            transforms=[
                conversions.transform_to_msg(
                    "map", room_frame, np.array([*pose.position, 0.0]), yaw_rotation(pose.yaw_deg), now_ns
                ),
                conversions.transform_to_msg(
                    room_frame,
                    sensor_frame,
                    np.array([0.0, 0.0, pose.mount.height]),
                    pitch_rotation(pose.mount.pitch_deg) @ (_OPTICAL if optical else np.eye(3)),
                    now_ns,
                ),
            ]
        )
    )


_OPTICAL = rep103_to_optical(np.eye(3)).copy()
"""Rotation from optical to REP-103 axes: its columns are the optical axes."""
