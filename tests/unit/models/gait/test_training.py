import numpy as np
import pytest
import torch

from mission_core.models.gait.training import latent_parameters, surprise
from mission_core.sim.cohort import PARAMETERS

PEOPLE = range(2_000_000, 2_000_400)


def test_latent_parameters_are_decorrelated_over_people_it_was_not_fitted_on() -> None:
    vectors = np.stack([latent_parameters(seed) for seed in PEOPLE])
    assert vectors.shape[1] == len(PARAMETERS)
    assert np.abs(vectors.mean(axis=0)).max() < 0.25
    correlation = np.cov(vectors, rowvar=False)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.5


def test_the_mirror_image_of_a_person_differs_in_what_has_sides_only() -> None:
    difference = np.stack([latent_parameters(s) - latent_parameters(s, mirrored=True) for s in PEOPLE])
    assert np.linalg.matrix_rank(difference, tol=1e-2) == 2


def test_surprise_is_least_where_confidence_is_deserved() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(4000, 3, generator=generator)
    precision = 4.0
    measured = truth + torch.randn(truth.shape, generator=generator) / precision**0.5

    def told(claimed: float) -> float:
        evidence = torch.stack((measured * claimed, torch.full_like(measured, claimed)), dim=1)
        return float(surprise(evidence, truth))

    assert told(precision) < min(told(2.0), told(8.0)) < told(0.0)
    assert told(0.0) == pytest.approx(1.5, abs=0.1)  # nothing told: half of the number of parameters
    assert told(precision) == pytest.approx(1.5 - 1.5 * np.log(1 + precision), abs=0.1)
