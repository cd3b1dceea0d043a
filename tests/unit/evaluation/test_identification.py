import inspect

import numpy as np
import pytest

from mission_core.evaluation.identification import (
    Identification,
    fit_calibration,
    score_queries,
    shuffle_between_people,
)
from mission_core.models.reid.model import best_clips
from mission_core.models.reid.processing import RadarClip

EVERY = np.ones(1, bool)


def clips(count: int) -> list[RadarClip]:
    return [
        RadarClip(np.full((1, 1, 5), i, np.float32), EVERY[:, None], EVERY, np.zeros((1, 3), np.float32))
        for i in range(count)
    ]


def noisy(people: int, queries: int, noise: float, seed: int = 0) -> Identification:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(people), queries)
    distances = rng.normal(1.0, noise, (len(truth), people))
    distances[np.arange(len(truth)), truth] -= 0.5
    return Identification(distances, truth)


def test_best_clip_speaks_for_a_person() -> None:
    distances = np.array([[0.5, 0.1, 0.9], [0.2, 0.8, 0.3]])
    assert best_clips(distances, np.array([0, 1, 0])).tolist() == [[0, 1], [0, 1]]


def test_no_label_can_reach_the_scorer() -> None:
    known = {"model", "clips", "features", "owner", "earlier", "batch"}
    assert set(inspect.signature(score_queries).parameters) == known


def test_figures_among_fewer_candidates_agree_with_drawing_them() -> None:
    result = noisy(20, 3, 0.3)
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(400):
        for query, person in enumerate(result.truth):
            others = rng.choice(np.delete(np.arange(20), person), 4, replace=False)
            hits.append((result.distances[query, others] <= result.distances[query, person]).sum() < 2)
    assert result.top_among(2, 5) == pytest.approx(np.mean(hits), abs=0.01)


def test_summary_of_a_perfect_and_of_a_blind_method() -> None:
    perfect = noisy(30, 4, 0.0).summary()
    assert (perfect["top1"], perfect["mAP"], perfect["top1_among_10"]) == (1.0, 1.0, 1.0)
    rng = np.random.default_rng(0)
    blind = Identification(rng.normal(size=(900, 30)), np.repeat(np.arange(30), 30)).summary()
    assert blind["top1_95"][0] <= blind["chance_top1"] <= blind["top1_95"][1]
    assert blind["top1_among_10"] == pytest.approx(0.1, abs=0.03)


def test_control_gives_every_query_the_clip_of_somebody_else_and_loses_none() -> None:
    truth = np.array([2, 0, 1, 1, 0, 2, 2, 0])
    shuffled = shuffle_between_people(clips(8), truth)
    source = [int(clip.points.flat[0]) for clip in shuffled]
    assert sorted(source) == list(range(8))
    assert all(truth[i] != truth[j] for i, j in enumerate(source))


def test_calibrated_probabilities_mean_what_they_say() -> None:
    validation, test = noisy(40, 10, 0.25, seed=1), noisy(40, 10, 0.25, seed=2)
    fitted = fit_calibration(validation.distances, validation.truth, candidates=10)
    sharpness, unknown = fitted.sharpness, fitted.unknown_logit
    rng = np.random.default_rng(3)
    first, correct, unknown_when_in, unknown_when_out = [], [], [], []
    for query, person in enumerate(test.truth):
        others = rng.choice(np.delete(np.arange(40), person), 10, replace=False)
        for gallery in (np.append(others[:9], person), others):
            logits = np.append(-sharpness * test.distances[query, gallery], unknown + np.log(10))
            probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            first.append(probabilities.max())
            best = int(probabilities.argmax())
            correct.append(gallery[best] == person if best < 10 else person not in gallery)
            (unknown_when_in if person in gallery else unknown_when_out).append(probabilities[-1])
    assert np.mean(correct) == pytest.approx(np.mean(first), abs=0.05)
    assert np.mean(unknown_when_out) > np.mean(unknown_when_in) + 0.2
