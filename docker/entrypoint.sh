#!/bin/bash
# Makes ROS and mission known to the command that the container runs.
set -e
source /opt/ros/jazzy/setup.bash
source /mission/ros2_ws/install/setup.bash
exec "$@"
