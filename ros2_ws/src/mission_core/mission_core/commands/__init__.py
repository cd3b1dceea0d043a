"""Subcommands of `mission` that need no ROS, one module each with `add_arguments` and `run`."""
