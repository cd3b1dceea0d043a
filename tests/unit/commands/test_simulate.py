from pathlib import Path

import cv2
import numpy as np
import pytest

from mission_core.camera.skeleton import JOINT_NAMES
from mission_core.cli import main
from mission_core.data.shards import open_dataset
from mission_core.data.splits import walks
from mission_core.data.takes import CameraTake, RadarTake
from mission_core.sim.cohort import sample_person
from mission_core.sim.figure import spectrogram
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of one person's walks."""
    directory = tmp_path_factory.mktemp("motion")
    person = sample_person(4_000)
    for take in ("one", "two"):
        walk = Walk(person, straight((0.0, 0.0), (3.6, 0.0)), seed=len(take) + ord(take[0]))
        joints = walk.joints(np.arange(0.0, walk.duration, 1 / 30)).astype(np.float32)
        np.savez(directory / f"{take}.npz", joints=joints, names=JOINT_NAMES, fps=30.0, person="X1", take=take)
    return directory


def test_one_record_is_made_of_each_file_of_joints(
    motion: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", "--motion", str(motion), "--output", str(tmp_path), "--workers", "1"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "4 takes of 1 people" in text
    opened = open_dataset("motion", tmp_path)
    assert str(opened.directory) in text
    radar, camera = opened.take("one-radar"), opened.take("one-camera")
    assert isinstance(radar, RadarTake)
    assert isinstance(camera, CameraTake)
    assert radar.info.walk_id == camera.info.walk_id == "one"
    assert radar.info.person_id == camera.info.person_id == "X1"
    assert camera.images is None
    assert camera.masks is not None
    assert radar.info.route == "captured"
    split = walks(opened.infos)
    assert (split.query, split.gallery) == (("two-radar",), ("one-camera",))
    shards = {path: path.stat().st_mtime_ns for path in opened.directory.glob("*.npz")}
    (opened.directory / "two.npz").unlink()
    assert main(arguments) == 0  # makes what is missing, and only that
    again = {path: path.stat().st_mtime_ns for path in opened.directory.glob("*.npz")}
    assert again.keys() == shards.keys()
    assert again[opened.directory / "one.npz"] == shards[opened.directory / "one.npz"]


def test_whole_frames_are_kept_on_request(motion: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    (few / "one.npz").write_bytes((motion / "one.npz").read_bytes())
    assert main(["simulate", "--motion", str(few), "-o", str(tmp_path), "--whole-frames", "--workers", "1"]) == 0
    take = open_dataset("motion", tmp_path).take("one-camera")
    assert isinstance(take, CameraTake)
    assert take.images is not None
    assert take.images.shape == (take.info.frames, 720, 1280, 3)


def test_the_figure_is_a_picture(tmp_path: Path) -> None:
    assert main(["simulate", "--figure", str(tmp_path / "instant.png"), "--seed", "3"]) == 0
    picture = cv2.imread(str(tmp_path / "instant.png"))
    assert picture is not None
    assert picture.shape[1] > 1500
    assert picture.std() > 30


def test_a_spectrogram_has_its_line_at_the_targets_velocity() -> None:
    prf, carrier, velocity = 3000.0, 60.0e9, 1.7
    times = np.arange(6000) / prf
    signal = np.exp(2j * np.pi * 2 * velocity * carrier / 299_792_458.0 * times).astype(np.complex64)
    velocities, decibels = spectrogram(signal, prf, carrier)
    assert decibels.shape[0] == len(velocities)
    assert np.abs(velocities[decibels.argmax(axis=0)] - velocity).max() < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to simulate"),
        (["mocap35"], "--motion DIR"),
        (["walkers58", "--motion", "."], "is not made of --motion"),
        (["--motion", "nowhere"], "is no directory"),
        (["--motion", "."], "no .npz and no .bvh"),
        (["population", "--people", "0"], "expected at least one"),
        (["walkers58", "--profile", "absent"], "there is no radar profile"),
        (["--figure", "nowhere/instant.png"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
