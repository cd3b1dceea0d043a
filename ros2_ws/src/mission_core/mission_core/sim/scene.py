"""Three rooms that a camera may watch: a classroom, a corridor and a hall, with furniture, clutter and people in them.

All of a room is flat pieces with a texture and light worked out once, for nothing in it moves: the lamps under the
ceiling, and less light in corners and beneath furniture. The floor where people walk is free (x 1.2 to 9.4 m, |y| up to
3.7 m). Whoever sits or stands about is nobody: drawn from seeds of the training population's far end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.errors import ConfigurationError
from mission_core.sim.body import Body
from mission_core.sim.cohort import Person, sample_person
from mission_core.sim.look import Colour, Dressed, sample_look
from mission_core.sim.posture import Posture, hanging
from mission_core.sim.posture import joints as joints_of
from mission_core.types import Float32Array, Float64Array, ImageArray, Int32Array

SceneName = Literal["classroom", "corridor", "hall"]
SCENES: tuple[SceneName, ...] = ("classroom", "corridor", "hall")
BYSTANDER_SEED = 9_000_000  # seeds of bystanders start here, far beyond any population used for training


@dataclass(frozen=True, slots=True)
class Shell:
    """Floor, walls and ceiling of a room, `NEAR` behind its sensor [m].

    Attributes:
        half: distance of the walls on both sides.
        far: distance of the wall ahead.
        high: of the ceiling.
    """

    half: float
    far: float
    high: float

    @property
    def volume(self) -> float:
        """[m^3]."""
        return 2 * self.half * (self.far + NEAR) * self.high

    @property
    def surface(self) -> float:
        """Of all six sides [m^2]."""
        deep = self.far + NEAR
        return 2 * (2 * self.half * deep + (2 * self.half + deep) * self.high)


NEAR = 1.0  # from the sensor to the wall behind it [m]
SHELLS: dict[SceneName, Shell] = {
    "classroom": Shell(half=5.6, far=12.5, high=3.1),
    "corridor": Shell(half=4.3, far=19.0, high=2.8),
    "hall": Shell(half=8.5, far=20.0, high=5.2),
}

_TILE = 256  # of the textures [texel]
_GRAIN = 0.4  # largest side of a piece over which light is even [m]

Vector: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Something to be drawn.

    Attributes:
        vertices: (V, 3) room frame [m].
        normals: (V, 3) unit.
        faces: (F, 3).
        uv: (V, 2) in the texture; it repeats.
        texture: BGR, sides powers of two, row 0 at the bottom.
        stands: in the room, so that people may pass behind it; walls and floor do not.
        shine: light of its own, 0..1.
    """

    vertices: Float64Array
    normals: Float64Array
    faces: Int32Array
    uv: Float32Array
    texture: ImageArray
    stands: bool = True
    shine: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """Light of a room.

    Attributes:
        ambient: from everywhere, blue, green, red.
        lamps: places [m].
        strength: of each lamp.
        colour: of the lamps.
        daylight: from the windows on the left, 0..1.
    """

    ambient: Colour
    lamps: tuple[Vector, ...]
    strength: float
    colour: Colour
    daylight: float = 0.0

    def on(self, places: Float64Array, normals: Float64Array) -> Float32Array:
        """Light (..., 3), blue, green, red, that falls on surfaces at places (..., 3) with unit normals (..., 3)."""
        total = np.empty(places.shape, np.float32)
        total[:] = self.ambient
        total *= (0.8 + 0.2 * normals[..., 2:]).astype(np.float32)
        colour = np.array(self.colour, np.float32)
        for lamp in self.lamps:
            toward = lamp - places
            square = (toward**2).sum(axis=-1)
            facing = np.maximum((toward * normals).sum(axis=-1), 0.0) / np.sqrt(square)
            total += (self.strength * facing / (0.5 + square / 6.0)).astype(np.float32)[..., None] * colour
        if self.daylight:
            total += (self.daylight * np.maximum(normals @ np.array([0.2, 0.93, 0.3]), 0.0))[..., None].astype(
                np.float32
            )
        return total

    def on_body(self, place: Float64Array, normals: Float32Array) -> Float32Array:
        """Light (V, 3) on a body with unit normals (V, 3) whose middle is at a place (3,)."""
        toward = np.array(self.lamps) - place
        square = (toward**2).sum(axis=-1)
        share = self.strength / (0.5 + square / 6.0)
        facing = np.maximum(normals @ (toward / np.sqrt(square)[:, None]).T.astype(np.float32), 0.0)
        # lamps are wide and walls are bright: some light comes round the edges of the body
        total = np.outer(facing @ share.astype(np.float32), self.colour).astype(np.float32)
        total += np.outer(0.85 + 0.15 * normals[:, 2], self.ambient).astype(np.float32)
        if self.daylight:
            total += self.daylight * np.maximum(normals @ np.array([0.2, 0.93, 0.3], np.float32), 0.0)[:, None]
        return np.asarray(1.25 * total, np.float32)


@dataclass(eq=False)
class Scene:
    """A room.

    Args:
        name: which one.
        seed: of colours, furniture, clutter and bystanders.
        bystanders: how many people sit or stand about.
    """

    name: SceneName
    seed: int = 0
    bystanders: int = 4
    pieces: list[Piece] = field(init=False, default_factory=list)
    light: Light = field(init=False)

    def __post_init__(self) -> None:
        if self.name not in SCENES:
            raise ConfigurationError(f"there is no scene {self.name!r}: use one of {', '.join(SCENES)}")
        self._rng = np.random.default_rng((self.seed, SCENES.index(self.name), 0x5CE))
        self._footprints: list[tuple[float, float, float, float]] = []
        furnish = {"classroom": self._classroom, "corridor": self._corridor, "hall": self._hall}[self.name]
        furnish(SHELLS[self.name])

    @cached_property
    def people(self) -> list[tuple[Dressed, Float64Array]]:
        """Bystanders and their joints (1, 32, 3), room frame."""
        people = []
        for k, (place, heading, sits) in enumerate(self._places[: self.bystanders]):
            seed = BYSTANDER_SEED + 100 * self.seed + 10 * SCENES.index(self.name) + k
            person = sample_person(seed)
            joints = (_sitting if sits else _standing)(person, place, heading, self._rng)
            people.append((Dressed(Body(person), sample_look(seed)), joints))
        return people

    def shade(self, places: Float64Array) -> Float32Array:
        """Share of light (...) that furniture leaves on the floor at places (..., 3)."""
        left = np.ones(places.shape[:-1], np.float32)
        for x0, x1, y0, y1 in self._footprints:
            aside = np.maximum(np.maximum(x0 - places[..., 0], places[..., 0] - x1), 0.0)
            across = np.maximum(np.maximum(y0 - places[..., 1], places[..., 1] - y1), 0.0)
            left *= (1.0 - 0.5 * np.exp(-(aside**2 + across**2) / 0.25**2)).astype(np.float32)
        return left

    # --- rooms ---

    def _classroom(self, shell: Shell) -> None:
        rng = self._rng
        half, far, high = shell.half, shell.far, shell.high
        wall = _tint(rng, (0.80, 0.84, 0.86), 0.06)
        self._shell(shell, _wood(rng) if rng.random() < 0.5 else _speckled(rng, (0.50, 0.56, 0.60)), wall)
        self.light = Light((0.44, 0.43, 0.42), _lamps(half, far, high), 0.52, (0.95, 1.0, 1.0), 0.22)
        board = _tint(rng, (0.20, 0.28, 0.18), 0.1) if rng.random() < 0.5 else (0.92, 0.93, 0.93)
        self._picture((far - 0.03, 2.2, 0.9), (0, -4.4, 0), (0, 0, 1.25), _scribbled(rng, board))
        self._box((far - 0.1, 0.0, 0.86), (0.12, 4.5, 0.05), (0.5, 0.5, 0.5))
        for x in (2.2, 5.0, 7.8, 10.6):
            self._window((x, half - 0.02, 1.0), (1.8, 0, 0), (0, 0, 1.6))
        self._door((far - 0.03, -3.6, 0.0), (0, -0.95, 0))
        for x in (2.5, 5.5, 8.5):
            self._picture((x, -half + 0.02, 1.3), (-1.1, 0, 0), (0, 0, 0.8), _poster(rng))
        self._box((far - 1.1, 3.8, 0.0), (0.7, 1.5, 0.75), (0.30, 0.40, 0.50))
        self._box((far - 0.3, -2.2, 0.0), (0.45, 0.9, 1.9), _tint(rng, (0.45, 0.55, 0.62), 0.15))
        places = []
        for y in (-4.65, 4.65):
            for x in (3.4, 5.2, 7.0, 8.8, 10.6):
                if rng.random() < 0.85:
                    self._desk(x, y)
                    places.append(((x - 0.62, y), 0.0, True))
        self._places = _shuffled(rng, places)

    def _corridor(self, shell: Shell) -> None:
        rng = self._rng
        half, far, high = shell.half, shell.far, shell.high
        wall = _tint(rng, (0.72, 0.78, 0.80), 0.05)
        self._shell(shell, _tiles(rng, (0.55, 0.60, 0.63), 0.6), wall, dado=_tint(rng, (0.50, 0.52, 0.46), 0.1))
        self.light = Light((0.36, 0.37, 0.38), _lamps(1.2, far, high), 0.58, (0.90, 0.97, 1.0))
        for x in np.arange(2.6, far - 1.5, 3.4):
            for side in (-1, 1):
                if rng.random() < 0.75:
                    self._door((x, side * (half - 0.02), 0.0), (side * 0.95, 0, 0))
                elif rng.random() < 0.6:
                    self._picture((x, side * (half - 0.02), 1.2), (side * 1.3, 0, 0), (0, 0, 0.9), _poster(rng))
        places = []
        for k, x in enumerate(np.arange(4.3, far - 2.0, 3.4)):
            side = 1 if (k + self.seed) % 2 else -1
            kind = rng.integers(3)
            if kind == 0:
                tone = _tint(rng, (0.50, 0.42, 0.34), 0.15)
                for j in range(4):
                    self._box((x + 0.4 * j, side * (half - 0.25), 0.0), (0.39, 0.45, 1.85), tone)
            elif kind == 1:
                self._box((x + 0.6, side * (half - 0.3), 0.40), (1.5, 0.42, 0.06), (0.25, 0.38, 0.52))
                for end in (0.0, 1.2):
                    self._box((x + end, side * (half - 0.3), 0.0), (0.08, 0.38, 0.40), (0.2, 0.2, 0.2))
                places.append(((x + 0.6, side * (half - 0.42)), -side * np.pi / 2, True))
            else:
                self._plant(x, side * (half - 0.4))
                places.append(((x + 0.9, side * (half - 0.4)), -side * np.pi / 2 + rng.normal(0, 0.6), False))
        for y in (-2.5, 2.2):
            places.append(((rng.uniform(12.0, 17.0), y), rng.uniform(-np.pi, np.pi), False))
        self._door((far - 0.03, 1.0, 0.0), (0, -0.95, 0))
        self._door((far - 0.03, 0.0, 0.0), (0, -0.95, 0))
        self._picture((far - 0.04, 0.3, 2.25), (0, -0.6, 0), (0, 0, 0.2), _plain((0.25, 0.55, 0.15)), shine=0.6)
        self._places = _shuffled(rng, places)

    def _hall(self, shell: Shell) -> None:
        rng = self._rng
        half, far, high = shell.half, shell.far, shell.high
        wall = _tint(rng, (0.78, 0.80, 0.82), 0.04)
        self._shell(shell, _tiles(rng, (0.66, 0.70, 0.73), 1.0), wall)
        self.light = Light((0.46, 0.45, 0.43), _lamps(half, far, high), 1.0, (0.93, 0.98, 1.0), 0.18)
        for x in np.arange(3.0, far - 2.0, 3.2):
            self._window((x, half - 0.02, 0.4), (2.4, 0, 0), (0, 0, 3.6))
        for x in (6.0, 12.0, 18.0):
            for side in (-1, 1):
                self._box((x, side * 5.2, 0.0), (0.55, 0.55, high), _tint(rng, (0.70, 0.73, 0.75), 0.03))
        for y in (-6.0, -2.5, 3.0):
            self._picture((far - 0.03, y + 1.2, 1.2), (0, -2.0, 0), (0, 0, 1.6), _poster(rng))
        self._box((14.0, -3.4, 0.0), (0.9, 3.4, 1.1), _tint(rng, (0.28, 0.38, 0.50), 0.1))
        self._box((14.0, -3.4, 1.1), (1.1, 3.6, 0.05), (0.75, 0.76, 0.78))
        for x, y in ((10.8, 4.4), (12.6, 6.0), (9.0, -6.6)):
            tone = _tint(rng, (0.40, 0.30, 0.28), 0.35)
            self._box((x, y, 0.0), (0.8, 1.9, 0.42), tone)
            self._box((x + 0.45, y, 0.0), (0.2, 1.9, 0.82), tone)
        for x, y in ((9.8, 3.9), (16.5, 2.0), (11.5, -5.0), (4.0, 6.5)):
            if rng.random() < 0.8:
                self._plant(x, y)
        places = [((10.7, 4.4 + s), np.pi, True) for s in (-0.5, 0.45)]
        places += [((12.5, 6.0), np.pi, True), ((13.0, -3.0), 0.0, False), ((13.1, -4.2), 0.4, False)]
        for _ in range(3):
            x, y, heading = rng.uniform(11.0, 17.0), rng.uniform(-2.0, 3.0), rng.uniform(-np.pi, np.pi)
            places += [((x, y), heading, False)]
            places += [((x + 0.9 * np.cos(heading), y + 0.9 * np.sin(heading)), heading + np.pi, False)]
        self._places = _shuffled(rng, places)

    # --- parts of rooms ---

    def _shell(self, shell: Shell, floor: ImageArray, wall: Colour, dado: Colour | None = None) -> None:
        half, far, high, near = shell.half, shell.far, shell.high, -NEAR
        plaster = _speckled(self._rng, wall, 0.015)
        low = 0.0
        deep = far - near
        self._quad((near, half, 0), (0, -2 * half, 0), (deep, 0, 0), floor, 2.0, stands=False)
        self._quad(
            (near, -half, high), (0, 2 * half, 0), (deep, 0, 0), _panels(self._rng), 1.2, stands=False, shine=0.72
        )
        for x, y, z in _lamps(half, far, high):
            self._quad(
                (x - 0.6, y - 0.15, z + 0.09), (0, 0.3, 0), (1.2, 0, 0), _plain((1, 1, 1)), stands=False, shine=1.0
            )
        for origin, along in (
            ((near, half, 0.0), (deep, 0.0, 0.0)),
            ((far, half, 0.0), (0.0, -2 * half, 0.0)),
            ((far, -half, 0.0), (-deep, 0.0, 0.0)),
        ):
            x, y, _ = origin
            if dado is not None:
                low = 1.0
                self._quad((x, y, 0.0), along, (0, 0, low), _speckled(self._rng, dado, 0.02), 2.0, stands=False)
            self._quad((x, y, low), along, (0, 0, high - low), plaster, 2.0, stands=False)
            inward = np.array([0.0 if along[0] else -0.015, -0.015 * np.sign(y) if along[0] else 0.0, 0.0])
            skirting = tuple(float(value) for value in np.array(origin) + inward)
            self._quad(skirting, along, (0, 0, 0.1), _plain((0.35, 0.37, 0.40)), 2.0, stands=False)

    def _quad(
        self,
        origin: Sequence[float],
        along: Sequence[float],
        up: Sequence[float],
        texture: ImageArray,
        size: float | None = None,
        *,
        stands: bool = True,
        shine: float = 0.0,
    ) -> None:
        """A rectangle that faces `along` x `up`; its texture repeats every `size` [m], or fills it."""
        first, u, v = (np.array(vector, np.float64) for vector in (origin, along, up))
        wide, high = np.linalg.norm(u), np.linalg.norm(v)
        columns, rows = (max(int(np.ceil(side / _GRAIN)), 1) for side in (wide, high))
        s, t = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
        vertices = first + s.reshape(-1, 1) * u + t.reshape(-1, 1) * v
        normal = np.cross(u, v) / (wide * high)
        scale = (1.0, 1.0) if size is None else (wide / size, high / size)
        uv = np.stack((s.ravel() * scale[0], t.ravel() * scale[1]), axis=-1).astype(np.float32)
        index = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
        a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
        faces = np.concatenate((np.stack((a, c, b), axis=-1), np.stack((b, c, d), axis=-1))).astype(np.int32)
        normals = np.broadcast_to(normal, vertices.shape)
        self.pieces.append(Piece(vertices, normals, faces, uv, texture, stands, shine))

    def _picture(self, origin: Vector, along: Vector, up: Vector, texture: ImageArray, *, shine: float = 0.0) -> None:
        """Something flat on a wall; `along` to the right of who looks at it."""
        self._quad(origin, along, up, texture, stands=False, shine=shine)

    def _box(self, foot: Sequence[float], size: Sequence[float], colour: Colour) -> None:
        """A box on the middle (x, y) of its foot, at height z."""
        x, y, z = foot
        dx, dy, dz = size
        x0, y0 = x - dx / 2, y - dy / 2
        cover = _speckled(self._rng, colour, 0.02)
        if z < 0.3:
            self._footprints.append((x0, x0 + dx, y0, y0 + dy))
        self._quad((x0, y0 + dy, z), (0, -dy, 0), (0, 0, dz), cover, 1.0)
        self._quad((x0, y0, z), (dx, 0, 0), (0, 0, dz), cover, 1.0)
        self._quad((x0 + dx, y0 + dy, z), (-dx, 0, 0), (0, 0, dz), cover, 1.0)
        self._quad((x0, y0 + dy, z + dz), (0, -dy, 0), (dx, 0, 0), cover, 1.0)

    def _desk(self, x: float, y: float) -> None:
        wood, steel = _tint(self._rng, (0.45, 0.60, 0.72), 0.06), (0.30, 0.30, 0.32)
        self._box((x, y, 0.72), (0.6, 1.3, 0.03), wood)
        for dy in (-0.58, 0.58):
            self._box((x - 0.24, y + dy, 0.0), (0.04, 0.04, 0.72), steel)
            self._box((x + 0.24, y + dy, 0.0), (0.04, 0.04, 0.72), steel)
        seat = _tint(self._rng, (0.45, 0.30, 0.20), 0.4)
        self._box((x - 0.62, y, 0.42), (0.42, 0.42, 0.03), seat)
        self._box((x - 0.84, y, 0.45), (0.04, 0.42, 0.42), seat)
        for dx in (-0.80, -0.44):
            for dy in (-0.18, 0.18):
                self._box((x + dx, y + dy, 0.0), (0.03, 0.03, 0.42), steel)
        for _ in range(int(self._rng.integers(0, 3))):
            size = (0.2, 0.28, float(self._rng.uniform(0.01, 0.05)))
            self._box(
                (x + self._rng.uniform(-0.15, 0.15), y + self._rng.uniform(-0.45, 0.45), 0.75), size, _any(self._rng)
            )

    def _plant(self, x: float, y: float) -> None:
        self._box((x, y, 0.0), (0.34, 0.34, 0.4), _tint(self._rng, (0.35, 0.42, 0.55), 0.2))
        for _ in range(26):
            angle, lift = self._rng.uniform(0, 2 * np.pi), self._rng.uniform(0.35, 1.2)
            reach = self._rng.uniform(0.25, 0.55)
            along = (reach * np.cos(angle) * 0.4, reach * np.sin(angle) * 0.4, reach)
            wide = (-0.07 * np.sin(angle), 0.07 * np.cos(angle), 0.0)
            leaf = _plain(_tint(self._rng, (0.14, 0.36, 0.16), 0.2))
            base = (x + 0.1 * np.cos(angle), y + 0.1 * np.sin(angle), 0.1 + lift * 0.7)
            self._quad(base, wide, along, leaf)

    def _window(self, origin: Vector, along: Vector, up: Vector) -> None:
        self._picture(origin, along, up, _outdoors(self._rng), shine=1.0)

    def _door(self, origin: Vector, along: Vector) -> None:
        self._picture(origin, along, (0.0, 0.0, 2.05), _door_leaf(self._rng))


def _lamps(half: float, far: float, high: float) -> tuple[Vector, ...]:
    return tuple((float(x), side * half / 2, high - 0.1) for x in np.arange(1.5, far, 3.5) for side in (-1.0, 1.0))


def _shuffled(
    rng: np.random.Generator, places: list[tuple[tuple[float, float], float, bool]]
) -> list[tuple[tuple[float, float], float, bool]]:
    return [places[k] for k in rng.permutation(len(places))]


# --- people who are just there ---------------------------------------------------------------------------------------


def _sitting(person: Person, place: tuple[float, float], heading: float, rng: np.random.Generator) -> Float64Array:
    """Joints (1, 32, 3) of somebody on a seat 0.46 m high, hands towards the knees or a table."""
    segments = person.segments
    return _still(person, place, heading, 0.46 + 0.09, 0.95 * segments.thigh, rng.uniform(0.4, 0.9), 1.0, rng)


def _standing(person: Person, place: tuple[float, float], heading: float, rng: np.random.Generator) -> Float64Array:
    height = 0.985 * person.segments.leg
    return _still(person, place, heading, height, 0.0, rng.uniform(-0.1, 0.3), rng.uniform(0.2, 1.4), rng)


def _still(
    person: Person,
    place: tuple[float, float],
    heading: float,
    height: float,
    ahead: float,
    flexion: float,
    elbow: float,
    rng: np.random.Generator,
) -> Float64Array:
    sides = np.array([1.0, -1.0])
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    ankles = np.zeros((2, 1, 3))
    apart = np.full(2, person.segments.hip_width * 0.75)
    ankles[:, 0, :2] = np.stack((np.full(2, ahead) + rng.normal(0, 0.03, 2), sides * apart), axis=-1) @ turn.T + place
    ankles[:, 0, 2] = person.segments.ankle_height
    zero = np.zeros(1)
    upper = np.stack([hanging(np.array([flexion]), np.array([side * 0.12])) for side in sides])
    lower = np.stack([hanging(np.array([flexion + elbow]), np.array([-side * 0.1])) for side in sides])
    return joints_of(
        person,
        Posture(
            pelvis=np.array([[*place, height]]),
            heading=np.array([heading]),
            pelvis_yaw=zero,
            pelvis_list=zero,
            lean=np.array([rng.uniform(0.0, 0.15)]),
            side_lean=zero,
            thorax_yaw=rng.normal(0, 0.1, 1),
            upper_arms=upper,
            forearms=lower,
            ankles=ankles,
            foot_pitch=np.zeros((2, 1)),
            foot_yaw=np.full((2, 1), heading) + sides[:, None] * 0.15,
            head_yaw=rng.normal(0, 0.4, 1),
            head_pitch=rng.uniform(0.0, 0.4, 1),
        ),
    )


# --- textures, BGR (_TILE, _TILE, 3), row 0 at the bottom ------------------------------------------------------------


def _tint(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    blue, green, red = (float(v) for v in np.clip(np.array(colour) * np.exp(rng.normal(0.0, spread, 3)), 0.02, 0.98))
    return blue, green, red


def _any(rng: np.random.Generator) -> Colour:
    blue, green, red = (float(value) for value in rng.uniform(0.1, 0.9, 3))
    return blue, green, red


def _finished(image: NDArray[Any]) -> ImageArray:
    return np.clip(image * 255, 0, 255).astype(np.uint8)


def _plain(colour: Colour) -> ImageArray:
    return _finished(np.broadcast_to(np.array(colour), (8, 8, 3)))


def _speckled(rng: np.random.Generator, colour: Colour, spread: float = 0.05) -> ImageArray:
    fine = rng.standard_normal((_TILE, _TILE))
    coarse = 0.5 * cv2.resize(rng.standard_normal((16, 16)), (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    return _finished(np.array(colour) * (1.0 + spread * (0.6 * fine + coarse))[..., None])


def _wood(rng: np.random.Generator) -> ImageArray:
    image = np.empty((_TILE, _TILE, 3))
    base = np.array(_tint(rng, (0.32, 0.46, 0.58), 0.1))
    grain = cv2.resize(rng.standard_normal((8, 128)), (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    for k, left in enumerate(range(0, _TILE, 32)):
        tone = 1.0 + 0.08 * rng.standard_normal() + 0.06 * grain[:, left : left + 32]
        image[:, left : left + 32] = base * np.roll(tone, 64 * k, axis=0)[..., None]
        image[:, left] *= 0.75
        image[(97 * k) % _TILE, left : left + 32] *= 0.75
    return _finished(image)


def _tiles(rng: np.random.Generator, colour: Colour, count: float) -> ImageArray:
    """Tiles of some `count` [m] with joints between them."""
    side = int(_TILE * count / 2.0)
    image = np.asarray(_speckled(rng, _tint(rng, colour, 0.08), 0.03), np.float64) / 255
    for top in range(0, _TILE, max(side, 16)):
        for left in range(0, _TILE, max(side, 16)):
            image[top : top + side, left : left + side] *= 1.0 + 0.03 * rng.standard_normal()
        image[top : top + 2] *= 0.82
        image[:, top : top + 2] *= 0.82
    return _finished(image)


def _panels(rng: np.random.Generator) -> ImageArray:
    image = np.asarray(_speckled(rng, (0.86, 0.87, 0.87), 0.015), np.float64) / 255
    for edge in (0, 128):
        image[edge : edge + 2] *= 0.85
        image[:, edge : edge + 2] *= 0.85
    return _finished(image)


def _scribbled(rng: np.random.Generator, colour: Colour) -> ImageArray:
    image = np.ascontiguousarray(_speckled(rng, colour, 0.03))
    ink = (230, 235, 235) if colour[0] < 0.5 else (120, 50, 40)
    for row in range(8):
        x = int(rng.integers(10, 60))
        while x < 230 and rng.random() < 0.93:
            step = int(rng.integers(4, 14))
            cv2.line(image, (x, 30 + 26 * row), (x + step - 2, 30 + 26 * row + int(rng.integers(-5, 6))), ink, 1)
            x += step
    return image


def _poster(rng: np.random.Generator) -> ImageArray:
    image = np.empty((_TILE, _TILE, 3), np.uint8)
    image[:] = _finished(np.array(_any(rng)))
    for _ in range(int(rng.integers(3, 9))):
        a, b = (tuple(int(v) for v in rng.integers(0, _TILE, 2)) for _ in range(2))
        tone = [int(255 * v) for v in _any(rng)]
        if rng.random() < 0.5:
            cv2.rectangle(image, a, b, tone, -1)
        else:
            cv2.circle(image, a, int(rng.integers(10, 60)), tone, -1, cv2.LINE_AA)
    cv2.rectangle(image, (0, 0), (_TILE - 1, _TILE - 1), (235, 235, 235), 8)
    return image


def _outdoors(rng: np.random.Generator) -> ImageArray:
    """Sky over trees behind a window's bars."""
    up = np.linspace(0, 1, _TILE)[:, None, None]
    image = np.array([0.98, 0.93, 0.88]) * (0.9 + 0.1 * up) + np.zeros((_TILE, _TILE, 1))
    edge = 60 + 25 * cv2.resize(rng.standard_normal((1, 24)), (_TILE, 1), interpolation=cv2.INTER_CUBIC)[0]
    green = np.array([0.45, 0.62, 0.52]) * (1.0 + 0.12 * rng.standard_normal((_TILE, _TILE, 1)))
    image = np.where((np.arange(_TILE)[:, None] < edge)[..., None], green, image)
    for bar in (0, 124, 248):
        image[bar : bar + 8] = image[:, bar : bar + 8] = 0.9
    return _finished(image)


def _door_leaf(rng: np.random.Generator) -> ImageArray:
    image = np.ascontiguousarray(_speckled(rng, _tint(rng, (0.38, 0.50, 0.60), 0.07), 0.03))
    cv2.rectangle(image, (0, 0), (_TILE - 1, _TILE - 1), (110, 115, 120), 14)
    cv2.rectangle(image, (200, 118), (228, 126), (210, 210, 210), -1)
    if rng.random() < 0.5:
        cv2.rectangle(image, (70, 150), (110, 230), (200, 190, 180), -1)
    return image
