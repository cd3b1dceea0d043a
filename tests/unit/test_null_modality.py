"""The shipped model on unseen people: better than chance with their own radar, at chance with another one's."""

from pathlib import Path

import numpy as np
import pytest

from mission_core.data.walks import WalkSetConfig, load_people, protocol
from mission_core.evaluation.identification import Identification, score_queries, shuffle_between_people
from mission_core.models.card import DEFAULT_MODEL
from mission_core.models.reid.model import ReidModel
from mission_core.paths import share_directory


@pytest.fixture(scope="module")
def identifications(strangers: WalkSetConfig, strangers_home: Path) -> tuple[Identification, Identification]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_HOME", str(strangers_home))
        some, others = load_people(strangers, workers=2)
    model = ReidModel.load(share_directory() / "models" / DEFAULT_MODEL)
    test = protocol(some + others, model.num_frames, model.num_points)
    features = np.stack([model.encode_clip(snippet) for snippet in test.snippets])
    shuffled = shuffle_between_people(test.queries, test.truth)
    honest, null = (score_queries(model, queries, features, test.owner) for queries in (test.queries, shuffled))
    return Identification(honest, test.truth), Identification(null, test.truth)


@pytest.mark.slow
def test_radar_of_the_right_person_identifies_better_than_chance(
    identifications: tuple[Identification, Identification],
) -> None:
    honest, _ = identifications
    assert honest.top(5).low > 5 / honest.num_people


@pytest.mark.slow
def test_radar_of_somebody_else_identifies_nobody(identifications: tuple[Identification, Identification]) -> None:
    honest, null = identifications
    assert null.top(5).low <= 5 / null.num_people
    assert null.top(5).value < honest.top(5).value
