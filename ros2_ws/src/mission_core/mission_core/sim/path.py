"""Where somebody moves: the Motion protocol, and paths over the floor.

Frames: the room frame of the package, x forward from the sensor, y left, z up, floor z = 0; all lengths in metres.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mission_core.errors import ConfigurationError
from mission_core.sim.cohort import Person
from mission_core.types import Float64Array

SPACING = 0.02  # of the points that describe a path [m]
CORNER, TURN = 0.30, 0.15  # deviations of the Gaussians that round corners and the ends of a lane [m]
DIFFERENCE = 0.004  # half the interval of the central difference that gives velocities [s]
RATE = 100.0  # of the table of a `SampledMotion` [1/s]


class Motion(Protocol):
    """Somebody who moves.

    Attributes:
        person: whose body it is.
        duration: [s]; infinite where the motion never ends.
    """

    person: Person
    duration: float

    def joints(self, t: Float64Array) -> Float64Array:
        """Joints at the times t (T,) [s]: (T, 32, 3) [m], room frame, K4ABT order, the floor at z = 0."""
        ...


def velocities(motion: Motion, t: Float64Array) -> Float64Array:
    """Velocities (T, 32, 3) [m/s] of the joints at the times t (T,) [s], by central difference within the motion."""
    t = np.asarray(t, dtype=np.float64)
    if np.isfinite(motion.duration):
        t = np.clip(t, DIFFERENCE, motion.duration - DIFFERENCE)
    before, after = np.split(motion.joints(np.concatenate((t - DIFFERENCE, t + DIFFERENCE))), 2)
    return (after - before) / (2 * DIFFERENCE)


class SampledMotion:
    """Motion from joints that were worked out at an even rate; cubic in between, so velocities have no steps.

    Args:
        person: whose body it is.
        table: joints (N, 32, 3) [m] at the times k / rate.
        rate: [1/s].
        endless: the table is one period, and its first row follows its last one; otherwise the motion ends with it
            and stays there.
    """

    def __init__(self, person: Person, table: Float64Array, rate: float = RATE, *, endless: bool = False) -> None:
        self.person = person
        self.table = table
        self.rate = rate
        self.endless = endless
        self.duration = float("inf") if endless else (len(table) - 1) / rate

    def joints(self, t: Float64Array) -> Float64Array:
        """Joints at the times t (T,) [s]: (T, 32, 3) [m]."""
        place = np.asarray(t, dtype=np.float64) * self.rate
        if not self.endless:
            place = np.clip(place, 0.0, len(self.table) - 1.0)
        index = np.floor(place)
        u = (place - index)[:, None]
        around = index.astype(np.int64)[:, None] + np.arange(-1, 3)
        around = around % len(self.table) if self.endless else np.clip(around, 0, len(self.table) - 1)
        weights = 0.5 * np.concatenate(  # Catmull-Rom
            (-u + 2 * u**2 - u**3, 2 - 5 * u**2 + 3 * u**3, u + 4 * u**2 - 3 * u**3, -(u**2) + u**3), axis=1
        )
        return np.einsum("tk,tkjc->tjc", weights, self.table[around])


@dataclass(frozen=True)
class Path:
    """A line over the floor, and where on it somebody stands still.

    Attributes:
        points: (N, 2) [m], SPACING apart.
        closed: the last point is followed by the first one; walked without end.
        stops: (distance along the path [m], time [s]) of standing still, in order.
        standing: an open path begins and ends at rest; otherwise somebody walks in and out at full speed.
    """

    points: Float64Array
    closed: bool = False
    stops: tuple[tuple[float, float], ...] = ()
    standing: bool = False

    @property
    def length(self) -> float:
        """[m]."""
        return float(self._distances[-1])

    @cached_property
    def _line(self) -> Float64Array:
        return np.concatenate((self.points, self.points[:1])) if self.closed else self.points

    @cached_property
    def _distances(self) -> Float64Array:
        steps = np.linalg.norm(np.diff(self._line, axis=0), axis=1)
        return np.concatenate(([0.0], np.cumsum(steps)))

    @cached_property
    def _headings(self) -> Float64Array:
        """(N,) or (N + 1,) of a closed one [rad], without jumps."""
        line = self._line
        if self.closed:
            ahead, behind = np.roll(self.points, -1, axis=0), np.roll(self.points, 1, axis=0)
            tangent = np.concatenate((ahead - behind, (ahead - behind)[:1]))
        else:
            tangent = np.gradient(line, axis=0)
        return np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))

    def at(self, distance: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Points (S, 2) [m] and headings (S,) [rad] at distances (S,) [m]; beyond its ends it goes straight on.

        The heading of a closed path counts its turns.
        """
        distance = np.asarray(distance, dtype=np.float64)
        laps, within = np.divmod(distance, self.length) if self.closed else (np.zeros_like(distance), distance)
        inside = np.clip(within, 0.0, self.length)
        heading = np.interp(inside, self._distances, self._headings)
        point = np.stack([np.interp(inside, self._distances, self._line[:, i]) for i in range(2)], axis=-1)
        beyond = (within - inside)[:, None] * np.stack((np.cos(heading), np.sin(heading)), axis=-1)
        turned = self._headings[-1] - self._headings[0]
        return point + beyond, heading + laps * turned

    def curvature(self, distance: Float64Array) -> Float64Array:
        """(S,) [1/m], + to the left."""
        half = 0.1
        distance = np.asarray(distance, dtype=np.float64)
        return (self.at(distance + half)[1] - self.at(distance - half)[1]) / (2 * half)


def straight(start: Sequence[float], end: Sequence[float], *, standing: bool = False) -> Path:
    """From one point (x, y) to another.

    Raises:
        ConfigurationError: the points are less than half a metre apart.
    """
    return route((start, end), standing=standing)


def route(waypoints: Sequence[Sequence[float]], *, standing: bool = False) -> Path:
    """Through waypoints (x, y), with rounded corners.

    Raises:
        ConfigurationError: fewer than two waypoints, or less than half a metre from the first to the last.
    """
    corners = np.array(waypoints, dtype=np.float64).reshape(-1, 2)
    if len(corners) < 2 or np.linalg.norm(np.diff(corners, axis=0), axis=1).sum() < 0.5:
        raise ConfigurationError(f"a path needs two waypoints and 0.5 m between them, got {waypoints}: move them apart")
    return Path(_rounded(corners, CORNER, closed=False), standing=standing)


def circle(centre: Sequence[float], radius: float) -> Path:
    """Round and round, to the left."""
    angle = np.linspace(0.0, 2 * np.pi, int(np.ceil(2 * np.pi * radius / SPACING)), endpoint=False)
    return Path(np.asarray(centre) + radius * np.stack((np.cos(angle), np.sin(angle)), axis=-1), closed=True)


def back_and_forth(start: Sequence[float], end: Sequence[float], *, radius: float = 0.3) -> Path:
    """From one point to the other and back, without end, round a half circle of a radius [m] at either end."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = (last - first) / np.linalg.norm(last - first)
    left = np.array([-along[1], along[0]])
    length = float(np.linalg.norm(last - first)) - 2 * radius
    if length < 0.5:
        raise ConfigurationError(f"{start} and {end} are too close to walk back and forth: move them apart")
    angle = np.linspace(0.0, np.pi, 12)[:, None]
    round_far = last - radius * along + radius * (np.sin(angle) * along - np.cos(angle) * left)
    round_near = first + radius * along - radius * (np.sin(angle) * along - np.cos(angle) * left)
    return Path(_rounded(np.concatenate((round_far, round_near)), TURN, closed=True), closed=True)


def stop_and_go(start: Sequence[float], end: Sequence[float], stops: Sequence[tuple[float, float]]) -> Path:
    """From rest at one point to rest at another, with halts at (distance [m], time [s]) on the way.

    Raises:
        ConfigurationError: a halt is less than a metre from an end or from another halt.
    """
    line = straight(start, end, standing=True)
    marks = np.array([0.0, *(distance for distance, _ in stops), line.length])
    if np.diff(marks).min() < 1.0:
        raise ConfigurationError(f"halts at {marks[1:-1]} m of {line.length:.1f} m: keep them 1 m apart, in order")
    return replace(line, stops=tuple((float(distance), float(time)) for distance, time in stops))


def crossing(centre: Sequence[float], angle: float, length: float, *, between: float = np.pi / 3) -> tuple[Path, Path]:
    """Two straight paths that cross in one point.

    Args:
        centre: where they cross (x, y) [m].
        angle: direction of the bisector, from +x to the left [rad].
        length: of either path [m].
        between: angle between them [rad].
    """
    x, y = centre
    paths = []
    for turn in (between / 2, -between / 2):
        dx, dy = 0.5 * length * np.cos(angle + turn), 0.5 * length * np.sin(angle + turn)
        paths.append(straight((x - dx, y - dy), (x + dx, y + dy)))
    return paths[0], paths[1]


def _rounded(corners: Float64Array, deviation: float, *, closed: bool) -> Float64Array:
    """Points SPACING apart along a polyline, its corners rounded by a Gaussian; ends stay where they are."""
    line = np.concatenate((corners, corners[:1])) if closed else corners
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    keep = np.concatenate(([True], lengths > 0))
    line, distance = line[keep], np.concatenate(([0.0], np.cumsum(lengths[lengths > 0])))
    samples = np.linspace(0.0, distance[-1], int(np.ceil(distance[-1] / SPACING)) + 1)
    points = np.stack([np.interp(samples, distance, line[:, i]) for i in range(2)], axis=-1)
    width = deviation / SPACING
    if closed:
        return gaussian_filter1d(points[:-1], width, axis=0, mode="wrap")
    # turned round its ends, so that they stay where they are and a straight line stays straight
    padded = np.concatenate((2 * points[0] - points[:0:-1], points, 2 * points[-1] - points[-2::-1]))
    smooth = gaussian_filter1d(padded, width, axis=0, mode="nearest")
    return smooth[len(points) - 1 : 2 * len(points) - 1]
