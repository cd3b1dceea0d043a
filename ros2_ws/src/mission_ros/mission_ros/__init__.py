"""ROS 2 face of mission: nodes, message conversions, supervision, bags."""
