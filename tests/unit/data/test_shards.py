import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from sample_takes import RECIPE, jobs, make

from mission_core.data import shards
from mission_core.data.shards import DataSet, Job, Recipe, Shard, build, open_dataset
from mission_core.data.takes import Take, TakeList
from mission_core.errors import DataSetError


def test_what_was_built_is_read_back(tmp_path: Path) -> None:
    made = build(RECIPE, jobs(), tmp_path)
    opened = open_dataset("tiny", tmp_path)
    assert opened.directory == made.directory == RECIPE.directory(tmp_path)
    assert [info.take_id for info in opened.infos] == ["P00-r0", "P00-c0", "P01-r0", "P01-c0"]
    assert len(opened.take("P01-r0").points) == 3
    assert opened.take("P00-c0").crops.shape == (2, 96, 64, 3)
    assert opened.verify() == []
    manifest = json.loads((opened.directory / "manifest.json").read_text())
    assert manifest["people"] == ["P00", "P01"]
    assert manifest["num_takes"] == manifest["planned_takes"] == 4
    assert manifest["licence"] == "free"
    assert manifest["bytes"] == sum(file.stat().st_size for file in opened.directory.glob("*.npz"))
    assert sorted(path.suffix for path in opened.directory.iterdir()) == [".json", ".npz", ".npz"]


def test_the_same_recipe_gives_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    alone = build(RECIPE, jobs(), tmp_path / "alone")
    together = build(RECIPE, jobs(), tmp_path / "together", workers=2)
    assert alone.shards == together.shards


def test_every_part_of_the_recipe_names_another_directory(tmp_path: Path) -> None:
    others = [
        Recipe("tiny", "0.2", 3, {"people": 2}),
        Recipe("tiny", "0.1", 4, {"people": 2}),
        Recipe("tiny", "0.1", 3, {"people": 3}),
        Recipe("tiny", "0.1", 3, {"people": 2}, profile_sha256="ab"),
        Recipe("tiny", "0.1", 3, {"people": 2}, code="cd"),
    ]
    assert len({recipe.directory(tmp_path) for recipe in [RECIPE, *others]}) == 6


def test_an_interrupted_build_goes_on_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def fail() -> list[Take]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(RECIPE, [*jobs(2, log), Job("P02", 2, fail)], tmp_path)
    with pytest.raises(DataSetError, match="no complete data set"):
        DataSet(RECIPE.directory(tmp_path))
    (RECIPE.directory(tmp_path) / "P02.npz.partial").write_bytes(b"half")
    build(RECIPE, jobs(3, log), tmp_path)
    assert log.read_text().split() == ["0", "1", "2"]  # nothing was made twice
    build(RECIPE, jobs(3, log), tmp_path)
    assert log.read_text().split() == ["0", "1", "2"]
    assert not list(RECIPE.directory(tmp_path).glob("*.partial"))


@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_a_damaged_shard_is_named_with_the_remedy_and_the_remedy_works(tmp_path: Path, harm: str) -> None:
    made = build(RECIPE, jobs(), tmp_path)
    shard = made.directory / "P01.npz"
    content = bytearray(shard.read_bytes())
    if harm == "cut":
        shard.write_bytes(content[: len(content) // 2])
    elif harm == "flip":
        content[200:2000] = bytes(1800)
        shard.write_bytes(content)
    else:
        shard.unlink()
    (fault,) = made.verify()
    assert fault.startswith("P01.npz")
    assert f"remove {shard}" in fault
    with pytest.raises(DataSetError, match=r"P01\.npz is damaged.*remove .*P01\.npz and run the command again"):
        [made.take(info.take_id) for info in made.infos]
    shard.unlink(missing_ok=True)
    again = build(RECIPE, jobs(), tmp_path)
    assert again.verify() == []
    assert again.take("P01-r0").info.person_id == "P01"


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_command_ends_the_workers_and_keeps_what_is_complete(
    tmp_path: Path, end: signal.Signals
) -> None:
    script = (
        "import functools, signal, time\n"
        "from pathlib import Path\n"
        "from mission_core.data.shards import Job, build\n"
        "from sample_takes import RECIPE, jobs\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in what a script starts with &
        "    sleeps = [Job('slow', 1, functools.partial(time.sleep, 600))] * 2\n"
        f"    build(RECIPE, [*jobs(), *sleeps], Path({str(tmp_path)!r}), workers=2)\n"
    )
    (tmp_path / "script.py").write_text(script)
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py"],
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    directory = RECIPE.directory(tmp_path)
    deadline = time.monotonic() + 60
    while len(list(directory.glob("*.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)  # the command hears of it, and the workers fall asleep
    workers = psutil.Process(process.pid).children()
    assert len(workers) >= 2
    if end == signal.SIGINT:
        os.killpg(process.pid, end)  # as the terminal does
    else:
        process.kill()
    _, errors = process.communicate(timeout=20)
    if end == signal.SIGINT:
        assert "2 of 4 shards are complete" in errors, errors
        assert errors.count("Traceback") <= 1  # the first process' own, which `mission` turns into exit status 130
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE] == []
    assert build(RECIPE, jobs(), tmp_path).verify() == []


def test_an_interrupt_between_two_shards_ends_the_workers_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(made: Iterable[Shard], *_: object, **__: object) -> Iterator[Shard]:
        yield next(iter(made))
        raise KeyboardInterrupt

    monkeypatch.setattr(shards, "track", interrupted)  # the bar, not the pool, is at work when it comes
    strangers = set(multiprocessing.active_children())
    slow = Job("slow", 1, functools.partial(time.sleep, 60))
    with pytest.raises(KeyboardInterrupt) as caught:  # kept, as the interpreter does at the end of a command
        build(RECIPE, [*jobs(), slow], tmp_path, workers=2)
    workers = set(multiprocessing.active_children()) - strangers
    for worker in workers:
        worker.join(30.0)
    # not `is_alive`: the pool's own thread waits for them as well, and who comes second is told nothing for a moment
    assert [worker.name for worker in workers if psutil.pid_exists(worker.pid)] == []
    assert caught.tb is not None


def test_an_absent_or_ambiguous_name_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"no data set tiny .*`mission simulate tiny`"):
        open_dataset("tiny", tmp_path)
    build(RECIPE, jobs(1), tmp_path)
    newer = build(Recipe("tiny", "0.2", 3, profile="fast.cfg"), jobs(1), tmp_path)
    with pytest.raises(DataSetError, match=r"tiny may mean each of tiny-0\.1-.*, tiny-0\.2-.* \(fast\.cfg\): give"):
        open_dataset("tiny", tmp_path)
    assert open_dataset("tiny-0.2", tmp_path).directory == newer.directory
    assert open_dataset(newer.directory).directory == newer.directory


def test_an_unknown_take_and_an_unreadable_manifest_are_told(tmp_path: Path) -> None:
    made = build(RECIPE, jobs(1), tmp_path)
    with pytest.raises(DataSetError, match="has no take P99-r0"):
        made.take("P99-r0")
    (made.directory / "manifest.json").write_text("{")
    with pytest.raises(DataSetError, match="cannot be read"):
        DataSet(made.directory)
    (made.directory / "manifest.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(DataSetError, match="format 99, expected 1"):
        DataSet(made.directory)


def test_takes_in_memory_are_a_set_too() -> None:
    takes = TakeList(make(4))
    assert [info.take_id for info in takes.infos] == ["P04-r0", "P04-c0"]
    np.testing.assert_array_equal(takes.take("P04-r0").stamps_ns, np.arange(3) * 100_000_000 + 5)
