import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
import tracker
from tracker import Crossing, Plain, Sequences, comparable, fate, read, scores, write

from mission_core.types import Mount

TIMES = np.arange(0.0, 4.0, 0.1)


def crossing() -> Crossing:
    """Two people who pass each other, 1 m apart, after 2 s."""
    truth = np.zeros((len(TIMES), 2, 2))
    truth[:, 0] = np.stack((4.0 + 0 * TIMES, TIMES - 2.0), axis=1)
    truth[:, 1] = np.stack((5.0 + 0 * TIMES, 2.0 - TIMES), axis=1)
    nothing = np.zeros((0, 6), np.float32)
    one = np.ones((1, 6), np.float32)
    return Crossing(TIMES, truth, tuple((nothing, one) for _ in TIMES), 2.0, 1.0, 180.0)


def tracked(recording: Crossing, ids: list[tuple[int, int]]) -> Sequences:
    """Both people where they are, under the ids of each frame."""
    places = [dict(zip(names, where, strict=True)) for names, where in zip(ids, recording.truth, strict=True)]
    return Sequences([dict(enumerate(where)) for where in recording.truth], places)


@pytest.mark.parametrize(
    ("after", "expected"), [((3, 8), "kept"), ((8, 3), "exchanged"), ((3, 9), "lost"), ((9, 3), "exchanged")]
)
def test_fate_of_two_ids(after: tuple[int, int], expected: str) -> None:
    recording = crossing()
    ids = [(3, 8) if t < 2.0 else after for t in TIMES]
    assert fate(recording, tracked(recording, ids)) == expected


def test_somebody_who_is_not_tracked_is_lost() -> None:
    recording = crossing()
    sequences = tracked(recording, [(3, 8)] * len(TIMES))
    for places in sequences.tracked:
        del places[8]
    assert fate(recording, sequences) == "lost"


def test_likeness_ends_at_two_metres() -> None:
    sequences = Sequences(
        [{5: np.array([0.0, 0.0])}, {}], [{7: np.array([0.5, 0.0]), 9: np.array([3.0, 0.0])}, {9: np.zeros(2)}]
    )
    data = comparable(sequences)
    np.testing.assert_allclose(data["similarity_scores"][0], [[0.75, 0.0]])  # type: ignore[index]
    assert data["similarity_scores"][1].shape == (0, 1)  # type: ignore[index]
    assert [ids.tolist() for ids in data["tracker_ids"]] == [[0, 1], [1]]  # type: ignore[attr-defined]
    assert (data["num_gt_dets"], data["num_tracker_dets"], data["num_tracker_ids"]) == (1, 3, 2)


def test_scores_are_those_of_the_library() -> None:
    pytest.importorskip("trackeval", reason="benchmarks/requirements.txt is not installed")
    recording = crossing()
    perfect = scores([tracked(recording, [(3, 8)] * len(TIMES))])
    assert (perfect["MOTA"], perfect["HOTA"], perfect["IDSW"]) == pytest.approx((1.0, 1.0, 0.0))
    exchanged = scores([tracked(recording, [(3, 8) if t < 2.0 else (8, 3) for t in TIMES])])
    assert exchanged["IDSW"] == 2
    assert exchanged["IDF1"] == pytest.approx(0.5, abs=0.03)


def test_recordings_come_back_as_they_were(tmp_path: Path) -> None:
    recording = crossing()
    write(recording, tmp_path / "c.npz")
    again = read(tmp_path / "c.npz")
    np.testing.assert_array_equal(again.truth, recording.truth)
    assert (again.meeting, again.closest, again.angle) == (2.0, 1.0, 180.0)
    assert [tuple(map(len, clouds)) for clouds in again.clouds] == [(0, 1)] * len(TIMES)
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


def test_the_plain_tracker_follows_one_person_and_forgets_them() -> None:
    plain = Plain(Mount(height=1.0))
    rng = np.random.default_rng(0)
    for k in range(40):
        points = np.zeros((8, 6), np.float32)
        points[:, :3] = rng.normal((3.0 + 0.1 * k, 0.0, 0.0), 0.1, (8, 3))
        points[:, 3] = 1.0
        found = plain(k * 100_000_000, [points] if k < 20 else [points[:0]])
        if 5 < k < 20:
            assert list(found) == [0]
            assert np.linalg.norm(found[0] - (3.0 + 0.1 * k, 0.0)) < 0.3
    assert found == {}


def test_people_who_cross_are_nobody_elses() -> None:
    motions, angle = tracker.encounter(3)
    assert 30.0 <= angle <= 180.0
    assert all(motion.person.seed >= tracker.FIRST_SEED for motion in motions)
    times = np.arange(0.0, min(motion.duration for motion in motions), 0.1)
    one, other = (motion.joints(times)[:, 0, :2] for motion in motions)
    assert 0.3 < np.linalg.norm(one - other, axis=1).min() < 1.1
