"""The skeleton of the Azure Kinect: 32 joints in K4ABT order.

Source: Microsoft, "Azure Kinect body tracking joints" (Body Tracking SDK 1.1). Left and right are the person's own.
"""

from enum import IntEnum

from mission_core.types import NUM_JOINTS


class Joint(IntEnum):
    """Row of each joint in a (32, 3) array."""

    PELVIS = 0
    SPINE_NAVEL = 1
    SPINE_CHEST = 2
    NECK = 3
    CLAVICLE_LEFT = 4
    SHOULDER_LEFT = 5
    ELBOW_LEFT = 6
    WRIST_LEFT = 7
    HAND_LEFT = 8
    HANDTIP_LEFT = 9
    THUMB_LEFT = 10
    CLAVICLE_RIGHT = 11
    SHOULDER_RIGHT = 12
    ELBOW_RIGHT = 13
    WRIST_RIGHT = 14
    HAND_RIGHT = 15
    HANDTIP_RIGHT = 16
    THUMB_RIGHT = 17
    HIP_LEFT = 18
    KNEE_LEFT = 19
    ANKLE_LEFT = 20
    FOOT_LEFT = 21
    HIP_RIGHT = 22
    KNEE_RIGHT = 23
    ANKLE_RIGHT = 24
    FOOT_RIGHT = 25
    HEAD = 26
    NOSE = 27
    EYE_LEFT = 28
    EAR_LEFT = 29
    EYE_RIGHT = 30
    EAR_RIGHT = 31


JOINT_NAMES = tuple(joint.name for joint in Joint)

PARENTS = (-1, 0, 1, 2, 2, 4, 5, 6, 7, 8, 7, 2, 11, 12, 13, 14, 15, 14, 0, 18, 19, 20, 0, 22, 23, 24, 3, *5 * (26,))
"""Parent of each joint; the pelvis has none (-1)."""

BONES = tuple((PARENTS[joint], joint) for joint in range(1, NUM_JOINTS))
"""(parent, child) of each bone."""

LEFT = tuple(Joint[name] for name in JOINT_NAMES if name.endswith("_LEFT"))
RIGHT = tuple(Joint[joint.name.removesuffix("LEFT") + "RIGHT"] for joint in LEFT)
"""Joints of the left side, and in the same order those of the right."""
