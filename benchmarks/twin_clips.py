"""Walks of population people before radar and camera, as cues of clips on disk: what `twin_oracles.py` learns from.

Files live in the state directory below `cues`, one for each person, in a folder named after the code of the simulator:
an interrupted run goes on where it was, and files of another state of the simulator are not used.
"""

import ast
import concurrent.futures
import functools
import hashlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

import mission_core.cues
from mission_core.calibration import CAMERA_MOUNT, RADAR_MOUNT
from mission_core.camera.skeleton import JOINT_NAMES
from mission_core.camera.snippet import box_geometry
from mission_core.cues import OUTLINE_ROWS, CameraClip, RadarClip, camera_cues, radar_cues
from mission_core.geometry import project, rep103_to_optical, room_to_sensor, sensor_to_room
from mission_core.paths import share_directory, state_directory
from mission_core.radar.profile import RadarProfile, load_profile
from mission_core.realism import moving_points, walker_places
from mission_core.sim import (
    antennas,
    body,
    cohort,
    fmcw,
    gait,
    habits,
    look,
    mesh,
    path,
    posture,
    receiver,
    scatter,
    shapes,
)
from mission_core.sim.body import Body
from mission_core.sim.cohort import Person, parameter_vector, sample_person
from mission_core.sim.fmcw import FmcwRadar
from mission_core.sim.gait import Walk
from mission_core.sim.look import Dressed, sample_look
from mission_core.sim.path import back_and_forth
from mission_core.sim.scatter import scatterers
from mission_core.types import CameraModel, Float64Array, Points

WALKS = {"radar": 1, "camera": 2}  # of each person before each sensor; two tell what errors clips have in common
SECONDS = 20.0
DURATIONS = (2.0, 5.0, 20.0)
CLIPS = {2.0: 4, 5.0: 2, 20.0: 1}  # of each walk, apart from each other
CENTRE, HALF_LENGTH = 4.8, 3.2  # of the lane before either sensor [m]
ANGLES = (0.0, 60.0)  # off the sensor's axis [deg]
PROFILES = {"radar, points": "walking_10fps", "radar, points + map": "walking_heatmap_10fps"}
SENSORS = (*PROFILES, "camera")
INSTANT = 0.005  # between the poses that velocities are taken from [s]
CAMERA_PERIOD = 1 / 15
CAMERA = CameraModel(1280, 720, 640.0, 640.0, 640.0, 360.0)
BOX_JITTER = 0.01  # of the edges of a detector's box [heights]
SIMULATOR = (
    *(antennas, body, cohort, fmcw, gait, habits, look, mesh, path, posture, receiver, scatter, shapes),
    mission_core.cues,
)

# How far annotators of COCO's keypoints disagree, as a share of the root of the person's area in the picture: the
# sigmas of its object keypoint similarity. Half of the variance is taken to be the same in all pictures of a walk.
KEYPOINT_ERROR = {
    **dict.fromkeys(("PELVIS", "SPINE_NAVEL", "HIP"), 0.107),
    **dict.fromkeys(("SPINE_CHEST", "NECK", "CLAVICLE", "SHOULDER"), 0.079),
    **dict.fromkeys(("ELBOW",), 0.072),
    **dict.fromkeys(("WRIST", "HAND", "HANDTIP", "THUMB"), 0.062),
    **dict.fromkeys(("KNEE",), 0.087),
    **dict.fromkeys(("ANKLE", "FOOT"), 0.089),
    **dict.fromkeys(("HEAD", "EAR"), 0.035),
    **dict.fromkeys(("NOSE", "EYE"), 0.026),
}
PERSON_AREA = 0.23  # of a box as high as the person [heights^2]


@dataclass(frozen=True)
class Clips:
    """Cues of all clips of all people.

    Attributes:
        cues: by sensor and duration (N, C).
        truth: by sensor and duration (N, P) parameters of the walk.
        owner: by sensor and duration (N,) whose clip it is.
    """

    cues: dict[tuple[str, float], Float64Array]
    truth: dict[tuple[str, float], Float64Array]
    owner: dict[tuple[str, float], NDArray[np.int64]]

    @classmethod
    def of(cls, files: Sequence[Path]) -> "Clips":
        """Reads the files of people."""
        keys = [(sensor, seconds) for sensor in SENSORS for seconds in DURATIONS]
        rows: dict[str, list[list[Float64Array]]] = {kind: [[] for _ in keys] for kind in ("cues", "truth")}
        owner: list[list[NDArray[np.int64]]] = [[] for _ in keys]
        for number, file in enumerate(files):
            with np.load(file) as arrays:
                for i, (sensor, seconds) in enumerate(keys):
                    for kind, lists in rows.items():
                        lists[i].append(arrays[f"{sensor}/{seconds:g}/{kind}"].astype(np.float64))
                    owner[i].append(np.full(len(rows["cues"][i][-1]), number))
        found = {kind: {key: np.concatenate(lists[i]) for i, key in enumerate(keys)} for kind, lists in rows.items()}
        return cls(found["cues"], found["truth"], {key: np.concatenate(owner[i]) for i, key in enumerate(keys)})


def simulated(seeds: Sequence[int], processes: int) -> list[Path]:
    """Files of the cues of these people; what is not there yet is simulated."""
    directory = state_directory() / "cues" / simulator_id()
    directory.mkdir(parents=True, exist_ok=True)
    files = [directory / f"{seed}.npz" for seed in seeds]
    missing = [(seed, file) for seed, file in zip(seeds, files, strict=True) if not file.exists()]
    if missing:
        print(f"simulating {len(missing)} of {len(files)} people into {directory}", flush=True)
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(
            processes, mp_context=spawn, initializer=os.nice, initargs=(10,)
        ) as pool:
            jobs = [pool.submit(simulate_person, seed, file) for seed, file in missing]
            try:
                for job in track(concurrent.futures.as_completed(jobs), "simulating people", total=len(jobs)):
                    job.result()
            finally:
                pool.shutdown(cancel_futures=True)  # after an error: do not simulate the others before telling it
    return files


@functools.cache
def simulator_id() -> str:
    """Names all that shapes the cues: the code of simulator, cues and this file, comments and docstrings apart."""
    digest = hashlib.sha256()
    for file in (*(Path(str(module.__file__)) for module in SIMULATOR), Path(__file__)):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value = ast.Constant(None)
        digest.update(ast.dump(tree).encode())
    for name in PROFILES.values():
        digest.update(repr(replace(profile(name), commands=())).encode())
    return digest.hexdigest()[:12]


def profile(name: str) -> RadarProfile:
    """A shipped configuration of the radar."""
    return load_profile(share_directory() / "config" / "radar" / f"{name}.cfg")


def simulate_person(seed: int, file: Path) -> None:
    """All walks of a person, as cues of clips."""
    person = sample_person(seed)
    shape = Body(person)
    arrays: dict[str, list[Float64Array]] = {}
    for sensor in SENSORS:
        for take in range(WALKS[sensor.partition(",")[0]]):
            clip_of: Callable[[float, float], Float64Array]
            walk = lane_walk(person, 2 * take + (sensor == "camera"))
            if sensor == "camera":
                clip_of = functools.partial(cut_camera, record_camera(shape, walk, take))
            else:
                clip_of = functools.partial(cut_radar, record_radar(shape, walk, take, profile(PROFILES[sensor])))
            truth = parameter_vector(replace(person, gait=walk.gait))
            for seconds in DURATIONS:
                for start in starts(walk, seconds):
                    key = f"{sensor}/{seconds:g}"
                    arrays.setdefault(f"{key}/cues", []).append(clip_of(start, seconds))
                    arrays.setdefault(f"{key}/truth", []).append(truth)
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, **{key: np.array(rows, np.float32) for key, rows in arrays.items()})
    partial.replace(file)


def lane_walk(person: Person, number: int) -> Walk:
    """To and fro before the sensor at some angle; the number says which of the person's walks it is."""
    rng = np.random.default_rng((person.seed, number, 7))
    angle = np.deg2rad(rng.uniform(*ANGLES)) * rng.choice((-1.0, 1.0))
    along = HALF_LENGTH * np.array([np.cos(angle), np.sin(angle)])
    centre = np.array([CENTRE, 0.0])
    lane = back_and_forth((centre - along).tolist(), (centre + along).tolist())
    return Walk(person, lane, number, start=float(rng.uniform(0.0, 10.0)))


def starts(walk: Walk, seconds: float) -> Float64Array:
    """When clips of a walk begin [s]: where it is straightest, not overlapping."""
    if seconds >= SECONDS:
        return np.zeros(1)
    time = np.arange(0.0, SECONDS, 0.1)
    places = walk.joints(time)[:, 0, :2]
    way = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1))))
    length = round(seconds / 0.1)
    net = np.linalg.norm(places[length:] - places[:-length], axis=1)
    straight = net / (way[length:] - way[:-length])
    chosen: list[int] = []
    for index in np.argsort(-np.round(straight, 2), kind="stable"):
        if len(chosen) < CLIPS[seconds] and all(abs(index - other) >= length for other in chosen):
            chosen.append(int(index))
    return time[chosen]


def record_radar(shape: Body, walk: Walk, take: int, radar: RadarProfile) -> RadarClip:
    """The whole walk as the radar sees it; places are medians of its own points."""
    seed = int(np.random.default_rng((shape.person.seed, take, 11)).integers(2**31))
    sensor = FmcwRadar(radar, RADAR_MOUNT, seed)
    frames: list[Points] = []
    maps = []
    for t in np.arange(0.0, SECONDS, radar.frame_period):
        surface = shape.samples(walk.joints(t + np.array([-INSTANT, 0.0, INSTANT])))
        seen = sensor.observe(scatterers([surface], INSTANT, RADAR_MOUNT, [seed]))
        points = seen.points.copy()
        points[:, :3] = sensor_to_room(points[:, :3], RADAR_MOUNT)
        frames.append(points)
        maps.append(seen.range_doppler)
    places = walker_places(moving_points(frames), round(0.5 / radar.frame_period))
    near = [p[np.hypot(*(p[:, :2] - place).T) < 1.0] for p, place in zip(frames, places, strict=True)]
    if not radar.gui_monitor[4]:
        return RadarClip(near, places, radar.frame_period, np.zeros((len(frames), 0)), np.zeros(0))
    distances = np.hypot(np.hypot(*places.T), RADAR_MOUNT.height - 0.9)
    columns = [
        radar.range_doppler_map(flat)[np.abs(radar.ranges - distance) < 0.5].max(axis=0)
        for flat, distance in zip(maps, distances, strict=True)
        if flat is not None
    ]
    doppler = np.array(columns, dtype=np.float64)
    return RadarClip(near, places, radar.frame_period, doppler, radar.velocities.astype(np.float64))


def cut_radar(clip: RadarClip, start: float, seconds: float) -> Float64Array:
    """Cues of a part of a walk."""
    part = slice(round(start / clip.period), round((start + seconds) / clip.period))
    return radar_cues(RadarClip(clip.frames[part], clip.places[part], clip.period, clip.doppler[part], clip.velocities))


def record_camera(shape: Body, walk: Walk, take: int) -> CameraClip:
    """The whole walk as the camera sees it: outlines of the dressed body, boxes and keypoints with errors."""
    rng = np.random.default_rng((shape.person.seed, take, 13))
    dressed = Dressed(shape, sample_look(int(rng.integers(2**31))))
    sigma = np.array([KEYPOINT_ERROR[keypoint(name)] for name in JOINT_NAMES])
    constant = rng.normal(size=(len(JOINT_NAMES), 2))
    outlines, boxes, joints = [], [], []
    for t in np.arange(0.0, SECONDS, CAMERA_PERIOD):
        pose = walk.joints(np.array([t]))
        pixels = pixels_of(dressed.posed(pose)[0][0].astype(np.float64))
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        edges = np.concatenate((low, high)) + BOX_JITTER * (high[1] - low[1]) * rng.normal(size=4)
        box = np.array([edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]], np.float32)
        geometry = box_geometry(box, CAMERA, CAMERA_MOUNT).astype(np.float64)
        scale = geometry[2] / box[3]  # [m/pixel]
        middle, foot = box[0] + box[2] / 2, box[1] + box[3]
        noise = np.sqrt(0.5) * (constant + rng.normal(size=constant.shape)) * np.sqrt(PERSON_AREA / 2) * box[3]
        keypoints = pixels_of(pose[0]) + noise * sigma[:, None]
        outlines.append(outline(pixels, middle, float(foot), float(box[3])) * scale)
        boxes.append(geometry)
        joints.append((keypoints - (middle, foot)) * (scale, -scale))
    return CameraClip(np.array(outlines), np.array(boxes), np.array(joints), CAMERA_PERIOD)


def keypoint(name: str) -> str:
    """Name of a joint without its side."""
    return name.removesuffix("_LEFT").removesuffix("_RIGHT")


def pixels_of(points: Float64Array) -> Float64Array:
    """(N, 2) pixels of points (N, 3) of the camera's room frame."""
    return project(rep103_to_optical(room_to_sensor(points, CAMERA_MOUNT)), CAMERA)


def outline(pixels: Float64Array, middle: float, foot: float, height: float) -> Float64Array:
    """(OUTLINE_ROWS, 2) left and right end of a silhouette, whole pixels, to the right of the middle of the box."""
    row = np.floor((foot - pixels[:, 1]) / height * OUTLINE_ROWS).astype(np.int64)
    inside = (row >= 0) & (row < OUTLINE_ROWS)
    left, right = np.full(OUTLINE_ROWS, np.inf), np.full(OUTLINE_ROWS, -np.inf)
    np.minimum.at(left, row[inside], np.floor(pixels[inside, 0]))
    np.maximum.at(right, row[inside], np.ceil(pixels[inside, 0]))
    ends = np.stack((left, right), axis=-1) - middle
    return np.where(np.isfinite(ends), ends, np.nan)


def cut_camera(clip: CameraClip, start: float, seconds: float) -> Float64Array:
    """Cues of a part of a walk."""
    part = slice(round(start / clip.period), round((start + seconds) / clip.period))
    return camera_cues(CameraClip(clip.outlines[part], clip.boxes[part], clip.joints[part], clip.period))
