"""What is gained when a network's opinion of who it is joins the gallery's.

    .venv/bin/python benchmarks/second_opinion.py [--model mra_net_walking] [--reid gait_small] [--write]

Ten people whom the network knows and the gallery holds, and strangers to both, walk before the simulated radar; nobody
has learnt from any of these walks. Gallery and network read them frame by frame, by the code that the nodes run. What
is said at the end of each walk is compared: by the gallery, by the network, by both. The weight of the network's
opinion is found on one half of the walks, of other strangers, and everything is measured on the other half. `--write`
puts weight and figures into the card of the network, which is where the node `reid` finds them.

Walks and enrolled clips are made once and kept: the command can be interrupted and goes on where it was.
"""

import argparse
import hashlib
import inspect
from collections.abc import Sequence
from functools import partial

import numpy as np
from rich import get_console
from rich.progress import track

from mission_core.calibration import load_calibration
from mission_core.data.activities import KNOWN
from mission_core.data.sets import SIMULATED, Plan, Settings
from mission_core.data.shards import Job, build, default_root
from mission_core.data.takes import RadarTake, Take, TakeInfo, radar_take
from mission_core.data.twin import FIRST_NS, radar_takes
from mission_core.gallery.enrol import enrol
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.metrics import area_under_roc, bootstrap_mean, expected_calibration_error
from mission_core.models.card import DEFAULT_MODEL, model_directory, read_card, write_card
from mission_core.models.mra_net.model import Recogniser, RecognitionModel
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.ranking import Reidentifier
from mission_core.models.reid.second_opinion import KEY, LEAST, calibrated_weight, joined, share_of
from mission_core.models.reid.told import Told
from mission_core.paths import share_directory, state_directory
from mission_core.radar.doppler import DopplerMaps
from mission_core.radar.profile import RadarProfile, load_profile
from mission_core.sim import rooms
from mission_core.sim.cohort import Person, sample_person
from mission_core.sim.rooms import ANGLES, SCENES
from mission_core.types import Ranking, Track, TrackedFrame

STRANGER_SEED = 75_000
"""First seed of the strangers of these walks, of whom neither network nor gallery has seen any."""
STRANGERS, WALKS, STRANGERS_WALKS = 60, 24, 4
"""How many strangers; walks of everybody who is known, and of each stranger."""
SECONDS = 10.0
_STREAM = 0x2D0

Pair = tuple[Ranking, Ranking]
"""What gallery and network say at the end of a walk."""


def main() -> None:
    """Runs all, prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mra_net_walking", help="the network: name or directory (%(default)s)")
    parser.add_argument("--reid", default=DEFAULT_MODEL, help="the gallery's model: name or directory (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate (%(default)s)")
    parser.add_argument("--write", action="store_true", help="put weight and figures into the network's card")
    options = parser.parse_args()
    network = RecognitionModel.load(model_directory(options.model))
    reid = ReidModel.load(model_directory(options.reid))
    cfg = share_directory() / "config" / "radar" / str(network.card["input"]["profile"])
    profile = load_profile(cfg)
    prior_unknown = float(network.card["prior_unknown"])

    takes = build(*walks(Settings(cfg)), default_root(), workers=options.workers)
    clips = enrolled(reid)
    said: dict[str, list[Pair]] = {}
    truth: dict[str, list[str]] = {}
    console = get_console()
    for info in track(takes.infos, "reading walks", console=console, disable=not console.is_terminal):
        pair = opinions(radar_take(takes, info.take_id), reid, clips, network, profile)
        half = info.route
        said.setdefault(half, []).append(pair)
        truth.setdefault(half, []).append(info.person_id)
    weight = calibrated_weight(said["calibration"], truth["calibration"], prior_unknown)
    figures = {
        name: measured([how(pair) for pair in said["test"]], truth["test"])
        for name, how in {
            "gallery": lambda pair: pair[0],
            "network": lambda pair: pair[1],
            "both": lambda pair: joined(pair[0], pair[1], weight, prior_unknown),
            "both, as if independent": lambda pair: joined(pair[0], pair[1], 1.0, prior_unknown),
        }.items()
    }
    print(table(figures, weight))
    if options.write:
        found = {"with": reid.name, "weight": round(weight, 3), "prior_unknown": prior_unknown, "test": figures}
        directory = model_directory(options.model)
        write_card(directory, {**read_card(directory), KEY: found})


# --- walks ------------------------------------------------------------------------------------------------------------


def walks(settings: Settings) -> Plan:
    """Walks of all: half of those of the known people, and half of the strangers, to find the weight with."""
    jobs = [Job(f"{who}-walks", WALKS, partial(walks_of, rooms.person(who), WALKS, settings)) for who in KNOWN]
    for seed in range(STRANGER_SEED, STRANGER_SEED + STRANGERS):
        stranger = sample_person(seed, f"N{seed}")
        jobs.append(Job(f"N{seed}", STRANGERS_WALKS, partial(walks_of, stranger, STRANGERS_WALKS, settings)))
    made_by = hashlib.sha256(inspect.getsource(walks_of).encode()).hexdigest()[:12]
    return settings.recipe("opinions", SIMULATED, made_by=made_by), jobs


def walks_of(person: Person, count: int, settings: Settings) -> list[Take]:
    """Walks of one person, back and forth or straight on; `route` of a take says what it is for."""
    found: list[Take] = []
    for number in range(count):
        rng = np.random.default_rng((settings.seed, _STREAM, person.seed, number))
        scene = SCENES[rng.integers(len(SCENES))]
        if number % 2:
            scenario = rooms.laps(person, "radar", rng, scene=scene, seconds=SECONDS)
        else:
            scenario = rooms.alone(person, "radar", rng, angle_deg=float(rng.uniform(0.0, ANGLES[-1])), scene=scene)
        calibrates = person.seed % 2 if person.person_id not in KNOWN else number // 2 % 2
        take_id = f"{person.person_id}-{number:03d}"
        info = TakeInfo(
            take_id=take_id,
            person_id=person.person_id,
            walk_id=take_id,
            sensor="radar",
            scene=scenario.scene,
            route="calibration" if calibrates else "test",
            seed=scenario.seeds[0],
            person_seed=person.seed,
        )
        found += radar_takes(scenario, [info], load_profile(settings.profile), start_ns=FIRST_NS)
    return found


def enrolled(model: ReidModel) -> list[Clip]:
    """Clips of the known people, as the simulated room enrols them."""
    path = state_directory() / "benchmarks" / f"second_opinion_{model.sha256[:8]}.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    with SqliteGallery(path, model.sha256) as store:
        there = {clip.person_id for clip in store.clips()}
        for person in sorted(set(KNOWN) - there):
            print(f"enrolling {person}", flush=True)
            enrol(store, model, person, f"sim://walk?person={person}", load_calibration().camera.mount)
        return store.clips()


# --- opinions ---------------------------------------------------------------------------------------------------------


def opinions(
    take: RadarTake, reid: ReidModel, clips: Sequence[Clip], network: RecognitionModel, profile: RadarProfile
) -> Pair:
    """What gallery and network say of the last frame of a walk, the network as late as live."""
    reidentifier = Reidentifier(reid)
    reidentifier.set_gallery(clips)
    recogniser = Recogniser(network)
    maps = DopplerMaps(
        "points", velocities=profile.velocities, num_frames=network.reads.columns, frame_period=profile.frame_period
    )
    heard: Told[Ranking] = Told()
    ranking = told = Ranking(1, (), 1.0, 0)
    for frame in frames_of(take):
        (ranking,) = reidentifier.step(frame)
        _, rankings = recogniser.step(maps.step_points(frame))
        heard.add(frame.stamp_ns, rankings)
        told = next(iter(heard.at(frame.stamp_ns)), told)
    return ranking, told


def frames_of(take: RadarTake) -> list[TrackedFrame]:
    """A take as the tracker told it, but for velocities, which are those of its places."""
    seconds = (take.stamps_ns - take.stamps_ns[0]) * 1e-9
    there = np.isfinite(take.positions).all(axis=1)
    places = np.stack([np.interp(seconds, seconds[there], column[there]) for column in take.positions.T], axis=1)
    velocities = np.gradient(places, seconds, axis=0)
    frames = []
    for number, (stamp_ns, points) in enumerate(zip(take.stamps_ns.tolist(), take.points, strict=True)):
        track_ = Track(
            1, places[number], velocities[number], np.zeros(3), np.ones(4), float(seconds[number]), len(points), 0
        )
        frames.append(TrackedFrame(stamp_ns, number + 1, (track_,), points, np.full(len(points), 1, np.int32)))
    return frames


# --- figures ----------------------------------------------------------------------------------------------------------


def measured(rankings: Sequence[Ranking], truth: Sequence[str]) -> dict[str, object]:
    """Figures of rankings of people of whom some are known and the others strangers."""
    known = np.array([who in KNOWN for who in truth])
    people = np.unique(truth, return_inverse=True)[1]
    first = [each.candidates[0].person_id if each.candidates else "" for each in rankings]
    right = np.array([a == b for a, b in zip(first, truth, strict=True)])
    best = np.array([each.candidates[0].score if each.candidates else 0.0 for each in rankings])
    answer = np.array(
        [
            who if each.candidates and each.candidates[0].score > each.unknown else "unknown"
            for who, each in zip(first, rankings, strict=True)
        ]
    )
    due = np.array([who if is_known else "unknown" for who, is_known in zip(truth, known, strict=True)])
    sure = np.array([max(score, each.unknown) for score, each in zip(best, rankings, strict=True)])
    shares = np.array([max(share_of(each, who), LEAST) for each, who in zip(rankings, truth, strict=True)])
    top1 = bootstrap_mean(right[known].astype(float), people[known])
    answered = bootstrap_mean((answer == due).astype(float), people)
    inside = 1.0 - np.array([each.unknown for each in rankings])
    return {
        "walks": len(truth),
        "top1": [round(value, 4) for value in (top1.value, top1.low, top1.high)],
        "right_or_rightly_unknown": [round(value, 4) for value in (answered.value, answered.low, answered.high)],
        "auroc_unknown": round(area_under_roc(inside[known], inside[~known]), 4),
        "log_loss": round(float(-np.log(shares).mean()), 4),
        "calibration_error": round(expected_calibration_error(sure, answer == due), 4),
    }


def table(figures: dict[str, dict[str, object]], weight: float) -> str:
    """In Markdown."""
    lines = [
        "| who says it | top-1 of ten | right, or rightly unknown | AUROC of unknown | log loss | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in figures.items():
        top1, answered = (
            "{:.1%} ({:.1%} .. {:.1%})".format(*found[key])  # type: ignore[misc]
            for key in ("top1", "right_or_rightly_unknown")
        )
        rest = " | ".join(f"{found[key]:.3f}" for key in ("auroc_unknown", "log_loss", "calibration_error"))
        lines.append(f"| {name} | {top1} | {answered} | {rest} |")
    return "\n".join([*lines, "", f"weight of the network's opinion {weight:.2f}"])


if __name__ == "__main__":
    main()
