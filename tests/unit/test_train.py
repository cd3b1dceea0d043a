import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy_training
import yaml
from toy_training import STANDING, Toy

from mission_core.data.walks import WalkSetConfig
from mission_core.errors import ConfigurationError, ModelError
from mission_core.models.export import export
from mission_core.models.gait.configuration import GaitConfig
from mission_core.models.gait.training import GaitTraining
from mission_core.models.learning import MatchingTraining
from mission_core.models.mra_net.configuration import RecognitionTraining
from mission_core.models.pictures.training import PictureTraining
from mission_core.models.reid.configuration import ReidConfig
from mission_core.models.reid.training import MissionTraining
from mission_core.models.training import load_config, train
from mission_core.paths import share_directory
from mission_core.sim.cohort import POPULATION_SEED
from mission_core.train import Schedule, Trainer, claim, precision

PICTURES = PictureTraining(name="pictures", pictures=4, steps=2, validate_every=1)
TINY = MissionTraining(
    name="tiny",
    pictures=PICTURES,
    network=ReidConfig(dim=16, lstm_layers=1),
    steps=4,
    pairs=4,
    validate_every=2,
)
TINY_GAIT = GaitTraining(
    name="tiny_gait",
    pictures=PICTURES,
    network=GaitConfig(dim=16, lines=4, swinging=2, free=2),
    crowd=2,
    pairs=4,
    singles=2,
    steps=4,
    validate_every=2,
)


@pytest.fixture(autouse=True)
def _home(strangers_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_HOME", str(strangers_home))


def interrupted(trainer: Trainer, figures: Mapping[str, float]) -> dict[str, Any]:
    """In place of `Trainer._validate`: interrupted at the first validation, before `last.pt` is written."""
    (trainer.directory / "last.pt").mkdir(parents=True)
    try:
        return VALIDATE(trainer, figures)
    except IsADirectoryError:
        raise KeyboardInterrupt from None
    finally:
        (trainer.directory / "last.pt").rmdir()


VALIDATE = Trainer._validate


@pytest.mark.parametrize("config", [TINY, TINY_GAIT], ids=lambda config: config.method)
def test_interrupted_training_ends_where_an_uninterrupted_one_does(
    config: MatchingTraining, tmp_path: Path, strangers: WalkSetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, data=strangers, pictures=replace(PICTURES, data=strangers))
    train(config, tmp_path / "whole")  # and the picture network beside it, which the other run shares
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "cut")
    with pytest.raises(ModelError, match="run `mission train`"):
        export(tmp_path / "cut", tmp_path / "model")
    train(config, tmp_path / "cut")
    whole, cut = (torch.load(tmp_path / name / "last.pt", weights_only=True)["task"] for name in ("whole", "cut"))
    assert whole
    for name, values in whole.items():
        torch.testing.assert_close(cut[name], values, msg=name)


def test_run_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("name: other\n")
    with pytest.raises(ConfigurationError, match="run with other settings"):
        train(TINY, tmp_path / "run")


def test_shipped_configurations_are_valid_and_keep_off_the_test_cohort() -> None:
    for path in (share_directory() / "config" / "train").rglob("*.yaml"):
        config = load_config(path)
        assert config.name == path.stem
        if not isinstance(config, RecognitionTraining):  # which tells apart whom it learns from
            assert config.data.first_seed >= POPULATION_SEED


GOOD = "name: x\nmethod: mission\npictures: {name: p, method: pictures}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 3", "at least a name and a method"),
        ("name: [x", "is no YAML"),
        ("name: x\nmethod: magic", "no method 'magic', expected one of pictures, recognition, mission, gait"),
        ("name: x\nmethod: gait", "pictures is missing"),
        ("name: x\nmethod: gait\npictures: nowhere", r"nowhere\.yaml: No such file"),
        (f"{GOOD}step: 3", "unknown key 'step'"),
        (f"{GOOD}network: {{dims: 3}}", "network: unknown key 'dims'"),
        (f"{GOOD}data: {{first_seed: 5}}", "below 10000 are kept for test people"),
        (f"{GOOD}steps: 0", "steps is 0"),
        (f"{GOOD}network: {{num_frames: 10}}", "num_frames is 10, expected 20 or more"),
        (f"{GOOD}network: {{num_points: 65}}", "data sets keep 64"),
        (f"{GOOD}loss: magic", "loss is 'magic', expected one of triplet"),
        (f"{GOOD}data: {{walks: 0}}", "walks is 0"),
        ("name: x\nmethod: pictures\npictures: 1", "pictures is 1"),
    ],
)
def test_wrong_configuration_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load_config(tmp_path / "bad.yaml")


def test_absent_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: No such file"):
        load_config(tmp_path / "nowhere.yaml")


# --- what is common to every method, with one that takes no time -----------------------------------------------------

SHORT = Schedule(steps=10, validate_every=4, learning_rate=0.1)


def learn(directory: Path, schedule: Schedule = SHORT, **options: Any) -> Trainer:
    torch.manual_seed(0)
    trainer = Trainer(Toy(**{"scores": [0.1, 0.2, 0.3], **options}), schedule, directory)
    trainer.run()
    return trainer


def last(directory: Path) -> dict[str, Any]:
    return torch.load(directory / "last.pt", weights_only=True)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_is_asked_to_stop_saves_and_goes_on_exactly(
    number: int, scaled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(*_: object, **__: object) -> tuple[Any, Any]:
        return torch.autocast("cpu", torch.bfloat16), torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)

    if scaled:  # what float16 needs on a GPU
        monkeypatch.setattr("mission_core.train.precision", narrow)
    learn(tmp_path / "whole")
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path / "cut", at_step=lambda step: signal.raise_signal(number) if step == 5 else None)
    assert signal.getsignal(number) is before
    assert last(tmp_path / "cut")["step"] == 6
    learn(tmp_path / "cut", scores=[0.2, 0.3])
    whole, cut = last(tmp_path / "whole"), last(tmp_path / "cut")
    assert whole["step"] == cut["step"] == 10
    assert whole["scaler"] == cut["scaler"]
    assert bool(whole["scaler"]) == scaled
    for name, values in whole["task"].items():
        assert torch.equal(cut["task"][name], values), name


def test_who_asks_twice_does_not_wait(tmp_path: Path) -> None:
    def ask(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path, at_step=ask)
    assert not (tmp_path / "last.pt").exists()


def test_training_stops_when_patience_runs_out_and_stays_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    patient = replace(SHORT, steps=100, patience=2)
    with caplog.at_level("INFO"):
        assert learn(tmp_path, patient, scores=[0.1, 0.5, 0.4, 0.5, 0.9]).step == 16
    assert "stopped early at step 16: 2 validations without a new best" in caplog.text
    assert torch.load(tmp_path / "best.pt", weights_only=True)["step"] == 8
    again = learn(tmp_path, patient, scores=[])
    assert (again.step, again.task.calls) == (16, 0)


def test_history_and_result_say_what_was_measured_and_made_by_what(tmp_path: Path) -> None:
    learn(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 10]
    assert lines[0]["train"]["error"] > 0
    best = torch.load(tmp_path / "best.pt", weights_only=True)
    assert best["calibrated"]
    assert best["config"] == yaml.safe_load((tmp_path / "config.yaml").read_text())
    made = best["provenance"]
    assert (made["torch_version"], made["processes"]) == (torch.__version__, 1)
    assert made["git"] == "" or len(made["git"]) == 40


def test_curves_hold_every_step_once_also_of_a_run_that_was_cut_off(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def fail(step: int) -> None:
        if step == 7:
            raise MemoryError

    with pytest.raises(MemoryError):
        learn(tmp_path, at_step=fail)
    assert last(tmp_path)["step"] == 4
    learn(tmp_path, scores=[0.2, 0.3])
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [event.step for event in events.Scalars("train/error")] == list(range(1, 11))
    assert [event.step for event in events.Scalars("validation/validations_left")] == [4, 8, 10]


def test_run_of_before_a_setting_existed_is_still_its_own(tmp_path: Path) -> None:
    claim(TINY_GAIT, tmp_path)
    path = tmp_path / "config.yaml"
    older = yaml.safe_load(path.read_text())
    for settings in (older, older["pictures"]):
        del settings["patience"], settings["mixed_precision"]
    path.write_text(yaml.safe_dump(older))
    claim(TINY_GAIT, tmp_path)
    path.write_text(yaml.safe_dump(older))
    for other in (replace(TINY_GAIT, patience=1), replace(TINY_GAIT, pictures=replace(PICTURES, steps=3)), TINY):
        with pytest.raises(ConfigurationError, match="run with other settings"):
            claim(other, tmp_path)


def test_precision_is_left_alone_without_a_gpu() -> None:
    autocast, scaler = precision(torch.device("cpu"), mixed=True)
    with autocast:
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not scaler.is_enabled()


# --- several processes -----------------------------------------------------------------------------------------------


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1", **variables}


def test_two_processes_learn_the_mean_of_both_batches_and_stop_together(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [toy_training.__file__, str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    both = [torch.load(tmp_path / f"process{rank}.pt", weights_only=True) for rank in range(2)]
    assert [left["step"] for left in both] == [6, 6]  # the first alone validates: 0.5, 0.4, 0.3
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == done.stdout.count("validation:") == 3
    torch.manual_seed(0)
    alone = Toy([])
    for rank in range(2):
        rng = np.random.default_rng((STANDING.seed, 5, rank))
        torch.manual_seed(int(rng.integers(2**63)))
        (alone.loss(rng)[0] / 2).backward()
    torch.nn.utils.clip_grad_norm_(alone.parameters(), 1.0)
    for left in both:
        for name, parameter in alone.named_parameters():
            assert torch.equal(left["weights"][name], parameter.detach()), name
            if parameter.grad is None:
                assert left["gradients"][name] is None
            else:
                torch.testing.assert_close(left["gradients"][name], parameter.grad, msg=name)


def test_process_whose_partner_dies_says_so_and_ends(tmp_path: Path) -> None:
    # without torchrun, which ends the survivor as well, at times before it has said anything
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free.getsockname()[1]),
            "WORLD_SIZE": "2",
            "TORCHELASTIC_RUN_ID": "0",
        }
    command = [sys.executable, toy_training.__file__, str(tmp_path), "1"]
    ranks = [{**where, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    survivor, partner = (subprocess.Popen(command, env=environment(**rank), **pipes) for rank in ranks)
    try:
        said = survivor.communicate(timeout=300)[1]
    finally:
        survivor.kill()
        partner.kill()
        partner.communicate()
    assert survivor.returncode == 1
    assert partner.returncode == -signal.SIGKILL
    assert "another process of this training ended" in said
    assert last(tmp_path)["step"] == 2
