import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mission_core import cli
from mission_core.radar.tlv import encode_frame


@pytest.mark.parametrize(("module", "remedy"), [("panda3d", "pip install anny panda3d"), ("rclpy", "make setup")])
def test_what_is_not_installed_is_named_with_the_remedy(
    module: str, remedy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("mission_core.commands.dataset.run", run)
    assert cli.main(["dataset", "info", "x"]) == 1
    assert f"{module} is not installed" in (message := capsys.readouterr().err)
    assert remedy in message


def test_a_module_that_should_be_there_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_: object) -> int:
        raise ModuleNotFoundError("No module named 'nonsense'", name="nonsense")

    monkeypatch.setattr("mission_core.commands.dataset.run", run)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["dataset", "info", "x"])


def test_commands_are_imported_when_they_are_used() -> None:
    before = set(sys.modules)
    cli.parser(["--help"])
    assert not {name for name in set(sys.modules) - before if name.startswith("mission_core.commands")}


def test_whoever_reads_the_output_may_stop_reading(tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    capture.write_bytes(b"".join(encode_frame(number, np.ones((100, 6), np.float32)) for number in range(1, 100)))
    decode = subprocess.Popen(
        [sys.executable, "-m", "mission_core.cli", "radar", "decode", str(capture), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert decode.stdout is not None
    assert decode.stderr is not None
    decode.stdout.readline()
    decode.stdout.close()
    assert decode.stderr.read() == b""
    assert decode.wait(30.0) == 141
