"""`mission dataset`: looks into data sets, checks them, and makes one of recorded bags."""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from mission_core.commands.arguments import add_profile, profile_path

if TYPE_CHECKING:
    from mission_core.data.shards import DataSet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    which = argparse.ArgumentParser(add_help=False)
    which.add_argument("dataset", help="directory of a data set, or its name")
    which.add_argument(
        "--root", type=Path, metavar="DIR", help="where the name is looked for (default: ~/.ros/mission/datasets)"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    info = actions.add_parser("info", parents=[which], help="what a data set is made of")
    info.add_argument("--takes", action="store_true", help="list every take")
    info.add_argument("--json", action="store_true", help="the manifest, for programs")
    actions.add_parser("verify", parents=[which], help="read every byte and compare with the manifest")
    bags = actions.add_parser("from-bags", help="make a data set of recorded bags")
    bags.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="directory of a bag")
    bags.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="of data sets (default: ~/.ros/mission/datasets)"
    )
    bags.add_argument("--name", default="recorded", help="of the data set (%(default)s)")
    bags.add_argument(
        "--person",
        action="append",
        default=[],
        metavar="KEY=ID",
        help="who is who: track:3=P07, body:7=P07, or BAG:track:3=P07; may be given often",
    )
    bags.add_argument("--labels", type=Path, metavar="YAML", help="the same for each bag: `monday: {track:3: P07}`")
    bags.add_argument("--calibration", default="", metavar="YAML", help="default: config/calibration.yaml")
    bags.add_argument(
        "--camera-delay", type=float, default=0.0, metavar="S", help="of the camera's stamps against the radar's [s]"
    )
    bags.add_argument("--namespace", help="of the topics (default: found by their names)")
    bags.add_argument("--whole-frames", action="store_true", help="keep whole pictures beside the crops")
    add_profile(bags, "walking_10fps.cfg")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    if arguments.action == "from-bags":
        return _from_bags(arguments)
    from mission_core.data.shards import open_dataset

    opened = open_dataset(arguments.dataset, arguments.root)
    return _verify(opened) if arguments.action == "verify" else _info(opened, arguments)


def _info(opened: "DataSet", arguments: argparse.Namespace) -> int:
    manifest = {name: value for name, value in opened.manifest.items() if name != "shards"}
    if arguments.json:
        takes = [info.to_json() for info in opened.infos] if arguments.takes else None
        print(json.dumps({**manifest, **({"takes": takes} if takes is not None else {})}, indent=2))
        return 0
    print(f"{opened.directory}")
    print(f"  {manifest['name']} {manifest['version']}, seed {manifest['seed']}, code {manifest['code'] or '-'}")
    print(f"  radar profile {manifest['profile'] or '-'} ({manifest['profile_sha256'][:12] or '-'})")
    print(f"  {manifest['licence']}")
    planned = f" ({manifest['planned_takes']} planned)" if manifest["planned_takes"] else ""
    print(
        f"  {manifest['num_takes']} takes{planned} of {len(manifest['people'])} people in {len(opened.shards)} shards, "
        f"{manifest['bytes'] / 1e6:.0f} MB"
    )
    for attribute in ("sensor", "scene", "route", "activity", "people"):
        counts = Counter(str(getattr(info, attribute)) or "-" for info in opened.infos)
        print(f"  {attribute}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    if arguments.takes:
        for info in opened.infos:
            print(
                f"{info.take_id}  person {info.person_id}  walk {info.walk_id}  {info.frames} frames  {info.scene}  "
                f"{info.angle_deg:.0f} deg  {info.activity}"
            )
    return 0


def _verify(opened: "DataSet") -> int:
    faults = opened.verify()
    for fault in faults:
        print(fault)
    whole = len(opened.shards) - len(faults)
    print(f"{opened.directory}: {whole} of {len(opened.shards)} shards are as the manifest says")
    return 1 if faults else 0


def _from_bags(arguments: argparse.Namespace) -> int:
    from mission_core.calibration import load_calibration
    from mission_core.data.recordings import Options, dataset_from_bags, load_labels, parse_label
    from mission_core.data.shards import default_root
    from mission_core.radar.profile import load_profile

    labels = [parse_label(text) for text in arguments.person]
    labels += load_labels(arguments.labels) if arguments.labels is not None else []
    options = Options(
        labels=tuple(labels),
        profile=load_profile(profile_path(arguments.profile)),
        calibration=load_calibration(arguments.calibration),
        camera_delay=arguments.camera_delay,
        namespace=arguments.namespace,
        whole_frames=arguments.whole_frames,
    )
    made = dataset_from_bags(arguments.bags, options, arguments.output or default_root(), name=arguments.name)
    print(f"{made.directory}\n{len(made.infos)} takes of {len(made.manifest['people'])} people")
    return 0
