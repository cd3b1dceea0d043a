from dataclasses import replace

import cv2
import numpy as np
import pytest

from mission_core.camera.snippet import box_geometry, crop
from mission_core.geometry import project, rep103_to_optical, room_to_sensor
from mission_core.paths import share_directory
from mission_core.radar.profile import load_profile
from mission_core.sim import rooms
from mission_core.sim.view import CameraView, RadarView
from mission_core.types import NUM_JOINTS

PEOPLE = [rooms.person("P03"), rooms.person("P21")]
PROFILE = load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")


@pytest.fixture(scope="module")
def crossing() -> rooms.Scenario:
    return rooms.two(PEOPLE, "camera", np.random.default_rng(8), scene="hall", crossing=True)


@pytest.fixture(scope="module")
def view(crossing: rooms.Scenario) -> CameraView:
    return CameraView(crossing)


def pixels(view: CameraView, index: int, t: float) -> np.ndarray:
    joints = view.scenario.motions[index].joints(np.array([t]))[0]
    return project(rep103_to_optical(room_to_sensor(joints, view.mount)), view.camera)


def test_a_frame_shows_the_people_and_their_skeletons(view: CameraView) -> None:
    frame = view.frame(1.0, 123)
    assert frame.stamp_ns == 123
    assert frame.image.shape == (720, 1280, 3)
    assert [body.body_id for body in frame.bodies] == [1, 2]
    for index, body in enumerate(frame.bodies):
        x, y, width, height = body.box
        inside = pixels(view, index, 1.0)
        assert (inside[:, 0] > x - 6).all()
        assert (inside[:, 0] < x + width + 6).all()
        assert (inside[:, 1] > y - 6).all()
        assert (inside[:, 1] < y + height + 6).all()
        seen = project(body.joints, view.camera)
        assert 0.2 < np.linalg.norm(seen - inside, axis=1).mean() < 15.0  # a tracker's error, not more
        assert body.joints.shape == (NUM_JOINTS, 3)


def test_the_same_frame_is_the_same_picture_and_the_next_one_another(view: CameraView, crossing) -> None:
    again = CameraView(crossing).frame(1.0, 0)
    np.testing.assert_array_equal(view.frame(1.0, 0).image, again.image)
    assert not np.array_equal(view.frame(1.0 + 1 / 15, 0).image, again.image)


@pytest.mark.parametrize("index", [0, 1])
def test_a_sight_is_cut_out_of_the_very_picture(view: CameraView, index: int) -> None:
    t = 14 / 15
    sight, frame = view.sight(index, t), view.frame(t, 0)
    assert sight is not None
    np.testing.assert_allclose(sight.box, frame.bodies[index].box, atol=1e-3)
    expected = crop(frame.image, sight.box)
    difference = np.abs(sight.crop.astype(int) - expected)
    assert difference.mean() < 0.5
    np.testing.assert_array_equal(sight.geometry, box_geometry(sight.box, view.camera, view.mount))
    assert sight.whole


def test_a_body_tracker_guesses_what_is_hidden(view: CameraView, crossing) -> None:
    confidences = np.stack(
        [[body.confidence for body in view.frame(t, 0).bodies] for t in np.arange(0.5, crossing.duration, 0.2).tolist()]
    )
    assert set(np.unique(confidences)) == {1, 2}
    assert (confidences == 2).mean() > 0.6


def test_the_mask_is_the_person(view: CameraView) -> None:
    sight = view.sight(0, 1.0)
    assert set(np.unique(sight.mask)) == {0, 255}
    assert 0.1 < (sight.mask > 0).mean() < 0.5
    rows = np.flatnonzero((sight.mask > 0).any(axis=1))
    assert len(rows) > 88  # from head to foot
    body = sight.mask > 0
    edge = cv2.dilate(body.astype(np.uint8), np.ones((9, 9))).astype(bool) & ~cv2.dilate(
        body.astype(np.uint8), np.ones((3, 3))
    ).astype(bool)
    inside, around = sight.crop[body].mean(axis=0), sight.crop[edge].mean(axis=0)
    assert np.abs(inside - around).max() > 10  # clothes and background differ


def test_who_walks_behind_somebody_is_hidden_for_a_while(view: CameraView, crossing) -> None:
    times = np.arange(0.0, crossing.duration, 0.1)
    shares = np.array([[view.sight(index, t).visible for t in times.tolist()] for index in (0, 1)])
    assert shares.max() == 1.0
    assert shares.min() < 0.9
    joints = np.stack([motion.joints(times)[:, 0, 0] for motion in crossing.motions])
    worst, moment = np.unravel_index(shares.argmin(), shares.shape)
    assert joints[worst, moment] > joints[1 - worst, moment]  # it is the one farther away


def test_somebody_cut_by_the_border_is_not_whole() -> None:
    scenario = rooms.alone(PEOPLE[0], "camera", np.random.default_rng(1), angle_deg=0.0, scene="hall")
    moved = replace(scenario, motions=(_Aside(scenario.motions[0]),))
    sight = CameraView(moved).sight(0, 0.5 * scenario.duration)
    assert sight is None or not sight.whole


class _Aside:
    """A motion moved to where the picture ends."""

    def __init__(self, motion) -> None:
        self.person, self.duration, self._motion = motion.person, motion.duration, motion

    def joints(self, t: np.ndarray) -> np.ndarray:
        joints = self._motion.joints(t)
        return joints + np.array([0.0, 1.02 * joints[0, 0, 0], 0.0])


def test_an_empty_room_has_nobody_in_it() -> None:
    scenario = rooms.alone(PEOPLE[0], "camera", np.random.default_rng(1), angle_deg=0.0, scene="hall")
    empty = replace(scenario, motions=(), seeds=(), angles_deg=())
    frame = CameraView(empty).frame(0.0, 0)
    assert frame.bodies == ()
    assert frame.image.std() > 5


def test_clothes_change_from_walk_to_walk() -> None:
    colours = []
    for seed in range(3):
        scenario = rooms.alone(PEOPLE[0], "camera", np.random.default_rng(seed), angle_deg=0.0, scene="hall")
        sight = CameraView(scenario).sight(0, 0.5 * scenario.duration)
        assert sight is not None
        colours.append(sight.crop[sight.mask > 0].mean(axis=0))
    assert min(np.abs(colours[i] - colours[j]).max() for i, j in ((0, 1), (0, 2), (1, 2))) > 5


def test_the_radar_sees_people_where_they_are() -> None:
    scenario = rooms.alone(PEOPLE[0], "radar", np.random.default_rng(1), angle_deg=0.0, scene="hall")
    radar = RadarView(scenario, PROFILE)
    t = 0.5 * scenario.duration
    truth = scenario.motions[0].joints(np.array([t]))[0]
    targets = radar.targets(t)
    assert np.abs(targets.positions[:, 0] - truth[0, 0]).max() < 1.0
    points = radar.observe(t).points
    assert len(points) > 3
    assert np.abs(np.median(points[:, 0]) - truth[0, 0]) < 0.4


def test_people_are_enrolled_one_after_the_other_in_one_place() -> None:
    first, other = (CameraView(rooms.enrolment(person, 1)) for person in ("P00", "P04"))
    assert first._renderer is other._renderer
    nobody = replace(rooms.enrolment("P00", 1), motions=(), seeds=(), angles_deg=())
    assert CameraView(nobody)._renderer is not first._renderer  # without bystanders
    alone = first.frame(2.0, 0).image
    other.frame(2.0, 0)
    np.testing.assert_array_equal(first.frame(2.0, 0).image, alone)
