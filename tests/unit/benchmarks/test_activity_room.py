"""What is counted of people who walk in the simulated room, with the network that ships."""

import sys
from pathlib import Path

import pytest

from mission_core.models.card import model_directory
from mission_core.models.mra_net.model import RecognitionModel
from mission_core.paths import share_directory
from mission_core.radar.profile import load_profile
from mission_core.types import ActivityOpinion

sys.path.append(str(Path(__file__).resolve().parents[3] / "benchmarks"))
import activity_room


def test_the_likeliest_may_be_nothing_that_is_known():
    assert activity_room.likeliest(ActivityOpinion(1, ("box", "walk"), (0.3, 0.6))) == "walk"
    assert activity_room.likeliest(ActivityOpinion(1, ("box", "walk"), (0.2, 0.3))) == activity_room.NOTHING


def test_everybody_who_is_followed_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(activity_room, "FRAMES", 60)
    model = RecognitionModel.load(model_directory("mra_net_walking"))
    profile = load_profile(share_directory() / "config" / "radar" / model.reads.profile)
    told = activity_room.opinions(("P03", "P07"), 1, model, profile)
    assert told.pop(activity_room.KEPT) < 10
    assert 70 < told.total() <= 2 * 50  # from the second second on
    assert told["walk"] > 20
