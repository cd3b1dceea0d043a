"""Readers of published recordings of real radars: points per frame in REP-103 axes, and what was recorded beside them.

None of these recordings belongs to mission; their licences stand in their own folders. Tests and benchmarks find them
through the environment variable `MISSION_DATA`.

Traps that are dealt with here, once:

* RadHAR (IWR1443): `x` is forward and `y` lateral. The ROS driver it was recorded with makes the left positive, the
  data set's notes say the right; we follow the driver. The column `range` is 256/240 of |(x, y, z)|: the driver
  multiplies the range bin by the resolution instead of the width of a bin. Its `intensity` is 10 log10 of a log
  magnitude, not a signal-to-noise ratio.
* MARS (IWR1443, Kinect v2): x right, y forward (depth), z up. Its intensities are plain numbers of unknown unit. A file
  holds parts of several takes; frame numbers jump between them, or start anew where the radar did.
* TI's tracker vectors: spherical, azimuth from the boresight to the right; the SNR is a ratio, not in dB. The elevation
  is 0 throughout, the sensor had no elevation antennas in use.
* Captures of the UART are read by `mission_core.radar.capture`; `load_uart` only brings them into the same form.

Where a recording has no SNR or no noise the column is NaN; `intensities` keeps what it has instead.
"""

import gzip
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mission_core.errors import ConfigurationError
from mission_core.geometry import ti_to_rep103
from mission_core.radar.capture import read_capture
from mission_core.radar.stream import FrameStream
from mission_core.types import Column, Float32Array, Float64Array, Points

GTRACK_PERIOD = 0.05  # [s]
MARS_PERIOD = 0.1
UART_PERIOD = 0.1
KINECT_V2_JOINTS = 25


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """What a real radar reported.

    Attributes:
        name: of the recording.
        stamps: (F,) time of each frame, from the first one [s]; it may jump between takes, in MARS also backwards.
        frames: F arrays (N, 6) float32, columns as in `Column`, sensor frame (REP-103), NaN where not recorded.
        intensities: F arrays (N,) float32 as recorded, unit unknown; empty where the recording has an SNR.
        tracks: F arrays (K, 5) of the recording's own tracker: id, x, y [m], their velocities [m/s], REP-103.
        joints: (F, 25, 3) float32 joints of a Kinect v2 in its order [m], REP-103, the radar's frame; None without.
        began: when the first frame came [s] since 1970; NaN where not recorded.
    """

    name: str
    stamps: Float64Array
    frames: tuple[Points, ...]
    intensities: tuple[Float32Array, ...] = ()
    tracks: tuple[Float64Array, ...] = ()
    joints: Float32Array | None = None
    began: float = math.nan


def load_radhar(path: Path) -> Recording:
    """One recording of RadHAR from its .npz form: `t` (N,) [s], `t0` [s], `frame` (N,), `pts` (N, 8).

    Raises:
        ConfigurationError: the file cannot be read or has another form.
    """
    try:
        with np.load(path) as arrays:
            rows, number, seconds = arrays["pts"], arrays["frame"], arrays["t"].astype(np.float64)
            columns, began = list(arrays["cols"]), float(arrays["t0"])
    except (OSError, KeyError, ValueError) as error:
        raise ConfigurationError(f"RadHAR file {path}: expected arrays pts, frame, t, t0 and cols ({error})") from error
    if columns[:5] != ["x", "y", "z", "range", "velocity"] or rows.shape[1:] != (8,):
        raise ConfigurationError(f"RadHAR file {path} has columns {columns}, expected x y z range velocity and three")
    first = np.flatnonzero(np.diff(number, prepend=-1))  # of each frame
    points = _points(rows[:, :3], rows[:, 4])
    return Recording(
        path.stem,
        seconds[first] - seconds[0],
        tuple(np.split(points, first[1:])),
        tuple(np.split(rows[:, 7].astype(np.float32), first[1:])),
        began=began,
    )


def load_gtrack(path: Path) -> Recording:
    """TI's test vectors of its group tracker: points and the tracks that TI's tracker makes of them.

    Raises:
        ConfigurationError: the file cannot be read or ends within a frame.
    """
    frames, tracks = [], []
    data = _read(path)
    offset = 0
    try:
        while offset < len(data):
            _, count = np.frombuffer(data, "<u4", 2, offset)
            offset += 8
            points, states = np.zeros((0, 5), np.float32), np.zeros((0, 10), np.float32)
            for _ in range(count):
                kind, length = (int(word) for word in np.frombuffer(data, "<u4", 2, offset))
                payload = np.frombuffer(data, np.uint8, length, offset + 8)
                offset += 8 + length
                if kind == 6:
                    points = payload.view("<f4").reshape(-1, 5)
                elif kind == 7:
                    states = payload.view("<f4").reshape(-1, 10)
            frames.append(_spherical(points))
            tracks.append(_ti_tracks(states))
    except ValueError as error:
        raise ConfigurationError(f"tracker vectors {path} end within a frame ({error}): copy the file anew") from error
    return Recording(path.stem, np.arange(len(frames)) * GTRACK_PERIOD, tuple(frames), tracks=tuple(tracks))


def load_uart(path: Path) -> Recording:
    """Bytes off the data port of a radar that runs TI's demo, frames at 10 Hz, lost ones left out.

    Raises:
        ConfigurationError: the file cannot be read or holds no frame.
    """
    frames = list(read_capture(path, FrameStream()))
    if not frames:
        raise ConfigurationError(f"capture {path} holds no frame: expected bytes of a radar's data port")
    numbers = np.array([frame.frame_number for frame in frames], dtype=np.float64)
    return Recording(path.stem, (numbers - numbers[0]) * UART_PERIOD, tuple(frame.points for frame in frames))


def load_mars(radar: Path, kinect: Path) -> Recording:
    """A pair of MARS files (.csv or .csv.gz): rows of radar points grouped by frame, one row of joints per frame.

    Raises:
        ConfigurationError: a file cannot be read, or the two do not have equally many frames.
    """
    rows, joints = _table(radar), _table(kinect)
    first = np.flatnonzero(np.diff(rows[:, 0], prepend=np.nan) != 0)
    if joints.shape != (len(first), 3 * KINECT_V2_JOINTS):
        raise ConfigurationError(
            f"{radar.name} has {len(first)} frames, {kinect.name} {joints.shape}: expected a row of 75 per frame"
        )
    points = _points(ti_to_rep103(rows[:, 2:5]), rows[:, 5])
    return Recording(
        radar.name.split(".")[0],
        (rows[first, 0] - rows[0, 0]) * MARS_PERIOD,
        tuple(np.split(points, first[1:])),
        tuple(np.split(rows[:, 6].astype(np.float32), first[1:])),
        joints=ti_to_rep103(joints.reshape(-1, 3, KINECT_V2_JOINTS).transpose(0, 2, 1)).astype(np.float32),
    )


def radhar_files(data: Path, activity: str = "walk") -> list[Path]:
    """RadHAR's recordings of an activity, below the directory of real recordings.

    Raises:
        ConfigurationError: there are none.
    """
    return _found(sorted((data / "radhar" / "npz").glob(f"*_{activity}_*.npz")), data / "radhar" / "npz")


def mars_files(data: Path) -> list[tuple[Path, Path]]:
    """MARS' pairs of radar and Kinect files below the directory of real recordings, subject by subject.

    Raises:
        ConfigurationError: there are none.
    """
    directory = data / "mars" / "synced_data" / "wooutlier"
    radars = _found(sorted(directory.glob("subject*/timesplit/radar_data_*.csv*")), directory)
    return [(path, path.with_name(path.name.replace("radar", "kinect"))) for path in radars]


def _found(paths: list[Path], directory: Path) -> list[Path]:
    if not paths:
        raise ConfigurationError(f"no such recordings in {directory}: set MISSION_DATA to the folder that holds them")
    return paths


def _points(xyz: Float32Array | Float64Array, doppler: Float32Array | Float64Array) -> Points:
    points = np.full((len(xyz), len(Column)), np.nan, np.float32)
    points[:, :3] = xyz
    points[:, Column.DOPPLER] = doppler
    return points


def _spherical(rows: Float32Array) -> Points:
    """Points from rows of range, azimuth, elevation, Doppler and SNR as a ratio."""
    distance, azimuth, elevation, doppler, snr = rows.T
    level = distance * np.cos(elevation)
    points = _points(
        np.stack((level * np.cos(azimuth), -level * np.sin(azimuth), distance * np.sin(elevation)), axis=-1), doppler
    )
    points[:, Column.SNR] = 10 * np.log10(snr)
    return points


def _ti_tracks(rows: Float32Array) -> Float64Array:
    """(K, 5) id, x, y, velocities in REP-103 axes from TI's rows: id (as u4), x y z, vx vy vz, ax ay az."""
    ids = np.ascontiguousarray(rows[:, 0]).view("<u4").astype(np.float64)
    position, velocity = (ti_to_rep103(rows[:, i : i + 3].astype(np.float64))[:, :2] for i in (1, 4))
    return np.column_stack((ids, position, velocity))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"recording {path} cannot be read: {error.strerror}") from error


def _table(path: Path) -> Float64Array:
    """The numbers below the header of a .csv or .csv.gz file."""
    data = _read(path)
    try:
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        lines: Sequence[str] = text.decode().splitlines()
        return np.loadtxt(lines, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"table {path}: expected a header and rows of numbers ({error})") from error
