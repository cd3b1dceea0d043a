"""Where the files that come with mission are."""

import os
import sys
from pathlib import Path

from mission_core.errors import ConfigurationError


def share_directory() -> Path:
    """Directory that holds `config/`, `launch/` and `models/`.

    In order: `MISSION_SHARE`; the repository this package is installed from in editable mode; `share/mission` of
    the prefixes in `AMENT_PREFIX_PATH` and of the Python environment.

    Raises:
        ConfigurationError: none of them holds mission's files.
    """
    candidates = [Path(os.environ["MISSION_SHARE"])] if "MISSION_SHARE" in os.environ else []
    candidates += list(Path(__file__).resolve().parents)
    prefixes = [*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix]
    candidates += [Path(prefix) / "share" / "mission" for prefix in prefixes]
    for candidate in candidates:
        if (candidate / "config" / "mission.yaml").is_file():
            return candidate
    raise ConfigurationError(
        "mission's configuration was not found: no config/mission.yaml in MISSION_SHARE, the repository, or "
        "share/mission of the ament prefixes. Build the root package with `colcon build`, or set MISSION_SHARE."
    )


def state_directory() -> Path:
    """Directory for what mission keeps between runs: `$ROS_HOME/mission`, by default `~/.ros/mission`."""
    return Path(os.environ.get("ROS_HOME", Path.home() / ".ros")) / "mission"


def cache_directory() -> Path:
    """Directory for what can be made again at any time: `$XDG_CACHE_HOME/mission`, by default `~/.cache/mission`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mission"


def shared_file(value: str, directory: str) -> Path:
    """A file given by its path, or by its name in `directory` of what comes with mission."""
    return Path(value).expanduser() if os.sep in value else share_directory() / directory / value
