"""Subcommands of `mission` that need ROS, one module each with `add_arguments` and `run`."""
