"""How well people are told apart by estimated parameters on the takes of a data set: the floor a network must pass.

    .venv/bin/mission simulate population --people 800 --workers 2    (and `walkers58`, `mocap35 --motion DIR`)
    .venv/bin/python benchmarks/twin_matching.py walkers58 mocap35 [--learn population] [--processes 2]

Ridge regressors (those of `twin_oracles.py`) learn parameters of body and gait from cues of the population's takes:
what the shipping tracker gave of one walk, and what masks and the body tracker show of another. A normal model of
both sensors' estimates, fitted on population people whom the regressors have not learnt from, scores pairs by the
likelihood ratio of one person against two. Queries are takes of the radar of people alone, whole or their middle two
seconds; the gallery has three such takes of the camera of everybody, of other walks. No label of a test person
reaches regressors or scorer.
"""

import argparse
import concurrent.futures
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.model_selection import GroupKFold
from twin_oracles import SHRINKAGE, Regressor, percent

from mission_core.camera.snippet import crop_region
from mission_core.cues import OUTLINE_ROWS, CameraClip, RadarClip, camera_cues, radar_cues
from mission_core.data.shards import DataSet, open_dataset
from mission_core.data.takes import CameraTake, RadarTake, TakeInfo
from mission_core.geometry import project
from mission_core.metrics import bootstrap_cmc, ranks_of_truth
from mission_core.oracle import pair_ratios
from mission_core.sim.cohort import parameter_vector, sample_person
from mission_core.sim.render import CAMERA
from mission_core.types import Float64Array

GALLERY_TAKES = 3
SENSORS = ("radar", "camera")
SECONDS = (2.0, None)  # of a take, in its middle; None: all of it
RADAR_PERIOD, CAMERA_PERIOD = 0.1, 1 / 15
Infos = tuple[TakeInfo, ...]


@dataclass(frozen=True, eq=False)
class Cues:
    """Cues (N, C) of N takes of one sensor.

    Attributes:
        infos: of the takes.
        by_length: cues for each of SECONDS.
    """

    infos: Infos
    by_length: tuple[Float64Array, ...]


def main() -> None:
    """Learns, tests, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tested", nargs="+", help="data sets to test on")
    parser.add_argument("--learn", default="population", help="data set to learn from")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    learnt = {sensor: cues_of(options.learn, sensor, options.processes) for sensor in SENSORS}
    people = len({info.person_id for info in learnt["radar"].infos})
    print(f"{people} people to learn from")
    print("| tested on | query | people | queries | top-1 | top-5 | chance |\n|---|---|---|---|---|---|---|")
    models = [Matcher(learnt, length) for length in range(len(SECONDS))]
    for name in options.tested:
        tested = {sensor: cues_of(name, sensor, options.processes, alone=True) for sensor in SENSORS}
        for length, model in enumerate(models):
            ranks, truth = model.ranks(tested)
            one, five = (percent(bootstrap_cmc(ranks, truth, k)) for k in (1, 5))
            count = len(np.unique(truth))
            query = f"{SECONDS[length]:g} s" if SECONDS[length] else "a whole walk"
            chance = f"{100 / count:.1f} %, {500 / count:.1f} %"
            print(f"| {name} | {query} | {count} | {len(truth)} | {one} | {five} | {chance} |", flush=True)


# --- cues of takes ----------------------------------------------------------------------------------------------------


def cues_of(name: str, sensor: str, processes: int, *, alone: bool = False) -> Cues:
    """Of all takes of a sensor in a data set, or of those of people alone."""
    made = open_dataset(name)
    infos = tuple(info for info in made.infos if info.sensor == sensor and not (alone and info.people > 1))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        chunks = [infos[start : start + 50] for start in range(0, len(infos), 50)]
        jobs = [pool.submit(_cues, made, chunk) for chunk in chunks]
        rows = [row for job in track(jobs, f"{name}, {sensor}") for row in job.result()]
    return Cues(infos, tuple(np.array([row[length] for row in rows]) for length in range(len(SECONDS))))


def _cues(made: DataSet, infos: Infos) -> list[list[Float64Array]]:
    rows = []
    for info in infos:
        take = made.take(info.take_id)
        if isinstance(take, RadarTake):
            clip = radar_clip(take)
            parts = [middle(len(clip.frames), seconds, RADAR_PERIOD) for seconds in SECONDS]
            rows.append([radar_cues(part_of_radar(clip, part)) for part in parts])
        else:
            seen = camera_clip(take)
            parts = [middle(len(seen.boxes), seconds, CAMERA_PERIOD) for seconds in SECONDS]
            rows.append([camera_cues(part_of_camera(seen, part)) for part in parts])
    return rows


def middle(frames: int, seconds: float | None, period: float) -> slice:
    """The frames in the middle of a take, of some length [s]."""
    wanted = frames if seconds is None else min(round(seconds / period), frames)
    first = (frames - wanted) // 2
    return slice(first, first + wanted)


def radar_clip(take: RadarTake) -> RadarClip:
    """Of all frames; places are the track's."""
    places = take.positions[:, :2].astype(np.float64)
    return RadarClip(take.points, places, RADAR_PERIOD, np.zeros((len(places), 0)), np.zeros(0))


def part_of_radar(clip: RadarClip, part: slice) -> RadarClip:
    """Some of the frames."""
    return RadarClip(clip.frames[part], clip.places[part], clip.period, clip.doppler[part], clip.velocities)


def camera_clip(take: CameraTake) -> CameraClip:
    """Of all pictures: outlines from the masks, joints from the body tracker."""
    if take.masks is None:
        raise SystemExit(f"{take.info.take_id} has no masks: a simulated data set is needed")
    scales = take.geometry[:, 2] / take.boxes[:, 3]  # [m/pixel]
    middles, feet = take.boxes[:, 0] + take.boxes[:, 2] / 2, take.boxes[:, 1] + take.boxes[:, 3]
    outlines = [
        outline(mask, box) * scale for mask, box, scale in zip(take.masks, take.boxes, scales.tolist(), strict=True)
    ]
    pixels = np.stack([project(joints.astype(np.float64), CAMERA) for joints in take.skeletons])
    joints = (pixels - np.stack((middles, feet), axis=-1)[:, None]) * np.stack((scales, -scales), axis=-1)[:, None]
    return CameraClip(np.array(outlines), take.geometry.astype(np.float64), joints, CAMERA_PERIOD)


def part_of_camera(clip: CameraClip, part: slice) -> CameraClip:
    """Some of the pictures."""
    return CameraClip(clip.outlines[part], clip.boxes[part], clip.joints[part], clip.period)


def outline(mask: NDArray[np.uint8], box: NDArray[np.float32]) -> Float64Array:
    """(OUTLINE_ROWS, 2) left and right end of a silhouette to the right of the middle of its box [pixel]."""
    left, top, right, bottom = crop_region(box)
    picture = cv2.resize(mask, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR) > 127
    middle, foot, height = box[0] + box[2] / 2 - left, box[1] + box[3] - top, float(box[3])
    edges = np.clip(np.round(foot - np.arange(OUTLINE_ROWS + 1) / OUTLINE_ROWS * height), 0, len(picture)).astype(int)
    ends = np.full((OUTLINE_ROWS, 2), np.nan)
    for row in range(OUTLINE_ROWS):
        columns = np.flatnonzero(picture[edges[row + 1] : edges[row]].any(axis=0))
        if len(columns):
            ends[row] = columns[0] - middle, columns[-1] + 1 - middle
    return ends


# --- matching ---------------------------------------------------------------------------------------------------------


class Matcher:
    """Regressors of both sensors and the normal model of their estimates, for takes of one length.

    Args:
        learnt: cues by sensor, of people known by seed.
        length: which of SECONDS.
    """

    def __init__(self, learnt: dict[str, Cues], length: int) -> None:
        self._length = length
        self._regressors: dict[str, Regressor] = {}
        sides = {}
        for sensor, cues in learnt.items():
            rows, owner = cues.by_length[length], np.array([info.person_seed for info in cues.infos])
            truth = np.array([parameter_vector(sample_person(seed)) for seed in owner.tolist()])
            estimate = np.empty_like(truth)
            for known, unknown in GroupKFold(5).split(rows, groups=owner):
                estimate[unknown] = Regressor(rows[known], truth[known], owner[known])(rows[unknown])
            self._regressors[sensor] = Regressor(rows, truth, owner)
            sides[sensor] = {seed: estimate[owner == seed] for seed in np.unique(owner).tolist()}
        both = sorted(sides["radar"].keys() & sides["camera"].keys())
        queries = np.array([sides["radar"][seed][0] for seed in both])
        entries = np.array([sides["camera"][seed][:GALLERY_TAKES].mean(axis=0) for seed in both])
        self._scales = [(side.mean(axis=0), np.maximum(side.std(axis=0), 1e-9)) for side in (queries, entries)]
        together = np.concatenate([self._standard(queries, 0), self._standard(entries, 1)], axis=1)
        covariance = (1 - SHRINKAGE) * np.cov(together, rowvar=False) + SHRINKAGE * np.eye(together.shape[1])
        half = len(covariance) // 2
        self._blocks = covariance[:half, :half], covariance[half:, half:], covariance[:half, half:]

    def ranks(self, tested: dict[str, Cues]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ranks of the truth and who it is, of every take of the radar that is no walk of the gallery's."""
        camera, radar = tested["camera"], tested["radar"]
        chosen = gallery(camera.infos, {info.walk_id for info in radar.infos})
        estimates = self._regressors["camera"](camera.by_length[self._length])
        people = sorted(chosen)
        entries = np.array([estimates[chosen[person]].mean(axis=0) for person in people])
        used = {camera.infos[index].walk_id for own in chosen.values() for index in own}
        asked = [i for i, info in enumerate(radar.infos) if info.walk_id not in used and info.person_id in chosen]
        queries = self._regressors["radar"](radar.by_length[self._length][asked])
        scores = pair_ratios(self._standard(queries, 0), self._standard(entries, 1), *self._blocks)
        truth = np.array([people.index(radar.infos[i].person_id) for i in asked])
        return ranks_of_truth(scores, truth), truth

    def _standard(self, values: Float64Array, side: int) -> Float64Array:
        middle, scale = self._scales[side]
        return (values - middle) / scale


def gallery(infos: Sequence[TakeInfo], shared: set[str]) -> dict[str, list[int]]:
    """GALLERY_TAKES takes of everybody; where both sensors saw the same walks, all of one walk."""
    own: dict[str, list[int]] = {}
    for index, info in sorted(enumerate(infos), key=lambda entry: entry[1].take_id):
        mine = own.setdefault(info.person_id, [])
        same_walk = not mine or infos[mine[0]].walk_id == info.walk_id
        if len(mine) < GALLERY_TAKES and (info.walk_id not in shared or same_walk):
            mine.append(index)
    return own


if __name__ == "__main__":
    main()
