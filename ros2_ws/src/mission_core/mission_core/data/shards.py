"""A plain container for data sets: a directory with `manifest.json` and .npz files ("shards") of a few takes each.

    <root>/<name>-<version>-<hash>/manifest.json      who made it from what; every shard with its size, hash and takes
                                   <shard>.npz        arrays "<take id>/<field>", see `mission_core.data.takes`

The hash in the directory's name is that of the recipe, the code included, so that data of different making never mix.
A shard is written under another name and renamed when it is complete; beside it lies its entry for the manifest until
the manifest itself is written, last. So an interrupted build continues where it was, with the same command.
"""

import concurrent.futures
import hashlib
import json
import logging
import multiprocessing
import os
import signal
import threading
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich import get_console
from rich.progress import track

from mission_core.data.takes import Take, TakeInfo, from_arrays, to_arrays
from mission_core.errors import DataSetError
from mission_core.paths import state_directory

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FORMAT = 1
"""Of the container; grows when older readers would misread it."""

_READ_ERRORS = (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError)  # of a damaged .npz


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines a data set.

    Attributes:
        name: of the data set.
        version: of the generator.
        seed: of all that is drawn.
        parameters: what else was chosen; of the types that JSON has.
        profile: name of the radar's .cfg, "" without.
        profile_sha256: of that file.
        code: hash of the code that makes the data, "" where none does.
        licence: on what terms the data may be used.
    """

    name: str
    version: str
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    profile: str = ""
    profile_sha256: str = ""
    code: str = ""
    licence: str = ""

    def directory(self, root: Path) -> Path:
        """Where the data set lies below `root`."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:10]
        return root / f"{self.name}-{self.version}-{digest}"


@dataclass(frozen=True, slots=True)
class Job:
    """The making of one shard.

    Attributes:
        name: of the shard, unique, fit for a file name.
        planned: takes it should give; those that a sensor did not follow are missing in the end.
        make: picklable; gives the takes, the same ones each time.
    """

    name: str
    planned: int
    make: Callable[[], Sequence[Take]]


@dataclass(frozen=True, slots=True)
class Shard:
    """The manifest's entry of one shard."""

    file: str
    sha256: str
    bytes: int
    planned: int
    takes: tuple[TakeInfo, ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        own = {"file": self.file, "sha256": self.sha256, "bytes": self.bytes, "planned": self.planned}
        return {**own, "takes": [info.to_json() for info in self.takes]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Shard":
        """The inverse of `to_json`."""
        return cls(**{**content, "takes": tuple(TakeInfo.from_json(info) for info in content["takes"])})


def default_root() -> Path:
    """Where data sets are kept unless told otherwise."""
    return state_directory() / "datasets"


# --- writing -------------------------------------------------------------------------------------------------------


def build(recipe: Recipe, jobs: Sequence[Job], root: Path, *, workers: int = 1) -> "DataSet":
    """Makes a data set, or what is missing of it.

    Args:
        recipe: what it is.
        jobs: one for each shard; they follow from the recipe.
        root: directory of the data sets.
        workers: processes that make shards side by side.

    Raises:
        DataSetError: a shard cannot be written, or a worker died.
        KeyboardInterrupt: the person stopped it; complete shards are kept.
    """
    directory = recipe.directory(root)
    directory.mkdir(parents=True, exist_ok=True)
    for partial in directory.glob("*.partial"):
        partial.unlink()
    entries = _complete_shards(directory)
    missing = [job for job in jobs if job.name not in entries]
    try:
        # closed whatever ends the loop: workers that nobody waits for would keep the command from ending
        with closing(_made(missing, directory, workers)) as made:
            done = len(jobs) - len(missing)
            for shard in track(made, f"making {recipe.name}", len(jobs), done, disable=not missing):
                entries[Path(shard.file).stem] = shard
                if not get_console().is_terminal and len(entries) % max(len(jobs) // 20, 1) == 0:  # where no bar moves
                    log.info("%s: %d of %d shards are complete", recipe.name, len(entries), len(jobs))
    except KeyboardInterrupt:
        done = len(_complete_shards(directory))
        log.warning("stopped; %d of %d shards are complete in %s: the same command goes on", done, len(jobs), directory)
        raise
    except OSError as error:
        raise DataSetError(f"{directory} cannot be written ({error}): make room, then run the command again") from error
    except concurrent.futures.BrokenExecutor as error:
        raise DataSetError(
            "a process that made data was killed, maybe for want of memory: run the command again with fewer --workers"
        ) from error
    if missing or not (directory / MANIFEST).exists():
        _write_manifest(directory, recipe, [entries[job.name] for job in jobs])
    return DataSet(directory)


def _made(jobs: Sequence[Job], directory: Path, workers: int) -> Generator[Shard, None, None]:
    """Shards as they become complete."""
    if workers <= 1:
        yield from (_make(job, directory) for job in jobs)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # read by the workers' libraries: one process is one core
    with _pool(min(workers, len(jobs) or 1)) as pool:
        futures = [pool.submit(_make, job, directory) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


@contextmanager
def _pool(workers: int) -> Iterator[concurrent.futures.ProcessPoolExecutor]:
    """Processes that are ended at once when the block is left by an exception."""
    strangers = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=spawn, initializer=_prepare_worker)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - strangers:
            process.terminate()
        raise
    pool.shutdown()


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    """Ends a worker whose first process was killed: nobody waits for its work any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(job: Job, directory: Path) -> Shard:
    takes = job.make()
    path = directory / f"{job.name}.npz"
    arrays = {f"{take.info.take_id}/{name}": array for take in takes for name, array in to_arrays(take).items()}
    partial = path.with_suffix(".npz.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    infos = tuple(take.info for take in takes)
    shard = Shard(path.name, _sha256(partial), partial.stat().st_size, job.planned, infos)
    _write_json(_entry(path), shard.to_json())  # first: a shard without its entry would be made again
    partial.replace(path)
    return shard


def _complete_shards(directory: Path) -> dict[str, Shard]:
    """Entries of the shards that are there in full size, by name."""
    shards = [Shard.from_json(content) for content in map(_read_json, directory.glob("*.entry.json"))]
    if (directory / MANIFEST).exists():
        shards += [Shard.from_json(content) for content in _read_json(directory / MANIFEST)["shards"]]
    return {Path(shard.file).stem: shard for shard in shards if _fault(directory, shard) is None}


def _write_manifest(directory: Path, recipe: Recipe, shards: Sequence[Shard]) -> None:
    infos = [info for shard in shards for info in shard.takes]
    content = {
        "format": FORMAT,
        **asdict(recipe),
        "num_takes": len(infos),
        "planned_takes": sum(shard.planned for shard in shards),
        "people": sorted({info.person_id for info in infos}),
        "bytes": sum(shard.bytes for shard in shards),
        "shards": [shard.to_json() for shard in shards],
    }
    _write_json(directory / MANIFEST, content)
    for shard in shards:
        _entry(directory / shard.file).unlink(missing_ok=True)


def _entry(path: Path) -> Path:
    return path.with_suffix(".entry.json")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_suffix(".json.partial")
    partial.write_text(json.dumps(content, indent=1))
    partial.replace(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- reading -------------------------------------------------------------------------------------------------------


class DataSet:
    """A complete data set; a `TakeSet`. Takes are read when they are asked for.

    Args:
        directory: of the data set.

    Raises:
        DataSetError: it is absent, incomplete, or of another format.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest = _read_manifest(directory)
        self.shards = tuple(Shard.from_json(shard) for shard in self.manifest["shards"])
        self._place = {info.take_id: (shard, info) for shard in self.shards for info in shard.takes}

    @property
    def name(self) -> str:
        """Of the data set, without version."""
        return str(self.manifest["name"])

    @property
    def infos(self) -> tuple[TakeInfo, ...]:
        """Of all takes."""
        return tuple(info for _, info in self._place.values())

    def take(self, take_id: str) -> Take:
        """One take with its content.

        Raises:
            DataSetError: there is no such take, or its shard is damaged.
        """
        if take_id not in self._place:
            raise DataSetError(f"{self.directory} has no take {take_id}; `mission dataset info --takes` lists them")
        shard, info = self._place[take_id]
        try:
            # opened anew each time: an open file must not be shared by processes that were forked
            with np.load(self.directory / shard.file) as arrays:
                prefix = f"{take_id}/"
                own = {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}
            return from_arrays(info, own)
        except _READ_ERRORS as error:
            raise DataSetError(f"{self.directory / shard.file} is damaged ({error}): {self._remedy(shard)}") from error

    def verify(self) -> list[str]:
        """Reads every byte and compares with the manifest; what is wrong, with the remedy, one line for each shard."""
        faults = ((shard, _fault(self.directory, shard, thorough=True)) for shard in self.shards)
        return [f"{shard.file} {fault}: {self._remedy(shard)}" for shard, fault in faults if fault is not None]

    def _remedy(self, shard: Shard) -> str:
        return f"remove {self.directory / shard.file} and run the command again that made {self.name}"


def open_dataset(name: str | Path, root: Path | None = None) -> DataSet:
    """Opens a data set by its directory, or by its name (with or without version and hash) below the root.

    Raises:
        DataSetError: none, or several are meant.
    """
    if (Path(name) / MANIFEST).is_file():
        return DataSet(Path(name))
    root = root or default_root()
    found = sorted({*root.glob(f"{name}/{MANIFEST}"), *root.glob(f"{name}-*/{MANIFEST}")})
    if not found:
        raise DataSetError(f"there is no data set {name} in {root}: make it with `mission simulate {name}`")
    if len(found) > 1:
        listed = ", ".join(f"{path.parent.name} ({_read_manifest(path.parent)['profile'] or '-'})" for path in found)
        raise DataSetError(f"{name} may mean each of {listed}: give the full name, or remove what is obsolete")
    return DataSet(found[0].parent)


def _fault(directory: Path, shard: Shard, *, thorough: bool = False) -> str | None:
    """What is wrong with a shard's file; None when nothing is."""
    path = directory / shard.file
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != shard.bytes:
        return f"has {path.stat().st_size} bytes instead of {shard.bytes}"
    if thorough and _sha256(path) != shard.sha256:
        return f"is damaged, its SHA-256 is not {shard.sha256[:12]}"
    return None


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST
    if not path.is_file():
        raise DataSetError(
            f"{directory} is no complete data set, it has no {MANIFEST}: make it, or go on making it, with "
            "`mission simulate`"
        )
    content = _read_json(path)
    if content.get("format") != FORMAT:
        raise DataSetError(f"{path} is of format {content.get('format')}, expected {FORMAT}: make the data set anew")
    return content


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataSetError(f"{path} cannot be read ({error}): remove it and make the data set again") from error
