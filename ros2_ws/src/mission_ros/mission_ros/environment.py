"""Environment in which mission's nodes run; `mission up`, the launch files and the tests use the same."""

import os
from collections.abc import Mapping
from pathlib import Path

FASTDDS_PROFILE = Path(__file__).with_name("fastdds.xml")

_DEFAULTS = {
    # the 8 MiB shared-memory segment without which 720p pictures get lost
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(FASTDDS_PROFILE),
    # people's data stays on this machine unless somebody decides otherwise
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    # every node is a process: were each to use all cores for one matrix, they would fight
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "PYTHONUNBUFFERED": "1",
}


def node_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment `base` (that of this process) completed for nodes; what is set already stays."""
    return _DEFAULTS | dict(os.environ if base is None else base)
