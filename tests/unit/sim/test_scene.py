import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import POPULATION_SEED
from mission_core.sim.scene import BYSTANDER_SEED, SCENES, Scene


@pytest.fixture(scope="module", params=SCENES)
def scene(request):
    return Scene(request.param, seed=3, bystanders=3)


def test_people_have_room_to_walk(scene):
    for piece in scene.pieces:
        low, high = piece.vertices.min(axis=0), piece.vertices.max(axis=0)
        if piece.stands:
            assert low[0] > 9.2 or low[1] > 3.6 or high[1] < -3.6, (low, high)
    for _, joints in scene.people:
        body = joints[0]
        assert body[:, 0].min() > 9.2 or np.abs(body[:, 1]).min() > 3.5


def test_bystanders_are_nobody_who_is_enrolled_or_trained_on(scene):
    seeds = {dressed.body.person.seed for dressed, _ in scene.people}
    assert len(seeds) == 3
    assert min(seeds) >= BYSTANDER_SEED > POPULATION_SEED
    for _, joints in scene.people:
        assert -0.02 < joints[0, :, 2].min() < 0.15


def test_the_room_is_closed_and_lit(scene):
    normals = np.array([piece.normals[0] for piece in scene.pieces if not piece.stands])
    for direction in ((0, 0, 1), (0, 0, -1), (0, -1, 0), (0, 1, 0), (-1, 0, 0)):
        assert (normals @ direction > 0.99).any(), direction
    floor = np.array([[3.0, 0.0, 0.0], [8.0, 2.0, 0.0]])
    light = scene.light.on(floor, np.array([[0.0, 0.0, 1.0]] * 2))
    assert (light > 0.4).all()
    assert (light < 1.8).all()
    up, down = scene.light.on_body(np.array([4.0, 0.0, 1.2]), np.array([[0, 0, 1], [0, 0, -1]], np.float32))
    assert (up > down).all()


def test_seeds_change_the_furnishing():
    first, again, other = (Scene("classroom", seed) for seed in (1, 1, 2))
    assert [piece.vertices.tobytes() for piece in first.pieces] == [piece.vertices.tobytes() for piece in again.pieces]
    assert [piece.texture.tobytes() for piece in first.pieces] != [piece.texture.tobytes() for piece in other.pieces]


def test_furniture_shades_the_floor():
    scene = Scene("hall", seed=1)
    x0, _, y0, y1 = scene._footprints[0]
    beside = np.array([[x0 - 0.05, (y0 + y1) / 2, 0.0], [5.0, 0.0, 0.0]])
    near, free = scene.shade(beside)
    assert near < 0.7 < 0.99 < free


def test_unknown_scenes_are_refused():
    with pytest.raises(ConfigurationError, match="classroom, corridor, hall"):
        Scene("kitchen")
