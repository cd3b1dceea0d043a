from pathlib import Path

import numpy as np
import pytest

from mission_core.camera.skeleton import JOINT_NAMES
from mission_core.data import own_motion as module
from mission_core.data import sets
from mission_core.data.own_motion import own_motion, person_of
from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import sample_person
from mission_core.sim.gait import Walk
from mission_core.sim.path import straight


def files(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / name).write_bytes(b"")
    return directory


def test_a_bvh_file_names_its_person() -> None:
    assert person_of(Path("SubjectA1_Cycle2.bvh")) == "A1"
    assert person_of(Path("somebody.bvh")) == "somebody"
    named = sets._CLIP.fullmatch("SubjectA1_Cycle2.bvh")  # whose takes the simulated ones are
    assert named is not None
    assert named["person"] == "A1"


def test_a_file_of_joints_names_its_person_inside(tmp_path: Path) -> None:
    walk = Walk(sample_person(3), straight((6.0, 0.5), (1.0, 0.5)), 0)
    joints = walk.joints(0.3 + np.arange(60) / 30.0).astype(np.float32)
    np.savez(tmp_path / "x.npz", joints=joints, names=np.array(JOINT_NAMES), fps=30.0, person="Ada", take="1")
    assert person_of(tmp_path / "x.npz") == "Ada"


@pytest.mark.parametrize(
    "names",
    [
        ("SubjectA_Cycle1.bvh", "SubjectB_Cycle1.bvh", "SubjectC_Cycle1.bvh"),
        ("SubjectA_Cycle1.bvh", "SubjectA_Cycle2.bvh", "SubjectC_Cycle1.bvh"),
    ],
)
def test_too_few_files_are_told_of_before_anything_is_simulated(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"two files each are needed.*Subject<person>_Cycle<number>\.bvh"):
        own_motion(files(tmp_path, *names), 10.0)


def test_no_directory_and_an_empty_one_are_told_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no directory"):
        own_motion(tmp_path / "nothing", 10.0)
    with pytest.raises(ConfigurationError, match=r"no \.npz and no \.bvh"):
        own_motion(tmp_path, 10.0)


def test_enough_files_are_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(module, "build", lambda recipe, jobs, *_, **__: built.append((recipe.name, len(jobs))))
    names = [f"Subject{person}_Cycle{walk}.bvh" for person in "AB" for walk in (1, 2)]
    own_motion(files(tmp_path, *names), 10.0)
    assert built == [("motion", 4)]
