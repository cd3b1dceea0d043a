from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mission_core.calibration import RADAR_MOUNT
from mission_core.data.doppler_windows import NOBODY
from mission_core.gallery.store import Clip
from mission_core.models.card import DEFAULT_MODEL, model_directory
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.mra_net.export import write_model
from mission_core.models.mra_net.model import Recogniser, RecognitionModel
from mission_core.models.mra_net.network import Recognizer, mra_net_trunk
from mission_core.models.mra_net.watch import ActivityWatch
from mission_core.models.reid.gate import WalkingGate
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.ranking import Reidentifier
from mission_core.models.reid.second_opinion import SecondOpinion, share_of
from mission_core.models.training import load_config
from mission_core.paths import share_directory
from mission_core.pipeline import Perceived, Pipeline
from mission_core.radar.profile import load_profile
from mission_core.radar.tlv import encode_frame
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.sim.rooms import live_room
from mission_core.sim.view import RadarView

PEOPLE = ("P00", "P03", "P07")
FRAMES = 40
PERIOD_NS = 10**8


@pytest.fixture(scope="module")
def raw_frames() -> list[bytes]:
    """Four seconds of three people before the radar, as its data port sends them."""
    profile = load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")
    view = RadarView(live_room("radar", PEOPLE, seed=1), profile)
    return [encode_frame(number + 1, view.observe(number * 0.1).points) for number in range(FRAMES)]


@pytest.fixture
def pipeline() -> Pipeline:
    model = ReidModel.load(model_directory(DEFAULT_MODEL))
    reidentifier = Reidentifier(model)
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(size=(4, *model.feature_shape))).astype(np.float32)
    reidentifier.set_gallery([Clip(f"P{i:02d}", f"clip-{i}", own, enrolled_ns=0) for i, own in enumerate(features)])
    return Pipeline(RadarTracker(TrackerConfig(), RADAR_MOUNT), reidentifier)


def run(pipeline: Pipeline, frames: list[bytes]) -> list[Perceived]:
    steps = (pipeline.step(number * PERIOD_NS, raw) for number, raw in enumerate(frames))
    return [perceived for perceived in steps if perceived is not None]


def test_bytes_become_tracks_and_rankings(pipeline: Pipeline, raw_frames: list[bytes]) -> None:
    perceived = run(pipeline, raw_frames)
    assert [item.tracked.frame_number for item in perceived] == list(range(1, FRAMES + 1))
    last = perceived[-1]
    assert len(last.tracked.tracks) == len(PEOPLE)
    assert [r.track_id for r in last.rankings] == [t.track_id for t in last.tracked.tracks]
    for ranking in last.rankings:
        assert len(ranking.candidates) == 4
        assert sum(c.score for c in ranking.candidates) + ranking.unknown == pytest.approx(1.0, abs=1e-5)


def test_the_same_bytes_give_the_same_rankings(pipeline: Pipeline, raw_frames: list[bytes]) -> None:
    first = [item.rankings for item in run(pipeline, raw_frames)]
    again = Pipeline(RadarTracker(TrackerConfig(), RADAR_MOUNT), pipeline.reidentifier)
    pipeline.reidentifier.step(run(again, raw_frames[:1])[0].tracked)  # nobody yet: forgets every track
    again = Pipeline(RadarTracker(TrackerConfig(), RADAR_MOUNT), pipeline.reidentifier)
    assert [item.rankings for item in run(again, raw_frames)] == first


def test_bad_bytes_are_counted_and_passed_over(pipeline: Pipeline, raw_frames: list[bytes]) -> None:
    broken = [raw_frames[0], raw_frames[1][:50], b"", *raw_frames[2:4]]
    assert [item.tracked.frame_number for item in run(pipeline, broken)] == [1, 3, 4]
    assert pipeline.bad_frames == 2


def test_who_does_something_else_than_walk_is_not_ranked(
    pipeline: Pipeline, raw_frames: list[bytes], tmp_path: Path
) -> None:
    """With a network that takes everybody for a boxer, and one that takes them for walkers."""
    config = load_config(share_directory() / "config" / "train" / "mra_net_walking.yaml")
    assert isinstance(config, RecognitionTraining)
    profile = load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")
    ranked = {}
    for index, does in enumerate(("box", "walk")):
        network = Recognizer(mra_net_trunk(config.network), config.maps.size, {"activity": 3}, config.maps.range_db)
        with torch.no_grad():
            network.heads["activity"].weight.zero_()
            network.heads["activity"].bias[index] = 10.0
        write_model(network, config, tmp_path / does, ("box", "walk"), ())
        recogniser = Recogniser(RecognitionModel.load(tmp_path / does))
        watch = ActivityWatch(recogniser, "points", profile, RADAR_MOUNT, num_frames=64)
        watched = Pipeline(RadarTracker(TrackerConfig(), RADAR_MOUNT), pipeline.reidentifier, watch, WalkingGate())
        last = run(watched, raw_frames)[-1]
        told = [opinion.probabilities[index] for opinion in last.activities]
        assert min(told) > 0.99
        ranked[does] = [len(ranking.candidates) for ranking in last.rankings]
        pipeline.reidentifier.step(replace(last.tracked, tracks=()))
    assert ranked["walk"] == [4, 4, 4]
    assert ranked["box"] == [0, 0, 0]


def test_who_a_network_takes_them_for_is_joined(pipeline: Pipeline, raw_frames: list[bytes], tmp_path: Path) -> None:
    """With a network that takes everybody for the last of the gallery."""
    config = load_config(share_directory() / "config" / "train" / "mra_net_walking.yaml")
    assert isinstance(config, RecognitionTraining)
    profile = load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")
    network = Recognizer(mra_net_trunk(config.network), config.maps.size, {"identity": 2}, config.maps.range_db)
    alone = run(pipeline, raw_frames)[-1]
    least = min(alone.rankings[0].candidates, key=lambda each: each.score).person_id
    with torch.no_grad():
        network.heads["identity"].weight.zero_()
        network.heads["identity"].bias[:] = torch.tensor([10.0, -10.0])
    write_model(network, config, tmp_path / "sure", (), (least, NOBODY))
    model = RecognitionModel.load(tmp_path / "sure")
    watch = ActivityWatch(Recogniser(model), "points", profile, RADAR_MOUNT, num_frames=64)
    second = SecondOpinion(1.0, 0.5, model.sha256)
    pipeline.reidentifier.step(replace(alone.tracked, tracks=()))
    tracker = RadarTracker(TrackerConfig(), RADAR_MOUNT)
    last = run(Pipeline(tracker, pipeline.reidentifier, watch, None, second), raw_frames)[-1]
    for ours, both in zip(alone.rankings, last.rankings, strict=True):
        assert share_of(both, least) > share_of(ours, least)
        assert sum(each.score for each in both.candidates) + both.unknown == pytest.approx(1.0, abs=1e-5)
