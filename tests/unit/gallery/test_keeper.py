import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mission_core.calibration import CAMERA_MOUNT
from mission_core.errors import ConfigurationError, GalleryError
from mission_core.gallery import keeper
from mission_core.gallery.keeper import GalleryKeeper
from mission_core.gallery.store import Clip, SqliteGallery

MODEL = "ab" * 32


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def kept(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[GalleryKeeper]:
    """A keeper whose enrolment stores one clip without looking at a camera."""
    monkeypatch.setattr(keeper, "model_sha256", lambda _: MODEL)

    def enrol(store: SqliteGallery, _: object, person_id: str, source: str, *__: object, **options: object) -> list:
        if source == "broken":
            raise GalleryError("the camera is broken")
        clips = [clip(person_id, purpose=str(options.get("purpose", "")))]
        store.add(clips)
        return clips

    monkeypatch.setattr(keeper, "enrol", enrol)
    made = GalleryKeeper(tmp_path / "g.sqlite3", tmp_path, CAMERA_MOUNT, lambda: told.append("changed"))
    made._model = object()  # type: ignore[assignment]  # enrolment does not ask it
    yield made
    made.close()


def clip(person_id: str, *, expires_ns: int = 0, purpose: str = "") -> Clip:
    return Clip(person_id, f"{person_id}-clip", np.ones((20, 4), np.float32), 1, expires_ns, purpose=purpose)


def test_every_change_is_told(kept: GalleryKeeper, told: list[str]) -> None:
    kept.enrol("P03", "camera")
    assert told == ["changed"]
    assert kept.remove("P03") == 1
    assert kept.remove("P03") == 0
    assert len(told) == 3
    with pytest.raises(ConfigurationError):
        kept.remove("no id!")


def test_those_who_are_enrolled_are_not_enrolled_again(kept: GalleryKeeper) -> None:
    seeds = ("P03=camera", "P04=broken", "nonsense", "P05=camera")
    kept.enrol_missing(seeds, threading.Event())
    assert kept.store.person_ids() == ["P03", "P05"]
    assert "the camera is broken" in kept.seeding_problem
    assert "'nonsense'" in kept.seeding_problem
    revision = kept.store.revision
    kept.enrol_missing(("P03=camera", "P05=camera"), threading.Event())
    assert kept.store.revision == revision
    assert kept.seeding_problem == ""


def test_enrolment_at_start_ends_when_told(kept: GalleryKeeper) -> None:
    stop = threading.Event()
    stop.set()
    kept.enrol_missing(("P03=camera",), stop)
    assert kept.store.person_ids() == []


def test_upkeep_tells_what_others_changed(kept: GalleryKeeper, told: list[str]) -> None:
    kept.look()
    kept.keep_up()
    assert told == []
    with SqliteGallery(kept.store.path, MODEL) as other:
        other.add([clip("P07")])
    kept.keep_up()
    assert told == ["changed"]


def test_what_expired_is_gone_when_the_gallery_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "model_sha256", lambda _: MODEL)
    with SqliteGallery(tmp_path / "g.sqlite3", MODEL) as store:
        store.add([clip("P03"), clip("P07", expires_ns=5)])
    kept = GalleryKeeper(tmp_path / "g.sqlite3", tmp_path, CAMERA_MOUNT, lambda: None)
    found = kept.look()
    assert found is not None
    assert [each.person_id for each in found[0]] == ["P03"]
    kept.close()


def test_what_cannot_be_read_is_remembered_until_it_can(kept: GalleryKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise GalleryError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteGallery, "clips", fail)
        assert kept.look() is None
    assert kept.problem == "the disk is gone"
    assert kept.look() == ([], kept.store.revision)
    assert kept.problem == ""
