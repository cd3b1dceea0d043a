"""The drivers of radar and camera, or what stands in for them."""

from launch import LaunchDescription

from mission_ros.launching import common_arguments, environment, sensor_arguments, sensor_nodes


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*common_arguments(), *sensor_arguments(), *environment(), sensor_nodes()])
