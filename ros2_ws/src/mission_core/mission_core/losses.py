"""Training losses of the Mission network."""

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


def gait_loss(predicted: Tensor, gait: Tensor) -> Tensor:
    """Mean squared error of standardised body and gait parameters (B, G): 1 when nothing is known of them."""
    return functional.mse_loss(predicted, gait)


def pose_loss(predicted: Tensor, joints: Tensor, present: Tensor) -> Tensor:
    """Mean Euclidean distance per joint [m] (equation 5, which the paper calls MSE).

    Args:
        predicted: (B, T, 32, 3) [m].
        joints: (B, T, 32, 3) [m], the truth.
        present: (B, T) frames that count.
    """
    error = (predicted - joints)[:, :, POSE_JOINTS].norm(dim=-1).mean(dim=-1)  # (B, T)
    return (error * present).sum() / present.sum().clamp(min=1)
