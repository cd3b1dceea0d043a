"""Everything in mission that computes. Nothing in this package knows ROS."""

__version__ = "0.1.0"
