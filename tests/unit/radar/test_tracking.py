import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from mission_core.calibration import SensorPose
from mission_core.errors import ConfigurationError
from mission_core.geometry import room_to_sensor, sensor_to_room, ti_to_rep103
from mission_core.radar.stream import FrameStream
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.types import NO_TRACK, Float64Array, Mount, Points, TrackedFrame

MOUNT = Mount(height=1.0, pitch_deg=5.0)
FRAME_NS = 100_000_000
Path2D = Callable[[float], tuple[float, float]]


def no_points() -> Points:
    return np.zeros((0, 6), np.float32)


class Walkers:
    """Noisy detections of people on given paths: a torso, and limbs that swing along the way walked."""

    def __init__(self, *paths: Path2D, seed: int = 0, density: float = 60.0) -> None:
        self.paths = paths
        self.rng = np.random.default_rng(seed)
        self.density = density  # points of a person at 1 m; they thin out with range

    def frame(self, t: float, hidden: tuple[int, ...] = ()) -> Points:
        """(N, 6) in the sensor frame."""
        bodies = [self._body(path, t) for i, path in enumerate(self.paths) if i not in hidden]
        return np.concatenate([no_points(), *bodies])

    def _body(self, path: Path2D, t: float) -> Points:
        here = np.array(path(t))
        velocity = (np.array(path(t + 0.05)) - np.array(path(t - 0.05))) / 0.1
        count = max(2, self.rng.poisson(self.density / np.linalg.norm(here)))
        swing = self.rng.normal(0, 0.15, count) * np.sin(2 * np.pi * 0.9 * t)
        floor = here + self.rng.normal(0, 0.1, (count, 2)) + np.outer(swing, velocity)
        height = self.rng.uniform(0.2, 1.7, (count, 1))
        points = np.zeros((count, 6), np.float32)
        points[:, :3] = room_to_sensor(np.hstack((floor, height)).astype(np.float32), MOUNT)
        sight = here / np.linalg.norm(here)
        points[:, 3] = sight @ velocity + self.rng.normal(0, 0.4, count)
        points[:, 4] = self.rng.uniform(10, 30, count)
        return points


def straight(start: tuple[float, float], velocity: tuple[float, float]) -> Path2D:
    return lambda t: (start[0] + velocity[0] * t, start[1] + velocity[1] * t)


def follow(
    walkers: Walkers,
    seconds: float,
    *,
    hidden: Callable[[float], tuple[int, ...]] = lambda _: (),
    lost: Callable[[float], bool] = lambda _: False,
    config: TrackerConfig | None = None,
) -> Iterator[tuple[float, TrackedFrame]]:
    tracker = RadarTracker(config or TrackerConfig(), MOUNT)
    for k in range(round(seconds * 10)):
        t = k / 10
        if not lost(t):
            yield t, tracker.step(k * FRAME_NS, k, walkers.frame(t, hidden(t)))


def distance(track, place: tuple[float, float]) -> float:
    return float(np.linalg.norm(track.position[:2] - place))


def test_one_walker_is_one_track_at_the_right_place_and_speed():
    path = straight((5.0, -1.0), (-0.5, 0.6))
    frames = list(follow(Walkers(path), 5.0))
    assert all(len(frame.tracks) == 1 for t, frame in frames if t >= 0.5)
    for t, frame in frames[15:]:
        (track,) = frame.tracks
        assert distance(track, path(t)) < 0.25
        np.testing.assert_allclose(track.velocity, (-0.5, 0.6, 0.0), atol=0.45)
    (track,) = frames[-1][1].tracks
    assert track.age == pytest.approx(4.9)
    assert track.missed_frames == 0
    assert 0.7 < track.position[2] < 1.2
    assert 1.2 < track.size[2] < 1.6
    assert track.size[:2].max() < 1.4
    assert track.num_points == np.sum(frames[-1][1].labels == track.track_id) > 0


def test_points_come_back_in_the_room_frame_and_unchanged_otherwise():
    points = Walkers(straight((3.0, 0.0), (0.0, 0.0))).frame(0.0)
    given = points.copy()
    frame = RadarTracker(TrackerConfig(), MOUNT).step(5, 7, points)
    assert (frame.stamp_ns, frame.frame_number) == (5, 7)
    np.testing.assert_array_equal(points, given)
    np.testing.assert_allclose(frame.points[:, :3], sensor_to_room(points[:, :3], MOUNT), atol=1e-6)
    np.testing.assert_array_equal(frame.points[:, 3:], points[:, 3:])
    assert frame.points.dtype == np.float32
    assert frame.labels.dtype == np.int32


def test_a_track_is_published_from_its_fourth_frame():
    frames = [frame for _, frame in follow(Walkers(straight((3.0, 0.0), (0.5, 0.0))), 0.6)]
    assert [len(frame.tracks) for frame in frames] == [0, 0, 0, 1, 1, 1]
    assert all((frame.labels == NO_TRACK).all() for frame in frames[:3])


def test_a_flash_is_no_person():
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    flash = Walkers(straight((3.0, 0.0), (0.0, 0.0)))
    frames = [tracker.step(k * FRAME_NS, k, flash.frame(0.0) if k < 3 else no_points()) for k in range(30)]
    assert not any(frame.tracks for frame in frames)


@pytest.mark.parametrize("seed", range(4))
def test_three_people_a_metre_apart_keep_their_ids(seed):
    lanes = [straight((2.0 + 0.5 * lane, lane), (0.8, 0.0)) for lane in (-1.0, 0.0, 1.0)]
    frames = list(follow(Walkers(*lanes, seed=seed), 5.0))
    assert all(len(frame.tracks) == 3 for t, frame in frames if t >= 1.0)
    who = [[min(f.tracks, key=lambda tr: distance(tr, lane(t))).track_id for lane in lanes] for t, f in frames[10:]]
    assert all(ids == who[0] for ids in who)
    assert len(set(who[0])) == 3


@pytest.mark.parametrize("seed", range(4))
def test_crossing_people_keep_their_ids_although_one_hides_the_other(seed):
    paths = [straight((3.0, -2.0), (0.0, 1.0)), straight((4.0, 2.0), (0.0, -1.0))]
    # at t = 2 s both stand on one line of sight: the farther one is not seen for 0.8 s
    walkers = Walkers(*paths, seed=seed)
    frames = list(follow(walkers, 4.0, hidden=lambda t: (1,) if 1.6 < t < 2.4 else ()))
    before, after = frames[14], frames[-1]
    assert all(len(frame.tracks) == 2 for t, frame in frames if t >= 0.6)
    for path in paths:
        ids = {min(f.tracks, key=lambda tr: distance(tr, path(t))).track_id for t, f in (before, after)}
        assert len(ids) == 1


def test_a_gap_is_bridged_and_a_departure_is_not():
    path = straight((2.0, 0.0), (0.6, 0.0))
    gap = list(follow(Walkers(path), 5.0, hidden=lambda t: (0,) if 2.0 <= t < 3.2 else ()))
    assert {track.track_id for _, frame in gap for track in frame.tracks} == {0}
    coasting = [track for t, frame in gap if 2.0 <= t < 3.2 for track in frame.tracks]
    assert [track.missed_frames for track in coasting] == list(range(1, 13))
    assert all(track.num_points == 0 for track in coasting)

    gone = list(follow(Walkers(path), 5.0, hidden=lambda t: (0,) if t >= 2.0 else ()))
    assert [t for t, frame in gone if frame.tracks][-1] == pytest.approx(1.9 + TrackerConfig().coast_time)


def test_lost_frames_do_not_slow_the_person_down():
    path = straight((2.0, 0.5), (1.0, 0.0))
    frames = list(follow(Walkers(path), 5.0, lost=lambda t: 2.0 < t < 3.0 or round(t * 10) % 3 == 0))
    assert {track.track_id for _, frame in frames for track in frame.tracks} == {0}
    assert all(distance(frame.tracks[0], path(t)) < 0.35 for t, frame in frames if t > 1.5)


def test_a_body_in_two_parts_is_one_track():
    rng = np.random.default_rng(3)
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    for k in range(40):
        t = k / 10
        apart = 0.25 if k < 10 else 0.4  # as a stride opens
        parts = [np.array([3 + 0.5 * t + side, 0.0, 1.0]) + rng.normal(0, 0.03, (6, 3)) for side in (-apart, apart)]
        points = np.zeros((12, 6), np.float32)
        points[:, :3] = room_to_sensor(np.concatenate(parts).astype(np.float32), MOUNT)
        points[:, 3], points[:, 4] = 0.5, 20.0
        frame = tracker.step(k * FRAME_NS, k, points)
        assert len(frame.tracks) <= 1
    assert frame.tracks[0].track_id == 0
    assert (frame.labels == 0).all()


def test_a_single_point_holds_a_far_person():
    path = straight((7.0, 0.0), (0.3, 0.0))
    walkers = Walkers(path)
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    for k in range(60):
        points = walkers.frame(k / 10)
        frame = tracker.step(k * FRAME_NS, k, points[:1] if k > 10 else points)
    assert [track.track_id for track in frame.tracks] == [0]
    assert frame.tracks[0].missed_frames < 5


def test_a_track_confirmed_at_first_sight_is_measured_too():
    path = straight((2.0, 0.0), (0.5, 1.0))
    config = TrackerConfig(confirm_hits=1, confirm_window=1)
    *_, (t, frame) = follow(Walkers(path), 4.0, config=config)
    (track,) = frame.tracks
    assert distance(track, path(t)) < 0.25
    np.testing.assert_allclose(track.velocity, (0.5, 1.0, 0.0), atol=0.45)


def test_an_aliased_doppler_does_not_lose_the_person():
    path = straight((2.0, 0.0), (1.4, 0.0))
    walkers = Walkers(path)
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    for k in range(30):
        points = walkers.frame(k / 10)
        points[:, 3] -= 3.08 if k >= 10 else 0.0  # as a profile of +-1.54 m/s folds it
        frame = tracker.step(k * FRAME_NS, k, points)
    assert [track.track_id for track in frame.tracks] == [0]
    assert distance(frame.tracks[0], path(2.9)) < 0.3


def test_furniture_is_no_person():
    furniture = Walkers(straight((3.0, 0.0), (0.0, 0.0))).frame(0.0)
    furniture[:, 3] = 0.0
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    assert not any(tracker.step(k * FRAME_NS, k, furniture).tracks for k in range(20))


def test_time_that_jumps_back_starts_anew_with_new_ids():
    walkers = Walkers(straight((3.0, 0.0), (0.0, 0.0)))
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    stamps = [*range(10), *range(10)]
    frames = [tracker.step(k * FRAME_NS, k, walkers.frame(0.0)) for k in stamps]
    assert [track.track_id for track in frames[9].tracks] == [0]
    assert frames[10].tracks == ()
    assert [track.track_id for track in frames[-1].tracks] == [1]
    assert frames[-1].tracks[0].age == pytest.approx(0.9)


def test_same_input_same_output():
    def run() -> list[TrackedFrame]:
        lanes = [straight((2.0, y), (0.5, 0.0)) for y in (-0.6, 0.6)]
        return [frame for _, frame in follow(Walkers(*lanes, seed=9), 3.0)]

    for a, b in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        assert [track.track_id for track in a.tracks] == [track.track_id for track in b.tracks]
        for one, two in zip(a.tracks, b.tracks, strict=True):
            np.testing.assert_array_equal(one.position, two.position)


@pytest.mark.parametrize(
    "wrong", [{"gate": 0.0}, {"coast_time": -1.0}, {"confirm_hits": 7}, {"body_radius": float("nan")}], ids=str
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        TrackerConfig(**wrong)


def gtrack_frames(path: Path) -> Iterator[tuple[Points, Float64Array]]:
    """Detections (N, 6) in the sensor frame, and TI's own tracks' positions (K, 2), per frame."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        _, num_tlvs = struct.unpack_from("<2I", data, at)
        at += 8
        points, positions = no_points(), np.zeros((0, 2))
        for _ in range(num_tlvs):
            kind, length = struct.unpack_from("<2I", data, at)
            payload = data[at + 8 : at + 8 + length]
            at += 8 + length
            if kind == 6:
                r, azimuth, elevation, doppler, snr = np.frombuffer(payload, "<f4").reshape(-1, 5).T
                flat = r * np.cos(elevation)
                ti = np.stack((flat * np.sin(azimuth), flat * np.cos(azimuth), r * np.sin(elevation)), axis=1)
                columns = (ti_to_rep103(ti), np.stack((doppler, 10 * np.log10(snr), np.zeros_like(snr)), axis=1))
                points = np.hstack(columns).astype(np.float32)
            if kind == 7:
                rows = np.frombuffer(payload, [("tid", "<u4"), ("state", "<f4", 9)])
                ti = rows["state"].astype(np.float64)
                ti[:, 2] = 0.0
                positions = ti_to_rep103(ti[:, :3])[:, :2]
        yield points, positions


def test_agrees_with_the_tracks_of_ti_on_real_points(mission_data):
    """Four people come in one by one and then stand; TI holds still people for ever, we for `still_time`."""
    path = mission_data / "gtrack_vectors" / "gtrack_fHistScene4_3d_0001.bin"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    tracker = RadarTracker(TrackerConfig(), Mount(height=1.0))
    ours_total = theirs_total = matched = equal = 0
    apart: list[float] = []
    ids: set[int] = set()
    for k, (points, theirs) in enumerate(gtrack_frames(path)):
        ours = tracker.step(k * FRAME_NS // 2, k, points).tracks
        ids |= {track.track_id for track in ours}
        gaps = np.linalg.norm(np.array([t.position[:2] for t in ours]).reshape(-1, 1, 2) - theirs[np.newaxis], axis=2)
        paired = gaps[linear_sum_assignment(gaps)]
        apart += [gap for gap in paired if gap < 1.0]
        ours_total, theirs_total = ours_total + len(ours), theirs_total + len(theirs)
        matched, equal = matched + int(np.sum(paired < 1.0)), equal + (len(ours) == len(theirs))
    # benchmarks/tracker.py has the figures
    assert matched / theirs_total > 0.95
    assert matched / ours_total > 0.95
    assert equal / (k + 1) > 0.8
    median, most = np.percentile(apart, [50, 95])
    assert median < 0.05
    assert most < 0.25
    assert len(ids) <= 6


def test_follows_what_moves_in_the_doors_capture(mission_data):
    """No truth is known; the chip reports two azimuths for most detections, images are left out."""
    path = mission_data / "uart_captures" / "ti_doors_xwr68xx_processed_stream.dat"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    stream = FrameStream()
    tracker = RadarTracker(TrackerConfig(), Mount(height=1.0))
    frames = [
        tracker.step(frame.frame_number * FRAME_NS, frame.frame_number, frame.points)
        for frame in [*stream.feed(path.read_bytes()), *stream.finish()]
    ]
    assert len(frames) == 101
    still = [frame for frame in frames if frame.frame_number < 219]  # only static reflections, Doppler 0
    assert sum(len(frame.points) for frame in still) > 50
    assert not any(frame.tracks for frame in still)
    busy = [frame for frame in frames if 240 <= frame.frame_number < 260]
    assert all(frame.tracks for frame in busy)
    assert max(track.age for track in frames[-1].tracks) > 2.0


# --- people who stand -------------------------------------------------------------------------------------------------


def stopped(t: float) -> tuple[float, float]:
    """Walks for two seconds, then stands."""
    return 2.0 + 0.8 * min(t, 2.0), 0.5


def test_somebody_who_stands_unseen_keeps_the_place_and_the_id_and_walks_on():
    def path(t: float) -> tuple[float, float]:
        return stopped(t) if t < 20.0 else (3.6, 0.5 + 0.8 * (t - 20.0))

    frames = dict(follow(Walkers(path), 23.0, hidden=lambda t: (0,) if 3.0 < t < 20.0 else ()))
    assert {track.track_id for t, frame in frames.items() if t > 1 for track in frame.tracks} == {0}
    assert all(len(frame.tracks) == 1 for t, frame in frames.items() if t > 1)
    assert distance(frames[19.0].tracks[0], stopped(19.0)) < 0.3
    assert frames[19.0].tracks[0].missed_frames > 150
    np.testing.assert_array_equal(frames[19.0].tracks[0].velocity, 0.0)


def test_who_stands_unseen_too_long_is_gone():
    config = TrackerConfig(still_time=5.0)
    frames = dict(follow(Walkers(stopped), 10.0, hidden=lambda t: (0,) if t > 3.0 else (), config=config))
    assert frames[7.9].tracks
    assert not frames[8.1].tracks


def test_who_walks_past_somebody_unseen_keeps_an_id_of_their_own():
    passing = straight((4.4, -3.0), (0.0, 1.0))
    walkers = Walkers(stopped, passing)
    frames = dict(follow(walkers, 8.0, hidden=lambda t: (0,) if t > 3.0 else ()))
    standing = min(frames[2.9].tracks, key=lambda track: distance(track, stopped(2.9))).track_id
    (walking,) = {track.track_id for track in frames[2.9].tracks} - {standing}
    at_the_end = {track.track_id: track for track in frames[7.5].tracks}
    assert distance(at_the_end[walking], passing(7.5)) < 0.4
    assert distance(at_the_end[standing], stopped(7.5)) < 0.4


# --- ghosts -----------------------------------------------------------------------------------------------------------


def reflected(points: Points, *, farther: float, weaker: float, count: int) -> Points:
    """Some detections once more: farther along their line of sight [m] and weaker [dB]."""
    ghost = points[:count].copy()
    spans = np.linalg.norm(ghost[:, :3], axis=1, keepdims=True)
    ghost[:, :3] *= (spans + farther) / spans
    ghost[:, 4] -= weaker
    return ghost


@pytest.mark.parametrize(("weaker", "count", "tracks"), [(12.0, 3, 1), (0.0, 3, 2), (12.0, 12, 2)])
def test_a_weak_echo_behind_somebody_is_their_reflection(weaker, count, tracks):
    path = straight((3.0, 0.0), (0.3, 0.0))
    walkers = Walkers(path)
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    for k in range(30):
        points = walkers.frame(k / 10)
        ghost = reflected(points, farther=2.5, weaker=weaker + 10 * np.log10(len(points) / count), count=count)
        frame = tracker.step(k * FRAME_NS, k, np.concatenate((points, ghost)))
    assert len(frame.tracks) == tracks
    assert distance(frame.tracks[0], path(2.9)) < 0.3


def test_without_snr_no_echo_is_taken_for_weak():
    walkers = Walkers(straight((3.0, 0.0), (0.3, 0.0)))
    tracker = RadarTracker(TrackerConfig(), MOUNT)
    for k in range(30):
        points = walkers.frame(k / 10)
        both = np.concatenate((points, reflected(points, farther=2.5, weaker=0.0, count=3)))
        both[:, 4] = 0.0
        frame = tracker.step(k * FRAME_NS, k, both)
    assert len(frame.tracks) == 2


def turned(points: Points, degrees: float) -> Points:
    """At the same ranges and velocities in another direction."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    image = points.copy()
    image[:, 0], image[:, 1] = c * points[:, 0] - s * points[:, 1], s * points[:, 0] + c * points[:, 1]
    return image


@pytest.mark.parametrize(("exact", "tracks"), [(True, 1), (False, 2)])
def test_a_track_of_doubles_is_an_image(exact, tracks):
    path = straight((3.0, 0.0), (0.3, 0.0))
    walkers, others = Walkers(path), Walkers(path, seed=1)
    tracker = RadarTracker(TrackerConfig(), Mount(height=1.0))
    for k in range(30):
        points = walkers.frame(k / 10)
        twin = turned((points if exact else others.frame(k / 10))[:8], 40.0)
        frame = tracker.step(k * FRAME_NS, k, np.concatenate((points, twin)))
    assert len(frame.tracks) == tracks


# --- several radars ---------------------------------------------------------------------------------------------------

SIDE = SensorPose(Mount(height=1.2), position=(4.0, -4.0), yaw_deg=90.0)
"""A second radar, in the room frame of the first one."""


class SeenFromTheSide(Walkers):
    """The same people before SIDE."""

    def __init__(self, *paths: Path2D, seed: int = 5) -> None:
        super().__init__(*(self.beside(path) for path in paths), seed=seed)

    @staticmethod
    def beside(path: Path2D) -> Path2D:
        return lambda t: (path(t)[1] + 4.0, 4.0 - path(t)[0])

    def frame(self, t: float, hidden: tuple[int, ...] = ()) -> Points:
        points = super().frame(t, hidden)
        room = sensor_to_room(points[:, :3], MOUNT)
        points[:, :3] = room_to_sensor(room, SIDE.mount)
        return points


def test_two_radars_follow_one_person():
    path = straight((5.0, -1.0), (-0.5, 0.6))
    ahead, side = Walkers(path), SeenFromTheSide(path)
    tracker = RadarTracker(TrackerConfig(), MOUNT, [SIDE])
    for k in range(40):
        t = k / 10
        tracker.step(k * FRAME_NS, k, ahead.frame(t))
        frame = tracker.step(k * FRAME_NS + FRAME_NS // 3, k, side.frame(t + 1 / 30), radar=1)
        assert [track.track_id for track in frame.tracks] == ([0] if k >= 1 else [])
    (track,) = frame.tracks
    assert distance(track, path(t + 1 / 30)) < 0.2
    np.testing.assert_allclose(track.velocity[:2], (-0.5, 0.6), atol=0.3)  # both components are measured
    assert np.median(np.linalg.norm(frame.points[:, :2] - track.position[:2], axis=1)) < 0.4


def test_who_leaves_the_sight_of_one_radar_is_followed_by_the_other():
    path = straight((4.0, -2.0), (0.0, 0.8))
    ahead, side = Walkers(path), SeenFromTheSide(path)
    tracker = RadarTracker(TrackerConfig(), MOUNT, [SIDE])
    for k in range(50):
        t = k / 10
        frame = tracker.step(k * FRAME_NS, k, ahead.frame(t) if 1.0 < t < 2.5 else no_points())
        if t > 2.0:
            frame = tracker.step(k * FRAME_NS, k, side.frame(t), radar=1)
    assert [track.track_id for track in frame.tracks] == [0]
    assert distance(frame.tracks[0], path(t)) < 0.3


def test_a_late_frame_of_the_other_radar_ends_nothing():
    path = straight((4.0, 0.0), (0.0, 0.5))
    ahead, side = Walkers(path), SeenFromTheSide(path)
    tracker = RadarTracker(TrackerConfig(), MOUNT, [SIDE])
    for k in range(1, 30):
        frame = tracker.step(k * FRAME_NS, k, ahead.frame(k / 10))
        late = tracker.step(k * FRAME_NS - FRAME_NS // 4, k, side.frame(k / 10 - 0.025), radar=1)
        assert late.stamp_ns == k * FRAME_NS - FRAME_NS // 4
    assert [track.track_id for track in late.tracks] == [0]
    assert late.tracks[0].age == frame.tracks[0].age == pytest.approx(2.8)  # told as of the newest frame
    anew = tracker.step(FRAME_NS, 1, side.frame(0.1), radar=1)  # its own clock went back
    assert anew.tracks == ()
