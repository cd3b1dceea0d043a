from dataclasses import replace

import numpy as np
import pytest

from mission_core.camera.people import LOST_AFTER_NS, PeopleDetector, PersonFollower, overlap, touches_border
from mission_core.sim.rooms import enrolment
from mission_core.sim.view import CameraView
from mission_core.types import Body, CameraFrame

LARGE = np.array([100, 20, 60, 140], np.float32)
SMALL = np.array([220, 60, 30, 80], np.float32)
FRAME_NS = 66_666_667


def moved(box: np.ndarray, pixels: float) -> np.ndarray:
    return box + np.array([pixels, 0, 0, 0], np.float32)


def test_tracked_bodies_are_taken_as_they_are_largest_first():
    def body(box: np.ndarray) -> Body:
        return Body(1, np.zeros((32, 3), np.float32), np.full(32, 2, np.uint8), box)

    frame = CameraFrame(0, np.zeros((180, 320, 3), np.uint8), None, (body(SMALL), body(np.zeros(4)), body(LARGE)))
    boxes = PeopleDetector().find(frame)
    assert [box.tolist() for box in boxes] == [LARGE.tolist(), SMALL.tolist()]


@pytest.mark.parametrize("person_id", ["P03", "P06"])
def test_a_walker_is_found_in_the_picture_alone(person_id: str):
    camera, detector = CameraView(enrolment(person_id, 2)), PeopleDetector()
    overlaps = []
    for k in range(30):
        frame = camera.frame(k / 15, 0)
        assert frame.bodies
        boxes = detector.find(replace(frame, bodies=None))
        overlaps.append(max((overlap(box, frame.bodies[0].box) for box in boxes), default=0.0))
    found = np.array(overlaps[10:])  # a scan or two until they are known to move
    assert (found > 0.3).mean() > 0.8
    assert np.median(found[found > 0]) > 0.5


def test_nobody_is_found_in_an_empty_room():
    nobody = replace(enrolment("P00", 4), motions=(), seeds=(), angles_deg=())
    camera, detector = CameraView(nobody), PeopleDetector()
    assert not any(detector.find(replace(camera.frame(k / 15, 0), bodies=None)) for k in range(20))


def test_the_follower_stays_with_whom_it_began():
    follower = PersonFollower()
    assert follower.step(0, [LARGE, SMALL]) is LARGE
    step, bigger = moved(LARGE, 8), np.array([200, 0, 100, 180], np.float32)
    assert follower.step(FRAME_NS, [bigger, step]) is step
    assert follower.step(2 * FRAME_NS, [bigger]) is None
    back = moved(LARGE, 16)
    assert follower.step(3 * FRAME_NS, [bigger, back]) is back


def test_once_lost_the_follower_starts_again_only_when_one_person_is_alone():
    follower = PersonFollower()
    follower.step(0, [LARGE])
    late = LOST_AFTER_NS + 1
    assert follower.step(late, [moved(LARGE, 100), SMALL]) is None
    assert follower.step(late + FRAME_NS, [SMALL]) is SMALL


def test_overlap_is_intersection_over_union():
    assert overlap(LARGE, LARGE) == pytest.approx(1.0)
    assert overlap(LARGE, moved(LARGE, 30)) == pytest.approx(1 / 3)
    assert overlap(LARGE, SMALL) == 0.0
    assert overlap(np.zeros(4), np.zeros(4)) == 0.0


@pytest.mark.parametrize(
    ("box", "cut"),
    [((10, 10, 50, 100), False), ((0, 10, 50, 100), True), ((280, 10, 40, 100), True), ((10, 90, 50, 90), True)],
)
def test_a_box_at_the_border_is_cut(box: tuple[int, ...], cut: bool):
    assert touches_border(np.array(box, np.float32), width=320, height=180) is cut
