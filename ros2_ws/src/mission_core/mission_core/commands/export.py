"""`mission export RUN OUTPUT`: turns a training result into a model that the nodes load, and tests it.

Of a network that reads pictures it makes one that trainings with the same settings take instead of learning it again.
"""

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
    from mission_core.models.mra_net.configuration import RecognitionTraining
    from mission_core.models.mra_net.export import export as export_recognition
    from mission_core.models.pictures.training import PictureTraining, ship
    from mission_core.models.training import load_config

    config = load_config(arguments.run / "config.yaml")
    if isinstance(config, PictureTraining):
        card = ship(config, arguments.run, arguments.output)
        figures = ", ".join(f"{name} {value:g}" for name, value in card["validation"].items())
        print(f"{arguments.output}: {card['parameters']} parameters, sha256 {card['sha256'][:12]}; {figures}")
        return 0
    if isinstance(config, RecognitionTraining):
        told = export_recognition(config, arguments.run, arguments.output, workers=arguments.workers)
        print(f"{arguments.output}: {told.card['parameters']} parameters, sha256 {told.sha256[:12]}")
        for task in ("activity", "identity"):
            if task in told.card["test"]:
                print(f"{task}: F1 {told.card['test'][task]['f1']:.1f} %, {told.card['test'][task]['windows']} windows")
        return 0
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
