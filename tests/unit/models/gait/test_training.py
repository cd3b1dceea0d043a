import numpy as np
import pytest
import torch

from mission_core.models.gait.training import surprise


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
