import argparse
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from mission_core.commands import plot
from mission_core.data.bags import BagReader
from mission_core.errors import BagError
from mission_core.types import Body, CameraFrame


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    plot.add_arguments(parser)
    return parser.parse_args(words)


def test_a_picture_of_a_bag(recorded_room, tmp_path: Path) -> None:
    output = tmp_path / "room.png"
    assert plot.run(arguments(str(recorded_room.path), "-o", str(output))) == 0
    assert np.ptp(imread(output)) > 0.5


def test_read_takes_everything(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        recording = plot.read(bag)
    assert recording.title == "room, 3 s"
    assert (len(recording.frames), len(recording.rankings), len(recording.maps)) == (30, 30, 30)
    assert recording.picture is not None
    assert recording.picture.stamp_ns == recording.frames[0].stamp_ns  # all show the same, so the first


def test_the_clearest_picture_shows_people_large_and_side_by_side() -> None:
    def frame(*boxes: tuple[float, float, float, float]) -> CameraFrame:
        joints, confidence = np.zeros((32, 3), np.float32), np.zeros(32, np.uint8)
        bodies = tuple(Body(i, joints, confidence, np.array(box, np.float32)) for i, box in enumerate(boxes))
        return CameraFrame(0, np.zeros((1, 1, 3), np.uint8), None, bodies)

    apart = frame((0, 0, 50, 100), (60, 0, 50, 100))
    behind = frame((0, 0, 60, 110), (10, 5, 50, 100))
    far = frame((0, 0, 5, 10), (60, 0, 5, 10))
    assert max((behind, far, frame(), apart), key=plot.people_seen) is apart
    assert plot.people_seen(CameraFrame(0, np.zeros((1, 1, 3), np.uint8))) == 0.0


def test_only_the_newest_column_of_a_map_is_kept(recorded_room) -> None:
    with BagReader(recorded_room.path) as bag:
        whole = list(bag.doppler_maps())
        kept = plot.read(bag).maps
    for item, full in zip(kept, whole, strict=True):
        np.testing.assert_array_equal(item.values, full.values[:, -1:])
        assert item.values.base is None  # no view that keeps the rest alive


def test_an_output_that_cannot_be_written(recorded_room, tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"absent/room\.png cannot be written"):
        plot.run(arguments(str(recorded_room.path), "-o", str(tmp_path / "absent" / "room.png")))
    with pytest.raises(BagError, match=r"cannot be written .*odd"):
        plot.run(arguments(str(recorded_room.path), "-o", str(tmp_path / "room.odd")))


def test_an_absent_bag(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="does not exist"):
        plot.run(arguments(str(tmp_path / "nothing")))


def test_a_bag_with_nothing_to_draw(recorded_room) -> None:
    with BagReader(recorded_room.path, namespace="other") as bag, pytest.raises(BagError, match="nothing to draw"):
        plot.read(bag)
