"""Topics by what is done with them. Names without a leading slash are relative to the namespace of the stack."""

from collections.abc import Iterable

IMAGES = "camera/color/image_raw"

INPUTS = ("radar/raw", IMAGES, "camera/color/camera_info", "camera/bodies")
"""What sensors measured: everything else can be computed again from these."""

RECORDED = (
    *INPUTS,
    "radar/points",
    "radar/tracks",
    "radar/points_labelled",
    "gallery/info",
    "reid/identities",
    "micro_doppler/map",
    "micro_doppler/activities",
    "micro_doppler/identities",
    "viz/markers",
    "/diagnostics",
    "/tf",
    "/tf_static",
)
"""What `mission record` and record.launch.py take: all but `viz/image`, which is drawn from the others."""

MORE_RADAR = ("radar/raw", "radar/points", "radar/points_labelled")
"""What is recorded of each further radar, in the namespace of its name."""

SHOWN = ("radar/points", "radar/points_labelled", "viz/markers", "viz/image", IMAGES)
"""What config/rviz/mission.rviz shows, there with the default namespace."""


def below(names: Iterable[str], topics: Iterable[str]) -> list[str]:
    """Topics in the namespaces of further radars."""
    return [f"{name}/{topic}" for name in names for topic in topics]
