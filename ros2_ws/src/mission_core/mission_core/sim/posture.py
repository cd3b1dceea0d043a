"""From a posture to the 32 joints of a person: what gait and the activities have in common.

A posture says where the pelvis and the ankles are, how trunk and head are turned and where the arms point; knees follow
by inverse kinematics of two bones, so that a foot which stands does stand, whatever the pelvis does.
"""

from dataclasses import dataclass

import numpy as np

from mission_core.sim.cohort import Person, Segments
from mission_core.types import Float64Array

LEFT, RIGHT = 0, 1
SIDES = (1.0, -1.0)  # y of the left, of the right

# along the spine, in lengths of the trunk from the hip line, and of the neck above the shoulder line, in heads
NAVEL, CHEST, NECK = 0.38, 0.72, 0.10
CLAVICLE = 0.12  # from the midline, in shoulder widths
# head, nose, left eye, left ear, right eye, right ear, as (up, forward, left) of the neck in heads
HEAD_PLACES = np.array(
    [
        (0.30, 0.00, 0.00),
        (0.47, 0.36, 0.00),
        (0.56, 0.32, 0.10),
        (0.54, 0.00, 0.24),
        (0.56, 0.32, -0.10),
        (0.54, 0.00, -0.24),
    ]
)
LONGEST_LEG = 0.9995  # relative to thigh and shank
HEEL, BALL = -0.25, 0.48
"""Heel and ball of the foot before the ankle, in lengths of the foot (ANSUR II: the ball at 0.73 from the heel)."""


@dataclass(frozen=True)
class Posture:
    """Where a body is, over T instants; lengths [m], angles [rad]; two-fold arrays are left, right.

    Attributes:
        pelvis: (T, 3) middle of the hip joints, room frame.
        heading: (T,) where the body faces, from +x to the left.
        pelvis_yaw: (T,) rotation of the pelvis to the left, against the heading.
        pelvis_list: (T,) left hip above the right one.
        lean: (T,) of the trunk, forward.
        side_lean: (T,) of the trunk, to the left.
        thorax_yaw: (T,) of the shoulders to the left, against the heading.
        upper_arms: (2, T, 3) unit vectors from shoulder to elbow; forward, left, up of the thorax.
        forearms: (2, T, 3) unit vectors from elbow to wrist; the same frame.
        ankles: (2, T, 3) room frame.
        foot_pitch: (2, T) toes above the heel.
        foot_yaw: (2, T) where the feet point, room frame.
        head_yaw: (T,) against the heading.
        head_pitch: (T,) downward.
    """

    pelvis: Float64Array
    heading: Float64Array
    pelvis_yaw: Float64Array
    pelvis_list: Float64Array
    lean: Float64Array
    side_lean: Float64Array
    thorax_yaw: Float64Array
    upper_arms: Float64Array
    forearms: Float64Array
    ankles: Float64Array
    foot_pitch: Float64Array
    foot_yaw: Float64Array
    head_yaw: Float64Array
    head_pitch: Float64Array


def joints(person: Person, posture: Posture) -> Float64Array:
    """The joints (T, 32, 3) [m] of a person in a posture, K4ABT order."""
    segments = person.segments
    forward, left, up = trunk_axes(posture)
    spine = segments.trunk * up
    shoulder_line = posture.pelvis + spine
    neck = shoulder_line + NECK * segments.head * up
    arms = [_arm(segments, posture, side, shoulder_line, (forward, left, up)) for side in (LEFT, RIGHT)]
    clavicles = [shoulder_line + sign * CLAVICLE * segments.shoulder_width * left for sign in SIDES]
    legs = [_leg(segments, posture, side) for side in (LEFT, RIGHT)]
    head = _head(segments, posture, neck)
    rows = (
        *(posture.pelvis, posture.pelvis + NAVEL * spine, posture.pelvis + CHEST * spine, neck),
        *(clavicles[LEFT], *arms[LEFT], clavicles[RIGHT], *arms[RIGHT]),
        *(*legs[LEFT], *legs[RIGHT], *head),
    )
    return np.stack(rows, axis=1)


def hips(segments: Segments, posture_yaw: Float64Array, pelvis_list: Float64Array) -> Float64Array:
    """Hip joints (2, T, 3) relative to the middle of the pelvis, which is turned to a yaw (T,) of the room frame."""
    flat = np.cos(pelvis_list)
    left = np.stack((-np.sin(posture_yaw) * flat, np.cos(posture_yaw) * flat, np.sin(pelvis_list)), axis=-1)
    return np.stack([sign * segments.hip_width / 2 * left for sign in SIDES])


def ankle_over_floor(
    segments: Segments, pitch: Float64Array, rounding: Float64Array | float = 0.0
) -> tuple[Float64Array, Float64Array]:
    """Where the ankle is over a foot that rests on heel (pitch > 0), sole or ball (pitch < 0).

    Args:
        segments: of the person.
        pitch: any shape [rad].
        rounding: height [m] by which a foot in the air is lifted at most where heel and ball change places.

    Returns:
        How far the ankle is before its place over the flat foot [m], and its height above the floor [m].
    """
    sine, cosine = np.sin(pitch), np.cos(pitch)
    pivot = segments.foot * np.where(pitch > 0, HEEL, BALL)
    ahead = pivot - pivot * cosine - segments.ankle_height * sine
    middle, half = (BALL + HEEL) / 2 * segments.foot, (BALL - HEEL) / 2 * segments.foot
    return ahead, segments.ankle_height * cosine - middle * sine + np.hypot(half * sine, rounding)


def leg_reach(segments: Segments, knee: Float64Array) -> Float64Array:
    """Distance from hip to ankle [m] with the knee flexed by an angle of any shape [rad]."""
    thigh, shank = segments.thigh, segments.shank
    return np.sqrt(thigh**2 + shank**2 + 2 * thigh * shank * np.cos(knee))


def within_reach(segments: Segments, hips: Float64Array, ankles: Float64Array) -> Float64Array:
    """Ankles (2, T, 3), drawn to the hips (2, T, 3) where the legs are too short."""
    apart = ankles - hips
    longest = LONGEST_LEG * (segments.thigh + segments.shank)
    return hips + apart * np.minimum(1.0, longest / np.linalg.norm(apart, axis=-1, keepdims=True))


def hanging(flexion: Float64Array, abduction: Float64Array) -> Float64Array:
    """Unit vector (..., 3) of an arm that hangs, swung forward by flexion and to the left by abduction [rad]."""
    cosine = np.cos(flexion)
    return np.stack(
        np.broadcast_arrays(np.sin(flexion), cosine * np.sin(abduction), -cosine * np.cos(abduction)), axis=-1
    )


def reach(segments: Segments, target: Float64Array, pole: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Directions of upper arm and forearm (T, 3) that bring the wrist to a target.

    Args:
        segments: of the person.
        target: (T, 3) wrist from the shoulder [m]; one out of reach is moved nearer.
        pole: (3,) or (T, 3) direction to which the elbow bends.
    """
    longest = 0.995 * (segments.upper_arm + segments.forearm)
    distance = np.linalg.norm(target, axis=-1, keepdims=True)
    target = target * np.minimum(1.0, longest / distance)
    elbow = _bend(target, pole, segments.upper_arm, segments.forearm)
    return elbow / segments.upper_arm, (target - elbow) / segments.forearm


def trunk_axes(posture: Posture) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Forward, left and up (T, 3) of the thorax in the room frame."""
    lean, side = posture.lean, posture.side_lean
    ahead = np.stack((np.cos(posture.heading), np.sin(posture.heading), np.zeros_like(posture.heading)), axis=-1)
    across = np.stack((-ahead[:, 1], ahead[:, 0], ahead[:, 2]), axis=-1)
    up = (np.sin(lean) * np.cos(side))[:, None] * ahead + np.sin(side)[:, None] * across
    up[:, 2] = np.cos(lean) * np.cos(side)
    yaw = posture.heading + posture.thorax_yaw
    facing = np.stack((np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)), axis=-1)
    left = np.cross(up, facing)
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    return np.cross(left, up), left, up


def _leg(segments: Segments, posture: Posture, side: int) -> tuple[Float64Array, ...]:
    """Hip, knee, ankle and foot, each (T, 3)."""
    yaw, pitch = posture.foot_yaw[side], posture.foot_pitch[side]
    hip = posture.pelvis + hips(segments, posture.heading + posture.pelvis_yaw, posture.pelvis_list)[side]
    ankle = posture.ankles[side]
    toward = np.stack((np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)), axis=-1)
    knee = hip + _bend(ankle - hip, toward, segments.thigh, segments.shank)
    sine, cosine = np.sin(pitch)[:, None], np.cos(pitch)[:, None]
    vertical = np.array([0.0, 0.0, 1.0])
    along, above = cosine * toward + sine * vertical, cosine * vertical - sine * toward
    foot = ankle + BALL * segments.foot * along - 0.75 * segments.ankle_height * above
    return hip, knee, ankle, foot


def _arm(
    segments: Segments,
    posture: Posture,
    side: int,
    shoulder_line: Float64Array,
    axes: tuple[Float64Array, Float64Array, Float64Array],
) -> tuple[Float64Array, ...]:
    """Shoulder, elbow, wrist, hand, tip and thumb, each (T, 3)."""
    forward, left, up = axes

    def room(local: Float64Array) -> Float64Array:
        return local[:, :1] * forward + local[:, 1:2] * left + local[:, 2:] * up

    along = posture.forearms[side]
    shoulder = shoulder_line + SIDES[side] * segments.shoulder_width / 2 * left
    elbow = shoulder + segments.upper_arm * room(posture.upper_arms[side])
    wrist = elbow + segments.forearm * room(along)
    hand, tip = (wrist + share * segments.hand * room(along) for share in (0.45, 0.95))
    thumb = wrist + 0.25 * segments.hand * (room(along) + room(_thumb(along)))
    return shoulder, elbow, wrist, hand, tip, thumb


def _thumb(along: Float64Array) -> Float64Array:
    """To which side (T, 3) of a forearm the thumb lies: forward of a hanging arm, up of one stretched forward."""
    turn = np.cross(np.array([0.0, 0.0, -1.0]), along)
    ahead = np.array([1.0, 0.0, 0.0])
    once = np.cross(turn, ahead)
    share = np.maximum(1.0 - along[:, 2:], 0.1)  # 1 + cosine of the angle to straight down
    return ahead + once + np.cross(turn, once) / share


def _head(segments: Segments, posture: Posture, neck: Float64Array) -> tuple[Float64Array, ...]:
    """Head, nose, left eye, left ear, right eye, right ear, each (T, 3)."""
    yaw, pitch = posture.heading + posture.head_yaw, posture.head_pitch
    level = np.stack((np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)), axis=-1)
    left = np.stack((-level[:, 1], level[:, 0], level[:, 2]), axis=-1)
    vertical = np.array([0.0, 0.0, 1.0])
    sine, cosine = np.sin(pitch)[:, None], np.cos(pitch)[:, None]
    forward, up = cosine * level - sine * vertical, cosine * vertical + sine * level
    return tuple(neck + segments.head * (a * up + b * forward + c * left) for a, b, c in HEAD_PLACES)


def _bend(target: Float64Array, pole: Float64Array, first: float, second: float) -> Float64Array:
    """Middle joint (T, 3) of two bones from the origin to a target (T, 3), bent towards the pole."""
    distance = np.linalg.norm(target, axis=-1, keepdims=True)
    along = target / distance
    aside = pole - (pole * along).sum(axis=-1, keepdims=True) * along
    aside = aside / np.linalg.norm(aside, axis=-1, keepdims=True)
    projected = (first**2 - second**2 + distance**2) / (2 * distance)
    return projected * along + np.sqrt(np.maximum(first**2 - projected**2, 0.0)) * aside
