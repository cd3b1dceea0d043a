"""Somebody walks, stops, boxes, turns and walks on before the simulated radar: what the shipped network tells of it,
and what of it counts for who they are."""

import numpy as np
import pytest

from mission_core.calibration import RADAR_MOUNT
from mission_core.camera.skeleton import Joint
from mission_core.gallery.store import Clip
from mission_core.models.card import DEFAULT_MODEL, model_directory
from mission_core.models.mra_net.model import Recogniser, RecognitionModel
from mission_core.models.mra_net.watch import ActivityWatch
from mission_core.models.reid.gate import WalkingGate
from mission_core.models.reid.model import ReidModel
from mission_core.models.reid.ranking import Reidentifier
from mission_core.paths import share_directory
from mission_core.pipeline import Perceived, Pipeline
from mission_core.radar.profile import RadarProfile, load_profile
from mission_core.radar.tlv import encode_frame
from mission_core.radar.tracking import RadarTracker, TrackerConfig
from mission_core.sim.rooms import live_room
from mission_core.sim.stops import stopping_room
from mission_core.sim.view import RadarView

PERIOD = 0.1
FRAMES = 230
"""Of a walk, a stop of eight seconds, and the walk back."""
SETTLED = 3.0
"""What was told rests on a map of three seconds [s]."""


@pytest.fixture(scope="module")
def profile() -> RadarProfile:
    return load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")


@pytest.fixture(scope="module")
def scene(profile: RadarProfile) -> tuple[list[bytes], np.ndarray]:
    """Frames of the radar, and whether the person has walked (1) or stayed (-1) for as long as a map is; else 0."""
    room = stopping_room(live_room("radar", ("P03",), seed=3), "box")
    view = RadarView(room, profile)
    raw = [encode_frame(number + 1, view.observe(number * PERIOD).points) for number in range(FRAMES)]
    pelvis = room.motions[0].joints(np.arange(FRAMES) * PERIOD)[:, Joint.PELVIS, :2]
    walks = np.linalg.norm(np.gradient(pelvis, PERIOD, axis=0), axis=1) > 0.5
    span = round(SETTLED / PERIOD)
    share = np.array([walks[max(number - span, 0) : number + 1].mean() for number in range(FRAMES)])
    return raw, np.where(share > 0.9, 1, np.where(share < 0.02, -1, 0))


def perceived(raw: list[bytes], profile: RadarProfile, gate: WalkingGate | None) -> list[Perceived]:
    model = ReidModel.load(model_directory(DEFAULT_MODEL))
    reidentifier = Reidentifier(model)
    features = np.abs(np.random.default_rng(0).normal(size=(3, *model.feature_shape))).astype(np.float32)
    reidentifier.set_gallery([Clip(f"P{i:02d}", f"clip-{i}", own, enrolled_ns=0) for i, own in enumerate(features)])
    recogniser = Recogniser(RecognitionModel.load(model_directory("mra_net_walking")))
    watch = ActivityWatch(recogniser, "points", profile, RADAR_MOUNT, num_frames=64)
    pipeline = Pipeline(RadarTracker(TrackerConfig(), RADAR_MOUNT), reidentifier, watch, gate)
    steps = [pipeline.step(round(number * PERIOD * 1e9), each) for number, each in enumerate(raw)]
    return [step for step in steps if step is not None]


def test_the_shipped_network_tells_walking_from_boxing(
    scene: tuple[list[bytes], np.ndarray], profile: RadarProfile
) -> None:
    raw, settled = scene
    told = [step.activities[0] if step.activities else None for step in perceived(raw, profile, None)]
    likeliest = np.array(
        [each.activities[int(np.argmax(each.probabilities))] if each and each.activities else "" for each in told]
    )
    assert (settled == 1).sum() > 20
    assert (settled == -1).sum() > 30
    assert (likeliest[settled == 1] == "walk").mean() > 0.8
    assert (likeliest[settled == -1] == "box").mean() > 0.8


def test_only_walking_counts(scene: tuple[list[bytes], np.ndarray], profile: RadarProfile) -> None:
    raw, settled = scene
    used = {
        name: np.array([step.rankings[0].frames_used if step.rankings else 0 for step in perceived(raw, profile, gate)])
        for name, gate in (("gated", WalkingGate()), ("open", None))
    }
    stops = np.flatnonzero(settled == 1)[0]
    (stays,) = np.nonzero((settled == -1) & (np.arange(FRAMES) > stops) & (np.arange(FRAMES) < FRAMES // 2 + 50))
    stays = stays[5:]  # what is told counts half a second later
    assert used["gated"][stays[0]] > 20  # what the walk said stays
    assert (np.diff(used["gated"][stays]) <= 0).all()  # nothing is added
    back = np.flatnonzero(settled == 1)[-1]
    assert back > stays[-1]
    assert used["gated"][back] > used["gated"][stays[-1]]  # and goes on
    assert used["open"][back] > used["gated"][back]  # the first and the last blows are taken for walking otherwise
