"""What the activity network tells of people who walk back and forth in the simulated room, alone and among others.

    .venv/bin/python benchmarks/activity_room.py [--model mra_net_walking] [--rooms 2] [--first-seed 100]

The network learnt from takes of one person each; in a room people hide each other, and their echoes meet. Everybody
here walks all the time, so whatever else is told is wrong. "Kept from reid": how often the gate takes somebody for not
walking, as a share of the opinions. Seeds are those of the rooms' walks; 1 to 20 were looked at when the training was
set up.
"""

import argparse
from collections import Counter

from mission_core.calibration import RADAR_MOUNT
from mission_core.models.card import model_directory
from mission_core.models.mra_net.model import Recogniser, RecognitionModel
from mission_core.models.mra_net.watch import ActivityWatch
from mission_core.models.reid.gate import WALK, WalkingGate
from mission_core.paths import share_directory
from mission_core.radar.profile import RadarProfile, load_profile
from mission_core.radar.tlv import decode_frame, encode_frame
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.sim.rooms import live_room
from mission_core.sim.view import RadarView
from mission_core.types import ActivityOpinion

GROUPS = (("P03",), ("P23",), ("P05", "P31"), ("P03", "P07", "P23"), ("P01", "P40", "P09", "P52"))
"""Who is in a room together; those from P10 on the network has never seen."""
FRAMES = 600
COLUMNS = 64
NOTHING = "nothing known"
KEPT = "kept from reid"


def main() -> None:
    """Walks through the rooms and prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="mra_net_walking", help="name or directory (%(default)s)")
    parser.add_argument("--rooms", type=int, default=2, help="of each group, a minute each (%(default)s)")
    parser.add_argument("--first-seed", type=int, default=100, help="of the rooms (%(default)s)")
    options = parser.parse_args()
    model = RecognitionModel.load(model_directory(options.model))
    profile = load_profile(share_directory() / "config" / "radar" / model.reads.profile)
    print(f"model {model.name} {model.sha256[:12]}, {options.rooms} rooms from seed {options.first_seed} on\n")
    print(f"| in the room | opinions | walk | {NOTHING} | something else | {KEPT} |\n|---|---|---|---|---|---|")
    for people in GROUPS:
        told: Counter[str] = Counter()
        for seed in range(options.first_seed, options.first_seed + options.rooms):
            told += opinions(people, seed, model, profile)
        kept = told.pop(KEPT, 0)
        total = told.total()
        other = total - told[WALK] - told[NOTHING]
        shares = " | ".join(f"{100 * count / total:.1f} %" for count in (told[WALK], told[NOTHING], other, kept))
        print(f"| {', '.join(people)} | {total} | {shares} |", flush=True)


def opinions(people: tuple[str, ...], seed: int, model: RecognitionModel, profile: RadarProfile) -> Counter[str]:
    """How often the likeliest was what, of everybody in every frame, and how often the gate kept somebody."""
    view = RadarView(live_room("radar", people, seed), profile)
    tracker, gate = RadarTracker(TrackerConfig(), RADAR_MOUNT), WalkingGate()
    watch = ActivityWatch(Recogniser(model), "points", profile, RADAR_MOUNT, COLUMNS)
    told: Counter[str] = Counter()
    for number in range(FRAMES):
        seconds = number * profile.frame_period
        frame = decode_frame(encode_frame(number + 1, view.observe(seconds).points))
        tracked = tracker.step(round(seconds * 1e9), frame.frame_number, frame.points)
        found, _ = watch.step(tracked, frame)
        gate.add(tracked.stamp_ns, found)
        told.update(likeliest(each) for each in found if each.activities)
        told[KEPT] += len(gate.others(tracked.stamp_ns))
    return told


def likeliest(opinion: ActivityOpinion) -> str:
    """What somebody most probably does."""
    told = dict(zip(opinion.activities, opinion.probabilities, strict=True))
    told[NOTHING] = 1.0 - sum(opinion.probabilities)
    return max(told, key=lambda name: told[name])


if __name__ == "__main__":
    main()
