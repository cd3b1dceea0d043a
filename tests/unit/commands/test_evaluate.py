from mission_core.commands.evaluate import why_it_differs

MODEL, OTHER = "ab" * 32, "cd" * 32


def test_rankings_of_the_same_model_and_gallery_can_agree() -> None:
    assert why_it_differs([], (MODEL, 4)) == ""
    assert why_it_differs([(MODEL, 4)], (MODEL, 4)) == ""


def test_a_gallery_that_changed_during_the_recording_is_told() -> None:
    text = why_it_differs([(MODEL, 2), (MODEL, 3), (MODEL, 4)], (MODEL, 4))
    assert "partly ranked" in text
    assert "there abababab 2, abababab 3)" in text


def test_another_model_is_told() -> None:
    text = why_it_differs([(OTHER, 4)], (MODEL, 4))
    assert "wholly ranked" in text
    assert "here abababab 4, there cdcdcdcd 4)" in text
