"""Takes: one walk of one person as one sensor saw it. What every data set is made of, and how a take becomes arrays."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.types import DopplerKind, Float32Array, ImageArray, Points

Sensor = Literal["radar", "camera"]

JPEG_QUALITY = 95
"""Of stored pictures: cameras send MJPG of about this quality themselves."""


@dataclass(frozen=True, slots=True)
class TakeInfo:
    """What is known of a take without opening it.

    Attributes:
        take_id: unique in its data set.
        person_id: who walks.
        walk_id: takes of one and the same walk, by whichever sensor, share it.
        sensor: who watched.
        scene: where, "" where unknown.
        angle_deg: of the route off the sensor's axis, 0 = towards or away; NaN where unknown.
        route: kind of route, "" where unknown.
        activity: what the person does.
        people: how many were before the sensor at once.
        seed: of the walk; -1 for one that is not simulated.
        person_seed: of the person; -1 for a person who is not simulated.
        frames: how many the take has.
    """

    take_id: str
    person_id: str
    walk_id: str
    sensor: Sensor
    scene: str = ""
    angle_deg: float = math.nan
    route: str = ""
    activity: str = "walk"
    people: int = 1
    seed: int = -1
    person_seed: int = -1
    frames: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON has it: an unknown angle becomes None."""
        return {**asdict(self), "angle_deg": None if math.isnan(self.angle_deg) else self.angle_deg}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TakeInfo":
        """The inverse of `to_json`."""
        angle = content["angle_deg"]
        return cls(**{**content, "angle_deg": math.nan if angle is None else angle})


@dataclass(frozen=True, slots=True, eq=False)
class RadarTake:
    """A walk as the radar's tracker followed it, F frames; the room frame is the radar's.

    Attributes:
        info: what it is.
        stamps_ns: (F,) int64 by the radar's own clock, which no camera's agrees with.
        points: F arrays (n, 6) float32, columns as in `Column`, room frame: what the tracker gave this person.
        positions: (F, 3) float32 centre of the track [m]; NaN in frames without a track.
        joints: (F, 32, 3) float32 true joints as `body_frame` has them [m]; NaN where unknown.
        velocities: (D,) float32 Doppler bins [m/s], ascending, positive = away; D = 0 without a map.
        doppler: (D, F) float32 Doppler-time map of the track [dB], one column per frame.
        doppler_kind: what the map was made of.
        iq: (S,) complex64 slow-time signal; None where there is none.
        prf: samples of `iq` per second [Hz], 0 without.
    """

    info: TakeInfo
    stamps_ns: NDArray[np.int64]
    points: tuple[Points, ...]
    positions: Float32Array
    joints: Float32Array
    velocities: Float32Array
    doppler: Float32Array
    doppler_kind: DopplerKind = "points"
    iq: NDArray[np.complex64] | None = None
    prf: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class CameraTake:
    """A walk as a camera saw it, F frames.

    Attributes:
        info: what it is.
        stamps_ns: (F,) int64 by the camera's own clock.
        crops: (F, CROP_HEIGHT, CROP_WIDTH, 3) uint8 RGB as `camera.snippet.crop` cuts them.
        boxes: (F, 4) float32 x, y, width, height [pixel].
        geometry: (F, 4) float32 as `camera.snippet.box_geometry` has it [m].
        joints: (F, 32, 3) float32 true joints as `body_frame` has them [m]; NaN where unknown.
        skeletons: (F, 32, 3) float32 joints as a body tracker tells them, camera optical frame [m]; NaN where unknown.
        masks: (F, CROP_HEIGHT, CROP_WIDTH) uint8, 255 where a crop shows the person; None where unknown.
        images: (F, H, W, 3) uint8 BGR whole pictures; None where they were not kept.
    """

    info: TakeInfo
    stamps_ns: NDArray[np.int64]
    crops: ImageArray
    boxes: Float32Array
    geometry: Float32Array
    joints: Float32Array
    skeletons: Float32Array
    masks: ImageArray | None = None
    images: ImageArray | None = None


Take: TypeAlias = RadarTake | CameraTake


class TakeSet(Protocol):
    """Takes from anywhere: simulated, recorded, published."""

    @property
    def infos(self) -> tuple[TakeInfo, ...]:
        """Of all takes."""

    def take(self, take_id: str) -> Take:
        """One take with its content."""


class TakeList:
    """Takes held in memory."""

    def __init__(self, takes: Iterable[Take]) -> None:
        self._takes = {take.info.take_id: take for take in takes}

    @property
    def infos(self) -> tuple[TakeInfo, ...]:
        """Of all takes."""
        return tuple(take.info for take in self._takes.values())

    def take(self, take_id: str) -> Take:
        """One take with its content."""
        return self._takes[take_id]


def radar_take(takes: TakeSet, take_id: str) -> RadarTake:
    """A take that must be the radar's.

    Raises:
        ConfigurationError: it is the camera's.
    """
    take = takes.take(take_id)
    if not isinstance(take, RadarTake):
        raise ConfigurationError(f"take {take_id} is the camera's, expected one of the radar")
    return take


def camera_take(takes: TakeSet, take_id: str) -> CameraTake:
    """A take that must be the camera's.

    Raises:
        ConfigurationError: it is the radar's.
    """
    take = takes.take(take_id)
    if not isinstance(take, CameraTake):
        raise ConfigurationError(f"take {take_id} is the radar's, expected one of the camera")
    return take


# --- arrays --------------------------------------------------------------------------------------------------------

Arrays: TypeAlias = dict[str, NDArray[Any]]


def to_arrays(take: Take) -> Arrays:
    """The content of a take as arrays for a file; lengths in half precision, pictures compressed.

    Half precision is exact to 4 mm at 8 m, a tenth of the radar's range resolution; positions and boxes stay single.
    """
    if isinstance(take, RadarTake):
        arrays: Arrays = {
            "stamps_ns": take.stamps_ns,
            "points": np.concatenate([*take.points, np.empty((0, 6), np.float32)]).astype(np.float16),
            "counts": np.array([len(points) for points in take.points], np.int32),
            "positions": take.positions,
            "joints": take.joints.astype(np.float16),
            "velocities": take.velocities,
            "doppler": take.doppler.astype(np.float16),
            "doppler_kind": np.array(take.doppler_kind),
        }
        return arrays if take.iq is None else {**arrays, "iq": take.iq, "prf": np.array(take.prf)}
    arrays = {
        "stamps_ns": take.stamps_ns,
        "boxes": take.boxes,
        "geometry": take.geometry,
        "joints": take.joints.astype(np.float16),
        "skeletons": take.skeletons.astype(np.float16),
        **_compressed("crops", take.crops, ".jpg"),
    }
    if take.masks is not None:
        arrays |= _compressed("masks", take.masks, ".png")
    if take.images is not None:
        arrays |= _compressed("images", take.images, ".jpg")
    return arrays


def from_arrays(info: TakeInfo, arrays: Mapping[str, NDArray[Any]]) -> Take:
    """The inverse of `to_arrays`, but for the precision."""
    if info.sensor == "radar":
        return RadarTake(
            info=info,
            stamps_ns=arrays["stamps_ns"],
            points=tuple(np.split(arrays["points"].astype(np.float32), np.cumsum(arrays["counts"])[:-1])),
            positions=arrays["positions"],
            joints=arrays["joints"].astype(np.float32),
            velocities=arrays["velocities"],
            doppler=arrays["doppler"].astype(np.float32),
            doppler_kind="heatmap" if arrays["doppler_kind"].item() == "heatmap" else "points",
            iq=arrays.get("iq"),
            prf=float(arrays["prf"]) if "prf" in arrays else 0.0,
        )
    return CameraTake(
        info=info,
        stamps_ns=arrays["stamps_ns"],
        crops=_pictures("crops", arrays),
        boxes=arrays["boxes"],
        geometry=arrays["geometry"],
        joints=arrays["joints"].astype(np.float32),
        skeletons=arrays["skeletons"].astype(np.float32),
        masks=_pictures("masks", arrays) if "masks" in arrays else None,
        images=_pictures("images", arrays) if "images" in arrays else None,
    )


def _compressed(name: str, pictures: ImageArray, suffix: str) -> Arrays:
    """Pictures (F, H, W[, 3]) one after the other in one array of bytes, and the length of each."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else []
    encoded = [cv2.imencode(suffix, picture, options)[1].reshape(-1) for picture in pictures]
    return {name: np.concatenate(encoded), f"{name}_sizes": np.array([len(code) for code in encoded], np.int32)}


def _pictures(name: str, arrays: Mapping[str, NDArray[Any]]) -> ImageArray:
    codes: Sequence[NDArray[np.uint8]] = np.split(arrays[name], np.cumsum(arrays[f"{name}_sizes"])[:-1])
    return np.stack([np.asarray(cv2.imdecode(code, cv2.IMREAD_UNCHANGED), np.uint8) for code in codes])
