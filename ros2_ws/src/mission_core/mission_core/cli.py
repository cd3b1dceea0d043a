"""The `mission` command. Each subcommand is a module with `add_arguments` and `run`, imported when it is used."""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence

from mission_core.errors import MissionError

COMMANDS = {
    "up": ("mission_ros.commands.up", "start the whole stack: drivers, perception, live table"),
    "record": ("mission_ros.commands.record", "record a bag of everything that is running"),
    "replay": ("mission_ros.commands.replay", "drive the perception nodes from a bag"),
    "evaluate": (
        "mission_core.commands.evaluate",
        "measure a model honestly on a data set, or rank identities from a bag",
    ),
    "plot": ("mission_core.commands.plot", "make one picture of a bag"),
    "gallery": ("mission_core.commands.gallery", "enrol, list and remove people"),
    "radar": ("mission_core.commands.radar", "decode radar captures, find radars"),
    "simulate": ("mission_core.commands.simulate", "make a data set of simulated people, or one picture of them"),
    "dataset": ("mission_core.commands.dataset", "look into data sets, make one of recorded bags"),
    "train": ("mission_core.commands.train", "train a network on simulated people"),
    "export": ("mission_core.commands.export", "turn a training result into a model the nodes load"),
}

_ROS, _SIMULATOR = (
    "this command needs ROS 2, run `make setup`",
    "the simulator needs it, run `pip install anny panda3d`",
)
REMEDIES = dict.fromkeys(("mission_ros", "rclpy", "mission_msgs"), _ROS) | dict.fromkeys(
    ("anny", "panda3d"), _SIMULATOR
)
"""What may be missing where mission is installed by hand, and what to do about it."""


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The command line; only the subcommand that `argv` names is imported."""
    root = argparse.ArgumentParser(
        prog="mission", description="Who is the radar looking at? Radar-to-camera re-identification by gait."
    )
    subparsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sub = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if argv and argv[0] == name:
            importlib.import_module(module).add_arguments(sub)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `mission`; what went wrong is told in one line on stderr, exit status 1."""
    argv = sys.argv[1:] if argv is None else argv
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        arguments = parser(argv).parse_args(argv)
        status = int(importlib.import_module(COMMANDS[arguments.command][0]).run(arguments))
        sys.stdout.flush()
        return status
    except MissionError as error:
        print(f"mission: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        if error.name not in REMEDIES:
            raise
        print(f"mission: {error.name} is not installed: {REMEDIES[error.name]}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read our output has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
