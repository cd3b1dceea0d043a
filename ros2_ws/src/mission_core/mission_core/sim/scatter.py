"""From the surfaces of bodies to what a radar gets echoes of.

A sample of the surface stands for the patch around it. What comes back from a patch is

* nothing where the patch faces away or something stands before it: one's own body or somebody else's. That is found
  with a buffer of depth over the directions, one for each body (diffraction around a body, 20 dB and more down at
  60 GHz, is left out);
* otherwise a power after the specular-point theory of rough surfaces (Barrick, IEEE Trans. Antennas Propag. 16(4),
  1968): many small facets, and those that happen to lie across the beam reflect. With reflectivity g and mean square
  slope s^2 the cross-section per area at incidence theta is g sec^4(theta) exp(-tan^2(theta) / s^2) / s^2;
* with a phase of its own that it keeps: patches are many wavelengths wide, so their phases are random, but they are the
  same from frame to frame and move only with the patch. Patches interfere, so a body's total fluctuates as it turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mission_core.geometry import pitch_rotation, room_to_sensor
from mission_core.sim.body import Surface
from mission_core.types import Float64Array, Mount

REFLECTIVITY = 0.38
"""Of skin at 60 GHz: 34 to 42 % of the power (Wu, Rappaport and Collins, IEEE ICC 2015). Thin clothing before it
changes what enters the skin by about 1 dB (Front. Public Health 10:795414, 2022) and is left out."""

MEAN_SQUARE_SLOPE = 0.3
"""Of the facets of a patch, all directions together: a limb of 5 cm radius bends by +-38 degrees across a patch of
7 cm, which gives 0.15; folds of cloth with an rms slope of 15 degrees each way give as much again."""

GRAZING = 0.2
"""Cosine of the incidence from which on nothing to speak of comes back (less than 1e-30 of the greatest)."""

CELL_SPACINGS = 1.5
"""Width of a cell of the depth buffer [distances between samples]: none of the cells a body covers stays empty."""


@dataclass(frozen=True, slots=True, eq=False)
class Scatterers:
    """Points that reflect, in the sensor frame.

    Attributes:
        positions: (S, 3) [m].
        velocities: (S, 3) [m/s].
        amplitudes: (S,) complex64, root of the cross-section [m] with the phase of the reflection.
    """

    positions: Float64Array
    velocities: Float64Array
    amplitudes: NDArray[np.complex64]


@dataclass(frozen=True, slots=True, eq=False)
class Trails:
    """The same points over a motion, as seen from the sensor.

    Attributes:
        times: (T,) [s].
        ranges: (T, S) [m].
        amplitudes: (T, S) complex64 as in `Scatterers`, 0 while a point cannot be seen.
    """

    times: Float64Array
    ranges: Float64Array
    amplitudes: NDArray[np.complex64]


def scatterers(surfaces: Sequence[Surface], dt: float, mount: Mount, seeds: Sequence[int]) -> Scatterers:
    """What a radar sees of people at one instant.

    Args:
        surfaces: of each person at three instants: t - dt, t, t + dt; room frame.
        dt: [s].
        mount: of the radar in the room.
        seeds: of each person's phases. Take a new one for each walk: phases belong to clothes and skin on one day and
            must not tell who somebody is.

    Returns:
        The visible samples of all people at t.
    """
    if not surfaces:
        return Scatterers(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, np.complex64))
    now = [_Patches.of(surface, 1, mount) for surface in surfaces]
    amplitudes = np.concatenate(_amplitudes(now, seeds))
    moved = np.concatenate([surface.positions[2] - surface.positions[0] for surface in surfaces])
    seen = amplitudes != 0
    velocities = moved[seen].astype(np.float64) @ pitch_rotation(mount.pitch_deg) / (2.0 * dt)
    return Scatterers(np.concatenate([body.positions for body in now])[seen], velocities, amplitudes[seen])


def trails(surfaces: Sequence[Surface], times: Float64Array, mount: Mount, seeds: Sequence[int]) -> Trails:
    """What a radar sees of people over a motion, for `fmcw.slow_time`.

    Args:
        surfaces: of each person at the T `times`; room frame.
        times: (T,) [s], ascending; at least 50 per second, or visibility changes too abruptly.
        mount: of the radar in the room.
        seeds: as for `scatterers`.
    """
    ranges, amplitudes = [], []
    for index in range(len(times)):
        bodies = [_Patches.of(surface, index, mount) for surface in surfaces]
        ranges.append(np.concatenate([body.distances for body in bodies]))
        amplitudes.append(np.concatenate(_amplitudes(bodies, seeds)))
    return Trails(times, np.stack(ranges), np.stack(amplitudes))


@dataclass(frozen=True, slots=True, eq=False)
class _Patches:
    """One body at one instant: positions (S, 3) in the sensor frame, and in polar coordinates.

    Attributes:
        distances: (S,) [m].
        directions: (S, 2) azimuth and elevation [rad].
        cosines: (S,) of the angle of incidence; negative where a patch faces away.
        areas: (S,) [m^2].
    """

    positions: Float64Array
    distances: Float64Array
    directions: Float64Array
    cosines: Float64Array
    areas: Float64Array

    @classmethod
    def of(cls, surface: Surface, index: int, mount: Mount) -> "_Patches":
        positions = room_to_sensor(surface.positions[index].astype(np.float64), mount)
        normals = surface.normals[index] @ pitch_rotation(mount.pitch_deg)
        distances = np.linalg.norm(positions, axis=1)
        azimuth = np.arctan2(positions[:, 1], positions[:, 0])
        elevation = np.arcsin(positions[:, 2] / distances)
        cosines = -np.einsum("sk,sk->s", positions, normals) / distances
        return cls(positions, distances, np.stack((azimuth, elevation), axis=1), cosines, surface.areas[index])


def _amplitudes(bodies: Sequence[_Patches], seeds: Sequence[int]) -> list[NDArray[np.complex64]]:
    """Amplitudes (S,) of each body's patches, 0 where they cannot be seen."""
    buffers = [_DepthBuffer(body) for body in bodies]
    result = []
    for body, seed in zip(bodies, seeds, strict=True):
        hidden = np.logical_or.reduce([buffer.hides(body) for buffer in buffers])
        phase = np.random.default_rng(seed).uniform(0.0, 2 * np.pi, len(body.distances))
        root = np.sqrt(body.areas * cross_section_per_area(body.cosines))
        result.append(np.where(hidden, 0.0, root * np.exp(1j * phase)).astype(np.complex64))
    return result


def cross_section_per_area(cosines: Float64Array) -> Float64Array:
    """Radar cross-section per area of surface at angles of incidence with these cosines; 0 where it faces away."""
    square = np.square(np.maximum(cosines, GRAZING))
    slope = 1.0 / square - 1.0  # tan^2
    per_area = REFLECTIVITY / MEAN_SQUARE_SLOPE / square**2 * np.exp(-slope / MEAN_SQUARE_SLOPE)
    return np.where(cosines > GRAZING, per_area, 0.0)


class _DepthBuffer:
    """How near a body is in each direction."""

    def __init__(self, body: _Patches) -> None:
        self._margin = CELL_SPACINGS * float(np.sqrt(body.areas.mean()))  # [m], thickness of what is one surface
        self._cell = self._margin / float(body.distances.mean())  # [rad]
        self._origin = body.directions.min(axis=0)
        shape = ((body.directions.max(axis=0) - self._origin) / self._cell).astype(np.intp) + 1
        self._depth = np.full(shape, np.inf)
        azimuth, elevation = self._cells(body).T
        np.minimum.at(self._depth, (azimuth, elevation), body.distances)

    def _cells(self, body: _Patches) -> NDArray[np.intp]:
        return np.floor((body.directions - self._origin) / self._cell).astype(np.intp)

    def hides(self, body: _Patches) -> NDArray[np.bool_]:
        """(S,) which patches of a body, this one or another, stand behind it."""
        cells = self._cells(body)
        inside = np.all((cells >= 0) & (cells < self._depth.shape), axis=1)
        azimuth, elevation = np.where(inside[:, None], cells, 0).T
        return inside & (body.distances > self._depth[azimuth, elevation] + self._margin)
