"""The network that reads pictures: joints, outline and silhouette of a walker, and nothing of what they wear.

It is learnt on single frames, of which there are hundreds of times more than people, and frozen then, so that clothes
and faces cannot be taken for identity. Networks that match read what it says.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.camera.skeleton import Joint
from mission_core.models.pictures.backbones import MAP_COLUMNS, MAP_ROWS, backbone
from mission_core.models.pictures.configuration import PictureConfig
from mission_core.types import CROP_HEIGHT, CROP_WIDTH, NUM_JOINTS, Float32Array, ImageArray

BANDS = 12
"""Bands of rows, from the top of the crop, in each of which the outline has a left and a right end."""
NUM_OUTLINE = 2 * BANDS
SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH = CROP_HEIGHT // 2, CROP_WIDTH // 2
JOINTS_AND_OUTLINE = 3 * NUM_JOINTS + NUM_OUTLINE
BEFORE_MAP = JOINTS_AND_OUTLINE + SILHOUETTE_HEIGHT * SILHOUETTE_WIDTH
"""Where what is read of a picture goes on with the silhouette, and with the map."""


def silhouette(mask: ImageArray) -> Float32Array:
    """Share of the person in each 2 x 2 pixels of a mask (CROP_HEIGHT, CROP_WIDTH), 255 where there is one."""
    covered: Float32Array = (
        (mask > 127).reshape(SILHOUETTE_HEIGHT, 2, SILHOUETTE_WIDTH, 2).mean(axis=(1, 3), dtype="f4")
    )
    return covered


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


# sizes are default arguments because TorchScript sees no constants of a module


def joints_and_outline(seen: Tensor, end: int = JOINTS_AND_OUTLINE) -> Tensor:
    """These two parts of what is read of pictures (..., S): (..., 3 * NUM_JOINTS + NUM_OUTLINE)."""
    return seen[..., :end]


def silhouettes(
    seen: Tensor,
    start: int = JOINTS_AND_OUTLINE,
    end: int = BEFORE_MAP,
    height: int = SILHOUETTE_HEIGHT,
    width: int = SILHOUETTE_WIDTH,
) -> Tensor:
    """Probability that each pixel shows the person, (..., SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH)."""
    return seen[..., start:end].sigmoid().unflatten(-1, (height, width))


def feature_map(seen: Tensor, start: int = BEFORE_MAP, rows: int = MAP_ROWS, columns: int = MAP_COLUMNS) -> Tensor:
    """The backbone's map, (..., channels, rows, columns)."""
    return seen[..., start:].unflatten(-1, (-1, rows, columns))


class PictureNetwork(nn.Module):
    """Joints, outline and silhouette of single crops, and the map of features that they were read from."""

    offset: Tensor
    scale: Tensor
    mean_joints: Tensor

    def __init__(self, config: PictureConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone(config.backbone, config.weights)
        self.geometry = nn.Sequential(nn.Linear(5, 32), nn.ReLU())
        channels = self.backbone.channels
        self.narrow = nn.Conv2d(channels, 128, 1) if channels > 128 else nn.Identity()
        self.head = nn.Sequential(
            nn.Linear(MAP_ROWS * MAP_COLUMNS * 128 + 32, 256),
            nn.LayerNorm(256),
            nn.ReLU(),
            nn.Linear(256, 3 * NUM_JOINTS + NUM_OUTLINE),
        )
        # each place of the map tells its 8 x 8 pixels of the silhouette
        self.silhouette = nn.Sequential(nn.Conv2d(128, 128, 3, 1, 1), nn.ReLU(), nn.Conv2d(128, 64, 1))
        # typical value and spread of lateral offset, distance, height and width [m]
        self.register_buffer("offset", torch.tensor([0.0, 4.0, 1.7, 0.6]))
        self.register_buffer("scale", torch.tensor([1.5, 1.5, 0.1, 0.2]))
        self.register_buffer("mean_joints", torch.zeros(NUM_JOINTS, 3))  # of the walks that are learnt from [m]

    def forward(self, crops: Tensor, geometry: Tensor) -> Tensor:
        """Reads crops (B, H, W, 3) uint8 RGB with geometry (B, 4) [m], NaN where unknown.

        Returns:
            (B, S): joints [m] in the frame of `processing.body_frame`, ends of the outline [share
            of the crop's width], logits of the silhouette, and the backbone's map; `joints_and_outline`, `silhouettes`
            and `feature_map` take them apart.
        """
        shown = self.backbone(crops)
        narrow = self.narrow(shown)
        known = torch.isfinite(geometry).all(dim=-1, keepdim=True)
        metric = (torch.nan_to_num(geometry) - self.offset) / self.scale * known
        found = self.head(
            torch.cat([narrow.flatten(1), self.geometry(torch.cat([metric, known.float()], dim=-1))], dim=-1)
        )
        size = self.mean_joints.numel()
        joints = found[:, :size] + self.mean_joints.flatten()
        silhouette = functional.pixel_shuffle(self.silhouette(narrow), 8)
        return torch.cat([joints, found[:, size:], silhouette.flatten(1), shown.flatten(1)], dim=-1)


def _mirrored() -> list[int]:
    names = {joint.name: int(joint) for joint in Joint}
    swap = {"_LEFT": "_RIGHT", "_RIGHT": "_LEFT"}
    return [
        next((names[name.removesuffix(a) + b] for a, b in swap.items() if name.endswith(a)), place)
        for name, place in names.items()
    ]


MIRRORED_JOINTS = _mirrored()
"""For each joint the one on the other side of the body."""
