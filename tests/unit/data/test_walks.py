from dataclasses import replace

import numpy as np
import pytest

from mission_core.data.takes import CameraTake, RadarTake, TakeInfo, TakeList
from mission_core.data.walks import MAX_POINTS, WalkSetConfig, protocol, read_walks
from mission_core.errors import ConfigurationError

SEED = 10_000


def radar_take(name: str, frames: int, *, person: int = SEED, lost: int | None = None) -> RadarTake:
    """Frame k has k % 5 + 1 points, all at the track; the stamps skip frame `lost`."""
    stamps = np.array([k for k in range(frames + (lost is not None)) if k != lost]) * 100_000_000
    positions = np.column_stack((np.linspace(2.0, 6.0, frames), np.zeros(frames), np.ones(frames)))
    points = tuple(
        np.tile(np.array([*positions[k], 0.5, 20.0, 40.0], np.float32), (k % 5 + 1, 1)) for k in range(frames)
    )
    return RadarTake(
        info=TakeInfo(name, f"N{person}", name, "radar", person_seed=person, frames=frames),
        stamps_ns=stamps.astype(np.int64),
        points=points,
        positions=positions.astype(np.float32),
        joints=np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 32, 3), np.float32),
        velocities=np.zeros(0, np.float32),
        doppler=np.zeros((0, frames), np.float32),
    )


def camera_take(name: str, frames: int, *, person: int = SEED, route: str = "") -> CameraTake:
    """At 15 Hz; the pictures of frame k are all k."""
    crops = np.arange(frames, dtype=np.uint8)[:, None, None, None] * np.ones((1, 96, 64, 3), np.uint8)
    number = np.arange(frames, dtype=np.float32)
    return CameraTake(
        info=TakeInfo(name, f"N{person}", name, "camera", route=route, person_seed=person, frames=frames),
        stamps_ns=np.round(np.arange(frames) / 15 * 1e9).astype(np.int64),
        crops=crops,
        boxes=np.zeros((frames, 4), np.float32),
        geometry=number[:, None] * np.ones((1, 4), np.float32),
        joints=number[:, None, None] * np.ones((1, 32, 3), np.float32),
        skeletons=np.zeros((frames, 32, 3), np.float32),
    )


def test_takes_become_walks_at_ten_frames_a_second() -> None:
    (person,) = read_walks(TakeList([radar_take("r", 24), camera_take("c", 45)]))
    (radar,), (camera,) = person.radar, person.camera
    assert person.seed == SEED
    assert [len(points) for points in radar.points] == [k % 5 + 1 for k in range(24)]
    np.testing.assert_allclose(
        radar.points[3][:, :3], [[0.0, 0.0, 1.0]] * 4, atol=1e-6
    )  # at the track, above the floor
    numbers = camera.crops[:, 0, 0, 0]
    assert len(numbers) == 30
    assert np.abs(numbers / 15 - np.arange(30) / 10).max() < 0.04
    np.testing.assert_array_equal(camera.geometry[:, 0], numbers)
    np.testing.assert_array_equal(camera.joints[:, 0, 0], numbers)


def test_a_lost_frame_stays_a_gap() -> None:
    (person,) = read_walks(TakeList([radar_take("r", 24, lost=7), camera_take("c", 45)]))
    points = person.radar[0].points
    assert len(points) == 25
    assert [k for k, own in enumerate(points) if own is None] == [7]
    assert [len(own) for own in points[8:11]] == [3, 4, 5]  # those that came after it are in their own places


def test_walks_shorter_than_a_snippet_and_people_whom_one_sensor_lost_are_left_out() -> None:
    takes = [
        *(radar_take("r1", 24), radar_take("r2", 19), camera_take("c1", 45), camera_take("c2", 28)),
        *(radar_take("r3", 30, person=SEED + 1), camera_take("c3", 20, person=SEED + 1)),
        camera_take("c4", 45, person=SEED + 2),
    ]
    people = read_walks(TakeList(takes))
    assert [(p.seed, len(p.radar), len(p.camera)) for p in people] == [(SEED, 1, 1)]


def test_laps_are_cut_where_somebody_turns() -> None:
    there = radar_take("r", 75)
    x = np.concatenate((np.linspace(2.0, 6.0, 40), np.linspace(6.0, 2.6, 35)))
    positions = np.column_stack((x, np.zeros(75), np.ones(75))).astype(np.float32)
    laps = replace(there, info=replace(there.info, route="laps"), positions=positions)
    (person,) = read_walks(TakeList([laps, camera_take("c", 45)]))
    first, second = person.radar
    assert 35 <= len(first.points) <= 42
    assert np.ptp(np.sign(np.diff(first.places[:38, 0]))) == 0
    assert np.ptp(np.sign(np.diff(second.places[4:, 0]))) == 0
    np.testing.assert_array_equal(second.joints[:, 0, 0], np.arange(75)[-len(second.points) :])


def test_a_protocol_tells_what_came_before_in_the_same_track() -> None:
    takes = [radar_take("a", 40), radar_take("b", 40), camera_take("c", 60)]
    (person,) = read_walks(TakeList(takes))
    first, other = person.radar
    parts = [first.part(slice(start, start + 20)) for start in (0, 4, 8, 12, 16)]
    asked = protocol([replace(person, radar=(other, *parts))], 20, MAX_POINTS)
    assert asked.earlier == ((), (), (1,), (1, 2), (1, 2, 3), (2, 3, 4))


def test_walks_of_several_sets_come_together() -> None:
    one = TakeList([radar_take("r", 24), camera_take("c", 45)])
    other = TakeList([radar_take("r", 30), radar_take("s", 30, person=SEED + 1)])
    (person,) = read_walks(one, other)
    assert [len(walk.points) for walk in person.radar] == [24, 30]


def test_a_protocol_asks_with_the_middle_of_walks_and_enrols_the_middle_of_others() -> None:
    takes = [radar_take("r", 40), camera_take("c", 60)]
    takes += [radar_take("s", 30, person=SEED + 1), camera_take("d", 45, person=SEED + 1)]
    asked = protocol(read_walks(TakeList(takes)), 20, MAX_POINTS)
    assert asked.truth.tolist() == asked.owner.tolist() == [0, 1]
    assert asked.queries[0].present.sum(axis=1).tolist() == [k % 5 + 1 for k in range(10, 30)]
    assert asked.queries[1].present.sum(axis=1).tolist() == [k % 5 + 1 for k in range(5, 25)]
    assert [len(snippet.crops) for snippet in asked.snippets] == [20, 20]
    assert asked.snippets[0].crops[0, 0, 0, 0] == 15


@pytest.mark.parametrize(
    ("settings", "message"), [({"first_seed": 57}, "kept for test people"), ({"walks": 0}, "walks is 0")]
)
def test_a_population_keeps_off_test_people(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        WalkSetConfig(**settings)


def test_who_walks_back_and_forth_makes_a_gallery_of_their_own() -> None:
    takes = [radar_take("r", 40), camera_take("c", 60), camera_take("l", 90, route="laps")]
    takes += [radar_take("s", 30, person=SEED + 1), camera_take("d", 45, person=SEED + 1)]
    (both, one) = read_walks(TakeList(takes))
    there = 3.0 + 0.12 * np.minimum(np.arange(60), 30)  # walks on for three seconds, then stands
    both.camera[1].geometry[:, :2] = np.column_stack((np.zeros(60), there))
    asked = protocol([both, one], 20, MAX_POINTS)
    assert asked.owner.tolist() == [0, 0, 0, 1]
    assert [clips.tolist() for clips in asked.galleries] == [[0, 3], [1, 2, 3]]
    assert [snippet.geometry[0, 1] for snippet in asked.snippets[1:3]] == pytest.approx([3.0, 4.2])
    assert len(both.camera[0].starts()) == 21
    assert max(both.camera[1].starts()) == 14  # seven tenths of the later half are walked
