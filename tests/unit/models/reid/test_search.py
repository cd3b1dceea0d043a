from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from mission_core.models.reid.model import ReidModel, best_clips
from mission_core.models.reid.network import MissionNetwork
from mission_core.models.reid.search import EXACT_UP_TO, PROPOSED, Found, Prepared, prepare, search
from mission_core.types import Float32Array

QUERIES, PEOPLE = 8, 3000


def evidence(number: int, latent: int, seed: int) -> Float32Array:
    """(number, 2, latent) of clips that tell much of some parameters and little of others."""
    rng = np.random.default_rng(seed)
    precision = np.exp(rng.normal(-0.5, 1.5, (number, latent)))
    parameters = rng.normal(size=(number, latent))
    information = precision * parameters + np.sqrt(precision) * rng.normal(size=(number, latent))
    return np.stack((information, precision), axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def gallery(gait_model: ReidModel) -> Prepared:
    return prepare(gait_model, evidence(PEOPLE, gait_model.feature_shape[1], 0), np.arange(PEOPLE))


@pytest.fixture(scope="module")
def radar(gait_model: ReidModel) -> Tensor:
    return torch.from_numpy(evidence(QUERIES, gait_model.feature_shape[1], 1))


def exactly(model: ReidModel, radar: Tensor, gallery: Prepared) -> list[Found]:
    return search(model, radar, replace(gallery, signatures=None))


def test_the_head_of_a_large_gallery_is_that_of_measuring_everybody(
    gait_model: ReidModel, gallery: Prepared, radar: Tensor
) -> None:
    for found, expected in zip(search(gait_model, radar, gallery), exactly(gait_model, radar, gallery), strict=True):
        assert len(found.people) == PROPOSED
        assert len(expected.people) == PEOPLE
        assert found.people[:20].tolist() == expected.people[:20].tolist()
        np.testing.assert_allclose(found.distances[:20], expected.distances[:20], atol=1e-4)
        np.testing.assert_array_equal(found.people, gallery.owner[found.entries])
        assert (np.diff(found.distances) >= 0).all()


def test_people_who_are_not_proposed_keep_their_share_of_the_probability(
    gait_model: ReidModel, gallery: Prepared, radar: Tensor
) -> None:
    for found, expected in zip(search(gait_model, radar, gallery), exactly(gait_model, radar, gallery), strict=True):
        assert found.probabilities.sum() + found.unknown == pytest.approx(1.0, abs=1e-5)
        others = ~np.isin(expected.people, found.people)
        assert found.unknown == pytest.approx(expected.unknown + expected.probabilities[others].sum(), abs=0.05)
        np.testing.assert_allclose(found.probabilities[:20], expected.probabilities[:20], atol=0.02)


def test_people_who_are_alike_for_nobody_leave_unknown_its_prior(gait_model: ReidModel, radar: Tensor) -> None:
    """Its logit grows with all people, not with those who are proposed."""
    alike = np.zeros((PEOPLE, *gait_model.feature_shape), np.float32)  # who tell nothing: every distance is zero
    unknown = [
        search(gait_model, radar, prepare(gait_model, alike[:n], np.arange(n)))[0] for n in (EXACT_UP_TO, PEOPLE)
    ]
    few, many = unknown
    nobody = 0.5  # the logit of a model that is not calibrated is that of half
    assert few.unknown == pytest.approx(nobody, abs=1e-5)
    assert many.unknown == pytest.approx(nobody + (1 - nobody) * (1 - PROPOSED / PEOPLE), abs=1e-3)
    assert many.probabilities[0] == pytest.approx((1 - nobody) / PEOPLE, rel=0.01)


def test_everybody_is_measured_in_a_small_gallery(gait_model: ReidModel, radar: Tensor) -> None:
    features = evidence(EXACT_UP_TO + 1, gait_model.feature_shape[1], 2)
    owner = np.arange(len(features))
    assert prepare(gait_model, features, owner).signatures is not None
    small = prepare(gait_model, features[:-1], owner[:-1])
    assert small.signatures is None
    distances = gait_model.compare(radar, features[:-1])
    for found, row, likely in zip(
        search(gait_model, radar, small), distances, gait_model.probabilities(distances), strict=True
    ):
        assert found.people.tolist() == np.argsort(-likely[:-1], kind="stable").tolist()
        assert found.distances.tolist() == row[found.people].tolist()
        assert found.unknown == likely[-1]


def test_all_clips_of_those_who_are_proposed_are_measured(model: ReidModel) -> None:
    """Of a model that does not merge clips: the nearest counts, whichever was the reason to propose the person."""
    rng = np.random.default_rng(3)
    people = EXACT_UP_TO + 100
    owner = rng.permutation(np.concatenate((np.arange(people), rng.integers(people, size=300))))
    gallery = prepare(model, rng.normal(size=(len(owner), *model.feature_shape)).astype(np.float32), owner)
    radar = torch.from_numpy(rng.normal(size=(2, 6, model.feature_shape[1])).astype(np.float32))
    exact = model.compare(radar, gallery.entries)
    best = best_clips(exact, owner)
    for found, row, nearest in zip(search(model, radar, gallery), exact, best, strict=True):
        assert len(found.people) == PROPOSED
        np.testing.assert_allclose(found.distances, row[nearest[found.people]], atol=1e-4)
        np.testing.assert_array_equal(owner[found.entries], found.people)


def test_exported_signatures_and_probes_are_those_of_the_network(model: ReidModel, network: MissionNetwork) -> None:
    rng = np.random.default_rng(5)
    entries = rng.normal(size=(70, *model.feature_shape)).astype(np.float32)
    radar = torch.from_numpy(rng.normal(size=(2, 6, model.feature_shape[1])).astype(np.float32))
    with torch.inference_mode():
        signatures = network.signatures(torch.from_numpy(entries))
        expected = network.probes(radar) @ signatures.T
    np.testing.assert_allclose(model.signatures(entries), signatures.numpy(), atol=1e-5)
    np.testing.assert_allclose(model.likeness(radar, model.signatures(entries)), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("owner", [[0, 1, 2, 3], [2, 0, 3, 1], [1, 0, 1, 2, 0, 1]])
def test_best_clips_are_the_nearest_of_each_and_the_first_of_equals(owner: list[int]) -> None:
    whose: NDArray[np.int64] = np.array(owner)
    distances = np.random.default_rng(4).integers(0, 3, (5, len(whose))).astype(float)
    for row, best in zip(distances, best_clips(distances, whose), strict=True):
        for person, index in enumerate(best):
            own = np.flatnonzero(whose == person)
            assert index == own[row[own].argmin()]
    assert best_clips(distances[:0], whose).shape == (0, whose.max() + 1)
