"""scripts/bootstrap.py, as far as it needs neither network nor minutes."""

import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a checkout in `tmp_path`, that makes environments without pip: those take no time."""
    specification = importlib.util.spec_from_file_location("bootstrap", REPOSITORY / "scripts" / "bootstrap.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    run = module.run
    monkeypatch.setattr(module, "run", lambda *words: run(*words[:-1], "--without-pip", words[-1]))
    return module


def interrupt() -> None:
    raise KeyboardInterrupt


def create(bootstrap: ModuleType, action: Callable[[], None] | None = None) -> None:
    bootstrap.step("environment", bootstrap.digest([]), action or bootstrap.create_venv)


def foreign(bootstrap: ModuleType) -> bool:
    return any("was not made by mission" in line for line in bootstrap.check_machine())


def test_a_finished_step_is_not_done_again(bootstrap: ModuleType) -> None:
    create(bootstrap)
    assert bootstrap.PYTHON.exists()
    create(bootstrap, interrupt)


def test_a_changed_input_is(bootstrap: ModuleType, tmp_path: Path) -> None:
    create(bootstrap)
    (tmp_path / "pins").write_text("torch==1")
    before = bootstrap.digest([tmp_path / "pins"])
    (tmp_path / "pins").write_text("torch==2")
    done: list[str] = []
    for fingerprint in (before, before, bootstrap.digest([tmp_path / "pins"])):
        bootstrap.step("requirements", fingerprint, lambda f=fingerprint: done.append(f))
    assert len(done) == 2


@pytest.mark.parametrize("made", [False, True], ids=["before there is a Python", "with a Python that lacks pip"])
def test_an_interrupted_creation_is_taken_up_again(bootstrap: ModuleType, made: bool) -> None:
    def interrupted() -> None:
        if made:
            bootstrap.create_venv()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        create(bootstrap, interrupted)
    assert bootstrap.PYTHON.exists() == made
    (bootstrap.VENV / "half").mkdir()
    assert not foreign(bootstrap)
    create(bootstrap)
    assert bootstrap.PYTHON.exists()
    assert not (bootstrap.VENV / "half").exists()
    create(bootstrap, interrupt)


def test_an_interrupted_step_is_done_again(bootstrap: ModuleType) -> None:
    create(bootstrap)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.step("messages", "abc", interrupt)
    done: list[bool] = []
    bootstrap.step("messages", "abc", lambda: done.append(True))
    assert done


def test_a_new_environment_forgets_the_steps_of_the_old_one(bootstrap: ModuleType) -> None:
    create(bootstrap)
    bootstrap.step("messages", "abc", lambda: None)
    bootstrap.PYTHON.unlink()  # as when the system's Python was upgraded
    create(bootstrap)
    assert not bootstrap.stamp("messages").exists()


def test_somebody_elses_environment_is_refused(bootstrap: ModuleType) -> None:
    assert not foreign(bootstrap)
    bootstrap.VENV.mkdir()
    assert not foreign(bootstrap)
    (bootstrap.VENV / "pyvenv.cfg").write_text("home = /usr/bin")
    assert foreign(bootstrap)


def test_too_little_space_is_told_before_anything_is_installed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**10, 10**10, 10**9))
    assert any("GB are free" in line for line in bootstrap.check_machine())
    bootstrap.VENV.mkdir()
    bootstrap.stamp("environment").write_text("")
    bootstrap.stamp("requirements").write_text("")
    assert not any("GB are free" in line for line in bootstrap.check_machine())


def test_activate_sets_what_the_messages_are_built_with(bootstrap: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPOSITORY / "scripts" / "activate", tmp_path / "scripts")
    subprocess.run(["python3", "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    script = 'cd / && source "$0" && env -0'
    done = subprocess.run(
        ["bash", "-euc", script, str(tmp_path / "scripts" / "activate")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)
    wanted = bootstrap.ros_environment()
    for name in ("VIRTUAL_ENV", "AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "ROS_DISTRO", "ROS_VERSION"):
        assert found[name] == wanted[name]
    assert found["PATH"].split(":")[0] == str(tmp_path / ".venv" / "bin")


def test_activate_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPOSITORY / "scripts" / "activate", tmp_path / "scripts")
    command = ["bash", "-c", 'source "$0"', str(tmp_path / "scripts" / "activate")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make setup" in done.stderr
