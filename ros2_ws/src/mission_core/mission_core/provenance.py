"""Where a result comes from."""

import subprocess
from pathlib import Path
from typing import Any

import torch

from mission_core import __version__, distributed


def provenance(device: torch.device) -> dict[str, Any]:
    """What made a result: code, versions, machine.

    `git` is the commit of the repository that this code is part of, "" outside of one; `git_dirty` says that files
    differed from it, or were not in it.
    """
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return {
        "git": commit,
        "git_dirty": bool(changes),
        "mission_version": __version__,
        "torch_version": str(torch.__version__),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": distributed.size(),
    }


def _git(*arguments: str) -> str:
    """What git says of the repository that tracks this file; a copy installed below some other one is not in it."""
    here = Path(__file__).resolve()
    try:
        for command in (("ls-files", "--error-unmatch", here.name), arguments):
            done = subprocess.run(["git", *command], cwd=here.parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
