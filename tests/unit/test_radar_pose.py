"""Pose from radar points: takes, splits, estimates and errors on small made-up people, and a glance at real ones."""

import numpy as np
import pytest
import torch

from mission_core.data.real import Recording, load_mars, mars_files
from mission_core.errors import ConfigurationError
from mission_core.models.reid.configuration import ReidConfig
from mission_core.radar_pose import (
    JOINTS,
    RADAR_HEIGHT,
    Budget,
    PoseNetwork,
    Take,
    Variant,
    fit,
    in_time_order,
    mean_pose,
    measure,
    origin,
    pose_error,
    predict,
    takes_of,
    without_person,
)
from mission_core.types import Column

POINTS = 6
SKELETON = np.array([[0.0, 0.0, 0.9], [0.0, 0.0, 1.5], [0.0, 0.4, 1.2]], np.float32)  # pelvis, head, hand


def make_take(person="a", part="train", frames=20, seed=0) -> Take:
    """A person who sways to the side, seen by points around the middle, and whose hand follows the Doppler."""
    rng = np.random.default_rng(seed)
    points = np.zeros((frames, POINTS, 5), np.float32)
    place = np.column_stack((np.full(frames, 2.0), rng.uniform(-0.5, 0.5, frames))).astype(np.float32)
    speed = rng.uniform(-1, 1, frames).astype(np.float32)
    points[..., :2] = place[:, None] + rng.normal(0, 0.02, (frames, POINTS, 2))
    points[..., 2:] = np.stack((np.ones(frames), np.full(frames, 15.0), speed), axis=-1)[:, None]
    joints = np.repeat(SKELETON[None], frames, axis=0)
    joints[..., :2] += place[:, None]
    joints[:, 2, 2] += 0.3 * speed
    return Take(person, part, points, np.ones(points.shape[:2], bool), joints)


def recording(stamps, counts, joints=True) -> Recording:
    """Frames whose points have intensities 1, 10, 100, ..."""
    frames = tuple(np.full((count, 6), 0.5, np.float32) for count in counts)
    intensities = tuple(10.0 ** np.arange(count, dtype=np.float32) for count in counts)
    bodies = np.zeros((len(counts), 25, 3), np.float32) + np.arange(25, dtype=np.float32)[:, None]
    return Recording("r", np.asarray(stamps, float), frames, intensities, joints=bodies if joints else None)


def test_errors_are_in_centimetres_by_axis():
    joints = np.zeros((2, 3, 3), np.float32)
    error = pose_error(joints + np.array([0.03, -0.04, 0.12], np.float32), joints)
    assert (error.depth, error.lateral, error.height) == pytest.approx((3.0, 4.0, 12.0), abs=1e-4)
    assert error.axes == pytest.approx(19 / 3, abs=1e-4)
    assert error.distance == pytest.approx(13.0, abs=1e-4)
    assert error.shape == pytest.approx(0.0, abs=1e-4)  # the whole body is moved, the pose is right


def test_a_wrong_limb_is_an_error_of_shape():
    joints = np.zeros((1, 2, 3), np.float32)
    predicted = joints.copy()
    predicted[0, 1, 2] = 0.1
    assert pose_error(predicted, joints).shape == pytest.approx(5.0)
    predicted[0, 0, 2] = 0.1  # now the pelvis is off as well, and the pose is right
    assert pose_error(predicted, joints).shape == pytest.approx(0.0)


def test_a_recording_is_cut_where_time_jumps():
    takes = takes_of(recording([0.0, 0.1, 0.4, 9.0, 9.1, 2.0], [1] * 6), "a", "test", POINTS)
    assert [len(take) for take in takes] == [3, 2, 1]
    assert {(take.person, take.part) for take in takes} == {("a", "test")}


def test_the_strongest_points_are_kept_in_decibels_above_the_floor():
    (take,) = takes_of(recording([0.0, 0.1], [8, 2]), "a", "test", POINTS)
    np.testing.assert_allclose(take.points[0, :, 3], [70, 60, 50, 40, 30, 20], atol=1e-4)
    np.testing.assert_allclose(take.points[0, :, 2], 0.5 + RADAR_HEIGHT)
    assert take.present.sum(axis=1).tolist() == [6, 2]
    assert not take.points[1, 2:].any()
    np.testing.assert_allclose(take.joints[0, :, 2], np.array(JOINTS) + RADAR_HEIGHT)


def test_a_recording_without_joints_is_refused():
    with pytest.raises(ConfigurationError, match="no joints"):
        takes_of(recording([0.0], [1], joints=False), "a", "test", POINTS)


def people(split_part):
    return {take.person for take in split_part}


def test_nobody_of_the_test_is_learnt_from_or_chosen_on():
    takes = [make_take(person, part) for person in "abc" for part in ("train", "test")]
    for person in "abc":
        split = without_person(takes, person)
        assert people(split.test) == {person}
        assert not people(split.learn) & people(split.validation)
        assert people(split.learn) | people(split.validation) == set("abc") - {person}


def test_with_one_other_person_the_tails_of_their_takes_are_chosen_on():
    takes = [make_take("a"), make_take("b", frames=20), make_take("b", frames=8), make_take("b", frames=1)]
    split = without_person(takes, "a")
    assert [len(take) for take in split.learn] == [15, 6]
    assert [len(take) for take in split.validation] == [5, 2]
    np.testing.assert_array_equal(split.validation[0].joints, takes[1].joints[15:])
    with pytest.raises(ConfigurationError, match="somebody else"):
        without_person(takes[:1], "a")


def test_in_time_order_everybody_is_known_and_the_last_part_is_tested():
    takes = [make_take(person, part) for person in "ab" for part in ("train", "validate", "test")]
    split = in_time_order(takes)
    assert {take.part for take in split.test} == {"test"}
    assert {take.part for take in (*split.learn, *split.validation)} == {"train", "validate"}
    assert people(split.learn) == people(split.test)
    with pytest.raises(ConfigurationError, match="earlier part"):
        in_time_order(takes[2:3])


def test_the_mean_pose_follows_the_cloud_or_stays():
    takes = [make_take(seed=seed) for seed in range(3)]
    still, moved = (mean_pose(takes, Variant(1, relative)) for relative in (False, True))
    assert still(takes[0])[:, 0, 1].std() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(moved(takes[0])[:, 0, :2], takes[0].joints[:, 0, :2], atol=0.05)
    assert measure(takes, moved).lateral < 3 < measure(takes, still).lateral


def test_the_origin_is_the_middle_of_what_is_there():
    points = torch.zeros(2, 1, 3, 5)
    points[0, 0, :, 0] = torch.tensor([1.0, 2.0, 9.0])
    present = torch.tensor([[[True, True, True]], [[False, False, False]]])
    place = torch.tensor([5.0, 6.0])
    found = origin(points, present, True, place)
    assert found[0].flatten().tolist() == [2.0, 0.0, 0.0]
    assert found[1].flatten().tolist() == [5.0, 6.0, 0.0]  # nothing was seen
    assert origin(points, present, False, place)[:, 0, 0].tolist() == [[5.0, 6.0, 0.0]] * 2


@pytest.mark.parametrize("window", [1, 8, 64])
def test_every_frame_is_estimated_by_windows_of_any_length(window):
    take = make_take(frames=19)
    torch.manual_seed(0)
    network = PoseNetwork(ReidConfig(), mean_pose([take], Variant(window, True))).eval()
    assert predict(network, take).shape == take.joints.shape
    alone = predict(network, take.frames(0, 1))
    if window == 1:
        np.testing.assert_allclose(predict(network, take)[:1], alone, atol=1e-5)


def test_absent_points_change_nothing():
    take = make_take(frames=4)
    take.present[:, 3:] = False
    torch.manual_seed(0)
    network = PoseNetwork(ReidConfig(), mean_pose([take], Variant(4, True))).eval()
    before = predict(network, take)
    take.points[:, 3:] = 1e3
    np.testing.assert_array_equal(predict(network, take), before)


def test_relative_estimates_move_with_the_person():
    take = make_take(frames=8)
    torch.manual_seed(0)
    network = PoseNetwork(ReidConfig(), mean_pose([take], Variant(8, True))).eval()
    before = predict(network, take)
    take.points[..., 0] += 1.0
    np.testing.assert_allclose(predict(network, take), before + np.array([1.0, 0.0, 0.0]), atol=1e-4)


def test_training_finds_what_the_points_tell():
    learn, test = [make_take(seed=seed, frames=40) for seed in range(4)], [make_take(seed=9)]
    steps: list[int] = []
    variant, budget = Variant(2, True), Budget(steps=60, frames=64, learning_rate=5e-3)
    network = fit(learn, variant, budget, 0, steps.append)
    assert steps == list(range(1, 61))
    trained = measure(test, lambda take: predict(network, take))
    assert trained.height < 0.7 * measure(test, mean_pose(learn, variant)).height  # the hand follows the Doppler


def test_training_repeats_itself():
    learn, budget = [make_take(frames=10)], Budget(steps=2, frames=8)
    one, same, other = (predict(fit(learn, Variant(2, False), budget, seed), learn[0]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3
    with pytest.raises(ConfigurationError, match="64 frames"):
        fit(learn, Variant(64, True), budget, 0)


def test_real_people_stand_where_their_points_are(mission_data):
    (radar, kinect), *_ = mars_files(mission_data)
    takes = takes_of(load_mars(radar, kinect), "somebody", "test", 64)
    assert len(takes) == 10  # movements
    assert 1.5 < np.median(takes[0].points[takes[0].present][:, Column.X]) < 2.5
    everywhere = measure(takes, mean_pose(takes[:5], Variant(8, True)))
    assert everywhere.depth < 10
    feet, head = takes[0].joints[..., 2].min(), takes[0].joints[..., 2].max()
    assert -0.2 < feet < 0.4
    assert 1.3 < head < 2.1
