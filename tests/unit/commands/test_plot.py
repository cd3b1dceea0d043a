import argparse
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from mission_core.commands import plot
from mission_core.data.bags import BagReader
from mission_core.errors import BagError


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
    assert recording.picture.stamp_ns - recording.frames[0].stamp_ns == 1_600_000_000  # the middle of 15 pictures


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
