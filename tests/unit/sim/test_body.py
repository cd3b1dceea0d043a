import os
import subprocess
import sys

import numpy as np
import pytest

from mission_core.camera.skeleton import Joint
from mission_core.sim import mesh
from mission_core.sim.body import NUM_SAMPLES, Body, Part
from mission_core.sim.cohort import sample_person
from mission_core.sim.posture import Posture, hanging
from mission_core.sim.posture import joints as joints_of

SEEDS = (0, 1, 3, 5, 21)
LIMBS = (Joint.SHOULDER_LEFT, Joint.ELBOW_RIGHT, Joint.WRIST_LEFT, Joint.HIP_RIGHT, Joint.KNEE_LEFT, Joint.ANKLE_RIGHT)


def posture(person, *, flexion=0.0, abduction=0.1, elbow=0.3, lean=0.0, height=1.0, heading=0.0, stride=0.0):
    """One instant of a person who stands; flexion and elbow of the arms, the legs bent by the height of the pelvis."""
    segments = person.segments
    zero = np.zeros(1)
    sides = np.array([1.0, -1.0])
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    ankles = np.zeros((2, 1, 3))
    ankles[:, 0, :2] = np.stack((sides * stride, sides * segments.hip_width / 2), axis=-1) @ turn.T
    ankles[:, 0, 2] = segments.ankle_height
    pelvis = np.array([[0.0, 0.0, height * 0.998 * segments.leg]])
    arms = np.stack([hanging(np.array([flexion]), np.array([side * abduction])) for side in sides])
    forearms = np.stack([hanging(np.array([flexion + elbow]), np.array([side * abduction / 2])) for side in sides])
    still = dict.fromkeys(("pelvis_yaw", "pelvis_list", "side_lean", "thorax_yaw", "head_yaw", "head_pitch"), zero)
    return joints_of(
        person,
        Posture(
            pelvis=pelvis,
            heading=np.array([heading]),
            lean=np.array([lean]),
            upper_arms=arms,
            forearms=forearms,
            ankles=ankles,
            foot_pitch=np.zeros((2, 1)),
            foot_yaw=np.full((2, 1), heading),
            **still,
        ),
    )


@pytest.fixture(scope="module", params=SEEDS, ids=lambda seed: f"P{seed:02d}")
def body(request):
    return Body(sample_person(request.param))


def ring(body, joints, joint, direction, radius):
    """Mean of the vertices near the plane through a joint across a bone, and within a radius of the joint."""
    offset = body.vertices(joints)[0] - joints[0, joint]
    near = (np.abs(offset @ direction) < 0.03) & (np.linalg.norm(offset, axis=1) < radius)
    return offset[near].mean(axis=0)


@pytest.mark.parametrize(
    "pose",
    [{}, {"flexion": 1.4, "elbow": 1.2}, {"height": 0.75, "lean": 0.4}, {"heading": 2.5, "flexion": -0.4}],
    ids=["standing", "arms raised", "crouching", "turned"],
)
def test_flesh_lies_around_the_given_joints(body, pose):
    joints = posture(body.person, **pose)
    bones = {
        Joint.ELBOW_RIGHT: (Joint.SHOULDER_RIGHT, 0.09),
        Joint.WRIST_LEFT: (Joint.ELBOW_LEFT, 0.07),
        Joint.KNEE_LEFT: (Joint.HIP_LEFT, 0.12),
    }
    for joint, (parent, radius) in bones.items():
        bone = joints[0, joint] - joints[0, parent]
        assert np.linalg.norm(ring(body, joints, joint, bone / np.linalg.norm(bone), radius)) < 0.045, joint


def test_segments_carry_the_rest_joints_onto_the_given_ones(body):
    joints = np.concatenate([posture(body.person), posture(body.person, flexion=1.2, elbow=1.0, height=0.7, lean=0.3)])
    transforms = body.transforms(joints)
    for joint in LIMBS:
        carried = transforms @ np.append(body.rest_joints[joint], 1.0)  # (T, segments, 3)
        distance = np.linalg.norm(carried - joints[:, None, joint], axis=-1)
        assert (np.sort(distance, axis=1)[:, :2] < 1e-6).all(), joint  # by the segment before it and by that after it


def test_girths_are_those_of_the_person(body):
    for name, measured in body.girths().items():
        assert measured == pytest.approx(getattr(body.person.girths, name), rel=0.02), name


def test_stands_on_the_floor_with_its_stature(body):
    vertices = body.vertices(posture(body.person))[0]
    assert vertices[:, 2].max() == pytest.approx(body.person.stature, abs=0.015)
    assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.01)
    for name in ("LEFT", "RIGHT"):
        sole = vertices[(body.parts == Part.FOOT) & (vertices[:, 1] > 0 if name == "LEFT" else vertices[:, 1] < 0)]
        assert np.ptp(sole[:, 0]) == pytest.approx(body.person.segments.foot, rel=0.08)


def test_weighs_what_the_person_weighs(body):
    mass = 985.0 * mesh.volume(body.rest, body.faces)
    assert mass == pytest.approx(body.person.mass, rel=0.15)


def test_normals_point_outward(body):
    joints = posture(body.person, flexion=0.5)
    vertices = body.vertices(joints)[0]
    assert mesh.volume(vertices.astype(np.float64), body.faces) > 0.03
    normals = body.normals(vertices)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-3)
    chest = (body.parts == Part.TORSO) & (body.along > 0.6) & (body.along < 0.9) & (np.abs(vertices[:, 1]) < 0.05)
    front = chest & (vertices[:, 0] > joints[0, Joint.SPINE_CHEST, 0])
    assert front.sum() > 5
    assert (normals[front, 0] > 0.3).all()
    assert (normals[chest & ~front, 0] < -0.3).all()


def test_samples_cover_the_body(body):
    joints = np.concatenate([posture(body.person), posture(body.person, flexion=1.2, elbow=1.5, height=0.75)])
    surface = body.samples(joints)
    assert surface.positions.shape == surface.normals.shape == (2, NUM_SAMPLES, 3)
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=-1), 1.0, atol=1e-6)
    for k, vertices in enumerate(body.vertices(joints)):
        area = np.linalg.norm(mesh.area_vectors(vertices.astype(np.float64), body.faces), axis=1).sum()
        assert surface.areas[k].sum() == pytest.approx(area, rel=0.04)
        distance = np.linalg.norm(vertices[:, None] - surface.positions[k].astype(np.float32), axis=-1)
        assert distance.min(axis=0).max() < 1e-3  # samples lie on the mesh
        assert distance.min(axis=1).max() < 0.12  # and leave no part of it out
    assert surface.areas.max() < 0.03
    # all of them look away from the middle of their surroundings
    inward = surface.positions[0] - 0.01 * surface.normals[0]
    outward = surface.positions[0] + 0.01 * surface.normals[0]
    axis = np.array([0.0, 0.0, 1.0])
    torso = (np.abs(surface.positions[0] - joints[0, Joint.SPINE_CHEST]) < (0.3, 0.12, 0.1)).all(axis=1)
    centre = joints[0, Joint.SPINE_CHEST]

    def radius(points):
        return np.linalg.norm(np.cross(points[torso] - centre, axis), axis=1)

    assert (radius(outward) > radius(inward)).mean() > 0.9


def test_a_bend_does_not_tear_the_mesh(body):
    edges = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]]])
    still = np.linalg.norm(np.diff(body.vertices(posture(body.person))[0][edges], axis=1)[:, 0], axis=1)
    boxing = body.vertices(posture(body.person, flexion=1.3, elbow=1.9, height=0.8, lean=0.3))[0]
    moved = np.linalg.norm(np.diff(boxing[edges], axis=1)[:, 0], axis=1)
    assert moved.max() < 0.18
    assert np.percentile(moved / np.maximum(still, 1e-3), 99) < 2.0


def test_the_same_person_has_the_same_body_and_another_one_another():
    first, again, other = Body(sample_person(4)), Body(sample_person(4)), Body(sample_person(6))
    np.testing.assert_array_equal(first.rest, again.rest)
    assert np.abs(first.rest - other.rest).max() > 0.01


def test_parts_are_where_they_belong(body):
    vertices = body.rest
    height = vertices[:, 2] / body.person.stature
    assert set(np.unique(body.parts)) == set(Part)
    assert height[body.parts == Part.FOOT].max() < 0.12
    assert height[body.parts == Part.SCALP].min() > 0.85
    assert 0.25 < np.median(height[body.parts == Part.SHANK]) / 0.6 < 0.4
    face, scalp = (vertices[body.parts == part, 0].mean() for part in (Part.FACE, Part.SCALP))
    assert face > scalp + 0.02


def test_a_known_shape_needs_neither_torch_nor_anny():
    Body(sample_person(0))  # makes the table of shapes where there is none yet
    code = (
        "import sys; from mission_core.sim.body import Body; from mission_core.sim.cohort import sample_person;"
        "Body(sample_person(11)); print([m for m in ('torch', 'anny') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert output.stdout.strip() == "[]"
