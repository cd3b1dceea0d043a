"""`mission export RUN OUTPUT`: turns a training result into a model that the nodes load, and tests it."""

import argparse
from pathlib import Path

from mission_core.commands.arguments import add_workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("run", type=Path, help="directory of `mission train`")
    parser.add_argument("output", type=Path, help="directory for model.pt and card.yaml, e.g. models/gait_small")
    add_workers(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command."""
    from mission_core.models.export import export

    model = export(arguments.run, arguments.output, workers=arguments.workers)
    test = model.card["test"]
    print(
        f"{arguments.output}: {model.card['parameters']} parameters, sha256 {model.sha256[:12]}\n"
        f"test cohort of {test['people']}: top-1 {test['top1']:.1%} (chance {test['chance_top1']:.1%}), "
        f"top-5 {test['top5']:.1%} (chance {test['chance_top5']:.1%}); "
        f"among 10: top-1 {test['top1_among_10']:.1%}, top-5 {test['top5_among_10']:.1%}\n"
        f"null-modality control: top-1 {test['null_modality_control']['top1']:.1%}"
    )
    return 0
