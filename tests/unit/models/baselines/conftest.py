"""Clips that baselines read: of one size, partly absent, drawn once for all."""

import pytest
import torch
from torch import Tensor

from mission_core.models.pictures.configuration import PictureConfig
from mission_core.models.pictures.network import PictureNetwork

CLIPS, FRAMES, POINTS = 3, 12, 9
SNIPPET = 7


@pytest.fixture(scope="session")
def pictures() -> PictureNetwork:
    torch.manual_seed(0)
    network = PictureNetwork(PictureConfig()).eval()
    network.mean_joints.normal_()
    return network


@pytest.fixture
def radar() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.ones(CLIPS, FRAMES, dtype=torch.bool)
    frames[0, :5] = False
    present = (torch.rand(CLIPS, FRAMES, POINTS, generator=generator) < 0.7) & frames.unsqueeze(-1)
    present[1, 3] = False  # a frame in which nothing was detected
    spread, middle = torch.tensor([0.3, 0.3, 0.5, 8.0, 1.0]), torch.tensor([0.0, 0.0, 1.0, 20.0, 0.0])
    points = (torch.randn(*present.shape, 5, generator=generator) * spread + middle) * present.unsqueeze(-1)
    motion = torch.randn(CLIPS, FRAMES, 3, generator=generator) * frames.unsqueeze(-1)
    return {"points": points, "present": present, "frames": frames, "motion": motion}


@pytest.fixture
def camera(pictures: PictureNetwork) -> dict[str, Tensor]:
    """What was seen of clips, of one of which the geometry is not known."""
    generator = torch.Generator().manual_seed(2)
    crops = torch.randint(0, 256, (CLIPS * SNIPPET, 96, 64, 3), dtype=torch.uint8, generator=generator)
    geometry = torch.tensor([0.3, 4.0, 1.7, 0.6]) + 0.1 * torch.randn(CLIPS, SNIPPET, 4, generator=generator)
    geometry[1] = float("nan")
    with torch.inference_mode():
        seen = pictures(crops, geometry.flatten(0, 1)).reshape(CLIPS, SNIPPET, -1)
    return {"seen": seen.clone(), "geometry": geometry}
