import torch

from mission_core.models.layers import MetricBox, PointScale, Projection, Recurrence, masked_softmax


@torch.inference_mode()
def test_metric_box_marks_what_is_not_known() -> None:
    box = MetricBox()(torch.tensor([[0.0, 4.0, 1.8, 0.6], [0.0, float("nan"), 1.8, 0.6]]))
    torch.testing.assert_close(box, torch.tensor([[0.0, 0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0]]))


def test_what_is_absent_weighs_nothing_and_nothing_at_all_stays_finite() -> None:
    logits = torch.tensor([[1.0, 2.0, 9.0], [1.0, 2.0, 3.0]])
    weights = masked_softmax(logits, torch.tensor([[True, True, False], [False, False, False]]))
    torch.testing.assert_close(weights[0, :2], torch.tensor([1.0, 2.0]).softmax(dim=0))
    assert weights[0, 2] == 0
    assert torch.isfinite(weights).all()


@torch.inference_mode()
def test_a_typical_point_is_near_zero_and_one_deviation_away_is_one() -> None:
    points = torch.tensor([[0.0, 0.0, 1.0, 20.0, 0.0], [0.5, 0.5, 2.0, 35.0, 1.5]])
    torch.testing.assert_close(PointScale()(points), torch.tensor([[0.0] * 5, [1.0] * 5]))


@torch.inference_mode()
def test_recurrence_looks_both_ways() -> None:
    torch.manual_seed(0)
    recurrence = Recurrence(8, 1)
    tokens = torch.randn(1, 5, 8)
    changed = tokens.clone()
    changed[0, 2] += 1.0
    difference = (recurrence(tokens) - recurrence(changed)).abs().amax(dim=-1)[0]
    assert (difference > 1e-6).all()


@torch.inference_mode()
def test_vectors_that_are_all_but_one_are_told_apart_by_the_projection() -> None:
    torch.manual_seed(0)
    projection = Projection(8)
    nearly_one = torch.ones(2, 16, 8) + 1e-2 * torch.randn(2, 16, 8)
    vectors = projection(nearly_one)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(2, 16))
    likeness = vectors.flatten(0, 1) @ vectors.flatten(0, 1).T
    assert likeness.mean() < 0.5


@torch.inference_mode()
def test_the_settled_projection_is_that_of_use_and_learns_nothing() -> None:
    torch.manual_seed(0)
    projection = Projection(8, dropout=0.5)
    projection(torch.randn(64, 8))  # statistics
    statistics = {name: value.clone() for name, value in projection.state_dict().items()}
    pooled = 3.0 + torch.randn(4, 8)
    settled = projection.settled(pooled)
    for name, value in projection.state_dict().items():
        assert torch.equal(value, statistics[name]), name
    torch.testing.assert_close(settled, projection.eval()(pooled))
