from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from sample_walkers import SNIPPET, walkers

from mission_core.camera.snippet import SNIPPET_FRAMES
from mission_core.data.takes import TakeList
from mission_core.evaluation.joints import JointPair, joint_errors, joint_pairs
from mission_core.evaluation.protocols import Given, conditions
from mission_core.losses import POSE_JOINTS
from mission_core.models.reid.processing import RadarClip
from mission_core.types import Float32Array, Snippet

FRAMES = 30  # more than a walk has: clips begin with frames that do not exist


@pytest.fixture(scope="module")
def takes() -> TakeList:
    """Walkers whose joints are all where their number says."""
    plain = walkers(people=4, walks=8)
    return TakeList(
        replace(take, joints=take.joints + 0.1 * take.info.person_seed)
        for take in (plain.take(info.take_id) for info in plain.infos)
    )


@pytest.fixture(scope="module")
def pairs(takes: TakeList) -> list[JointPair]:
    (closed,) = conditions("closed", Given(takes.infos, 0, 3.0))
    return joint_pairs(takes, closed, (FRAMES, 8), 10.0, 3.0)


def told(pairs: Sequence[JointPair], offset: float):
    """A teller that errs by as much along x, in frames that exist; elsewhere it tells anything."""
    answers = iter(pairs)

    def tell(clips: Sequence[RadarClip], snippets: Sequence[Snippet]) -> tuple[Float32Array, Float32Array]:
        own = [next(answers) for _ in clips]
        radar, camera = (np.stack([getattr(p, f"{side}_joints") for p in own]).copy() for side in ("radar", "camera"))
        for joints, clip in zip(radar, clips, strict=True):
            joints[clip.frames, :, 0] += offset
            joints[~clip.frames] = 100.0
        camera[..., 0] += 2 * offset
        return radar, camera

    return tell


def test_pairs_are_of_one_person_and_know_the_joints(pairs: list[JointPair]) -> None:
    assert SNIPPET == SNIPPET_FRAMES
    assert len({pair.person_id for pair in pairs}) == 4
    for pair in pairs:
        number = int(pair.person_id[1:])
        np.testing.assert_allclose(pair.camera_joints, 0.1 * number, rtol=1e-6)
        np.testing.assert_allclose(pair.radar_joints[pair.clip.frames], 0.1 * number, rtol=1e-6)
        assert pair.clip.frames.sum() == 24
        assert pair.snippet.crops[0, 0, 0, 0] == 10 * number


def test_the_enrolled_clips_of_a_person_take_turns(pairs: list[JointPair]) -> None:
    walks = [pair.snippet.geometry[0, 0] for pair in pairs if pair.person_id == "P01"]
    assert len(set(walks)) > 1


def test_error_is_the_mean_distance_in_centimetres_where_there_are_frames(pairs: list[JointPair]) -> None:
    errors = joint_errors(pairs, told(pairs, 0.05))
    assert errors.pairs == len(pairs)
    assert errors.radar is not None
    assert errors.camera is not None
    assert errors.radar.value == pytest.approx(5.0, rel=1e-4)
    assert errors.camera.value == pytest.approx(10.0, rel=1e-4)
    assert errors.radar.low == pytest.approx(5.0, rel=1e-4)  # everybody errs alike


def test_joints_that_carry_no_gait_do_not_count(pairs: list[JointPair]) -> None:
    left_out = [joint for joint in range(32) if joint not in POSE_JOINTS]
    exact = told(pairs, 0.0)

    def tell(clips: Sequence[RadarClip], snippets: Sequence[Snippet]):
        radar, _ = exact(clips, snippets)
        radar[:, :, left_out] += 9.0
        return radar, None

    errors = joint_errors(pairs, tell)
    assert errors.radar is not None
    assert errors.radar.value == pytest.approx(0.0, abs=1e-4)
    assert errors.camera is None


def test_takes_that_tell_no_joints_are_left_out(takes: TakeList) -> None:
    silent = [info.take_id for info in takes.infos if info.person_id == "P01" and info.sensor == "camera"]
    partly = TakeList(
        replace(take, joints=take.joints * np.nan) if take.info.take_id in silent else take
        for take in (takes.take(info.take_id) for info in takes.infos)
    )
    (closed,) = conditions("closed", Given(partly.infos, 0, 3.0))
    assert {pair.person_id for pair in joint_pairs(partly, closed, (FRAMES, 8), 10.0, 3.0)} == {"P00", "P02", "P03"}
