"""What can be measured of a gait when all joints are known: the same measures for captured and for simulated walks."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from mission_core.camera.skeleton import Joint
from mission_core.geometry import line_of_sight
from mission_core.types import Float32Array, Float64Array

MEASURES = (
    *("speed", "cadence", "step_length", "step_asymmetry", "step_width"),
    *("thigh_range", "knee_most", "knee_least"),
    *("arm_swing", "arm_asymmetry", "arm_offset", "elbow_flexion", "elbow_range"),
    *("pelvic_rotation", "pelvic_list", "thorax_rotation", "trunk_lean", "sway", "bounce"),
)
"""Columns of `gait_measures`: [m/s], [1/s], [m], share, [m]; then angles [rad]; sway and bounce [m]."""
PROMINENT = 0.4  # by how much a step stands out of the range of the distance between the ankles
HEADING_SMOOTHING = 0.6  # deviation of the Gaussian that evens out the way [s]


def gait_measures(joints: Float64Array, rate: float) -> Float64Array:
    """(M,) measures of a walk, in the order of `MEASURES`; NaN where no two steps are seen.

    Args:
        joints: (T, 32, 3) of somebody who walks along a line or a gentle curve [m], z up.
        rate: of the frames [1/s].
    """
    local, way = _along_the_way(joints, rate)
    left, right = (_side(local, side) for side in ("LEFT", "RIGHT"))
    apart = local[:, Joint.ANKLE_LEFT] - local[:, Joint.ANKLE_RIGHT]
    prominence = max(PROMINENT * _range(apart[:, 0]), 1e-3)
    strikes = [find_peaks(sign * apart[:, 0], prominence=prominence)[0] for sign in (1, -1)]
    steps = np.sort(np.concatenate(strikes))
    duration = (len(joints) - 1) / rate
    speed = way / duration
    cadence = (len(steps) - 1) / (steps[-1] - steps[0]) * rate if len(steps) > 2 else np.nan
    reach = [float(np.mean(np.abs(apart[found, 0]))) if len(found) else np.nan for found in strikes]
    swings = [_range(side["arm"]) for side in (left, right)]
    pelvis_yaw, pelvis_roll = _line(local, Joint.HIP_RIGHT, Joint.HIP_LEFT)
    thorax_yaw, _ = _line(local, Joint.SHOULDER_RIGHT, Joint.SHOULDER_LEFT)
    trunk = local[:, Joint.NECK] - local[:, Joint.PELVIS]
    return np.array(
        [
            speed,
            cadence,
            speed / cadence,
            (reach[0] - reach[1]) / np.mean(reach),
            np.mean(apart[:, 1]),
            np.mean([_range(side["thigh"]) for side in (left, right)]),
            np.mean([np.quantile(side["knee"], 0.97) for side in (left, right)]),
            np.mean([np.quantile(side["knee"], 0.05) for side in (left, right)]),
            np.mean(swings),
            (swings[0] - swings[1]) / np.mean(swings),
            np.mean([side["arm"].mean() for side in (left, right)]),
            np.mean([side["elbow"].mean() for side in (left, right)]),
            np.mean([_range(side["elbow"]) for side in (left, right)]),
            _range(pelvis_yaw) / 2,
            _range(pelvis_roll) / 2,
            _range(thorax_yaw - pelvis_yaw) / 2,
            np.arctan2(trunk[:, 0], trunk[:, 2]).mean(),
            _range(local[:, Joint.PELVIS, 1]) / 2,
            _range(local[:, Joint.PELVIS, 2]) / 2,
        ]
    )


def _along_the_way(joints: Float64Array, rate: float) -> tuple[Float64Array, float]:
    """Joints turned so that the way lies along x, pelvis sway about y = 0; and the length of the way [m]."""
    floor = joints[:, Joint.PELVIS, :2]
    time = np.arange(len(floor))
    trend = np.stack([np.polyval(np.polyfit(time, floor[:, i], 1), time) for i in range(2)], axis=-1)
    smooth = trend + gaussian_filter1d(floor - trend, HEADING_SMOOTHING * rate, axis=0, mode="nearest")
    velocity = np.gradient(smooth, axis=0)
    heading = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    cosine, sine = np.cos(heading)[:, None], np.sin(heading)[:, None]
    offset = joints[..., :2] - smooth[:, None]
    x = cosine * offset[..., 0] + sine * offset[..., 1]
    y = cosine * offset[..., 1] - sine * offset[..., 0]
    return np.stack((x, y, joints[..., 2]), axis=-1), float(np.linalg.norm(np.diff(smooth, axis=0), axis=1).sum())


def _side(local: Float64Array, side: str) -> dict[str, Float64Array]:
    """Angles (T,) [rad]: of thigh and upper arm forward from straight down, flexion of knee and elbow."""
    place = {name: local[:, Joint[f"{name}_{side}"]] for name in _CHAIN}
    thigh, shank = place["KNEE"] - place["HIP"], place["ANKLE"] - place["KNEE"]
    upper, lower = place["ELBOW"] - place["SHOULDER"], place["WRIST"] - place["ELBOW"]
    return {
        "thigh": np.arctan2(thigh[:, 0], -thigh[:, 2]),
        "knee": _angle(thigh, shank),
        "arm": np.arctan2(upper[:, 0], -upper[:, 2]),
        "elbow": _angle(upper, lower),
    }


_CHAIN = ("HIP", "KNEE", "ANKLE", "SHOULDER", "ELBOW", "WRIST")


def _angle(first: Float64Array, second: Float64Array) -> Float64Array:
    cosine = np.einsum("tk,tk->t", first, second) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    return np.arccos(np.clip(cosine, -1.0, 1.0))


def _line(local: Float64Array, right: Joint, left: Joint) -> tuple[Float64Array, Float64Array]:
    """Yaw and roll (T,) [rad] of the line between two joints."""
    along = local[:, left] - local[:, right]
    return np.arctan2(-along[:, 0], along[:, 1]), np.arctan2(along[:, 2], along[:, 1])


def _range(values: Float64Array) -> float:
    """Of a swinging value, without its outermost twentieth."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(high - low)


def body_frame(joints: Float64Array) -> Float32Array:
    """Joints (T, 32, 3) of a sensor's room frame as the sensor sees the body: the target of the pose heads.

    Origin on the floor beneath the pelvis, x along the line of sight away from the sensor, y left, z up.
    """
    pelvis = joints[:, 0, :2]
    result = joints.astype(np.float32)
    for row, position in enumerate(pelvis):
        result[row, :, :2] = (joints[row, :, :2] - position) @ line_of_sight(position).T
    return result
