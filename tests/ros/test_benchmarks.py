"""The benchmarks fit the code they measure: each starts and explains itself."""

import runpy
from pathlib import Path

import pytest
import ros_harness  # noqa: F401  (its environment)

SCRIPTS = [
    path
    for path in sorted((Path(__file__).resolve().parents[2] / "benchmarks").glob("*.py"))
    if "argparse" in path.read_text()
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_starts(script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [str(script), "--help"])
    monkeypatch.syspath_prepend(str(script.parent))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {script.name}")
