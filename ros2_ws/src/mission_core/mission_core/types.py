"""Plain data passed between the rooms. Shapes, units and frames are stated here, once.

Frames (REP-103): every sensor or room frame is x forward, y left, z up; only `Body` joints live in a camera
optical frame (x right, y down, z forward). The room frame of a sensor has its origin on the floor beneath it.
Times are integer nanoseconds since the epoch (`*_ns`), lengths metres, speeds m/s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple, TypeAlias, TypedDict

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
class Targets:
    """People that a tracker on the radar's own processor follows, in TI's world frame turned to REP-103 axes.

    That frame has its origin on the floor beneath the sensor, whose height and tilt the firmware knows from its
    configuration (sensorPosition).

    Attributes:
        ids: (N,) int32.
        positions: (N, 3) [m]; z is 0 of trackers in two dimensions.
        velocities: (N, 3) [m/s].
        accelerations: (N, 3) [m/s^2].
        covariances: (N, 4, 4) of the error in range, azimuth, elevation [m, rad] and radial velocity [m/s], (N, 3, 3)
            without elevation; azimuth grows to the left. None where not sent.
        gains: (N,) of the gate; None where not sent.
        confidences: (N,); None where not sent.
    """

    ids: Int32Array
    positions: Float32Array
    velocities: Float32Array
    accelerations: Float32Array
    covariances: Float32Array | None = None
    gains: Float32Array | None = None
    confidences: Float32Array | None = None


class VitalSigns(NamedTuple):
    """Breath and heart of one person as the radar's own processor found them.

    Attributes:
        target_id: of the tracker; 0 of a radar that looks at one person.
        range_bin: where the person sits.
        breath_deviation: how much the chest moves; nobody breathes there below some 0.02. 0 where not sent.
        heart_rate: [1/min].
        breath_rate: [1/min].
        heart_wave: latest samples of the filtered phase; () where not sent.
        breath_wave: the same of the breath.
    """

    target_id: int
    range_bin: int
    breath_deviation: float
    heart_rate: float
    breath_rate: float
    heart_wave: tuple[float, ...] = ()
    breath_wave: tuple[float, ...] = ()


class Stats(NamedTuple):
    """Times [us] and loads [%] of the radar's processor."""

    inter_frame_processing_us: int = 0
    transmit_output_us: int = 0
    inter_frame_margin_us: int = 0
    inter_chirp_margin_us: int = 0
    active_frame_load: int = 0
    inter_frame_load: int = 0


class Temperatures(NamedTuple):
    """Of the radar chip [deg C]: receivers, transmitters, power management, digital parts.

    Attributes:
        valid: whether the report is.
        time_ms: when they were measured, since the radar was switched on.
    """

    valid: bool
    time_ms: int
    receivers: tuple[int, ...]
    transmitters: tuple[int, ...]
    power: int
    digital: tuple[int, ...]


class RadarContents(TypedDict, total=False):
    """What a frame of the radar holds beside detections; a key is absent where the frame does not have it.

    Keys:
        range_profile, noise_profile: (range bins,) uint16, log2 magnitude at velocity 0 and at the highest one.
        range_doppler: (range bins * Doppler bins,) uint16 as sent, range-major, Doppler in FFT order, log2 magnitude;
            `RadarProfile.range_doppler_map` gives it axes.
        azimuth_heatmap, antenna_heatmap: (range bins * antennas,) complex64 as sent, static reflections before the
            angle's Fourier transform; of the azimuth antennas, of all.
        doppler_bins: (N,) int16 of the detections, from firmware that tells no velocity (SDK 2).
        static_points: (M, 6) detections that do not move, columns as `Points`.
        targets: people that the radar's own tracker follows.
        target_index: (N,) uint8, the target of every detection *of the previous frame*; 253 weak, 254 outside the
            boundary, 255 noise.
        target_heights: lower and upper end of every target [m], by its id.
        vital_signs, stats, temperatures: see there.
        presence: 0 or 1, or a bit for each zone.
        occupancy: a bit for each zone.
        surface: class probability of the ground.
        gesture_features, gesture_probabilities: (10,) float32.
        velocity: ego velocity [m/s] and whether it is trusted.
    """

    range_profile: NDArray[np.uint16]
    noise_profile: NDArray[np.uint16]
    range_doppler: NDArray[np.uint16]
    azimuth_heatmap: NDArray[np.complex64]
    antenna_heatmap: NDArray[np.complex64]
    doppler_bins: NDArray[np.int16]
    static_points: Points
    targets: Targets
    target_index: NDArray[np.uint8]
    target_heights: Mapping[int, tuple[float, float]]
    vital_signs: VitalSigns
    stats: Stats
    temperatures: Temperatures
    presence: int
    occupancy: int
    surface: float
    gesture_features: Float32Array
    gesture_probabilities: Float32Array
    velocity: tuple[float, bool]


@dataclass(slots=True, eq=False)  # to freeze it takes a microsecond, a fifth of what decoding takes
class RadarFrame:
    """One decoded frame of the radar; not to be changed.

    Attributes:
        frame_number: counter of the sensor, from 1.
        points: (N, 6) detections in the sensor frame; SNR and noise are 0 dB where the sensor does not tell them.
        layout: name of its header's layout, see `mission_core.radar.layout`.
        raw: the frame as it came off the wire.
        contents: what it holds beside detections.
        unknown_tlvs: how often each TLV type that was skipped occurred.
        nonfinite_points: detections dropped because a coordinate was not finite.
        sub_frame: of an advanced frame, from 0; frames of one number differ by it.
    """

    frame_number: int
    points: Points
    layout: str
    raw: bytes
    contents: RadarContents
    unknown_tlvs: Mapping[int, int] = field(default_factory=dict)
    nonfinite_points: int = 0
    sub_frame: int = 0


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
    It looks back on `frames_used` frames and depends on nothing before `since_ns` [ns], 0 where that is not told.
    """

    track_id: int
    candidates: tuple[Candidate, ...]
    unknown: float
    frames_used: int
    since_ns: int = 0


@dataclass(frozen=True, slots=True)
class ActivityOpinion:
    """What a track does: probability of each activity that is known; the rest up to 1 is none of them.

    No activities: too little was seen of the track yet.
    """

    track_id: int
    activities: tuple[str, ...]
    probabilities: tuple[float, ...]


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
