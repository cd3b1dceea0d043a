from mission_core.camera.skeleton import BONES, JOINT_NAMES, LEFT, PARENTS, RIGHT, Joint
from mission_core.types import NUM_JOINTS


def test_every_joint_but_the_pelvis_hangs_on_an_earlier_one():
    assert len(JOINT_NAMES) == len(PARENTS) == NUM_JOINTS
    assert PARENTS[Joint.PELVIS] == -1
    assert all(0 <= PARENTS[joint] < joint for joint in range(1, NUM_JOINTS))
    assert len(BONES) == NUM_JOINTS - 1


def test_left_and_right_are_mirror_images():
    mirror = {**dict(zip(LEFT, RIGHT, strict=True)), **dict(zip(RIGHT, LEFT, strict=True))}
    for joint in range(1, NUM_JOINTS):
        parent, mirrored = PARENTS[joint], mirror.get(Joint(joint), Joint(joint))
        assert PARENTS[mirrored] == mirror.get(Joint(parent), Joint(parent))


def test_limbs_are_chained_as_the_sdk_documents():
    assert PARENTS[Joint.HANDTIP_LEFT] == Joint.HAND_LEFT
    assert PARENTS[Joint.THUMB_RIGHT] == Joint.WRIST_RIGHT
    assert PARENTS[Joint.HEAD] == Joint.NECK
    assert {PARENTS[joint] for joint in range(Joint.NOSE, NUM_JOINTS)} == {Joint.HEAD}
