import sys

import pytest

from mission_core import cli


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
