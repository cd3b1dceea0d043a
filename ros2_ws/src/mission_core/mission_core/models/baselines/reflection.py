"""What a radar would have seen of the person in a camera clip, and an encoder of that (the paper's HRD).

Source: Cao et al., "Cross vision-RF gait re-identification with low-cost RGB-D cameras and mmWave radars", IMWUT 2022,
who turn the surface that a depth camera sees into a radar's signature, after a specular model of reflection, and learn
a metric between synthetic and measured ones. The Mission paper takes depth from HMR, a body predicted from the colour
picture, since its camera has none.

What stands for what: HMR's weights may not be shipped, so the joints that the picture network predicts stand for its
body; capsules around the bones, whose radii are fixed shares of the bones' lengths, for its surface; and their side
towards the sensor for what a depth camera would see of it. Bodies do not shade themselves. Points have the features
that measured ones have, so both sides read the same kind of clip; their encoders are alike and share no weights,
because no synthetic point is found by a detector, nor misplaced by a coarse angle. B clips, T frames, S stations.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mission_core.calibration import RADAR_MOUNT
from mission_core.camera.skeleton import Joint
from mission_core.camera.snippet import SNIPPET_RATE
from mission_core.models.baselines.radar import pointnet
from mission_core.models.layers import AttentionPooling, MetricBox
from mission_core.models.pictures.network import joints_and_outline
from mission_core.models.reid.processing import MOTION_SPAN
from mission_core.types import NUM_JOINTS

STATIONS = 4
"""Along each bone."""
TURNS = (-35.0, 0.0, 35.0)
"""Around each bone, from the side that faces the sensor [degrees]."""
USUAL_DISTANCE = 4.0  # of a person whose place is not known [m]


def _capsules() -> list[tuple[Joint, Joint, float]]:
    """First and last joint of each capsule, and its radius [share of its length]."""
    found = [
        (Joint.PELVIS, Joint.NECK, 0.26),
        (Joint.NECK, Joint.HEAD, 0.45),
        (Joint.SHOULDER_LEFT, Joint.SHOULDER_RIGHT, 0.17),
        (Joint.HIP_LEFT, Joint.HIP_RIGHT, 0.5),
    ]
    limbs = (
        ("SHOULDER", "ELBOW", 0.16),
        ("ELBOW", "WRIST", 0.14),
        ("HIP", "KNEE", 0.18),
        ("KNEE", "ANKLE", 0.13),
        ("ANKLE", "FOOT", 0.25),
    )
    for side in ("LEFT", "RIGHT"):
        found += [(Joint[f"{first}_{side}"], Joint[f"{last}_{side}"], radius) for first, last, radius in limbs]
    return found


class Reflections(nn.Module):
    """Synthetic radar clips from joints over time.

    A patch of area A whose normal is turned by an angle a from the line to the sensor is seen with
    ``level + 10 log10(A / patch) + 10 exponent log10(cos a)`` dB; what is fainter than `faintest` is not detected. The
    law of distance is left out: camera and radar see people at distances that tell nothing of them.
    """

    first: Tensor
    last: Tensor
    radius: Tensor
    along: Tensor
    turn: Tensor

    def __init__(self) -> None:
        super().__init__()
        capsules = _capsules()
        self.register_buffer("first", torch.tensor([int(first) for first, _, _ in capsules]), persistent=False)
        self.register_buffer("last", torch.tensor([int(last) for _, last, _ in capsules]), persistent=False)
        radius = torch.tensor([[radius] for _, _, radius in capsules]).repeat_interleave(STATIONS, dim=0)
        self.register_buffer("radius", radius, persistent=False)  # (S, 1)
        self.register_buffer("along", (torch.arange(STATIONS) + 0.5) / STATIONS, persistent=False)
        self.register_buffer("turn", torch.tensor([math.radians(turn) for turn in TURNS]), persistent=False)
        self.height = RADAR_MOUNT.height  # [m]
        self.period, self.usual = 1.0 / SNIPPET_RATE, USUAL_DISTANCE
        self.neighbours = round(MOTION_SPAN * SNIPPET_RATE)
        self.level, self.patch, self.faintest, self.exponent = 25.0, 0.01, 5.0, 8.0  # dB, m^2, dB

    def forward(self, joints: Tensor, geometry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A clip as a radar at its usual height would have it, where the camera is.

        Args:
            joints: (B, T, 32, 3) [m] in the frame of `processing.body_frame`.
            geometry: (B, T, 4) lateral offset, distance, height, width [m], NaN where unknown: the person then stands.

        Returns:
            Points (B, T, N, 5) as `processing.frame_points` has them, present (B, T, N), motion (B, T, 3) as
            `processing.track_motion` has it.
        """
        motion = self.motion(geometry)
        axis, direction, length = self.stations(joints)
        ray = self.rays(axis, motion[..., 2])
        whole = functional.pad(motion[..., :2], [0, 1]).unsqueeze(-2)  # velocity of the body (B, T, 1, 3)
        radial = ((self.velocity(axis) + whole) * ray).sum(dim=-1, keepdim=True)  # (B, T, S, 1)
        normal, cosine = self.facing(direction, ray)  # (B, T, S, turns, ...)
        radius = length * self.radius  # (B, T, S, 1)
        area = (radius * length / len(self.along)).unsqueeze(-2)
        strength = self.level + 10.0 * ((area / self.patch).log10() + self.exponent * cosine.log10())
        places = axis.unsqueeze(-2) + radius.unsqueeze(-2) * normal
        points = torch.cat([places, strength, radial.unsqueeze(-2).expand_as(strength)], dim=-1).flatten(2, 3)
        return points, points[..., 3] > self.faintest, motion

    def stations(self, joints: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Places on bones between joints (B, T, 32, 3), direction (B, T, S, 3) and length (B, T, S, 1) of each bone."""
        first = joints[:, :, self.first]
        bones = joints[:, :, self.last] - first  # (B, T, bones, 3)
        places = first.unsqueeze(-2) + bones.unsqueeze(-2) * self.along.unsqueeze(-1)
        length = torch.linalg.vector_norm(bones, dim=-1, keepdim=True).clamp(min=1e-3)
        each = len(self.along)
        return (
            places.flatten(2, 3),
            (bones / length).repeat_interleave(each, dim=2),
            length.repeat_interleave(each, dim=2),
        )

    def rays(self, places: Tensor, distance: Tensor) -> Tensor:
        """Directions (B, T, S, 3) from a sensor at a distance (B, T) from the body to places (B, T, S, 3)."""
        height = torch.full_like(distance, self.height)
        sensor = torch.stack([-distance, torch.zeros_like(distance), height], dim=-1).unsqueeze(-2)
        return functional.normalize(places - sensor, dim=-1)

    def facing(self, direction: Tensor, ray: Tensor) -> tuple[Tensor, Tensor]:
        """What of the surface around bones faces the sensor.

        Args:
            direction: (B, T, S, 3) of the bones.
            ray: (B, T, S, 3) direction from the sensor.

        Returns:
            Normals (B, T, S, turns, 3), and cosines (B, T, S, turns, 1) of the angles at which they are met.
        """
        facing = (ray * direction).sum(dim=-1, keepdim=True) * direction - ray  # towards the sensor, across the bone
        met = torch.linalg.vector_norm(facing, dim=-1, keepdim=True)
        facing = facing / met.clamp(min=1e-6)
        across = torch.linalg.cross(direction, facing)
        cos, sin = self.turn.cos().unsqueeze(-1), self.turn.sin().unsqueeze(-1)
        normal = facing.unsqueeze(-2) * cos + across.unsqueeze(-2) * sin
        return normal, (met.unsqueeze(-2) * cos).clamp(min=1e-3)

    def velocity(self, places: Tensor) -> Tensor:
        """Velocity of places (B, T, S, 3) [m/s] from one frame before to one frame after."""
        index = torch.arange(places.shape[1], device=places.device)
        before, after = (index - 1).clamp(min=0), (index + 1).clamp(max=places.shape[1] - 1)
        seconds = (after - before).clamp(min=1).to(places.dtype).reshape(-1, 1, 1) * self.period
        return (places[:, after] - places[:, before]) / seconds

    def motion(self, geometry: Tensor) -> Tensor:
        """What `processing.track_motion` tells of a track, from geometry (B, T, 4): (B, T, 3).

        Where geometry is not known, the person stands at the usual distance.
        """
        known = torch.isfinite(geometry[..., :2]).all(dim=-1)
        index = torch.arange(geometry.shape[1], device=geometry.device)
        before = (index - self.neighbours).clamp(min=0)
        after = (index + self.neighbours).clamp(max=geometry.shape[1] - 1)
        place = torch.nan_to_num(geometry[..., :2]).flip(-1)  # along the floor: forward, left
        seconds = (after - before).clamp(min=1).to(geometry.dtype).unsqueeze(-1) * self.period
        velocity = (place[:, after] - place[:, before]) / seconds
        velocity = velocity * (known[:, after] & known[:, before]).unsqueeze(-1)
        distance = torch.linalg.vector_norm(place, dim=-1).clamp(min=1e-6)
        away = (velocity * place).sum(dim=-1) / distance
        left = (velocity[..., 1] * place[..., 0] - velocity[..., 0] * place[..., 1]) / distance
        return torch.stack([away, left, torch.where(known, distance, torch.full_like(distance, self.usual))], dim=-1)


class ReflectionBranch(nn.Module):
    """Synthetic clip, PointNet and LSTM; motion and metric box are told to each frame, as to the other encoders."""

    def __init__(self, dim: int, lstm_layers: int) -> None:
        super().__init__()
        self.reflections = Reflections()
        self.points = pointnet(dim, lstm_layers)
        self.box = MetricBox()
        self.told = nn.Linear(3 + MetricBox.SIZE, dim)
        self.pool = AttentionPooling(dim)
        self.num_joints = NUM_JOINTS

    def forward(self, seen: Tensor, geometry: Tensor) -> Tensor:
        """Seen (B, T, S), geometry (B, T, 4) to (B, D)."""
        joints = joints_and_outline(seen)[..., : 3 * self.num_joints].unflatten(-1, (self.num_joints, 3))
        points, present, motion = self.reflections(joints, geometry)
        tokens = self.points(points, present) + self.told(torch.cat([motion, self.box(geometry)], dim=-1))
        return self.pool(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device))
