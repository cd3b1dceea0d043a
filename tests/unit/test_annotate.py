import numpy as np
import pytest

from mission_core.annotate import annotate, colour, draw_box, draw_skeleton, ranking_text
from mission_core.types import Body, CameraFrame, CameraModel, Candidate, Ranking

CAMERA = CameraModel(320, 240, fx=200.0, fy=200.0, cx=160.0, cy=120.0)


def make_body(joints: np.ndarray | None = None, confidence: int = 2) -> Body:
    """A stick: all joints on the optical axis line x = 0, from 0.5 m above to 0.5 m below it, 2 m away."""
    if joints is None:
        joints = np.zeros((32, 3), np.float32)
        joints[:, 1] = np.linspace(-0.5, 0.5, 32)
        joints[:, 2] = 2.0
    return Body(4, joints, np.full(32, confidence, np.uint8), np.array([50, 60, 40, 100], np.float32))


def blank() -> np.ndarray:
    return np.zeros((240, 320, 3), np.uint8)


@pytest.mark.parametrize(
    ("candidates", "unknown", "expected"),
    [
        ((Candidate("P03", 0.874, "c", 0.1), Candidate("P07", 0.05, "d", 0.4)), 0.076, "P03 87 %"),
        ((Candidate("P03", 0.3, "c", 0.1),), 0.7, "unknown 70 %"),
        ((), 1.0, "?"),
    ],
)
def test_ranking_text(candidates, unknown, expected) -> None:
    assert ranking_text(Ranking(1, candidates, unknown, 20)) == expected


def test_ranking_text_before_the_first_ranking() -> None:
    assert ranking_text(None) == "?"


def test_colours_repeat_and_stay_in_range() -> None:
    assert colour(0) == colour(9)
    assert all(0.0 <= value <= 1.0 for number in range(9) for value in colour(number))
    assert len({colour(number) for number in range(9)}) == 9


def test_annotate_leaves_the_picture_alone() -> None:
    picture = blank()
    drawn = annotate(CameraFrame(0, picture, CAMERA, (make_body(),)), ["track 1: P03 87 %"])
    assert not picture.any()
    assert drawn.shape == picture.shape
    assert drawn.any()


def test_annotate_without_people_draws_nothing() -> None:
    for bodies in ((), None):
        assert not annotate(CameraFrame(0, blank(), CAMERA, bodies)).any()


def test_a_skeleton_lies_where_its_joints_project() -> None:
    picture = blank()
    draw_skeleton(picture, make_body(), CAMERA)
    rows, columns = np.nonzero(picture.any(axis=2))
    # half a metre at 2 m and f = 200 pixels is 50 pixels from the principal point; the pen is a few pixels wide
    assert abs(rows.min() - 70) <= 3
    assert abs(rows.max() - 170) <= 3
    assert abs(columns.min() - 160) <= 3
    assert abs(columns.max() - 160) <= 3


def test_joints_without_confidence_are_not_drawn() -> None:
    picture = blank()
    draw_skeleton(picture, make_body(confidence=0), CAMERA)
    assert not picture.any()


def test_joints_behind_or_far_beside_the_camera_do_no_harm() -> None:
    joints = make_body().joints.copy()
    joints[::2, 2] = -1.0
    joints[1::2] = (1e7, 1e7, 0.2)
    picture = blank()
    draw_skeleton(picture, make_body(joints), CAMERA)
    draw_skeleton(picture, make_body(np.full((32, 3), np.nan, np.float32)), CAMERA)
    assert not picture.any()


def test_without_intrinsics_boxes_are_still_drawn() -> None:
    drawn = annotate(CameraFrame(0, blank(), None, (make_body(),)))
    assert drawn[160, 50].any()  # the lower left corner of the box
    assert not drawn[70, 160].any()  # the head of the skeleton


def test_a_box_without_area_is_not_drawn() -> None:
    picture = blank()
    draw_box(picture, np.zeros(4, np.float32), "body", colour(1))
    assert not picture.any()


def test_a_read_only_picture_can_be_annotated() -> None:
    picture = blank()[:, ::-1]
    picture.flags.writeable = False
    assert annotate(CameraFrame(0, picture, CAMERA, (make_body(),))).any()
