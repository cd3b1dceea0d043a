"""Targets of the radar's own tracker, as tracks in the room."""

import math
import struct

import numpy as np
import pytest
from radar_frames import ONE_POINT, frame_of

from mission_core.radar.targets import TargetTracks
from mission_core.radar.tlv import decode_frame
from mission_core.types import Mount, RadarFrame

SECOND = 1_000_000_000


def target(target_id: int, x: float, y: float, z: float) -> bytes:
    """In TI's axes; it moves along y with 1 m/s."""
    return struct.pack("<I9f16f2f", target_id, x, y, z, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, *[1.0] * 16, 3.0, 0.9)


def frame_with(*targets: bytes, index: bytes = b"", heights: bytes = b"") -> RadarFrame:
    blocks = [ONE_POINT["people_counting"][1]]
    return decode_frame(frame_of("sdk3", (1020, blocks[0]), (1010, b"".join(targets)), (1011, index), (1012, heights)))


def test_targets_of_firmware_that_knows_its_place_are_in_the_room() -> None:
    tracks = TargetTracks(("sensorPosition 2 0 15", "sensorStart"), Mount(2.0, 15.0))
    frame = frame_with(
        target(7, 1.0, 4.0, 1.0),
        target(3, -1.0, 2.0, 0.9),
        index=bytes((3, 7, 7, 255, 254)),
        heights=struct.pack("<I2f", 7, 1.75, 0.25),
    )
    found = tracks.step(SECOND, frame)
    assert found is not None
    assert [track.track_id for track in found] == [3, 7]
    np.testing.assert_allclose([track.position for track in found], [[2.0, 1.0, 0.9], [4.0, -1.0, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(found[1].velocity, [1.0, 0.0, 0.0])
    assert [track.num_points for track in found] == [1, 2]
    assert found[1].size.tolist() == [0.0, 0.0, 1.5]
    assert np.isnan(found[0].variance).all()


def test_other_targets_are_moved_from_the_sensor_to_the_room() -> None:
    tracks = TargetTracks(("sensorStart",), Mount(2.0, 30.0))
    found = tracks.step(SECOND, frame_with(target(1, 0.0, 4.0, 0.0)))
    assert found is not None
    np.testing.assert_allclose(found[0].position, [4.0 * math.cos(math.pi / 6), 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(found[0].velocity, [math.cos(math.pi / 6), 0.0, -0.5], atol=1e-6)


def test_tracks_have_an_age_until_they_end() -> None:
    tracks = TargetTracks((), Mount(1.0))
    ages = [
        [track.age for track in tracks.step(second * SECOND, frame) or ()]
        for second, frame in enumerate(
            (
                frame_with(target(1, 0, 4, 0)),
                frame_with(target(1, 0, 4, 0)),
                frame_with(),
                frame_with(target(1, 0, 4, 0)),
            )
        )
    ]
    assert ages == [[0.0], [pytest.approx(1.0)], [], [0.0]]


def test_an_empty_room_is_told_once_somebody_was_there() -> None:
    tracks = TargetTracks((), Mount(1.0))
    empty = decode_frame(frame_of("sdk3", (1020, ONE_POINT["people_counting"][1])))
    assert tracks.step(0, empty) is None
    tracks.step(1, frame_with(target(1, 0, 4, 0)))
    assert tracks.step(2, empty) == ()


def test_firmware_that_follows_nobody_gives_no_tracks() -> None:
    tracks = TargetTracks((), Mount(1.0))
    assert tracks.step(0, decode_frame(frame_of("sdk3", ONE_POINT["sdk3"]))) is None
