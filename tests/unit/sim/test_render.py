import os
import subprocess
import sys

import numpy as np
import pytest

from mission_core.calibration import CAMERA_MOUNT
from mission_core.camera.skeleton import Joint
from mission_core.geometry import project, rep103_to_optical, room_to_sensor
from mission_core.sim.body import Body
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.look import Dressed, sample_look
from mission_core.sim.path import straight
from mission_core.sim.raster import Model, draw
from mission_core.sim.render import CAMERA, Renderer, figures
from mission_core.sim.scene import SCENES, Scene
from mission_core.types import CameraModel

SMALL = CameraModel(width=320, height=180, fx=160.0, fy=160.0, cx=160.0, cy=90.0)
TIMES = np.array([0.5, 1.3, 2.1, 2.9])


def dressed(seed, look):
    return Dressed(Body(sample_person(seed)), sample_look(look))


@pytest.fixture(scope="module")
def renderer():
    return Renderer(CAMERA, CAMERA_MOUNT, Scene("corridor", seed=1, bystanders=1), seed=5)


@pytest.fixture(scope="module")
def walkers():
    """Two people who do not hide each other: (dressed, walk)."""
    people = [(dressed(3, 1), ((8.0, 1.2), (2.5, 0.8))), (dressed(5, 2), ((3.0, -1.0), (9.0, -1.5)))]
    return [(who, Walk(who.body.person, straight(*way), 1)) for who, way in people]


def test_a_known_point_projects_where_the_intrinsics_say():
    camera = CameraModel(width=1280, height=720, fx=610.0, fy=655.0, cx=655.3, cy=350.8)
    for place in ((3.0, 0.7, 0.4), (5.0, -2.1, -0.9), (2.0, 0.0, 0.0)):
        corners = np.array(place, np.float32) + np.array([[0, d, e] for d in (-0.02, 0.02) for e in (-0.02, 0.02)])
        model = Model(np.array([[0, 1, 2], [2, 1, 3]], np.int32), np.zeros((4, 2), np.float32), None, flat=True)
        model.place(corners.astype(np.float32), np.full((4, 4), 255, np.uint8))
        rows, columns = np.nonzero(draw([model], camera, (0, 0, 1280, 720), 1)[..., 3])
        centre = np.array([columns.mean(), rows.mean()]) + 0.5
        expected = project(rep103_to_optical(np.array([place])), camera)[0]
        assert np.abs(centre - expected).max() < 1.0


def test_a_region_is_that_part_of_the_picture():
    camera = CAMERA
    model = Model(np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32), None, flat=True)
    model.place(np.array([[4, 1, 0.5], [4, -1, 0.4], [4, 0.2, -1]], np.float32), np.full((3, 4), 200, np.uint8))
    whole = draw([model], camera, (0, 0, 1280, 720), 2).copy()
    part = draw([model], camera, (560, 300, 713, 421), 2)
    assert ((part[..., 3] > 0) == (whole[600:842, 1120:1426, 3] > 0)).mean() > 0.999  # edges may round otherwise


def test_true_joints_fall_on_the_rendered_body(renderer, walkers):
    hits = []
    for frame, time in enumerate(TIMES):
        shot = renderer.shoot([figures(who, walk, np.array([time]))[0] for who, walk in walkers], frame)
        for k, (_, walk) in enumerate(walkers):
            joints = rep103_to_optical(room_to_sensor(walk.joints(np.array([time]))[0], CAMERA_MOUNT))
            columns, rows = np.floor(project(joints, CAMERA)).astype(int).T
            inside = (columns >= 0) & (columns < CAMERA.width) & (rows >= 0) & (rows < CAMERA.height)
            assert inside.mean() > 0.9
            hits.append(shot.mask[rows[inside], columns[inside]] == k + 1)
    assert np.concatenate(hits).mean() > 0.95


def test_mask_and_boxes_agree(renderer, walkers):
    shot = renderer.shoot([figures(who, walk, TIMES[1:2])[0] for who, walk in walkers], 0)
    for k, (left, top, width, height) in enumerate(shot.boxes):
        rows, columns = np.nonzero(shot.mask == k + 1)
        assert len(rows) > 1000
        measured = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(measured - (left, top, left + width, top + height)).max() < 6


def test_people_are_as_tall_in_the_picture_as_in_the_room(renderer, walkers):
    who, walk = walkers[0]
    box = renderer.shoot([figures(who, walk, TIMES[:1])[0]], 0).boxes[0]
    pelvis = walk.joints(TIMES[:1])[0, Joint.PELVIS]
    ends = np.array([[*pelvis[:2], 0.0], [*pelvis[:2], who.body.person.stature]])
    pixels = project(rep103_to_optical(room_to_sensor(ends, CAMERA_MOUNT)), CAMERA)
    assert box[3] == pytest.approx(pixels[0, 1] - pixels[1, 1], rel=0.08)


def test_who_is_nearer_hides_who_is_behind(renderer):
    front, back = dressed(0, 1), dressed(1, 2)
    walks = [Walk(who.body.person, straight((x, 0.0), (x + 3, 0.0)), 1) for who, x in ((front, 3.0), (back, 6.0))]
    pair = [figures(who, walk, TIMES[:1])[0] for who, walk in zip((front, back), walks, strict=True)]
    alone = renderer.shoot(pair[:1], 0).mask
    both = renderer.shoot(pair, 0).mask
    np.testing.assert_array_equal(both == 1, alone == 1)
    swapped = renderer.shoot(pair[::-1], 0).mask
    np.testing.assert_array_equal(swapped == 2, both == 1)


def test_furniture_hides_who_walks_behind_it():
    scene = Scene("corridor", seed=1, bystanders=0)
    renderer = Renderer(SMALL, CAMERA_MOUNT, scene)
    piece = max(
        (piece for piece in scene.pieces if piece.stands and piece.vertices[:, 0].max() < 12),
        key=lambda piece: np.ptp(piece.vertices[:, 2]),
    )
    middle = piece.vertices.mean(axis=0)
    ray = middle[:2] / np.linalg.norm(middle[:2])
    place = middle[:2] + 1.2 * ray
    who = dressed(3, 3)
    walk = Walk(who.body.person, straight(place, place + 3 * ray), 1)
    figure = figures(who, walk, np.array([0.0]))[0]
    seen = (renderer.shoot([figure], 0).mask == 1).sum()
    empty = Renderer(SMALL, CAMERA_MOUNT, Scene("hall", seed=1, bystanders=0))
    free = (empty.shoot([figure], 0).mask == 1).sum()
    assert seen < 0.8 * free


def test_the_same_seed_gives_the_same_picture_and_another_frame_other_noise(renderer, walkers):
    people = [figures(who, walk, TIMES[:1])[0] for who, walk in walkers]
    again = Renderer(CAMERA, CAMERA_MOUNT, Scene("corridor", seed=1, bystanders=1), seed=5)
    np.testing.assert_array_equal(renderer.picture(people, 4), again.picture(people, 4))
    noise = renderer.picture([], 4).astype(int) - renderer.picture([], 5)
    assert 1.0 < noise.std() < 6.0


def test_a_region_shows_what_the_whole_picture_shows(renderer, walkers):
    people = [figures(who, walk, TIMES[1:2])[0] for who, walk in walkers]
    whole = renderer.shoot(people, 2)
    left, top, width, height = whole.boxes[0].astype(int)
    region = (left - 8, top - 8, left + width + 8, top + height + 8)
    part = renderer.shoot(people, 2, region)
    rows, columns = slice(region[1], region[3]), slice(region[0], region[2])
    assert np.abs(part.picture.astype(int) - whole.picture[rows, columns]).mean() < 0.5
    assert (part.mask == whole.mask[rows, columns]).mean() > 0.999


def test_moving_limbs_are_blurred(renderer, walkers):
    who, walk = walkers[0]
    figure = figures(who, walk, TIMES[1:2])[0]
    spread = np.linalg.norm(np.diff(figure.joints, axis=0), axis=-1)
    assert 0.0005 < spread.max() < 0.05


def test_the_floor_is_darker_beneath_people(renderer, walkers):
    who, walk = walkers[0]
    shot = renderer.shoot([figures(who, walk, TIMES[:1])[0]], 0)
    empty = renderer.shoot([], 0).picture.astype(int)
    left, top, width, height = shot.boxes[0].astype(int)
    feet = slice(top + height - 8, top + height + 8), slice(left, left + width)
    around = shot.mask[feet] == 0
    assert (shot.picture[feet][around].astype(int) - empty[feet][around]).mean() < -4


def test_scenes_look_different():
    pictures = [Renderer(SMALL, CAMERA_MOUNT, Scene(name, bystanders=0)).picture([]).astype(int) for name in SCENES]
    for k in range(3):
        assert 60 < pictures[k].mean() < 200
        assert np.abs(pictures[k] - pictures[k - 1]).mean() > 15


def test_people_behind_the_camera_are_not_drawn(renderer, walkers):
    who, _ = walkers[0]
    walk = Walk(who.body.person, straight((-4.0, 0.0), (-2.0, 0.0)), 1)
    shot = renderer.shoot([figures(who, walk, TIMES[:1])[0]], 0)
    assert not shot.mask.any()
    assert not shot.boxes.any()


def test_draws_without_a_display_and_without_opengl():
    code = (
        "import sys; from mission_core.sim.render import *; from mission_core.types import Mount;"
        "p = Renderer(CAMERA, Mount(1.4), Scene('hall', bystanders=0)).picture([]);"
        "maps = open('/proc/self/maps').read(); print(p.shape, p.std() > 10, 'libGL' in maps)"
    )
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout.strip() == "(720, 1280, 3) True False"
    assert run.stderr == ""
