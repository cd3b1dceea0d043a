"""A simulated colour camera: dressed bodies walk through a scene, with shadows, motion blur, exposure and noise.

The empty scene is drawn once per camera. In each frame only the people are drawn, together with whatever furniture may
hide them, at several instants within the exposure and with several samples per pixel; alpha carries who covers what.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.camera.skeleton import Joint
from mission_core.errors import ConfigurationError
from mission_core.geometry import optical_to_rep103, project, rep103_to_optical, room_to_sensor, sensor_to_room
from mission_core.sim.look import Dressed
from mission_core.sim.path import Motion
from mission_core.sim.raster import NEAR, Model, draw
from mission_core.sim.scene import Piece, Scene
from mission_core.types import CameraModel, Float32Array, Float64Array, ImageArray, Int32Array, Mount

CAMERA = CameraModel(width=1280, height=720, fx=640.0, fy=640.0, cx=640.0, cy=360.0)
"""720p with 90 degrees of horizontal view, as the Azure Kinect's colour camera has it (Microsoft, hardware specs)."""

EXPOSURE = 1 / 100  # time for which the shutter is open, as indoors under lamps that flicker at 100 Hz [s]
SMEAR = 3.0  # bodies are drawn so often within it that limbs move no farther from one time to the next [pixel]
MAX_INSTANTS = 5  # at which bodies are drawn within one exposure
SAMPLES = 2  # per pixel and direction
_CODE = 16  # step of alpha from figure to figure
MAX_FIGURES = 14

Region: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom [pixel]; right and bottom excluded."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """Somebody in front of the camera, during one exposure.

    Attributes:
        dressed: body and clothes.
        joints: (2, 32, 3) when the shutter opens and when it closes [m], room frame of the camera.
    """

    dressed: Dressed
    joints: Float64Array


def figures(dressed: Dressed, motion: Motion, times: Float64Array) -> list[Figure]:
    """Figures at the times (T,) [s], which are the middles of the exposures."""
    ends = np.asarray(times, np.float64)[:, None] + EXPOSURE * np.array([-0.5, 0.5])
    joints = motion.joints(ends.ravel()).reshape(len(ends), 2, 32, 3)
    return [Figure(dressed, each) for each in joints]


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """What came out of one exposure, of the whole picture or of a region.

    Attributes:
        picture: BGR (H, W, 3).
        mask: (H, W), 0 = nobody, k + 1 = figure k is in front.
        boxes: (K, 4) x, y (upper left), width, height of each figure [pixel of the whole picture], clipped to the
            picture, hidden parts included; all 0 outside of it.
    """

    picture: ImageArray
    mask: NDArray[np.uint8]
    boxes: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class _Posed:
    """A figure in the camera's frame.

    Attributes:
        model: what is drawn.
        vertices: (2, R, 3) at both ends of the exposure [m].
        colours: (R, 4) of the vertices, alpha tells which figure it is.
        bounds: left, top, right, bottom (4,) in the picture [pixel].
        smear: how far the fastest limbs move during the exposure [pixel].
    """

    model: Model
    vertices: Float32Array
    colours: ImageArray
    bounds: Float64Array
    smear: float


@dataclass(frozen=True, slots=True, eq=False)
class _Cover:
    """A standing part of the scene in the camera's frame, its bounds in the picture and its nearest depth [m]."""

    vertices: Float32Array
    faces: Int32Array
    bounds: Float64Array
    depth: float


class Renderer:
    """A camera at its mount in a scene.

    Args:
        camera: intrinsics.
        mount: height and tilt.
        scene: the room.
        seed: of exposure, white balance and noise.
    """

    def __init__(self, camera: CameraModel, mount: Mount, scene: Scene, seed: int = 0) -> None:
        self.camera = camera
        self.mount = mount
        self.scene = scene
        rng = np.random.default_rng((seed, 0xCA3))
        self._gain = _gain(rng)
        self._noise = _noise(camera, rng)
        self._seed = seed
        self._models: WeakKeyDictionary[Dressed, Model] = WeakKeyDictionary()
        self._floor = _floor_places(camera, mount)
        self._empty, self._covers = self._draw_scene()

    def shoot(self, figures: Sequence[Figure], number: int, region: Region | None = None) -> Shot:
        """Frame `number` with these figures in it.

        Args:
            figures: at most MAX_FIGURES.
            number: of the frame; noise and flicker differ from frame to frame.
            region: part of the picture to be made; None = all of it.

        Raises:
            ConfigurationError: there are too many figures.
        """
        if len(figures) > MAX_FIGURES:
            raise ConfigurationError(f"{len(figures)} people at once, a picture takes {MAX_FIGURES}: leave some out")
        whole = (0, 0, self.camera.width, self.camera.height)
        area = _common(region, whole) if region is not None else whole
        posed = [self._posed(figure, k) for k, figure in enumerate(figures)]
        left, top, right, bottom = area
        image = self._empty[top:bottom, left:right].copy()
        mask = np.zeros(image.shape[:2], np.uint8)
        for figure in figures:
            self._shadow(image, figure, area)
        for group in _groups([body for body in posed if body is not None]):
            bounds = np.concatenate([body.bounds[None] for body in group])
            low, high = np.floor(bounds[:, :2].min(axis=0)) - 1, np.ceil(bounds[:, 2:].max(axis=0)) + 1
            part = _common((int(low[0]), int(low[1]), int(high[0]), int(high[1])), area)
            if part[0] < part[2] and part[1] < part[3]:
                self._paint(image, mask, group, part, area)
        boxes = np.zeros((len(figures), 4), np.float32)
        for k, body in enumerate(posed):
            if body is not None:
                boxes[k] = _box(body.bounds, self.camera)
        return Shot(self._exposed(image, number, area), mask, boxes)

    def picture(self, figures: Sequence[Figure], number: int = 0) -> ImageArray:
        """The whole picture (H, W, 3), BGR."""
        return self.shoot(figures, number).picture

    def index_mask(self, figures: Sequence[Figure]) -> NDArray[np.uint8]:
        """Who is where (H, W): 0 = nobody, k + 1 = figure k."""
        return self.shoot(figures, 0).mask

    # --- the scene ---

    def _draw_scene(self) -> tuple[ImageArray, list[_Cover]]:
        """The picture of the empty scene, and what people can be behind."""
        whole = (0, 0, self.camera.width, self.camera.height)
        models, covers = [], []
        for piece in self.scene.pieces:
            model, vertices = self._piece(piece)
            models.append(model)
            if piece.stands:
                covers.append(self._cover(vertices, piece.faces))
        for dressed, joints in self.scene.people:
            body = self._posed(Figure(dressed, joints), MAX_FIGURES)
            if body is not None:
                body.model.place(body.vertices[0], body.colours)
                models.append(body.model)
                covers.append(self._cover(body.vertices[0], dressed.faces))
        samples = draw(models, self.camera, whole, 2)
        empty = cv2.resize(samples[..., :3], (self.camera.width, self.camera.height), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(empty), covers

    def _cover(self, vertices: Float32Array, faces: Int32Array) -> _Cover:
        return _Cover(vertices, faces, _bounds(vertices, self.camera), float(vertices[:, 0].min()))

    def _piece(self, piece: Piece) -> tuple[Model, Float32Array]:
        light = self.scene.light.on(piece.vertices, piece.normals)
        if not piece.stands and piece.normals[0, 2] > 0.5:
            light *= self.scene.shade(piece.vertices)[..., None]
        light = np.maximum(light, piece.shine)
        vertices = room_to_sensor(piece.vertices, self.mount).astype(np.float32)
        model = Model(piece.faces, piece.uv, piece.texture, flat=True)
        model.place(vertices, _opaque(light * self._gain, 255))
        return model, vertices

    # --- people ---

    def _posed(self, figure: Figure, index: int) -> _Posed | None:
        """None where the body is, in part, too near or behind the camera."""
        vertices, normals = figure.dressed.posed(figure.joints)
        light = self.scene.light.on_body(figure.joints[0, Joint.SPINE_CHEST], normals[0])
        vertices = room_to_sensor(vertices, self.mount)
        if vertices[..., 0].min() < 2 * NEAR:
            return None
        model = self._models.get(figure.dressed)
        if model is None:
            model = Model(figure.dressed.faces, figure.dressed.uv, figure.dressed.texture)
            self._models[figure.dressed] = model
        pixels = project(rep103_to_optical(vertices), self.camera)  # (2, R, 2)
        bounds = np.concatenate((pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1)))).astype(np.float64)
        smear = float(np.percentile(np.abs(pixels[-1] - pixels[0]).max(axis=-1), 95))
        return _Posed(model, vertices, _opaque(light * self._gain, _CODE * (index + 1)), bounds, smear)

    def _paint(
        self, image: ImageArray, mask: NDArray[np.uint8], group: Sequence[_Posed], part: Region, area: Region
    ) -> None:
        """Puts people who overlap each other into the picture of an area."""
        left, top, right, bottom = part
        farthest = max(float(body.vertices[..., 0].max()) for body in group)
        models = [body.model for body in group]
        covers = [cover for cover in self._covers if cover.depth < farthest and _overlap(cover.bounds, part)]
        if covers:
            models.append(_merged(covers))
        size = (right - left, bottom - top)
        instants = int(np.clip(np.ceil(max(body.smear for body in group) / SMEAR), 1, MAX_INSTANTS))
        colour = np.zeros((size[1], size[0], 3), np.uint16)
        covered = np.zeros((size[1], size[0]), np.uint16)
        here = slice(top - area[1], bottom - area[1]), slice(left - area[0], right - area[0])
        for instant in range(instants):
            for body in group:
                share = np.float32((instant + 0.5) / instants)
                body.model.place(body.vertices[0] + share * (body.vertices[-1] - body.vertices[0]), body.colours)
            samples = draw(models, self.camera, part, SAMPLES)
            small = cv2.resize(samples[..., :3], size, interpolation=cv2.INTER_AREA)
            solid = np.where(samples[..., 3] > 0, np.uint8(255), np.uint8(0))
            cv2.add(colour, small, colour, dtype=cv2.CV_16U)
            part_covered = cv2.resize(solid, size, interpolation=cv2.INTER_AREA)
            cv2.add(covered, part_covered, covered, dtype=cv2.CV_16U)
            if instant == instants // 2:
                code = samples[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES, 3]
                mask[here] = (code.astype(np.uint16) + _CODE // 2) // _CODE
        left_over = np.float32(1.0) - covered.astype(np.float32) / (255 * instants)
        blended = image[here] * left_over[..., None] + colour.astype(np.float32) / instants
        image[here] = np.minimum(blended + 0.5, 255.0).astype(np.uint8)

    def _shadow(self, image: ImageArray, figure: Figure, area: Region) -> None:
        """Darkens the floor softly beneath a body and sharply beneath its feet."""
        joints = figure.joints.mean(axis=0)
        pelvis = joints[Joint.PELVIS]
        corners = pelvis[:2] + 0.9 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
        corners = room_to_sensor(np.concatenate((corners, np.zeros((4, 1))), axis=1), self.mount)
        if corners[:, 0].min() < NEAR:
            return
        pixels = project(rep103_to_optical(corners), self.camera)
        low, high = np.floor(pixels.min(axis=0)).astype(int), np.ceil(pixels.max(axis=0)).astype(int)
        left, top, right, bottom = _common((int(low[0]), int(low[1]), int(high[0]), int(high[1])), area)
        if left >= right or top >= bottom:
            return
        places = self._floor[top:bottom:2, left:right:2]  # a shadow is soft: every other pixel will do
        light = 1.0 - 0.28 * _blob(places, pelvis[:2], 0.30)
        for ankle, foot in ((Joint.ANKLE_LEFT, Joint.FOOT_LEFT), (Joint.ANKLE_RIGHT, Joint.FOOT_RIGHT)):
            middle = (joints[ankle] + joints[foot]) / 2
            height = max(float(joints[[ankle, foot], 2].min()), 0.0)
            light *= 1.0 - 0.55 * np.exp(-height / 0.10) * _blob(places, middle[:2], 0.09 + height / 2)
        here = image[top - area[1] : bottom - area[1], left - area[0] : right - area[0]]
        full = cv2.resize(np.nan_to_num(light, nan=1.0), (right - left, bottom - top))
        here[:] = cv2.multiply(here, cv2.merge([full] * 3), dtype=cv2.CV_8U)

    # --- the sensor ---

    def _exposed(self, image: ImageArray, number: int, area: Region) -> ImageArray:
        """The picture as the sensor gives it: with flicker and noise."""
        rng = np.random.default_rng((self._seed, number, 0x0E5))
        flicker = 1.0 + 0.01 * np.sin(0.37 * number) + 0.004 * rng.standard_normal()
        out = cv2.convertScaleAbs(image, alpha=flicker)
        shift = rng.integers(0, _MARGIN, 2)
        rows = slice(area[1] + shift[0], area[3] + shift[0])
        columns = slice(area[0] + shift[1], area[2] + shift[1])
        brighter, darker = self._noise
        cv2.add(out, np.ascontiguousarray(brighter[rows, columns]), out)
        cv2.subtract(out, np.ascontiguousarray(darker[rows, columns]), out)
        return np.asarray(out, np.uint8)


_MARGIN = 64  # by which the noise is larger than the picture, so that each frame gets another part of it [pixel]
NOISE = 2.0  # deviation [grey levels]


def _gain(rng: np.random.Generator) -> Float32Array:
    """Of blue, green and red: exposure within a third of a stop, white balance within some 4 %."""
    return (2.0 ** rng.uniform(-0.3, 0.2) * np.exp(rng.normal(0.0, 0.04, 3) * (1.0, 0.3, 1.0))).astype(np.float32)


def _noise(camera: CameraModel, rng: np.random.Generator) -> tuple[ImageArray, ImageArray]:
    """What to add and what to subtract [grey levels]."""
    tile = np.empty((256, 256, 3), np.float32)
    rng.standard_normal(dtype=np.float32, out=tile)
    tile = 0.7 * tile + 0.5 * cv2.GaussianBlur(tile, (3, 3), 0) / 0.42  # sensors' noise is a little blotchy
    repeats = -(-(camera.height + _MARGIN) // 256), -(-(camera.width + _MARGIN) // 256), 1
    noise = np.tile(np.round(NOISE * tile).astype(np.int16), repeats)
    return np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)


def _merged(covers: Sequence[_Cover]) -> Model:
    """One model that is drawn as nothing, but hides what is behind it."""
    starts = np.cumsum([0, *(len(cover.vertices) for cover in covers)])
    faces = np.concatenate([cover.faces + start for cover, start in zip(covers, starts, strict=False)])
    vertices = np.concatenate([cover.vertices for cover in covers])
    model = Model(faces.astype(np.int32), np.zeros((len(vertices), 2), np.float32), None, flat=True)
    model.place(vertices, np.zeros((len(vertices), 4), np.uint8))
    return model


def _opaque(light: Float32Array, alpha: int) -> ImageArray:
    colours = np.empty((len(light), 4), np.uint8)
    colours[:, :3] = np.clip(light * 255, 0, 255)
    colours[:, 3] = alpha
    return colours


@lru_cache(maxsize=1)
def _floor_places(camera: CameraModel, mount: Mount) -> Float32Array:
    """Where the ray of each pixel meets the floor: (H, W, 2) x, y [m]; NaN above the horizon."""
    v, u = np.mgrid[0.5 : camera.height, 0.5 : camera.width].astype(np.float32)
    rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)), axis=-1)
    rays = sensor_to_room(optical_to_rep103(rays), mount) - np.array((0.0, 0.0, mount.height), np.float32)
    down = np.where(rays[..., 2] < -1e-3, -mount.height / rays[..., 2], np.nan)
    return (rays[..., :2] * down[..., None]).astype(np.float32)


def _blob(places: Float32Array, centre: Float64Array, deviation: float) -> Float32Array:
    squares = ((places - centre.astype(np.float32)) ** 2).sum(axis=-1)
    return np.exp(-squares / np.float32(2 * deviation**2))


def _bounds(vertices: Float32Array, camera: CameraModel) -> Float64Array:
    """Left, top, right, bottom (4,) [pixel] of vertices (V, 3) in the camera's frame."""
    ahead = vertices[vertices[:, 0] > NEAR]
    if len(ahead) == 0:
        return np.zeros(4)
    pixels = project(rep103_to_optical(ahead), camera)
    return np.concatenate((pixels.min(axis=0), pixels.max(axis=0))).astype(np.float64)


def _box(bounds: Float64Array, camera: CameraModel) -> Float32Array:
    clipped = np.clip(bounds, 0.0, (camera.width, camera.height) * 2)
    size = clipped[2:] - clipped[:2]
    if size.min() < 1.0:
        return np.zeros(4, np.float32)
    return np.concatenate((clipped[:2], size)).astype(np.float32)


def _common(first: Region, second: Region) -> Region:
    return (
        max(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        min(first[3], second[3]),
    )


def _overlap(bounds: Float64Array, region: Sequence[float] | Float64Array) -> bool:
    return bool(bounds[0] < region[2] and region[0] < bounds[2] and bounds[1] < region[3] and region[1] < bounds[3])


def _groups(bodies: Sequence[_Posed]) -> list[list[_Posed]]:
    """Bodies whose bounds overlap, directly or through others, together."""
    groups: list[list[_Posed]] = []
    for body in bodies:
        touching = [group for group in groups if any(_overlap(body.bounds, other.bounds) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([body, *(other for group in touching for other in group)])
    return groups
