import numpy as np
import pytest

from mission_core.sim import mesh
from mission_core.types import Float64Array, Int32Array


def _box(*sides: float) -> tuple[Float64Array, Int32Array]:
    """A box between the origin and the sides, counter-clockwise from outside."""
    vertices = np.array([[x, y, z] for x in (0, sides[0]) for y in (0, sides[1]) for z in (0, sides[2])], np.float64)
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    return vertices, np.concatenate((quads[:, [0, 1, 2]], quads[:, [0, 2, 3]])).astype(np.int32)


def test_volume_of_a_box_wherever_it_stands() -> None:
    vertices, faces = _box(1.0, 2.0, 3.0)
    assert mesh.volume(vertices, faces) == pytest.approx(6.0)
    assert mesh.volume(vertices + np.array([4.0, -5.0, 6.0]), faces) == pytest.approx(6.0)


def test_every_edge_counts_once() -> None:
    edges = mesh.edges(_box(1.0, 1.0, 1.0)[1])
    assert len(edges) == 12 + 6  # and a diagonal on every side
    assert len({frozenset(edge) for edge in edges.tolist()}) == len(edges)
    assert mesh.edges(np.zeros((0, 3), np.int32)).shape == (0, 2)


def test_a_tape_round_a_box_reads_its_perimeter() -> None:
    vertices, faces = _box(1.0, 2.0, 3.0)
    edges, up = mesh.edges(faces), np.array([0.0, 0.0, 1.0])
    assert mesh.girth(vertices, edges, np.array([0.5, 0.5, 1.0]), up) == pytest.approx(6.0)
    assert mesh.girth(vertices, edges, np.array([0.5, 0.5, 3.5]), up) == 0.0


def test_merging_vertices_keeps_a_flat_box() -> None:
    fine = np.linspace(0.0, 1.0, 5)
    vertices, faces = _box(1.0, 1.0, 1.0)
    for _ in range(2):  # every face in four
        once = mesh.edges(faces)
        number = {frozenset(edge): len(vertices) + k for k, edge in enumerate(once.tolist())}
        vertices = np.concatenate((vertices, vertices[once].mean(axis=1)))
        faces = np.array(
            [
                piece
                for a, b, c in faces.tolist()
                for ab, bc, ca in [[number[frozenset(pair)] for pair in ((a, b), (b, c), (c, a))]]
                for piece in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
            ],
            np.int32,
        )
    assert set(np.unique(vertices)) <= set(fine)
    kept, fewer = mesh.simplify(vertices, faces, np.full(len(vertices), 0.06), 0.6)
    assert len(fewer) < len(faces) / 2
    assert mesh.volume(vertices[kept], fewer) == pytest.approx(1.0, abs=0.05)
