"""What people wear: clothes, shoes, hair, skin, drawn anew for every walk from its seed alone, so they never identify.

A `Look` says what; `Dressed` puts it on a body: cloth lies off the skin and hides its details, hair is a shell on the
scalp, and a texture carries colours and patterns. The texture shows the average body from the front and from behind,
so that it depends on the look alone and its seams run along the sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_matrix, csr_matrix, diags

from mission_core.camera.skeleton import Joint
from mission_core.sim.body import Body, Part, chain_levels, hairy, skinned, skinning
from mission_core.sim.mesh import vertex_area_vectors
from mission_core.sim.shapes import Segment, shapes
from mission_core.types import Float32Array, Float64Array, ImageArray, Int32Array

Colour: TypeAlias = tuple[float, float, float]
"""Blue, green, red, 0..1: what is reflected of the light."""

Pattern = Literal["plain", "stripes", "pinstripes", "checks", "print"]
PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "pinstripes", "checks", "print")

SKINS: tuple[Colour, ...] = (
    (0.66, 0.76, 0.93),
    (0.56, 0.68, 0.88),
    (0.45, 0.58, 0.80),
    (0.34, 0.47, 0.68),
    (0.22, 0.32, 0.50),
    (0.14, 0.20, 0.33),
)
HAIRS: tuple[Colour, ...] = (
    (0.05, 0.05, 0.06),
    (0.07, 0.10, 0.15),
    (0.10, 0.17, 0.27),
    (0.20, 0.32, 0.45),
    (0.38, 0.56, 0.70),
    (0.52, 0.53, 0.54),
)
TROUSERS: tuple[Colour, ...] = (
    (0.38, 0.24, 0.17),
    (0.25, 0.15, 0.11),
    (0.12, 0.12, 0.13),
    (0.30, 0.30, 0.31),
    (0.40, 0.50, 0.58),
    (0.22, 0.28, 0.33),
    (0.22, 0.30, 0.24),
)
SHOES: tuple[Colour, ...] = ((0.08, 0.08, 0.08), (0.12, 0.20, 0.30), (0.75, 0.75, 0.76), (0.30, 0.28, 0.28))


@dataclass(frozen=True, slots=True)
class Look:
    """Clothes, hair and skin of one walk.

    Attributes:
        seed: of noise and patterns.
        skin: colour.
        hair: colour.
        hair_depth: thickness of the hair on the scalp [m].
        long_hair: down to the shoulders.
        top: colour of shirt or jacket.
        second: second colour of its pattern.
        pattern: of the top.
        open_jacket: the front shows a shirt of the second colour.
        sleeve: where it ends, as `Body.along`: 0.5 half, 1.9 long.
        hem: where the top ends, above the hip joints [m].
        bottom: colour of trousers or skirt.
        leg: where the trousers end, as `Body.along`: 0.9 shorts, 1.95 long; 0 under a skirt.
        skirt: length of a skirt from the hips [share of the thigh]; 0 = trousers.
        shoes: colour.
        loose: how far the top lies off the skin [m].
        wide: how far the trousers lie off the skin [m].
    """

    seed: int
    skin: Colour
    hair: Colour
    hair_depth: float
    long_hair: bool
    top: Colour
    second: Colour
    pattern: Pattern
    open_jacket: bool
    sleeve: float
    hem: float
    bottom: Colour
    leg: float
    skirt: float
    shoes: Colour
    loose: float
    wide: float


def sample_look(seed: int) -> Look:
    """The look of a walk's seed; nothing about the person goes into it."""
    rng = np.random.default_rng((seed, 0x100C))

    def shade(colours: Sequence[Colour], spread: float, tint: float = 0.04) -> Colour:
        base = np.array(colours[rng.integers(len(colours))]) * np.exp(rng.normal(0.0, spread))
        return _colour(base * np.exp(rng.normal(0.0, tint, 3)))

    def cloth() -> Colour:
        hue, saturation, value = rng.uniform(0, 360), rng.beta(1.3, 1.6), rng.uniform(0.12, 0.92)
        hsv = np.array([[[hue, saturation, value]]], np.float32)
        return _colour(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0])

    long_hair = bool(rng.random() < 0.35)
    skirt = float(rng.uniform(0.8, 1.3)) if long_hair and rng.random() < 0.3 else 0.0
    return Look(
        seed=seed,
        skin=shade(SKINS, 0.05, 0.012),
        hair=shade(HAIRS, 0.2, 0.02),
        hair_depth=float(rng.uniform(0.006, 0.028)),
        long_hair=long_hair,
        top=cloth(),
        second=cloth(),
        pattern=PATTERNS[rng.choice(len(PATTERNS), p=(0.5, 0.16, 0.06, 0.14, 0.14))],
        open_jacket=bool(rng.random() < 0.2),
        sleeve=float(rng.uniform(0.4, 0.65)) if rng.random() < 0.45 else float(rng.uniform(1.8, 1.97)),
        hem=float(rng.uniform(-0.06, 0.12)),
        bottom=shade(TROUSERS, 0.2),
        leg=0.0 if skirt else (float(rng.uniform(0.75, 0.95)) if rng.random() < 0.1 else float(rng.uniform(1.9, 2.0))),
        skirt=skirt,
        shoes=shade(SHOES, 0.15),
        loose=float(rng.uniform(0.003, 0.015)),
        wide=float(rng.uniform(0.003, 0.018)),
    )


def _colour(values: NDArray[Any]) -> Colour:
    blue, green, red = (float(value) for value in np.clip(values, 0.02, 0.97))
    return blue, green, red


# --- the texture -----------------------------------------------------------------------------------------------------

SIZE = 1024  # of the texture [texel]; its left half is the front, its right half the back
_SPAN = 0.7  # half of the width that each half of the texture shows [m]
_TOP = 1.95  # height that it shows [m]
_EYE_PLACE = np.array([0.60, 0.20])  # the eyeballs lie apart, where the average body leaves room [m]
_BLEED = 6.0  # how far colours go beyond the edge of the body, for filters look there [texel]
_SWATCHES = {"hair": (8, 700, 88, 860), "skirt": (424, 700, 504, 860)}  # left, top, right, bottom [texel]


@dataclass(frozen=True, slots=True, eq=False)
class _Chart:
    """How the mesh lies in the texture, and what each texel shows.

    Attributes:
        corners: (R,) vertex of each vertex as drawn; those on the seam are drawn twice.
        faces: (F, 3) among them.
        uv: (R, 2) in the texture, from its lower left corner.
        texels: (N,) flat indices of the texels on the body or near its edge; of these:
        front: (N,) in the half that shows the front.
        across: (N,) where on the average body a texel lies, to the left [m].
        up: (N,) and how high [m].
        region: (N,) whether it moves with trunk (0), head (1), arms (2) or legs (3).
        arm: (N,) level on the arm, as `Body.along`.
        leg: (N,) level on the leg.
        hair: (N,) above the hairline.
        eye: (N,) part of an eyeball.
        landmarks: places of nose, left eye and hip joint of the average body [m].
    """

    corners: NDArray[np.int_]
    faces: Int32Array
    uv: Float32Array
    texels: NDArray[np.int_]
    front: NDArray[np.bool_]
    across: Float32Array
    up: Float32Array
    region: NDArray[np.int_]
    arm: Float32Array
    leg: Float32Array
    hair: NDArray[np.bool_]
    eye: NDArray[np.bool_]
    landmarks: dict[str, Float64Array]


@cache
def _chart() -> _Chart:
    table = shapes()
    rest, joints = table.blend(gender=0.5, age=2 / 3, muscle=0.5, weight=0.5)
    scale = 1.75 / np.ptp(rest[:, 2])
    rest, joints = rest * scale, joints * scale
    corners_of = rest[table.faces]
    normals = np.cross(corners_of[:, 1] - corners_of[:, 0], corners_of[:, 2] - corners_of[:, 0])
    back = normals[:, 0] < 0
    keys = table.faces + len(rest) * back[:, None]
    corners, faces = np.unique(keys, return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int32)
    behind, corners = corners >= len(rest), corners % len(rest)
    flat = rest[corners][:, 1:].copy()
    eyes = table.eyes[corners]
    flat[eyes] += np.sign(flat[eyes, :1]) * _EYE_PLACE[0] * (1, 0) + (0.0, _EYE_PLACE[1] - joints[Joint.EYE_LEFT, 2])
    uv = np.stack(((flat[:, 0] / _SPAN + 1) / 4 + 0.5 * behind, flat[:, 1] / _TOP), axis=-1)

    levels = chain_levels(rest, joints)
    shares = np.stack([table.weights[:, list(group)].sum(axis=1) for group in _groups()], axis=-1)
    left = rest[:, 1] > 0
    arm, leg = (np.where(left, levels[k], levels[k + 2])[:, None] for k in (2, 3))
    fields = np.concatenate((rest, arm, leg, hairy(rest, joints)[:, None], table.eyes[:, None], shares), axis=1)
    texels, fine = _rasterised(uv * SIZE, faces, fields[corners])
    values = fine.astype(np.float32)
    return _Chart(
        corners=corners,
        faces=faces,
        uv=uv.astype(np.float32),
        texels=texels,
        front=texels % SIZE < SIZE // 2,
        across=np.ascontiguousarray(values[:, 1]),
        up=np.ascontiguousarray(values[:, 2]),
        region=values[:, 7:].argmax(axis=1),
        arm=np.ascontiguousarray(values[:, 3]),
        leg=np.ascontiguousarray(values[:, 4]),
        hair=values[:, 5] > 0.5,
        eye=values[:, 6] > 0.5,
        landmarks={"nose": joints[Joint.NOSE], "eye": joints[Joint.EYE_LEFT], "hip": joints[Joint.HIP_LEFT]},
    )


def _groups() -> tuple[tuple[Segment, ...], ...]:
    """Segments of trunk, head with neck, arms and legs."""

    def named(*stems: str) -> tuple[Segment, ...]:
        return tuple(
            segment for segment in Segment if segment.name.removesuffix("_LEFT").removesuffix("_RIGHT") in stems
        )

    return (
        named("PELVIS", "CHEST", "SHOULDER"),
        named("NECK", "HEAD"),
        named("UPPER_ARM", "ELBOW", "FOREARM", "WRIST", "HAND"),
        named("THIGH", "KNEE", "SHANK", "CALF", "FOOT"),
    )


def _rasterised(
    corners: Float64Array, faces: Int32Array, fields: Float64Array
) -> tuple[NDArray[np.int_], Float64Array]:
    """Fields (R, K) of the corners (R, 2) [texel], interpolated over the faces.

    Returns:
        Flat indices (N,) of the texels inside of the faces, or nearly so, row 0 at the bottom, and their fields (N, K);
        those outside have the fields of the nearest one inside.
    """
    owner = np.full((SIZE, SIZE), -1, np.int32)
    for index, triangle in enumerate(np.round(corners[faces] * 16).astype(np.int32)):
        cv2.fillConvexPoly(owner, triangle, (index,), cv2.LINE_8, 4)
    distance, (rows, columns) = distance_transform_edt(owner < 0, return_indices=True)
    texels = np.flatnonzero(distance < _BLEED)
    rows, columns = rows.ravel()[texels], columns.ravel()[texels]
    triangle = faces[owner[rows, columns]]
    a, b, c = (corners[triangle[:, k]] for k in range(3))
    point = np.stack((columns, rows), axis=-1).astype(np.float64)

    def doubled(p: Float64Array, q: Float64Array, r: Float64Array) -> Float64Array:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    whole = doubled(a, b, c)
    whole = np.where(np.abs(whole) < 1e-9, 1e-9, whole)
    shares = np.stack((doubled(point, b, c), doubled(a, point, c), doubled(a, b, point)), axis=-1) / whole[:, None]
    shares = np.clip(shares, 0.0, 1.0)
    shares /= np.maximum(shares.sum(axis=-1, keepdims=True), 1e-9)
    return texels, np.einsum("nk,nkf->nf", shares, fields[triangle])


def texture(look: Look) -> ImageArray:
    """The look as BGR (SIZE, SIZE, 3), row 0 at the bottom."""
    chart = _chart()
    rng = np.random.default_rng((look.seed, 0xC107))
    across, up = chart.across, chart.up

    def noise(columns: int, rows: int) -> Float32Array:
        """Smooth noise of deviation near one (SIZE, SIZE)."""
        cells = rng.standard_normal((rows, columns)).astype(np.float32)
        return np.asarray(cv2.resize(cells, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.float32)

    colours = np.outer(1.0 + 0.05 * noise(24, 24).ravel()[chart.texels], look.skin).astype(np.float32)
    _paint_face(colours, look, chart)

    weave = 1.0 + 0.07 * noise(20, 20) + 0.05 * noise(300, 300)
    fabric = weave.ravel()[chart.texels][:, None]
    hem = chart.landmarks["hip"][2] + look.hem
    trunk, arms, legs = (chart.region == k for k in (0, 2, 3))
    middle = trunk | legs
    under_skirt = chart.leg < 0.8 * look.skirt  # so that no thigh shines through
    bottom = middle & (up < hem + 0.05) & ((chart.leg < look.leg) | under_skirt)
    colours[bottom] = np.array(look.bottom, np.float32) * fabric[bottom]
    neckline = chart.front & (np.abs(across) < 0.5 * (up - chart.landmarks["nose"][2] + 0.21))
    top = ((middle & (up > hem)) | (arms & (chart.arm < look.sleeve))) & ~neckline
    speckles = noise(60, 60).ravel()[chart.texels][top]
    colours[top] = _patterned(look, across[top], up[top], speckles, rng) * fabric[top]
    if look.open_jacket:
        shirt = top & chart.front & trunk & (np.abs(across) < 0.055)
        colours[shirt] = np.array(look.second, np.float32) * fabric[shirt]
    colours[middle & (np.abs(up - hem) < 0.006)] *= 0.6
    if look.leg > 1.5:
        colours[legs & (chart.leg > look.leg)] = 0.15  # socks
    colours[legs & (up < 0.10)] = look.shoes
    colours[legs & (up < 0.018)] = np.array(look.shoes, np.float32) * 0.5 + 0.1

    strands = 1.0 + 0.12 * noise(SIZE, 24)
    scalp = chart.hair & (chart.region == 1)
    colours[scalp] = np.outer(strands.ravel()[chart.texels][scalp], look.hair)
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image.reshape(-1, 3)[chart.texels] = np.clip(colours * 255, 0, 255)
    for name, colour, tone in (("hair", look.hair, strands), ("skirt", look.bottom, weave)):
        left, low, right, high = _SWATCHES[name]
        rows = slice(SIZE - high, SIZE - low)
        image[rows, left:right] = np.clip(tone[rows, left:right, None] * np.array(colour) * 255, 0, 255)
    return image


def _paint_face(colours: Float32Array, look: Look, chart: _Chart) -> None:
    """Lips, brows, cheeks and eyes, into the colours (N, 3) of the texels."""
    nose, eye = chart.landmarks["nose"], chart.landmarks["eye"]
    face = np.flatnonzero((chart.front & (chart.region == 1)) | chart.eye)
    skin, across, up = colours[face], np.abs(chart.across[face]), chart.up[face]
    cheeks = np.exp(-((across - 0.035) ** 2 + (up - nose[2]) ** 2) / 0.022**2)
    skin *= 1.0 - cheeks[:, None] * np.array([0.10, 0.08, 0.0], np.float32)
    skin[(across / 0.024) ** 2 + ((up - nose[2] + 0.035) / 0.0075) ** 2 < 1] *= (0.72, 0.62, 0.92)
    brows = (np.abs(up - eye[2] - 0.019 + 2.0 * (across - 0.032) ** 2) < 0.004) & (np.abs(across - 0.034) < 0.019)
    skin[brows] = 0.35 * skin[brows] + 0.65 * np.array(look.hair, np.float32)
    skin[(across - abs(eye[1])) ** 2 / 0.018**2 + (up - eye[2]) ** 2 / 0.011**2 < 1] *= 0.8
    ball = chart.eye[face]
    skin[ball] = 0.85
    skin[ball & (np.hypot(across - abs(eye[1]), up - eye[2]) < 0.0065)] = (0.12, 0.15, 0.2)
    colours[face] = skin


def _patterned(
    look: Look, across: Float32Array, up: Float32Array, speckles: Float32Array, rng: np.random.Generator
) -> Float32Array:
    """Colours (N, 3) of the top at places (N,) of the average body."""
    first, second = np.array(look.top, np.float32), np.array(look.second, np.float32)
    period = rng.uniform(0.03, 0.12)
    rows, columns = np.sin(2 * np.pi * up / period), np.sin(2 * np.pi * across / period)
    if look.pattern == "stripes":
        share = 1.0 * (rows > rng.uniform(-0.3, 0.6))
    elif look.pattern == "pinstripes":
        share = 1.0 * (np.sin(2 * np.pi * across / 0.025) > 0.8)
    elif look.pattern == "checks":
        share = 0.45 * (rows > 0.2) + 0.45 * (columns > 0.2)
    elif look.pattern == "print":
        inside = (np.abs(up - rng.uniform(1.22, 1.32)) < rng.uniform(0.05, 0.11)) & (np.abs(across) < 0.09)
        share = 1.0 * (inside & (speckles > rng.uniform(-0.6, 0.2)))
    else:
        share = np.zeros(len(up))
    return (first + share[:, None] * (second - first)).astype(np.float32)


# --- the clothes as geometry -----------------------------------------------------------------------------------------


class Dressed:
    """A body in its clothes, ready to be drawn.

    Attributes:
        body: what is dressed.
        look: in what.
        faces: (F, 3) of the vertices as drawn.
        uv: (R, 2) their places in the texture.
        texture: BGR (SIZE, SIZE, 3), row 0 at the bottom.
    """

    def __init__(self, body: Body, look: Look) -> None:
        self.body = body
        self.look = look
        self.texture = texture(look)
        chart = _chart()
        pieces = [(_clothed(body, look), body.faces, body.weights)]
        uvs, corners, faces = [chart.uv], [chart.corners], [chart.faces]
        if look.long_hair:
            pieces.append(_long_hair(body, look))
            uvs.append(_swatch_uv("hair", len(pieces[-1][0])))
        if look.skirt:
            pieces.append(_skirt(body, look))
            uvs.append(_swatch_uv("skirt", len(pieces[-1][0])))
        first, drawn = len(body.rest), len(chart.corners)
        for vertices, triangles, _ in pieces[1:]:
            corners.append(np.arange(first, first + len(vertices)))
            # hair and skirts are seen from within, too
            faces += [(triangles + drawn).astype(np.int32), (triangles[:, ::-1] + drawn).astype(np.int32)]
            first, drawn = first + len(vertices), drawn + len(vertices)
        self._corners = np.concatenate(corners)
        self.faces: Int32Array = np.concatenate(faces)
        self.uv = np.concatenate(uvs).astype(np.float32)
        weights = np.concatenate([piece[2] for piece in pieces])
        self._skin = skinning(np.concatenate([piece[0] for piece in pieces]), weights)
        # normals turn as directions do: no offset. Stretching, which would tilt them a little, is left out
        normals = np.concatenate([vertex_area_vectors(vertices, triangles) for vertices, triangles, _ in pieces])
        self._turn = skinning(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12), weights, 0.0)

    def posed(self, joints: Float64Array) -> tuple[Float32Array, Float32Array]:
        """The vertices as drawn (T, R, 3) at joints (T, 32, 3) [m], and their unit normals (T, R, 3)."""
        transforms = self.body.transforms(joints)
        vertices = skinned(self._skin, transforms).astype(np.float32)[:, self._corners]
        normals = skinned(self._turn, transforms).astype(np.float32)
        normals /= np.sqrt(np.einsum("tvi,tvi->tv", normals, normals))[..., None]
        return vertices, normals[:, self._corners]


_Piece: TypeAlias = tuple[Float64Array, Int32Array, Float64Array]  # rest vertices, faces, skinning weights


def _clothed(body: Body, look: Look) -> Float64Array:
    """The rest mesh with cloth, shoes and short hair on it."""
    smooth = _smoothing(body.faces, len(body.rest))
    parts, along = body.parts, body.along
    arm = np.isin(parts, (Part.UPPER_ARM, Part.FOREARM)) & (along < look.sleeve)
    top = (np.isin(parts, (Part.TORSO, Part.HIPS)) | arm) * 1.0
    leg = np.isin(parts, (Part.THIGH, Part.SHANK)) & (along < look.leg)
    bottom = ((parts == Part.HIPS) | leg) * 1.0
    shoe = (parts == Part.FOOT) * 1.0
    scalp = (parts == Part.SCALP) * 1.0
    cloth = np.maximum(top, bottom)

    flat = body.rest
    for _ in range(6):
        flat = smooth @ flat
    hidden = 0.6 * (smooth @ cloth)[:, None]
    rest = body.rest + np.minimum(hidden, 1.0) * (flat - body.rest)
    rest += shoe[:, None] * (_shoes(body) - rest)
    flare = 1.0 + np.clip(along - 0.8, 0.0, 1.2) * leg
    depth = np.maximum(
        look.loose * (1.0 - 0.5 * arm) * (smooth @ (smooth @ top)), look.wide * flare * (smooth @ (smooth @ bottom))
    )
    depth = depth + 0.004 * cloth + 0.006 * shoe + look.hair_depth * (smooth @ (smooth @ scalp)) ** 1.5
    rest = rest + depth[:, None] * body.normals(body.rest.astype(np.float32))
    rest[parts == Part.FOOT, 2] = np.maximum(rest[parts == Part.FOOT, 2], body.rest[:, 2].min())
    return rest


def _shoes(body: Body) -> Float64Array:
    """The rest mesh with shoes in place of feet: boxy tubes as long, wide and high as the feet, without toes."""
    out = body.rest.copy()
    for side in (-1.0, 1.0):
        foot = (body.parts == Part.FOOT) & (side * body.rest[:, 1] > 0)
        bare = body.rest[foot]
        length = np.ptp(bare[:, 0])
        share = (bare[:, 0] - bare[:, 0].min()) / length  # 0 heel, 1 toes
        knots = np.linspace(0.05, 0.95, 10)
        slices = [bare[np.abs(share - knot) < 0.1] for knot in knots]
        low, high, top = (
            np.interp(share, knots, values)
            for values in np.array([[p[:, 1].min(), p[:, 1].max(), p[:, 2].max()] for p in slices]).T
        )
        end = np.sqrt(np.clip(1.0 - np.clip((share - 0.75) / 0.28, 0.0, 1.0) ** 2, 0.0, 1.0))  # round before the toes
        half = np.stack(((high - low) / 2 * (0.35 + 0.65 * end) + 0.006, top * (0.6 + 0.4 * end) / 2 + 0.006), axis=-1)
        centre = np.stack(((high + low) / 2, half[:, 1]), axis=-1)
        across = (bare[:, 1:] - centre) / half
        norm = (np.abs(across) ** 4).sum(axis=-1, keepdims=True) ** 0.25
        shoe = np.concatenate((bare[:, :1] + 0.012 * share[:, None], centre + half * across / norm), axis=-1)
        blend = np.clip((share - 0.3) / 0.2, 0.0, 1.0)[:, None]
        out[foot] = bare + blend * (shoe - bare)
    return out


def _smoothing(faces: Int32Array, count: int) -> csr_matrix:
    """Matrix (V, V) that moves each vertex half way to the mean of its neighbours."""
    rows, columns = faces[:, [0, 1, 2]].ravel(), faces[:, [1, 2, 0]].ravel()
    links = coo_matrix((np.ones(rows.size), (rows, columns)), (count, count)).tocsr()
    links = links + links.T
    mean = diags(1.0 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1.0)) @ links
    return (0.5 * mean + 0.5 * diags(np.ones(count))).tocsr()


_COLUMNS = 24  # vertices around a skirt, or along a row of long hair


def _long_hair(body: Body, look: Look) -> _Piece:
    """A curtain from the crown round the back of the head to the shoulders."""
    head = body.rest[np.isin(body.parts, (Part.SCALP, Part.FACE))]
    back = body.rest[np.isin(body.parts, (Part.SCALP, Part.NECK, Part.TORSO))]
    middle, top = head[:, 0].mean() - 0.01, head[:, 2].max()
    angles = np.deg2rad(np.linspace(68.0, 292.0, _COLUMNS))  # from straight ahead
    rows = np.linspace(top - 0.015, top - 0.34, 10)
    vertices = np.zeros((len(rows), _COLUMNS, 3))
    weights = np.zeros((len(rows), _COLUMNS, len(Segment)))
    width = np.ptp(head[head[:, 2] > top - 0.1, 1]) / 2 + 0.006 + look.hair_depth / 2
    depth = 0.075
    for k, height in enumerate(rows):
        dome = np.sqrt(np.clip(1.0 - ((top - 0.09 - height) / -0.10) ** 2, 0.05, 1.0)) if height > top - 0.09 else 1.0
        near = back[(np.abs(back[:, 2] - height) < 0.03) & (np.abs(back[:, 1]) < 0.1)]
        depth = max(depth, middle - near[:, 0].min())
        fall = np.clip((top - height - 0.18) / 0.16, 0.0, 1.0)
        radius = np.where(np.cos(angles) < 0, depth + 0.012 + look.loose * fall, width) * dome
        vertices[k, :, 0] = middle + np.cos(angles) * radius
        vertices[k, :, 1] = np.sin(angles) * width * dome * (1.0 + 0.15 * fall)
        vertices[k, :, 2] = height
        weights[k, :, Segment.HEAD] = 1.0 - fall
        weights[k, :, Segment.CHEST] = fall
    return vertices.reshape(-1, 3), _grid(len(rows), _COLUMNS), weights.reshape(-1, len(Segment))


def _skirt(body: Body, look: Look) -> _Piece:
    """A tube round hips and thighs that follows both legs."""
    hips = body.rest[np.isin(body.parts, (Part.HIPS, Part.THIGH, Part.SHANK, Part.TORSO))]
    waist = body.rest_joints[0, 2] + look.hem + 0.03
    length = look.skirt * body.person.segments.thigh + look.hem
    rows = np.linspace(0.0, 1.0, 9)
    angles = np.linspace(0.0, 2 * np.pi, _COLUMNS + 1)
    vertices = np.zeros((len(rows), len(angles), 3))
    weights = np.zeros((len(rows), len(angles), len(Segment)))
    left = (1.0 + np.clip(1.6 * np.sin(angles), -1.0, 1.0)) / 2
    for k, row in enumerate(rows):
        height = waist - row * length
        near = hips[(np.abs(hips[:, 2] - height) < 0.04) & (np.abs(hips[:, 1]) < 0.35)]
        low, high = near[:, :2].min(axis=0), near[:, :2].max(axis=0)
        half = (high - low) / 2 * 1.04 + 0.02 + 0.05 * row
        vertices[k, :, :2] = (low + high) / 2 + half * np.stack((np.cos(angles), np.sin(angles)), axis=-1)
        vertices[k, :, 2] = height
        follow = np.clip(1.3 * row - 0.1, 0.0, 0.85)
        weights[k, :, Segment.PELVIS] = 1.0 - follow
        weights[k, :, Segment.THIGH_LEFT] = follow * left
        weights[k, :, Segment.THIGH_RIGHT] = follow * (1.0 - left)
    return vertices.reshape(-1, 3), _grid(len(rows), len(angles)), weights.reshape(-1, len(Segment))


def _grid(rows: int, columns: int) -> Int32Array:
    """Triangles of a sheet of rows x columns vertices."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))]).astype(np.int32)


def _swatch_uv(name: str, count: int) -> Float32Array:
    left, low, right, high = _SWATCHES[name]
    columns = _COLUMNS if name == "hair" else _COLUMNS + 1
    rows = count // columns
    u, v = np.meshgrid(np.linspace(left + 2, right - 2, columns), np.linspace(SIZE - low - 2, SIZE - high + 2, rows))
    return (np.stack((u.ravel(), v.ravel()), axis=-1) / SIZE).astype(np.float32)
