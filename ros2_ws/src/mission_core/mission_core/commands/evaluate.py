"""`mission evaluate`: honest figures of a model.

Of a bag: ranks identities offline from its raw radar frames, and compares with the live run. Of a data set or of joint
sequences: see `evaluate_dataset`.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mission_core.commands import evaluate_dataset
from mission_core.errors import ConfigurationError
from mission_core.models.card import model_directory, read_card

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mission_core.agreement import Agreement, Run
    from mission_core.data.bags import BagReader
    from mission_core.models.mra_net.watch import ActivityWatch
    from mission_core.pipeline import Perceived, Pipeline
    from mission_core.types import Ranking, Track


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--model", help="name or directory of the model (default: that of node reid)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="of a bag one JSON object per ranking, a last one with the summary; of a data set one with everything",
    )
    group = parser.add_argument_group("of a bag")
    group.add_argument("bag", type=Path, nargs="?", metavar="BAG", help="directory of a bag with radar/raw")
    group.add_argument("--gallery", type=Path, help="database of the gallery (default: the one the bag was made with)")
    group.add_argument("--namespace", help="of the bag's topics (default: found by their names)")
    group.add_argument("--params-file", type=Path, help="node parameters (default: config/mission.yaml)")
    evaluate_dataset.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command.

    Raises:
        ConfigurationError: nothing, or things that do not go together were asked for.
    """
    if _of_bag(arguments):
        return _evaluate_bag(arguments)
    return evaluate_dataset.run(arguments)


def _of_bag(arguments: argparse.Namespace) -> bool:
    """Whether a bag is to be evaluated, no data set.

    Raises:
        ConfigurationError: both are, or neither, or an option of the other is given.
    """
    sources = [name for name in ("bag", "dataset", "motion") if getattr(arguments, name) is not None]
    if len(sources) != 1:
        raise ConfigurationError(
            f"say what to evaluate, a bag, --dataset or --motion: {' and '.join(sources) or 'nothing'} given; see "
            "`mission evaluate --help`"
        )
    foreign = (
        ("protocol", "seed", "seconds", "images") if sources == ["bag"] else ("gallery", "namespace", "params_file")
    )
    if given := [name for name in foreign if getattr(arguments, name) is not None]:
        other = "of data sets" if sources == ["bag"] else "of bags"
        raise ConfigurationError(f"--{given[0].replace('_', '-')} is an option {other}: leave it out")
    return sources == ["bag"]


def _evaluate_bag(arguments: argparse.Namespace) -> int:
    from mission_core.data.bags import BagReader

    offline: dict[int, tuple[tuple[Track, ...], tuple[Ranking, ...]]] = {}
    with BagReader(arguments.bag, arguments.namespace) as bag:
        pipeline = _pipeline(arguments, bag)
        for item in pipeline.run(bag):
            offline[item.tracked.stamp_ns] = (item.tracked.tracks, item.rankings)
            if arguments.json:
                _print_rankings(item)
        agreement = _compare_with_live(bag, offline, pipeline.reidentifier.memory)
    summary = {
        "frames": len(offline),
        "bad_frames": pipeline.bad_frames,
        "tracks": _summarise(rankings for _, rankings in offline.values()),
        "agreement": {**asdict(agreement), "complete": agreement.complete} if agreement else None,
    }
    if arguments.json:
        print(json.dumps(summary))
    else:
        _print_summary(summary)
    return 0


def _pipeline(arguments: argparse.Namespace, bag: "BagReader") -> "Pipeline":
    from mission_core.calibration import load_calibration
    from mission_core.gallery.store import SqliteGallery
    from mission_core.models.reid.gate import WalkingGate
    from mission_core.models.reid.model import ReidModel
    from mission_core.models.reid.ranking import Reidentifier
    from mission_core.models.reid.second_opinion import SecondOpinion
    from mission_core.parameters import from_parameters, node_parameters
    from mission_core.pipeline import Pipeline
    from mission_core.radar.tracking import RadarTracker, TrackerConfig

    tracker = node_parameters("radar_tracker", arguments.params_file)
    reid = node_parameters("reid", arguments.params_file)
    name = arguments.model or reid["model"]
    model = ReidModel.load(model_directory(name))
    reidentifier = Reidentifier(model, period=reid["period"], min_seconds=reid["min_seconds"])
    with SqliteGallery(arguments.gallery or _gallery_of(bag, name), model.sha256, read_only=True) as store:
        reidentifier.set_gallery(store.clips())
        here = (model.sha256, store.revision)
    if differs := why_it_differs(bag.ranked_with(), here):
        print(f"mission: {differs}", file=sys.stderr)
    calibration = load_calibration(tracker["calibration"])
    others = [calibration.pose_of_radar(name).seen_from(calibration.radar) for name in bag.more_radars()]
    config = from_parameters(TrackerConfig, tracker)
    activity = _activity(arguments.params_file) if reid["gate"] or reid["second_opinion"] else None
    second = None
    if reid["second_opinion"]:
        second = SecondOpinion.of_card(read_card(model_directory(reid["second_opinion"])), model.name)
        second.require(*((activity.model.name, activity.model.sha256) if activity else ("", "")))
    gate = WalkingGate() if reid["gate"] else None
    return Pipeline(RadarTracker(config, calibration.radar.mount, others), reidentifier, activity, gate, second)


def _activity(params_file: Path | None) -> "ActivityWatch | None":
    """What the node micro_doppler does with these parameters, if it tells activities."""
    from mission_core.calibration import load_calibration
    from mission_core.models.mra_net.choice import chosen_model
    from mission_core.models.mra_net.model import Recogniser, RecognitionModel
    from mission_core.models.mra_net.watch import ActivityWatch
    from mission_core.parameters import node_parameters
    from mission_core.paths import shared_file
    from mission_core.radar.profile import load_profile

    node = node_parameters("micro_doppler", params_file)
    profile = load_profile(shared_file(node["profile"], "config/radar"))
    directory = chosen_model(node["model"], node["kind"], profile)
    if directory is None:
        return None
    model = RecognitionModel.load(directory)
    recogniser = Recogniser(model, period=node["period"], min_seconds=node["min_seconds"])
    mount = load_calibration(node["calibration"]).radar.mount
    return ActivityWatch(recogniser, node["kind"], profile, mount, node["num_frames"])


def _gallery_of(bag: "BagReader", model: str) -> Path:
    from mission_core.gallery.locate import find_gallery

    if not bag.enrolled():
        raise ConfigurationError(f"{bag.path} does not tell who was enrolled: name the gallery with --gallery")
    found = find_gallery(bag.enrolled(), model)
    if found is None:
        raise ConfigurationError(f"no gallery here holds the people enrolled at {bag.path}: name one with --gallery")
    return found


def why_it_differs(recorded: "Sequence[tuple[str, int]]", here: tuple[str, int]) -> str:
    """Why the live run cannot agree with this one everywhere, "" where it can.

    Args:
        recorded: SHA-256 of model and revision of gallery of the rankings in the bag, each pair once.
        here: those used here.
    """
    others = [f"{sha256[:8]} {revision}" for sha256, revision in recorded if (sha256, revision) != here]
    if not others:
        return ""
    share = "partly" if here in recorded else "wholly"
    return (
        f"the bag was {share} ranked live with another model, or before people were enrolled or removed: the live run "
        f"cannot agree there (model and gallery revision here {here[0][:8]} {here[1]}, there {', '.join(others)})"
    )


def _print_rankings(item: "Perceived") -> None:
    for ranking in item.rankings:
        candidates = [{"person_id": c.person_id, "score": c.score} for c in ranking.candidates]
        record = {"stamp": item.tracked.stamp_ns * 1e-9, "track_id": ranking.track_id, "candidates": candidates}
        print(json.dumps({**record, "unknown": ranking.unknown, "since": ranking.since_ns * 1e-9}))


def _compare_with_live(bag: "BagReader", offline: "Run", memory: float) -> "Agreement | None":
    """Agreement with the rankings in the bag; None where it holds none."""
    from mission_core.agreement import compare

    if not (bag.has("reid/identities") and bag.has("radar/tracks")):
        return None
    tracks = {frame.stamp_ns: frame.tracks for frame in bag.tracked_frames()}
    live = {stamp: (tracks[stamp], ranked) for stamp, ranked in bag.rankings() if stamp in tracks}
    return compare(live, offline, memory, bag.told_ns())


def _summarise(frames: "Iterable[tuple[Ranking, ...]]") -> list[dict[str, Any]]:
    """For each track how long it was ranked, and its mean scores."""
    totals: dict[int, dict[str, float]] = {}
    counts: dict[int, int] = {}
    for ranking in (ranking for rankings in frames for ranking in rankings if ranking.candidates):
        scores = totals.setdefault(ranking.track_id, {})
        counts[ranking.track_id] = counts.get(ranking.track_id, 0) + 1
        for person, score in [*((c.person_id, c.score) for c in ranking.candidates), ("unknown", ranking.unknown)]:
            scores[person] = scores.get(person, 0.0) + score
    return [
        {
            "track_id": track_id,
            "ranked_frames": counts[track_id],
            "mean_scores": {
                person: round(score / counts[track_id], 4)
                for person, score in sorted(scores.items(), key=lambda item: -item[1])
            },
        }
        for track_id, scores in sorted(totals.items())
    ]


def _print_summary(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{summary['frames']} radar frames, {summary['bad_frames']} bad")
    for column in ("track", "ranked frames", "first", "second", "third", "unknown"):
        table.add_column(column)
    for track in summary["tracks"]:
        scores = dict(track["mean_scores"])
        unknown = scores.pop("unknown", 0.0)
        best = [f"{person} {score:.0%}" for person, score in list(scores.items())[:3]]
        best += [""] * (3 - len(best))
        table.add_row(str(track["track_id"]), str(track["ranked_frames"]), *best, f"{unknown:.0%}")
    Console().print(table)
    agreement = summary["agreement"]
    if agreement is None:
        print("the bag holds no live rankings to compare with")
        return
    print(
        f"against the live run: {agreement['same_order']} of {agreement['compared']} rankings in the same order, "
        f"{agreement['same_first']} with the same person first, scores differ by at most "
        f"{agreement['largest_difference']:.1e}; {agreement['settling']} of young tracks were not compared, "
        f"{agreement['only_one']} by one of the two only"
    )
