"""Walking people, after the model of Boulic, Magnenat-Thalmann and Thalmann.

"A global human walking model with real-time kinematic personification", The Visual Computer 6:344-358 (1990); its
formulas are reprinted in V. C. Chen, "The Micro-Doppler Effect in Radar". Taken from it: step length and cadence that
both go with the root of speed; the duration of support; the torsion of pelvis and thorax, the pelvis's drop, sway and
fore-aft motion; the swing of the arms; and the pitch of the feet, as the sum of its curves of hip, knee and ankle.

Deviations, each because the paper's angles alone let the feet slide over the floor, which a Doppler radar would see:

* footprints are laid on the path first, with the personal step lengths and widths and their variation from step to
  step; a standing foot rolls over heel, sole and ball on its print, and does not slip at all;
* a swinging foot goes from print to print by a cubic with the velocities of the rolling foot at either end;
* the pelvis is as high as the standing leg holds it, with the knee bent as the person's does, and knees and hips follow
  by inverse kinematics (the paper itself corrects its support foot like that). They come out within the bands that
  textbooks print; the ankle is some 10 degrees more dorsiflexed late in swing;
* amplitudes are the person's (`habits`), not the average that the paper derives from speed alone; they still scale with
  the step length, as the paper's do, so they fade where somebody turns or stops.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from mission_core.sim import posture as body
from mission_core.sim.cohort import Person
from mission_core.sim.habits import HABITS, STEP_LENGTH_VARIATION, STEP_TIME_VARIATION, Gait, sample_walk
from mission_core.sim.path import RATE, Path, SampledMotion
from mission_core.types import Float64Array

RUN_IN = 2.5  # walked before and after an open path, so that it is entered and left at full speed [m]
PERIOD = 60.0  # a closed path is walked at least so far before the walk repeats itself [m]
ACCELERATION = 0.9  # with which people start and stop [m/s^2]
SLOWEST = 0.35  # smallest share of the preferred speed while walking
FREE_RADIUS = 3.0  # of a curve that needs no slowing down [m]
BOTH_FEET = 0.12  # how long after a strike both feet are down, where a halt begins [steps]
LAST_STAND = 0.4  # stood at the end of a path that ends at rest [s]
KNEE_MINIMUM = np.deg2rad(5.0)
KNEE_AT_STRIKE = np.deg2rad(14.0)  # of a runner
SUPPORT_SOFTNESS = 0.002  # over which height support passes from one leg to the other [m]
HEIGHT_SMOOTHING = 0.02  # of the pelvis's height [s]
BANK_SMOOTHING = 0.25  # of the lean into a curve [s]
SWING_ROUNDING = 0.02  # lifts a swinging foot where its heel becomes lower than its ball [m]
GRAVITY = 9.81  # [m/s^2]

Edge = Literal["nearest", "wrap"]  # how a filter goes on beyond the ends


@dataclass(frozen=True)
class Style:
    """What tells one kind of gait from another, the same for everybody.

    Attributes:
        stance: share of the cycle at which `foot_pitch` and `knee` have the foot leave the floor.
        foot_pitch: (cycle, pitch of the foot [deg]) from heel strike.
        knee: (cycle, flexion as a share of the person's yield) that bounds the height of the pelvis.
        late: share of time, share of way and speed [ways per swing] of a foot late in its swing.
        contact: speed at which it meets the floor [ways per swing].
        kick: how far the heel is thrown up behind [m].
        behind: how far the pelvis is behind the foot that strikes [step lengths].
        flies: there is a flight between the steps.
    """

    stance: float
    foot_pitch: tuple[tuple[float, float], ...]
    knee: tuple[tuple[float, float], ...]
    late: tuple[float, float, float]
    contact: float
    kick: float
    behind: float
    flies: bool


WALKING = Style(
    stance=0.62,
    # hip - knee + ankle of the paper until the foot leaves the floor, but flat while the sole rests; then Winter's foot
    foot_pitch=(
        *((0.0, 21.0), (0.09, 0.0), (0.36, 0.0), (0.50, -15.0), (0.57, -37.0)),
        *((0.62, -58.0), (0.665, -68.0), (0.85, 0.0), (0.94, 19.0)),
    ),
    knee=((0.0, 0.3), (0.15, 0.85), (0.29, 0.4), (0.40, 0.3), (0.50, 0.6), (0.62, 1.3), (0.75, 0.8), (0.90, 0.3)),
    late=(0.74, 0.79, 1.10),
    contact=0.3,  # 0.87 m/s: Winter et al. 1990, Phys. Ther. 70:340-347
    kick=0.07,
    behind=0.475,
    flies=False,
)


@dataclass(frozen=True)
class Footsteps:
    """The prints of a walk, left and right in turn.

    Attributes:
        first: side of print 0.
        strikes: (K,) when each foot comes down [s].
        distances: (K,) of the prints along the path [m].
        apart: (K,) of the prints from the line walked, to their own side [m].
        lengths: (K,) of the steps that led to them, relative to the preferred one.
        arms: (K,) amplitude of the arm of the same side, around each strike, relative to the walk's.
        halts: (K,) time stood still after each strike [s].
    """

    first: int
    strikes: Float64Array
    distances: Float64Array
    apart: Float64Array
    lengths: Float64Array
    arms: Float64Array
    halts: Float64Array


class Walk(SampledMotion):
    """One person walking along one path.

    Two walks of a person differ by `seed` as two walks of a real person do, and so do the steps of a walk (`habits`).

    Args:
        person: who walks.
        path: where. A closed path is walked without end.
        seed: which of the person's walks this is.
        start: how far into the walk it is at t = 0 [s].

    Attributes:
        gait: the person's gait as it is in this walk.
        footsteps: the prints; times count from t = 0 with `start` 0.
    """

    def __init__(self, person: Person, path: Path, seed: int, start: float = 0.0) -> None:
        rng = np.random.default_rng((person.seed, seed))
        self._go(person, path, sample_walk(person.gait, rng), WALKING, rng, start)

    def _go(self, person: Person, path: Path, gait: Gait, style: Style, rng: np.random.Generator, start: float) -> None:
        self.path = path
        self.start = start
        self.gait = gait
        self.footsteps, duration = _footsteps(path, gait, style, rng)
        samples = round(duration * RATE) if path.closed else int(np.ceil(duration * RATE)) + 1
        rate = samples / duration if path.closed else RATE
        posture = _posture(person, gait, style, path, self.footsteps, np.arange(samples) / rate)
        super().__init__(person, body.joints(person, posture), rate, endless=path.closed)
        self.duration -= start

    def joints(self, t: Float64Array) -> Float64Array:
        """Joints at the times t (T,) [s]: (T, 32, 3) [m], room frame, K4ABT order, feet on the floor z = 0."""
        return super().joints(np.asarray(t, dtype=np.float64) + self.start)


def _pace(path: Path, gait: Gait, low: float, high: float, rests: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Distances and the share of the preferred speed that curves, starts and halts allow there.

    Curves by the power law of one third between speed and radius (Vieilledent et al. 2001, Neurosci. Lett. 305:65-69).
    """
    distance = np.arange(low, high + 0.05, 0.05)
    limit = gait.speed * np.maximum(1.0, np.abs(path.curvature(distance)) * FREE_RADIUS) ** (-1 / 3)
    for rest in rests:
        limit = np.minimum(limit, np.sqrt(2 * ACCELERATION * np.abs(distance - rest)))
    for order in (slice(None), slice(None, None, -1)):
        limit[order] = _accelerated(limit[order])
    return distance, np.maximum(limit / gait.speed, SLOWEST)


def _accelerated(limit: Float64Array) -> Float64Array:
    """Speeds [m/s] at points 0.05 m apart, none faster than acceleration from the one before allows."""
    energy = limit**2
    gained = 2 * ACCELERATION * 0.05 * np.arange(len(limit))
    return np.sqrt(np.minimum.accumulate(energy - gained) + gained)


def _footsteps(path: Path, gait: Gait, style: Style, rng: np.random.Generator) -> tuple[Footsteps, float]:
    """The prints of a walk, and its duration [s]."""
    if path.closed:
        return _endless_footsteps(path, gait, rng)
    if path.standing:
        low, high = 0.0, path.length
        halts = [*path.stops, (high, LAST_STAND)]
        rests = np.array([low, *(distance for distance, _ in halts)])
    else:
        low, high = -RUN_IN - float(rng.uniform(0.0, gait.step_length)), path.length + RUN_IN
        halts = [*path.stops, (high, LAST_STAND)]
        rests = np.array([distance for distance, _ in path.stops])
    distance, pace = _pace(path, gait, low, high, rests)
    first = int(rng.integers(2))
    # length [m] of each step, its time [s], and the time stood still after it [s]; before the first, both feet are down
    rows = [(0.0, 0.0, 0.0), (0.0, 0.5, 0.5)]
    place = low
    for halt, pause in halts:
        ahead = _steps(gait, rng, place, halt, distance, pace, side=(first + len(rows)) % 2)
        rows += [(length, time, 0.0) for length, time in ahead]
        rows.append((0.0, 0.9 / gait.cadence, pause))  # the other foot is set beside it
        place = halt
    rows += 2 * [(0.0, 1.0, 0.0)]
    lengths, times, pauses = np.array(rows).T
    strikes = np.cumsum(times + np.concatenate(([-1.0], pauses[:-1])))
    prints = low + np.cumsum(lengths)
    end = float(strikes[-3]) + LAST_STAND
    if not path.standing:
        begin, end = np.interp((0.0, path.length), _pelvis_at_strikes(prints, style)[2:-2], strikes[2:-2])
        strikes, end = strikes - begin, float(end - begin)
    return _prints(first, strikes, prints, lengths / gait.step_length, pauses, rng, gait), end


def _endless_footsteps(path: Path, gait: Gait, rng: np.random.Generator) -> tuple[Footsteps, float]:
    """As many rounds as make PERIOD, in an even number of steps, and a few more on both sides."""
    total = path.length * np.ceil(PERIOD / path.length)
    distance, pace = _pace(path, gait, -4.0, total + 4.0, np.zeros(0))
    first = int(rng.integers(2))
    steps = _steps(gait, rng, 0.0, total, distance, pace, side=first, even=True)
    lengths, times = np.array(steps).T
    count, period = len(steps), float(times.sum())
    around = np.arange(-4, count + 4)
    rounds = around // count
    one = _prints(
        first,
        np.cumsum(times) - times[0],
        np.cumsum(lengths) - lengths[0],
        lengths / gait.step_length,
        np.zeros(count),
        rng,
        gait,
    )
    pick = around % count
    return Footsteps(
        first=first,
        strikes=one.strikes[pick] + rounds * period,
        distances=one.distances[pick] + rounds * total,
        apart=one.apart[pick],
        lengths=one.lengths[pick],
        arms=one.arms[pick],
        halts=one.halts[pick],
    ), period


def _steps(
    gait: Gait,
    rng: np.random.Generator,
    low: float,
    high: float,
    distance: Float64Array,
    pace: Float64Array,
    *,
    side: int,
    even: bool = False,
) -> list[tuple[float, float]]:
    """(length [m], time [s]) of steps that lead exactly from one distance along the path to another."""
    steps: list[tuple[float, float]] = []
    place = low
    while True:
        root = float(np.sqrt(np.interp(place, distance, pace)))
        root = float(np.sqrt(np.interp(place + 0.5 * root * gait.step_length, distance, pace)))
        asymmetry = (-0.5 if (side + len(steps)) % 2 == body.LEFT else 0.5) * gait.step_asymmetry
        length = gait.step_length * root * (1.0 + asymmetry + STEP_LENGTH_VARIATION * float(rng.normal()))
        enough = place + length / 2 > high and (not even or len(steps) % 2 == 0)
        if enough and steps:
            break
        steps.append((length, (1.0 + STEP_TIME_VARIATION * float(rng.normal())) / (gait.cadence * root)))
        place += length
    stretch = (high - low) / (place - low)
    return [(length * stretch, time) for length, time in steps]


def _prints(
    first: int,
    strikes: Float64Array,
    distances: Float64Array,
    lengths: Float64Array,
    halts: Float64Array,
    rng: np.random.Generator,
    gait: Gait,
) -> Footsteps:
    # a step is as wide as its two prints are off the line, together
    apart = gait.step_width / 2 + HABITS["step_width"].steps * rng.normal(size=len(strikes)) / np.sqrt(2)
    arms = 1.0 + HABITS["arm_swing"].steps * rng.normal(size=len(strikes)) / gait.arm_swing
    return Footsteps(first, strikes, distances, apart, lengths, np.maximum(arms, 0.0), halts)


def _posture(person: Person, gait: Gait, style: Style, path: Path, steps: Footsteps, t: Float64Array) -> body.Posture:
    """The walker's posture at the times t (T,)."""
    segments = person.segments
    index = np.arange(len(steps.strikes), dtype=np.float64)
    knots, phases, middles = _knots(steps, index, _pelvis_at_strikes(steps.distances, style))
    phase = PchipInterpolator(knots, phases)(t)  # [steps]
    progress = PchipInterpolator(knots, middles)(t)
    amplitude = _amplitude(steps, index)(phase)
    stance = _stance(steps, gait, style)

    cycles = []
    ankles, pitches, yaws = [], [], []
    for side in (body.LEFT, body.RIGHT):
        foot = _Foot(person, gait, style, path, steps, side)
        cycle, ankle, pitch, yaw = foot.at(phase, amplitude, stance)
        cycles.append(cycle)
        ankles.append(ankle)
        pitches.append(pitch)
        yaws.append(yaw)
    wave = 2 * np.pi * cycles[body.LEFT]  # of the left leg, from its heel strike

    # the paper's fore-aft motion, relative to the leg as all its translations; fastest where the pelvis is lowest
    surge = 0.0 if style.flies else 0.018 * segments.leg * np.sin(2 * wave) * amplitude
    place, heading = path.at(progress + surge)
    sway = gait.sway * np.sqrt(np.clip(amplitude, 0.0, 1.0)) * np.cos(wave - 2 * np.pi * 0.35)
    pelvis_yaw = -gait.pelvic_rotation * amplitude * np.cos(wave)
    pelvis_list = gait.pelvic_list * amplitude * np.cos(wave - 2 * np.pi * 0.18)
    edge: Edge = "wrap" if path.closed else "nearest"
    bank = gaussian_filter1d(_bank(path, progress, t, segments.leg), BANK_SMOOTHING / (t[1] - t[0]), mode=edge)
    left = np.stack((-np.sin(heading), np.cos(heading)), axis=-1)
    ground = place + (sway + segments.leg * bank)[:, None] * left
    hips = body.hips(segments, heading + pelvis_yaw, pelvis_list)
    cycle, ankle = np.stack(cycles), np.stack(ankles)
    if style.flies:
        height = _flying_height(person, ground, hips, ankle, cycle, phase, stance, steps)
    else:
        height = _smoothed(_support_height(person, gait, style, ground, hips, ankle, cycle, amplitude), edge)
    pelvis = np.concatenate((ground, height[:, None]), axis=1)
    # a leg in the air may be too short for where its foot should be; one that stands never is
    ankle = body.within_reach(segments, pelvis + hips, ankle)

    upper, fore = [], []
    for side in (body.LEFT, body.RIGHT):
        own = slice((side - steps.first) % 2, None, 2)
        lively = PchipInterpolator(index[own], steps.arms[own])(phase) * amplitude
        directions = _arm(gait, side, cycles[side], lively)
        upper.append(directions[0])
        fore.append(directions[1])
    zero = np.zeros_like(t)
    return body.Posture(
        pelvis=pelvis,
        heading=heading,
        pelvis_yaw=pelvis_yaw,
        pelvis_list=pelvis_list,
        lean=gait.trunk_lean + np.deg2rad(1.0) * amplitude * np.cos(2 * wave),
        side_lean=np.arctan(bank) - 0.4 * sway / segments.trunk,
        thorax_yaw=gait.thorax_rotation * amplitude * np.cos(wave),
        upper_arms=np.stack(upper),
        forearms=np.stack(fore),
        ankles=ankle,
        foot_pitch=np.stack(pitches),
        foot_yaw=np.stack(yaws),
        head_yaw=0.7 * (path.at(progress + 0.5)[1] - heading),
        head_pitch=gait.head_pitch + zero,
    )


def _pelvis_at_strikes(distances: Float64Array, style: Style) -> Float64Array:
    """How far along the path [m] the pelvis is whenever a foot comes down on one of the prints at distances (K,)."""
    return distances - style.behind * np.diff(distances, prepend=distances[:1])


def _knots(
    steps: Footsteps, index: Float64Array, middle: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Times, phases [steps] and places of the pelvis [m] to interpolate between; a halt holds all three."""
    times, phases, middles = [], [], []
    for k, (strike, halt) in enumerate(zip(steps.strikes, steps.halts, strict=True)):
        times.append(strike)
        phases.append(index[k])
        middles.append(middle[k])
        if halt > 0:
            for moment in (strike + 0.5 * halt, strike + halt):
                times.append(moment)
                phases.append(index[k] + BOTH_FEET)
                middles.append(middle[k])
    return np.array(times), np.array(phases), np.array(middles)


def _amplitude(steps: Footsteps, index: Float64Array) -> PchipInterpolator:
    """Step length, relative to the preferred one, over the phase; nothing while somebody stands."""
    still = index[steps.halts > 0]
    phases = np.concatenate((index - 0.5, still, still + 2 * BOTH_FEET))
    order = np.argsort(phases)
    return PchipInterpolator(phases[order], np.concatenate((steps.lengths, 0 * still, 0 * still))[order])


def _stance(steps: Footsteps, gait: Gait, style: Style) -> Float64Array:
    """(K,) share of its cycle that a foot stands before the swing that ends in each print: Boulic 1990, 3.2."""
    cycle = steps.strikes - np.concatenate((steps.strikes[:2] - 1.0, steps.strikes[:-2]))
    halted = steps.halts + np.concatenate((steps.halts[:1], steps.halts[:-1]))
    halted = np.concatenate((np.zeros(1), halted[:-1]))
    if style.flies:
        return np.full(len(cycle), style.stance + gait.stance)
    return np.clip(0.752 - 0.143 / np.maximum(cycle - halted, 0.5) + gait.stance, 0.55, 0.72)


class _Foot:
    """One foot over the whole walk."""

    def __init__(self, person: Person, gait: Gait, style: Style, path: Path, steps: Footsteps, side: int) -> None:
        self.segments, self.gait, self.style = person.segments, gait, style
        sign = body.SIDES[side]
        self.offset = (side - steps.first) % 2  # of this foot's first print
        place, heading = path.at(steps.distances)
        left = np.stack((-np.sin(heading), np.cos(heading)), axis=-1)
        self.prints = place + (sign * steps.apart)[:, None] * left
        self.yaws = heading + sign * gait.toe_out
        points = np.array([(c + turn, p) for turn in (-1, 0, 1, 2) for c, p in style.foot_pitch])
        self.curve = PchipInterpolator(points[:, 0], np.deg2rad(points[:, 1]) * gait.foot_pitch)

    def at(
        self, phase: Float64Array, amplitude: Float64Array, stance: Float64Array
    ) -> tuple[Float64Array, Float64Array, Float64Array, Float64Array]:
        """Cycle (T,), ankle (T, 3), pitch (T,) and yaw (T,) at phases (T,) [steps] of the walk."""
        k = (2 * np.floor((phase - self.offset) / 2) + self.offset).astype(np.int64)
        k = np.clip(k, 0, len(self.prints) - 3)
        cycle = np.clip((phase - k) / 2, 0.0, 1.0)
        stand = stance[k + 2]
        pitch = amplitude * self.curve(_warped(cycle, stand, self.style.stance))
        swing = np.clip((cycle - stand) / (1 - stand), 0.0, 1.0)

        airborne = 16 * swing**2 * (1 - swing) ** 2
        ahead, height = body.ankle_over_floor(self.segments, pitch, SWING_ROUNDING * airborne)
        standing = self._roll(k, ahead)
        # velocities of the rolling foot per swing, at its two ends
        start, start_slope = self._edge(k, stand, stand, amplitude)
        end, end_slope = self._edge(k + 2, np.zeros_like(stand), stand, amplitude)
        end_slope = end_slope + self.style.contact * (end - start)
        moment, share, speed = self.style.late
        knot, knot_slope = start + share * (end - start), speed * (end - start)
        early = _cubic(swing / moment, start, moment * start_slope, knot, moment * knot_slope)
        rest = 1 - moment
        late = _cubic((swing - moment) / rest, knot, rest * knot_slope, end, rest * end_slope)
        flying = np.where(swing[:, None] < moment, early, late)
        ground = np.where(cycle[:, None] < stand[:, None], standing, flying)
        kick = swing**2 * (1 - swing) ** 8 / 0.00671  # 1 at a fifth of the swing
        lift = (self.gait.clearance * airborne + self.style.kick * kick) * np.sqrt(np.clip(amplitude, 0.05, 1.0))
        ease = swing**3 * (10 - 15 * swing + 6 * swing**2)
        yaw = self.yaws[k] + ease * (self.yaws[k + 2] - self.yaws[k])
        return cycle, np.concatenate((ground, (height + lift)[:, None]), axis=1), pitch, yaw

    def _roll(self, k: Float64Array, ahead: Float64Array) -> Float64Array:
        yaw = self.yaws[k]
        return self.prints[k] + ahead[:, None] * np.stack((np.cos(yaw), np.sin(yaw)), axis=-1)

    def _edge(
        self, k: Float64Array, cycle: Float64Array, stand: Float64Array, amplitude: Float64Array
    ) -> tuple[Float64Array, Float64Array]:
        """Where the ankle is at a moment of its cycle on print k, and its change per swing."""
        small = 1e-4

        def place(moment: Float64Array) -> Float64Array:
            pitch = amplitude * self.curve(_warped(moment, stand, self.style.stance))
            return self._roll(k, body.ankle_over_floor(self.segments, pitch)[0])

        slope = (place(cycle + small) - place(cycle - small)) / (2 * small)
        return place(cycle), slope * (1 - stand)[:, None]


def _cubic(
    u: Float64Array, start: Float64Array, start_slope: Float64Array, end: Float64Array, end_slope: Float64Array
) -> Float64Array:
    """Cubic (T, 2) between two points with given slopes, at shares u (T,) of the way."""
    h = u[:, None]
    return (
        (2 * h**3 - 3 * h**2 + 1) * start
        + (h**3 - 2 * h**2 + h) * start_slope
        + (3 * h**2 - 2 * h**3) * end
        + (h**3 - h**2) * end_slope
    )


def _warped(cycle: Float64Array, stand: Float64Array, nominal: float) -> Float64Array:
    """Cycle in which the stance ends at the nominal share, smooth and periodic."""
    return cycle + (nominal - stand) * (np.sin(np.pi * cycle) / np.sin(np.pi * stand)) ** 2


def _support_height(
    person: Person,
    gait: Gait,
    style: Style,
    ground: Float64Array,
    hips: Float64Array,
    ankles: Float64Array,
    cycles: Float64Array,
    amplitude: Float64Array,
) -> Float64Array:
    """Height (T,) of the pelvis at which neither leg is longer than its knee's flexion lets it be."""
    points = np.array([(c + turn, share) for turn in (-1, 0, 1) for c, share in style.knee])
    share = PchipInterpolator(points[:, 0], points[:, 1])(cycles)  # (2, T)
    knee = KNEE_MINIMUM + np.clip(amplitude, 0.0, 1.2) * np.maximum(share * gait.knee_yield - KNEE_MINIMUM, 0.0)
    across = np.linalg.norm(ankles[..., :2] - ground - hips[..., :2], axis=-1)
    reach = body.leg_reach(person.segments, knee)
    highest = ankles[..., 2] + np.sqrt(np.maximum(reach**2 - across**2, 0.01)) - hips[..., 2]
    low, high = highest.min(axis=0), highest.max(axis=0)
    return low - SUPPORT_SOFTNESS * np.log1p(np.exp((low - high) / SUPPORT_SOFTNESS))


def _smoothed(height: Float64Array, edge: Edge) -> Float64Array:
    """Heights (T,) without corners, and nowhere above those given."""
    width = HEIGHT_SMOOTHING * RATE
    lowest = minimum_filter1d(height, 2 * round(1.2 * width) + 1, mode=edge)
    return gaussian_filter1d(lowest, width, mode=edge)


def _flying_height(
    person: Person,
    ground: Float64Array,
    hips: Float64Array,
    ankles: Float64Array,
    cycles: Float64Array,
    phase: Float64Array,
    stance: Float64Array,
    steps: Footsteps,
) -> Float64Array:
    """Height (T,) of a runner's pelvis: a half sine while a foot stands, and free fall between.

    The speed at take-off follows from the time of flight, the depth of the half sine from that speed.
    """
    k = np.clip(np.floor(phase).astype(np.int64), 0, len(steps.strikes) - 2)
    step_time = np.diff(steps.strikes)[k]
    contact = 2 * stance[k] * step_time  # of the step; stance is a share of two steps
    flight = step_time - contact
    moment = (phase - k) * step_time
    rise = GRAVITY * flight / 2
    fall = moment - contact
    wave = np.where(
        fall < 0, -rise * contact / np.pi * np.sin(np.pi * moment / contact), rise * fall - GRAVITY / 2 * fall**2
    )
    across = np.linalg.norm(ankles[..., :2] - ground - hips[..., :2], axis=-1)
    reach = body.leg_reach(person.segments, KNEE_AT_STRIKE)
    highest = ankles[..., 2] + np.sqrt(np.maximum(reach**2 - across**2, 0.01)) - hips[..., 2] - wave
    stands = cycles < stance[k]
    return wave + np.where(stands, highest, np.inf).min()


def _bank(path: Path, progress: Float64Array, t: Float64Array, leg: float) -> Float64Array:
    """Tangent (T,) of the lean into a curve, to the left: where gravity and inertia pull along the body.

    The body's middle, a leg above the floor, runs on a narrower curve than the feet, and slower.
    """
    speed, curvature = np.gradient(progress, t), path.curvature(progress)
    pull = speed**2 * np.abs(curvature) / GRAVITY
    return np.sign(curvature) * pull / (1 + pull * leg * np.abs(curvature))


def _arm(gait: Gait, side: int, cycle: Float64Array, amplitude: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Upper arm and forearm (T, 3) of a side whose own leg is at a cycle (T,): back at its heel strike."""
    sign = body.SIDES[side]
    swing = gait.arm_swing * (1.0 + 0.5 * sign * gait.arm_asymmetry) / 2
    wave = -amplitude * np.cos(2 * np.pi * cycle)
    shoulder = gait.arm_offset + swing * wave
    elbow = np.maximum(gait.elbow_flexion + gait.elbow_swing / 2 * wave, np.deg2rad(3.0))
    outward = sign * gait.arm_abduction + np.zeros_like(cycle)
    return body.hanging(shoulder, outward), body.hanging(shoulder + elbow, 0.3 * outward)
