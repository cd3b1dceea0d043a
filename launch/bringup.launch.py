"""The whole stack: sensors and perception, on request a recording and rviz.

ros2 launch mission bringup.launch.py radar:=device camera:=kinect rviz:=true
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration

from mission_ros.launching import common_arguments, environment, include, rviz, sensor_arguments


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *common_arguments(),
            *sensor_arguments(),
            DeclareLaunchArgument(
                "record", default_value="false", choices=["true", "false"], description="A bag of all"
            ),
            DeclareLaunchArgument("rviz", default_value="false", choices=["true", "false"], description="Start rviz2"),
            *environment(),
            # what other packages bring comes first: should one be missing, nothing of ours has been started yet
            rviz(condition=IfCondition(LaunchConfiguration("rviz"))),
            include("record.launch.py", condition=IfCondition(LaunchConfiguration("record"))),
            include("sensors.launch.py"),
            include("perception.launch.py"),
        ]
    )
