"""Figures of a classifier, beside those worked out by hand."""

import numpy as np
import pytest

from mission_core.evaluation.recognition import Recognition

TOLD = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 1, 2]]
FOUND = Recognition(TOLD, np.array([0, 0, 0, 1, 1, 2]), ("box", "jump", "walk"))


def test_figures_are_means_over_classes():
    # box: all told are right, one of three is missed; jump: one of three told is wrong; walk: perfect
    assert FOUND.f1 == pytest.approx((0.8 + 0.8 + 1.0) / 3)
    assert FOUND.summary() == {
        "windows": 6,
        "accuracy": 83.33,
        "precision": round(100 * (1 + 2 / 3 + 1) / 3, 2),
        "recall": round(100 * (2 / 3 + 1 + 1) / 3, 2),
        "f1": 86.67,
    }


def test_rows_of_the_confusion_are_the_truth():
    np.testing.assert_allclose(FOUND.confusion(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 1]])


def test_classes_that_do_not_occur_do_not_count():
    some = FOUND.where(FOUND.truth != 2)
    assert some.f1 == pytest.approx(0.8)
    assert some.confusion()[2].tolist() == [0.0, 0.0, 0.0]
