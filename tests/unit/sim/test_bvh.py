import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mission_core.camera.skeleton import BONES, Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.bvh import load_bvh, parse_bvh, person_bones
from mission_core.sim.cohort import sample_person
from mission_core.sim.sequence import sole_heights

ARM = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT upper arm
  {
    OFFSET 0 10 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site
    {
      OFFSET 5 0 0
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.01
1 2 3 0 0 0 0 0 0
0 0 0 90 0 0 0 0 0
0 0 0 90 0 0 90 90 0
"""


def biped(frames: int = 90, scale: float = 100.0, *, z_up: bool = False, speed: float = 1.2) -> str:
    """A stiff walker in a BVH file, y up and heading for z (or z up, heading for -y), legs and arms swinging."""
    legs, values = [], []
    turn = (lambda x, y, z: (x, -z, y)) if z_up else (lambda x, y, z: (x, y, z))

    def offset(*xyz: float) -> str:
        return "OFFSET {:g} {:g} {:g}".format(*(scale * value for value in turn(*xyz)))

    def chain(*joints: tuple[str, tuple[float, float, float]]) -> str:
        text = "End Site {{ {} }}".format(offset(0.0, 0.0, 0.08) if "Toe" in joints[-1][0] else offset(0.0, -0.1, 0.0))
        for name, place in reversed(joints):
            text = f"JOINT {name} {{ {offset(*place)} CHANNELS 1 Xrotation {text} }}"
        return text

    for side, x in (("Left", 0.09), ("Right", -0.09)):
        leg = ((f"{side}UpLeg", (x, 0.0, 0.0)), (f"{side}Leg", (0, -0.43, 0)), (f"{side}Foot", (0, -0.42, 0)))
        legs.append(chain(*leg, (f"{side}ToeBase", (0.0, -0.05, 0.1))))
    arms = [
        chain((f"{s}Arm", (x, 0.0, 0.0)), (f"{s}ForeArm", (0, -0.3, 0)), (f"{s}Hand", (0, -0.26, 0)))
        for s, x in (("Left", 0.19), ("Right", -0.19))
    ]
    head = f"JOINT Head {{ {offset(0, 0.12, 0)} CHANNELS 1 Xrotation End Site {{ {offset(0, 0.15, 0)} }} }}"
    spine = f"JOINT Spine {{ {offset(0, 0.5, 0)} CHANNELS 1 Xrotation {' '.join([*arms, head])} }}"
    channels = "CHANNELS 3 " + " ".join(f"{axis}position" for axis in "XYZ")
    for frame in range(frames):
        swing = 25.0 * np.sin(2 * np.pi * frame / 30 / 1.1)
        place = turn(0.0, 0.9, speed * frame / 30)
        leg = [swing, 0.0, 0.0, 0.0, -swing, 0.0, 0.0, 0.0]
        values.append(" ".join(f"{v:g}" for v in (*(scale * v for v in place), *leg, 0, -swing, 0, 0, swing, 0, 0, 0)))
    root = f"ROOT Hips {{ {offset(0, 0, 0)} {channels} {' '.join([*legs, spine])} }}"
    return f"HIERARCHY {root}\nMOTION\nFrames: {frames}\nFrame Time: 0.0333333\n" + "\n".join(values) + "\n"


def test_forward_kinematics_applies_channels_in_their_own_order() -> None:
    clip = parse_bvh(ARM)
    assert clip.names == ["hip", "upper arm", "upper arm end"]
    hip, elbow, end = clip.positions().transpose(1, 0, 2)
    np.testing.assert_allclose(hip[0], (1, 2, 3))
    np.testing.assert_allclose(elbow[0], (1, 12, 3))
    np.testing.assert_allclose(end[0], (6, 12, 3))
    np.testing.assert_allclose(elbow[1], (-10, 0, 0), atol=1e-12)  # 90 degrees about z: y becomes -x
    np.testing.assert_allclose(end[1], (-10, 5, 0), atol=1e-12)
    # in the turned frame first z, then y: (5, 0, 0) -> (0, 5, 0) -> (0, 5, 0), and out of the turned frame (-5, 0, 0)
    np.testing.assert_allclose(end[2], (-15, 0, 0), atol=1e-12)


def test_position_channels_replace_the_offset() -> None:
    clip = parse_bvh(ARM.replace("OFFSET 0 0 0", "OFFSET 100 100 100"))
    np.testing.assert_allclose(clip.positions()[0, 0], (1, 2, 3))


@pytest.mark.parametrize(("scale", "z_up"), [(1.0, False), (100.0, False), (39.37, True), (1000.0, True)])
def test_unit_and_vertical_axis_do_not_matter(tmp_path: Path, scale: float, z_up: bool) -> None:
    person = sample_person(4)
    path = tmp_path / "walk.bvh"
    path.write_text(biped(scale=scale, z_up=z_up))
    motion = load_bvh(path, person).placed((5.0, 1.0), np.pi)
    joints = motion.joints(np.linspace(0.0, motion.duration, 50))
    np.testing.assert_allclose(motion.joints(np.zeros(1))[0, Joint.PELVIS, :2], (5.0, 1.0), atol=1e-9)
    legs = person.segments.thigh + person.segments.shank
    assert np.ptp(joints[:, Joint.PELVIS, 0]) == pytest.approx(1.2 * 89 / 30 * legs / 0.85, rel=0.01)
    assert joints[-1, Joint.PELVIS, 0] < 3.0  # towards -x
    assert np.abs(joints[:, Joint.PELVIS, 1] - 1.0).max() < 0.05
    left = joints[:, Joint.SHOULDER_LEFT] - joints[:, Joint.SHOULDER_RIGHT]
    assert (left[:, 1] < -0.2).all()
    assert (joints[:, Joint.NOSE, 0] < joints[:, Joint.HEAD, 0]).all()


def test_the_body_is_the_persons_and_the_directions_are_the_captures(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(biped())
    small, tall = (load_bvh(path, sample_person(seed)) for seed in (1, 4))
    for motion in (small, tall):
        bones = person_bones(motion.person)
        for parent, child in BONES:
            lengths = np.linalg.norm(motion.frames[:, child] - motion.frames[:, parent], axis=-1)
            np.testing.assert_allclose(lengths, bones[child], atol=1e-9)
    knees = [m.frames[:, Joint.KNEE_LEFT] - m.frames[:, Joint.HIP_LEFT] for m in (small, tall)]
    ratio = tall.person.segments.thigh / small.person.segments.thigh
    np.testing.assert_allclose(knees[1], knees[0] * ratio, atol=1e-9)


def test_feet_stay_on_the_floor(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(biped())
    motion = load_bvh(path, sample_person(2))
    soles = sole_heights(motion.frames, motion.person.stature)
    assert soles.min() > -1e-9
    assert np.quantile(soles, 0.3) < 0.001
    assert soles.max() < 0.06  # a stiff leg swings the foot up


def test_a_short_clip_walks_on_and_says_what_is_repetition(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(biped(frames=90))
    motion = load_bvh(path, sample_person(2)).placed((0.0, 0.0), 0.0)
    walk = motion.looped(9.0)
    assert walk.duration >= 9.0
    assert 0.6 < walk.repeated < 0.95
    t = np.arange(0.0, 9.0, 0.02)
    pelvis = walk.joints(t)[:, Joint.PELVIS]
    speed = np.gradient(pelvis[:, 0], t)
    assert speed.min() > 0.8 * np.median(speed)
    assert speed.max() < 1.2 * np.median(speed)
    knees = np.gradient(walk.joints(t)[:, Joint.ANKLE_LEFT], t, axis=0)
    shown = np.gradient(motion.joints(t[t < motion.duration])[:, Joint.ANKLE_LEFT], t[t < motion.duration], axis=0)
    assert np.linalg.norm(knees, axis=1).max() < 1.15 * np.linalg.norm(shown, axis=1).max()
    assert motion.looped(1.0) is motion


def test_a_motion_that_never_repeats_is_not_looped(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(biped(frames=31, speed=3.0))  # one swing, no whole stride
    with pytest.raises(ConfigurationError, match="does not repeat itself"):
        load_bvh(path, sample_person(2)).looped(5.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("HIERARCHY", "HIERACHY"), "line 1.*HIERARCHY"),
        (("Frames: 3", "Frames: 4"), "27 values, expected 4 frames of 9"),
        (("Frame Time: 0.01", "Frame Time: 0"), "frame time"),
        (("Yrotation Zrotation Xrotation", "Wrotation Zrotation Xrotation"), "line 9.*'Wrotation'.*Xposition"),
        (("OFFSET 5 0 0", "OFFSET 5 0 x"), "line 12.*'x'.*an offset"),
        (("0 0 0 90 0 0 90 90 0", "0 0 0 90 0 0 nan 90 0"), "not finite"),
        (("0 0 0 90 0 0 90 90 0", "0 0 0 90 0 0 ? 90 0"), "no number"),
        (("MOTION", "ROOT b"), "second ROOT"),
    ],
)
def test_faults_are_named(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_bvh(ARM.replace(*change))


def test_a_skeleton_without_legs_names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "arm.bvh"
    path.write_text(biped().replace("LeftLeg", "Something"))
    with pytest.raises(ConfigurationError, match=r"arm\.bvh.*lack 'leg left'"):
        load_bvh(path, sample_person(0))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_bvh(tmp_path / "nothing.bvh", sample_person(0))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.integers(0, len(ARM) - 8)), junk=st.binary(max_size=6))
def test_garbage_is_a_configuration_error(tmp_path: Path, data: bytes | int, junk: bytes) -> None:
    """Random bytes, and good files that are cut off with something behind."""
    path = tmp_path / "garbage.bvh"
    path.write_bytes(data + junk if isinstance(data, bytes) else ARM.encode()[:data] + junk)
    with pytest.raises(ConfigurationError):
        load_bvh(path, sample_person(0))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    words=st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(["{", "}", "JOINT", "x", "1e300", "-0", "nan"])))
)
def test_a_damaged_biped_loads_or_is_a_configuration_error(tmp_path: Path, words: list[tuple[int, str]]) -> None:
    content = biped(frames=40).split()
    for place, word in words:
        content[place % len(content)] = word
    path = tmp_path / "damaged.bvh"
    path.write_text(" ".join(content))
    with contextlib.suppress(ConfigurationError):
        assert np.isfinite(load_bvh(path, sample_person(0)).frames).all()


def test_real_captures_walk(mission_data: Path) -> None:
    """Every fifth file of the data set: upright, feet planted, symmetric speed, and longer when asked."""
    files = sorted((mission_data / "shum_gait_bvh").glob("*.bvh"))
    assert len(files) == 80
    for path in files[::5]:
        person = sample_person(len(path.stem))
        motion = load_bvh(path, person).placed((6.0, 0.0), np.pi)
        soles = sole_heights(motion.frames, person.stature)
        assert soles.min() > -0.005, path.stem
        assert soles.max() < 0.08, path.stem
        speed = (6.0 - motion.frames[-1, Joint.PELVIS, 0]) / motion.duration
        assert 0.3 < speed < 1.8, path.stem
        # a standing foot stands: in every clip the slower ankle rests for a third of the time
        ankles = np.linalg.norm(np.gradient(motion.frames[:, [20, 24]], 1 / motion.fps, axis=0), axis=-1)
        assert np.quantile(ankles.min(axis=1), 0.33) < 0.12, path.stem
        walk = motion.looped(10.0)
        assert 0.3 < walk.repeated < 0.95, path.stem
        peak = np.linalg.norm(np.gradient(walk.frames, 1 / walk.fps, axis=0), axis=-1).max()
        assert peak < 1.3 * np.linalg.norm(np.gradient(motion.frames, 1 / motion.fps, axis=0), axis=-1).max(), path.stem
