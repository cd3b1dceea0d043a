import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mission_core.errors import GalleryDamaged, GalleryError, GalleryModelMismatch
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.types import Float32Array, Snippet

MODEL = "ab" * 32
OTHER = "cd" * 32
SECRET = "consent/4711-very-personal"


def features(seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).standard_normal((20, 32)).astype(np.float32)


def clip(person_id: str = "P01", clip_id: str = "a", **others: object) -> Clip:
    return Clip(person_id, clip_id, features(len(clip_id)), enrolled_ns=1_000, **others)  # type: ignore[arg-type]


def snippet() -> Snippet:
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 255, (20, 96, 64, 3), np.uint8)
    geometry = np.full((20, 4), np.nan, np.float32)
    return Snippet(crops, geometry, np.arange(20, dtype=np.int64) * 100_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "gallery.sqlite3"


def everything_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_clips_come_back_as_they_were(path):
    given = [
        clip("P02", "late", expires_ns=time.time_ns() + 10**12, consent_reference="file 7", purpose="corridor"),
        clip("P01", "early"),
    ]
    with SqliteGallery(path, MODEL) as store:
        assert store.clips() == []
        store.add(given)
    with SqliteGallery(path, MODEL) as store:
        early, late = store.clips()
        assert store.person_ids() == ["P01", "P02"]
        assert [c.clip_id for c in store.clips("P02")] == ["late"]
        assert store.clips("P03") == []
        assert store.damaged == ()
    for found, expected in ((early, given[1]), (late, given[0])):
        np.testing.assert_array_equal(found.features, expected.features)
        assert found.features.dtype == np.float32
        for name in ("person_id", "clip_id", "enrolled_ns", "expires_ns", "consent_reference", "purpose"):
            assert getattr(found, name) == getattr(expected, name)


def test_only_the_owner_may_read_it(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip()])
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_the_revision_grows_with_every_change_and_only_then(path):
    with SqliteGallery(path, MODEL) as store:
        revisions = [store.revision]
        for change in (
            lambda: store.add([clip("P01", "a"), clip("P02", "b")]),
            lambda: store.remove("P01"),
            lambda: store.replace_features({"b": features(5)}, MODEL),
        ):
            change()
            revisions.append(store.revision)
        assert revisions == sorted(set(revisions))
        store.remove("P09")
        store.purge_expired()
        store.clips()
        assert store.revision == revisions[-1]
    with SqliteGallery(path, MODEL) as store:
        assert store.revision == revisions[-1]


def test_an_add_is_all_or_nothing(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip(clip_id="a")])
        before = store.revision
        with pytest.raises(GalleryError, match=r"clip a is in .* already"):
            store.add([clip(clip_id="b"), clip(clip_id="a")])
        assert [c.clip_id for c in store.clips()] == ["a"]
        assert store.revision == before
        store.add([clip(clip_id="c")])


@pytest.mark.parametrize(
    "wrong", [np.full((20, 8), np.nan), np.zeros(20), np.zeros((0, 8))], ids=["nan", "1d", "empty"]
)
def test_features_that_are_none_are_refused(path, wrong):
    with SqliteGallery(path, MODEL) as store, pytest.raises(GalleryError, match=r"clip a: expected finite \(R, C\)"):
        store.add([Clip("P01", "a", wrong.astype(np.float32), 0)])


def test_removing_a_person_leaves_no_trace_on_disk(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip("P01", "keep-this-one")])
        leaving = clip("P77", "clip-of-the-leaving", consent_reference=SECRET)
        pixels = snippet()
        store.add([leaving], [pixels])
        traces = (b"P77", b"clip-of-the-leaving", SECRET.encode(), leaving.features.tobytes()[:64])
        assert all(trace in everything_on_disk(path) for trace in traces)
        assert store.remove("P77") == 1
        assert not any(trace in everything_on_disk(path) for trace in traces)  # while it is still open
        assert store.snippet("clip-of-the-leaving") is None
        assert store.remove("P77") == 0
        assert store.person_ids() == ["P01"]


def test_a_reader_that_holds_old_copies_is_told(path, monkeypatch):
    monkeypatch.setattr("mission_core.gallery.store.BUSY_TIMEOUT", 0.05)
    with SqliteGallery(path, MODEL) as store:
        store.add([clip("P77", "a")])
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM clips").fetchall()
        with pytest.raises(GalleryError, match=r"1 clips were removed, but another process.*mission gallery purge"):
            store.remove("P77")
        reader.close()
        assert store.purge_expired() == 0
        assert b"P77" not in everything_on_disk(path)


def test_expired_clips_are_skipped_and_purged(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip("P01", "old", expires_ns=1), clip("P02", "new", expires_ns=time.time_ns() + 10**12)])
        assert [c.clip_id for c in store.clips()] == ["new"]
        assert store.person_ids() == ["P02"]
        assert b"P01" in everything_on_disk(path)
        assert store.purge_expired() == 1
        assert b"P01" not in everything_on_disk(path)
        assert store.purge_expired() == 0


def test_a_clip_that_expires_while_the_gallery_is_open_is_no_longer_given(path, monkeypatch):
    now = time.time_ns()
    with SqliteGallery(path, MODEL) as store:
        store.add([clip("P01", "brief", expires_ns=now + 10**9), clip("P02", "lasting")])
        assert store.person_ids() == ["P01", "P02"]
        monkeypatch.setattr("time.time_ns", lambda: now + 10**9)
        assert [c.clip_id for c in store.clips()] == ["lasting"]
        assert store.clips("P01") == []
        assert store.person_ids() == ["P02"]


def test_another_model_is_refused_by_name(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip()])
    with pytest.raises(GalleryModelMismatch, match=rf"{MODEL[:12]}.*{OTHER[:12]}.*mission gallery recompute"):
        SqliteGallery(path, OTHER)
    with pytest.raises(GalleryModelMismatch):
        SqliteGallery(path, OTHER, read_only=True)


def test_an_empty_gallery_takes_on_any_model(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip()])
        store.remove("P01")
    with SqliteGallery(path, OTHER) as store:
        assert store.model_sha256 == OTHER
        store.add([clip()])
    with pytest.raises(GalleryModelMismatch):
        SqliteGallery(path, MODEL)


def test_without_a_model_one_can_list_and_remove_but_not_add(path):
    with pytest.raises(GalleryError, match="no gallery at"):
        SqliteGallery(path, None)
    assert not path.parent.exists()
    with SqliteGallery(path, MODEL) as store:
        store.add([clip()])
    with SqliteGallery(path, None) as store:
        assert len(store.clips()) == 1
        with pytest.raises(GalleryModelMismatch, match="without a model"):
            store.add([clip(clip_id="b")])
        assert store.remove("P01") == 1


def test_a_reader_follows_the_writer_and_cannot_write(path):
    with pytest.raises(GalleryError, match="no gallery at"):
        SqliteGallery(path, MODEL, read_only=True)
    with SqliteGallery(path, MODEL) as writer, SqliteGallery(path, MODEL, read_only=True) as reader:
        before = reader.revision
        writer.add([clip()])
        assert reader.revision > before
        assert len(reader.clips()) == 1
        with pytest.raises(GalleryError, match="readonly"):
            reader.add([clip(clip_id="b")])
        writer.replace_features({"a": features(9)}, OTHER)
        with pytest.raises(GalleryModelMismatch):
            reader.clips()


def test_two_writers_take_turns(path):
    def write(name: str) -> None:
        with SqliteGallery(path, MODEL) as store:
            for k in range(10):
                store.add([clip("P01", f"{name}{k}")])

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with SqliteGallery(path, MODEL) as store:
        assert len(store.clips()) == 20
        assert store.revision == 20


def test_a_new_gallery_may_be_opened_by_several_at_once(tmp_path):
    paths = [tmp_path / f"{k}.sqlite3" for k in range(20)]
    together = threading.Barrier(4)
    faults: list[GalleryError] = []

    def open_all() -> None:
        for path in paths:
            together.wait(30)
            try:
                SqliteGallery(path, MODEL).close()
            except GalleryError as error:
                faults.append(error)

    threads = [threading.Thread(target=open_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults


def test_one_store_serves_several_threads(path):
    with SqliteGallery(path, MODEL) as store:
        counts: list[int] = []

        def work(name: str) -> None:
            for k in range(5):
                store.add([clip("P01", f"{name}{k}")])
                counts.append(len(store.clips()))

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert max(counts) == len(store.clips()) == 15


def test_a_damaged_entry_is_named_and_skipped(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip("P01", "whole"), clip("P02", "broken")])
        blob = store.clips("P02")[0].features.tobytes()
    content = bytearray(path.read_bytes())
    content[content.find(blob[:64]) + 17] ^= 0x40  # one bit of one feature
    path.write_bytes(content)
    with SqliteGallery(path, MODEL) as store:
        assert [c.clip_id for c in store.clips()] == ["whole"]
        (named,) = store.damaged
        assert named.startswith("broken: ")
        assert "remove P02" in named
        assert store.remove("P02") == 1
        store.clips()
        assert store.damaged == ()


@pytest.mark.parametrize("wrong", [b"\xff\xfeholiday pictures" * 100, b"SQLite format 3\x00" + b"\x07" * 5000])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path, wrong, read_only):
    path.parent.mkdir()
    path.write_bytes(wrong)
    with pytest.raises(GalleryDamaged, match=rf"{path.name}.*restore it from a backup"):
        SqliteGallery(path, MODEL, read_only=read_only)
    assert path.read_bytes() == wrong


def test_a_half_copied_file_is_refused(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip(clip_id=f"clip {k}") for k in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(GalleryDamaged, match="restore it from a backup"):
        SqliteGallery(path, MODEL)


def test_the_database_of_another_program_is_refused_and_left_alone(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bookmarks (address TEXT)")
    other.close()
    before = path.read_bytes()
    for model in (MODEL, None):
        with pytest.raises(GalleryError, match="database of another program"):
            SqliteGallery(path, model)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(path):
    SqliteGallery(path, MODEL).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(GalleryError, match=r"format 2, .* reads 1: update mission"):
        SqliteGallery(path, MODEL)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GalleryError, match=r"cannot be created: .*file you may write"):
        SqliteGallery(tmp_path / "file" / "gallery.sqlite3", MODEL)
    with pytest.raises(GalleryError, match="unable to open"):
        SqliteGallery(tmp_path, MODEL)


def test_a_full_disk_loses_nothing_that_was_acknowledged(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip(clip_id="a")])
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(GalleryError, match="full"):
            store.add([clip(clip_id=f"b{k}") for k in range(10)])
        assert [c.clip_id for c in store.clips()] == ["a"]
    with SqliteGallery(path, MODEL) as store:
        store.add([clip(clip_id="b")])
        assert len(store.clips()) == 2


def test_pixels_are_kept_only_where_given(path):
    given = snippet()
    with SqliteGallery(path, MODEL) as store:
        store.add([clip(clip_id="with")], [given])
        store.add([clip(clip_id="without")])
        kept = store.snippet("with")
        assert kept is not None
        np.testing.assert_array_equal(kept.crops, given.crops)
        np.testing.assert_array_equal(kept.geometry, given.geometry)
        np.testing.assert_array_equal(kept.stamps_ns, given.stamps_ns)
        assert store.snippet("without") is None
        store._db.execute("UPDATE snippets SET data = zeroblob(length(data))")
        with pytest.raises(GalleryDamaged, match="pixels of clip with"):
            store.snippet("with")


def test_new_features_are_all_or_nothing(path):
    with SqliteGallery(path, MODEL) as store:
        store.add([clip(clip_id="a"), clip(clip_id="b")])
        with pytest.raises(GalleryError, match="no new features for clips b; nothing was changed"):
            store.replace_features({"a": features(5)}, OTHER)
        assert store.model_sha256 == MODEL
        store.replace_features({"a": features(5), "b": features(6)[:10]}, OTHER)
        a, b = store.clips()
        np.testing.assert_array_equal(a.features, features(5))
        np.testing.assert_array_equal(b.features, features(6)[:10])
        assert store.damaged == ()
    SqliteGallery(path, OTHER).close()


ENROLS_FOR_EVER = """
import sys, itertools
import numpy as np
from mission_core.gallery.store import Clip, SqliteGallery
store = SqliteGallery(sys.argv[1], sys.argv[2])
for k in itertools.count():
    clips = [Clip("P01", f"{k}-{part}", np.full((20, 256), k, np.float32), k) for part in range(3)]
    store.add(clips)
    print(k, flush=True)
"""


@pytest.mark.parametrize("after", [1, 5, 12])
def test_what_was_acknowledged_survives_kill_9(path, after):
    process = subprocess.Popen(
        [sys.executable, "-c", ENROLS_FOR_EVER, str(path), MODEL], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        acknowledged = [process.stdout.readline() for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    with SqliteGallery(path, MODEL) as store:
        found = {c.clip_id for c in store.clips()}
        assert store.damaged == ()
        revision = store.revision
        store.add([clip(clip_id="next")])
    calls = {int(line) for line in acknowledged if line.endswith("\n")}
    assert len(calls) >= after
    assert {f"{k}-{part}" for k in calls for part in range(3)} <= found
    assert len(found) == 3 * revision  # the call that was cut short is there whole or not at all
