import numpy as np
import pytest

from mission_core.data.messages import image
from mission_core.errors import MessageError


@pytest.mark.parametrize(
    ("encoding", "row", "expected"),
    [
        ("bgr8", [0, 1, 2, 3, 4, 5, 9, 9], [[0, 1, 2], [3, 4, 5]]),
        ("rgb8", [0, 1, 2, 3, 4, 5, 9, 9], [[2, 1, 0], [5, 4, 3]]),
        ("bgra8", [0, 1, 2, 255, 3, 4, 5, 255], [[0, 1, 2], [3, 4, 5]]),
        ("rgba8", [0, 1, 2, 255, 3, 4, 5, 255], [[2, 1, 0], [5, 4, 3]]),
        ("mono8", [6, 7, 9, 9], [[6, 6, 6], [7, 7, 7]]),
    ],
)
def test_images_of_every_encoding_and_padded_rows(recorded_room, encoding, row, expected) -> None:
    np.testing.assert_array_equal(image(make_image(recorded_room, encoding, row)), [expected])


def test_an_unknown_encoding_is_named(recorded_room) -> None:
    with pytest.raises(MessageError, match="yuv422"):
        image(make_image(recorded_room, "yuv422", [0] * 4))


def make_image(recorded_room, encoding: str, row: list[int]):
    """One row of two pixels."""
    types = recorded_room.store.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](0, 0), "camera")
    return types["sensor_msgs/msg/Image"](header, 1, 2, encoding, 0, len(row), np.array(row, np.uint8))
