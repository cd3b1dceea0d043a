"""The whole stack without hardware: a radar simulated at the byte and a simulated camera."""

from launch import LaunchDescription

from mission_ros.launching import include


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([include("bringup.launch.py", radar="sim", camera="sim")])
