"""Average joint error: how far the joints that a network tells are from the true ones (Mission, table 2).

A network that fuses is given a radar clip and a camera clip of one person, of different walks, which only the label
tells: its error says how well a known person's pose is estimated, and nothing of how well identities are found.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich import get_console
from rich.progress import track

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.takes import TakeSet, camera_take, radar_take
from mission_core.data.walks import CameraWalk, RadarWalk, in_frames, middle, walk_before_camera, walk_before_radar
from mission_core.evaluation.protocols import Condition
from mission_core.losses import POSE_JOINTS
from mission_core.metrics import Interval, bootstrap_mean
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Float32Array, Float64Array, Snippet

CHUNK = 32
"""Pairs told at once."""


@dataclass(frozen=True, slots=True, eq=False)
class JointPair:
    """A clip of either sensor of one person, and the true joints.

    Attributes:
        person_id: whose they are.
        clip: before the radar.
        radar_joints: (T, 32, 3) [m] in its frames; any where it has none.
        snippet: before the camera, of another walk.
        camera_joints: (S, 32, 3) [m].
    """

    person_id: str
    clip: RadarClip
    radar_joints: Float32Array
    snippet: Snippet
    camera_joints: Float32Array


class TellsJoints(Protocol):
    """Tells joints of pairs of clips."""

    def __call__(
        self, clips: Sequence[RadarClip], snippets: Sequence[Snippet]
    ) -> tuple[Float32Array | None, Float32Array | None]:
        """Joints (P, T, 32, 3) before the radar and (P, S, 32, 3) before the camera [m], as `body_frame` has them.

        None of a side that it does not tell.
        """
        ...


@dataclass(frozen=True, slots=True)
class JointErrors:
    """Average joint errors [cm], with 95 % intervals over people.

    Attributes:
        pairs: how many were told.
        radar, camera: mean distance in the frames of either side; None of a side that is not told.
    """

    pairs: int
    radar: Interval | None
    camera: Interval | None


def joint_pairs(
    takes: TakeSet, condition: Condition, shape: tuple[int, int], rate: float, longest: float
) -> list[JointPair]:
    """Each query of a condition with an enrolled clip of the same person, in turn.

    Takes that do not tell true joints, as recorded ones do not, are left out.

    Args:
        takes: the data set; its takes tell the true joints.
        condition: of a protocol.
        shape: T, N of radar clips.
        rate: of their frames [Hz].
        longest: radar clip [s].
    """
    owner = {info.take_id: info.person_id for info in takes.infos}
    seen: dict[str, list[tuple[Snippet, Float32Array]]] = {}
    for take_id in track(condition.galleries[0], "reading joints before the camera", console=get_console()):
        walk = walk_before_camera(camera_take(takes, take_id))
        if walk is not None and np.isfinite(walk.joints).all():
            seen.setdefault(owner[take_id], []).append(_middle_before_camera(walk))
    pairs: list[JointPair] = []
    turn: dict[str, Iterator[tuple[Snippet, Float32Array]]] = {who: itertools.cycle(own) for who, own in seen.items()}
    for take_id in track(condition.query, "reading joints before the radar", console=get_console()):
        heard = walk_before_radar(radar_take(takes, take_id), rate)
        if heard is not None and np.isfinite(heard.joints).all() and (person := owner[take_id]) in turn:
            clip = _middle_before_radar(heard, in_frames(longest, rate), *shape)
            pairs.append(JointPair(person, *clip, *next(turn[person])))
    return pairs


def _middle_before_camera(walk: CameraWalk) -> tuple[Snippet, Float32Array]:
    start = middle(len(walk.crops), SNIPPET_FRAMES)
    return walk.snippet(start), walk.joints[start : start + SNIPPET_FRAMES]


def _middle_before_radar(
    walk: RadarWalk, length: int, num_frames: int, num_points: int
) -> tuple[RadarClip, Float32Array]:
    start = middle(len(walk.points), length)
    joints = np.zeros((num_frames, *walk.joints.shape[1:]), np.float32)
    own = walk.joints[start : start + length]
    joints[num_frames - len(own) :] = own
    return walk.clip(start, length, num_frames, num_points), joints


def joint_errors(pairs: Sequence[JointPair], tell: TellsJoints) -> JointErrors:
    """How far told joints are from the true ones, over POSE_JOINTS."""
    radar, camera = [], []
    for chunk in _chunks(pairs):
        told_radar, told_camera = tell([pair.clip for pair in chunk], [pair.snippet for pair in chunk])
        if told_radar is not None:
            radar += [_error(t, p.radar_joints, p.clip.frames) for t, p in zip(told_radar, chunk, strict=True)]
        if told_camera is not None:
            every = np.ones(SNIPPET_FRAMES, np.bool_)
            camera += [_error(t, p.camera_joints, every) for t, p in zip(told_camera, chunk, strict=True)]
    people = np.unique([pair.person_id for pair in pairs], return_inverse=True)[1]
    return JointErrors(
        len(pairs),
        bootstrap_mean(np.array(radar), people) if radar else None,
        bootstrap_mean(np.array(camera), people) if camera else None,
    )


def _chunks(pairs: Sequence[JointPair]) -> Iterator[Sequence[JointPair]]:
    return (pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK))


def _error(told: Float32Array, true: Float32Array, there: NDArray[np.bool_]) -> float:
    """Mean distance [cm] in the frames that are there."""
    distances: Float64Array = np.linalg.norm((told - true)[there][:, POSE_JOINTS].astype(np.float64), axis=-1)
    return 100.0 * float(distances.mean())
