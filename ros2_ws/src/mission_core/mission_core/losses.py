"""Training losses of networks that compare pairs."""

import torch
from torch import Tensor
from torch.nn import functional

# K4ABT joints left out of the pose loss: hands, hand tips, thumbs, feet and the face carry no gait and most noise
POSE_JOINTS = [j for j in range(32) if j not in {8, 9, 10, 15, 16, 17, 21, 25, 27, 28, 29, 30, 31}]


def matching_loss(distances: Tensor, sharpness: Tensor) -> Tensor:
    """Cross-entropy of finding the right partner by the distance inside each fused pair, in both directions.

    Deviation from the paper, which draws one random negative per anchor into a triplet loss of margin 0.3: with every
    other person of the batch as negative each step uses B^2 pairs instead of 2 B, and hard negatives find themselves.

    Args:
        distances: (B, B) distance of radar clip i to camera clip j; each of the B people has one of both.
        sharpness: scalar > 0, factor from distance to logit.
    """
    logits = -sharpness * distances
    partner = torch.arange(len(distances), device=distances.device)
    return 0.5 * (functional.cross_entropy(logits, partner) + functional.cross_entropy(logits.T, partner))


def triplet_loss(distances: Tensor, margin: float = 0.3) -> Tensor:
    """Triplet margin loss with one random negative per anchor, in both directions (equation 6, margin 0.3).

    Args:
        distances: (B, B) inside the pair of radar clip i and camera clip j.
        margin: by which a pair of two people must be wider than that of one.
    """
    people = len(distances)
    other = (torch.arange(people) + torch.randint(1, people, (people,))) % people
    own, index = distances.diagonal(), torch.arange(people)
    wider = torch.stack([distances[index, other], distances[other, index]])
    return functional.relu(own - wider + margin).mean()


def contrastive_loss(distances: Tensor, margin: float = 0.3) -> Tensor:
    """Contrastive loss (Hadsell, Chopra & LeCun, CVPR 2006) on squared distances, the margin taken pair by pair.

    Pairs of one person and pairs of two weigh the same. The released code takes the margin of the batch's mean, which
    lets all pairs of a batch share one; this does not.
    """
    own = torch.eye(len(distances), dtype=torch.bool, device=distances.device)
    return 0.5 * (distances[own].mean() + functional.relu(margin - distances[~own]).mean())


METRIC_LOSSES = ("triplet", "contrastive", "all_pairs")


def metric_loss(name: str, distances: Tensor, sharpness: Tensor) -> Tensor:
    """One of METRIC_LOSSES by its name; the sharpness is that of `matching_loss`."""
    if name == "triplet":
        return triplet_loss(distances)
    return contrastive_loss(distances) if name == "contrastive" else matching_loss(distances, sharpness)


def pose_loss(predicted: Tensor, joints: Tensor, present: Tensor) -> Tensor:
    """Mean Euclidean distance per joint [m] (equation 5, which the paper calls MSE).

    Args:
        predicted: (B, T, 32, 3) [m].
        joints: (B, T, 32, 3) [m], the truth.
        present: (B, T) frames that count.
    """
    error = (predicted - joints)[:, :, POSE_JOINTS].norm(dim=-1).mean(dim=-1)  # (B, T)
    return (error * present).sum() / present.sum().clamp(min=1)
