"""Drives the perception nodes from what a bag holds of the sensors, recorded in this `namespace`.

ros2 launch mission replay.launch.py bag:=mission_2025-01-31_12-00-00 rviz:=true

`ros2 bag play` waits for nobody: on a slow machine give a longer `delay`, or use `mission replay`, which waits until
all nodes are active and loses no frame.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration

from mission_ros.launching import (
    bag_player,
    camera_transforms,
    common_arguments,
    environment,
    gallery_arguments,
    perception_nodes,
    rviz,
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(use_sim_time="true"),
            *gallery_arguments(),
            DeclareLaunchArgument("bag", description="Directory of the recording"),
            DeclareLaunchArgument("rate", default_value="1.0", description="Speed; 1 as it was"),
            DeclareLaunchArgument("delay", default_value="8.0", description="Time for the nodes to get ready [s]"),
            DeclareLaunchArgument("rviz", default_value="false", choices=["true", "false"], description="Start rviz2"),
            *environment(),
            # what other packages bring comes first: should one be missing, nothing of ours has been started yet
            rviz(condition=IfCondition(LaunchConfiguration("rviz"))),
            *camera_transforms(),
            bag_player(),
            perception_nodes(replay=True),
        ]
    )
