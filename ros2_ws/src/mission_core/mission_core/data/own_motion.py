"""Queries and gallery of one's own joint sequences: what both simulated sensors see of the walks in a directory."""

import re
from pathlib import Path

from mission_core.data import sets
from mission_core.data.shards import DataSet, build, default_root
from mission_core.data.walks import settings
from mission_core.errors import ConfigurationError
from mission_core.sim.sequence import load_sequence

NAMING = (
    "a gallery and a query of the same person need a walk each. A .npz file names its person in `person` (and the walk "
    "in `take`); a .bvh file by its own name, Subject<person>_Cycle<number>.bvh"
)


def own_motion(directory: Path, frame_rate: float, *, workers: int = 1) -> DataSet:
    """Both sensors' takes of every file of joints, simulated on first use; what was interrupted goes on.

    Args:
        directory: with .npz or .bvh files, two of at least two people each.
        frame_rate: of the radar [Hz].
        workers: processes that simulate.

    Raises:
        ConfigurationError: there are no such files.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"--motion {directory} is no directory: name one with .npz or .bvh files of joints")
    plan = sets.motion(settings(frame_rate), directory)
    people = [person_of(path) for path in sorted([*directory.glob("*.npz"), *directory.glob("*.bvh")])]
    several = {person for person in people if people.count(person) > 1}
    if len(several) < 2:
        raise ConfigurationError(
            f"{directory} holds {len(people)} files of {len(set(people))} people, two files or more of {len(several)}: "
            f"at least two people with two files each are needed, for {NAMING}"
        )
    return build(*plan, default_root(), workers=workers)


def person_of(path: Path) -> str:
    """Whom a file of joints is of, as `data.sets.motion` has it.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if path.suffix == ".npz":
        return load_sequence(path).person.person_id
    named = re.fullmatch(r"Subject(?P<person>\w+)_Cycle\d+", path.stem)
    return named["person"] if named else path.stem
