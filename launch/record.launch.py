"""Records everything that `mission record` does, with `ros2 bag record`."""

from datetime import datetime

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument

from mission_ros.launching import bag_recorder, environment, more_radars_argument, namespace_argument


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            namespace_argument(),
            more_radars_argument(),
            DeclareLaunchArgument(
                "output",
                default_value=f"mission_{datetime.now():%Y-%m-%d_%H-%M-%S}",
                description="Directory of the bag",
            ),
            *environment(),
            bag_recorder(),
        ]
    )
