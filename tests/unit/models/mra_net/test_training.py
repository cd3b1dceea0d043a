"""Learning activity and identity: parts without leaks, losses, a toy problem learnt and taken up again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mission_core.data.doppler_windows import LabelledMaps, MapShape
from mission_core.errors import ConfigurationError
from mission_core.losses import multitask_loss
from mission_core.models.mra_net.configuration import MraNetConfig, RecognitionTraining
from mission_core.models.mra_net.training import (
    NONE,
    RecognitionTask,
    load_recognizer,
    made_up,
    parts_of,
    recognition,
    recognizer,
    told_of,
)
from mission_core.train import Trainer

CONFIG = RecognitionTraining(
    name="toy",
    maps=MapShape(rows=16, columns=16),
    network=MraNetConfig(widths=(4, 4), depth=1),
    batch=32,
    steps=60,
    validate_every=20,
    learning_rate=1e-2,
    weight_decay=0.0,
    folds=4,
)


def toy(takes: int = 120) -> LabelledMaps:
    """Activities are rows, people are columns, and every take has three windows."""
    rng = np.random.default_rng(0)
    activity, person = np.arange(takes) % 2, np.arange(takes) // 2 % 3
    maps = np.full((takes, 16, 16), -50.0, np.float32)
    for number in range(takes):
        maps[number, 3 + 8 * activity[number]] = -10.0
        maps[number, :, 2 + 5 * person[number]] = -20.0
    maps = np.repeat(maps, 3, axis=0) + rng.normal(0.0, 3.0, (3 * takes, 16, 16)).astype(np.float32)
    names = np.repeat([f"take{number}" for number in range(takes)], 3)
    held_out = np.repeat(rng.random(takes) < 0.25, 3)
    return LabelledMaps(
        maps, np.repeat(activity, 3), np.repeat(person, 3), names, held_out, ("box", "walk"), ("S1", "S2", "S3")
    )


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    directory = tmp_path_factory.mktemp("toy")
    torch.manual_seed(0)
    Trainer(RecognitionTask(CONFIG, parts_of(CONFIG, toy())), CONFIG, directory).run()
    return directory


def test_parts_share_no_take():
    parts = parts_of(CONFIG, toy())
    takes = [set(part.take) for part in (parts.train, parts.validation, parts.test)]
    assert not takes[0] & takes[1]
    assert not takes[0] & takes[2]
    assert not takes[1] & takes[2]
    assert sum(map(len, (parts.train, parts.validation, parts.test))) == 360


def test_every_window_is_tested_once():
    tested = [window for fold in range(4) for window in parts_of(replace(CONFIG, fold=fold), toy()).test.maps]
    assert len(tested) == len(np.unique(tested, axis=0)) == 360


def test_worse_windows_are_learnt_from_and_nothing_else():
    maps = toy()
    worse = replace(maps, maps=maps.maps - 100.0)
    config = replace(CONFIG, data="radhar", tasks="activity", kept=(0.5,), lost=(0.0,))
    plain, parts = parts_of(config, maps), parts_of(config, maps, [worse])
    assert len(parts.train) == 2 * len(plain.train)
    np.testing.assert_array_equal(parts.train.maps[len(plain.train) :], plain.train.maps - 100.0)
    np.testing.assert_array_equal(parts.train.activity[len(plain.train) :], plain.train.activity)
    np.testing.assert_array_equal(parts.test.maps, plain.test.maps)
    np.testing.assert_array_equal(parts.validation.maps, plain.validation.maps)


def test_folds_by_window_leak_as_they_are_meant_to():
    parts = parts_of(replace(CONFIG, split="window"), toy())
    assert set(parts.train.take) & set(parts.test.take)


def test_authors_split_is_theirs():
    config = replace(CONFIG, data="radhar", tasks="activity", split="authors")
    maps = toy()
    assert set(parts_of(config, maps).test.take) == set(maps.take[maps.held_out])


def test_a_toy_problem_is_learnt(learnt):
    found = recognition(load_recognizer(CONFIG, toy(), learnt), parts_of(CONFIG, toy()).test)
    assert found["activity"].f1 > 0.95
    assert found["identity"].f1 > 0.95


def test_shuffled_labels_are_not_learnt(tmp_path):
    """The control: where labels tell nothing of the maps, unseen takes are told by chance."""
    maps = toy()
    order = np.repeat(np.random.default_rng(5).permutation(120), 3)
    shuffled = replace(maps, activity=(order // 60).astype(np.int64), person=(order % 3).astype(np.int64))
    torch.manual_seed(0)
    Trainer(RecognitionTask(CONFIG, parts_of(CONFIG, shuffled)), CONFIG, tmp_path).run()
    found = recognition(load_recognizer(CONFIG, maps, tmp_path), parts_of(CONFIG, shuffled).test)
    assert found["activity"].f1 < 0.75
    assert found["identity"].f1 < 0.6


def test_an_autoencoder_first_learns_without_labels():
    config = replace(CONFIG, trunk="autoencoder", maps=MapShape(rows=16, columns=16), steps=10)
    task = RecognitionTask(config, parts_of(config, toy()))
    told = [set(task.loss(np.random.default_rng(step))[1]) for step in range(5)]
    assert told == [{"reconstruction"}] * 3 + [{"activity_nat", "identity_nat"}] * 2


def test_what_is_made_up_is_none_of_the_activities(tmp_path):
    config = replace(CONFIG, made_up=0.25, steps=100, validate_every=50)
    maps = toy()
    torch.manual_seed(0)
    Trainer(RecognitionTask(config, parts_of(config, maps)), config, tmp_path).run()
    network, test = load_recognizer(config, maps, tmp_path), parts_of(config, maps).test
    found = recognition(network, test)["activity"]
    assert found.names == ("box", "walk", NONE)
    assert found.f1 > 0.9
    rng = np.random.default_rng(3)
    disordered = torch.stack([made_up(each, rng) for each in torch.from_numpy(test.maps)])
    none = told_of(network, disordered.numpy())["activity"][:, 2]
    assert none.mean() > 2.0 * found.told[:, 2].mean()  # some of these toys are as good in disorder


def test_what_is_made_up_is_normalised_with_the_rest():
    """Else the statistics of a batch of its own would tell it, in training, and nothing would when it counts."""
    task = RecognitionTask(replace(CONFIG, made_up=0.25), parts_of(CONFIG, toy()))
    task.train()
    task.loss(np.random.default_rng(0))
    norms = [each for each in task.network.modules() if isinstance(each, nn.BatchNorm2d)]
    assert norms
    assert {int(each.num_batches_tracked) for each in norms} == {1}


@pytest.mark.parametrize("seed", range(6))
def test_made_up_maps_hold_what_was_there(seed):
    values = torch.from_numpy(toy(2).maps[0])
    changed = made_up(values, np.random.default_rng(seed))
    assert not torch.equal(changed, values)
    torch.testing.assert_close(changed.flatten().sort().values, values.flatten().sort().values)


def test_young_tracks_have_seen_nothing_before(monkeypatch):
    config = replace(CONFIG, young=1.0, tasks="activity")
    task = RecognitionTask(config, parts_of(config, toy()))
    shown = []
    logits = torch.zeros(32, 2, requires_grad=True)
    monkeypatch.setattr(task.network, "forward", lambda maps: shown.append(maps) or {"activity": logits})
    task.loss(np.random.default_rng(0))
    empty = (shown[0] == -50.0).all(dim=1)
    assert empty.any()
    assert not empty[:, -6:].any()
    assert (empty.int().diff(dim=1) <= 0).all()  # once something is there it stays


def test_heads_follow_the_tasks():
    maps = toy()
    heads = {
        name: set(recognizer(replace(CONFIG, **settings), maps).heads)
        for name, settings in {
            "learned": {},
            "fixed": {"weighting": 0.75},
            "activity": {"tasks": "activity"},
            "identity": {"tasks": "identity"},
        }.items()
    }
    assert heads == {
        "learned": {"activity", "identity", "loss_weights"},
        "fixed": {"activity", "identity"},
        "activity": {"activity"},
        "identity": {"identity"},
    }


def test_the_weights_of_the_losses_are_equation_5_as_it_is_meant():
    activity, identity = torch.tensor([1.0, 2.0]), torch.tensor([4.0, 8.0])
    weights = torch.log(torch.tensor([[0.3, 0.7], [0.9, 0.1]]))
    meant = (2.3 * 1.0 + 2.7 * 4.0 + 2.1 * 2.0 + 2.9 * 8.0) / 2
    printed = (2.7 * 1.0 + 2.3 * 4.0 + 2.9 * 2.0 + 2.1 * 8.0) / 2
    assert multitask_loss(activity, identity, weights).item() == pytest.approx(meant)
    assert multitask_loss(activity, identity, weights, "as_printed").item() == pytest.approx(printed)


@pytest.mark.parametrize("ratio", [2 / 3, 3 / 4, 1.0])
def test_a_fixed_ratio_is_that_of_both_weights(ratio):
    one, none = torch.ones(4), torch.zeros(4)
    of_activity = multitask_loss(one, none, None, ratio).item()
    of_identity = multitask_loss(none, one, None, ratio).item()
    assert of_activity / of_identity == pytest.approx(ratio)
    assert of_activity + of_identity == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trunk": "resnet"}, "'resnet'"),
        ({"tasks": "none"}, "'none'"),
        ({"weighting": "wild"}, "'wild'"),
        ({"weighting": 0.0}, "a ratio above 0"),
        ({"fold": 4}, "fold=4 of 4"),
        ({"data": "radhar"}, "nobody's identity"),
        ({"kept": (0.5,), "lost": (0.1,)}, "of radhar"),
        ({"split": "authors"}, "no authors' split"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        replace(CONFIG, **settings)
