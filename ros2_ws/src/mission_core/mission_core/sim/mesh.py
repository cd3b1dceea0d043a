"""Triangle meshes in plain numpy: normals, areas, volume, girth of a slice, and fewer triangles."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.spatial import ConvexHull, QhullError

from mission_core.types import Float64Array, Int32Array

LENGTH_COST = 0.05  # of an edge [m/m]: among edges of flat regions the short ones go first


def area_vectors(vertices: Float64Array, faces: Int32Array) -> Float64Array:
    """Outward normal of each face times its area: (F, 3) [m^2] from vertices (V, 3)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a) / 2


def vertex_area_vectors(vertices: Float64Array, faces: Int32Array) -> Float64Array:
    """A third of the area vectors of the faces around each vertex: (V, 3) [m^2]."""
    thirds = area_vectors(vertices, faces) / 3
    total = np.zeros_like(vertices)
    for k in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, k], thirds[:, axis], len(vertices))
    return total


def volume(vertices: Float64Array, faces: Int32Array) -> float:
    """Volume of a closed mesh [m^3]."""
    a, b, c = (vertices.T[:, faces[:, k]] for k in range(3))  # (3, F) each: rows are much faster than columns
    return float(sum(a[i] @ (b[i - 2] * c[i - 1] - b[i - 1] * c[i - 2]) for i in range(3)) / 6)


def edges(faces: Int32Array) -> Int32Array:
    """Every edge (E, 2) of faces (F, 3), once."""
    ends = faces, np.roll(faces, -1, axis=1)
    low, high = np.minimum(*ends).ravel().astype(np.int64), np.maximum(*ends).ravel()
    count = faces.max(initial=0) + 1
    return np.stack(np.divmod(np.unique(low * count + high), count), axis=1).astype(np.int32)


def girth(vertices: Float64Array, edges: Int32Array, point: Float64Array, normal: Float64Array) -> float:
    """What a tape reads [m] in the plane through `point` across `normal`: the convex hull's perimeter; 0 = no slice."""
    height = (vertices @ normal)[edges] - point @ normal
    cut = (height[:, 0] < 0) != (height[:, 1] < 0)
    (start, end), (low, high) = vertices[edges[cut]].swapaxes(0, 1), height[cut].T
    slice_ = start + (low / (low - high))[:, None] * (end - start)
    across = np.linalg.svd(normal[None])[2][1:]  # two directions in the plane
    try:
        return float(ConvexHull(slice_ @ across.T).area)  # in two dimensions `area` is the perimeter
    except (QhullError, ValueError):
        return 0.0


def simplify(
    vertices: Float64Array, faces: Int32Array, tolerance: Float64Array, max_length: float
) -> tuple[NDArray[np.int_], Int32Array]:
    """Merges vertices of a closed mesh into neighbours where the surface hardly changes.

    Edges collapse onto one of their ends in rounds, cheapest first, where the distance from the faces around the
    vertex that goes (a quadric, Garland & Heckbert 1997) is below the tolerance. What stays is a subset of the
    vertices, so that everything known per vertex remains valid.

    Args:
        vertices: (V, 3) [m].
        faces: (F, 3).
        tolerance: (V,) [m].
        max_length: of the edges that may go [m].

    Returns:
        Indices (K,) of the vertices that stay and the faces (G, 3) among them.
    """
    faces = faces.astype(np.int64)
    free = np.ones(len(vertices), bool)  # may go; a vertex whose collapse would fold a face stays for good
    while True:
        collapses = _cheapest_collapses(vertices, faces, np.where(free, tolerance, 0.0), max_length)
        if not len(collapses):
            break
        target = np.arange(len(vertices))
        target[collapses[:, 0]] = collapses[:, 1]
        folding = _folding(vertices, faces, target)
        target[folding] = folding
        free[folding] = False
        faces = target[faces]
        faces = faces[_proper(faces)]
    kept, inverse = np.unique(faces, return_inverse=True)
    return kept, inverse.reshape(-1, 3).astype(np.int32)


def _proper(faces: NDArray[np.int_]) -> NDArray[np.bool_]:
    return (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])


def _folding(vertices: Float64Array, faces: NDArray[np.int_], target: NDArray[np.int_]) -> NDArray[np.int_]:
    """Vertices whose move to their target turns a face by more than 60 degrees."""
    moved = (target[faces] != faces).any(axis=1) & _proper(target[faces])
    before, after = faces[moved], target[faces[moved]]
    old, new = area_vectors(vertices, before), area_vectors(vertices, after)
    lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    bad = (old * new).sum(axis=1) <= 0.5 * lengths
    return np.unique(before[bad][before[bad] != after[bad]])


def _cheapest_collapses(
    vertices: Float64Array, faces: NDArray[np.int_], tolerance: Float64Array, max_length: float
) -> NDArray[np.int_]:
    """Pairs (C, 2) of a vertex that goes and its neighbour that stays; no two pairs share a face."""
    count = len(vertices)
    once = edges(faces)
    pairs = np.concatenate([once, once[:, ::-1]])
    neighbours = coo_matrix((np.ones(len(pairs), np.int32), (pairs[:, 0], pairs[:, 1])), (count, count)).tocsr()
    step = vertices[pairs[:, 1]] - vertices[pairs[:, 0]]
    length = np.linalg.norm(step, axis=1)
    quadrics = _quadrics(vertices, faces)[pairs[:, 0]]
    cost = np.sqrt(np.einsum("ei,eij,ej->e", step, quadrics, step)) + LENGTH_COST * length
    good = (cost < tolerance[pairs].min(axis=1)) & (length < max_length)
    pairs, cost = pairs[good], cost[good]
    shared = np.asarray(neighbours[pairs[:, 0]].multiply(neighbours[pairs[:, 1]]).sum(axis=1)).ravel()
    pairs, cost = pairs[shared == 2], cost[shared == 2]  # else the mesh would pinch
    rank = np.argsort(np.argsort(cost, kind="stable"), kind="stable").astype(np.float64)
    best = np.full(count, np.inf)
    for end in range(2):
        np.minimum.at(best, pairs[:, end], rank)
    around = best.copy()
    links = neighbours.tocoo()
    np.minimum.at(around, links.row, best[links.col])
    return pairs[(rank[:, None] <= around[pairs]).all(axis=1)]


def _quadrics(vertices: Float64Array, faces: NDArray[np.int_]) -> Float64Array:
    """Sum of the outer products of the normals of the faces around each vertex: (V, 3, 3)."""
    normals = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]], vertices[faces[:, 2]] - vertices[faces[:, 0]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)
    products = np.einsum("fi,fj->fij", normals, normals).reshape(-1, 9)
    total = np.zeros((len(vertices), 9))
    for corner in range(3):
        for entry in range(9):
            total[:, entry] += np.bincount(faces[:, corner], products[:, entry], len(vertices))
    return total.reshape(-1, 3, 3)
