"""Writes requirements.txt: every distribution in the running environment, pinned.

Only `*.dist-info` counts: the ROS wheels also carry egg-infos of packages that the package index does not hold
under those names, which is why `pip freeze` cannot be used.
"""

import sys
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

SKIP = {"pip", "mission-core", "mission-ros", "mission_core", "mission_ros", "warp-lang"}
"""Ours, pip's own, and 150 MB that anny declares but does without: it only skins faster with warp, and we skin."""
HEADER = "# Made by `make lock` from requirements.in: do not edit.\n"


def main() -> None:
    """Writes the file."""
    pins = set()
    for distribution in distributions():
        assert isinstance(distribution, PathDistribution)
        name = distribution.metadata["Name"]
        if distribution._path.suffix == ".dist-info" and name not in SKIP:  # type: ignore[attr-defined]
            pins.add(f"{name}=={distribution.version.split('+')[0]}")  # local versions (+cpu) are not portable
    target = Path(__file__).parent.parent / "requirements.txt"
    target.write_text(HEADER + "".join(f"{pin}\n" for pin in sorted(pins, key=str.lower)))
    print(f"{target.name}: {len(pins)} pins", file=sys.stderr)


if __name__ == "__main__":
    main()
