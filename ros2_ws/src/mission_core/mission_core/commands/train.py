"""`mission train CONFIG`: trains a network on simulated people; continues where it was interrupted.

On several GPUs: `torchrun --nproc-per-node N -m mission_core.cli train CONFIG`.
"""

import argparse
from pathlib import Path

from mission_core.commands.arguments import add_workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("config", type=Path, help="settings, e.g. config/train/gait_small.yaml")
    parser.add_argument("-o", "--output", type=Path, help="directory of the run (default: runs/<name>)")
    add_workers(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from mission_core import distributed
    from mission_core.models.training import is_model, load_config, train

    config = load_config(arguments.config)
    output = arguments.output or Path("runs") / config.name
    with distributed.processes():
        best = train(config, output, arguments.workers)
        first = distributed.rank() == 0
    if first:
        export = f"; export them with `mission export {output} models/{config.name}`" if is_model(config) else ""
        print(f"best weights: {best}{export}")
    return 0
