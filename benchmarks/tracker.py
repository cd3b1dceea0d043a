"""The tracker: on TI's people-counting points beside TI's own tracks, and where simulated people cross.

    .venv/bin/pip install --no-deps -r benchmarks/requirements.txt
    [MISSION_DATA=DIR] .venv/bin/python benchmarks/tracker.py [--crossings 120] [--recordings DIR] [--seed 0]

Figures are those of TrackEval, on places on the floor: two are alike by 1 - distance / 2 m, and match in CLEAR and IDF1
within 1 m. Beside ours goes a plain tracker: DBSCAN, every cluster to the nearest track, greedily, without a motion
model; births and deaths are by the same rules. Crossings: two people of the population meet, pass each other at 0.5 to
1 m and go on; they are recorded once by two simulated radars, one ahead and one from the side, and kept in DIR, so that
the command can be interrupted and goes on where it was. Seeds from 1000 on are for tuning.
"""

import argparse
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import DBSCAN

from mission_core.calibration import RADAR_MOUNT, SensorPose
from mission_core.data.real import load_gtrack
from mission_core.geometry import sensor_to_room
from mission_core.paths import shared_file
from mission_core.radar.profile import load_profile
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.sim.cohort import Person, sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import Motion, straight
from mission_core.sim.placed import PlacedMotion
from mission_core.sim.rooms import SCENES, Scenario
from mission_core.sim.view import RadarView
from mission_core.types import Column, Float64Array, Mount, Points

GTRACK = "gtrack_vectors/gtrack_fHistScene4_3d_0001.bin"
DATA = Path(os.environ.get("MISSION_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PROFILE = "walking_10fps.cfg"
RADARS = (SensorPose(RADAR_MOUNT), SensorPose(RADAR_MOUNT, position=(4.8, -4.8), yaw_deg=90.0))
"""In the map: one ahead, one from the side."""
FAR = 2.0
"""Places so far apart are not alike at all; TI's own test takes less for the same [m]."""
FIRST_SEED = 3_000_000
"""Of the people who cross: nobody's whom a network learns from or is tested on."""

Places = dict[int, Float64Array]
"""By id, (2,) on the floor [m]."""
Tracker = Callable[[int, Sequence[Points]], Places]
"""Takes a stamp [ns] and the detections (N, 6) of each radar in its sensor frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """What was there and what was tracked, frame by frame."""

    truth: list[Places]
    tracked: list[Places]


def main() -> None:
    """Prints the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crossings", type=int, default=120, help="encounters to simulate (%(default)s)")
    parser.add_argument("--recordings", type=Path, default=Path("runs/crossings"), help="kept here (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first encounter (%(default)s)")
    options = parser.parse_args()
    path = DATA / GTRACK
    print(real(path) if path.is_file() else f"TI's vectors are left out: {path} is absent, MISSION_DATA says where")
    print(crossings(recorded(range(options.seed, options.seed + options.crossings), options.recordings)))


# --- trackers ---------------------------------------------------------------------------------------------------------


def ours(mount: Mount, others: Sequence[SensorPose] = ()) -> Tracker:
    """The shipped tracker, of one radar or of several."""
    tracker = RadarTracker(TrackerConfig(), mount, others)

    def step(stamp_ns: int, clouds: Sequence[Points]) -> Places:
        for radar, points in enumerate(clouds[: 1 + len(others)]):
            frame = tracker.step(stamp_ns, 0, points, radar)
        return {track.track_id: track.position[:2] for track in frame.tracks}

    return step


class Plain:
    """DBSCAN, and every cluster to the nearest track within reach; a track stays where it was last seen."""

    REACH = 1.0  # [m]

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self._config = TrackerConfig()
        self._places: Places = {}
        self._seen: dict[int, list[bool]] = {}
        self._last: dict[int, int] = {}
        self._confirmed: set[int] = set()
        self._next = 0

    def __call__(self, stamp_ns: int, clouds: Sequence[Points]) -> Places:
        """Takes one frame of the first radar."""
        hits = self._nearest(self._centres(clouds[0]))
        for track in list(self._places):
            seen = self._seen.setdefault(track, [])
            seen.append(track in hits)
            if track in hits:
                self._last[track] = stamp_ns
            if sum(seen[-self._config.confirm_window :]) >= self._config.confirm_hits:
                self._confirmed.add(track)
            patience = self._config.coast_time if track in self._confirmed else 0.25
            if stamp_ns - self._last[track] > patience * 1e9:
                del self._places[track]
        return {track: place for track, place in self._places.items() if track in self._confirmed}

    def _centres(self, points: Points) -> Float64Array:
        if not len(points):
            return np.zeros((0, 2))
        room = sensor_to_room(points[:, : Column.Z + 1], self._mount)
        labels = DBSCAN(eps=0.5, min_samples=3).fit(room[:, :2]).labels_
        moving = [k for k in range(labels.max() + 1) if np.abs(points[labels == k, Column.DOPPLER]).max() > 0.1]
        return np.array([room[labels == k, :2].mean(axis=0) for k in moving], dtype=np.float64).reshape(-1, 2)

    def _nearest(self, centres: Float64Array) -> set[int]:
        pairs = [
            (float(np.linalg.norm(place - centre)), track, k)
            for track, place in self._places.items()
            for k, centre in enumerate(centres)
        ]
        hits: dict[int, int] = {}
        for distance, track, k in sorted(pairs):
            if distance <= self.REACH and track not in hits and k not in hits.values():
                hits[track] = k
        for track, k in hits.items():
            self._places[track] = centres[k]
        for k in set(range(len(centres))) - set(hits.values()):
            self._places[self._next] = centres[k]
            hits[self._next] = k
            self._next += 1
        return set(hits)


def ours_of_two(mount: Mount) -> Tracker:
    """The shipped tracker of all RADARS."""
    return ours(mount, RADARS[1:])


TRACKERS: dict[str, Callable[[Mount], Tracker]] = {"plain": Plain, "ours": ours}


# --- real points ------------------------------------------------------------------------------------------------------


def real(path: Path) -> str:
    """Beside TI's tracks."""
    recording = load_gtrack(path)
    truth = [{int(row[0]): row[1:3] for row in tracks} for tracks in recording.tracks]
    lines = [
        "| on TI's points, against TI's tracks | frames with as many | median distance | within 2 m | "
        "id switches | MOTA | IDF1 | HOTA |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, make in TRACKERS.items():
        tracker = make(Mount(height=1.0))
        tracked = [
            tracker(round(second * 1e9), [points])
            for second, points in zip(recording.stamps, recording.frames, strict=True)
        ]
        sequences = Sequences(truth, tracked)
        equal = np.mean([len(a) == len(b) for a, b in zip(truth, tracked, strict=True)])
        apart = distances(sequences)
        near = np.sum(apart < FAR) / sum(len(places) for places in truth)
        figures = scores([sequences])
        lines.append(
            f"| {name} | {equal:.1%} | {np.median(apart) * 100:.0f} cm | {near:.1%} | {figures['IDSW']:.0f} | "
            f"{figures['MOTA']:.1%} | {figures['IDF1']:.1%} | {figures['HOTA']:.1%} |"
        )
    return "\n".join([*lines, ""])


def distances(sequences: Sequences) -> Float64Array:
    """Of each true place from the one that it goes with best [m]."""
    found: list[float] = []
    for truth, tracked in zip(sequences.truth, sequences.tracked, strict=True):
        gaps = apart(truth, tracked)
        found += gaps[linear_sum_assignment(gaps)].tolist()
    return np.array(found)


def apart(truth: Places, tracked: Places) -> Float64Array:
    """(truth, tracked) distances [m]."""
    one, other = (np.array(list(places.values())).reshape(-1, 2) for places in (truth, tracked))
    return np.asarray(np.linalg.norm(one[:, np.newaxis] - other[np.newaxis], axis=2))


def scores(recordings: Sequence[Sequences]) -> dict[str, float]:
    """MOTA, IDF1, HOTA and id switches of TrackEval, recordings taken together."""
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise SystemExit(
            f"{error}: .venv/bin/pip install --no-deps -r benchmarks/requirements.txt brings TrackEval"
        ) from error
    quiet = {"PRINT_CONFIG": False, "THRESHOLD": 0.5}
    data = [comparable(recording) for recording in recordings]
    found: dict[str, float] = {}
    for metric in (HOTA(), CLEAR(quiet), Identity(quiet)):
        each = {str(k): metric.eval_sequence(sequence) for k, sequence in enumerate(data)}
        found |= {name: float(np.mean(value)) for name, value in metric.combine_sequences(each).items()}
    return found


def comparable(recording: Sequences) -> dict[str, object]:
    """As TrackEval wants it: ids from 0, and how alike places are."""
    true_ids, true = numbered(recording.truth)
    tracked_ids, tracked = numbered(recording.tracked)
    alike = [np.maximum(0, 1 - apart(a, b) / FAR) for a, b in zip(recording.truth, recording.tracked, strict=True)]
    return {
        "gt_ids": true,
        "tracker_ids": tracked,
        "similarity_scores": alike,
        "num_gt_ids": true_ids,
        "num_tracker_ids": tracked_ids,
        "num_gt_dets": sum(map(len, true)),
        "num_tracker_dets": sum(map(len, tracked)),
        "num_timesteps": len(true),
    }


def numbered(frames: Sequence[Places]) -> tuple[int, list[NDArray[np.int64]]]:
    """How many ids there are, and those of each frame counted from 0."""
    ids = {name: k for k, name in enumerate(sorted({name for places in frames for name in places}))}
    return len(ids), [np.array([ids[name] for name in places], np.int64) for places in frames]


# --- crossings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """Two people who meet.

    Attributes:
        times: (F,) [s].
        truth: (F, 2, 2) of each person's pelvis on the floor, map [m].
        clouds: F tuples, of each of RADARS the detections (N, 6), sensor frame.
        meeting: when they are closest [s].
        closest: then [m].
        angle: between their ways [deg].
    """

    times: Float64Array
    truth: Float64Array
    clouds: tuple[tuple[Points, ...], ...]
    meeting: float
    closest: float
    angle: float


def recorded(seeds: Iterable[int], directory: Path) -> list[Crossing]:
    """Encounters, simulated where they are not kept yet."""
    directory.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in progress(list(seeds), "crossings"):
        path = directory / f"{seed:05d}.npz"
        if not path.is_file():
            write(simulated(seed), path)
        found.append(read(path))
    return found


def encounter(seed: int) -> tuple[tuple[Motion, ...], float]:
    """Two people in the map who pass each other, and the angle between their ways [deg]."""
    rng = np.random.default_rng((0xC405, seed))
    people = [sample_person(FIRST_SEED + 2 * seed + k, f"C{seed}{k}") for k in range(2)]
    angle, heading = math.radians(rng.uniform(30.0, 180.0)), rng.uniform(0.0, 2 * math.pi)
    ways = np.array([[math.cos(h), math.sin(h)] for h in (heading, heading + angle)])
    meet, gap = np.array([rng.uniform(3.8, 5.6), rng.uniform(-0.8, 0.8)]), rng.uniform(0.5, 1.0)
    closing = ways[0] - ways[1]
    aside = np.array([-closing[1], closing[0]]) / np.linalg.norm(closing) * gap * rng.choice((-0.5, 0.5))
    starts: list[float] = []
    paths, seeds = [], rng.integers(2**31, size=2).tolist()
    for person, way, place in zip(people, ways, (meet + aside, meet - aside), strict=True):
        paths.append(straight(place - 2.6 * way, place + 2.6 * way))
        starts.append(passes(person, paths[-1], seeds[len(starts)], place))
    first = min(starts)
    motions = tuple(
        Walk(person, path, number, start - first)
        for person, path, number, start in zip(people, paths, seeds, starts, strict=True)
    )
    return motions, math.degrees(angle)


def passes(person: Person, path: object, seed: int, place: Float64Array) -> float:
    """When somebody who sets off at 0 is at a place [s]."""
    walk = Walk(person, path, seed)  # type: ignore[arg-type]
    times = np.arange(0.0, walk.duration, 0.02)
    return float(times[np.linalg.norm(walk.joints(times)[:, 0, :2] - place, axis=1).argmin()])


def simulated(seed: int) -> Crossing:
    """One encounter, seen by RADARS at once."""
    motions, angle = encounter(seed)
    profile = load_profile(shared_file(PROFILE, "config/radar"))
    duration = min(motion.duration for motion in motions)
    times = np.arange(0.0, duration, profile.frame_period)
    truth = np.stack([motion.joints(times)[:, 0, :2] for motion in motions], axis=1)
    views = [
        RadarView(
            Scenario(
                sensor="radar",
                scene=SCENES[seed % len(SCENES)],
                route="crossing",
                angles_deg=(0.0, 0.0),
                motions=tuple(PlacedMotion(motion, pose) for motion in motions),
                seeds=(2 * seed, 2 * seed + 1),
                seed=2 * seed + k,
                duration=duration,
            ),
            profile,
            pose.mount,
        )
        for k, pose in enumerate(RADARS)
    ]
    clouds = tuple(tuple(view.observe(t).points for view in views) for t in times.tolist())
    gaps = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    return Crossing(times, truth, clouds, float(times[gaps.argmin()]), float(gaps.min()), angle)


def write(crossing: Crossing, path: Path) -> None:
    """In one step."""
    counts = np.array([[len(points) for points in clouds] for clouds in crossing.clouds])
    points = np.concatenate([points for clouds in crossing.clouds for points in clouds])
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            times=crossing.times,
            truth=crossing.truth,
            counts=counts,
            points=points,
            told=np.array([crossing.meeting, crossing.closest, crossing.angle]),
        )
    partial.replace(path)


def read(path: Path) -> Crossing:
    """What `write` wrote."""
    with np.load(path) as arrays:
        counts = arrays["counts"]
        parts = np.split(arrays["points"], np.cumsum(counts.ravel())[:-1])
        rows = [tuple(parts[k : k + len(RADARS)]) for k in range(0, len(parts), len(RADARS))]
        return Crossing(arrays["times"], arrays["truth"], tuple(rows), *arrays["told"].tolist())


def crossings(recordings: Sequence[Crossing]) -> str:
    """What becomes of ids where people cross."""
    lines = [
        f"{len(recordings)} crossings, closest {np.median([r.closest for r in recordings]):.2f} m in the median.\n",
        "| crossings | both kept their ids | exchanged | lost | id switches | MOTA | IDF1 | HOTA |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, make in (TRACKERS | {"ours, of two radars": ours_of_two}).items():
        tracked = [followed(make(RADAR_MOUNT), recording) for recording in recordings]
        fates = [fate(recording, sequence) for recording, sequence in zip(recordings, tracked, strict=True)]
        shares = [np.mean([each == kind for each in fates]) for kind in ("kept", "exchanged", "lost")]
        figures = scores(tracked)
        lines.append(
            f"| {name} | {shares[0]:.1%} | {shares[1]:.1%} | {shares[2]:.1%} | {figures['IDSW']:.0f} | "
            f"{figures['MOTA']:.1%} | {figures['IDF1']:.1%} | {figures['HOTA']:.1%} |"
        )
    return "\n".join([*lines, ""])


def followed(tracker: Tracker, recording: Crossing) -> Sequences:
    """Frame by frame."""
    tracked = [tracker(round(t * 1e9), clouds) for t, clouds in zip(recording.times, recording.clouds, strict=True)]
    return Sequences([dict(enumerate(places)) for places in recording.truth], tracked)


def fate(recording: Crossing, sequences: Sequences) -> str:
    """What became of the two ids: kept, exchanged or lost."""
    before = [around(recording, sequences, person, -1.5, -0.6) for person in range(2)]
    after = [around(recording, sequences, person, 0.6, 1.5) for person in range(2)]
    if None not in before and before == after:
        return "kept"
    crossed = any(after[k] is not None and after[k] == before[1 - k] for k in range(2))
    return "exchanged" if crossed else "lost"


def around(recording: Crossing, sequences: Sequences, person: int, begin: float, end: float) -> int | None:
    """The id nearest to a person most of the time, by the time since the meeting [s]; None where there was none."""
    counts: dict[int, int] = {}
    since = recording.times - recording.meeting
    for k in np.flatnonzero((since >= begin) & (since <= end)):
        here = {0: sequences.truth[k][person]}
        gaps = apart(here, sequences.tracked[k])[0]
        if len(gaps) and gaps.min() < 0.7:
            name = list(sequences.tracked[k])[int(gaps.argmin())]
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=counts.__getitem__, default=None)


if __name__ == "__main__":
    main()
