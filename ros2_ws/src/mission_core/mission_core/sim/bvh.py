"""Motion capture in BVH files: reading, forward kinematics, and putting the motion on a sampled body.

Format: as described by Meredith & Maddock, "Motion Capture File Formats Explained" (University of Sheffield, 2001).
Channels may come in any order and number; rotations apply in the order in which they are listed. Where a joint has
position channels they replace its OFFSET, as MotionBuilder writes and reads it. Neither unit nor vertical axis are
stated in the format: the unit cancels, because lengths come from the body that is put on, and the axis is found from
where the head is above the feet.
"""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import numpy as np
from scipy.spatial.transform import Rotation

from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import Person
from mission_core.sim.posture import Posture, hips, joints
from mission_core.sim.sequence import FLOOR, JointSequence, bone_lengths, sides, sole_heights, upright, with_bones
from mission_core.sim.skeletons import complete
from mission_core.types import Float64Array

CHANNELS = {f"{axis}{kind}": (kind, "XYZ".index(axis)) for kind in ("position", "rotation") for axis in "XYZ"}
MAX_JOINTS = 1000


@dataclass(slots=True)
class BvhJoint:
    """One joint of the hierarchy.

    Attributes:
        name: as in the file; the end site of a joint is called after it, with " end" added.
        parent: its row, -1 for the root.
        offset: (3,) from the parent, in the file's unit and axes.
        channels: (kind, axis) of its columns, in the order of the file.
    """

    name: str
    parent: int
    offset: Float64Array = field(default_factory=lambda: np.zeros(3))
    channels: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class BvhClip:
    """A parsed file: joints, parents first, and one row of channel values per frame.

    Attributes:
        joints: of the hierarchy, end sites included.
        frame_time: [s].
        values: (T, C) in degrees and the file's unit.
    """

    joints: tuple[BvhJoint, ...]
    frame_time: float
    values: Float64Array

    @property
    def names(self) -> list[str]:
        """Names of the joints."""
        return [joint.name for joint in self.joints]

    def positions(self) -> Float64Array:
        """Joints (T, J, 3) by forward kinematics, in the file's unit and axes."""
        places = np.zeros((len(self.values), len(self.joints), 3))
        turns: list[Rotation] = []
        column = 0
        for row, joint in enumerate(self.joints):
            shift = np.tile(joint.offset, (len(self.values), 1))
            turn = Rotation.identity(len(self.values))
            for kind, axis in joint.channels:
                if kind == "position":
                    shift[:, axis] = self.values[:, column]
                else:
                    turn = turn * Rotation.from_euler("xyz"[axis], self.values[:, column : column + 1], degrees=True)
                column += 1
            if joint.parent >= 0:
                shift = places[:, joint.parent] + turns[joint.parent].apply(shift)
                turn = turns[joint.parent] * turn
            places[:, row] = shift
            turns.append(turn)
        return places


def load_bvh(path: Path, person: Person, take: str = "") -> JointSequence:
    """The motion of a BVH file on the body of a person.

    Bones point as those of the capture do and are as long as the person's. The pelvis moves over the floor by the
    captured distance times the ratio of the lengths of the legs, and the lower sole is as high as in the capture, by
    the same ratio; the floor of the capture is where the lower sole is in most of the frames, and no sole goes below.

    Args:
        path: of the file.
        person: whose body moves.
        take: name of the take; by default that of the file.

    Raises:
        ConfigurationError: if the file cannot be read, is no BVH, or is not of a two-legged person with arms.
    """
    try:
        clip = parse_bvh(path.read_text(encoding="utf-8", errors="replace"))
        captured = upright(complete(clip.positions(), clip.names))
        return JointSequence(
            retargeted(captured, person), 1.0 / clip.frame_time, person, take if take is not None else path.stem
        )
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error}): expected a BVH file; check the path") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def retargeted(captured: Float64Array, person: Person) -> Float64Array:
    """The motion (T, 32, 3) of a capture in any unit, z up, on a person's body [m], the floor at z = 0."""
    captured = captured.copy()
    captured[:, Joint.PELVIS] = sides(captured, "HIP").mean(axis=0)  # where `posture` has it; others have it higher
    own, bones = bone_lengths(captured), person_bones(person)
    legs = [Joint.KNEE_LEFT, Joint.ANKLE_LEFT, Joint.KNEE_RIGHT, Joint.ANKLE_RIGHT]
    ratio = float(bones[legs].sum() / own[legs].sum())
    result = with_bones(captured * ratio, bones)
    soles = sole_heights(captured, person.stature / ratio) * ratio
    floor = np.quantile(soles, FLOOR)
    result[..., 2] += (np.maximum(soles - floor, 0.0) - sole_heights(result, person.stature))[:, None]
    return result


def person_bones(person: Person) -> Float64Array:
    """Length (32,) of the bone that ends in each joint of a person [m], measured while they stand."""
    segments, zero, hanging = person.segments, np.zeros(1), np.tile((0.0, 0.0, -1.0), (2, 1, 1))
    ankles = hips(segments, zero, zero)
    ankles[..., 2] = segments.ankle_height
    standing = Posture(
        pelvis=np.array([[0.0, 0.0, segments.leg]]),
        heading=zero,
        pelvis_yaw=zero,
        pelvis_list=zero,
        lean=zero,
        side_lean=zero,
        thorax_yaw=zero,
        upper_arms=hanging,
        forearms=hanging,
        ankles=ankles,
        foot_pitch=np.zeros((2, 1)),
        foot_yaw=np.zeros((2, 1)),
        head_yaw=zero,
        head_pitch=zero,
    )
    return bone_lengths(joints(person, standing))


# --- the file -----------------------------------------------------------------------------------------------------


def parse_bvh(text: str) -> BvhClip:
    """Parses the text of a BVH file.

    Raises:
        ConfigurationError: naming the line and what was expected there.
    """
    words = _Words(text)
    words.expect("HIERARCHY")
    words.expect("ROOT")
    hierarchy: list[BvhJoint] = []
    _parse_joints(words, hierarchy)
    if words.peek() == "ROOT":
        words.fail("a second ROOT", "one skeleton in a file", "export one person at a time")
    words.expect("MOTION")
    words.expect("Frames:")
    frames = int(words.number("the number of frames", low=2, high=10_000_000))
    words.expect("Frame")
    words.expect("Time:")
    frame_time = words.number("the frame time [s]", low=1e-4, high=0.25)
    return BvhClip(tuple(hierarchy), frame_time, words.table(frames, sum(len(joint.channels) for joint in hierarchy)))


def _parse_joints(words: "_Words", hierarchy: list[BvhJoint]) -> None:
    """The body of ROOT and of all joints in it, without recursion: damaged files may nest without end."""
    stack = [_open_joint(words, hierarchy, -1, words.name())]
    while stack:
        word = words.next("OFFSET, CHANNELS, JOINT, End Site or }")
        joint = hierarchy[stack[-1]]
        if word == "OFFSET":
            joint.offset = np.array([words.number("an offset") for _ in range(3)])
        elif word == "CHANNELS":
            joint.channels = [words.channel() for _ in range(int(words.number("how many channels", low=0, high=6)))]
        elif word == "JOINT":
            stack.append(_open_joint(words, hierarchy, stack[-1], words.name()))
        elif word == "End":
            words.expect("Site")
            stack.append(_open_joint(words, hierarchy, stack[-1], f"{joint.name} end"))
        elif word == "}":
            stack.pop()
        else:
            words.fail(repr(word), "OFFSET, CHANNELS, JOINT, End Site or }")


def _open_joint(words: "_Words", hierarchy: list[BvhJoint], parent: int, name: str) -> int:
    words.expect("{")
    if len(hierarchy) >= MAX_JOINTS:
        words.fail(f"more than {MAX_JOINTS} joints", "the skeleton of one person")
    hierarchy.append(BvhJoint(name, parent))
    return len(hierarchy) - 1


class _Words:
    """The words of a file one after the other, each with the number of its line."""

    def __init__(self, text: str) -> None:
        text = re.sub(r"([{}]|Frames:|Time:)", r" \1 ", text)
        lines = enumerate(text.splitlines(), start=1)
        self._words = [(word, line) for line, content in lines for word in content.split()]
        self._next = 0

    def fail(self, found: str, expected: str, remedy: str = "export the file again") -> NoReturn:
        """Says what is wrong in the line of the last word."""
        line = self._words[self._next - 1][1] if self._words else 1
        raise ConfigurationError(f"line {line}: found {found[:40]}, expected {expected}; {remedy}")

    def peek(self) -> str:
        """The next word, which stays; empty at the end."""
        return self._words[self._next][0] if self._next < len(self._words) else ""

    def next(self, expected: str) -> str:
        """The next word; `expected` says what it should be, for the error at the end of the file."""
        if not (word := self.peek()):
            self.fail("the end of the file", expected, "the file is cut off; copy it again")
        self._next += 1
        return word

    def expect(self, word: str) -> None:
        """Takes the next word, which has to be this one in any case."""
        found = self.next(word)
        if found.lower() != word.lower():
            self.fail(repr(found), word, "is it a BVH file?")

    def name(self) -> str:
        """All words up to an opening brace."""
        words = [self.next("a joint's name")]
        while self.peek() != "{":
            words.append(self.next("{"))
        return " ".join(words)

    def number(self, expected: str, low: float = -1e9, high: float = 1e9) -> float:
        """Takes the next word as a number within limits."""
        word = self.next(expected)
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            self.fail(repr(word), f"{expected}, a number from {low:g} to {high:g}")
        return value

    def channel(self) -> tuple[str, int]:
        """Takes the next word as the kind and the axis of a channel."""
        word = self.next("a channel")
        if word not in CHANNELS:
            self.fail(repr(word), f"one of the channels {', '.join(CHANNELS)}")
        return CHANNELS[word]

    def table(self, rows: int, columns: int) -> Float64Array:
        """The values of all frames (rows, columns), however the lines are broken."""
        words = [word for word, _ in self._words[self._next :]]
        if len(words) < rows * columns or columns == 0:
            self.fail(f"{len(words)} values", f"{rows} frames of {columns}", "the file is cut off; copy it again")
        try:
            values = np.array(words[: rows * columns], dtype=np.float64).reshape(rows, columns)
        except ValueError as error:
            raise ConfigurationError(f"the motion holds what is no number ({error}); export the file again") from error
        if not np.isfinite(values).all() or np.abs(values).max() > 1e9:
            raise ConfigurationError("the motion holds values that are not finite or beyond 1e9; export the file again")
        return values
