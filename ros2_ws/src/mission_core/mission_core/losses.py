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


def multitask_loss(
    activity: Tensor, identity: Tensor, weights: Tensor | None, weighting: str | float = "learned"
) -> Tensor:
    """Weighted sum of the losses of MRA-Net's two tasks.

    Source: Remote Sensing 2019, 11, 2584, equations 5 and 6. Equation 5 is printed with 2 + max(w) for the activity,
    which contradicts equation 6 and the text: the ratio of activity to identity is said to lie between 2/3 and 1. So
    the activity gets 2 + min(w) and the identity 2 + max(w); "as_printed" has it the other way round.

    Args:
        activity: (B,) cross-entropy of each sample [nat].
        identity: (B,) the same.
        weights: (B, 2) logits of w, which sum to 1 after a softmax (fine-grained loss weight learning); None where the
            ratio is given.
        weighting: "learned", "as_printed", or the ratio of the activity's weight to the identity's; they sum to 5, as
            those that are learned do.
    """
    if isinstance(weighting, str):
        assert weights is not None, "weights that are learned need their logits"
        shares = functional.softmax(weights, dim=-1)
        less, more = 2.0 + shares.amin(dim=-1), 2.0 + shares.amax(dim=-1)
        of_activity, of_identity = (less, more) if weighting == "learned" else (more, less)
        return (of_activity * activity + of_identity * identity).mean()
    return (5.0 * weighting / (1.0 + weighting) * activity + 5.0 / (1.0 + weighting) * identity).mean()
