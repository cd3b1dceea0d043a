"""Arguments that several commands have, each told once."""

import argparse
import os
from pathlib import Path

from mission_core.errors import ConfigurationError
from mission_core.paths import shared_file


def add_workers(parser: argparse._ActionsContainer) -> None:
    """`--workers`."""
    parser.add_argument(
        "--workers",
        type=_at_least_one,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes that simulate people (default: one per core)",
    )


def add_profile(parser: argparse.ArgumentParser, default: str) -> None:
    """`--profile`; `profile_path` makes a path of it."""
    parser.add_argument(
        "--profile",
        default=default,
        metavar="CFG",
        help="what the radar runs: a file, or a name in config/radar (%(default)s)",
    )


def profile_path(name: str) -> Path:
    """File of a radar profile given by path or by name.

    Raises:
        ConfigurationError: there is none.
    """
    path = shared_file(name if name.endswith(".cfg") else f"{name}.cfg", "config/radar")
    if not path.is_file():
        raise ConfigurationError(f"there is no radar profile {path}: name a .cfg file, or one of config/radar")
    return path


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number
