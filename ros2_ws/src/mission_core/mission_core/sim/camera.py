"""A simulated colour camera: people of flesh and clothes walk through a room, seen in perspective.

Bodies are painted back to front as tapered capsules around the joints, shaded across the limb. Size and motion are the
person's own; clothes, hair, skin and room are drawn anew from the seeds of the walk and of the camera, so that nothing
but body and gait tells who it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.calibration import CAMERA_MOUNT
from mission_core.camera.people import touches_border
from mission_core.camera.skeleton import Joint
from mission_core.camera.snippet import SNIPPET_FRAMES, SNIPPET_RATE, box_geometry, crop_region, finish_crop
from mission_core.geometry import optical_to_rep103, project, rep103_to_optical, room_to_sensor, sensor_to_room
from mission_core.sim.motion import Walk
from mission_core.sim.people import Physique
from mission_core.types import Body, CameraFrame, CameraModel, Float32Array, Float64Array, ImageArray, Mount, Snippet

CAMERA = CameraModel(width=1280, height=720, fx=640.0, fy=640.0, cx=640.0, cy=360.0)
"""720p with 90 degrees of horizontal view, as the Azure Kinect's colour camera has it."""

JOINT_NOISE = 0.01  # [m], deviation of the body tracker's joints about the mean in published comparisons
NEAR = 0.4  # [m], nothing nearer to the lens is drawn

Colour: TypeAlias = tuple[float, float, float]  # BGR 0..255
Cloth = Literal["skin", "hair", "top", "sleeve", "bottom", "shank", "shoe"]

# --- the body: capsules between points ----------------------------------------------------------------------------

_NUM_JOINTS = len(Joint)
_CALF_LEFT, _CALF_RIGHT, _HEEL_LEFT, _HEEL_RIGHT, _CROWN, _JAW = range(_NUM_JOINTS, _NUM_JOINTS + 6)
_FACE, _BACK_OF_HEAD, _NAPE, _BELLY, _CROTCH, _HEM = range(_NUM_JOINTS + 6, _NUM_JOINTS + 12)


@dataclass(frozen=True, slots=True)
class _Capsule:
    """A limb between two points.

    Attributes:
        group: parts of one group are painted together, without seams, in the order of the group's depth.
        start: point at one end.
        end: point at the other.
        broad: half width at both ends where the body shows its front [m].
        deep: the same where it shows its side; equal to `broad` for round limbs.
        cloth: what covers it.
        cap: length of the round ends relative to the width.
    """

    group: str
    start: int
    end: int
    broad: tuple[float, float]
    deep: tuple[float, float]
    cloth: Cloth
    cap: float = 1.0


_LIFT = {"torso": 0.05, "hips": 0.02, "skirt": 0.1, "face": 0.02}
"""How much nearer a group counts in the order of painting [m]: a shirt hangs over trousers, a skirt over the legs."""


def _round(group: str, start: int, end: int, radii: tuple[float, float], cloth: Cloth) -> _Capsule:
    return _Capsule(group, start, end, radii, radii, cloth)


def _capsules(body: Physique, *, skirt: bool, long_hair: bool) -> list[_Capsule]:
    """The parts of a body, flesh and clothes."""
    wide, deep, head = body.torso_width, body.torso_depth, body.head_radius
    neck, chest, waist = (0.5 * wide, 0.5 * deep), (1.12 * wide, deep), (0.92 * wide, 0.88 * deep)
    hips = (0.5 * body.hip_width + body.thigh_radius, 1.05 * deep)
    hem = (0.5 * body.hip_width + 1.5 * body.thigh_radius,) * 2

    def trunk(group: str, start: int, end: int, at: tuple[tuple[float, float], ...], cloth: Cloth) -> _Capsule:
        (broad_start, deep_start), (broad_end, deep_end) = at
        return _Capsule(group, start, end, (broad_start, broad_end), (deep_start, deep_end), cloth, cap=0.2)

    parts = [
        trunk("hips", _CROTCH, _BELLY, (hips, hips), "bottom"),
        trunk("torso", _BELLY, Joint.SPINE_NAVEL, (hips, waist), "top"),
        trunk("torso", Joint.SPINE_NAVEL, Joint.SPINE_CHEST, (waist, chest), "top"),
        trunk("torso", Joint.SPINE_CHEST, Joint.NECK, (chest, neck), "top"),
        _round("neck", Joint.NECK, Joint.HEAD, (0.55 * head, 0.5 * head), "skin"),
        _round("face", _FACE, _JAW, (0.8 * head, 0.62 * head), "skin"),
        _round("face", _FACE, Joint.NOSE, (0.6 * head, 0.2 * head), "skin"),
        _round("hair", _CROWN, _BACK_OF_HEAD, (0.92 * head, 0.88 * head), "hair"),
    ]
    if long_hair:
        parts.append(_round("hair", _BACK_OF_HEAD, _NAPE, (0.85 * head, 0.7 * head), "hair"))
    if skirt:
        parts.append(trunk("skirt", _BELLY, _HEM, (hips, hem), "bottom"))
    for side in ("LEFT", "RIGHT"):
        parts += _side(body, side, "skin" if skirt else "bottom")
    return parts


def _side(body: Physique, side: str, thigh_cloth: Cloth) -> list[_Capsule]:
    """Shoulder, arm, leg and shoe of one side."""
    shoulder, elbow, wrist, tip, thumb, hip, knee, ankle, foot = (
        Joint[f"{name}_{side}"]
        for name in ("SHOULDER", "ELBOW", "WRIST", "HANDTIP", "THUMB", "HIP", "KNEE", "ANKLE", "FOOT")
    )
    calf, heel = (_CALF_LEFT, _HEEL_LEFT) if side == "LEFT" else (_CALF_RIGHT, _HEEL_RIGHT)
    upper, fore, thigh, shank = body.upper_arm_radius, body.forearm_radius, body.thigh_radius, body.shank_radius
    arm, leg, shoe = f"arm {side}", f"leg {side}", f"shoe {side}"
    return [
        _round("torso", Joint.NECK, shoulder, (0.7 * upper, 1.1 * upper), "top"),
        _round("torso", Joint.SPINE_CHEST, shoulder, (0.8 * body.torso_depth, 1.1 * upper), "top"),
        _round(arm, shoulder, elbow, (1.2 * upper, 0.95 * upper), "top"),
        _round(arm, elbow, wrist, (1.05 * fore, 0.75 * fore), "sleeve"),
        _round(arm, wrist, tip, (0.75 * fore, 0.55 * fore), "skin"),
        _round(arm, wrist, thumb, (0.45 * fore, 0.35 * fore), "skin"),
        _round(leg, hip, knee, (1.05 * thigh, 0.78 * thigh), thigh_cloth),
        _round(leg, knee, calf, (0.8 * thigh, 1.2 * shank), "shank"),
        _round(leg, calf, ankle, (1.2 * shank, 0.72 * shank), "shank"),
        _round(shoe, heel, foot, (0.042, 0.034), "shoe"),
    ]


def _points(joints: Float64Array, body: Physique) -> Float64Array:
    """Joints (..., 32, 3), room frame, and behind them the further points between which capsules are drawn."""
    j = {joint: joints[..., joint, :] for joint in Joint}
    neck, pelvis, nose = j[Joint.NECK], j[Joint.PELVIS], j[Joint.NOSE]
    ears = 0.5 * (j[Joint.EAR_LEFT] + j[Joint.EAR_RIGHT])
    up = _unit(ears - neck)
    face = _unit((nose - ears) - np.sum((nose - ears) * up, axis=-1, keepdims=True) * up)
    r = body.head_radius
    above_ears = body.head - np.linalg.norm(ears - neck, axis=-1, keepdims=True)  # up to the vertex
    further = []
    for knee, ankle in ((Joint.KNEE_LEFT, Joint.ANKLE_LEFT), (Joint.KNEE_RIGHT, Joint.ANKLE_RIGHT)):
        further.append(0.68 * j[knee] + 0.32 * j[ankle])
    for knee, ankle, foot in (
        (Joint.KNEE_LEFT, Joint.ANKLE_LEFT, Joint.FOOT_LEFT),
        (Joint.KNEE_RIGHT, Joint.ANKLE_RIGHT, Joint.FOOT_RIGHT),
    ):
        down = _unit(j[ankle] - j[knee])
        further.append(j[ankle] + 0.5 * body.ankle_height * down - 0.15 * (j[foot] - j[ankle]))
    knees = 0.5 * (j[Joint.KNEE_LEFT] + j[Joint.KNEE_RIGHT])
    spine = j[Joint.SPINE_NAVEL] - pelvis
    further += [
        ears + (above_ears - 0.9 * r) * up - 0.05 * r * face,  # crown
        ears - 0.6 * r * up + 0.45 * r * face,  # jaw
        ears + 0.4 * r * face,  # face
        ears + 0.1 * r * up - 0.3 * r * face,  # back of the head
        neck - 0.8 * r * face,  # nape
        pelvis + 0.25 * spine,  # belly
        pelvis - 0.12 * spine,  # crotch
        0.12 * pelvis + 0.88 * knees,  # hem
    ]
    return np.concatenate((joints, np.stack(further, axis=-2)), axis=-2)


def _unit(vectors: Float64Array) -> Float64Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


# --- looks ---------------------------------------------------------------------------------------------------------

# layers across a limb, from the dark rim to the lit ridge: width, shift towards the light in widths, brightness
_LAYERS = ((1.0, 0.0, 0.72), (0.86, 0.08, 0.85), (0.64, 0.18, 0.97), (0.36, 0.30, 1.07))
_SKIN: tuple[Colour, ...] = ((185, 205, 236), (155, 182, 222), (120, 152, 198), (85, 115, 165), (55, 75, 115))
_HAIR: tuple[Colour, ...] = ((28, 26, 30), (38, 48, 68), (55, 80, 115), (95, 140, 180), (120, 120, 125))


@dataclass(frozen=True, slots=True)
class _Look:
    """What a walker wears today, ready for painting.

    Attributes:
        ends: (C, 2) points at the ends of the capsules.
        broad: (C, 2) half widths from the front [m].
        deep: (C, 2) half widths from the side [m].
        caps: (C,) relative length of the round ends.
        groups: (C,) number of each capsule's group.
        lifts: (G,) how much nearer each group counts [m].
        colours: (C, L, 3) BGR of each capsule's layers.
    """

    ends: NDArray[np.int_]
    broad: Float64Array
    deep: Float64Array
    caps: Float64Array
    groups: NDArray[np.int_]
    lifts: Float64Array
    colours: Float64Array


def _look(body: Physique, seed: int) -> _Look:
    """Clothes, hair and skin, by the walk's seed alone; never by who walks."""
    rng = np.random.default_rng((seed, 0x10CC))

    def cloth() -> Colour:
        hsv = np.array([[[rng.integers(180), 200 * rng.random() ** 1.5, rng.uniform(40, 235)]]], np.uint8)
        blue, green, red = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0]
        return (float(blue), float(green), float(red))

    skin = _SKIN[rng.integers(len(_SKIN))]
    top, bottom, leather = cloth(), cloth(), rng.uniform(20, 220)
    skirt, long_sleeves, long_trousers = rng.random() < 0.2, rng.random() < 0.6, rng.random() < 0.75
    colours: dict[Cloth, Colour] = {
        "skin": skin,
        "hair": _HAIR[rng.integers(len(_HAIR))],
        "top": top,
        "sleeve": top if long_sleeves else skin,
        "bottom": bottom,
        "shank": bottom if long_trousers and not skirt else skin,
        "shoe": (leather, leather, leather),
    }
    capsules = _capsules(body, skirt=skirt, long_hair=rng.random() < 0.4)
    names, groups = np.unique([capsule.group for capsule in capsules], return_inverse=True)
    tones = np.array([colours[capsule.cloth] for capsule in capsules])
    return _Look(
        ends=np.array([(capsule.start, capsule.end) for capsule in capsules]),
        broad=np.array([capsule.broad for capsule in capsules]),
        deep=np.array([capsule.deep for capsule in capsules]),
        caps=np.array([capsule.cap for capsule in capsules]),
        groups=groups,
        lifts=np.array([_LIFT.get(name, 0.0) for name in names]),
        colours=np.clip(tones[:, None] * np.array([layer[2] for layer in _LAYERS])[:, None], 0, 255),
    )


# --- painting ------------------------------------------------------------------------------------------------------

_SHIFT = 4  # fractional bits of polygon corners
_ARC = np.linspace(-np.pi / 2, np.pi / 2, 7)
_LIGHT = np.array([-0.8, -0.6])  # towards the light, in the picture


@dataclass(frozen=True, slots=True, eq=False)
class _Figure:
    """One walker ready to be painted.

    Attributes:
        polygons: (N, K, 2) corners [pixel] of all layers of all capsules, in the order of painting.
        colours: (N, 3) BGR.
        depth: of the pelvis [m].
        ground: (2,) pixel between the feet on the floor.
        shadow: (2,) half axes of the shadow [pixel].
        box: (4,) float32 bounding box, clipped to the picture; all 0 when outside.
        joints: (32, 3) [m], optical frame.
        pixels: (32, 2) of the joints.
    """

    polygons: Float64Array
    colours: Float64Array
    depth: float
    ground: Float64Array
    shadow: Float64Array
    box: Float32Array
    joints: Float64Array
    pixels: Float64Array


class SimulatedCamera:
    """Pictures of walkers in a room, with skeletons as a body tracker gives them.

    Args:
        walks: who walks, in the camera's room frame.
        camera: intrinsics.
        mount: of the camera in its room.
        seed: of room, noise and light.
        fps: frame rate [1/s]; frame k is that of time k / fps.
    """

    def __init__(
        self,
        walks: Sequence[Walk],
        camera: CameraModel = CAMERA,
        mount: Mount = CAMERA_MOUNT,
        seed: int = 0,
        fps: float = 15.0,
    ) -> None:
        self.camera, self.mount, self.fps = camera, mount, fps
        self._walks = tuple(walks)
        self._seed = seed
        self._looks = [_look(walk.person.physique, walk.seed) for walk in self._walks]
        rng = np.random.default_rng((seed, 0xCA3))
        self._room = _room(camera, mount, rng)
        self._noise = _noise(camera, rng)

    def frame(self, t: float, stamp_ns: int) -> CameraFrame:
        """The picture at time t [s], with the bodies in it."""
        index = round(t * self.fps)
        figures = [figure for figures in self._figures(np.array([t])) for figure in figures]
        image = self._picture(index, [figure for figure in figures if figure is not None])
        return CameraFrame(stamp_ns, image, self.camera, self._bodies(index, figures))

    def snippet(self, start: float, walker: int = 0, stamp_ns: int = 0) -> Snippet | None:
        """The snippet that `snippets_from` would cut for one walker, from time `start` [s], without the rest around it.

        Returns:
            None when the walker leaves the picture or is cut by its border meanwhile.
        """
        steps = np.arange(SNIPPET_FRAMES) / SNIPPET_RATE
        indices = np.round((start + steps) * self.fps).astype(int)
        crops, geometry = [], []
        for index, figures in zip(indices, zip(*self._figures(indices / self.fps), strict=True), strict=True):
            figure = figures[walker]
            if figure is None or touches_border(figure.box, self.camera.width, self.camera.height):
                return None
            crops.append(self._crop(int(index), figures, figure.box))
            geometry.append(box_geometry(figure.box, self.camera, self.mount))
        stamps_ns = stamp_ns + np.round(steps * 1e9).astype(np.int64)
        return Snippet(np.stack(crops), np.stack(geometry), stamps_ns)

    def _crop(self, index: int, figures: Sequence[_Figure | None], box: Float32Array) -> ImageArray:
        """`crop(self.frame(...).image, box)`, painting only what it shows."""
        left, top, right, bottom = crop_region(box)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(right, self.camera.width), min(bottom, self.camera.height)
        # a little more than is shown: OpenCV smooths edges differently at the border of what it paints on
        region = (max(x0 - 4, 0), max(y0 - 4, 0), min(x1 + 4, self.camera.width), min(y1 + 4, self.camera.height))
        painted = self._picture(index, [figure for figure in figures if figure is not None], region)
        patch = painted[y0 - region[1] : y1 - region[1], x0 - region[0] : x1 - region[0]]
        return finish_crop(patch, (x0 - left, y0 - top, right - x1, bottom - y1))

    def _figures(self, times: Float64Array) -> list[list[_Figure | None]]:
        """For each walker the figures at (T,) times [s]; None where they are not in front of the camera."""
        return [
            _figures(walk.joints(times), walk.person.physique, look, self.camera, self.mount)
            for walk, look in zip(self._walks, self._looks, strict=True)
        ]

    def _picture(
        self, index: int, figures: Sequence[_Figure], region: tuple[int, int, int, int] | None = None
    ) -> ImageArray:
        """Region left, top, right, bottom of frame `index`; by default all of it."""
        x0, y0, x1, y1 = region if region is not None else (0, 0, self.camera.width, self.camera.height)
        image = self._room[y0:y1, x0:x1].copy()
        origin = np.array([x0, y0])
        for figure in figures:
            _paint_shadow(image, figure, origin)
        for figure in sorted(figures, key=lambda figure: -figure.depth):
            _paint(image, figure, origin)
        rng = np.random.default_rng((self._seed, index))
        gain = 1.0 + 0.012 * rng.standard_normal()
        brighter, darker = self._noise
        dy, dx = rng.integers(_TILE_MARGIN, size=2)
        tile = np.s_[dy + y0 : dy + y1, dx + x0 : dx + x1]
        cv2.convertScaleAbs(image, image, gain)
        cv2.add(image, brighter[tile], image)
        cv2.subtract(image, darker[tile], image)
        return image

    def _bodies(self, index: int, figures: Sequence[_Figure | None]) -> tuple[Body, ...]:
        rng = np.random.default_rng((self._seed, index, 0xB0D))
        seen = [(i, figure) for i, figure in enumerate(figures) if figure is not None and figure.box.any()]
        bodies = []
        for i, figure in seen:
            guessed = ~_inside(figure.pixels, np.array([0, 0, self.camera.width, self.camera.height], np.float32))
            for _, other in seen:
                if other.depth < figure.depth:
                    guessed |= _inside(figure.pixels, other.box)
            joints = figure.joints + rng.normal(0.0, JOINT_NOISE, figure.joints.shape)
            confidence = np.where(guessed, 1, 2).astype(np.uint8)  # the SDK never says 3 (high) either
            bodies.append(Body(i + 1, joints.astype(np.float32), confidence, figure.box))
        return tuple(bodies)


def _inside(pixels: Float64Array, box: Float32Array) -> NDArray[np.bool_]:
    return np.all((pixels >= box[:2]) & (pixels < box[:2] + box[2:]), axis=-1)


def _figures(
    joints: Float64Array, body: Physique, look: _Look, camera: CameraModel, mount: Mount
) -> list[_Figure | None]:
    """Figures of one walker from joints (T, 32, 3), room frame."""
    points = rep103_to_optical(room_to_sensor(_points(joints, body), mount))
    soles = np.minimum(joints[:, :, 2].min(axis=1), 0.0)
    ground = joints[:, Joint.PELVIS].copy()
    ground[:, 2] = soles
    ground = rep103_to_optical(room_to_sensor(ground, mount))
    return [
        _figure(points[k], ground[k], look, camera, mount) if points[k, :, 2].min() > NEAR else None
        for k in range(len(points))
    ]


def _figure(points: Float64Array, ground: Float64Array, look: _Look, camera: CameraModel, mount: Mount) -> _Figure:
    """Projects one body; points (P, 3) and ground (3,) in the optical frame."""
    pixels = project(points, camera)
    scale = camera.fx / points[:, 2]
    across = _unit(points[Joint.SHOULDER_LEFT] - points[Joint.SHOULDER_RIGHT])
    front = across[0] ** 2  # squared cosine between the shoulders and the picture
    radii = np.sqrt(front * look.broad**2 + (1 - front) * look.deep**2) * scale[look.ends]  # (C, 2)
    polygons = _outlines(pixels[look.ends], radii, look.caps)  # (C, L, K, 2)
    order = _painting_order(points[look.ends, 2].mean(axis=1), look)
    level = 0.33 * camera.fx / ground[2]
    tilt = (mount.height / ground[2]) + np.tan(np.deg2rad(mount.pitch_deg)) * 0.5
    return _Figure(
        polygons=polygons.reshape(-1, *polygons.shape[2:])[order],
        colours=look.colours.reshape(-1, 3)[order],
        depth=float(points[Joint.PELVIS, 2]),
        ground=project(ground, camera),
        shadow=np.array([level, level * min(tilt, 1.0)]),
        box=_box(polygons[:, 0].reshape(-1, 2), camera),
        joints=points[:_NUM_JOINTS],
        pixels=pixels[:_NUM_JOINTS],
    )


def _painting_order(depth: Float64Array, look: _Look) -> NDArray[np.int_]:
    """Order of the C * L layers from the depth (C,) of the capsules: groups back to front, layer by layer in each."""
    group_depth = np.bincount(look.groups, depth) / np.bincount(look.groups) - look.lifts
    layers = len(_LAYERS)
    nearness = np.repeat(-group_depth[look.groups], layers)
    return np.lexsort((np.tile(np.arange(layers), len(depth)), nearness))


def _outlines(ends: Float64Array, radii: Float64Array, caps: Float64Array) -> Float64Array:
    """Corners (C, L, K, 2) of capsules in their layers, from ends (C, 2, 2), radii (C, 2) and caps (C,)."""
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    along = np.where(length > 1e-6, along / np.maximum(length, 1e-6), (0.0, 1.0))
    normal = np.stack((-along[:, 1], along[:, 0]), axis=-1)
    widths, shifts = np.array([layer[:2] for layer in _LAYERS]).T
    lit = np.sign(normal @ _LIGHT)[:, None] * normal  # (C, 2) across the limb, towards the light
    r = radii[:, None, :] * widths[None, :, None]  # (C, L, 2)
    centres = ends[:, None] + (radii[:, None, :] * shifts[None, :, None])[..., None] * lit[:, None, None]
    arc_along = np.cos(_ARC)[:, None] * along[:, None] * caps[:, None, None]  # (C, K/2, 2)
    arc_across = np.sin(_ARC)[:, None] * normal[:, None]
    tip = centres[:, :, 1, None] + r[:, :, 1, None, None] * (arc_along + arc_across)[:, None]
    tail = centres[:, :, 0, None] - r[:, :, 0, None, None] * (arc_along + arc_across)[:, None]
    return np.concatenate((tip, tail), axis=2)


def _box(corners: Float64Array, camera: CameraModel) -> Float32Array:
    low = np.clip(corners.min(axis=0), 0, (camera.width, camera.height))
    high = np.clip(corners.max(axis=0), 0, (camera.width, camera.height))
    if (high - low).min() < 1.0:
        return np.zeros(4, np.float32)
    return np.concatenate((low, high - low)).astype(np.float32)


def _paint(image: ImageArray, figure: _Figure, origin: NDArray[np.int_]) -> None:
    corners = np.round((figure.polygons - origin) * (1 << _SHIFT)).astype(np.int32)
    for corner, colour in zip(corners, figure.colours.tolist(), strict=True):
        cv2.fillConvexPoly(image, corner, colour, cv2.LINE_AA, _SHIFT)


def _soft_disc(size: int = 65) -> NDArray[np.uint8]:
    """Share of light that reaches the floor under a person, 255 = all."""
    grid = np.linspace(-1, 1, size)
    radius = np.hypot(grid[:, None], grid)
    return np.round(255 * (1.0 - 0.55 * np.clip(1.0 - radius, 0, 1) ** 1.2)).astype(np.uint8)


_SHADOW = cv2.merge([_soft_disc()] * 3)


def _paint_shadow(image: ImageArray, figure: _Figure, origin: NDArray[np.int_]) -> None:
    width, height = np.maximum(np.round(2 * figure.shadow).astype(int), 3)
    left, top = np.round(figure.ground - figure.shadow).astype(int) - origin
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width, image.shape[1]), min(top + height, image.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    shade = cv2.resize(_SHADOW, (int(width), int(height)), interpolation=cv2.INTER_LINEAR)
    patch = image[y0:y1, x0:x1]
    cv2.multiply(patch, shade[y0 - top : y1 - top, x0 - left : x1 - left], patch, 1 / 255)


# --- room and noise ------------------------------------------------------------------------------------------------

_TILE_MARGIN = 64


def _noise(camera: CameraModel, rng: np.random.Generator) -> tuple[ImageArray, ImageArray]:
    """What to add and what to subtract, larger than a picture so that each frame takes another part [grey levels]."""
    shape = (camera.height + _TILE_MARGIN, camera.width + _TILE_MARGIN, 3)
    tile = np.empty((256, 256, 3), np.float32)
    rng.standard_normal(dtype=np.float32, out=tile)
    repeats = (-(-shape[0] // 256), -(-shape[1] // 256), 1)
    noise = np.round(2.2 * tile).astype(np.int16)
    brighter, darker = np.maximum(noise, 0).astype(np.uint8), np.maximum(-noise, 0).astype(np.uint8)
    height, width = shape[:2]
    return np.tile(brighter, repeats)[:height, :width], np.tile(darker, repeats)[:height, :width]


def _room(camera: CameraModel, mount: Mount, rng: np.random.Generator) -> ImageArray:
    """An empty room: floor, three walls, ceiling, and some furniture along the walls."""
    half, far, high = rng.uniform(4.0, 5.5), rng.uniform(8.5, 11.0), rng.uniform(2.6, 3.2)
    image = _shell(camera, mount, rng, half, far, high)
    for _ in range(rng.integers(3, 7)):
        _furnish(image, camera, mount, rng, half, far)
    return np.asarray(cv2.GaussianBlur(image, (3, 3), 0), np.uint8)


def _shell(
    camera: CameraModel, mount: Mount, rng: np.random.Generator, half: float, far: float, high: float
) -> ImageArray:
    """Floor, walls and ceiling: the nearest of five planes, by rays through every other pixel."""
    v, u = np.mgrid[0.5 : camera.height : 2, 0.5 : camera.width : 2].astype(np.float32)
    rays = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)), axis=-1)
    rays = sensor_to_room(optical_to_rep103(rays), mount) - np.array([0.0, 0.0, mount.height], np.float32)
    with np.errstate(divide="ignore"):
        distances = np.stack(
            (
                np.where(rays[..., 2] < 0, -mount.height / rays[..., 2], np.inf),
                np.where(rays[..., 2] > 0, (high - mount.height) / rays[..., 2], np.inf),
                np.where(rays[..., 0] > 0, far / rays[..., 0], np.inf),
                np.where(rays[..., 1] != 0, half / np.abs(rays[..., 1]), np.inf),
            )
        )
    plane = distances.argmin(axis=0)
    distance = distances.min(axis=0)
    x, y = rays[..., 0] * distance, rays[..., 1] * distance
    tint = rng.uniform(0.9, 1.05, (4, 3)) * np.array(
        [[rng.uniform(70, 150)], [225], [rng.uniform(130, 215)], [rng.uniform(120, 205)]]
    )
    tint[0] *= (rng.uniform(0.6, 1.0), rng.uniform(0.8, 1.0), 1.05)
    image = tint[plane]
    plank = rng.uniform(0.2, 0.6)
    tone = rng.uniform(0.9, 1.06, (64, 64))
    boards = tone[(x / (4 * plank)).astype(int) % 64, (np.floor(y / plank)).astype(int) % 64]
    image *= np.where(plane == 0, boards, 1.0)[..., None]
    light = 1.12 - 0.035 * distance - 0.03 * np.sin(y)
    shaded = np.clip(image * light[..., None], 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(shaded, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _furnish(
    image: ImageArray, camera: CameraModel, mount: Mount, rng: np.random.Generator, half: float, far: float
) -> None:
    """Puts one box (cupboard, table, door, poster) against a wall."""
    depth, width, height = rng.uniform(0.05, 0.7), rng.uniform(0.5, 1.6), rng.uniform(0.5, 2.1)
    base = rng.choice([0.0, 0.0, rng.uniform(0.6, 1.2)])
    if rng.random() < 0.5:
        x0, x1 = far - depth, far
        y0 = rng.uniform(-half, half - width)
        y1 = y0 + width
    else:
        x0 = rng.uniform(4.0, far - width)
        x1 = x0 + width
        y0, y1 = (half - depth, half) if rng.random() < 0.5 else (-half, depth - half)
    tone = rng.uniform(40, 200) * rng.uniform(0.7, 1.1, 3)
    inner = y0 if abs(y0) < abs(y1) else y1
    z0, z1 = base, base + height
    faces = (
        (((x0, y0, z1), (x0, y1, z1), (x1, y1, z1), (x1, y0, z1)), 1.15),
        (((x0, inner, z0), (x1, inner, z0), (x1, inner, z1), (x0, inner, z1)), 0.75),
        (((x0, y0, z0), (x0, y1, z0), (x0, y1, z1), (x0, y0, z1)), 0.95),
    )
    for corners, brightness in faces:
        if brightness > 1 and z1 > mount.height:
            continue  # the top of a high box is not seen
        pixels = project(rep103_to_optical(room_to_sensor(np.array(corners), mount)), camera)
        cv2.fillConvexPoly(
            image, np.round(pixels).astype(np.int32), np.clip(tone * brightness, 0, 255).tolist(), cv2.LINE_AA
        )
