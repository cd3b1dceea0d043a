import json
from pathlib import Path

import pytest

from mission_core.cli import main


@pytest.fixture(scope="module")
def made(recorded_room, tmp_path_factory) -> Path:
    """Directory of a data set made of a bag by the command."""
    root = tmp_path_factory.mktemp("datasets")
    labels = root / "labels.yaml"
    labels.write_text("room: {track:1: P03}\n")
    arguments = ["dataset", "from-bags", str(recorded_room.path), "-o", str(root), "--labels", str(labels)]
    assert main([*arguments, "--person", "body:7=P03", "--name", "room"]) == 0
    (directory,) = root.glob("room-1-*")
    return directory


def test_info_tells_what_the_bags_gave(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "info", "room", "--root", str(made.parent), "--takes"]) == 0
    text = capsys.readouterr().out
    assert "2 takes of 1 people in 1 shards" in text
    assert "sensor: camera 1, radar 1" in text
    assert "room-track1-0  person P03" in text
    assert main(["dataset", "info", str(made), "--json", "--takes"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["profile"] == "walking_10fps.cfg"
    assert [take["take_id"] for take in content["takes"]] == ["room-track1-0", "room-body7-0"]
    assert content["parameters"]["labels"] == [":body:7=P03", "room:track:1=P03"]


def test_verify_finds_what_is_wrong(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "verify", str(made)]) == 0
    assert "1 of 1 shards are as the manifest says" in capsys.readouterr().out
    (shard,) = made.glob("*.npz")
    content = shard.read_bytes()
    shard.write_bytes(content[:-1])
    try:
        assert main(["dataset", "verify", str(made)]) == 1
        assert f"room.npz has {len(content) - 1} bytes instead of {len(content)}: remove" in capsys.readouterr().out
    finally:
        shard.write_bytes(content)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "nothing", "--root", "."], "there is no data set nothing"),
        (["from-bags", "absent"], "absent does not exist"),
        (["from-bags", "absent", "--person", "me"], "does not say who is who"),
        (["from-bags", "absent", "--profile", "absent"], "there is no radar profile"),
        (["from-bags", "absent", "--labels", "absent.yaml"], "absent.yaml cannot be read"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
