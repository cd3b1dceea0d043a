"""`mission evaluate --dataset D` and `--motion DIR`: honest figures of a model on a data set."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mission_core import __version__
from mission_core.commands.arguments import add_workers
from mission_core.errors import ConfigurationError
from mission_core.models.card import DEFAULT_MODEL, model_directory

if TYPE_CHECKING:
    from mission_core.data.shards import DataSet
    from mission_core.models.reid.model import ReidModel

DEFAULT_PROTOCOL = "closed"
MOTION_PROTOCOL = "walks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command, for data sets; --model and --json are told by `mission evaluate BAG`."""
    from mission_core.evaluation.protocols import PROTOCOLS

    group = parser.add_argument_group("of a data set")
    group.add_argument("--dataset", metavar="D", help="directory of a data set, or its name")
    group.add_argument(
        "--motion", type=Path, metavar="DIR", help="joint sequences (.npz, .bvh), two walks of everybody"
    )
    told = "; ".join(f"{name}: {protocol.summary}" for name, protocol in PROTOCOLS.items())
    group.add_argument(
        "--protocol", choices=PROTOCOLS, metavar="P", help=f"{told} (default: {DEFAULT_PROTOCOL}, or of --motion walks)"
    )
    group.add_argument("--seed", type=int, help="of all that is drawn (default: 0)")
    group.add_argument("--seconds", type=float, metavar="S", help="of the longest query (default: as the model reads)")
    group.add_argument("--images", type=Path, metavar="DIR", help="draw the figures into a directory")
    add_workers(group)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
        ConfigurationError: things that do not go together were asked for, or the data set does not allow them.
    """
    protocol = _protocol(arguments)
    import rich

    from mission_core.evaluation.encoding import Clips
    from mission_core.evaluation.evaluate import evaluate
    from mission_core.evaluation.reports import report
    from mission_core.models.reid.model import ReidModel

    rich.reconfigure(stderr=True)  # bars must not mix with the figures
    model = ReidModel.load(model_directory(arguments.model or DEFAULT_MODEL))
    takes = _takes(arguments, model)
    evaluation = evaluate(Clips(takes, model, arguments.seconds), protocol, arguments.seed or 0)
    content = {**_header(takes, model, arguments), **report(evaluation)}
    if arguments.images is not None:
        from mission_core.evaluation.plots import draw

        for path in draw(content, arguments.images):
            print(f"wrote {path}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(content))
    else:
        from mission_core.commands.evaluation_tables import show

        show(content)
    return 0


def _protocol(arguments: argparse.Namespace) -> str:
    if arguments.motion is None:
        return str(arguments.protocol or DEFAULT_PROTOCOL)
    if arguments.protocol not in (None, MOTION_PROTOCOL):
        raise ConfigurationError(
            f"--protocol {arguments.protocol} does not go with --motion: both sensors see the same walks there, which "
            f"only the protocol {MOTION_PROTOCOL} keeps apart; leave --protocol out"
        )
    return MOTION_PROTOCOL


def _takes(arguments: argparse.Namespace, model: "ReidModel") -> "DataSet":
    from mission_core.data.own_motion import own_motion
    from mission_core.data.shards import open_dataset

    if arguments.motion is not None:
        return own_motion(arguments.motion, model.frame_rate, workers=arguments.workers)
    return open_dataset(arguments.dataset)


def _header(takes: "DataSet", model: "ReidModel", arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "dataset": {
            "name": takes.name,
            "directory": takes.directory.name,
            "generator": takes.manifest["version"],
            "code": takes.manifest["code"],
            "takes": takes.manifest["num_takes"],
            "takes_not_followed": takes.manifest["planned_takes"] - takes.manifest["num_takes"],
        },
        "model": {
            "name": model.name,
            "sha256": model.sha256,
            "num_frames": model.num_frames,
            "frame_rate_hz": model.frame_rate,
            "merges_clips": model.merges,
        },
        "mission_version": __version__,
        "seed": arguments.seed or 0,
        "seconds": arguments.seconds or model.num_frames / model.frame_rate,
    }
