import json
import time
from pathlib import Path

import numpy as np
import pytest

from mission_core.cli import main
from mission_core.commands.gallery import _end_of_day_ns
from mission_core.errors import ConfigurationError
from mission_core.gallery.store import Clip, SqliteGallery

MODEL = "ab" * 32


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default gallery, with P01 (two clips), P02 and the expired P03 in it."""
    monkeypatch.setenv("ROS_HOME", str(tmp_path))
    path = tmp_path / "mission" / "gallery.sqlite3"
    features = np.ones((20, 4), np.float32)
    with SqliteGallery(path, MODEL) as store:
        store.add([Clip("P01", f"one-{k}", features, time.time_ns(), consent_reference="file 7") for k in range(2)])
        store.add([Clip("P02", "two", features, time.time_ns(), expires_ns=_end_of_day_ns("2100-01-31"))])
        store.add([Clip("P03", "three", features, time.time_ns(), expires_ns=1)])
    return path


def test_list_tells_one_line_per_person(database, capsys):
    assert main(["gallery", "list"]) == 0
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["person", "clips", "enrolled", "expires", "consent"]
    assert first.split()[:2] == ["P01", "2"]
    assert first.endswith("never       file 7")
    assert second.split()[0] == "P02"
    assert second.split()[3:] == ["2100-01-31", "-"]


def test_list_as_json_tells_everything_but_the_features(database, capsys):
    assert main(["gallery", "list", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["database"] == str(database)
    assert content["model_sha256"] == MODEL
    assert content["damaged"] == []
    assert [clip["clip_id"] for clip in content["clips"]] == ["one-0", "one-1", "two"]
    assert set(content["clips"][0]) == {
        *("person_id", "clip_id", "enrolled_ns", "expires_ns", "consent_reference", "purpose")
    }


def test_remove_and_purge(database, capsys):
    assert main(["gallery", "remove", "P01"]) == 0
    assert main(["gallery", "remove", "P01"]) == 1
    assert main(["gallery", "purge"]) == 0
    assert main(["gallery", "remove", "P02", "--database", str(database)]) == 0
    assert main(["gallery", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "P01: 2 clips removed",
        "P01 is not enrolled",
        "1 expired clips removed",
        "P02: 1 clips removed",
        "nobody is enrolled",
    ]
    content = b"".join(file.read_bytes() for file in database.parent.iterdir())
    assert not any(person in content for person in (b"P01", b"P02", b"P03"))


@pytest.mark.parametrize("action", [["list"], ["remove", "P01"], ["purge"]])
def test_no_gallery_is_told_in_one_line_and_none_is_made(tmp_path, capsys, action):
    absent = tmp_path / "absent.sqlite3"
    assert main(["gallery", *action, "--database", str(absent)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mission: there is no gallery at")
    assert not absent.exists()


def test_a_model_that_is_absent_is_named(database, capsys):
    assert main(["gallery", "enrol", "P04", "walk.mp4", "--model", "no_such_model"]) == 1
    assert "no_such_model" in capsys.readouterr().err


def test_an_id_that_could_be_a_name_is_refused_first(database, capsys):
    assert main(["gallery", "enrol", "J. Doe", "walk.mp4", "--model", "no_such_model"]) == 1
    assert "opaque id" in capsys.readouterr().err


def test_a_clip_may_be_used_to_the_end_of_its_last_day():
    last = time.strptime("2100-01-01 23:59:58", "%Y-%m-%d %H:%M:%S")
    assert _end_of_day_ns("2100-01-01") == int(time.mktime(last) + 1) * 1_000_000_000
    assert _end_of_day_ns("2100-01-02") - _end_of_day_ns("2100-01-01") == 86_400 * 1_000_000_000


@pytest.mark.parametrize("date", ["tomorrow", "2020-01-01", "31.12.2100", "9999-12-31"])
def test_days_that_are_none_or_past_are_refused(date):
    with pytest.raises(ConfigurationError, match=f"--expires is .*{date}"):
        _end_of_day_ns(date)
