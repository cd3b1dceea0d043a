from functools import cache

import numpy as np
import pytest

from mission_core.calibration import CAMERA_MOUNT
from mission_core.camera.skeleton import Joint
from mission_core.camera.snippet import SNIPPET_FRAMES, crop
from mission_core.geometry import project, rep103_to_optical, room_to_sensor
from mission_core.sim.camera import CAMERA, SimulatedCamera
from mission_core.sim.motion import Route, Walk
from mission_core.sim.people import sample_person
from mission_core.sim.scenario import enrolment_walk
from mission_core.types import ImageArray

STAMP_NS = 1_700_000_000_000_000_000


def straight(
    seed: int, near: tuple[float, float], far: tuple[float, float], looks: int = 1, start: float = 0.0
) -> Walk:
    return Walk(sample_person(seed), Route((near, far)), seed=looks, start=start)


@cache
def empty_room(seed: int, t: float) -> ImageArray:
    return SimulatedCamera([], seed=seed).frame(t, 0).image


def painted(walk: Walk, t: float, seed: int = 5) -> np.ndarray:
    """(H, W) which pixels the walker changes: room, light and noise of the empty room are the same."""
    image = SimulatedCamera([walk], seed=seed).frame(t, 0).image
    return (image != empty_room(seed, t)).any(axis=2)


def test_a_frame_is_what_the_seed_says():
    walk = enrolment_walk("P03", 0)
    frame = SimulatedCamera([walk], seed=2).frame(0.4, STAMP_NS)
    assert frame.stamp_ns == STAMP_NS
    assert frame.camera == CAMERA
    assert frame.image.shape == (720, 1280, 3)
    assert frame.image.dtype == np.uint8
    again = SimulatedCamera([walk], seed=2).frame(0.4, STAMP_NS)
    assert np.array_equal(frame.image, again.image)
    assert frame.bodies is not None
    assert again.bodies is not None
    assert np.array_equal(frame.bodies[0].joints, again.bodies[0].joints)
    assert not np.array_equal(frame.image, SimulatedCamera([walk], seed=3).frame(0.4, STAMP_NS).image)


def test_noise_differs_from_frame_to_frame():
    camera = SimulatedCamera([], seed=1)
    difference = camera.frame(0.0, 0).image.astype(int) - camera.frame(1 / 15, 0).image
    assert 1.0 < difference.std() < 10.0


@pytest.mark.parametrize("person_seed", [0, 3, 11])
@pytest.mark.parametrize("route", [((2.5, 0.0), (5.5, 0.3)), ((3.5, -1.5), (3.5, 1.5))])
def test_projected_joints_fall_on_the_painted_body(person_seed: int, route: tuple[tuple[float, float], ...]):
    walk = straight(person_seed, *route, looks=person_seed + 70)
    for t in (0.4, 1.2):
        body = painted(walk, t)
        joints = rep103_to_optical(room_to_sensor(walk.joints(np.array([t]))[0], CAMERA_MOUNT))
        columns, rows = np.round(project(joints, CAMERA)).astype(int).T
        # a neighbourhood of one pixel, since a painted pixel may by chance have the value of the room behind
        on_body = [
            body[row - 1 : row + 2, column - 1 : column + 2].any() for row, column in zip(rows, columns, strict=True)
        ]
        missed = [Joint(index).name for index in np.flatnonzero(~np.array(on_body))]
        assert not missed


def test_nothing_is_painted_outside_the_box_but_the_shadow():
    walk = enrolment_walk("P01", 0)
    body = painted(walk, 0.6)
    frame = SimulatedCamera([walk], seed=5).frame(0.6, 0)
    assert frame.bodies is not None
    x, y, width, height = frame.bodies[0].box
    above = body[: round(y + 0.75 * height)]
    rows, columns = np.nonzero(above)
    assert rows.min() == pytest.approx(y, abs=2.5)
    assert columns.min() >= x - 2
    assert columns.max() <= x + width + 2
    assert 0.3 < above.sum() / (0.75 * width * height) < 0.9  # a filled shape, neither a stick figure nor a slab


def test_size_falls_with_distance():
    heights = {}
    for distance in (2.5, 5.0):
        walk = straight(4, (distance, -2.0), (distance, 2.0))
        camera = SimulatedCamera([walk])
        seen = [camera.frame(t, 0).bodies for t in np.arange(0.0, 6.0, 0.5)]
        heights[distance] = np.median([bodies[0].box[3] for bodies in seen if bodies])
    assert heights[2.5] / heights[5.0] == pytest.approx(2.0, rel=0.1)


def test_bodies_are_the_walkers_joints_with_a_sensors_noise():
    walk = enrolment_walk("P05", 1)
    camera = SimulatedCamera([walk], seed=1)
    errors = []
    for t in np.arange(10) / 15:
        frame = camera.frame(float(t), 0)
        assert frame.bodies is not None
        body = frame.bodies[0]
        truth = rep103_to_optical(room_to_sensor(walk.joints(np.array([t]))[0], CAMERA_MOUNT))
        errors.append(body.joints - truth)
        assert body.confidence.dtype == np.uint8
        assert (body.confidence == 2).all()
    assert np.std(errors) == pytest.approx(0.01, rel=0.15)
    assert abs(np.mean(errors)) < 0.002


def test_a_nearer_person_hides_another_whatever_the_order():
    near, far = straight(1, (2.5, -0.3), (2.5, 0.3), looks=1), straight(2, (5.0, -0.6), (5.0, 0.6), looks=2)
    frames = [SimulatedCamera(walks, seed=1).frame(0.2, 0) for walks in ([near, far], [far, near])]
    assert np.array_equal(frames[0].image, frames[1].image)
    alone = SimulatedCamera([near], seed=1).frame(0.2, 0)
    assert alone.bodies is not None
    assert frames[0].bodies is not None
    x, y, width, height = alone.bodies[0].box.astype(int)
    chest = np.s_[y + height // 4 : y + height // 3, x + width // 2 - 5 : x + width // 2 + 5]
    assert np.array_equal(frames[0].image[chest], alone.image[chest])
    hidden = frames[0].bodies[1].confidence
    assert (hidden == 1).mean() > 0.5  # joints behind the nearer person are guessed


@pytest.mark.parametrize("x", [-3.0, 0.2])
def test_who_is_not_before_the_camera_is_not_seen(x: float):
    camera = SimulatedCamera([straight(3, (x, -0.5), (x, 0.5))], seed=5)
    frame = camera.frame(0.5, 0)
    assert frame.bodies == ()
    assert np.array_equal(frame.image, empty_room(5, 0.5))
    assert camera.snippet(0.5) is None


def test_who_leaves_the_picture_makes_no_snippet():
    camera = SimulatedCamera([straight(3, (2.0, -4.0), (2.0, 4.0))])
    snippets = [camera.snippet(start) for start in np.arange(0.0, 10.0, 2.0)]
    assert any(snippet is None for snippet in snippets)


def test_a_snippet_shows_the_same_pixels_as_the_frames():
    walks = [enrolment_walk("P03", 1), straight(8, (2.2, -1.0), (6.0, 1.0))]
    camera = SimulatedCamera(walks, seed=9)
    snippet = camera.snippet(1.0, walker=0, stamp_ns=STAMP_NS)
    assert snippet is not None
    assert (snippet.stamps_ns == STAMP_NS + np.arange(SNIPPET_FRAMES) * 100_000_000).all()
    for number in (0, 3, 12):  # 15 fps has no picture at a tenth of a second: the nearest stands in
        frame = camera.frame(round((1.0 + number / 10) * 15) / 15, 0)
        assert frame.bodies is not None
        assert np.array_equal(snippet.crops[number], crop(frame.image, frame.bodies[0].box))


def test_a_snippet_tells_where_and_how_tall():
    walk = straight(6, (3.0, -0.5), (5.0, 0.5), start=0.5)
    snippet = SimulatedCamera([walk]).snippet(0.0)
    assert snippet is not None
    pelvis = walk.joints(np.arange(SNIPPET_FRAMES) / 10)[:, Joint.PELVIS]
    assert np.abs(snippet.geometry[:, 0] - pelvis[:, 1]).max() < 0.2
    assert np.abs(snippet.geometry[:, 1] - pelvis[:, 0]).max() < 0.6  # the nearer sole is up to half a step ahead
    assert np.median(snippet.geometry[:, 2]) == pytest.approx(walk.person.stature, rel=0.08)


def test_clothes_tell_the_walk_and_not_the_person():
    def shirt(person_seed: int, looks: int) -> np.ndarray:
        walk = straight(person_seed, (3.0, -0.5), (4.0, -0.5), looks=looks)
        snippet = SimulatedCamera([walk], seed=1).snippet(0.5)
        assert snippet is not None
        return snippet.crops[:, 30:36, 30:34].mean(axis=(0, 1, 2))

    same_walk = np.abs(shirt(1, looks=31) - shirt(2, looks=31)).max()
    same_person = [np.abs(shirt(1, looks=31) - shirt(1, looks=looks)).max() for looks in (32, 33, 34)]
    assert same_walk < 20 < min(same_person)
