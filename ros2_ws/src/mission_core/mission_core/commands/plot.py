"""`mission plot`: one picture of a bag."""

import argparse
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from mission_core.camera.people import overlap
from mission_core.data.bags import BagReader
from mission_core.errors import BagError
from mission_core.plot import Recording, overview
from mission_core.types import CameraFrame, DopplerTimeMap


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of `mission plot`."""
    parser.add_argument("bag", type=Path, help="recording made by `mission record`")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="picture to write (default: BAG.png)")
    parser.add_argument("--namespace", help="of the recorded stack, where the bag holds several")


def run(arguments: argparse.Namespace) -> int:
    """Draws the picture.

    Raises:
        BagError: the bag cannot be read, holds nothing to draw, or the picture cannot be written.
    """
    bag_path = arguments.bag.resolve()
    output = arguments.output or bag_path.with_name(f"{bag_path.name}.png")
    with BagReader(bag_path, arguments.namespace) as bag:
        recording = read(bag)
    try:
        overview(recording).savefig(output, dpi=110)
    except (OSError, ValueError) as error:
        raise BagError(f"{output} cannot be written ({error}): name another file with --output") from error
    print(f"wrote {output}", file=sys.stderr)
    return 0


def read(bag: BagReader) -> Recording:
    """Everything of a bag that is drawn; what was not recorded stays empty.

    Raises:
        BagError: none of it was recorded.
    """
    recording = Recording(
        title=f"{bag.path.name}, {bag.duration():.0f} s",
        frames=list(bag.tracked_frames()) if bag.has("radar/tracks") and bag.has("radar/points_labelled") else [],
        rankings=list(bag.rankings()) if bag.has("reid/identities") else [],
        maps=[newest_column(item) for item in bag.doppler_maps()] if bag.has("micro_doppler/map") else [],
        picture=clearest_picture(bag) if bag.has("camera/color/image_raw") else None,
    )
    if not (recording.frames or recording.rankings or recording.maps or recording.picture):
        topics = ", ".join(sorted(bag.topics())) or "nothing"
        raise BagError(f"{bag.path} has nothing to draw: it holds {topics}, but no tracks, rankings, maps or pictures")
    return recording


def newest_column(whole: DopplerTimeMap) -> DopplerTimeMap:
    """The map without what the maps before it have shown; a copy, so that the rest can be forgotten."""
    return replace(whole, values=whole.values[:, -1:].copy())


def clearest_picture(bag: BagReader) -> CameraFrame | None:
    """The camera frame that shows most of people: large, and not one behind the other; the first of several."""
    return max(bag.camera_frames(), key=people_seen, default=None)


def people_seen(frame: CameraFrame) -> float:
    """Area [pixel^2] of the boxes of bodies, less what they hide of each other."""
    boxes = [body.box for body in frame.bodies or ()]
    hidden = sum(overlap(a, b) * min(a[2] * a[3], b[2] * b[3]) for a, b in combinations(boxes, 2))
    return float(sum(box[2] * box[3] for box in boxes) - 4.0 * hidden)
