"""The arrays that the authors of Mission (SenSys 2024) publish, as takes like those of any other data set.

A folder holds one `.npy` file each for radar, joints, labels and images; row i of all is the same walk. The format is
not documented by its authors. What is known of it, and of its traps, is told from the content:

* images may be pixels of (H, W, 3) under a shape (3, H, W), for they were reshaped instead of transposed: that reading
  is taken whose neighbouring pixels are more alike. Values may be 0..255, 0..1, -1..1, or normalised with ImageNet's
  mean and deviation;
* labels are texts, not contiguous, and not numbers from 0;
* sets of two recording campaigns have 20 and 25 frames, so that the number of frames would tell people apart: all are
  cut to the first 20, as the authors do, and to the shortest of radar, joints and images;
* radar points have 3 to 5 or more channels of unstated order: Doppler is the one that goes with the speed of the pelvis
  along the line of sight, and it is turned to positive = away by the same. Points of zeros, and repeated ones, are
  padding; so are repeated ones whose other channels are zero, where a variant moved the points. The unit of
  the intensity, which stands where others have the SNR, is unknown;
* x is lateral, y is depth, z is up, of an origin at unknown height. Which of x and y is depth, and which side is
  positive, is told from where people are and how their toes point; the floor from their feet.

The 24 joints are in SMPL's order but were copied from an Azure Kinect's (6 and 9 are the same one); the other joints
stay unknown (NaN). Radar, images and joints come at 10 frames per second.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.camera.skeleton import Joint
from mission_core.data.takes import CameraTake, RadarTake, Take, TakeInfo
from mission_core.errors import ConfigurationError
from mission_core.kinematics import body_frame
from mission_core.sim.sequence import STATURES, facing, sides, sole_heights, up_axis
from mission_core.sim.skeletons import stature_of
from mission_core.types import CROP_HEIGHT, CROP_WIDTH, NUM_JOINTS, Column, Float64Array, ImageArray, Points

Array: TypeAlias = NDArray[Any]

log = logging.getLogger(__name__)

STEMS = {
    "radar": ("list_all_ti",),
    "joints": ("list_all_kinect_key",),
    "labels": ("list_label_all",),
    "images": ("list_all_image", "list_all_rgb_full", "list_all_rgb_crop"),
}
"""How the files of a set begin; a suffix such as "_final" and ".npy" follow."""
SUFFIXES = ("", "_final", "_int")
ROAD_ANGLES = {"road_1": 0.0, "road_2": 15.0, "road_3": 30.0, "road_4": 45.0, "road_5": 60.0}
"""Angle of the walks by the name of the folder [deg]."""

SOURCE_JOINTS = (0, 18, 22, 1, 19, 23, 2, 20, 24, 2, 21, 25, 3, 4, 11, 26, 5, 12, 6, 13, 7, 14, 9, 16)
"""K4ABT joint of each of the 24."""
FRAMES = 20
PERIOD_NS = 100_000_000
SAMPLE = 24
"""Walks that are looked at to tell the layout."""
DOPPLER_TOLERANCE = 0.4
"""Of the frames' median Doppler to the speed of the pelvis [m/s]."""
SMALLEST_SIDE = 8  # of pictures that can show anybody [pixel]
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of ImageNet's colours


@dataclass(frozen=True, slots=True)
class Layout:
    """How the values of a set are to be read, as told from its content.

    Attributes:
        frames: of every take.
        depth: axis of the depth, 0 or 1; the other one is lateral.
        left: sign of the lateral axis, 1 where it counts to the left.
        doppler: channel of the Doppler, and its sign; None where there is none.
        intensity: channel of the intensity; None where there is none.
        reshaped: pixels are (H, W, 3) under a shape (3, H, W).
        pixels: range of the values.
        notes: what differs from the plain format, for people.
    """

    frames: int
    depth: int
    left: float
    doppler: tuple[int, float] | None
    intensity: int | None
    reshaped: bool
    pixels: str
    notes: tuple[str, ...]


class PublishedSet:
    """A published set; a take is read from its file when it is asked for.

    Attributes:
        layout: how it is read.
        infos: of all takes: of walk i "i-radar", and "i-camera" where there are images.
    """

    def __init__(self, arrays: dict[str, Array], labels: Sequence[str], layout: Layout, angle_deg: float) -> None:
        self._arrays = arrays
        self.layout = layout
        self.infos = tuple(
            TakeInfo(
                take_id=f"{walk:04d}-{sensor}",
                person_id=label,
                walk_id=f"{walk:04d}",
                sensor=sensor,
                angle_deg=angle_deg,
                frames=layout.frames,
            )
            for walk, label in enumerate(labels)
            for sensor in ("radar", "camera")
            if sensor == "radar" or "images" in arrays
        )
        self._by_id = {info.take_id: info for info in self.infos}

    def take(self, take_id: str) -> Take:
        """One take with its content.

        Raises:
            ConfigurationError: if there is none of this name.
        """
        if take_id not in self._by_id:
            raise ConfigurationError(f"no take {take_id!r} here, expected one of {self.infos[0].take_id!r} and so on")
        info = self._by_id[take_id]
        walk, layout = int(info.walk_id), self.layout
        joints = _room(_kinect(self._arrays["joints"][walk, : layout.frames]), layout.depth, layout.left)
        floor = float(np.median(sole_heights(joints, stature_of(joints))))
        joints[..., 2] -= floor
        stamps = np.arange(layout.frames, dtype=np.int64) * PERIOD_NS
        truth = body_frame(joints)
        if info.sensor == "radar":
            points = tuple(_points(frame, layout, floor) for frame in self._arrays["radar"][walk, : layout.frames])
            return RadarTake(
                info=info,
                stamps_ns=stamps,
                points=points,
                positions=np.stack([_centre(frame) for frame in points]),
                joints=truth,
                velocities=np.zeros(0, np.float32),
                doppler=np.zeros((0, layout.frames), np.float32),
            )
        pictures = np.stack([_picture(image, layout) for image in self._arrays["images"][walk, : layout.frames]])
        box = _middle(pictures.shape[1], pictures.shape[2])
        return CameraTake(
            info=info,
            stamps_ns=stamps,
            crops=np.stack([_crop(picture, box) for picture in pictures]),
            boxes=np.tile(np.array(box, np.float32), (layout.frames, 1)),
            geometry=np.full((layout.frames, 4), np.nan, np.float32),
            joints=truth,
            skeletons=np.full((layout.frames, NUM_JOINTS, 3), np.nan, np.float32),
            images=pictures[..., ::-1],
        )


def load_published(directory: Path, variant: str = "") -> PublishedSet:
    """A folder of the authors' arrays.

    Args:
        directory: of one set, such as `straight_road_npy` or `multi_angle_npy/road_2`.
        variant: suffix of the files to prefer, such as "_calibration", where a folder has several.

    Raises:
        ConfigurationError: if a file is missing or damaged, or the content cannot be what the format says.
    """
    paths = {role: _find(directory, stems, variant) for role, stems in STEMS.items()}
    if missing := [role for role in ("radar", "joints", "labels") if paths[role] is None]:
        expected = ", ".join(f"{STEMS[role][0]}{variant}.npy" for role in missing)
        raise ConfigurationError(f"{directory} has no {' and '.join(missing)}: expected {expected}; check the folder")
    arrays = {role: _open(path) for role, path in paths.items() if path is not None}
    try:
        labels = _labels(arrays.pop("labels"))
        _check_shapes(arrays, len(labels))
        layout = _layout(arrays)
    except ConfigurationError as error:
        raise ConfigurationError(f"{directory}: {error}") from error
    for note in layout.notes:
        log.warning("%s: %s", directory, note)
    return PublishedSet(arrays, labels, layout, ROAD_ANGLES.get(directory.name, math.nan))


# --- files --------------------------------------------------------------------------------------------------------


def _find(directory: Path, stems: Sequence[str], variant: str) -> Path | None:
    """The file of a role: that of the variant, else one with a usual suffix."""
    names = (f"{stem}{suffix}.npy" for suffix in dict.fromkeys((variant, *SUFFIXES)) for stem in stems)
    return next((path for name in names if (path := directory / name).is_file()), None)


def _open(path: Path) -> Array:
    """An array that stays in its file."""
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy raises a dozen kinds at damaged files
        raise ConfigurationError(
            f"{path} cannot be read ({error or type(error).__name__}): expected a plain .npy array; download it again. "
            "An array of objects holds code: convert it where you trust it, with equal lengths, to numbers"
        ) from error
    return array


def _labels(array: Array) -> tuple[str, ...]:
    """Who walks: texts as they are, whole numbers as texts."""
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "USiuf":
        raise ConfigurationError(f"labels are {array.dtype} {array.shape}, expected (walks,) texts or whole numbers")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or (array != np.round(array)).any():
            raise ConfigurationError(
                "labels are broken numbers, expected texts or whole numbers: is it the label file?"
            )
        array = array.astype(np.int64)
    if array.dtype.kind == "S":
        return tuple(label.decode("utf-8", "replace").strip() for label in array)
    return tuple(str(label).strip() for label in array)


def _check_shapes(arrays: dict[str, Array], walks: int) -> None:
    expected = {"radar": "(walks, frames, points, 3 or more)", "joints": "(walks, frames, 24, 3)"}
    expected["images"] = "(walks, frames, 3, height, width)"
    for role, array in arrays.items():
        fits = {
            "radar": array.ndim == 4 and array.shape[-1] >= 3,
            "joints": array.ndim == 4 and array.shape[2:] == (len(SOURCE_JOINTS), 3),
            "images": array.ndim == 5
            and 3 in (array.shape[2], array.shape[4])
            and min(array.shape[2:]) >= 3
            and sorted(array.shape[2:])[1] >= SMALLEST_SIDE,
        }[role]
        if not fits or array.dtype.kind not in "fiu" or array.shape[1] < 2:
            raise ConfigurationError(f"{role} are {array.dtype} {array.shape}, expected numbers {expected[role]}")
        if len(array) != walks:
            raise ConfigurationError(
                f"{role} are of {len(array)} walks, labels of {walks}: row i of all files must be the same walk; "
                "take the files of one variant"
            )


# --- what the values mean -----------------------------------------------------------------------------------------


def _layout(arrays: dict[str, Array]) -> Layout:
    """Tells the layout from some walks spread over the set."""
    notes: list[str] = []
    lengths = {role: array.shape[1] for role, array in arrays.items()}
    frames = min(*lengths.values(), FRAMES)
    if set(lengths.values()) != {FRAMES}:
        notes.append(f"frames differ or are not {FRAMES} ({lengths}): the first {frames} of each walk are used")
    walks = np.unique(np.linspace(0, len(arrays["joints"]) - 1, SAMPLE).round().astype(int))
    joints = np.concatenate([_kinect(arrays["joints"][walk, :frames]) for walk in walks])
    depth, left = _axes(joints, notes)
    radar = np.stack([np.asarray(arrays["radar"][walk, :frames], np.float64) for walk in walks])
    places = [[_room(_valid(frame), depth, left) for frame in walk] for walk in radar]
    pelvis = _room(joints[:, Joint.PELVIS], depth, left).reshape(len(walks), frames, 3)[..., :2]
    _check_together(places, pelvis)
    doppler, intensity = _channels([[_valid(frame) for frame in walk] for walk in radar], pelvis, notes)
    reshaped, pixels = False, "0..255"
    if "images" in arrays:
        images = np.stack([np.asarray(arrays["images"][walk, 0], np.float64) for walk in walks])
        reshaped, pixels = _pixels(images, notes)
    return Layout(frames, depth, left, doppler, intensity, reshaped, pixels, tuple(notes))


def _axes(joints: Float64Array, notes: list[str]) -> tuple[int, float]:
    """Axis of the depth, and sign of the lateral axis; checks unit and vertical axis."""
    known = joints[:, sorted(set(SOURCE_JOINTS))]
    if not np.isfinite(known).all():
        raise ConfigurationError("joints are not finite: download the file again")
    size = stature_of(joints)
    if not STATURES[0] <= size <= STATURES[1]:
        raise ConfigurationError(
            f"joints make a person {size:.3g} m tall, expected metres and {STATURES[0]} to {STATURES[1]} m: take the "
            "files without normalisation, and divide millimetres by 1000"
        )
    if up_axis(joints)[2] < 0.7:
        raise ConfigurationError("heads are not above feet along the third axis, expected z up: turn the joints")
    x, y = np.abs(np.median(joints[:, Joint.PELVIS, :2], axis=0))
    depth = 0 if x > y else 1
    if depth == 0:
        notes.append("people are far along the first axis: it is taken for the depth, the second for lateral")
    left = -1.0 if depth == 1 else 1.0
    room = _room(joints, depth, left)
    toes = (sides(room, "FOOT") - sides(room, "ANKLE")).mean(axis=0)
    if float(np.median((toes * facing(room)).sum(axis=-1))) < 0.0:
        left = -left
        notes.append("toes would point backwards: the lateral axis is taken the other way round")
    return depth, left


def _check_together(places: Sequence[Sequence[Float64Array]], pelvis: Float64Array) -> None:
    """Radar points, room frame, of each frame of each walk, have to be where the pelvis (walks, frames, 2) is."""
    centres = np.array([[_median(frame)[:2] for frame in walk] for walk in places])
    if not np.isfinite(centres).any():
        raise ConfigurationError("radar has no points but zeros: download the file again")
    apart = float(np.nanmedian(np.linalg.norm(centres - pelvis, axis=-1)))
    if apart > 1.0:
        raise ConfigurationError(
            f"radar points are {apart:.1f} m from the joints, expected both in one frame: take files of one variant"
        )


def _channels(
    points: Sequence[Sequence[Float64Array]], pelvis: Float64Array, notes: list[str]
) -> tuple[tuple[int, float] | None, int | None]:
    """Channel and sign of the Doppler, and channel of the intensity, of the points (n, C) of frames of walks."""
    count = min(points[0][0].shape[1], 5)
    speed = np.gradient(np.linalg.norm(pelvis, axis=-1), PERIOD_NS / 1e9, axis=1)
    medians = np.array([[_median(frame) for frame in walk] for walk in points])  # (walks, frames, C)
    wrong = {c: float(np.nanmedian(np.abs(np.abs(medians[..., c]) - np.abs(speed)))) for c in range(3, count)}
    best = min(wrong, key=wrong.__getitem__, default=0)
    if not best or wrong[best] > DOPPLER_TOLERANCE:
        notes.append("no channel of the radar goes with the speed of the pelvis: Doppler stays unknown")
        return None, 3 if count > 3 else None
    agreement = float(np.nansum(medians[..., best] * speed))
    if agreement < 0:
        notes.append("Doppler counts approach as positive: it is turned round")
    return (best, 1.0 if agreement >= 0 else -1.0), next((c for c in range(3, count) if c != best), None)


def _pixels(images: Float64Array, notes: list[str]) -> tuple[bool, str]:
    """Whether pixels were reshaped, and the range of their values, of images (walks, ...)."""
    if not np.isfinite(images).all():
        raise ConfigurationError("images are not finite: download the file again")
    reshaped = _roughness(_channels_last(images, reshaped=True)) < _roughness(_channels_last(images, reshaped=False))
    if reshaped:
        notes.append("images have (height, width, 3) pixels under a (3, height, width) shape: they are read so")
    low, high = float(images.min()), float(images.max())
    if low >= 0.0:
        return reshaped, "0..1" if high <= 1.0 else "0..255"
    pixels = "-1..1" if low >= -1.0 and high <= 1.0 else "ImageNet"
    if low < -4.0 or high > 4.0:
        raise ConfigurationError(
            f"images range from {low:.3g} to {high:.3g}, expected 0..255, 0..1, -1..1 or ImageNet's -2.2..2.7"
        )
    notes.append(f"images are normalised ({pixels}): they are turned back to 0..255")
    return reshaped, pixels


def _channels_last(images: Float64Array, *, reshaped: bool) -> Float64Array:
    """Images (..., 3, H, W), or (..., H, W, 3) as they are, as (..., H, W, 3)."""
    if images.shape[-3] != 3:
        return images
    return images.reshape(*images.shape[:-3], *images.shape[-2:], 3) if reshaped else np.moveaxis(images, -3, -1)


def _roughness(images: Float64Array) -> float:
    """Mean difference of neighbouring pixels of images (n, H, W, 3)."""
    return float(np.abs(np.diff(images, axis=1)).mean() + np.abs(np.diff(images, axis=2)).mean())


# --- one take -----------------------------------------------------------------------------------------------------


def _kinect(joints: Array) -> Float64Array:
    """The 24 joints (T, 24, 3) at their places among our 32, the others NaN."""
    result = np.full((len(joints), NUM_JOINTS, 3), np.nan)
    result[:, list(SOURCE_JOINTS)] = joints
    return result


def _room(xyz: Float64Array, depth: int, left: float) -> Float64Array:
    """Vectors (..., 3) of the files in our axes: forward, left, up."""
    return np.stack((xyz[..., depth], left * xyz[..., 1 - depth], xyz[..., 2]), axis=-1)


def _valid(frame: Array) -> Float64Array:
    """The points (n, C) of a frame (N, C) that are neither padding nor broken."""
    points = np.asarray(frame, np.float64)
    points = points[np.isfinite(points).all(axis=1) & (points[:, :3] != 0.0).any(axis=1)]
    points, counts = _distinct(points)
    moved = (counts > 1) & (points[:, 3:] == 0.0).all(axis=1) & (points.shape[1] > 3)  # zeros of a translated variant
    return points[~moved]


def _distinct(points: Float64Array) -> tuple[Float64Array, NDArray[np.int64]]:
    """Each row once, in the order of their first occurrence, and how often it occurs."""
    _, first, counts = np.unique(points, axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    return points[first[order]], counts[order]


def _median(values: Float64Array) -> Float64Array:
    """Median (C,) of rows (n, C); NaN of none."""
    return np.median(values, axis=0) if len(values) else np.full(values.shape[1], np.nan)


def _points(frame: Array, layout: Layout, floor: float) -> Points:
    """One frame as (n, 6) float32, room frame; columns that the files lack are NaN."""
    valid = _valid(frame)
    points = np.full((len(valid), len(Column)), np.nan, np.float32)
    points[:, :3] = _room(valid[:, :3], layout.depth, layout.left) - (0.0, 0.0, floor)
    if layout.doppler is not None:
        channel, sign = layout.doppler
        points[:, Column.DOPPLER] = sign * valid[:, channel]
    if layout.intensity is not None:
        points[:, Column.SNR] = valid[:, layout.intensity]
    return points


def _centre(points: Points) -> NDArray[np.float32]:
    return _median(points[:, :3].astype(np.float64)).astype(np.float32)


def _picture(image: Array, layout: Layout) -> ImageArray:
    """One picture (H, W, 3) uint8 RGB."""
    values = _channels_last(np.asarray(image, np.float64), reshaped=layout.reshaped)
    scaled = {
        "0..255": lambda: values,
        "0..1": lambda: values * 255.0,
        "-1..1": lambda: (values + 1.0) * 127.5,
        "ImageNet": lambda: (values * DEVIATION + MEAN) * 255.0,
    }[layout.pixels]()
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


def _middle(height: int, width: int) -> tuple[int, int, int, int]:
    """The largest region of a crop's shape in the middle of a picture: x, y, width, height [pixel]."""
    wide = min(width, height * CROP_WIDTH // CROP_HEIGHT)
    high = min(height, wide * CROP_HEIGHT // CROP_WIDTH)
    return (width - wide) // 2, (height - high) // 2, wide, high


def _crop(picture: ImageArray, box: tuple[int, int, int, int]) -> ImageArray:
    x, y, width, height = box
    part = picture[y : y + height, x : x + width]
    return np.asarray(cv2.resize(part, (CROP_WIDTH, CROP_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
