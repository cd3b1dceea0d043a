"""Motion that was captured: joints over time, at any frame rate, made into a `Motion`.

A `.npz` file holds `joints` (T, J, 3) float32 [m], z up, `names` (J), `fps`, `person` and `take`. The joints may be
those of any skeleton that `skeletons` knows. The person who is simulated from it has the bones that were captured; what
joints do not show (girth, mass, sex, age) is drawn by the person's id, so that it is the same in every take, and is
nobody's.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.signal import butter, sosfiltfilt
from scipy.spatial.distance import cdist

from mission_core.camera.skeleton import PARENTS, Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import GIRTHS, Girths, Person, Segments, sample_person
from mission_core.sim.posture import BALL, HEEL
from mission_core.sim.skeletons import ANKLE_HEIGHT, FOOT, HAND, complete, recognise, stature_of
from mission_core.types import NUM_JOINTS, Float64Array

MAX_GAP = 0.5
"""Longest time without a joint that is filled in [s]."""
MIN_DURATION = 1.0
MIN_FPS, MAX_FPS = 5.0, 1000.0
STATURES = (1.2, 2.3)
"""A person's size that is believed [m]."""
HEAD_SHARES = (0.155, 0.21)
"""Shortest and longest head, from the line of the shoulders, as fractions of stature."""
CUTOFF = 6.0
"""Of the low-pass filter for noisy joints [Hz]: Winter, "Biomechanics and Motor Control of Human Movement", finds the
movement of walking below it."""
NOISY = 0.004
"""Movement above the cutoff from which on it counts as noise [m], root mean square of the median joint."""
FLOOR = 0.3
"""Quantile of the heights of the lower sole that is the floor: at least so much of the time, in running too, one foot
rests; moments at which a capture's foot, which cannot bend, or its noise dips lower are not the floor."""
SEAM = 0.2
"""Time over which one stride is blended into the next [s]."""
MIN_CYCLE = 0.6
"""Shortest stride [s]."""
MAX_SEAM = 0.12
"""Difference between two postures above which they are not one moment of a cycle [m]."""


class JointSequence:
    """Captured joints as a `Motion`.

    Args:
        joints: (T, 32, 3) [m], room frame, K4ABT order, the floor at z = 0.
        fps: frames per second.
        person: whose body it is.
        take: name of the take.
        repeated: share of the duration that repeats what was shown before.

    Raises:
        ConfigurationError: if there are fewer than two frames, or they have another shape or are not finite.
    """

    def __init__(
        self, joints: Float64Array, fps: float, person: Person, take: str = "", *, repeated: float = 0.0
    ) -> None:
        if joints.ndim != 3 or joints.shape[1:] != (NUM_JOINTS, 3) or len(joints) < 2 or not np.isfinite(joints).all():
            raise ConfigurationError(
                f"a sequence needs finite joints (T > 1, {NUM_JOINTS}, 3), got {joints.shape}: complete them first"
            )
        self.frames = np.asarray(joints, dtype=np.float64)
        self.fps = fps
        self.person = person
        self.take = take
        self.repeated = repeated
        self.duration = (len(joints) - 1) / fps
        self._spline = CubicSpline(np.arange(len(joints)) / fps, self.frames, axis=0)

    def joints(self, t: Float64Array) -> Float64Array:
        """Joints at the times t (T,) [s]: (T, 32, 3) [m], room frame; before the start and after the end they rest."""
        return self._spline(np.clip(np.asarray(t, dtype=np.float64), 0.0, self.duration))

    def placed(self, start: tuple[float, float], heading: float) -> "JointSequence":
        """The same motion elsewhere: the pelvis begins above `start` [m], the walk goes in direction `heading` [rad].

        The direction of somebody who stays in place is the one they face.
        """
        turn = heading - direction(self.frames)
        c, s = math.cos(turn), math.sin(turn)
        moved = self.frames - self.frames[0, Joint.PELVIS] * (1.0, 1.0, 0.0)
        moved = moved @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        moved[..., :2] += start
        return JointSequence(moved, self.fps, self.person, self.take, repeated=self.repeated)

    def looped(self, duration: float) -> "JointSequence":
        """The walk at least `duration` [s] long, its strides repeated straight on; as it is where it lasts that long.

        The longest piece is repeated whose ends are alike in posture and velocity, which in walking is a whole number
        of strides. Its last part is blended into what was captured before its beginning. `repeated` of the result says
        how much of it is not new.

        Raises:
            ConfigurationError: if the motion does not repeat itself.
        """
        if duration <= self.duration:
            return self
        begin, end = _longest_cycle(self.frames, self.fps)
        piece = self.frames[begin:end].copy()
        step = (self.frames[end, Joint.PELVIS] - self.frames[begin, Joint.PELVIS]) * (1.0, 1.0, 0.0)
        seam = round(SEAM * self.fps)
        share = np.linspace(0.0, 1.0, seam + 2)[1:-1, None, None]
        share = share**2 * (3.0 - 2.0 * share)
        piece[-seam:] = (1.0 - share) * piece[-seam:] + share * (self.frames[begin - seam : begin] + step)
        piece = with_bones(piece, bone_lengths(self.frames))
        repeats = math.ceil((duration * self.fps + 1) / len(piece))
        walk = np.concatenate([piece + k * step for k in range(repeats)])[: math.ceil(duration * self.fps) + 1]
        new = min(1.0, len(piece) / len(walk))
        return JointSequence(walk, self.fps, self.person, self.take, repeated=1.0 - new * (1.0 - self.repeated))


# --- geometry of captured joints ----------------------------------------------------------------------------------


def bone_lengths(joints: Float64Array) -> Float64Array:
    """Median length (32,) of the bone that ends in each joint of (T, 32, 3); 0 for the pelvis."""
    bones = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    return np.concatenate(([0.0], np.median(bones, axis=0)))


def with_bones(joints: Float64Array, bones: Float64Array) -> Float64Array:
    """Joints (T, 32, 3) with bones of the given lengths (32,), each in the direction that it had."""
    result = joints.copy()
    for joint, parent in list(enumerate(PARENTS))[1:]:
        vector = joints[:, joint] - joints[:, parent]
        length = np.linalg.norm(vector, axis=-1, keepdims=True)
        result[:, joint] = result[:, parent] + vector * (bones[joint] / np.maximum(length, 1e-9))
    return result


def sole_heights(joints: Float64Array, stature: float) -> Float64Array:
    """Height (T,) of the lowest point of both soles of joints (T, 32, 3), z up, in the unit of joints and stature.

    A sole is a plate from the heel to the ball of the foot, `ANKLE_HEIGHT` below the ankle, and flat on the floor while
    the ankle does not move over it: so it does not matter where on the foot a skeleton has its FOOT.
    """
    heights = []
    for ankle, foot in zip(*(sides(joints, name) for name in ("ANKLE", "FOOT")), strict=True):
        bone, speed = foot - ankle, np.linalg.norm(np.gradient(ankle[:, :2], axis=0), axis=1)
        pitch = np.arcsin(bone[:, 2] / np.maximum(np.linalg.norm(bone, axis=1), 1e-9))
        pitch = pitch - np.median(pitch[speed <= np.quantile(speed, 0.3)])
        plate = ankle[:, 2] - ANKLE_HEIGHT * stature * np.cos(pitch)
        heights += [plate + place * FOOT * stature * np.sin(pitch) for place in (HEEL, BALL)]
    return np.min(heights, axis=0)


def sides(joints: Float64Array, name: str) -> Float64Array:
    """The left and the right joint of a name (2, T, 3)."""
    return np.stack((joints[:, Joint[f"{name}_LEFT"]], joints[:, Joint[f"{name}_RIGHT"]]))


def up_axis(joints: Float64Array) -> Float64Array:
    """Unit vector (3,) from the feet to the head, on the average of joints (T, 32, 3)."""
    up = (joints[:, Joint.HEAD] - sides(joints, "ANKLE").mean(axis=0)).mean(axis=0)
    return up / max(float(np.linalg.norm(up)), 1e-9)


def upright(joints: Float64Array) -> Float64Array:
    """Joints (T, 32, 3) turned so that the axis along which people stand becomes z; right-handed as before."""
    up = up_axis(joints)
    axis = int(np.abs(up).argmax())
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]  # y up: (z, x, y)
    turned = joints[..., order]
    return turned if up[axis] > 0 else turned * (1.0, -1.0, -1.0)


def facing(joints: Float64Array) -> Float64Array:
    """Unit vectors (T, 3) ahead of the hips of joints (T, 32, 3), horizontal; z up."""
    left, right = sides(joints, "HIP")
    left = left - right
    ahead = np.stack((left[:, 1], -left[:, 0], np.zeros(len(left))), axis=-1)
    return ahead / np.maximum(np.linalg.norm(ahead, axis=-1, keepdims=True), 1e-9)


def direction(joints: Float64Array) -> float:
    """Direction in which joints (T, 32, 3) walk [rad]; of less than half a metre's walk, where they face."""
    way = joints[-1, Joint.PELVIS] - joints[0, Joint.PELVIS]
    if math.hypot(way[0], way[1]) < 0.5:
        way = facing(joints).mean(axis=0)
    return math.atan2(way[1], way[0])


def _longest_cycle(joints: Float64Array, fps: float) -> tuple[int, int]:
    """First and last frame of the longest piece whose ends are alike."""
    seam = round(SEAM * fps)
    local = joints - joints[:, :1] * (1.0, 1.0, 0.0)
    state = np.concatenate((local, 0.1 * np.gradient(local, 1.0 / fps, axis=0)), axis=1)
    state = state.reshape(len(joints), -1) / math.sqrt(NUM_JOINTS)
    thin = max(1, len(joints) // 1000)
    frames = np.arange(seam, len(joints), thin)
    difference = cdist(state[frames], state[frames])
    lag = (frames[None, :] - frames[:, None]) / fps
    difference[lag < MIN_CYCLE] = np.inf
    best = float(difference.min(initial=np.inf))
    if best > MAX_SEAM:
        raise ConfigurationError(
            f"the motion does not repeat itself (its most similar postures differ by {best:.2f} m, expected at most "
            f"{MAX_SEAM} m): record at least one whole stride more, or ask for no longer a walk than was recorded"
        )
    alike = difference <= max(1.5 * best, MAX_SEAM / 2)
    longest = alike & (lag > lag[alike].max() - MIN_CYCLE / 2)
    begin, end = np.unravel_index(int(np.where(longest, difference, np.inf).argmin()), lag.shape)
    return int(frames[begin]), int(frames[end])


# --- files --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """What is in a file, of the right types but not yet believed."""

    joints: Float64Array
    names: tuple[str, ...]
    fps: float
    person: str
    take: str


def load_sequence(path: Path) -> JointSequence:
    """The motion in a `.npz` file of joints, its feet on the floor.

    Joints that are missing (NaN) for up to half a second are filled in from the frames around; incomplete frames at
    either end are cut off. Joints that tremble as those of depth cameras do are smoothed.

    Raises:
        ConfigurationError: if the file cannot be read or its content is not as the format says.
    """
    try:
        recording = _read(path)
        joints = _plausible(_filled(recording), recording.names)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    joints = _smoothed(joints, recording.fps)
    joints[..., 2] -= np.quantile(sole_heights(joints, stature_of(joints)), FLOOR)
    return JointSequence(joints, recording.fps, measured_person(recording.person, joints), recording.take)


def _read(path: Path) -> _Recording:
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {key: archive[key] for key in ("joints", "names", "fps", "person", "take") if key in archive}
    except FileNotFoundError as error:
        raise ConfigurationError("there is no such file; check the path") from error
    except Exception as error:  # numpy and zipfile raise a dozen kinds at damaged files
        raise ConfigurationError(
            f"cannot be read ({error or type(error).__name__}): expected a .npz file of plain arrays without pickled "
            "objects; save it again with numpy.savez"
        ) from error
    if missing := [key for key in ("joints", "names", "fps", "person", "take") if key not in content]:
        raise ConfigurationError(f"lacks {', '.join(missing)}: add them when saving with numpy.savez")
    joints, names = content["joints"], content["names"]
    if joints.ndim != 3 or joints.shape[2] != 3 or joints.dtype.kind != "f":
        raise ConfigurationError(
            f"joints are {joints.dtype} {joints.shape}, expected float32 (frames, joints, 3) in metres"
        )
    if names.shape != joints.shape[1:2]:
        raise ConfigurationError(f"{names.size} names for {joints.shape[1]} joints: give each joint one name")
    return _Recording(
        joints.astype(np.float64),
        tuple(_text(name, "names") for name in names),
        _rate(content["fps"]),
        _text(content["person"], "person"),
        _text(content["take"], "take"),
    )


def _text(value: Any, key: str) -> str:
    """A word of a file: text, bytes or a whole number."""
    value = value.item() if isinstance(value, (np.ndarray, np.generic)) and value.size == 1 else value
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    text = str(text) if isinstance(text, int) and not isinstance(text, bool) else text
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        raise ConfigurationError(f"{key} holds {value!r:.60}, expected a word; save it as a string")
    return text.strip()


def _rate(value: NDArray[Any]) -> float:
    if value.size != 1 or value.dtype.kind not in "fiu" or not MIN_FPS <= float(value.item()) <= MAX_FPS:
        raise ConfigurationError(
            f"fps is {value!s:.40}, expected one number from {MIN_FPS:g} to {MAX_FPS:g} frames per second; correct it"
        )
    return float(value.item())


def _filled(recording: _Recording) -> Float64Array:
    """Joints (T, J, 3) without gaps."""
    joints, fps = recording.joints, recording.fps
    if np.isinf(joints).any():
        raise ConfigurationError("joints hold infinite values, expected metres, or NaN where a joint was not seen")
    missing = np.isnan(joints).any(axis=2)
    for joint, name in enumerate(recording.names):
        start, length = _longest_run(missing[:, joint])
        if length > MAX_GAP * fps:
            raise ConfigurationError(
                f"{name} is missing for {length / fps:.1f} s from {start / fps:.1f} s on, expected gaps of at most "
                f"{MAX_GAP} s: cut the take there, or leave the joint out"
            )
    complete_frames = np.flatnonzero(~missing.any(axis=1))
    kept = slice(complete_frames[0], complete_frames[-1] + 1) if len(complete_frames) else slice(0, 0)
    joints, missing = joints[kept], missing[kept]
    if len(joints) < max(MIN_DURATION * fps, 2):
        raise ConfigurationError(
            f"{len(joints)} frames at {fps:g} fps with all joints, expected at least {MIN_DURATION} s: record longer"
        )
    time = np.arange(len(joints))
    for joint in np.flatnonzero(missing.any(axis=0)):
        seen = ~missing[:, joint]
        joints[~seen, joint] = PchipInterpolator(time[seen], joints[seen, joint], axis=0)(time[~seen])
    return joints


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    lengths = edges[1::2] - edges[::2]
    return (int(edges[2 * lengths.argmax()]), int(lengths.max())) if len(lengths) else (0, 0)


def _plausible(joints: Float64Array, names: Sequence[str]) -> Float64Array:
    """Our 32 joints of a recording, once unit, axes and handedness are those of a person on a floor."""
    if np.abs(joints).max() > 1e6:
        raise ConfigurationError(f"a joint is {np.abs(joints).max():.3g} away, expected metres: check the unit")
    ours = complete(joints, names)
    size = stature_of(ours)
    if not STATURES[0] <= size <= STATURES[1]:
        units = (("millimetres", 1000.0), ("centimetres", 100.0), ("inches", 39.37))
        fitting = [(unit, by) for unit, by in units if STATURES[0] <= size / by <= STATURES[1]]
        guess = "; these look like {}: divide them by {:g}".format(*fitting[0]) if fitting else ": check unit and names"
        raise ConfigurationError(
            f"the joints make a person {size:.4g} m tall, expected metres and {STATURES[0]} to {STATURES[1]} m{guess}"
        )
    up = up_axis(ours)
    if up[2] < 0.7:
        axis = int(np.abs(up).argmax())
        found = f"{'-' if up[axis] < 0 else ''}{'xyz'[axis]}"
        raise ConfigurationError(f"the head is in direction {found} of the feet, expected z up: turn the joints")
    if Joint.FOOT_LEFT in recognise(names).found(names):
        toes = (sides(ours, "FOOT") - sides(ours, "ANKLE")).mean(axis=0)
        if float((toes * facing(ours)).sum(axis=-1).mean()) < 0.0:
            raise ConfigurationError(
                "the toes point backwards: expected right-handed axes, and left joints on the person's own left; "
                "exchange left and right names, or mirror one horizontal axis"
            )
    return ours


def measured_person(person_id: str, joints: Float64Array) -> Person:
    """Somebody with the bones of joints (T, 32, 3) [m], and with everything else drawn by their name.

    Sex, age, body mass index and how stout each part is for that come from a seed made of the name, so they are the
    same in every take; girths and mass then follow from the measured stature by the regressions of `cohort`. `gait` is
    drawn as well and is not that of the recording. Ankle height, foot and hand are average ones for the stature where
    the joints do not show them.
    """
    drawn = sample_person(_seed_of(person_id), person_id)
    bones = bone_lengths(joints)

    def both(name: str) -> float:
        return float(bones[[Joint[f"{name}_LEFT"], Joint[f"{name}_RIGHT"]]].mean())

    def apart(a: Float64Array, b: Float64Array) -> float:
        return float(np.median(np.linalg.norm(a - b, axis=1)))

    trunk = apart(sides(joints, "HIP").mean(axis=0), sides(joints, "SHOULDER").mean(axis=0))
    size = stature_of(joints)
    below = ANKLE_HEIGHT * size + both("ANKLE") + both("KNEE") + trunk
    head = min(max(size - below, HEAD_SHARES[0] * size), HEAD_SHARES[1] * size)
    stature = below + head
    mass = drawn.body_mass_index * stature**2
    return replace(
        drawn,
        stature=stature,
        mass=mass,
        segments=Segments(
            ankle_height=ANKLE_HEIGHT * size,
            foot=FOOT * size,
            shank=both("ANKLE"),
            thigh=both("KNEE"),
            hip_width=apart(*sides(joints, "HIP")),
            trunk=trunk,
            shoulder_width=apart(*sides(joints, "SHOULDER")),
            upper_arm=both("ELBOW"),
            forearm=both("WRIST"),
            hand=HAND * size,
            head=head,
        ),
        girths=Girths(
            **{
                name: getattr(drawn.girths, name) * (stature / drawn.stature) ** tall * (mass / drawn.mass) ** heavy
                for name, (_, tall, heavy, *_) in GIRTHS[drawn.sex].items()
            }
        ),
    )


def _seed_of(person_id: str) -> int:
    """A seed far above those of the simulated populations."""
    return 2**40 + int.from_bytes(hashlib.sha256(person_id.encode()).digest()[:4], "big")


def _smoothed(joints: Float64Array, fps: float) -> Float64Array:
    """Joints (T, 32, 3) without noise above the cutoff; unchanged where there is hardly any."""
    if fps < 2.5 * CUTOFF:
        return joints
    smooth: Float64Array = sosfiltfilt(butter(2, CUTOFF, fs=fps, output="sos"), joints, axis=0)
    noise = np.sqrt(((joints - smooth) ** 2).sum(axis=-1).mean(axis=0))
    return smooth if float(np.median(noise)) > NOISY else joints
