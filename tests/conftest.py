"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def mission_data() -> Path:
    """Directory of real recordings; skips where they are absent. They are not part of this repository."""
    path = Path(os.environ.get("MISSION_DATA", REPOSITORY.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"real recordings are not at {path}; set MISSION_DATA to their directory")
    return path
