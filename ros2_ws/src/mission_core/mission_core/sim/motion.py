"""Walking people: joints over time from a person's gait, along a route.

Kinematics, not dynamics. The thigh, knee and ankle angles are Fourier series over the gait cycle, fitted by hand to the
curves that textbooks print for normal gait (Perry & Burnfield, "Gait Analysis"; Winter, "The Biomechanics and Motor
Control of Human Gait"); the coefficients are ours. A person's `Gait` scales and shifts them, the amplitude of the hips
is solved so that the standing foot moves back as fast as the body moves on, and the pelvis is as high as keeps the
lower foot on the floor, from which the vertical bounce follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mission_core.errors import ConfigurationError
from mission_core.sim.people import Gait, Person
from mission_core.types import Float64Array

# [deg] over the cycle from heel strike: mean, then (cosine, sine) per harmonic; the thigh is measured from the vertical
THIGH = (8.0, ((20.2, -3.5), (-4.2, -2.5), (-0.1, 0.6)))
KNEE = (23.2, ((-2.6, -20.3), (-14.8, 6.9), (-1.3, 3.7), (-0.5, 0.9)))
ANKLE = (-0.3, ((-0.9, 5.6), (0.8, -7.0), (-2.9, 1.1), (2.5, -0.9), (-0.3, -0.9)))

FOOT_FLAT = (0.12, 0.40)  # part of the cycle in which the sole rests on the floor
SLOW_CADENCE = 0.55  # cadence of stepping on the spot, relative to the preferred one
SMOOTHING = 0.35  # deviation of the Gaussian that rounds corners and turns [s]
TABLE_STEP = 0.02  # sampling of a lap [s]
DIFFERENCE = 0.005  # half the interval of the central difference that gives velocities [s]
CONTACT_SOFTNESS = 0.006  # over which height the contact passes from one foot to the other [m]
LEFT, RIGHT = 1.0, -1.0


@dataclass(frozen=True, slots=True)
class Route:
    """Straight pieces through `waypoints` (x, y) [m] of a room frame, walked back and forth without end."""

    waypoints: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.waypoints) < 2 or self.length < 0.5:
            raise ConfigurationError(
                f"a route needs two waypoints and 0.5 m between them, got {self.waypoints}: move them apart"
            )

    @property
    def length(self) -> float:
        """Length of one way [m]."""
        return float(np.linalg.norm(np.diff(np.array(self.waypoints), axis=0), axis=1).sum())


class Walk:
    """One person walking along one route.

    Two walks of a person differ by `seed` as two walks of a real person do: cadence and step length by some 3 %, arm
    swing by 8 %, posture by degrees. Between steps the speed wanders by a few per cent.

    Args:
        person: who walks.
        route: where.
        seed: which of the person's walks this is.
        start: how far into the lap the walk is at t = 0 [s].

    Attributes:
        gait: the person's gait as it is in this walk.
        lap: time from the first waypoint to the last and back [s].
    """

    def __init__(self, person: Person, route: Route, seed: int, start: float = 0.0) -> None:
        self.person = person
        self.route = route
        self.seed = seed
        self.start = start
        rng = np.random.default_rng((person.seed, seed))
        self.gait = _varied(person.gait, rng)
        self._wander = np.stack([rng.uniform(3.0, 11.0, 3), rng.uniform(0.0, 2 * np.pi, 3), rng.normal(0.0, 0.016, 3)])
        self._phase_offset = float(rng.random())
        self._table = _lap_table(route, self.gait, clockwise=bool(rng.random() < 0.5))
        self.lap = float(self._table[0, -1])
        self._hip_scale = self._solve_hip_scale()

    def joints(self, t: Float64Array) -> Float64Array:
        """Joints at the times t (T,) [s]: (T, 32, 3) [m], room frame, K4ABT order, the sole of a foot at z = 0."""
        t = np.asarray(t, dtype=np.float64)
        laps, within = np.divmod(self.start + self._wandering(t), self.lap)
        x, y, heading, cycles, amplitude = (np.interp(within, self._table[0], row) for row in self._table[1:])
        pose = self._pose(self._phase_offset + cycles + laps * self._table[4, -1], amplitude)
        c, s = np.cos(heading)[:, None], np.sin(heading)[:, None]
        return np.stack(
            (
                x[:, None] + c * pose[..., 0] - s * pose[..., 1],
                y[:, None] + s * pose[..., 0] + c * pose[..., 1],
                pose[..., 2],
            ),
            axis=-1,
        )

    def motion(self, t: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Joints and their velocities at the times t (T,): (T, 32, 3) [m], (T, 32, 3) [m/s], by central difference."""
        t = np.asarray(t, dtype=np.float64)
        before, after = np.split(self.joints(np.concatenate((t - DIFFERENCE, t + DIFFERENCE))), 2)
        return (before + after) / 2, (after - before) / (2 * DIFFERENCE)

    def _wandering(self, t: Float64Array) -> Float64Array:
        """Time as the walker keeps it: runs a few per cent faster and slower than the clock."""
        periods, offsets, depths = self._wander[..., None]
        return t + (depths * periods / (2 * np.pi) * np.sin(2 * np.pi * t / periods + offsets)).sum(axis=0)

    def _solve_hip_scale(self) -> float:
        """Scale of the thigh's swing at which the foot that stands slips least at the walk's step length."""
        phase = np.linspace(*FOOT_FLAT, 24)
        ones = np.ones_like(phase)

        def advance(scale: float) -> float:
            """Progress of the hip over the ankle per cycle [m]."""
            self._hip_scale = scale
            ankles = self._leg(phase, ones, ones * 0.0, LEFT)[1]
            return float(-np.polyfit(phase, ankles[:, 0], 1)[0])

        low, high = advance(0.8), advance(1.4)
        return float(0.8 + 0.6 * (2 * self.gait.step_length - low) / (high - low))

    def _pose(self, cycles: Float64Array, amplitude: Float64Array) -> Float64Array:
        """Joints (T, 32, 3) of a walker who heads for +x above the origin; amplitude 1 = preferred step."""
        gait, body = self.gait, self.person.physique
        wave = 2 * np.pi * cycles
        pelvis_yaw = -np.deg2rad(gait.pelvic_rotation) * amplitude * np.cos(wave)
        thorax_yaw = np.deg2rad(gait.thorax_rotation) * amplitude * np.cos(wave)
        drop = np.deg2rad(gait.pelvic_list) * amplitude * np.cos(wave - 2 * np.pi * 0.18)
        sway = gait.sway * np.cos(wave - 2 * np.pi * 0.30)

        zero = np.zeros_like(wave)
        pelvis = np.stack((zero, sway, zero), axis=-1)
        hip_axis = np.stack((-np.sin(pelvis_yaw), np.cos(pelvis_yaw), np.sin(drop)), axis=-1) * body.hip_width / 2
        hips = (pelvis + hip_axis, pelvis - hip_axis)
        cycle = (cycles, cycles + 0.5 + gait.step_asymmetry)
        legs = [
            self._leg(cycle[i], amplitude, hips[i][:, 1], side) + hips[i][None] for i, side in enumerate((LEFT, RIGHT))
        ]

        lean = np.deg2rad(gait.trunk_lean) + np.deg2rad(1.0) * amplitude * np.cos(2 * wave)
        up = np.stack((np.sin(lean), -0.5 * sway / body.trunk, np.cos(lean)), axis=-1)
        forward = np.stack((np.cos(thorax_yaw), np.sin(thorax_yaw), zero), axis=-1)
        left = np.stack((-forward[:, 1], forward[:, 0], zero), axis=-1)
        navel, chest, shoulders, neck = (
            pelvis + height * up
            for height in (0.38 * body.trunk, 0.72 * body.trunk, body.trunk, body.trunk + 0.10 * body.head)
        )
        arms = [
            self._arm(cycle[1 - i], amplitude, side, self.gait.arm_swing[i])
            + (shoulders + side * left * body.shoulder_width / 2)[None]
            for i, side in enumerate((LEFT, RIGHT))
        ]
        clavicles = [shoulders + side * 0.12 * body.shoulder_width * left for side in (LEFT, RIGHT)]
        trunk = (pelvis, navel, chest, neck)
        upper = (clavicles[0], *arms[0], clavicles[1], *arms[1])
        lower = (hips[0], *legs[0][:3], hips[1], *legs[1][:3])
        joints = np.stack((*trunk, *upper, *lower, *self._head(neck)), axis=1)  # (T, 32, 3)
        soles = np.stack([leg[k, :, 2] for leg in legs for k in (3, 4)])  # heels and balls (4, T)
        joints[..., 2] -= _soft_minimum(soles)[:, None]
        return joints

    def _leg(self, cycle: Float64Array, amplitude: Float64Array, hip_y: Float64Array, side: float) -> Float64Array:
        """Knee, ankle, foot, heel and ball of the foot, relative to the hip joint: (5, T, 3)."""
        gait, body = self.gait, self.person.physique
        scale = 1.0 + (-0.5 * side) * gait.leg_asymmetry
        liveliness = 0.4 + 0.6 * amplitude
        thigh = gait.hip_offset + gait.knee_offset / 2 + self._hip_scale * scale * amplitude * _curve(THIGH, cycle)
        knee = gait.knee_offset + gait.knee_scale * scale * liveliness * _curve(KNEE, cycle)
        ankle = (gait.knee_offset / 2 - gait.hip_offset) + gait.ankle_scale * amplitude * _curve(ANKLE, cycle)
        inward = np.arcsin((side * gait.step_width / 2 - hip_y) / (body.thigh + body.shank))

        to_knee = body.thigh * _hanging(thigh, inward)
        to_ankle = to_knee + body.shank * _hanging(thigh - knee, inward)
        pitch, out = np.deg2rad(thigh - knee + ankle), side * np.deg2rad(gait.toe_out)
        toward_toe = np.stack(
            (np.cos(pitch) * np.cos(out), np.cos(pitch) * np.sin(out), np.sin(pitch)), axis=-1
        )  # a rotation by `out` to the left for the left foot
        upward = np.stack((-np.sin(pitch) * np.cos(out), -np.sin(pitch) * np.sin(out), np.cos(pitch)), axis=-1)
        sole = to_ankle - body.ankle_height * upward
        return np.stack(
            (
                to_knee,
                to_ankle,
                sole + 0.62 * body.foot * toward_toe + 0.3 * body.ankle_height * upward,
                sole - 0.22 * body.foot * toward_toe,
                sole + 0.62 * body.foot * toward_toe,
            )
        )

    def _arm(self, cycle: Float64Array, amplitude: Float64Array, side: float, swing: float) -> Float64Array:
        """Shoulder, elbow, wrist, hand, tip and thumb relative to the shoulder (6, T, 3); cycle of the opposite leg."""
        gait, body = self.gait, self.person.physique
        wave = amplitude * np.cos(2 * np.pi * (cycle - gait.arm_lag))
        shoulder = gait.arm_offset + swing * wave
        elbow = np.maximum(gait.elbow_flexion + gait.elbow_swing * wave, 2.0)
        outward = side * np.deg2rad(gait.arm_abduction)
        to_elbow = body.upper_arm * _hanging(shoulder, outward)
        to_wrist = to_elbow + body.forearm * _hanging(shoulder + elbow, 0.3 * outward)
        along = _hanging(shoulder + elbow + 8.0, -0.3 * outward)
        across = _hanging(shoulder + elbow + 70.0, -0.8 * outward)
        return np.stack(
            (
                np.zeros_like(to_elbow),
                to_elbow,
                to_wrist,
                to_wrist + 0.45 * body.hand * along,
                to_wrist + 0.95 * body.hand * along,
                to_wrist + 0.25 * body.hand * (along + across),
            )
        )

    def _head(self, neck: Float64Array) -> tuple[Float64Array, ...]:
        """Head, nose, left eye, left ear, right eye, right ear, each (T, 3)."""
        pitch, size = np.deg2rad(self.gait.head_pitch), self.person.physique.head
        up = np.array([np.sin(pitch), 0.0, np.cos(pitch)])
        forward = np.array([np.cos(pitch), 0.0, -np.sin(pitch)])
        left = np.array([0.0, 1.0, 0.0])
        # (up, forward, left) of the neck, in lengths from shoulder line to vertex
        places = (
            (0.30, 0.0, 0.0),
            (0.47, 0.36, 0.0),
            (0.56, 0.32, 0.10),
            (0.54, 0.0, 0.24),
            (0.56, 0.32, -0.10),
            (0.54, 0.0, -0.24),
        )
        return tuple(neck + size * (a * up + b * forward + c * left) for a, b, c in places)


def cast(walks: Sequence[Walk], t: float) -> tuple[Float64Array, Float64Array]:
    """Joints and velocities of all walkers at the time t [s]: (P, 32, 3) [m], (P, 32, 3) [m/s]."""
    if not walks:
        return np.zeros((0, 32, 3)), np.zeros((0, 32, 3))
    joints, velocities = zip(*(walk.motion(np.array([t])) for walk in walks), strict=True)
    return np.concatenate(joints), np.concatenate(velocities)


def _varied(gait: Gait, rng: np.random.Generator) -> Gait:
    """The gait as it is on one walk."""

    def factor(deviation: float) -> float:
        return 1.0 + deviation * float(np.clip(rng.normal(), -2.5, 2.5))

    def shift(deviation: float) -> float:
        return deviation * float(np.clip(rng.normal(), -2.5, 2.5))

    swing = factor(0.08)
    return replace(
        gait,
        cadence=gait.cadence * factor(0.025),
        step_length=gait.step_length * factor(0.03),
        step_width=gait.step_width * factor(0.10),
        hip_offset=gait.hip_offset + shift(0.8),
        knee_scale=gait.knee_scale * factor(0.03),
        arm_swing=(gait.arm_swing[0] * swing * factor(0.03), gait.arm_swing[1] * swing * factor(0.03)),
        elbow_flexion=gait.elbow_flexion * factor(0.08),
        pelvic_rotation=gait.pelvic_rotation * factor(0.08),
        thorax_rotation=gait.thorax_rotation * factor(0.08),
        trunk_lean=gait.trunk_lean + shift(0.8),
        sway=gait.sway * factor(0.08),
        head_pitch=gait.head_pitch + shift(3.0),
    )


def _lap_table(route: Route, gait: Gait, *, clockwise: bool) -> Float64Array:
    """One lap, evenly sampled (6, N): time, x, y, heading, cycles so far, amplitude. The last sample closes it."""
    there = np.array(route.waypoints, dtype=np.float64)
    corners = np.concatenate((there, there[-2::-1]))  # (2 K - 1, 2), closed
    pieces = np.diff(corners, axis=0)
    lengths = np.linalg.norm(pieces, axis=1)
    distance = np.concatenate(([0.0], np.cumsum(lengths)))
    samples = int(np.ceil(distance[-1] / gait.speed / TABLE_STEP))
    time = np.linspace(0.0, distance[-1] / gait.speed, samples + 1)
    step = time[1]

    walked = time[:-1] * gait.speed
    path = np.stack([np.interp(walked, distance, corners[:, i]) for i in range(2)])
    directions = np.arctan2(pieces[:, 1], pieces[:, 0])
    turns = (np.diff(directions) + np.pi) % (2 * np.pi) - np.pi
    half = len(there) - 2  # the turn at the far end; the one at home undoes it
    turns[half] = -np.pi if clockwise else np.pi
    headings = np.concatenate(([0.0], np.cumsum(turns))) + directions[0]
    heading = headings[np.minimum(np.searchsorted(distance, walked, side="right") - 1, len(headings) - 1)]

    path = gaussian_filter1d(path, SMOOTHING / step, axis=1, mode="wrap")
    heading = gaussian_filter1d(heading, SMOOTHING / step, mode="wrap")
    velocity = (np.roll(path, -1, axis=1) - np.roll(path, 1, axis=1)) / (2 * step)
    # smoothed once more: where the walker turns back, the magnitude of the velocity has a cusp
    pace = gaussian_filter1d(np.linalg.norm(velocity, axis=0), SMOOTHING / 2 / step, mode="wrap") / gait.speed
    rate = SLOW_CADENCE + (1 - SLOW_CADENCE) * pace  # of the preferred cadence; two steps are a cycle
    cycles = np.concatenate(([0.0], np.cumsum(rate))) * step * gait.cadence / 2
    rows = np.stack((path[0], path[1], heading, pace / rate))
    rows = np.concatenate((rows, rows[:, :1]), axis=1)
    return np.stack((time, rows[0], rows[1], rows[2], cycles, rows[3]))


def _curve(series: tuple[float, Sequence[tuple[float, float]]], cycle: Float64Array) -> Float64Array:
    """Angle [deg] of a Fourier series over the gait cycle."""
    mean, harmonics = series
    angle = np.full_like(cycle, mean)
    for order, (cosine, sine) in enumerate(harmonics, start=1):
        wave = 2 * np.pi * order * cycle
        angle += cosine * np.cos(wave) + sine * np.sin(wave)
    return angle


def _hanging(forward_deg: Float64Array, sideways: Float64Array | float) -> Float64Array:
    """Unit vectors (T, 3) of limbs that hang down, swung forward [deg] and to the left [rad]."""
    forward = np.deg2rad(forward_deg)
    return np.stack((np.sin(forward), np.cos(forward) * np.sin(sideways), -np.cos(forward) * np.cos(sideways)), axis=-1)


def _soft_minimum(values: Float64Array) -> Float64Array:
    """Minimum over the first axis without the kinks that would give velocities steps."""
    lowest = values.min(axis=0)
    return lowest - CONTACT_SOFTNESS * np.log(np.exp((lowest - values) / CONTACT_SOFTNESS).sum(axis=0))
