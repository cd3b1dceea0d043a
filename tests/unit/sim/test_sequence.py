import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mission_core.camera.skeleton import JOINT_NAMES, Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight, velocities
from mission_core.sim.sequence import bone_lengths, load_sequence, sole_heights

FPS = 30.0


def recorded(seed: int = 3, number: int = 0, seconds: float = 3.0, rate: float = FPS, **changes: Any) -> dict[str, Any]:
    """The content of a file: a simulated walker of our own joints, for the tests to change."""
    walk = Walk(sample_person(seed), straight((6.0, 0.5), (1.0, 0.5)), number)
    joints = walk.joints(0.3 + np.arange(round(seconds * rate)) / rate)
    content = {"joints": joints.astype(np.float32), "names": np.array(JOINT_NAMES), "fps": rate}
    return {**content, "person": f"volunteer {seed}", "take": f"walk {number}", **changes}


@pytest.fixture
def saved(tmp_path: Path):
    def save(**changes: Any) -> Path:
        np.savez(tmp_path / "take.npz", **recorded(**changes))
        return tmp_path / "take.npz"

    return save


def test_the_motion_goes_through_the_recorded_joints(saved) -> None:
    motion = load_sequence(saved())
    truth = recorded()["joints"]
    assert motion.person.person_id == "volunteer 3"
    assert motion.take == "walk 0"
    assert motion.duration == pytest.approx(89 / FPS)
    found = motion.joints(np.arange(90) / FPS)
    np.testing.assert_allclose(found[..., :2], truth[..., :2], atol=1e-4)
    assert np.ptp(found[..., 2] - truth[..., 2]) < 1e-4  # but for the floor


@pytest.mark.parametrize(("fps", "limit"), [(10.0, 0.3), (25.0, 0.1), (120.0, 0.02)])
def test_between_frames_it_moves_as_the_walker_does(saved, fps: float, limit: float) -> None:
    motion = load_sequence(saved(rate=fps))
    walk = Walk(sample_person(3), straight((6.0, 0.5), (1.0, 0.5)), 0)
    t = np.linspace(0.3, 2.5, 301)
    wrong = np.linalg.norm(motion.joints(t)[..., :2] - walk.joints(0.3 + t)[..., :2], axis=-1)
    assert wrong.mean() < 0.004
    legs = slice(Joint.HIP_LEFT, Joint.FOOT_RIGHT + 1)
    speed, truth = velocities(motion, t)[:, legs], velocities(walk, 0.3 + t)[:, legs]
    assert np.linalg.norm(speed - truth, axis=-1).mean() < limit


def test_it_rests_before_its_start_and_after_its_end(saved) -> None:
    motion = load_sequence(saved())
    np.testing.assert_array_equal(
        motion.joints(np.array([-1.0, 99.0])), motion.joints(np.array([0.0, motion.duration]))
    )


def test_it_is_put_on_the_floor_and_where_one_wants_it(saved) -> None:
    high = recorded()["joints"] + np.array([3.0, -2.0, 0.77], np.float32)
    motion = load_sequence(saved(joints=high))
    soles = sole_heights(motion.frames, motion.person.stature)
    assert np.abs(soles).max() < 0.03
    placed = motion.placed((7.0, -1.0), np.deg2rad(150.0))
    pelvis = placed.frames[:, Joint.PELVIS]
    np.testing.assert_allclose(pelvis[0, :2], (7.0, -1.0), atol=1e-9)
    way = pelvis[-1] - pelvis[0]
    assert np.arctan2(way[1], way[0]) == pytest.approx(np.deg2rad(150.0), abs=1e-6)
    np.testing.assert_allclose(bone_lengths(placed.frames), bone_lengths(motion.frames), atol=1e-9)
    left = placed.frames[:, Joint.HIP_LEFT] - placed.frames[:, Joint.HIP_RIGHT]
    assert (left[:, 0] * -way[1] + left[:, 1] * way[0] > 0).all()  # not mirrored


def test_the_person_has_the_recorded_bones(saved) -> None:
    for seed in (3, 7, 11):
        truth = sample_person(seed)
        person = load_sequence(saved(seed=seed)).person
        for name in ("thigh", "shank", "trunk", "upper_arm", "forearm", "hip_width", "shoulder_width"):
            assert getattr(person.segments, name) == pytest.approx(getattr(truth.segments, name), rel=0.03), name
        assert person.stature == pytest.approx(truth.stature, rel=0.04)
        s = person.segments
        assert s.ankle_height + s.shank + s.thigh + s.trunk + s.head == pytest.approx(person.stature)


def test_the_same_person_has_the_same_body_in_every_take_and_others_another(saved) -> None:
    first, second = (load_sequence(saved(number=number)).person for number in (0, 5))
    assert (first.sex, first.age, first.gait, first.seed) == (second.sex, second.age, second.gait, second.seed)
    assert first.mass == pytest.approx(second.mass, rel=0.01)
    assert first.girths.chest == pytest.approx(second.girths.chest, rel=0.01)
    other = load_sequence(saved(person="somebody else")).person
    assert other.segments == first.segments
    assert other.girths.chest != first.girths.chest
    digest = hashlib.sha256(b"somebody else").digest()
    assert other.seed == 2**40 + int.from_bytes(digest[:4], "big")  # far from simulated people, and so it stays


def test_short_gaps_are_filled(saved) -> None:
    truth = recorded()["joints"]
    holed = truth.copy()
    holed[20:34, Joint.WRIST_LEFT] = np.nan  # 0.47 s
    holed[50, :, 1] = np.nan
    holed[:6, Joint.KNEE_LEFT] = np.nan
    motion = load_sequence(saved(joints=holed))
    assert motion.duration == pytest.approx((90 - 6 - 1) / FPS)
    found = motion.frames[:, :, :2] - truth[6:, :, :2]
    assert np.abs(found[50 - 6]).max() < 0.01
    assert np.abs(found[14:28, Joint.WRIST_LEFT]).max() < 0.12


def test_trembling_joints_are_smoothed_and_steady_ones_left_alone(saved) -> None:
    truth = recorded()["joints"]
    noise = np.random.default_rng(0).normal(0.0, 0.012, truth.shape).astype(np.float32)
    t = np.linspace(0.2, 2.6, 200)
    clean, noisy = (load_sequence(saved(joints=joints)) for joints in (truth, truth + noise))
    error = velocities(noisy, t)[:, :4] - velocities(clean, t)[:, :4]
    assert error.std() < 0.6 * np.gradient(noise, 1 / FPS, axis=0).std()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps": 0.0}, "fps is 0.0, expected one number from 5 to 1000"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"fps": np.array([30.0, 30.0])}, "fps is"),
        ({"fps": "fast"}, "fps is fast"),
        ({"names": np.array(JOINT_NAMES[:31])}, "31 names for 32 joints"),
        ({"names": np.array([f"joint{i}" for i in range(32)])}, "no known joint"),
        ({"names": np.array([n.replace("KNEE_LEFT", "PATELLA") for n in JOINT_NAMES])}, "lack 'knee left'"),
        ({"names": np.array(JOINT_NAMES, dtype=object)}, "without pickled"),
        ({"person": ""}, "person holds ''"),
        ({"take": 1.5}, "take holds 1.5"),
        ({"seconds": 0.9}, r"27 frames at 30 fps with all joints, expected at least 1.0 s"),
    ],
)
def test_faults_of_the_fields_are_named(saved, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_sequence(saved(**changes))
    assert "take.npz" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda j: j * 1000, "look like millimetres: divide them by 1000"),
        (lambda j: j * 100, "look like centimetres: divide them by 100"),
        (lambda j: j * 0.01, "expected metres and 1.2 to 2.3 m: check unit and names"),
        (lambda j: j[..., [1, 2, 0]], "direction y of the feet, expected z up"),
        (lambda j: j * (1, -1, -1), "direction -z of the feet"),
        (lambda j: j * (1, -1, 1), "toes point backwards.*mirror one horizontal axis"),
        (lambda j: np.where(np.arange(90)[:, None, None] == 4, np.inf, j), "infinite"),
        (lambda j: j * np.nan, "PELVIS is missing for 3.0 s from 0.0 s on"),
        (lambda j: j[:, 0], r"joints are float32 \(90, 3\), expected float32 \(frames, joints, 3\)"),
        (lambda j: (j * 1000).astype(np.int16), "joints are int16"),
        (lambda j: j * 1e30, "expected metres: check the unit"),
    ],
)
def test_faults_of_the_joints_are_named(saved, change: Any, message: str) -> None:
    joints = np.asarray(change(recorded()["joints"]))
    with pytest.raises(ConfigurationError, match=message):
        load_sequence(saved(joints=joints if joints.dtype != np.float64 else joints.astype(np.float32)))


def test_a_long_gap_is_refused_with_joint_and_time(saved) -> None:
    joints = recorded()["joints"]
    joints[40:56, Joint.ANKLE_RIGHT] = np.nan
    with pytest.raises(ConfigurationError, match=r"ANKLE_RIGHT is missing for 0\.5 s from 1\.3 s on"):
        load_sequence(saved(joints=joints))


def test_missing_fields_and_files_are_named(tmp_path: Path) -> None:
    content = recorded()
    del content["fps"], content["take"]
    np.savez(tmp_path / "take.npz", **content)
    with pytest.raises(ConfigurationError, match="lacks fps, take"):
        load_sequence(tmp_path / "take.npz")
    with pytest.raises(ConfigurationError, match="no such file"):
        load_sequence(tmp_path / "nothing.npz")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_garbage_is_a_configuration_error(saved, data: st.DataObject) -> None:
    """Random bytes, cut files, and files with some bytes changed: none may end in another exception."""
    path = saved(seconds=1.2)
    content = bytearray(path.read_bytes())
    kind = data.draw(st.sampled_from(["bytes", "cut", "changed"]))
    if kind == "bytes":
        content = bytearray(data.draw(st.binary(max_size=200)))
    elif kind == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 5))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert np.isfinite(load_sequence(path).frames).all()
        assert kind == "changed"
    except ConfigurationError:
        pass


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    joints=st.builds(
        lambda shape, seed, scale: np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32),
        st.lists(st.integers(0, 40), min_size=0, max_size=4).map(tuple),
        st.integers(0, 99),
        st.sampled_from([0.0, 1e-30, 1.0, 1e30]),
    ),
    fps=st.one_of(st.floats(), st.integers(-5, 10**9), st.text(max_size=3)),
)
def test_senseless_content_is_a_configuration_error(saved, joints: np.ndarray, fps: Any) -> None:
    with pytest.raises(ConfigurationError):
        load_sequence(saved(joints=joints, fps=fps))
