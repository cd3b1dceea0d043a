import numpy as np
import pytest

from mission_core.camera.skeleton import JOINT_NAMES, Joint
from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight
from mission_core.sim.skeletons import (
    BIPED,
    COCO,
    HUMAN36M,
    K4ABT,
    KINECT_V2,
    SKELETONS,
    SMPL,
    complete,
    recognise,
    simplified,
    stature_of,
)

KINECT_V2_NAMES = [
    "SpineBase",
    "SpineMid",
    "Neck",
    "Head",
    "ShoulderLeft",
    "ElbowLeft",
    "WristLeft",
    "HandLeft",
    "ShoulderRight",
    "ElbowRight",
    "WristRight",
    "HandRight",
    "HipLeft",
    "KneeLeft",
    "AnkleLeft",
    "FootLeft",
    "HipRight",
    "KneeRight",
    "AnkleRight",
    "FootRight",
    "SpineShoulder",
    "HandTipLeft",
    "ThumbLeft",
    "HandTipRight",
    "ThumbRight",
]
SMPL_NAMES = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
]
COCO_NAMES = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
]


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    walk = Walk(sample_person(3), straight((4.0, 0.0), (1.0, 0.0)), 0)
    return walk.joints(np.linspace(0.2, 2.0, 40))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("HandTipLeft", "handtip left"),
        ("HANDTIP_LEFT", "handtip left"),
        ("left_hip", "hip left"),
        ("L_Hip", "hip left"),
        ("RHip", "hip right"),
        ("SHOULDERLEFT", "shoulder left"),
        ("mixamorig:LeftUpLeg", "upleg left"),
        ("K4ABT_JOINT_SPINE_NAVEL", "spinenavel"),
        ("JointType_HandTipRight", "handtip right"),
        ("HEad", "head"),
        ("Spine1", "spine1"),
    ],
)
def test_names_are_compared_without_case_separators_and_order(name: str, plain: str) -> None:
    assert simplified(name) == plain


@pytest.mark.parametrize(
    ("names", "skeleton"),
    [
        (JOINT_NAMES, K4ABT),
        (KINECT_V2_NAMES, KINECT_V2),
        ([name.upper() for name in KINECT_V2_NAMES[::-1]], KINECT_V2),
        (SMPL_NAMES, SMPL),
        ([name.replace("left_", "L_").replace("right_", "R_") for name in SMPL_NAMES], SMPL),
        (COCO_NAMES, COCO),
        (
            [
                "Hip",
                "RHip",
                "RKnee",
                "RFoot",
                "LHip",
                "LKnee",
                "LFoot",
                "Spine",
                "Thorax",
                "Neck",
                "Head",
                "LShoulder",
                "LElbow",
                "LWrist",
                "RShoulder",
                "RElbow",
                "RWrist",
            ],
            HUMAN36M,
        ),
        (
            [
                "Hips",
                "LeftUpLeg",
                "LeftLeg",
                "LeftFoot",
                "RightUpLeg",
                "RightLeg",
                "RightFoot",
                "Spine",
                "Head",
                "LeftArm",
                "LeftForeArm",
                "LeftHand",
                "RightArm",
                "RightForeArm",
                "RightHand",
            ],
            BIPED,
        ),
    ],
)
def test_each_skeleton_is_recognised(names: list[str], skeleton: object) -> None:
    assert recognise(names) is skeleton


def test_every_table_holds_what_cannot_be_placed_from_others() -> None:
    for skeleton in SKELETONS:
        recognise(list(skeleton.joints))
    assert sorted(K4ABT.joints.values()) == list(Joint)


def test_a_missing_joint_is_named_and_a_misspelt_one_is_guessed() -> None:
    with pytest.raises(ConfigurationError, match=r"Kinect v2.*'knee left' \(is it 'kne left'\?\)"):
        recognise(["KneLeft" if name == "KneeLeft" else name for name in KINECT_V2_NAMES])


def test_a_joint_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"same name \['KneeLeft', 'knee_left'\]"):
        recognise([*KINECT_V2_NAMES, "knee_left"])


def test_names_of_no_skeleton_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"no known joint.*SMPL"):
        recognise([str(i) for i in range(24)])


def test_our_own_joints_stay_as_they_are_in_any_order(joints: np.ndarray) -> None:
    order = np.random.default_rng(0).permutation(32)
    result = complete(joints[:, order], [JOINT_NAMES[i] for i in order])
    np.testing.assert_array_equal(result, joints)


def test_joints_that_smpl_has_are_taken_over(joints: np.ndarray) -> None:
    source = np.random.default_rng(0).normal(size=(2, 24, 3)) * 0.01 + joints[:2, :24]
    result = complete(source, SMPL_NAMES)
    for theirs, ours in (("left_hip", Joint.HIP_LEFT), ("right_foot", Joint.FOOT_RIGHT), ("left_collar", 4)):
        np.testing.assert_array_equal(result[:, ours], source[:, SMPL_NAMES.index(theirs)])


def test_what_a_skeleton_lacks_is_placed_where_a_simulated_person_has_it(joints: np.ndarray) -> None:
    """From hips, knees, ankles, shoulders, elbows, wrists and head of a simulated walker, the rest comes back."""
    kept = [j for j in Joint if j.name.split("_")[0] in ("HIP", "KNEE", "ANKLE", "SHOULDER", "ELBOW", "WRIST", "HEAD")]
    result = complete(joints[:, kept], [joint.name for joint in kept])
    errors = np.linalg.norm(result - joints, axis=-1).mean(axis=0)
    limits = {"FOOT": 0.07, "THUMB": 0.05, "HANDTIP": 0.05}  # feet have a pitch of their own, hands a length
    for joint in Joint:
        assert errors[joint] < limits.get(joint.name.split("_")[0], 0.04), joint.name


def test_left_and_right_are_not_mixed_up(joints: np.ndarray) -> None:
    result = complete(joints[:, [Joint[n.upper()] for n in _k4abt(COCO_NAMES)]], COCO_NAMES)
    assert stature_of(result) == pytest.approx(sample_person(3).stature, rel=0.05)
    for name in ("THUMB", "FOOT", "CLAVICLE"):
        sideways = result[:, Joint[f"{name}_LEFT"], 1] - result[:, Joint[f"{name}_RIGHT"], 1]
        assert (sideways < 0).mean() > 0.9, name  # walking towards -x, left is -y


def _k4abt(names: list[str]) -> list[str]:
    return [name if "_" not in name else "_".join(name.split("_")[::-1]) for name in names]


def test_real_kinect_v2_joints_become_a_person(mission_data) -> None:
    from mission_core.data.real import load_mars

    folder = mission_data / "mars" / "synced_data" / "wooutlier" / "subject1" / "timesplit"
    recording = load_mars(folder / "radar_data_test.csv.gz", folder / "kinect_data_test.csv.gz")
    result = complete(recording.joints[:200].astype(np.float64), KINECT_V2_NAMES)
    assert 1.5 < stature_of(result) < 1.95
    ears = np.linalg.norm(result[:, Joint.EAR_LEFT] - result[:, Joint.EAR_RIGHT], axis=-1)
    assert 0.11 < np.median(ears) < 0.18
    assert (result[:, Joint.HEAD, 2] > result[:, Joint.NECK, 2]).mean() > 0.95
