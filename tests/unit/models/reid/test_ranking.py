from dataclasses import replace

import numpy as np
import pytest

from mission_core.errors import GalleryModelMismatch
from mission_core.gallery.store import Clip
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.processing import MOTION_SPAN
from mission_core.models.reid.ranking import EARLIER_WINDOWS, Reidentifier
from mission_core.models.reid.search import EXACT_UP_TO, PROPOSED
from mission_core.models.reid.windows import cut
from mission_core.types import Ranking, Track, TrackedFrame

MIN_FRAMES, PERIOD = 4, 0.3  # of frames at 10 Hz


def clip(person: str, seed: int, frames: int = 20) -> Clip:
    features = np.random.default_rng(seed).normal(size=(frames, 49)).astype(np.float32)
    return Clip(person_id=person, clip_id=f"{person}-{seed}", features=features, enrolled_ns=0)


def frame(number: int, tracks: tuple[int, ...], seed: int = 0) -> TrackedFrame:
    rng = np.random.default_rng((seed, number))
    zeros = np.zeros(3)
    found = tuple(Track(i, np.array([3.0, float(i), 1.0]), zeros, zeros, np.ones(4), 1.0, 5, 0) for i in tracks)
    points = rng.normal(size=(5 * len(tracks), 6)).astype(np.float32)
    labels = np.repeat(np.array(tracks, np.int32), 5)
    return TrackedFrame(number * 10**8, number, found, points, labels)


@pytest.fixture
def reidentifier(model: ReidModel) -> Reidentifier:
    result = Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    result.set_gallery([clip("P01", 1), clip("P00", 2), clip("P01", 3)])
    return result


def run(reidentifier: Reidentifier, numbers: range, tracks: tuple[int, ...] = (7,)) -> list[list[Ranking]]:
    return [reidentifier.step(frame(number, tracks)) for number in numbers]


def test_first_frames_are_collected_without_an_opinion(reidentifier: Reidentifier) -> None:
    results = run(reidentifier, range(MIN_FRAMES))
    assert [r[0].frames_used for r in results] == [1, 2, 3, 4]
    assert [bool(r[0].candidates) for r in results] == [False, False, False, True]
    assert results[0][0].unknown == 1.0


def test_ranking_is_sorted_sums_to_one_and_has_each_person_once(reidentifier: Reidentifier) -> None:
    ranking = run(reidentifier, range(10))[-1][0]
    scores = [candidate.score for candidate in ranking.candidates]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) + ranking.unknown == pytest.approx(1.0, abs=1e-6)
    assert sorted(c.person_id for c in ranking.candidates) == ["P00", "P01"]


def test_person_counts_by_their_best_clip(reidentifier: Reidentifier, model: ReidModel) -> None:
    ranking = run(reidentifier, range(10))[-1][0]
    chosen = next(c for c in ranking.candidates if c.person_id == "P01")
    alone = {}
    for seed in (1, 3):
        single = Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
        single.set_gallery([clip("P01", seed)])
        alone[f"P01-{seed}"] = run(single, range(10))[-1][0].candidates[0].distance
    assert chosen.clip_id == min(alone, key=alone.__getitem__)
    assert chosen.distance == pytest.approx(min(alone.values()), abs=1e-5)


def test_rankings_are_renewed_once_per_period_of_measurement_time(reidentifier: Reidentifier) -> None:
    results = [r[0] for r in run(reidentifier, range(20))]
    renewed = [n for n in range(MIN_FRAMES, 20) if results[n] is not results[n - 1]]
    assert renewed == [6, 9, 12, 15, 18]


def test_rankings_do_not_depend_on_where_a_recording_begins(model: ReidModel) -> None:
    results = []
    for first in (0, 5):
        reidentifier = Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
        reidentifier.set_gallery([clip("P00", 1), clip("P01", 2)])
        results.append(run(reidentifier, range(first, 20))[-1][0])
    assert results[0] == results[1]


def test_tracks_that_ended_are_forgotten(reidentifier: Reidentifier) -> None:
    run(reidentifier, range(10), (7, 8))
    assert [r.track_id for r in reidentifier.step(frame(10, (8,)))] == [8]
    assert reidentifier.step(frame(11, (7, 8)))[0].frames_used == 1


def test_lost_frames_leave_a_gap_in_the_clip(model: ReidModel) -> None:
    reidentifier = Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    reidentifier.set_gallery([clip("P00", 1)])
    whole = [reidentifier.step(frame(number, (7,)))[0] for number in range(7)][-1]
    assert whole.frames_used == 6
    assert reidentifier.step(frame(9, (7,)))[0].frames_used == 4  # of the last six, two were lost


def test_a_restarted_tracker_gives_its_ids_to_other_people(reidentifier: Reidentifier) -> None:
    run(reidentifier, range(10))
    young = frame(10, (7,))
    restarted = replace(young, tracks=(replace(young.tracks[0], age=0.0),))
    assert reidentifier.step(restarted)[0].frames_used == 1


def test_empty_gallery_leaves_everybody_unknown(model: ReidModel) -> None:
    ranking = run(Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES), range(10))[-1][0]
    assert (ranking.candidates, ranking.unknown) == ((), 1.0)
    assert ranking.frames_used == 6


def test_new_gallery_counts_from_the_next_frame(reidentifier: Reidentifier) -> None:
    run(reidentifier, range(13))
    reidentifier.set_gallery([clip("P09", 9)])
    ranking = reidentifier.step(frame(13, (7,)))[0]
    assert [c.person_id for c in ranking.candidates] == ["P09"]


def test_features_of_another_length_are_refused(reidentifier: Reidentifier) -> None:
    with pytest.raises(GalleryModelMismatch, match=r"features of shape \(4, 49\)"):
        reidentifier.set_gallery([clip("P00", 1, frames=4)])


# --- a model that merges clips, and windows ---


def walk(number: int, velocity: tuple[float, float], place: tuple[float, float]) -> TrackedFrame:
    """Frame of one track that is somewhere and goes somewhere."""
    zeros = np.zeros(3)
    position, speed = np.array([*place, 1.0]), np.array([*velocity, 0.0])
    points = np.random.default_rng(number).normal(size=(5, 6)).astype(np.float32)
    found = (Track(7, position, speed, zeros, np.ones(4), 1.0 + number, 5, 0),)
    return TrackedFrame(number * 10**8, number, found, points, np.full(5, 7, np.int32))


def to_and_fro(reidentifier: Reidentifier, laps: int) -> list[Ranking]:
    """Ten frames away from the radar, ten back, and so on."""
    results = []
    for number in range(20 * laps):
        lap, part = divmod(number, 10)
        ahead = 1 if lap % 2 == 0 else -1
        place = 3.0 + 0.15 * part if ahead > 0 else 4.5 - 0.15 * part
        results += reidentifier.step(walk(number, (1.5 * ahead, 0.0), (place, 0.0)))
    return results


@pytest.fixture
def adding(gait_model: ReidModel) -> Reidentifier:
    result = Reidentifier(gait_model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(size=(3, *gait_model.feature_shape))).astype(np.float32)
    people = ("P01", "P00", "P01")
    result.set_gallery(
        [Clip(p, f"{p}-{i}", f, enrolled_ns=i) for i, (p, f) in enumerate(zip(people, features, strict=True))]
    )
    return result


def test_what_straight_windows_say_adds_up(adding: Reidentifier) -> None:
    used = [ranking.frames_used for ranking in to_and_fro(adding, 4)]
    assert used[9] <= 10
    assert max(used) > adding.model.num_frames
    assert max(used) <= 10 * (EARLIER_WINDOWS + 2)
    ranking = to_and_fro(adding, 1)[-1]
    assert sum(c.score for c in ranking.candidates) + ranking.unknown == pytest.approx(1.0, abs=1e-5)


def test_recorded_tracks_are_cut_as_the_node_cuts_them(gait_model: ReidModel) -> None:
    reidentifier = Reidentifier(gait_model, period=0.1, min_seconds=0.1 * MIN_FRAMES)
    span = round(10.0 * MOTION_SPAN)
    way = np.cumsum(0.12 * np.sin(np.arange(100) / 8.0))
    places = np.stack((4.0 + way, 0.02 * np.arange(100)), axis=1)
    for number, place in enumerate(places):
        velocity = (place - places[max(number - span, 0)]) / (0.1 * min(max(number, 1), span))
        (ranking,) = reidentifier.step(walk(number, (velocity[0], velocity[1]), (place[0], place[1])))
        lengths = [part.stop - part.start for part in cut(places[: number + 1], 10.0, gait_model.num_frames)]
        said = [length for length in lengths[:-1] if length >= MIN_FRAMES][-EARLIER_WINDOWS:]
        if lengths[-1] >= MIN_FRAMES:
            assert ranking.frames_used == lengths[-1] + sum(said), number
    assert len(said) == EARLIER_WINDOWS


def test_what_was_long_ago_is_forgotten(adding: Reidentifier, gait_model: ReidModel) -> None:
    whole = to_and_fro(adding, 5)
    late = Reidentifier(gait_model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    late._gallery, late._people = adding._gallery, adding._people
    late._speakers = adding._speakers
    frames = [walk(n, (1.5, 0.0), (3.0 + 0.15 * (n % 10), 0.0)) for n in range(5)]
    for frame in frames:  # the beginning is another one
        late.step(frame)
    assert [r.candidates for r in to_and_fro(late, 5)][-5:] == [r.candidates for r in whole][-5:]


def test_somebody_who_stands_keeps_the_last_ranking(adding: Reidentifier) -> None:
    last = to_and_fro(adding, 1)[-1]
    for number in range(20, 40):
        (ranking,) = adding.step(walk(number, (0.05, 0.0), (3.0, 0.0)))
    assert ranking == last


def test_nothing_before_somebody_stood_counts_for_what_looks_back_on_none_of_it(
    adding: Reidentifier, gait_model: ReidModel
) -> None:
    """Neither which frames a radar that is not on time is read at, nor where windows end: both runs go on alike."""
    late = Reidentifier(gait_model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    late._gallery, late._people, late._speakers = adding._gallery, adding._people, adding._speakers
    rng = np.random.default_rng(0)
    settled = 0
    for number in range(160):
        speed = 0.1 if number % 16 < 2 else 1.5
        seen = walk(number, (speed, 0.0), (3.0 + 0.15 * (number % 16), 0.0))
        seen = replace(seen, stamp_ns=seen.stamp_ns + round(rng.uniform(-0.045, 0.045) * 1e9))
        one = adding.step(seen)[0]
        if number < 6:
            begin_ns = seen.stamp_ns
            continue
        other = late.step(seen)[0]
        if one.since_ns > begin_ns + 10**8:
            settled += 1
            assert one == other, number
    assert settled > 60


def test_merged_clips_are_named_by_the_newest(adding: Reidentifier) -> None:
    ranking = to_and_fro(adding, 1)[-1]
    assert {c.person_id: c.clip_id for c in ranking.candidates} == {"P01": "P01-2", "P00": "P00-1"}


def test_of_a_large_gallery_those_who_are_proposed_are_listed(gait_model: ReidModel) -> None:
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(size=(EXACT_UP_TO + 1, *gait_model.feature_shape))).astype(np.float32)
    clips = [Clip(f"P{i:04d}", f"P{i:04d}-0", each, enrolled_ns=0) for i, each in enumerate(features)]
    rankings = []
    for enrolled in (clips, clips[:-1]):
        reidentifier = Reidentifier(gait_model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
        reidentifier.set_gallery(enrolled)
        rankings.append(to_and_fro(reidentifier, 1)[-1])
    large, small = rankings
    assert (len(large.candidates), len(small.candidates)) == (PROPOSED, EXACT_UP_TO)
    assert sum(c.score for c in large.candidates) + large.unknown == pytest.approx(1.0, abs=1e-5)
    head = [c.person_id for c in large.candidates if c.person_id != clips[-1].person_id][:10]
    assert head == [c.person_id for c in small.candidates][:10]


def test_of_a_faster_radar_as_many_frames_are_read_as_the_model_knows(model: ReidModel) -> None:
    def twice_as_fast(number: int) -> TrackedFrame:
        return replace(frame(number, (7,)), stamp_ns=number * 50_000_000)

    reidentifier = Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    used = [reidentifier.step(twice_as_fast(number))[0].frames_used for number in range(8)]
    assert used == [1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("late", [-0.02, 0.0, 0.05])
def test_frames_that_come_a_little_early_or_late_are_read_all_the_same(model: ReidModel, late: float) -> None:
    reidentifier = Reidentifier(model, period=PERIOD, min_seconds=0.1 * MIN_FRAMES)
    used = []
    for number in range(4):
        shift = round(late * 1e9) if number % 2 else 0
        used.append(reidentifier.step(replace(frame(number, (7,)), stamp_ns=10**9 + number * 10**8 + shift))[0])
    assert [ranking.frames_used for ranking in used] == [1, 2, 3, 4]


@pytest.mark.parametrize("rate", [9.9, 10.1])
def test_a_clock_that_goes_a_little_fast_or_slow_costs_no_frames(model: ReidModel, rate: float) -> None:
    rng = np.random.default_rng(0)
    reidentifier = Reidentifier(model, period=0.05, min_seconds=0.1 * MIN_FRAMES)
    for number in range(300):
        jitter = rng.uniform(-0.005, 0.005)
        stamp_ns = 10**9 + round((number / rate + jitter) * 1e9)
        (ranking,) = reidentifier.step(replace(frame(number, (7,)), stamp_ns=stamp_ns))
        assert ranking.frames_used == min(number + 1, model.num_frames), number
