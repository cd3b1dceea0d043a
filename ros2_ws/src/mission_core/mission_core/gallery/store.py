"""The gallery on disk: one SQLite file of enrolled clips.

What `add` has acknowledged survives a power cut (WAL, synchronous=FULL, one transaction per call); what `remove` has
acknowledged is overwritten, not merely unlinked. One process writes, any number read. Gait and pixels are
biometrics: the file is readable by its owner only, and pixels are kept only where asked for.
"""

import contextlib
import hashlib
import io
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from mission_core.errors import GalleryDamaged, GalleryError, GalleryModelMismatch
from mission_core.types import Float32Array, Snippet

APPLICATION_ID = 0x6D697373
FORMAT = 1
BUSY_TIMEOUT = 5.0
"""How long one process waits for another's transaction [s]."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE clips (
    clip_id TEXT PRIMARY KEY, person_id TEXT NOT NULL,
    num_frames INTEGER NOT NULL, num_channels INTEGER NOT NULL, features BLOB NOT NULL,
    enrolled_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL,
    consent_reference TEXT NOT NULL, purpose TEXT NOT NULL, checksum BLOB NOT NULL);
CREATE TABLE snippets (
    clip_id TEXT PRIMARY KEY REFERENCES clips ON DELETE CASCADE, data BLOB NOT NULL, checksum BLOB NOT NULL);
"""
_COLUMNS = "clip_id, person_id, num_frames, num_channels, features, enrolled_ns, expires_ns, consent_reference, purpose"
_CURRENT = "(expires_ns = 0 OR expires_ns > ?)"


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One enrolled clip of a person, as a model sees it.

    Attributes:
        person_id: opaque; not a name.
        clip_id: unique in the gallery.
        features: (R, C) float32, of the model whose hash the gallery bears.
        enrolled_ns: time of enrolment.
        expires_ns: when it must no longer be used; 0 = never.
        consent_reference: where consent is documented, may be empty.
        purpose: what was consented to, may be empty.
    """

    person_id: str
    clip_id: str
    features: Float32Array
    enrolled_ns: int
    expires_ns: int = 0
    consent_reference: str = ""
    purpose: str = ""


class SqliteGallery:
    """Gallery in one SQLite file. May be used from several threads; use as a context manager, or `close` it.

    Attributes:
        path: of the file.
        damaged: entries that the last `clips` skipped, each as "clip_id: what is wrong".
    """

    def __init__(self, path: Path | str, model_sha256: str | None, *, read_only: bool = False) -> None:
        """Opens the gallery; creates it, and its directory, unless `read_only`.

        Args:
            path: of the file.
            model_sha256: model whose features are read and added; an empty gallery takes on any. None opens an
                existing gallery whatever its model, to list and remove; nothing can be added then.
            read_only: never writes; for a process beside the one that does.

        Raises:
            GalleryModelMismatch: the gallery holds features of another model.
            GalleryDamaged: the file is no gallery or is corrupt.
            GalleryError: it does not exist (read-only or without model), cannot be opened, or is of a newer format.
        """
        self.path = Path(path)
        self.damaged: tuple[str, ...] = ()
        self._expected_model = model_sha256
        self._lock = threading.RLock()
        self._create_file(must_exist=read_only or model_sha256 is None)
        with self._translated():
            self._db = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
            )
            # Damaged text must reach the checksum, which names its row.
            self._db.text_factory = lambda data: data.decode(errors="replace")
        try:
            self._open(read_only)
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; harmless when closed."""
        with self._lock:
            self._db.close()

    @property
    def revision(self) -> int:
        """Grows with every change; cheap to read."""
        return int(self._meta("revision"))

    @property
    def model_sha256(self) -> str:
        """Model whose features the gallery holds."""
        return self._meta("model_sha256")

    def add(self, clips: Sequence[Clip], snippets: Sequence[Snippet] | None = None) -> None:
        """Stores clips, all or none; they are durable when this returns.

        Args:
            clips: with new clip_ids and finite (T, C) features.
            snippets: the clips' own pixels, in the same order, to be kept so that another model can be applied.

        Raises:
            GalleryError: features or ids are wrong, or the store cannot be written (disk full, locked).
            GalleryModelMismatch: the gallery was opened without a model, or has changed its model since.
        """
        for clip in clips:
            if clip.features.ndim != 2 or not clip.features.size or not np.isfinite(clip.features).all():
                raise GalleryError(f"clip {clip.clip_id}: expected finite (R, C) features, got {clip.features.shape}")
        with self._write():
            if self._expected_model is None:
                raise GalleryModelMismatch(f"{self.path} was opened without a model: nothing can be added to it")
            self._check_model()
            for clip in clips:
                values = _row(clip)
                if self._db.execute("SELECT 1 FROM clips WHERE clip_id = ?", (clip.clip_id,)).fetchone():
                    raise GalleryError(f"clip {clip.clip_id} is in {self.path} already; clip ids must be new")
                self._db.execute(
                    f"INSERT INTO clips ({_COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?,?,?)",
                    (*values, _checksum(*values)),
                )
            for clip, snippet in zip(clips, snippets, strict=True) if snippets is not None else ():
                data = _pack(snippet)
                self._db.execute("INSERT INTO snippets VALUES (?,?,?)", (clip.clip_id, data, _checksum(data)))
            self._changed(len(clips))

    def remove(self, person_id: str) -> int:
        """Removes every trace of a person and returns the number of clips removed, 0 if they were not enrolled.

        Raises:
            GalleryError: the store cannot be written, or a reader kept old copies from being overwritten.
        """
        return self._delete("person_id = ?", person_id)

    def purge_expired(self) -> int:
        """Removes the clips that have expired as thoroughly as `remove`, and returns their number."""
        return self._delete(f"NOT {_CURRENT}", time.time_ns())

    def clips(self, person_id: str | None = None) -> list[Clip]:
        """Clips of everybody or one person, by person_id and time of enrolment.

        Expired clips are left out; damaged ones too, and named in `damaged`.

        Raises:
            GalleryModelMismatch: the gallery has changed its model since it was opened.
            GalleryDamaged: the file is corrupt beyond single entries.
        """
        query = f"SELECT {_COLUMNS}, checksum FROM clips WHERE {_CURRENT} AND ? IN (person_id, '')"
        with self._read():
            self._check_model()
            rows = self._db.execute(
                f"{query} ORDER BY person_id, enrolled_ns, clip_id", (time.time_ns(), person_id or "")
            ).fetchall()
        intact: list[Clip] = []
        damaged: list[str] = []
        for *values, checksum in rows:
            if _checksum(*values) == checksum:
                intact.append(_clip(*values))
            else:
                damaged.append(f"{values[0]}: checksum does not match; remove {values[1]} and enrol again")
        self.damaged = tuple(damaged)
        return intact

    def person_ids(self) -> list[str]:
        """Distinct ids of people with unexpired clips, sorted."""
        query = f"SELECT DISTINCT person_id FROM clips WHERE {_CURRENT} ORDER BY person_id"
        with self._read():
            return [row[0] for row in self._db.execute(query, (time.time_ns(),))]

    def snippet(self, clip_id: str) -> Snippet | None:
        """The pixels of a clip; None where they were not kept.

        Raises:
            GalleryDamaged: they cannot be read.
        """
        with self._read():
            row = self._db.execute("SELECT data, checksum FROM snippets WHERE clip_id = ?", (clip_id,)).fetchone()
        if row is None:
            return None
        if _checksum(row[0]) != row[1]:
            raise GalleryDamaged(f"{self.path}: the pixels of clip {clip_id} are damaged: enrol the person again")
        return _unpack(row[0])

    def replace_features(self, features: Mapping[str, Float32Array], model_sha256: str) -> None:
        """Turns the gallery over to another model, all or nothing.

        Args:
            features: (T, C) by clip_id, of every clip in the gallery, expired and damaged ones included.
            model_sha256: the model that made them; expected from now on.

        Raises:
            GalleryError: a clip has no new features.
        """
        with self._write():
            rows = self._db.execute(f"SELECT {_COLUMNS} FROM clips").fetchall()
            missing = sorted(row[0] for row in rows if row[0] not in features)
            if missing:
                raise GalleryError(f"{self.path}: no new features for clips {', '.join(missing)}; nothing was changed")
            for row in rows:
                new = np.ascontiguousarray(features[row[0]], "<f4")
                values = (row[0], row[1], *new.shape, new.tobytes(), *row[5:])
                self._db.execute(
                    "UPDATE clips SET num_frames = ?, num_channels = ?, features = ?, checksum = ? WHERE clip_id = ?",
                    (*values[2:5], _checksum(*values), row[0]),
                )
            self._set_meta("model_sha256", model_sha256)
            self._changed(max(len(rows), 1))
            self._expected_model = model_sha256

    def _create_file(self, *, must_exist: bool) -> None:
        try:
            if self.path.exists():
                return
            if must_exist:
                raise GalleryError(f"there is no gallery at {self.path}: enrol somebody with `mission gallery enrol`")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise GalleryError(
                f"gallery {self.path} cannot be created: {error.strerror}; name a file you may write"
            ) from error

    def _open(self, read_only: bool) -> None:
        creates = not read_only and self._expected_model is not None
        self._check_kind(may_be_empty=creates)
        with self._translated():
            if not read_only:
                self._switch_to_wal()
            for pragma in ("synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
                self._db.execute(f"PRAGMA {pragma}")
        if creates:
            self._prepare()
        with self._read():
            fault = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if fault != "ok":
                raise self._damaged(fault)
            self._check_model()

    def _switch_to_wal(self) -> None:
        """Waits as for any transaction, which SQLite itself does not where several switch a new file at once."""
        patience = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                    raise
                time.sleep(0.01)
            else:
                return

    def _check_kind(self, *, may_be_empty: bool) -> None:
        """Makes sure of the file before anything is changed in it."""
        with self._read():  # one snapshot: another process may be making the tables just now
            application, version = self._pragma("application_id"), self._pragma("user_version")
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and may_be_empty:
            return
        if application != APPLICATION_ID:
            state = "is a database of another program" if tables else "is still empty"
            raise GalleryError(f"{self.path} {state}: enrol somebody first, or name the gallery's own file")
        if version != FORMAT:
            raise GalleryError(f"{self.path} has format {version}, this mission reads {FORMAT}: update mission")

    def _prepare(self) -> None:
        """Makes the tables of a new file; lets an empty gallery take on the model."""
        with self._write():
            if not self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {FORMAT}")
                self._set_meta("revision", "0")
            if not self._num_clips():
                self._set_meta("model_sha256", str(self._expected_model))

    def _check_model(self) -> None:
        found, expected = self._meta("model_sha256"), self._expected_model
        if expected is not None and found != expected and self._num_clips():
            raise GalleryModelMismatch(
                f"{self.path} holds features of model {found[:12]}, the model in use is {expected[:12]}: run "
                "`mission gallery recompute` if pixels were kept, else enrol again into a new file"
            )

    def _delete(self, condition: str, value: str | int) -> int:
        with self._write():
            count = self._db.execute(f"DELETE FROM clips WHERE {condition}", (value,)).rowcount
            self._changed(count)
        # Even after 0 rows: an earlier call may have been kept from truncating.
        with self._lock, self._translated():
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise GalleryError(
                f"{count} clips were removed, but another process kept {self.path}-wal, which may hold copies, from "
                "being emptied: run `mission gallery purge` when it is idle"
            )
        return count

    def _changed(self, count: int) -> None:
        if count:
            self._set_meta("revision", str(int(self._meta("revision")) + 1))

    def _num_clips(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM clips").fetchone()[0])

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def _meta(self, key: str) -> str:
        with self._lock, self._translated():
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise self._damaged(f"it lacks its {key}")
        return str(row[0])

    def _set_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _read(self) -> "contextlib.AbstractContextManager[None]":
        """One consistent view."""
        return self._transaction("BEGIN")

    def _write(self) -> "contextlib.AbstractContextManager[None]":
        """One change, all or nothing, on disk when it ends."""
        return self._transaction("BEGIN IMMEDIATE")

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        with self._lock, self._translated():
            self._db.execute(begin)
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back on some errors
                    self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise GalleryError(f"gallery {self.path}: {error}; check the disk, permissions and other users") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, fault: str) -> GalleryDamaged:
        return GalleryDamaged(
            f"{self.path} cannot be read as a gallery ({fault}): restore it from a backup, or move it away and enrol "
            "again"
        )


def _row(clip: Clip) -> tuple[str | int | bytes, ...]:
    """The values of `_COLUMNS`."""
    features = np.ascontiguousarray(clip.features, "<f4")
    num_frames, num_channels = features.shape
    data = (clip.clip_id, clip.person_id, num_frames, num_channels, features.tobytes())
    return (*data, clip.enrolled_ns, clip.expires_ns, clip.consent_reference, clip.purpose)


def _clip(
    clip_id: str,
    person_id: str,
    num_frames: int,
    num_channels: int,
    features: bytes,
    enrolled_ns: int,
    expires_ns: int,
    consent_reference: str,
    purpose: str,
) -> Clip:
    """Inverse of `_row`."""
    array = np.frombuffer(features, "<f4").reshape(num_frames, num_channels).astype(np.float32)
    return Clip(person_id, clip_id, array, enrolled_ns, expires_ns, consent_reference, purpose)


def _checksum(*values: str | int | bytes) -> bytes:
    """SHA-256 over values, each with its length, so that none can run into the next."""
    digest = hashlib.sha256()
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def _pack(snippet: Snippet) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, crops=snippet.crops, geometry=snippet.geometry, stamps_ns=snippet.stamps_ns)
    return buffer.getvalue()


def _unpack(data: bytes) -> Snippet:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return Snippet(arrays["crops"], arrays["geometry"], arrays["stamps_ns"])
