"""Plain data passed between the rooms. Shapes, units and frames are stated here, once.

Frames (REP-103): every sensor or room frame is x forward, y left, z up; only `Body` joints live in a camera
optical frame (x right, y down, z forward). The room frame of a sensor has its origin on the floor beneath it.
Times are integer nanoseconds since the epoch (`*_ns`), lengths metres, speeds m/s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
ImageArray: TypeAlias = NDArray[np.uint8]
Points: TypeAlias = Float32Array
"""Radar detections, shape (N, 6), columns as in `Column`; N may be 0."""

NO_TRACK = -1
"""Label of a detection that belongs to no track."""

NUM_JOINTS = 32
"""Joints of an Azure Kinect body (K4ABT order, see mission_core.camera.skeleton)."""

CROP_HEIGHT, CROP_WIDTH = 96, 64
"""Size of the crops of a snippet [pixel]."""

DopplerKind = Literal["points", "heatmap"]


class Column(IntEnum):
    """Columns of a `Points` array."""

    X = 0  # [m] forward
    Y = 1  # [m] left
    Z = 2  # [m] up
    DOPPLER = 3  # radial velocity [m/s], positive = moving away
    SNR = 4  # signal to noise ratio [dB]
    NOISE = 5  # noise [dB]


@dataclass(frozen=True, slots=True, eq=False)
class RadarFrame:
    """One decoded frame of the radar.

    Attributes:
        frame_number: counter of the sensor, from 1.
        points: (N, 6) detections in the sensor frame.
        header_bytes: size of the frame header, which tells the layout.
        raw: the frame as it came off the wire.
        range_doppler: (range bins * Doppler bins,) uint16 of TLV 5 as sent, range-major, Doppler in FFT order;
            None where the frame has none. `RadarProfile.range_doppler_map` gives it axes.
        unknown_tlvs: how often each TLV type that was skipped occurred.
        nonfinite_points: detections dropped because a coordinate was not finite.
    """

    frame_number: int
    points: Points
    header_bytes: int
    raw: bytes
    range_doppler: NDArray[np.uint16] | None = None
    unknown_tlvs: Mapping[int, int] = field(default_factory=dict)
    nonfinite_points: int = 0


@dataclass(frozen=True, slots=True)
class Mount:
    """How a sensor is mounted in its room frame.

    Attributes:
        height: of the sensor above the floor [m].
        pitch_deg: downward tilt of the boresight [deg].
    """

    height: float
    pitch_deg: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person followed by the radar, in the room frame of the radar.

    Attributes:
        track_id: unique within one run of the tracker, never reused.
        position: (3,) centre of the body [m].
        velocity: (3,) [m/s].
        size: (3,) extent of recent detections along x, y, z [m].
        variance: (4,) variance of position x, y [m^2] and velocity x, y [m^2/s^2].
        age: time since the first detection [s].
        num_points: detections assigned in this frame; 0 = coasting.
        missed_frames: consecutive frames without a detection.
    """

    track_id: int
    position: Float64Array
    velocity: Float64Array
    size: Float64Array
    variance: Float64Array
    age: float
    num_points: int
    missed_frames: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """What the tracker says about one radar frame.

    Attributes:
        stamp_ns: measurement time.
        frame_number: of the radar frame; 0 when it is not known.
        tracks: confirmed tracks, ordered by track_id.
        points: (N, 6) all detections of the frame, in the room frame.
        labels: (N,) int32 track_id of each detection, NO_TRACK for none.
    """

    stamp_ns: int
    frame_number: int
    tracks: tuple[Track, ...]
    points: Points
    labels: Int32Array


@dataclass(frozen=True, slots=True)
class CameraModel:
    """Pinhole camera without distortion: size [pixel] and focal lengths, principal point [pixel]."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A person seen by the camera.

    Attributes:
        body_id: transient id, stable while the person stays in view.
        joints: (32, 3) [m], camera optical frame, K4ABT order.
        confidence: (32,) uint8, 0 none .. 3 high.
        box: (4,) float32 x, y (upper left), width, height [pixel]; all 0 when outside the picture.
    """

    body_id: int
    joints: Float32Array
    confidence: NDArray[np.uint8]
    box: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class CameraFrame:
    """One picture.

    Attributes:
        stamp_ns: measurement time.
        image: (H, W, 3) uint8, BGR as OpenCV has it.
        camera: intrinsics, None where unknown.
        bodies: people with skeletons; None where the source does no body tracking, () when nobody is there.
    """

    stamp_ns: int
    image: ImageArray
    camera: CameraModel | None = None
    bodies: tuple[Body, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Snippet:
    """A short clip of one person, cut out of camera pictures: what is enrolled.

    Attributes:
        crops: (T, H, W, 3) uint8 RGB, the person upright and centred.
        geometry: (T, 4) float32 lateral offset (left positive), distance, height, width of the box [m], from the
            camera's intrinsics and mount with the feet on the floor; NaN where that is not known.
        stamps_ns: (T,) int64, evenly spaced.
    """

    crops: ImageArray
    geometry: Float32Array
    stamps_ns: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person of the gallery as explanation of a track: probability `score`, best clip and its distance."""

    person_id: str
    score: float
    clip_id: str
    distance: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who a track may be: candidates by descending score; with `unknown` the scores sum to 1.

    Candidates are all people of a gallery, or of a large one those who were proposed (`models.reid.search`); everybody
    else, enrolled or not, is `unknown`. No candidates: too few frames yet, or an empty gallery; `unknown` is then 1.
    """

    track_id: int
    candidates: tuple[Candidate, ...]
    unknown: float
    frames_used: int


@dataclass(frozen=True, slots=True, eq=False)
class DopplerTimeMap:
    """Radial velocities of one track over time.

    Attributes:
        kind: source of the columns.
        velocities: (D,) bin centres [m/s], ascending, positive = away.
        values: (D, T) float32 [dB], >= 0, last column newest.
        frame_period: time between columns [s].
    """

    stamp_ns: int
    track_id: int
    kind: DopplerKind
    velocities: Float32Array
    values: Float32Array
    frame_period: float
