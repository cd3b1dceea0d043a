"""A recognition model as the node loads it: export, card, axes, opinions over time."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mission_core.data.doppler_windows import NOBODY, LabelledMaps, MapShape
from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.mra_net.configuration import MraNetConfig, RecognitionTraining
from mission_core.models.mra_net.export import export, prior_of, write_model
from mission_core.models.mra_net.model import Recogniser, RecognitionModel
from mission_core.models.mra_net.network import Recognizer, mra_net_trunk
from mission_core.models.mra_net.training import fit_temperature
from mission_core.paths import share_directory
from mission_core.radar.profile import load_profile
from mission_core.types import DopplerTimeMap

PROFILE = load_profile(share_directory() / "config" / "radar" / "walking_10fps.cfg")
CONFIG = RecognitionTraining(
    name="tiny",
    data="activities",
    maps=MapShape(kind="points", rows=32, columns=30, seconds=3.0, hop=0.5, range_db=(0.0, 50.0)),
    network=MraNetConfig(widths=(4, 4), depth=1),
    made_up=0.2,
)
ACTIVITIES, PEOPLE = ("box", "walk"), ("P00", "P01", NOBODY)


def network() -> Recognizer:
    torch.manual_seed(0)
    heads = {"activity": 3, "identity": 3, "loss_weights": 2}
    made = Recognizer(mra_net_trunk(CONFIG.network), CONFIG.maps.size, heads, CONFIG.maps.range_db)
    made.temperatures[:] = torch.tensor([0.5, 2.0, 1.0])
    return made.eval()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_model(network(), CONFIG, tmp_path / "tiny", ACTIVITIES, PEOPLE)
    return tmp_path / "tiny"


@pytest.fixture
def model(directory: Path) -> RecognitionModel:
    return RecognitionModel.load(directory)


def doppler_map(track_id: int, columns: int = 30, stamp_ns: int = 10**9, seed: int = 0) -> DopplerTimeMap:
    values = np.random.default_rng((seed, track_id)).uniform(0.0, 40.0, (32, columns)).astype(np.float32)
    return DopplerTimeMap(stamp_ns, track_id, "points", PROFILE.velocities, values, 0.1)


def test_an_exported_model_tells_what_the_network_does(model):
    maps = [doppler_map(3), doppler_map(5)]
    opinions, rankings = model.tell(maps)
    with torch.inference_mode():
        told = network()(torch.from_numpy(np.stack([each.values for each in maps])))
    activity, identity = (told[name].softmax(dim=1).numpy() for name in ("activity", "identity"))
    assert [each.track_id for each in opinions] == [each.track_id for each in rankings] == [3, 5]
    for row, opinion in enumerate(opinions):
        assert opinion.activities == ACTIVITIES
        np.testing.assert_allclose(opinion.probabilities, activity[row, :2], atol=1e-5)
    for row, ranking in enumerate(rankings):
        scores = {candidate.person_id: candidate.score for candidate in ranking.candidates}
        np.testing.assert_allclose([scores["P00"], scores["P01"]], identity[row, :2], atol=1e-5)
        assert ranking.unknown == pytest.approx(identity[row, 2], abs=1e-5)
        assert [each.score for each in ranking.candidates] == sorted(scores.values(), reverse=True)
        assert all(each.clip_id == "" and math.isnan(each.distance) for each in ranking.candidates)


def test_the_newest_columns_count_and_a_short_map_begins_with_nothing(model):
    long = doppler_map(1, columns=64)
    newest = replace(long, values=long.values[:, -30:])
    assert model.tell([long])[0] == model.tell([newest])[0]
    short = doppler_map(1, columns=12)
    padded = replace(short, values=np.concatenate([np.zeros((32, 18), np.float32), short.values], axis=1))
    assert model.tell([short])[0] == model.tell([padded])[0]
    assert model.tell([short])[1][0].frames_used == 12


def test_nobody_in_view_is_nothing_to_tell(model):
    assert model.tell([]) == ([], [])


def test_a_card_of_another_model_is_refused(directory):
    path = directory / "card.yaml"
    card = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**card, "kind": "reid"}))
    with pytest.raises(ModelError, match="kind 'reid', expected 'recognition'"):
        RecognitionModel.load(directory)
    path.write_text(yaml.safe_dump({**card, "sha256": "0" * 64}))
    with pytest.raises(ModelError, match="SHA-256"):
        RecognitionModel.load(directory)
    del card["input"]["columns"]
    path.write_text(yaml.safe_dump(card))
    with pytest.raises(ModelError, match="columns"):
        RecognitionModel.load(directory)


def test_maps_that_no_radar_gives_make_no_model(tmp_path):
    shape = replace(CONFIG.maps, rows=16)
    made = Recognizer(mra_net_trunk(CONFIG.network), shape.size, {"activity": 2}, shape.range_db)
    with pytest.raises(ModelError, match="are 32 x 30: train it on these"):
        write_model(made, replace(CONFIG, maps=shape), tmp_path, ACTIVITIES, ())
    with pytest.raises(ModelError, match="does not exist: run `mission train`"):
        export(CONFIG, tmp_path, tmp_path / "model")
    torch.save({"calibrated": True}, tmp_path / "best.pt")
    with pytest.raises(ModelError, match="maps of kind 'iq'"):
        export(replace(CONFIG, data="activity6", maps=MapShape()), tmp_path, tmp_path / "model")


def test_opinions_are_renewed_at_multiples_of_the_period(model):
    recogniser = Recogniser(model, period=0.5, min_seconds=1.0)
    told = []
    for frame in range(1, 41):
        maps = [doppler_map(1, columns=min(frame, 30), stamp_ns=frame * 10**8, seed=frame)]
        told.append(recogniser.step(maps)[0][0])
    assert told[8].activities == ()  # 0.9 s
    assert told[9].activities == ACTIVITIES
    changes = [frame + 1 for frame in range(10, 40) if told[frame] != told[frame - 1]]
    assert changes == [15, 20, 25, 30, 35, 40]


def test_a_track_that_ends_is_forgotten_and_a_new_one_is_told_at_once(model):
    recogniser = Recogniser(model, period=100.0)
    opinions, _ = recogniser.step([doppler_map(1), doppler_map(2)])
    assert [each.activities for each in opinions] == [ACTIVITIES] * 2
    opinions, rankings = recogniser.step([doppler_map(2, stamp_ns=2 * 10**9, seed=9), doppler_map(3, columns=3)])
    assert opinions[0] == model.tell([doppler_map(2)])[0][0]  # not yet renewed
    assert (opinions[1].activities, rankings[1].candidates, rankings[1].unknown) == ((), (), 1.0)
    assert recogniser.step([]) == ([], [])
    assert recogniser.step([doppler_map(1, seed=4)])[0] == model.tell([doppler_map(1, seed=4)])[0]


def test_there_must_be_time_between_opinions(model):
    with pytest.raises(ConfigurationError, match="period is 0 s"):
        Recogniser(model, period=0.0)


def test_a_temperature_makes_probabilities_mean_what_they_say():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 20_000)
    logits = rng.normal(0.0, 1.0, (20_000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (shares.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    assert fit_temperature((4.0 * logits).astype(np.float32), truth) == pytest.approx(4.0, rel=0.05)
    assert fit_temperature((0.3 * logits).astype(np.float32), truth) == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("people", "person", "expected"),
    [
        (("P00", NOBODY), [0, 1, 1, 0], {"prior_unknown": 0.6667}),
        (("P00", NOBODY), [0, 0, 0, 1], {}),
        (("P00", "P01"), [0, 1, 1, 0], {}),
    ],
)
def test_the_card_says_how_many_of_those_who_walked_were_nobody_to_tell_apart(
    people: tuple[str, ...], person: list[int], expected: dict[str, float]
) -> None:
    learnt = LabelledMaps(
        maps=np.zeros((4, 2, 2), np.float32),
        activity=np.array([1, 1, 1, 0]),
        person=np.array(person),
        take=np.array(["a", "b", "c", "d"]),
        held_out=np.zeros(4, np.bool_),
        activities=("box", "walk"),
        people=people,
    )
    assert prior_of(learnt) == expected
