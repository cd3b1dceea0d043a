"""Everything behind the drivers: tracks, identities, Doppler-time maps, the gallery, visualisation."""

from launch import LaunchDescription

from mission_ros.launching import common_arguments, environment, perception_nodes, sensor_arguments


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*common_arguments(), *sensor_arguments(), *environment(), perception_nodes()])
