"""The body of a person: a skinned mesh that follows given joints, the same surface for radar and camera.

The rest mesh is a blend of `shapes` by sex, age and mass, scaled to the stature and widened or narrowed until tapes
around it read the person's girths. In motion each segment between joints has a frame made of the directions that the
joints show (a limb turns about its length as the bend of its elbow or knee says, and its two halves may twist apart);
it is stretched so that the mesh's joints coincide with the given ones, and vertices follow their segments linearly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.sparse import coo_matrix, csr_matrix

from mission_core.camera.skeleton import Joint
from mission_core.sim import mesh
from mission_core.sim.cohort import Person
from mission_core.sim.posture import BALL, HEAD_PLACES, NECK
from mission_core.sim.shapes import Segment, shapes
from mission_core.types import Float32Array, Float64Array, Int32Array

NUM_SAMPLES = 400
STRAIGHT = 0.2  # sine of the bend below which a limb counts as straight, and turns with what it hangs on
ACROMION = 0.017  # above the centre of the shoulder joint [stature]
FITTINGS = 6  # rounds in which the girths are approached
DENSITY = 985.0  # of a body with half-filled lungs [kg/m^3], from which mass tells the weight phenotype
_SIDES = ("LEFT", "RIGHT")
YOUNG, OLD = 25.0, 90.0  # years of MakeHuman's shapes "young" and "old"


class Part(IntEnum):
    """Region of the surface a vertex lies in."""

    FACE = 0
    SCALP = 1
    EYES = 2
    NECK = 3
    TORSO = 4
    HIPS = 5
    UPPER_ARM = 6
    FOREARM = 7
    HAND = 8
    THIGH = 9
    SHANK = 10
    FOOT = 11


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Points spread over a body, the same material points at all times, room frame.

    Attributes:
        positions: (T, S, 3) [m].
        normals: (T, S, 3) unit, outward.
        areas: (T, S) of the patches they stand for [m^2].
    """

    positions: Float64Array
    normals: Float64Array
    areas: Float64Array


class Body:
    """The body of one person; making one takes some 50 ms, so keep it.

    Attributes:
        person: whose body it is.
        rest: (V, 3) the mesh in the rest pose [m], x forward, y left, z up.
        rest_joints: (32, 3) joints of the rest pose [m].
        weights: (V, len(Segment)) skinning weights, rows sum to 1.
        faces: (F, 3) int32, counter-clockwise from outside.
        parts: (V,) uint8, a Part for each vertex.
        along: (V,) where on its limb a vertex lies: 0 shoulder or hip, 1 elbow or knee, 2 wrist or ankle, 3 tip; on
            the trunk from 0 at the hips to 1 at the shoulders.
    """

    def __init__(self, person: Person) -> None:
        self.person = person
        table = shapes()
        self.faces: Int32Array = table.faces
        self.weights = table.weights
        vertices, joints = _phenotype(person)
        self.rest, self.rest_joints = _fitted(person, vertices, joints, table.faces, table.weights)
        self.along = _along(self.rest, self.rest_joints, table.weights)
        self.parts = _parts(self.rest, self.rest_joints, table.weights, table.eyes)
        self._rest_frames = _frames(self.rest_joints[None])
        self._skin = skinning(self.rest, table.weights)

    def vertices(self, joints: Float64Array) -> Float32Array:
        """The mesh (T, V, 3) [m] at joints (T, 32, 3) [m], in the frame of the joints."""
        return skinned(self._skin, self.transforms(joints)).astype(np.float32)

    def transforms(self, joints: Float64Array) -> Float64Array:
        """Affine transforms (T, segments, 3, 4) from the rest pose to joints (T, 32, 3) [m]."""
        frames, origins, sizes = _frames(np.asarray(joints, np.float64))
        rest_frames, rest_origins, rest_sizes = self._rest_frames
        linear = (frames * (sizes / rest_sizes)[..., None, :]) @ np.swapaxes(rest_frames, -1, -2)
        offset = origins - (linear @ rest_origins[..., None])[..., 0]
        return np.concatenate((linear, offset[..., None]), axis=-1)

    def normals(self, vertices: Float32Array) -> Float32Array:
        """Unit outward normals (V, 3) of the vertices of one pose (V, 3)."""
        corners = vertices[self.faces]
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = self._incidence @ faces
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)

    def samples(self, joints: Float64Array) -> Surface:
        """NUM_SAMPLES points of the surface at joints (T, 32, 3) [m], in the frame of the joints."""
        vectors, skin, weights = self._samples
        transforms = self.transforms(joints)
        linear = np.einsum("vs,tsij->tvij", weights, transforms[..., :3])
        cofactors = np.stack([np.cross(linear[..., (i + 1) % 3, :], linear[..., (i + 2) % 3, :]) for i in range(3)], -2)
        turned = np.einsum("tvij,vj->tvi", cofactors, vectors)  # areas turn and grow with the cofactors
        areas = np.linalg.norm(turned, axis=-1)
        return Surface(skinned(skin, transforms), turned / areas[..., None], areas)

    def girths(self) -> dict[str, float]:
        """What tapes read on the rest mesh [m], by the names of the person's girths; means of left and right."""
        return _girths(self.rest, _tapes(self.faces, _chains(self.rest_joints), self.weights))

    @cached_property
    def _incidence(self) -> csr_matrix:
        rows, columns = self.faces.ravel(), np.repeat(np.arange(len(self.faces)), 3)
        return coo_matrix((np.ones(rows.size, np.float32), (rows, columns)), (len(self.rest), len(self.faces))).tocsr()

    @cached_property
    def _samples(self) -> tuple[Float64Array, csr_matrix, Float64Array]:
        """Of the sampled vertices: area vectors (S, 3) at rest, skinning matrix, weights."""
        vectors = mesh.vertex_area_vectors(self.rest, self.faces)
        areas = np.linalg.norm(mesh.area_vectors(self.rest, self.faces), axis=1)
        patch = np.bincount(self.faces.ravel(), np.repeat(areas / 3, 3), len(self.rest))
        normals = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        chosen, nearest = _spread(self.rest, normals, NUM_SAMPLES)
        size = np.bincount(nearest, patch, len(chosen))
        weights = self.weights[chosen]
        return normals[chosen] * size[:, None], skinning(self.rest[chosen], weights), weights


# --- posing ----------------------------------------------------------------------------------------------------------


def skinning(rest: Float64Array, weights: Float64Array, offset: float = 1.0) -> csr_matrix:
    """Matrix (V, 4 * segments) that turns transforms of segments into positions; into directions with offset 0."""
    homogeneous = np.concatenate((rest, np.full((len(rest), 1), offset)), axis=1)
    return csr_matrix((weights[:, :, None] * homogeneous[:, None]).reshape(len(rest), -1))


def skinned(skin: csr_matrix, transforms: Float64Array) -> Float64Array:
    """Positions (T, V, 3) from transforms (T, segments, 3, 4)."""
    count = len(transforms)
    stacked = transforms.transpose(1, 3, 0, 2).reshape(-1, 3 * count)
    return np.ascontiguousarray((skin @ stacked).reshape(-1, count, 3).transpose(1, 0, 2))


def _frames(joints: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Frame, origin and size of every segment.

    Returns:
        frames (T, segments, 3, 3) with orthonormal columns, origins (T, segments, 3) and sizes (T, segments, 3) along
        the columns; 1 where a segment keeps its size.
    """
    count = len(joints)
    frames = np.zeros((count, len(Segment), 3, 3))
    origins = np.zeros((count, len(Segment), 3))
    sizes = np.ones((count, len(Segment), 3))

    def put(
        segment: Segment | list[Segment], origin: Float64Array, frame: Float64Array, *size: Float64Array | float
    ) -> None:
        frames[:, segment], origins[:, segment] = frame, origin
        for axis, value in enumerate(size):
            sizes[:, segment, axis] = value

    def pair(name: str) -> Float64Array:  # (T, 2, 3): left, right
        return joints[:, [Joint[f"{name}_{side}"] for side in _SIDES]]

    def both(name: str) -> list[Segment]:
        return [Segment[f"{name}_{side}"] for side in _SIDES]

    hip, shoulder, ear, eye = pair("HIP"), pair("SHOULDER"), pair("EAR"), pair("EYE")
    hips, shoulders, ears = hip.mean(axis=1), shoulder.mean(axis=1), ear.mean(axis=1)
    across_hips, across_shoulders, across_head = (ends[:, 0] - ends[:, 1] for ends in (hip, shoulder, ear))
    trunk = _length(shoulders - hips)
    pelvis = _frame(across_hips, joints[:, Joint.SPINE_NAVEL] - joints[:, Joint.PELVIS])  # columns left, up, forward
    chest = _frame(across_shoulders, joints[:, Joint.NECK] - joints[:, Joint.SPINE_NAVEL])
    neck = ears - shoulders
    gaze = (joints[:, Joint.NOSE] + eye.sum(axis=1)) / 3 - ears
    put(Segment.PELVIS, hips, pelvis, 1.0, trunk)
    put(Segment.CHEST, shoulders, chest, 1.0, trunk)
    put(Segment.NECK, shoulders, _frame(neck, _unit(across_shoulders) + _unit(across_head)), _length(neck))
    put(Segment.HEAD, ears, _frame(across_head, gaze))

    chest, pelvis, trunk = chest[:, None], pelvis[:, None], trunk[:, None]
    elbow, wrist = pair("ELBOW"), pair("WRIST")
    upper, lower, hand = elbow - shoulder, wrist - elbow, pair("HANDTIP") - wrist
    swing = _carried(chest, upper, -chest[..., 0])
    hinge = _axis(upper, lower) + STRAIGHT * swing
    palm = _axis(hand, pair("THUMB") - wrist) + STRAIGHT * _unit(hinge)
    put(both("SHOULDER"), shoulders[:, None], chest, _length(across_shoulders)[:, None], trunk)
    put(both("UPPER_ARM"), shoulder, _frame(upper, swing), _length(upper))
    put(both("ELBOW"), shoulder, _frame(upper, hinge), _length(upper))
    put(both("FOREARM"), elbow, _frame(lower, hinge), _length(lower))
    put(both("WRIST"), elbow, _frame(lower, palm), _length(lower))
    put(both("HAND"), wrist, _frame(hand, palm), *[_length(hand)] * 3)

    knee, ankle = pair("KNEE"), pair("ANKLE")
    thigh, shank, sole = knee - hip, ankle - knee, pair("FOOT") - ankle
    swing = _carried(pelvis, thigh, pelvis[..., 0])
    hinge = _axis(thigh, shank) + 2 * STRAIGHT * swing
    toes = -_axis(shank, sole) + STRAIGHT * _unit(hinge)
    put(both("THIGH"), hip, _frame(thigh, swing), _length(thigh))
    put(both("KNEE"), hip, _frame(thigh, hinge), _length(thigh))
    put(both("SHANK"), knee, _frame(shank, hinge), _length(shank))
    put(both("CALF"), knee, _frame(shank, toes), _length(shank))
    put(both("FOOT"), ankle, _frame(sole, toes), _length(sole))
    return frames, origins, sizes


def _length(vectors: Float64Array) -> Float64Array:
    return np.sqrt(np.einsum("...i,...i", vectors, vectors))


def _unit(vectors: Float64Array) -> Float64Array:
    return vectors / np.maximum(_length(vectors), 1e-9)[..., None]


def _cross(first: Float64Array, second: Float64Array) -> Float64Array:
    """Cross product of the last axes; much faster than numpy's for few vectors."""
    return first[..., _NEXT] * second[..., _LAST] - first[..., _LAST] * second[..., _NEXT]


_NEXT, _LAST = [1, 2, 0], [2, 0, 1]


def _axis(first: Float64Array, second: Float64Array) -> Float64Array:
    """Axis about which a joint between two bones bends; as long as the sine of the bend."""
    return _cross(_unit(first), _unit(second))


def _frame(first: Float64Array, second: Float64Array) -> Float64Array:
    """Orthonormal columns (..., 3, 3): along `first`, towards `second`, across both."""
    x = _unit(first)
    y = _unit(second - np.einsum("...i,...i", second, x)[..., None] * x)
    return np.stack((x, y, _cross(x, y)), axis=-1)


def _carried(trunk: Float64Array, bone: Float64Array, vectors: Float64Array) -> Float64Array:
    """Vectors (..., 3) of the trunk (frames left, up, forward) after the shortest turn from its down to the bone."""
    down, bone = -trunk[..., 1], _unit(bone)
    turn = _cross(down, bone)
    cosine = np.einsum("...i,...i", down, bone)[..., None]
    once = _cross(turn, vectors)
    return vectors + once + _cross(turn, once) / np.maximum(1.0 + cosine, 0.05)


# --- shape -----------------------------------------------------------------------------------------------------------


def _phenotype(person: Person) -> tuple[Float64Array, Float64Array]:
    """Vertices and joints of the blended shape, scaled to the person's stature."""
    table = shapes()
    age = float(np.interp(person.age, (YOUNG, OLD), (2 / 3, 1.0)))

    def scaled(weight: float) -> tuple[Float64Array, Float64Array]:
        gender = 1.0 if person.sex == "female" else 0.0
        vertices, joints = table.blend(gender=gender, age=age, muscle=0.5, weight=weight)
        scale = person.stature / np.ptp(vertices[:, 2])
        sole = (0.0, 0.0, vertices[:, 2].min())
        return (vertices - sole) * scale, (joints - sole) * scale

    weights = np.linspace(0.0, 1.0, 9)
    masses = [DENSITY * mesh.volume(scaled(weight)[0], table.faces) for weight in weights]
    return scaled(float(np.interp(person.mass, masses, weights)))


_ARM = ("UPPER_ARM", "ELBOW", "FOREARM", "WRIST", "HAND")
_LEG = ("THIGH", "KNEE", "SHANK", "CALF", "FOOT")


@dataclass(frozen=True, slots=True)
class _Chain:
    """Segments in a row that are widened together.

    Attributes:
        segments: whose vertices belong to it, by their weights.
        joints: (K, 3) corners of its axis; level k is at corner k.
        tapes: name of each girth measured on it, and the level where the tape goes round.
        widths: (level, girth names) where the widening is the mean of those of the tapes named; none = as it is.
    """

    segments: tuple[Segment, ...]
    joints: Float64Array
    tapes: dict[str, float]
    widths: tuple[tuple[float, tuple[str, ...]], ...]


def _chains(joints: Float64Array) -> list[_Chain]:
    """Trunk, head with neck, arms and legs of a rest pose with joints (32, 3); where ANSUR II puts its tapes."""

    def corners(*names: str) -> Float64Array:
        return np.stack([joints[Joint[name]] for name in names])

    hips, shoulders, ears = (
        corners(f"{name}_LEFT", f"{name}_RIGHT").mean(axis=0) for name in ("HIP", "SHOULDER", "EAR")
    )
    crown = ears + np.array([0.0, 0.0, 0.1])
    trunk = _Chain(
        (Segment.PELVIS, Segment.CHEST, Segment.SHOULDER_LEFT, Segment.SHOULDER_RIGHT),
        np.stack((hips, shoulders)),
        {"hip": -0.03, "waist": 0.34, "chest": 0.7},
        ((-0.03, ("hip",)), (0.34, ("waist",)), (0.7, ("chest",)), (1.0, ("chest", "neck"))),
    )
    head = _Chain(
        (Segment.NECK, Segment.HEAD),
        np.stack((shoulders, ears, crown)),
        {"neck": 0.55, "head": 1.45},
        ((0.3, ("neck",)), (0.55, ("neck",)), (0.85, ("head",)), (1.45, ("head",))),
    )
    chains = [trunk, head]
    for side in _SIDES:
        arm = _Chain(
            tuple(Segment[f"{name}_{side}"] for name in _ARM),
            corners(f"SHOULDER_{side}", f"ELBOW_{side}", f"WRIST_{side}", f"HANDTIP_{side}"),
            {"upper_arm": 0.6, "forearm": 1.2, "wrist": 1.97},
            ((0.0, ("upper_arm", "chest")), (0.6, ("upper_arm",)), (1.2, ("forearm",)), (1.97, ("wrist",)), (2.3, ())),
        )
        leg = _Chain(
            tuple(Segment[f"{name}_{side}"] for name in _LEG),
            corners(f"HIP_{side}", f"KNEE_{side}", f"ANKLE_{side}", f"FOOT_{side}"),
            {"thigh": 0.2, "calf": 1.3, "ankle": 1.85},
            ((0.0, ("thigh", "hip")), (0.2, ("thigh",)), (1.3, ("calf",)), (1.85, ("ankle",)), (2.1, ())),
        )
        chains += [arm, leg]
    return chains


def _fitted(
    person: Person, vertices: Float64Array, joints: Float64Array, faces: Int32Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Rest mesh and joints with the person's feet and girths."""
    vertices, joints = _proportioned(person, vertices, joints, weights)
    chains = _chains(joints)
    tapes = _tapes(faces, chains, weights)
    levels = [_levels(vertices, chain) for chain in chains]
    widths = {name: 1.0 for chain in chains for name in chain.tapes}
    fitted = vertices
    for _ in range(FITTINGS):
        for name, measured in _girths(fitted, tapes).items():
            widths[name] *= getattr(person.girths, name) / measured
        fitted = vertices.copy()
        for chain, (level, outward) in zip(chains, levels, strict=True):
            knots, names = zip(*chain.widths, strict=True)
            values = [np.mean([widths[name] for name in named]) if named else 1.0 for named in names]
            widening = PchipInterpolator(knots, values)(np.clip(level, knots[0], knots[-1])) - 1.0
            share = weights[:, list(chain.segments)].sum(axis=1)
            fitted += (share * widening)[:, None] * outward
    return fitted, joints


@dataclass(frozen=True, slots=True)
class _Tape:
    """Where one girth is read: the edges (E, 2) that may be cut, and the plane."""

    name: str
    edges: Int32Array
    point: Float64Array
    normal: Float64Array


def _tapes(faces: Int32Array, chains: Sequence[_Chain], weights: Float64Array) -> list[_Tape]:
    """Every tape of every chain."""
    return [_tape(name, faces, chain, level, weights) for chain in chains for name, level in chain.tapes.items()]


def _tape(name: str, faces: Int32Array, chain: _Chain, level: float, weights: Float64Array) -> _Tape:
    """The tape round a chain at a level."""
    piece = int(np.clip(np.floor(level), 0, len(chain.joints) - 2))
    bone = chain.joints[piece + 1] - chain.joints[piece]
    share = weights[:, list(chain.segments)].sum(axis=1)
    if chain.segments[0] == Segment.PELVIS:  # the tape at the hips goes round the legs, never round the arms
        share = share + weights[:, [Segment[f"{stem}_{side}"] for stem in _LEG for side in _SIDES]].sum(axis=1)
    edges = mesh.edges(faces[(share[faces] > 0.35).all(axis=1)])
    return _Tape(name, edges, chain.joints[piece] + (level - piece) * bone, bone / np.linalg.norm(bone))


def _girths(vertices: Float64Array, tapes: Sequence[_Tape]) -> dict[str, float]:
    """What the tapes read [m], by name; means of left and right."""
    read: dict[str, list[float]] = {}
    for tape in tapes:
        read.setdefault(tape.name, []).append(mesh.girth(vertices, tape.edges, tape.point, tape.normal))
    return {name: float(np.mean(values)) for name, values in read.items()}


def _proportioned(
    person: Person, vertices: Float64Array, joints: Float64Array, weights: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Feet as long and ankles as high as the person's; joints of feet and face where `posture` puts them."""
    segments = person.segments
    vertices, joints = vertices.copy(), joints.copy()
    for side in _SIDES:
        share = weights[:, Segment[f"FOOT_{side}"], None]
        ankle = joints[Joint[f"ANKLE_{side}"]].copy()
        length = np.ptp(vertices[share[:, 0] > 0.5, 0])
        scale = np.array([segments.foot / length, 1.0, segments.ankle_height / ankle[2]])
        raised = np.array([ankle[0], ankle[1], segments.ankle_height])
        vertices += share * ((vertices - ankle) * scale + raised - vertices)
        toward = joints[Joint[f"FOOT_{side}"]] - ankle
        toward[2] = 0.0
        joints[Joint[f"ANKLE_{side}"]] = raised
        ball = raised + BALL * segments.foot * toward / np.linalg.norm(toward)
        joints[Joint[f"FOOT_{side}"]] = ball - (0.0, 0.0, 0.75 * segments.ankle_height)
    for side in _SIDES:
        # the skeleton's shoulder line is as high as the acromion (Drillis & Contini), anny's joint lies beneath it
        joints[Joint[f"SHOULDER_{side}"], 2] += ACROMION * person.stature
    face = [Joint.HEAD, Joint.NOSE, Joint.EYE_LEFT, Joint.EAR_LEFT, Joint.EYE_RIGHT, Joint.EAR_RIGHT]
    places = HEAD_PLACES[:, [1, 2, 0]] * segments.head  # forward, left, up of the neck
    ears = joints[[Joint.EAR_LEFT, Joint.EAR_RIGHT]].mean(axis=0)
    joints[face] = places + np.array([ears[0], 0.0, person.stature - (1.0 - NECK) * segments.head])
    return vertices, joints


def _levels(vertices: Float64Array, chain: _Chain) -> tuple[Float64Array, Float64Array]:
    """Level (V,) of each vertex on a chain, and the way (V, 3) from the axis to it, across the axis."""
    pieces = np.diff(chain.joints, axis=0)
    squares = (pieces**2).sum(axis=1)
    shares = ((vertices[:, None] - chain.joints[:-1]) * pieces).sum(axis=-1) / squares  # (V, K - 1)
    inner = np.clip(shares, 0.0, 1.0)
    ways = vertices[:, None] - (chain.joints[:-1] + inner[..., None] * pieces)
    nearest = np.linalg.norm(ways, axis=-1).argmin(axis=1)
    rows = np.arange(len(vertices))
    share = shares[rows, nearest]
    offset = vertices - chain.joints[nearest] - share[:, None] * pieces[nearest]
    ends = np.where(nearest == 0, np.minimum(share, 1.0), np.maximum(share, 0.0))
    ends = np.where((nearest > 0) & (nearest < len(pieces) - 1), np.clip(share, 0.0, 1.0), ends)
    return nearest + (share if len(pieces) == 1 else ends), offset


def chain_levels(vertices: Float64Array, joints: Float64Array) -> list[Float64Array]:
    """Level (V,) of each vertex on trunk, head, left arm, left leg, right arm, right leg; see `Body.along`."""
    return [_levels(vertices, chain)[0] for chain in _chains(joints)]


def _along(vertices: Float64Array, joints: Float64Array, weights: Float64Array) -> Float64Array:
    """See `Body.along`: the level on the chain that moves a vertex most."""
    chains = _chains(joints)
    shares = np.stack([weights[:, list(chain.segments)].sum(axis=1) for chain in chains])
    levels = np.stack(chain_levels(vertices, joints))
    levels[1] = levels[0]  # head and neck go on where the trunk ends
    return np.take_along_axis(levels, shares.argmax(axis=0)[None], axis=0)[0]


_PARTS = {
    "PELVIS": Part.HIPS,
    "CHEST": Part.TORSO,
    "SHOULDER": Part.TORSO,
    "NECK": Part.NECK,
    "HEAD": Part.FACE,
    "UPPER_ARM": Part.UPPER_ARM,
    "ELBOW": Part.UPPER_ARM,
    "FOREARM": Part.FOREARM,
    "WRIST": Part.FOREARM,
    "HAND": Part.HAND,
    "THIGH": Part.THIGH,
    "KNEE": Part.THIGH,
    "SHANK": Part.SHANK,
    "CALF": Part.SHANK,
    "FOOT": Part.FOOT,
}


def _parts(
    vertices: Float64Array, joints: Float64Array, weights: Float64Array, eyes: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    stems = [segment.name.removesuffix("_LEFT").removesuffix("_RIGHT") for segment in Segment]
    owner = np.array([_PARTS[stem] for stem in stems])
    shares = np.stack([weights[:, owner == part].sum(axis=1) for part in Part])
    parts = shares.argmax(axis=0).astype(np.uint8)
    parts[(parts == Part.FACE) & hairy(vertices, joints)] = Part.SCALP
    parts[eyes] = Part.EYES
    return parts


def hairy(vertices: Float64Array, joints: Float64Array) -> NDArray[np.bool_]:
    """Vertices of the head above the hairline: forehead, temples, round the ears, nape."""
    ears = joints[[Joint.EAR_LEFT, Joint.EAR_RIGHT]].mean(axis=0)
    forward = (vertices[:, 0] - ears[0]) / (joints[Joint.NOSE, 0] - ears[0])  # 1 at the nose
    up = (vertices[:, 2] - ears[2]) / (vertices[:, 2].max() - ears[2])  # 1 at the vertex
    hairline = np.interp(forward, (-0.3, -0.1, 0.15, 0.4, 0.7, 0.9), (-0.55, 0.05, 0.2, 0.3, 0.55, 0.65))
    return up > hairline


def _spread(vertices: Float64Array, normals: Float64Array, count: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Vertices (count,) spread evenly over the surface, each far from those before, and the nearest of them (V,).

    Normals count as distance, so that front and back of a hand are apart.
    """
    place = np.concatenate((vertices, 0.04 * normals), axis=1)
    chosen = np.zeros(count, np.int_)
    chosen[0] = int(vertices[:, 2].argmax())
    distance = np.linalg.norm(place - place[chosen[0]], axis=1)
    nearest = np.zeros(len(place), np.int_)
    for k in range(1, count):
        chosen[k] = int(distance.argmax())
        to_new = np.linalg.norm(place - place[chosen[k]], axis=1)
        nearest[to_new < distance] = k
        distance = np.minimum(distance, to_new)
    return chosen, nearest
