"""Recorded bags as a data set: tracks of the radar, crops and skeletons of the camera, and who is who.

Time. Every message carries the time of its measurement. Radar (10 fps) and camera (15 fps) keep their own frames; the
camera's skeletons are interpolated to the radar's frames. Where the clocks of the two disagree, say by how much.

People. Where both sensors watch one place, a track and a body that walk the same way are one person; the calibration
tells where the sensors are. Who that is, and who everybody is where the sensors watch different places, is said by
labels: "track:3" or "body:7" of a bag is a person. What has no label is left out.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from mission_core.calibration import Calibration, SensorPose
from mission_core.camera.people import PeopleDetector, PersonFollower, touches_border
from mission_core.camera.skeleton import Joint
from mission_core.camera.snippet import box_geometry, crop
from mission_core.data.bags import BagReader
from mission_core.data.following import Followed, Follower, unknown_joints
from mission_core.data.shards import DataSet, Job, Recipe, build
from mission_core.data.takes import CameraTake, RadarTake, Take, TakeInfo
from mission_core.errors import ConfigurationError, FrameError
from mission_core.gallery.enrol import check_person_id
from mission_core.geometry import optical_to_rep103, sensor_to_room
from mission_core.kinematics import body_frame
from mission_core.radar.profile import RadarProfile
from mission_core.radar.tlv import decode_frame
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.types import NUM_JOINTS, CameraFrame, Float32Array, Float64Array, ImageArray

log = logging.getLogger(__name__)

VERSION = "1"
"""Of what is made of a bag; grows with every change of it."""
MIN_SECONDS = 1.0
"""Shortest take."""
MAX_GAP = 0.35
"""Longest time without the person within a take [s]: three frames of the radar."""
MAX_DISTANCE = 0.6
"""Between a track and a body that are one person, in the mean [m]: a tracker's body radius."""
LONE = 0
"""Body of whoever is found in the pictures of a bag without skeletons."""

_LABEL = re.compile(r"(?:(?P<bag>[^:=]+):)?(?P<kind>track|body):(?P<number>\d+)=(?P<person>.+)")


@dataclass(frozen=True, slots=True)
class Label:
    """Says that a track or a body is a person; of all bags where none is named."""

    bag: str
    key: str
    person_id: str


def parse_label(text: str) -> Label:
    """Reads "track:3=P07", "body:7=P07", or "monday:track:3=P07" for one of several bags.

    Raises:
        ConfigurationError: it is not of that form.
    """
    match = _LABEL.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{text!r} does not say who is who: expected track:NUMBER=PERSON or body:NUMBER=PERSON, with BAG: before "
            "it where there are several bags, for example monday:track:3=P07"
        )
    return Label(match["bag"] or "", f"{match['kind']}:{match['number']}", check_person_id(match["person"]))


def load_labels(path: Path) -> list[Label]:
    """Reads a YAML file of labels by bag: `monday: {track:3: P07, body:7: P07}`.

    Raises:
        ConfigurationError: it cannot be read or is something else.
    """
    try:
        content = yaml.safe_load(path.read_text())
        return [
            parse_label(f"{bag}:{key}={person}") for bag, labels in content.items() for key, person in labels.items()
        ]
    except OSError as error:
        raise ConfigurationError(f"labels {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds no labels ({type(error).__name__}): expected for each bag its people, for example "
            "`monday: {track:3: P07, body:7: P07}`"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """How bags are read.

    Attributes:
        labels: who is who.
        profile: the radar ran.
        calibration: where the sensors stood.
        camera_delay: time by which the camera's stamps are late against the radar's [s].
        namespace: of the topics, None finds it.
        whole_frames: keep the pictures, not only the crops.
    """

    labels: tuple[Label, ...]
    profile: RadarProfile
    calibration: Calibration
    camera_delay: float = 0.0
    namespace: str | None = None
    whole_frames: bool = False


def dataset_from_bags(
    bags: Sequence[Path], options: Options, root: Path, *, name: str = "recorded", seed: int = 0, workers: int = 1
) -> DataSet:
    """Turns bags into a data set, one shard each.

    Raises:
        BagError: a bag cannot be read.
        ConfigurationError: two bags of one name, or a bag with nobody who has a label.
    """
    names = [bag.resolve().name.removesuffix(".mcap") for bag in bags]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"bags need different names, got {', '.join(sorted(names))}: rename one directory")
    parameters = {
        "bags": {bag_name: _fingerprint(bag, options.namespace) for bag_name, bag in zip(names, bags, strict=True)},
        "labels": sorted(f"{label.bag}:{label.key}={label.person_id}" for label in options.labels),
        "calibration": repr(options.calibration),
        "camera_delay": options.camera_delay,
        "whole_frames": options.whole_frames,
    }
    recipe = Recipe(name, VERSION, seed, parameters, profile=options.profile.name, licence=LICENCE)
    jobs = [Job(bag_name, 0, partial(takes_from_bag, bag, options)) for bag_name, bag in zip(names, bags, strict=True)]
    return build(recipe, jobs, root, workers=workers)


LICENCE = "recordings of people: use them for what these consented to"


def _fingerprint(bag: Path, namespace: str | None) -> list[int]:
    with BagReader(bag, namespace) as reader:
        return [reader.start_ns(), sum(count for _, count in reader.topics().values())]


def takes_from_bag(path: Path, options: Options) -> list[Take]:
    """All takes of people with labels in one bag.

    Raises:
        BagError: it cannot be read, or holds neither radar nor pictures.
        ConfigurationError: nobody in it has a label; the text lists who could have one.
    """
    name = path.resolve().name.removesuffix(".mcap")
    with BagReader(path, options.namespace) as bag:
        follower = Follower(options.profile, options.calibration.radar.mount)
        frames = _followed(bag, follower, options)
        bodies = _bodies(bag, options)
    tracks = {
        track_id: [frame for frame in frames if any(t.track_id == track_id for t in frame.tracked.tracks)]
        for track_id in sorted({t.track_id for frame in frames for t in frame.tracked.tracks})
    }
    partners = associate(tracks, bodies, options.calibration)
    people = _people(name, tracks, bodies, partners, options.labels)
    takes: list[Take] = []
    for track_id, own in tracks.items():
        if (person := people.get(f"track:{track_id}")) is not None:
            body = bodies[partners[track_id]] if track_id in partners else None
            info = TakeInfo(
                f"{name}-track{track_id}", person, _walk(name, person, f"track{track_id}", partners), "radar"
            )
            takes += _radar_takes(info, track_id, own, body, follower, options.calibration)
    for body_id, body in bodies.items():
        if (person := people.get(f"body:{body_id}")) is not None:
            walk = _walk(name, person, f"body{body_id}", partners)
            info = TakeInfo(f"{name}-body{body_id}", person, walk, "camera")
            takes += _camera_takes(info, body, options)
    return takes


def _walk(name: str, person: str, own: str, partners: Mapping[int, int]) -> str:
    """Where both sensors watch one place, all that a bag has of a person counts as one walk: ids change on the way."""
    return f"{name}-{person}" if partners else f"{name}-{own}"


# --- radar ---------------------------------------------------------------------------------------------------------


def _followed(bag: BagReader, follower: Follower, options: Options) -> list[Followed]:
    """The tracker's frames: as recorded, or made anew of the raw frames where no tracks were recorded."""
    heatmaps = {}
    if bag.has("radar/raw") and (follower.kind == "heatmap" or not bag.has("radar/tracks")):
        tracker = RadarTracker(TrackerConfig(), options.calibration.radar.mount)
        made = []
        for stamp_ns, raw in bag.radar_frames():
            try:
                frame = decode_frame(raw)
            except FrameError:
                continue  # as the driver drops it
            heatmaps[stamp_ns] = frame.contents.get("range_doppler")
            made.append(tracker.step(stamp_ns, frame.frame_number, frame.points))
    recorded = bag.has("radar/tracks") and bag.has("radar/points_labelled")
    if not recorded and not bag.has("radar/raw"):
        return []
    frames = list(bag.tracked_frames()) if recorded else made
    return [follower.step(frame, heatmaps.get(frame.stamp_ns)) for frame in frames]


def _radar_takes(
    info: TakeInfo,
    track_id: int,
    frames: Sequence[Followed],
    body: "Sequence[Sighting] | None",
    follower: Follower,
    calibration: Calibration,
) -> list[RadarTake]:
    """The pieces of one track that have no gaps."""
    takes: list[RadarTake] = []
    for piece in _pieces([frame.tracked.stamp_ns for frame in frames]):
        own = frames[piece]
        joints = None if body is None else _joints_at(own, body, calibration)
        people = max(len(frame.tracked.tracks) for frame in own)
        of_piece = replace(info, take_id=f"{info.take_id}-{len(takes)}", people=people)
        takes.append(follower.take(of_piece, own, track_id, joints))
    return takes


def _joints_at(frames: Sequence[Followed], body: "Sequence[Sighting]", calibration: Calibration) -> Float64Array:
    """Joints (F, 32, 3) of a body at the radar's frames, in the radar's room frame; NaN where it was not seen."""
    stamps = np.array([frame.tracked.stamp_ns for frame in frames], np.int64)
    in_map = np.stack([_to_map(sighting.room_joints, calibration.camera) for sighting in body])
    interpolated = interpolate(stamps, np.array([sighting.stamp_ns for sighting in body], np.int64), in_map)
    return _from_map(interpolated, calibration.radar)


# --- camera --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One body in one picture.

    Attributes:
        stamp_ns: on the radar's clock.
        room_joints: (32, 3) [m], the camera's room frame; NaN without skeletons.
        skeleton: (32, 3) [m], optical frame; NaN without skeletons.
        box: (4,) [pixel].
        crop: None where the person is cut by the border of the picture.
        geometry: (4,) as `box_geometry`.
        people: in the picture.
        image: the whole picture, None unless it is to be kept.
    """

    stamp_ns: int
    room_joints: Float64Array
    skeleton: Float64Array
    box: Float32Array
    crop: ImageArray | None
    geometry: Float32Array
    people: int
    image: ImageArray | None


def _bodies(bag: BagReader, options: Options) -> dict[int, list[Sighting]]:
    """Sightings of each body in order; without recorded skeletons of the one person whom a detector finds."""
    if not bag.has("camera/color/image_raw"):
        return {}
    detector, person = PeopleDetector(), PersonFollower()
    found: dict[int, list[Sighting]] = {}
    unknown = np.full((NUM_JOINTS, 3), np.nan)
    for frame in bag.camera_frames():
        if frame.bodies is None:
            box = person.step(frame.stamp_ns, detector.find(frame))
            seen = [] if box is None else [(LONE, unknown, box)]
        else:
            seen = [(b.body_id, b.joints.astype(np.float64), b.box) for b in frame.bodies if b.box.any()]
        for body_id, skeleton, box in seen:
            sighting = _sighting(frame, skeleton, box, len(seen), options)
            found.setdefault(body_id, []).append(sighting)
    return found


def _sighting(frame: CameraFrame, skeleton: Float64Array, box: Float32Array, people: int, options: Options) -> Sighting:
    height, width = frame.image.shape[:2]
    mount = options.calibration.camera.mount
    return Sighting(
        stamp_ns=frame.stamp_ns - round(options.camera_delay * 1e9),
        room_joints=sensor_to_room(optical_to_rep103(skeleton), mount),
        skeleton=skeleton,
        box=box,
        crop=None if touches_border(box, width, height) else crop(frame.image, box),
        geometry=box_geometry(box, frame.camera, mount),
        people=people,
        image=frame.image if options.whole_frames else None,
    )


def _camera_takes(info: TakeInfo, body: Sequence[Sighting], options: Options) -> list[CameraTake]:
    """The pieces of what was seen of one body that have no gaps and are not cut by the border of the picture."""
    whole = [sighting for sighting in body if sighting.crop is not None]
    takes: list[CameraTake] = []
    for piece in _pieces([sighting.stamp_ns for sighting in whole]):
        own = whole[piece]
        people = max(sighting.people for sighting in own)
        room = np.stack([sighting.room_joints for sighting in own])
        takes.append(
            CameraTake(
                info=replace(info, take_id=f"{info.take_id}-{len(takes)}", people=people, frames=len(own)),
                stamps_ns=np.array([sighting.stamp_ns for sighting in own], np.int64),
                crops=np.stack([sighting.crop for sighting in own if sighting.crop is not None]),
                boxes=np.stack([sighting.box for sighting in own]),
                geometry=np.stack([sighting.geometry for sighting in own]),
                joints=unknown_joints(len(own)) if np.isnan(room).all() else body_frame(room),
                skeletons=np.stack([sighting.skeleton for sighting in own]).astype(np.float32),
                images=np.stack([s.image for s in own if s.image is not None]) if options.whole_frames else None,
            )
        )
    return takes


# --- who is who ----------------------------------------------------------------------------------------------------


def associate(
    tracks: Mapping[int, Sequence[Followed]], bodies: Mapping[int, Sequence[Sighting]], calibration: Calibration
) -> dict[int, int]:
    """Body of each track that walks the same way, MAX_DISTANCE away in the mean at most.

    A body may have several tracks one after the other. Where the sensors watch different places nobody is near
    anybody, and nothing is associated.
    """
    found = {}
    for track_id, frames in tracks.items():
        distances = {body_id: _distance(track_id, frames, body, calibration) for body_id, body in bodies.items()}
        nearest = min(distances, key=distances.__getitem__, default=None)
        if nearest is not None and distances[nearest] <= MAX_DISTANCE:
            found[track_id] = nearest
    return found


def _distance(track_id: int, frames: Sequence[Followed], body: Sequence[Sighting], calibration: Calibration) -> float:
    """Mean distance of a body from a track on the floor [m]; infinite where they share less than MIN_SECONDS."""
    pelvis = _joints_at(frames, body, calibration)[:, Joint.PELVIS, :2]
    known = ~np.isnan(pelvis[:, 0])
    stamps = np.array([frame.tracked.stamp_ns for frame in frames])[known]
    if len(stamps) < 2 or (stamps[-1] - stamps[0]) * 1e-9 < MIN_SECONDS:
        return np.inf
    positions = np.array(
        [next(t.position[:2] for t in frame.tracked.tracks if t.track_id == track_id) for frame in frames]
    )
    return float(np.linalg.norm(positions[known] - pelvis[known], axis=1).mean())


def _people(
    name: str,
    tracks: Mapping[int, Sequence[Followed]],
    bodies: Mapping[int, Sequence[Sighting]],
    partners: Mapping[int, int],
    labels: Sequence[Label],
) -> dict[str, str]:
    """Person of each "track:N" and "body:N", by label or by that of the partner.

    Raises:
        ConfigurationError: nobody has a label, or a track and its body have different ones.
    """
    there = [f"track:{i}" for i in tracks] + [f"body:{i}" for i in bodies]
    people = {label.key: label.person_id for label in labels if label.bag in ("", name) and label.key in there}
    for track, body in ((f"track:{i}", f"body:{j}") for i, j in partners.items()):
        known = {people[key] for key in (track, body) if key in people}
        if len(known) > 1:
            raise ConfigurationError(
                f"{name}: {track} and {body} walk the same way but are labelled {' and '.join(sorted(known))}: correct "
                "the labels, or the calibration if the sensors watch different places"
            )
        if known:
            people[track] = people[body] = next(iter(known))
    if not people:
        raise ConfigurationError(
            f"{name}: nobody has a label; it holds {_listing(tracks, bodies)}. Say who is who with --person "
            "track:NUMBER=PERSON or --person body:NUMBER=PERSON"
        )
    without = [key for key in there if key not in people]
    if without:
        log.warning("%s: left out for want of a label: %s", name, ", ".join(without))
    return people


def _listing(tracks: Mapping[int, Sequence[Followed]], bodies: Mapping[int, Sequence[Sighting]]) -> str:
    lengths = [(f"track:{i}", [f.tracked.stamp_ns for f in frames]) for i, frames in tracks.items()]
    lengths += [(f"body:{i}", [s.stamp_ns for s in body]) for i, body in bodies.items()]
    return ", ".join(f"{key} ({(s[-1] - s[0]) * 1e-9:.1f} s)" for key, s in lengths) or "no track and no body"


# --- time and place ------------------------------------------------------------------------------------------------


def _pieces(stamps_ns: Sequence[int]) -> list[slice]:
    """Runs of frames without a gap, each of at least MIN_SECONDS."""
    stamps = np.asarray(stamps_ns, np.int64)
    if not len(stamps):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(stamps) > MAX_GAP * 1e9) + 1).tolist(), len(stamps)]
    runs = [slice(begin, end) for begin, end in pairwise(cuts)]
    return [run for run in runs if (stamps[run][-1] - stamps[run][0]) * 1e-9 >= MIN_SECONDS]


def interpolate(at_ns: NDArray[np.int64], stamps_ns: NDArray[np.int64], values: Float64Array) -> Float64Array:
    """Values (N, ...) of ascending times (N,), linearly interpolated at other times (M,): (M, ...).

    NaN before the first, after the last, and within gaps longer than MAX_GAP.
    """
    after = np.searchsorted(stamps_ns, at_ns).clip(1, max(len(stamps_ns) - 1, 1))
    if len(stamps_ns) < 2:
        return np.full((len(at_ns), *values.shape[1:]), np.nan)
    before = after - 1
    gap = stamps_ns[after] - stamps_ns[before]
    share = (at_ns - stamps_ns[before]) / np.maximum(gap, 1)
    known = (share >= 0.0) & (share <= 1.0) & (gap <= MAX_GAP * 1e9)
    share = np.where(known, share, np.nan).reshape(-1, *(1,) * (values.ndim - 1))
    return (1.0 - share) * values[before] + share * values[after]


def _to_map(xyz: Float64Array, pose: SensorPose) -> Float64Array:
    """Points (..., 3) of a sensor's room frame in the map."""
    c, s = np.cos(np.deg2rad(pose.yaw_deg)), np.sin(np.deg2rad(pose.yaw_deg))
    return xyz @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) + np.array([*pose.position, 0.0])


def _from_map(xyz: Float64Array, pose: SensorPose) -> Float64Array:
    """The inverse of `_to_map`."""
    c, s = np.cos(np.deg2rad(pose.yaw_deg)), np.sin(np.deg2rad(pose.yaw_deg))
    return (xyz - np.array([*pose.position, 0.0])) @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
