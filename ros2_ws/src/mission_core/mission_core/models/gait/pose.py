"""What a crop of a walker shows: joints and outline, and nothing of what they wear.

This bottleneck is what the camera's side of the gait network reads. It is learnt on single frames, of which there are
hundreds times as many as people, so that clothes and faces cannot be taken for identity.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.camera.skeleton import Joint
from mission_core.types import CROP_HEIGHT, CROP_WIDTH, NUM_JOINTS, Float32Array, ImageArray

BANDS = 12
"""Bands of rows, from the top of the crop, in each of which the outline has a left and a right end."""
NUM_OUTLINE = 2 * BANDS


def outline(mask: ImageArray) -> tuple[Float32Array, Float32Array]:
    """Ends of the silhouette in each band of a crop.

    Args:
        mask: (CROP_HEIGHT, CROP_WIDTH), 255 where the crop shows the person.

    Returns:
        (BANDS, 2) left and right end, to the right of the crop's middle [share of its width], and (BANDS,) 1 where
        there is something of the person in the band.
    """
    covered = (torch.from_numpy(mask > 127).float().reshape(BANDS, -1, CROP_WIDTH).mean(dim=1) > 0.3).numpy()
    found = covered.any(axis=1)
    left, right = covered.argmax(axis=1), CROP_WIDTH - covered[:, ::-1].argmax(axis=1)
    ends = torch.from_numpy(left).float(), torch.from_numpy(right).float()
    both = (torch.stack(ends, dim=-1) / CROP_WIDTH - 0.5).numpy() * found[:, None]
    return both.astype("float32"), found.astype("float32")


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.first_norm, self.second_norm = nn.GroupNorm(8, outputs), nn.GroupNorm(8, outputs)
        self.around = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.around(x) + self.second_norm(self.second(inner)))


class PoseNetwork(nn.Module):
    """Joints and outline of single crops."""

    offset: Tensor
    scale: Tensor
    mean_joints: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 32, 4, 4, bias=False),  # the full resolution would take most of the time
            nn.GroupNorm(8, 32),
            nn.ReLU(),
            _Residual(32, 48, 1),
            _Residual(48, 96, 2),
            _Residual(96, 128, 2),
            nn.Flatten(),
        )
        self.geometry = nn.Sequential(nn.Linear(5, 32), nn.ReLU())
        places = (CROP_HEIGHT // 16) * (CROP_WIDTH // 16)
        self.head = nn.Sequential(
            nn.Linear(places * 128 + 32, 256),
            nn.LayerNorm(256),
            nn.ReLU(),
            nn.Linear(256, 3 * NUM_JOINTS + NUM_OUTLINE),
        )
        # typical value and spread of lateral offset, distance, height and width [m]
        self.register_buffer("offset", torch.tensor([0.0, 4.0, 1.7, 0.6]))
        self.register_buffer("scale", torch.tensor([1.5, 1.5, 0.1, 0.2]))
        self.register_buffer("mean_joints", torch.zeros(NUM_JOINTS, 3))  # of the walks that are learnt from [m]

    def forward(self, crops: Tensor, geometry: Tensor) -> tuple[Tensor, Tensor]:
        """Reads crops (B, H, W, 3) uint8 RGB with geometry (B, 4) [m], NaN where unknown.

        Returns:
            Joints (B, 32, 3) [m] in the frame of `processing.body_frame`, and outlines (B, BANDS, 2).
        """
        pixels = crops.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        known = torch.isfinite(geometry).all(dim=-1, keepdim=True)
        metric = (torch.nan_to_num(geometry) - self.offset) / self.scale * known
        shown = [self.convolutions(pixels), self.geometry(torch.cat([metric, known.float()], dim=-1))]
        found = self.head(torch.cat(shown, dim=-1))
        size = self.mean_joints.numel()
        return found[:, :size].reshape(-1, size // 3, 3) + self.mean_joints, found[:, size:].reshape(len(found), -1, 2)


def _mirrored() -> list[int]:
    names = {joint.name: int(joint) for joint in Joint}
    swap = {"_LEFT": "_RIGHT", "_RIGHT": "_LEFT"}
    return [
        next((names[name.removesuffix(a) + b] for a, b in swap.items() if name.endswith(a)), place)
        for name, place in names.items()
    ]


MIRRORED_JOINTS = _mirrored()
"""For each joint the one on the other side of the body."""
