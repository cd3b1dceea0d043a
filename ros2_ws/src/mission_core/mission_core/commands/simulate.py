"""`mission simulate`: makes data sets of simulated people, records of one's own motion, or one picture of it all."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mission_core.commands.arguments import add_profile, add_workers, profile_path
from mission_core.errors import ConfigurationError

if TYPE_CHECKING:
    from mission_core.data.sets import Plan, Settings

DATASETS = ("walkers58", "laps58", "mocap35", "activity6", "activities", "population", "laps", "crowd")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("dataset", nargs="?", choices=DATASETS, help="data set to make; what is missing of it")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="of data sets (default: ~/.ros/mission/datasets)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (%(default)s)")
    parser.add_argument(
        "--people",
        type=int,
        default=1000,
        metavar="N",
        help="in a population, its laps or a crowd, strangers in activities (%(default)s)",
    )
    parser.add_argument(
        "--whole-frames", action="store_true", help="keep whole pictures beside the crops (12 MB a walk)"
    )
    parser.add_argument(
        "--motion", type=Path, metavar="DIR", help="joint sequences (.npz, .bvh): one record each; or mocap35's clips"
    )
    parser.add_argument("--figure", type=Path, metavar="PNG", help="draw one instant of a walk as both sensors see it")
    add_profile(parser, "walking_20fps.cfg")
    add_workers(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
        ConfigurationError: nothing, or things that do not go together were asked for.
    """
    if arguments.figure is not None:
        from mission_core.sim.figure import draw_instant

        draw_instant(arguments.figure, profile_path(arguments.profile), arguments.seed)
        print(f"wrote {arguments.figure}")
        return 0
    from mission_core.data.sets import Settings
    from mission_core.data.shards import build, default_root
    from mission_core.data.twin import MIN_SECONDS

    settings = Settings(profile_path(arguments.profile), arguments.seed, arguments.whole_frames)
    recipe, jobs = _plan(arguments, settings)
    made = build(recipe, jobs, arguments.output or default_root(), workers=arguments.workers)
    planned, found = made.manifest["planned_takes"], made.manifest["num_takes"]
    print(made.directory)
    print(f"{found} takes of {len(made.manifest['people'])} people, {made.manifest['bytes'] / 1e6:.0f} MB")
    if planned > found:
        print(f"{planned - found} walks were not followed for {MIN_SECONDS:g} s and are left out")
    return 0


def _plan(arguments: argparse.Namespace, settings: "Settings") -> "Plan":
    from mission_core.data import activities, sets

    directory = arguments.motion
    if directory is not None and not directory.is_dir():
        raise ConfigurationError(f"--motion {directory} is no directory: name one with .npz or .bvh files")
    if arguments.dataset in (None, "mocap35"):
        if directory is None:
            wanted = "a data set, --motion DIR or --figure PNG" if arguments.dataset is None else "--motion DIR"
            raise ConfigurationError(f"say what to simulate: {wanted}; see `mission simulate --help`")
        return sets.motion(settings, directory) if arguments.dataset is None else sets.mocap35(settings, directory)
    if directory is not None:
        raise ConfigurationError(f"{arguments.dataset} is not made of --motion: leave out one of the two")
    of_people = {"population": sets.population, "laps": sets.laps, "crowd": sets.crowd}
    if arguments.dataset in of_people:
        return of_people[arguments.dataset](settings, arguments.people)
    if arguments.dataset == "activities":
        return activities.activities(settings, arguments.people)
    of_themselves = {"walkers58": sets.walkers58, "laps58": sets.laps58, "activity6": sets.activity6}
    return of_themselves[arguments.dataset](settings)
