"""What the two sensors see of a scenario, moment by moment: for the live simulated room and for data sets alike."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.calibration import CAMERA_MOUNT, RADAR_MOUNT
from mission_core.camera.people import touches_border
from mission_core.camera.snippet import box_geometry, crop_region, finish_crop
from mission_core.geometry import project, rep103_to_optical, room_to_sensor
from mission_core.radar.profile import RadarProfile
from mission_core.sim import fmcw
from mission_core.sim.body import Body
from mission_core.sim.cohort import Person
from mission_core.sim.fmcw import Effects, FmcwRadar, Observation, Wall
from mission_core.sim.look import Dressed, sample_look
from mission_core.sim.render import CAMERA, Figure, Region, Renderer, Shot, figures
from mission_core.sim.rooms import Scenario, Scene
from mission_core.sim.scatter import Scatterers, scatterers
from mission_core.sim.scene import SHELLS
from mission_core.sim.scene import Scene as Room
from mission_core.sim.tracker import Tracker
from mission_core.types import (
    CROP_HEIGHT,
    CROP_WIDTH,
    CameraFrame,
    CameraModel,
    Float32Array,
    Float64Array,
    ImageArray,
    Mount,
)
from mission_core.types import Body as SeenBody

DIFFERENCE = 0.005  # half the interval over which targets' velocities are measured [s]


def _effects(scene: Scene, sides: tuple[float, ...] = (), clutter: int = 0) -> Effects:
    """What a scene does to the radar: frames and points lost on the way, and echoes.

    These come from all of a room of its size, from its walls on some sides (1 left, -1 right) and from still things.
    """
    shell = SHELLS[scene]
    return Effects(
        room=fmcw.Room(shell.volume, shell.surface),
        walls=tuple(Wall((0.0, side, 0.0), shell.half) for side in sides),
        clutter=clutter,
        frame_loss=0.003,
        point_loss=0.02,
    )


EFFECTS: dict[Scene, Effects] = {
    "hall": _effects("hall"),
    "classroom": _effects("classroom", sides=(-1.0,), clutter=30),
    "corridor": _effects("corridor", sides=(1.0, -1.0), clutter=10),
}
"""The walls of the hall are too far away for ghosts, the classroom's left one is of windows."""


ROOMS = 6
"""Different rooms of each scene; which one a scenario is in follows from its seed. A process that has made pictures of
all of them keeps them and has grown to 1.5 GB."""
BYSTANDERS = 4
NEAREST = 0.5  # of a joint that is drawn, ahead of the lens [m]


@lru_cache(maxsize=8)
def body_of(person: Person) -> Body:
    """The body of a person; the latest few are kept."""
    return Body(person)


class RadarView:
    """A radar before a scenario.

    Args:
        scenario: who moves.
        profile: the radar runs.
        mount: of the radar.
    """

    def __init__(self, scenario: Scenario, profile: RadarProfile, mount: Mount = RADAR_MOUNT) -> None:
        self.scenario = scenario
        self.mount = mount
        self.radar = FmcwRadar(profile, mount, scenario.seed, effects=EFFECTS[scenario.scene])

    def targets(self, t: float) -> Scatterers:
        """What reflects at time t [s]."""
        around = t + np.array([-DIFFERENCE, 0.0, DIFFERENCE])
        surfaces = [body_of(motion.person).samples(motion.joints(around)) for motion in self.scenario.motions]
        return scatterers(surfaces, DIFFERENCE, self.mount, self.scenario.seeds)

    def observe(self, t: float) -> Observation:
        """The frame whose middle is at time t [s]; noise and losses are new with every call."""
        return self.radar.observe(self.targets(t))


@lru_cache(maxsize=3 * ROOMS)
def _room(scene: Scene, number: int, bystanders: int) -> Room:
    return Room(scene, number, bystanders)


@lru_cache(maxsize=1)
def _renderer(camera: CameraModel, mount: Mount, scene: Scene, seed: int, bystanders: int) -> Renderer:
    """The camera of a place; kept, for people are enrolled one after the other in one."""
    return Renderer(camera, mount, _room(scene, seed % ROOMS, bystanders), seed)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One person in one picture.

    Attributes:
        box: (4,) float32 x, y, width, height [pixel], hidden parts included; all 0 outside of the picture.
        joints: (32, 3) as the body tracker tells them, optical frame [m].
        whole: all of the person is in the picture.
        visible: share of the person that nobody stands before.
        crop: (CROP_HEIGHT, CROP_WIDTH, 3) RGB as `snippet.crop` cuts it out of the whole picture.
        mask: (CROP_HEIGHT, CROP_WIDTH) 255 where the crop shows the person.
        geometry: (4,) as `box_geometry`.
    """

    box: Float32Array
    joints: Float32Array
    whole: bool
    visible: float
    crop: ImageArray
    mask: ImageArray
    geometry: Float32Array


class CameraView:
    """A camera before a scenario. Frames count from time 0 at `fps`; the same frame is always the same picture.

    Ask for frames, or for sights of a person, in the order of time: the errors of the body tracker last for a while.

    Bystanders sit and stand about where there are people to be seen; a scenario of nobody is an empty room.

    Args:
        scenario: who moves; what they wear follows from the seeds of their walks.
        camera: intrinsics.
        mount: of the camera.
        fps: frame rate [1/s].
    """

    def __init__(
        self, scenario: Scenario, camera: CameraModel = CAMERA, mount: Mount = CAMERA_MOUNT, fps: float = 15.0
    ) -> None:
        self.scenario, self.camera, self.mount, self.fps = scenario, camera, mount, fps
        bystanders = BYSTANDERS if scenario.motions else 0
        self._renderer = _renderer(camera, mount, scenario.scene, scenario.seed, bystanders)
        self._dressed = [
            Dressed(body_of(motion.person), sample_look(seed))
            for motion, seed in zip(scenario.motions, scenario.seeds, strict=True)
        ]
        self._trackers = [Tracker(scenario.seed + index) for index in range(len(scenario.motions))]
        self._tracked_at = [0.0] * len(scenario.motions)

    def frame(self, t: float, stamp_ns: int) -> CameraFrame:
        """The picture at time t [s], with the bodies that a body tracker finds in it."""
        shot = self._renderer.shoot(self._figures(t), self._number(t))
        return CameraFrame(stamp_ns, shot.picture, self.camera, self._bodies(t, shot))

    def sight(self, index: int, t: float) -> Sight | None:
        """One of the people at time t [s], drawn without the rest of the picture; None where they are not in it."""
        people = self._figures(t)
        region = self._surroundings(_middle(people[index]))
        if region is None:
            return None
        shot = self._renderer.shoot(people, self._number(t), region)
        box = shot.boxes[index]
        if not box.any():
            return None
        own = np.where(shot.mask == index + 1, np.uint8(255), np.uint8(0))
        others = (shot.mask > 0) & (own == 0)
        x, y, width, height = np.round(box).astype(int)
        inside = np.s_[max(y - region[1], 0) : y + height - region[1], max(x - region[0], 0) : x + width - region[0]]
        hidden = float(others[inside].sum()) / max(float((shot.mask[inside] > 0).sum()), 1.0)
        mask = cv2.resize(_cut(own, box, region, cv2.BORDER_CONSTANT), (CROP_WIDTH, CROP_HEIGHT), interpolation=_AREA)
        return Sight(
            box=box,
            joints=self._track(index, t, shot, region)[0],
            whole=not touches_border(box, self.camera.width, self.camera.height),
            visible=1.0 - hidden,
            crop=finish_crop(_cut(shot.picture, box, region, cv2.BORDER_REPLICATE), (0, 0, 0, 0)),
            mask=np.where(mask > 127, np.uint8(255), np.uint8(0)),
            geometry=box_geometry(box, self.camera, self.mount),
        )

    def _number(self, t: float) -> int:
        return round(t * self.fps)

    def _figures(self, t: float) -> list[Figure]:
        at = np.array([t])
        return [
            figures(dressed, motion, at)[0]
            for dressed, motion in zip(self._dressed, self.scenario.motions, strict=True)
        ]

    def _surroundings(self, joints: Float64Array) -> Region | None:
        """A region of the picture with room for the crop of somebody with joints (32, 3), room frame."""
        optical = rep103_to_optical(room_to_sensor(joints, self.mount))
        if optical[:, 2].min() < NEAREST:
            return None
        pixels = project(optical, self.camera)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        half_height = 0.75 * max(float(high[1] - low[1]), float(high[0] - low[0]) * CROP_HEIGHT / CROP_WIDTH)
        centre, half = (low + high) / 2, np.array([0.8 * half_height, half_height])
        left, top = (int(edge) for edge in np.maximum(np.floor(centre - half), 0.0))
        right, bottom = (int(edge) for edge in np.ceil(centre + half))
        right, bottom = min(right, self.camera.width), min(bottom, self.camera.height)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _bodies(self, t: float, shot: Shot) -> tuple[SeenBody, ...]:
        """What the body tracker tells of the people in the whole picture."""
        whole = (0, 0, self.camera.width, self.camera.height)
        seen = [index for index, box in enumerate(shot.boxes) if box.any()]
        return tuple(SeenBody(index + 1, *self._track(index, t, shot, whole), shot.boxes[index]) for index in seen)

    def _track(self, index: int, t: float, shot: Shot, region: Region) -> tuple[Float32Array, NDArray[np.uint8]]:
        """Joints (32, 3) [m], optical frame, and confidence (32,) by the body tracker of one of the people.

        It cannot see joints outside of the picture and behind other people.
        """
        true = self.scenario.motions[index].joints(np.array([t]))[0]
        optical = rep103_to_optical(room_to_sensor(true, self.mount))
        columns, rows = np.floor(project(optical, self.camera)).astype(int).T
        outside = (columns < 0) | (columns >= self.camera.width) | (rows < 0) | (rows >= self.camera.height)
        left, top, right, bottom = region
        here = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
        front = shot.mask[np.where(here, rows - top, 0), np.where(here, columns - left, 0)]
        behind = here & (front != 0) & (front != index + 1)
        interval, self._tracked_at[index] = abs(t - self._tracked_at[index]), t
        joints, confidence = self._trackers[index].track(optical, outside | behind, interval)
        return joints.astype(np.float32), confidence


_AREA = cv2.INTER_AREA


def _middle(figure: Figure) -> Float64Array:
    """Joints (32, 3) in the middle of the exposure."""
    return figure.joints[len(figure.joints) // 2]


def _cut(image: ImageArray, box: Float32Array, region: Region, border: int) -> ImageArray:
    """The crop region of a box out of an image of a region of the picture, what is missing filled up at the border."""
    left, top, right, bottom = crop_region(box)
    x0, y0, x1, y1 = max(left, region[0]), max(top, region[1]), min(right, region[2]), min(bottom, region[3])
    patch = image[y0 - region[1] : y1 - region[1], x0 - region[0] : x1 - region[0]]
    return np.asarray(cv2.copyMakeBorder(patch, y0 - top, bottom - y1, x0 - left, right - x1, border), np.uint8)
