from dataclasses import replace

import numpy as np
import pytest

from mission_core.sim import mesh
from mission_core.sim.body import Body, Part
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.look import SIZE, Dressed, sample_look, texture
from mission_core.sim.path import straight


@pytest.fixture(scope="module")
def bodies():
    return [Body(sample_person(seed)) for seed in (0, 5)]


def test_a_look_comes_from_the_seed_alone(bodies):
    look = sample_look(7)
    assert look == sample_look(7)
    assert look != sample_look(8)
    first, second = (Dressed(body, look) for body in bodies)
    np.testing.assert_array_equal(first.texture, second.texture)
    assert not np.array_equal(first.texture, Dressed(bodies[0], sample_look(8)).texture)


def test_looks_differ_in_every_way():
    looks = [sample_look(seed) for seed in range(60)]
    assert len({look.pattern for look in looks}) == 5
    assert {look.long_hair for look in looks} == {look.open_jacket for look in looks} == {True, False}
    assert any(look.skirt for look in looks)
    assert any(look.sleeve < 1 for look in looks)
    assert any(look.sleeve > 1 for look in looks)
    for name in ("skin", "hair", "top", "bottom", "shoes"):
        colours = np.array([getattr(look, name) for look in looks])
        assert (colours.std(axis=0) > 0.05).all(), name
        assert colours.min() >= 0.02
        assert colours.max() <= 0.97


def test_the_texture_shows_skin_cloth_and_shoes():
    look = replace(sample_look(0), pattern="plain", open_jacket=False, sleeve=0.5, leg=1.95, skirt=0.0, hem=0.0)
    picture = texture(look).astype(float) / 255
    assert picture.shape == (SIZE, SIZE, 3)

    def near(y, z, colour):  # at a place of the average body's front [m]
        column, row = int((y / 0.7 + 1) / 4 * SIZE), int(z / 1.95 * SIZE)
        return np.abs(picture[row - 4 : row + 4, column - 4 : column + 4].mean(axis=(0, 1)) - colour).max() < 0.1

    assert near(0.0, 1.2, look.top)
    assert near(0.12, 0.6, look.bottom)
    assert near(0.2, 0.05, look.shoes)
    assert near(0.0, 1.6, look.skin)


@pytest.mark.parametrize(
    "change", [{"long_hair": True}, {"skirt": 1.0, "leg": 0.0}, {"long_hair": False, "skirt": 0.0}]
)
def test_clothes_lie_outside_of_the_body(bodies, change):
    body = bodies[0]
    dressed = Dressed(body, replace(sample_look(1), sleeve=1.9, **{"skirt": 0.0, "leg": 1.95, **change}))
    joints = Walk(body.person, straight((0.0, 0.0), (6.0, 0.0)), 1).joints(np.array([1.0, 1.4]))
    vertices, normals = dressed.posed(joints)
    assert np.isfinite(vertices).all()
    assert vertices.shape == (2, len(dressed.uv), 3)
    assert dressed.faces.max() < len(dressed.uv)
    assert (dressed.uv >= 0).all()
    assert (dressed.uv <= 1).all()
    naked = mesh.volume(body.vertices(joints)[0].astype(float), body.faces)
    closed = mesh.volume(vertices[0].astype(float), dressed.faces)
    assert closed > naked * 1.02
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1.0, atol=1e-3)
    around = mesh.vertex_area_vectors(vertices[1].astype(float), dressed.faces)
    lengths = np.linalg.norm(around, axis=1)
    body_only = slice(0, 5000)  # the sheets of hair and skirt have two sides
    alike = (around * normals[1]).sum(axis=1)[body_only] / np.maximum(lengths[body_only], 1e-12)
    assert np.median(alike) > 0.97


def test_hair_covers_the_scalp_and_hands_stay_bare(bodies):
    body = bodies[1]
    dressed = Dressed(body, replace(sample_look(2), hair_depth=0.03))
    joints = Walk(body.person, straight((0.0, 0.0), (6.0, 0.0)), 1).joints(np.array([1.0]))
    bare, clothed = body.vertices(joints)[0], dressed.posed(joints)[0][0]
    place = {part: bare[body.parts == part] for part in (Part.SCALP, Part.HAND)}
    assert clothed[:, 2].max() > place[Part.SCALP][:, 2].max() + 0.015
    gap = np.linalg.norm(place[Part.HAND][:, None] - clothed[None], axis=-1).min(axis=1)
    assert np.median(gap) < 1e-3
