import gzip
from pathlib import Path

import pytest
import torch
from anny.models import full_model

from mission_core.sim.shapes import load_blend_shape

anny_reads = full_model.load_blend_shape


class Turn:
    """Up is z, in metres."""

    def apply(self, offsets: torch.Tensor) -> torch.Tensor:
        return offsets[:, [0, 2, 1]] * 0.1


@pytest.mark.parametrize("lines", ["3 .1 -0.25 1e-3\n0 0 2 .5\n", "1 1 2 3\n"])
def test_shapes_are_read_as_anny_reads_them(tmp_path: Path, lines: str) -> None:
    path = tmp_path / "shape.target.gz"
    path.write_bytes(gzip.compress(lines.encode()))
    given = {"vertices_count": 5, "world_transformation": Turn(), "dtype": torch.float32}
    ours, theirs = (read(str(path), **given) for read in (load_blend_shape, anny_reads))
    assert ours.abs().sum() > 0
    assert torch.equal(ours, theirs)
