import numpy as np
import pytest

from mission_core.data import twin
from mission_core.data.following import Followed, longest_run
from mission_core.data.takes import TakeInfo
from mission_core.paths import share_directory
from mission_core.radar.profile import load_profile
from mission_core.sim import rooms
from mission_core.types import Track, TrackedFrame

PROFILES = share_directory() / "config" / "radar"


def tracked(*places: tuple[int, float]) -> Followed:
    """A frame with tracks of given ids, so far ahead."""
    tracks = tuple(
        Track(i, np.array([x, 0.0, 1.0]), np.zeros(3), np.zeros(3), np.zeros(4), 1.0, 5, 0) for i, x in places
    )
    return Followed(TrackedFrame(0, 1, tracks, np.zeros((0, 6), np.float32), np.zeros(0, np.int32)), {})


def pose(x: float) -> np.ndarray:
    return np.full((32, 3), (x, 0.0, 1.0))


def test_the_longest_time_with_one_track_is_followed() -> None:
    frames = [tracked((1, 2.0)), tracked((2, 2.1)), tracked((2, 2.2)), tracked(), tracked((2, 2.4), (5, 2.3))]
    joints = np.stack([pose(2.0 + 0.1 * k) for k in range(5)])
    assert twin.follow(frames, joints) == (2, slice(1, 3))
    nobody, run = twin.follow([tracked((1, 6.0))], joints[:1])
    assert nobody == -1
    assert run == slice(0, 0)


@pytest.mark.parametrize(
    ("usable", "expected"),
    [([], slice(0, 0)), ([0, 0], slice(0, 0)), ([1, 1, 0, 1], slice(0, 2)), ([0, 1, 0, 1, 1], slice(3, 5))],
)
def test_the_longest_run(usable: list[int], expected: slice) -> None:
    assert longest_run([bool(flag) for flag in usable]) == expected


@pytest.mark.parametrize("name", ["walking_10fps", "walking_heatmap_10fps"])
def test_a_radar_take_is_what_the_tracker_followed(name: str) -> None:
    profile = load_profile(PROFILES / f"{name}.cfg")
    who = rooms.person("P05")
    scenario = rooms.alone(who, "radar", np.random.default_rng(5), angle_deg=0.0, scene="hall")
    (take,) = twin.radar_takes(scenario, [TakeInfo("a", "P05", "a", "radar")], profile, start_ns=7)
    assert take.info.frames == len(take.points) == len(take.joints) == len(take.stamps_ns) >= 20
    steps = np.diff(take.stamps_ns)
    assert set(np.unique(steps)) <= {100_000_000, 200_000_000, 300_000_000}  # some frames are lost on the way
    times = (take.stamps_ns - 7) * 1e-9
    truth = scenario.motions[0].joints(times)
    assert np.linalg.norm(take.positions[:, :2] - truth[:, 0, :2], axis=1).mean() < 0.3
    points = np.concatenate(take.points)
    assert len(points) > 5 * take.info.frames
    assert np.quantile(points[:, 2], 0.05) > -0.5
    assert np.quantile(points[:, 2], 0.95) < 2.3
    # true joints in the body frame: pelvis over the origin, head above it
    np.testing.assert_allclose(take.joints[:, 0, :2], 0.0, atol=1e-6)
    assert 1.3 < take.joints[:, 26, 2].mean() < 1.9
    # the map shows the body at its speed
    assert take.doppler_kind == ("heatmap" if "heatmap" in name else "points")
    assert take.doppler.shape == (32, take.info.frames)
    radial = np.gradient(np.linalg.norm(truth[:, 0] - (0, 0, 1.0), axis=1), times)
    strongest = take.velocities[take.doppler.argmax(axis=0)]
    assert np.median(np.abs(strongest - radial)) < 0.4


def test_two_people_who_walk_side_by_side_are_told_apart() -> None:
    people = [rooms.person("P05"), rooms.person("P20")]
    profile = load_profile(PROFILES / "walking_10fps.cfg")
    scenario = rooms.two(people, "radar", np.random.default_rng(3), scene="hall", crossing=False)
    infos = [TakeInfo(p.person_id, p.person_id, p.person_id, "radar", people=2) for p in people]
    takes = twin.radar_takes(scenario, infos, profile)
    assert [take.info.person_id for take in takes] == ["P05", "P20"]
    middles = [np.median(np.concatenate(take.points)[:, 1]) for take in takes]
    assert abs(middles[0] - middles[1]) > 0.6
