"""Other skeletons, and where their joints go in the project's (K4ABT 32, `mission_core.camera.skeleton`).

One plain table per skeleton says which of its joints is which of ours. `complete` places those that a source lacks
from those that it has: the spine by its length, hands along the forearms, the face on the head. Positions only; no
rotations are needed.

Sources of the names: Microsoft, `JointType` (Kinect for Windows SDK 2.0); Loper et al., "SMPL: A Skinned Multi-Person
Linear Model" (2015), in the order of the public model files; Ionescu et al., "Human3.6M" (2014), the 17 joints in use
since Martinez et al. (2017); Lin et al., "Microsoft COCO" (2014), key points; the names that MotionBuilder and the
BVH conversions of the CMU motion capture database give to a biped. Proportions are those of the simulated people, so
that captured and simulated joints mean the same: `cohort.LENGTHS` (Drillis & Contini) and the places in `posture`.
"""

import difflib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import LENGTHS
from mission_core.sim.posture import BALL, CHEST, CLAVICLE, HEAD_PLACES, NAVEL, NECK
from mission_core.types import NUM_JOINTS, Float64Array

_SHARES = {name: share for name, (share, _) in LENGTHS["male"].items()}  # lengths along the body do not depend on sex
THIGH, SHANK, HAND, FOOT, ANKLE_HEIGHT, HEAD = (
    _SHARES[name] for name in ("thigh", "shank", "hand", "foot", "ankle_height", "head")
)
"""Lengths as fractions of stature."""
TRUNK = 1.0 - THIGH - SHANK - ANKLE_HEIGHT - HEAD
HAND_PLACE, TIP_PLACE, THUMB_PLACE = 0.45, 0.95, 0.25
"""HAND, HANDTIP and THUMB beyond the wrist, in lengths of the hand; the thumb as much aside."""
BALL_RISE = 0.25
"""FOOT above the sole, in heights of the ankle."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """How a kind of skeleton calls its joints.

    Attributes:
        name: of the kind, for people.
        joints: our joint for each of its names as `simplified` has them.
        spine: its names along the spine from pelvis to neck.
        head: where our HEAD lies on the way from its neck to what it calls head: 1 = there.
    """

    name: str
    joints: Mapping[str, Joint]
    spine: tuple[str, ...] = ()
    head: float = 1.0

    def found(self, names: Sequence[str]) -> set[Joint]:
        """Our joints that these names stand for."""
        return {self.joints[name] for name in map(simplified, names) if name in self.joints}


def _table(rows: Mapping[str, str]) -> dict[str, Joint]:
    """A table of joints; a row with * stands for a left and a right joint."""
    return {
        key.replace("*", side.lower()): Joint[value.replace("*", side)]
        for key, value in rows.items()
        for side in (("LEFT", "RIGHT") if "*" in key else ("",))
    }


LEGS = {"hip *": "HIP_*", "knee *": "KNEE_*", "ankle *": "ANKLE_*"}
ARMS = {"shoulder *": "SHOULDER_*", "elbow *": "ELBOW_*", "wrist *": "WRIST_*"}

K4ABT = Skeleton(
    "Azure Kinect (K4ABT 32)",
    _table(
        {
            **{"pelvis": "PELVIS", "spinenavel": "SPINE_NAVEL", "spinechest": "SPINE_CHEST", "neck": "NECK"},
            **{"clavicle *": "CLAVICLE_*", "hand *": "HAND_*", "handtip *": "HANDTIP_*", "thumb *": "THUMB_*"},
            **{"foot *": "FOOT_*", "head": "HEAD", "nose": "NOSE", "eye *": "EYE_*", "ear *": "EAR_*"},
            **LEGS,
            **ARMS,
        }
    ),
)
# Its Neck is far above the shoulders: in the Kinect recordings of MARS, SpineShoulder is where our NECK is (0.33 of the
# stature above the hips, ours 0.31, Neck 0.38), and our HEAD, at the base of the skull, is half the way from there.
KINECT_V2 = Skeleton(
    "Kinect v2 (25)",
    _table(
        {
            **{"spinebase": "PELVIS", "spineshoulder": "NECK", "head": "HEAD"},
            **{"hand *": "HAND_*", "handtip *": "HANDTIP_*", "thumb *": "THUMB_*", "foot *": "FOOT_*"},
            **LEGS,
            **ARMS,
        }
    ),
    spine=("spinebase", "spinemid", "spineshoulder"),
    head=0.45,
)
SMPL = Skeleton(
    "SMPL (24)",
    _table(
        {
            **{"pelvis": "PELVIS", "neck": "NECK", "head": "HEAD"},
            **{"collar *": "CLAVICLE_*", "hand *": "HAND_*", "foot *": "FOOT_*", "toe *": "FOOT_*"},
            **LEGS,
            **ARMS,
        }
    ),
    spine=("pelvis", "spine1", "spine2", "spine3", "neck"),
)
HUMAN36M = Skeleton(
    "Human3.6M (17)",
    _table({"hip": "PELVIS", "thorax": "NECK", "head": "HEAD", "foot *": "ANKLE_*", **LEGS, **ARMS}),
    spine=("hip", "spine", "thorax"),
    head=0.34,
)
COCO = Skeleton("COCO (17)", _table({"nose": "NOSE", "eye *": "EYE_*", "ear *": "EAR_*", **LEGS, **ARMS}))
BIPED = Skeleton(
    "biped of a BVH file",
    _table(
        {
            **{"hips": "PELVIS", "neck": "NECK", "head": "HEAD"},
            **{"upleg *": "HIP_*", "leg *": "KNEE_*", "foot *": "ANKLE_*", "toes *": "FOOT_*", "toebase *": "FOOT_*"},
            **{"shoulder *": "CLAVICLE_*", "shoulder1 *": "CLAVICLE_*", "arm *": "SHOULDER_*"},
            **{"forearm *": "ELBOW_*", "hand *": "WRIST_*", "handend *": "HANDTIP_*"},
        }
    ),
    spine=("hips", "spine", "spine1", "spine2", "spine3", "neck"),
)
SKELETONS = (K4ABT, KINECT_V2, SMPL, HUMAN36M, COCO, BIPED)

NEEDED = tuple(
    Joint[f"{name}_{side}"]
    for side in ("LEFT", "RIGHT")
    for name in ("HIP", "KNEE", "ANKLE", "SHOULDER", "ELBOW", "WRIST")
)
"""Joints that cannot be placed from others; a head or its parts are needed too."""
HEADS = (Joint.HEAD, Joint.NOSE, Joint.EAR_LEFT, Joint.EAR_RIGHT)


def simplified(name: str) -> str:
    """A joint's name without case, separators and prefixes; its side comes last: "mixamorig:LeftUpLeg" -> "upleg left".

    Sides may be written left, Left, LEFT, l or L, before or behind the name.
    """
    name = re.sub(r"^(.*:|K4ABT_JOINT_|JointType_)", "", name)
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    words = [word.lower() for word in words]
    side = next((side for side in ("left", "right") if side in words or side[0] in words), "")
    base = "".join(word for word in words if word not in (side, side[:1]))
    for affix in ("left", "right"):
        if not side and base not in (affix, "") and (base.startswith(affix) or base.endswith(affix)):
            side, base = affix, base.removeprefix(affix).removesuffix(affix)
    return f"{base} {side}".strip()


def recognise(names: Sequence[str]) -> Skeleton:
    """The skeleton that has most of these joint names; of several the smallest.

    Raises:
        ConfigurationError: if none has, joints that cannot be placed from others are missing, or one is there twice.
    """
    own = {simplified(name) for name in names}

    def alike(skeleton: Skeleton) -> tuple[int, int]:
        return len(own & {*skeleton.joints, *skeleton.spine}), -len(skeleton.joints)

    best = max(SKELETONS, key=alike)
    found = best.found(names)
    if not found:
        known = ", ".join(skeleton.name for skeleton in SKELETONS)
        raise ConfigurationError(
            f"no known joint among the names {list(names)[:6]}: expected those of one of {known}; rename the joints"
        )
    twice = [name for name in names if [*map(simplified, names)].count(simplified(name)) > 1]
    if any(simplified(name) in best.joints for name in twice):
        raise ConfigurationError(f"joints of the same name {twice}: expected each joint once; rename or remove them")
    missing = [joint for joint in NEEDED if joint not in found]
    if missing or not found.intersection(HEADS):
        words = [_words_for(joint, best, names) for joint in missing]
        words += [] if found.intersection(HEADS) else [_words_for(Joint.HEAD, best, names)]
        raise ConfigurationError(
            f"the joints look like {best.name}, but lack {', '.join(words)}: add them, or correct their names"
        )
    return best


def _words_for(joint: Joint, skeleton: Skeleton, names: Sequence[str]) -> str:
    """What a skeleton calls a joint, and which of the given names may have been meant."""
    name = next((name for name, target in skeleton.joints.items() if target is joint), joint.name.lower())
    close = difflib.get_close_matches(name, [simplified(own) for own in names], n=1, cutoff=0.8)
    return f"{name!r} (is it {close[0]!r}?)" if close and close[0] not in skeleton.joints else repr(name)


def stature_of(joints: Float64Array) -> float:
    """Stature that people have on average whose legs and trunk are as long as those of the joints (T, 32, 3).

    Where neck and head are known, the trunk is measured up to the head, else to the line of the shoulders.
    """

    def length(a: Float64Array, b: Float64Array) -> float:
        return float(np.median(np.linalg.norm(a - b, axis=-1)))

    legs = [
        length(joints[:, Joint[f"{upper}_{side}"]], joints[:, Joint[f"{lower}_{side}"]])
        for side in ("LEFT", "RIGHT")
        for upper, lower in (("HIP", "KNEE"), ("KNEE", "ANKLE"))
    ]
    hips, neck, head = _middle(joints, "HIP"), joints[:, Joint.NECK], joints[:, Joint.HEAD]
    trunk, share = length(hips, neck) + length(neck, head), TRUNK + (NECK + HEAD_PLACES[0, 0]) * HEAD
    if not np.isfinite(trunk):
        trunk, share = length(hips, _middle(joints, "SHOULDER")), TRUNK
    return (sum(legs) / 2 + trunk) / (THIGH + SHANK + share)


def complete(joints: Float64Array, names: Sequence[str]) -> Float64Array:
    """Our 32 joints from those of another skeleton.

    Args:
        joints: (T, J, 3), any unit, right-handed, any axis up.
        names: of the J joints, in their order.

    Returns:
        (T, 32, 3) in the same unit and axes. Joints of the source are taken over as they are, but for a head that is
        not where ours is (`Skeleton.head`).

    Raises:
        ConfigurationError: if the names are of no known skeleton.
    """
    skeleton = recognise(names)
    source = {simplified(name): joints[:, i] for i, name in enumerate(names)}
    result = np.full((len(joints), NUM_JOINTS, 3), np.nan)
    given = np.zeros(NUM_JOINTS, dtype=bool)
    for name, joint in skeleton.joints.items():
        if name in source:
            result[:, joint], given[joint] = source[name], True
    if given[Joint.NECK] and given[Joint.HEAD]:
        result[:, Joint.HEAD] = _between(result[:, Joint.NECK], result[:, Joint.HEAD], skeleton.head)
    stature = stature_of(result)
    _place_trunk(result, given, [source[name] for name in skeleton.spine if name in source], stature)
    _place_head(result, given, stature)
    _place_limbs(result, given, stature)
    return result


def _place_trunk(joints: Float64Array, given: NDArray[np.bool_], spine: Sequence[Float64Array], stature: float) -> None:
    """Fills in PELVIS, NECK, the joints of the spine and the clavicles."""
    shoulders, hips = _middle(joints, "SHOULDER"), _middle(joints, "HIP")
    if not given[Joint.PELVIS]:
        joints[:, Joint.PELVIS] = hips
    if not given[Joint.NECK]:
        joints[:, Joint.NECK] = shoulders + NECK * HEAD * stature * _unit(shoulders - hips)
        spine = [*spine, joints[:, Joint.NECK]]
    places = spine if len(spine) > 2 else [joints[:, Joint.PELVIS], joints[:, Joint.NECK]]
    for joint, share in ((Joint.SPINE_NAVEL, NAVEL), (Joint.SPINE_CHEST, CHEST)):
        if not given[joint]:
            joints[:, joint] = _along(places, share * TRUNK / (TRUNK + NECK * HEAD))
    for side in ("LEFT", "RIGHT"):
        if not given[clavicle := Joint[f"CLAVICLE_{side}"]]:
            joints[:, clavicle] = _between(shoulders, joints[:, Joint[f"SHOULDER_{side}"]], 2 * CLAVICLE)


def _place_head(joints: Float64Array, given: NDArray[np.bool_], stature: float) -> None:
    """Fills in HEAD, nose, eyes and ears."""
    neck, hips = joints[:, Joint.NECK], _middle(joints, "HIP")
    sideways = joints[:, Joint.SHOULDER_LEFT] - joints[:, Joint.SHOULDER_RIGHT]
    if not given[Joint.HEAD]:
        ears = [joints[:, ear] for ear in (Joint.EAR_LEFT, Joint.EAR_RIGHT) if given[ear]]
        top = np.mean(ears, axis=0) if len(ears) == 2 else neck + (neck - hips)
        joints[:, Joint.HEAD] = neck + HEAD_PLACES[0, 0] * HEAD * stature * _unit(top - neck)
    up = _unit(joints[:, Joint.HEAD] - neck)
    forward = _unit(np.cross(sideways, up))
    left = np.cross(up, forward)
    for joint, place in zip(range(Joint.NOSE, NUM_JOINTS), HEAD_PLACES[1:] - HEAD_PLACES[0], strict=True):
        if not given[joint]:
            above, ahead, aside = HEAD * stature * place
            joints[:, joint] = joints[:, Joint.HEAD] + above * up + ahead * forward + aside * left


def _place_limbs(joints: Float64Array, given: NDArray[np.bool_], stature: float) -> None:
    """Fills in hands, their tips, thumbs, and feet."""
    trunk = joints[:, Joint.NECK] - _middle(joints, "HIP")
    for side in ("LEFT", "RIGHT"):
        elbow, wrist, hand, tip, thumb = (
            Joint[f"{name}_{side}"] for name in ("ELBOW", "WRIST", "HAND", "HANDTIP", "THUMB")
        )
        knee, ankle, foot = (Joint[f"{name}_{side}"] for name in ("KNEE", "ANKLE", "FOOT"))
        across = joints[:, Joint.HIP_LEFT] - joints[:, Joint.HIP_RIGHT]
        if given[hand]:
            along = _unit(joints[:, hand] - joints[:, wrist])
        elif given[tip]:
            along = _unit(joints[:, tip] - joints[:, wrist])
        else:
            along = _unit(joints[:, wrist] - joints[:, elbow])
        ahead = _unit(np.cross(across, trunk))
        if not given[hand]:
            joints[:, hand] = joints[:, wrist] + HAND_PLACE * HAND * stature * along
        if not given[tip]:
            joints[:, tip] = joints[:, wrist] + TIP_PLACE * HAND * stature * along
        if not given[thumb]:  # of hanging hands with the palms to the thighs: in front
            aside = _unit(ahead - (ahead * along).sum(axis=-1, keepdims=True) * along)
            joints[:, thumb] = joints[:, wrist] + THUMB_PLACE * HAND * stature * (along + aside)
        if not given[foot]:
            shank = _unit(joints[:, ankle] - joints[:, knee])
            flat = _unit(np.cross(across, -shank))  # a foot at right angles with its shank
            down = (1.0 - BALL_RISE) * ANKLE_HEIGHT * shank
            joints[:, foot] = joints[:, ankle] + stature * (down + BALL * FOOT * flat)


def _middle(joints: Float64Array, name: str) -> Float64Array:
    """Middle (T, 3) between a left and a right joint."""
    return (joints[:, Joint[f"{name}_LEFT"]] + joints[:, Joint[f"{name}_RIGHT"]]) / 2


def _between(a: Float64Array, b: Float64Array, share: float) -> Float64Array:
    return a + share * (b - a)


def _unit(vectors: Float64Array) -> Float64Array:
    """Vectors (..., 3) at length 1; those of no length stay so."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def _along(places: Sequence[Float64Array], share: float) -> Float64Array:
    """Points (T, 3) at a share of the way along a chain of places, each (T, 3)."""
    steps = [np.median(np.linalg.norm(b - a, axis=-1)) for a, b in itertools.pairwise(places)]
    walked = np.concatenate(([0.0], np.cumsum(steps)))
    piece = int(np.clip(np.searchsorted(walked, share * walked[-1]) - 1, 0, len(steps) - 1))
    rest = (share * walked[-1] - walked[piece]) / max(steps[piece], 1e-9)
    return _between(places[piece], places[piece + 1], rest)
