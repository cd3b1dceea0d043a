"""What else people do: the five activities of MRA-Net, and standing and sitting.

MRA-Net (Remote Sensing 2019, 11, 2584) has walk and run (towards or away), box (standing), jump (forward) and run in a
circle. All are kinematic: key heights and speeds from the literature, smooth curves between, joints by `posture`. Every
person has habits for them, drawn from the person's seed, and every take varies around those (`Skill`).

Sources: running from Novacheck 1998, Gait Posture 7:77-95 (stance below 40 % of the cycle, knee about 45 degrees under
load and 90 in swing, elbows bent at a right angle), with the pelvis in free fall between the steps; the countermovement
jump by its height h, with the speed sqrt(2 g h) at take-off; punches of 5-9 m/s.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy.interpolate import BPoly

from mission_core.errors import ConfigurationError
from mission_core.sim import posture as body
from mission_core.sim.cohort import Person
from mission_core.sim.gait import GRAVITY, Style, Walk
from mission_core.sim.habits import Gait, bounded_normal, sample_walk
from mission_core.sim.path import RATE, Path, SampledMotion, circle, straight
from mission_core.types import Float64Array


class Kind(StrEnum):
    """What somebody does."""

    WALK = "walk"
    RUN = "run"
    BOX = "box"
    JUMP = "jump"
    CIRCLE = "circle"
    STAND = "stand"
    SIT = "sit"


class Place(NamedTuple):
    """Where somebody begins: (x, y) [m] of the room frame, facing `heading` [rad], from +x to the left."""

    x: float
    y: float
    heading: float = 0.0


@dataclass(frozen=True, slots=True)
class Skill:
    """How somebody runs, jumps and boxes; lengths [m], times [s], speeds [m/s], angles [rad].

    Attributes:
        run_speed: on a straight of a few metres.
        run_cadence: steps per second.
        circle_radius: of the circle run.
        jump_height: rise of the body's centre in flight.
        jump_length: forward.
        crouch: of the pelvis before a jump, in lengths of the leg.
        pause: between jumps.
        punch_time: from guard to full reach.
        punch_pause: between two punches.
        cross_share: share of the punches that the rear hand throws.
    """

    run_speed: float
    run_cadence: float
    circle_radius: float
    jump_height: float
    jump_length: float
    crouch: float
    pause: float
    punch_time: float
    punch_pause: float
    cross_share: float


# mean, deviation between persons, deviation between takes
SKILLS: dict[str, tuple[float, float, float]] = {
    "run_speed": (2.7, 0.30, 0.12),
    "run_cadence": (2.65, 0.14, 0.05),
    "circle_radius": (1.5, 0.15, 0.10),
    "jump_height": (0.30, 0.045, 0.02),
    "jump_length": (0.70, 0.15, 0.08),
    "crouch": (0.28, 0.04, 0.02),
    "pause": (0.35, 0.12, 0.08),
    "punch_time": (0.15, 0.015, 0.008),
    "punch_pause": (0.30, 0.08, 0.05),
    "cross_share": (0.45, 0.10, 0.08),
}
SKILL_SEED = 7  # keeps a person's skills apart from what else is drawn with the person's seed

RUNNING = Style(
    stance=0.36,
    foot_pitch=((0.0, 8.0), (0.05, 0.0), (0.17, 0.0), (0.27, -28.0), (0.36, -60.0), (0.50, -100.0), (0.86, 0.0)),
    knee=(),
    late=(0.78, 0.83, 0.85),
    contact=0.05,
    kick=0.16,
    behind=0.27,
    flies=True,
)
DURATION = 10.0  # of what is done on the spot [s]
RUNWAY = 6.0  # walked or run through [m]
SOFT_LANDING = 0.07  # the pelvis lands lower than it took off, the knees bent [m]
PUSH_OFF, TOUCH_DOWN = np.deg2rad(-50.0), np.deg2rad(-22.0)  # pitch of the feet when they leave and meet the floor
STANDING_KNEE = np.array(np.deg2rad(4.0))


class Activity(SampledMotion):
    """Somebody who does something.

    Args:
        kind: what.
        person: who.
        place: where it begins. A straight leads `RUNWAY` ahead from there; a circle goes round the place.
        seed: which of the person's takes this is.
        duration: [s], of what is done on the spot.

    Attributes:
        skill: the person's habits as they are in this take.
    """

    def __init__(
        self,
        kind: Kind | str,
        person: Person,
        place: Place | tuple[float, float],
        seed: int,
        *,
        duration: float = DURATION,
    ) -> None:
        try:
            self.kind = Kind(kind)
        except ValueError:
            known = ", ".join(Kind)
            raise ConfigurationError(f"nobody knows how to {kind!r}: choose one of {known}") from None
        if not duration > 1.0:
            raise ConfigurationError(f"an activity of {duration} s was asked for: give it more than 1 s")
        place = Place(*place)
        rng = np.random.default_rng((person.seed, seed, list(Kind).index(self.kind)))
        self.skill = take_skill(person, rng)
        if self.kind in (Kind.WALK, Kind.RUN, Kind.CIRCLE):
            motion = self._on_the_move(person, place, seed, rng)
            super().__init__(person, motion.table, motion.rate, endless=motion.endless)
            return
        t = np.arange(int(np.ceil(duration * RATE)) + 1) / RATE
        make = {Kind.BOX: _boxing, Kind.JUMP: _jumping, Kind.STAND: _standing, Kind.SIT: _sitting}[self.kind]
        posture = make(person, self.skill, sample_walk(person.gait, rng), t, rng)
        super().__init__(person, _placed(body.joints(person, posture), place))

    def _on_the_move(self, person: Person, place: Place, seed: int, rng: np.random.Generator) -> SampledMotion:
        if self.kind is Kind.CIRCLE:
            return Run(person, circle((place.x, place.y), self.skill.circle_radius), self.skill, rng)
        end = (place.x + RUNWAY * np.cos(place.heading), place.y + RUNWAY * np.sin(place.heading))
        path = straight((place.x, place.y), end)
        return Walk(person, path, seed) if self.kind is Kind.WALK else Run(person, path, self.skill, rng)


class Run(Walk):
    """Somebody who runs along a path.

    Args:
        person: who.
        path: where.
        skill: how fast.
        rng: of this take.
    """

    def __init__(self, person: Person, path: Path, skill: Skill, rng: np.random.Generator) -> None:
        self._go(person, path, _running_gait(sample_walk(person.gait, rng), skill), RUNNING, rng, 0.0)


def person_skill(person: Person) -> Skill:
    """How the person does things by habit."""
    rng = np.random.default_rng((person.seed, SKILL_SEED))
    drawn = {name: mean + spread * bounded_normal(rng) for name, (mean, spread, _) in SKILLS.items()}
    # legs are pendulums, and men jump a third higher than women
    drawn["run_cadence"] *= np.sqrt(0.92 / person.segments.leg)
    drawn["jump_height"] *= 1.08 if person.sex == "male" else 0.82
    return Skill(**{name: float(value) for name, value in drawn.items()})


def take_skill(person: Person, rng: np.random.Generator) -> Skill:
    """The person's habits as they are in one take."""
    habit = person_skill(person)
    return replace(habit, **{name: getattr(habit, name) + SKILLS[name][2] * bounded_normal(rng) for name in SKILLS})


def _running_gait(gait: Gait, skill: Skill) -> Gait:
    """Habits of walking, carried over to running: what is personal stays so, about the means of running."""
    return replace(
        gait,
        cadence=skill.run_cadence,
        step_length=skill.run_speed / skill.run_cadence,
        step_width=0.4 * gait.step_width,
        step_asymmetry=0.5 * gait.step_asymmetry,
        clearance=2.0 * gait.clearance,
        arm_swing=1.7 * gait.arm_swing,
        arm_offset=gait.arm_offset - np.deg2rad(12.0),
        arm_abduction=gait.arm_abduction + np.deg2rad(6.0),
        elbow_flexion=gait.elbow_flexion + np.deg2rad(65.0),
        trunk_lean=gait.trunk_lean + np.deg2rad(5.0),
        pelvic_rotation=1.4 * gait.pelvic_rotation,
        pelvic_list=1.4 * gait.pelvic_list,
        thorax_rotation=2.5 * gait.thorax_rotation,
        sway=0.5 * gait.sway,
    )


def _standing(person: Person, skill: Skill, gait: Gait, t: Float64Array, rng: np.random.Generator) -> body.Posture:  # noqa: ARG001
    """Quiet stance: the body sways like an inverted pendulum by some millimetres."""
    return _still(person, gait, t, rng)


def _sitting(person: Person, skill: Skill, gait: Gait, t: Float64Array, rng: np.random.Generator) -> body.Posture:  # noqa: ARG001
    """On a chair as high as the hollow of the knee, the hands on the thighs."""
    segments = person.segments
    still = _still(person, gait, t, rng)
    ahead = 0.95 * segments.thigh
    pelvis = np.stack((0.3 * still.pelvis[:, 0], 0.3 * still.pelvis[:, 1], np.zeros_like(t)), axis=-1)
    pelvis[:, 2] = segments.shank + segments.ankle_height + 0.01
    ankles = still.ankles.copy()
    ankles[..., 0] = ahead + 0.04 * rng.normal(size=(2, 1))
    lean = np.deg2rad(-6.0 + 3.0 * rng.normal()) + _wander(rng, t, np.deg2rad(0.8))
    sitting = replace(still, pelvis=pelvis, ankles=ankles, lean=lean, pelvis_yaw=0 * t)
    hands = np.array([0.62 * segments.thigh, 0.0, 0.07]) + pelvis
    return _with_hands(person, sitting, [hands + 0.9 * _hip(person, side) for side in (body.LEFT, body.RIGHT)])


def _boxing(person: Person, skill: Skill, gait: Gait, t: Float64Array, rng: np.random.Generator) -> body.Posture:
    """Straight punches from a guard, the left foot and the left hand in front."""
    segments = person.segments
    still = _still(person, gait, t, rng)
    thrown = [np.zeros_like(t), np.zeros_like(t)]
    moment = 0.3 + 0.3 * rng.random()
    back = 1.6 * skill.punch_time
    while moment + skill.punch_time + back < t[-1]:
        side = body.RIGHT if rng.random() < skill.cross_share else body.LEFT
        thrown[side] += _pulse(t, moment, skill.punch_time, 0.03, back) * (1.0 + 0.05 * rng.normal())
        moment += skill.punch_time + 0.6 * back + max(skill.punch_pause * (1.0 + 0.35 * rng.normal()), 0.08)
    stance = 0.36 * segments.leg
    ankles = still.ankles.copy()
    ankles[body.LEFT, :, 0] += stance / 2
    ankles[body.RIGHT, :, 0] -= stance / 2
    ankles[..., 1] *= 1.7
    turn = np.deg2rad(32.0) * thrown[body.RIGHT] - np.deg2rad(18.0) * thrown[body.LEFT] - np.deg2rad(20.0)
    bounce = 0.012 * np.sin(2 * np.pi * (1.6 + 0.2 * rng.normal()) * t + rng.uniform(0, 2 * np.pi))
    pelvis = still.pelvis.copy()
    pelvis[:, 0] += 0.06 * thrown[body.RIGHT] + 0.03 * thrown[body.LEFT]
    pelvis[:, 2] -= 0.075 * segments.leg - bounce
    boxing = replace(
        still,
        pelvis=pelvis,
        ankles=ankles,
        pelvis_yaw=0.5 * turn,
        thorax_yaw=turn,
        lean=gait.trunk_lean + np.deg2rad(6.0) + np.deg2rad(4.0) * (thrown[0] + thrown[1]),
        foot_yaw=still.foot_yaw - np.array([[0.15], [0.6]]),
    )
    _, left, up = body.trunk_axes(boxing)
    middle = pelvis + segments.trunk * up
    ahead, across = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
    reach = segments.upper_arm + segments.forearm
    targets = []
    for side, sign in enumerate(body.SIDES):
        shoulder = middle + sign * segments.shoulder_width / 2 * left
        guard = middle + (0.30 if side == body.LEFT else 0.22) * ahead + sign * 0.10 * across
        guard[:, 2] += 0.2 * segments.head
        hit = shoulder + 0.97 * reach * (ahead - 0.12 * sign * across)
        hit[:, 2] += 0.03
        share = thrown[side][:, None]
        targets.append(guard + share * (hit - guard))
    return _with_hands(person, boxing, targets, pole=(-0.2, 0.7, -1.0))


def _jumping(person: Person, skill: Skill, gait: Gait, t: Float64Array, rng: np.random.Generator) -> body.Posture:
    """Countermovement jumps forward, one after the other."""
    segments = person.segments
    still = _still(person, gait, t, rng)
    upright = float(still.pelvis[:, 2].mean())
    jump = _Jump.of(person, skill, upright)
    pauses = np.maximum(skill.pause * (1.0 + 0.3 * rng.normal(size=len(t))), 0.1)
    begins = 0.3 + 0.3 * rng.random() + np.concatenate(([0.0], np.cumsum(jump.moments[-1] + pauses)))
    begins = begins[begins + jump.moments[-1] < t[-1]]
    count = np.searchsorted(begins, t, side="right")  # of jumps begun
    u = np.clip(t - np.concatenate(([np.inf], begins))[count], 0.0, jump.moments[-1])  # [s] of the jump
    done = np.maximum(count - 1, 0) * skill.jump_length

    crouched, off, down, caught, risen = jump.moments[1:]
    air = np.clip((u - off) / (down - off), 0.0, 1.0)
    rolling = _smooth((u - off + 0.14) / 0.14) * (1.0 - _smooth(air / 0.75))
    touching = _smooth((air - 0.55) / 0.45) * (1.0 - _smooth((u - down) / 0.09))
    pitch = PUSH_OFF * rolling + TOUCH_DOWN * touching
    ahead, above = body.ankle_over_floor(segments, pitch)
    ankles = still.ankles.copy()
    ankles[..., 0] += done + skill.jump_length * _smooth(air) + ahead
    ankles[..., 2] = above + 1.25 * skill.jump_height * (4 * air * (1 - air)) ** 1.35

    fold = _smooth(u / crouched) * (1 - _smooth((u - crouched) / (off - crouched)))
    yielding = _smooth((u - down) / (caught - down)) * (1 - _smooth((u - caught) / (risen - caught)))
    lean = np.deg2rad(38.0) * fold + np.deg2rad(26.0) * yielding
    swing = _smooth((u - crouched + 0.25) / (off - crouched + 0.50))
    back = _smooth(u / crouched) * (1 - swing)
    calm = 1.0 - _smooth((u - down + 0.1) / 0.75)
    arm = calm * (np.deg2rad(95.0) * swing - np.deg2rad(40.0) * back)
    arms = [_hanging_arm(gait, sign, arm, 0.35 * np.maximum(arm, 0.0)) for sign in body.SIDES]

    pelvis = still.pelvis.copy()
    pelvis[:, 0] += done + jump.forward(u) - 0.10 * np.sin(lean)
    pelvis[:, 2] += jump.height(u) - upright
    jumping = replace(
        still,
        pelvis=pelvis,
        ankles=ankles,
        foot_pitch=np.stack((pitch, pitch)),
        lean=0.5 * gait.trunk_lean + lean,
        upper_arms=np.stack([upper for upper, _ in arms]),
        forearms=np.stack([fore for _, fore in arms]),
    )
    hips = pelvis + body.hips(segments, jumping.heading, jumping.pelvis_list)
    return replace(jumping, ankles=body.within_reach(segments, hips, ankles))


@dataclass(frozen=True)
class _Jump:
    """Where the pelvis is during one jump: polynomials of the fifth degree between moments of known acceleration.

    Between take-off and landing that is free fall, exactly.

    Attributes:
        moments: when it begins, is crouched, takes off, lands, is caught and upright again [s].
        height: of the pelvis [m], over time.
        forward: of the pelvis [m], over time.
    """

    moments: Float64Array
    height: BPoly
    forward: BPoly

    @classmethod
    def of(cls, person: Person, skill: Skill, upright: float) -> "_Jump":
        """The jump of a person whose pelvis is at `upright` [m] while standing."""
        segments, length = person.segments, skill.jump_length
        speed = float(np.sqrt(2 * GRAVITY * skill.jump_height))
        landing = float(np.sqrt(speed**2 + 2 * GRAVITY * SOFT_LANDING))
        flight = (speed + landing) / GRAVITY
        raised = float(body.ankle_over_floor(segments, np.array(PUSH_OFF))[1]) - segments.ankle_height
        high = upright + 0.85 * raised - 0.035  # knees not quite straight
        low = upright - skill.crouch * segments.leg
        moments = np.cumsum([0.0, 0.45, 1.9 * (high - low) / speed, flight, 0.28, 0.50])
        height = [
            (upright, 0.0, 0.0),
            (low, 0.0, 9.0),
            (high, speed, -GRAVITY),
            (high - SOFT_LANDING, -landing, -GRAVITY),
            (upright - 0.7 * (upright - low), 0.0, 9.0),
            (upright, 0.0, 0.0),
        ]
        fast, off = 0.72 * length / flight, 0.16 * length
        forward = [
            (0.0, 0.0, 0.0),
            (0.02, 0.0, 1.0),
            (off, fast, 0.0),
            (off + fast * flight, fast, 0.0),
            (length - 0.03, 0.0, -1.0),
            (length, 0.0, 0.0),
        ]
        return cls(moments, BPoly.from_derivatives(moments, height), BPoly.from_derivatives(moments, forward))


def _still(person: Person, gait: Gait, t: Float64Array, rng: np.random.Generator) -> body.Posture:
    """Upright at the origin, facing +x, the feet a hand apart; sways with a deviation of about 4 mm at the pelvis."""
    segments = person.segments
    zero = np.zeros_like(t)
    both = np.zeros((2, len(t)))
    half = 0.5 * max(gait.step_width, 0.8 * segments.hip_width)
    ankles = np.zeros((2, len(t), 3))
    for side, sign in enumerate(body.SIDES):
        ankles[side, :, 1] = sign * half
    ankles[..., 2] = segments.ankle_height
    sway_x, sway_y = _wander(rng, t, 0.004), _wander(rng, t, 0.003)
    height = segments.ankle_height + float(body.leg_reach(segments, STANDING_KNEE)) - 0.002
    arms = [_hanging_arm(gait, sign, gait.arm_offset + _wander(rng, t, 0.008), zero) for sign in body.SIDES]
    return body.Posture(
        pelvis=np.stack((sway_x, sway_y, zero + height), axis=-1),
        heading=zero,
        pelvis_yaw=zero,
        pelvis_list=zero,
        lean=0.5 * gait.trunk_lean + sway_x / height,
        side_lean=sway_y / height,
        thorax_yaw=_wander(rng, t, np.deg2rad(0.6)),
        upper_arms=np.stack([upper for upper, _ in arms]),
        forearms=np.stack([fore for _, fore in arms]),
        ankles=ankles,
        foot_pitch=both,
        foot_yaw=both + np.array(body.SIDES)[:, None] * gait.toe_out,
        head_yaw=_wander(rng, t, np.deg2rad(2.0)),
        head_pitch=gait.head_pitch + _wander(rng, t, np.deg2rad(1.0)),
    )


def _hanging_arm(
    gait: Gait, sign: float, flexion: Float64Array, bend: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Upper arm and forearm (T, 3) of a relaxed arm, the elbow bent further by an angle (T,)."""
    outward = sign * gait.arm_abduction + np.zeros_like(flexion)
    elbow = 0.6 * gait.elbow_flexion + bend
    return body.hanging(flexion, outward), body.hanging(flexion + elbow, 0.3 * outward)


def _with_hands(
    person: Person,
    posture: body.Posture,
    targets: list[Float64Array],
    pole: tuple[float, float, float] = (-0.6, 0.5, -0.4),
) -> body.Posture:
    """The posture with the wrists at targets, left and right (T, 3) of the same frame; elbows to the pole."""
    segments = person.segments
    axes = body.trunk_axes(posture)
    middle = posture.pelvis + segments.trunk * axes[2]
    upper, fore = [], []
    for sign, target in zip(body.SIDES, targets, strict=True):
        apart = target - middle - sign * segments.shoulder_width / 2 * axes[1]
        local = np.stack([(apart * axis).sum(axis=-1) for axis in axes], axis=-1)
        directions = body.reach(segments, local, np.array([pole[0], sign * pole[1], pole[2]]))
        upper.append(directions[0])
        fore.append(directions[1])
    return replace(posture, upper_arms=np.stack(upper), forearms=np.stack(fore))


def _hip(person: Person, side: int) -> Float64Array:
    """(3,) from the middle of the pelvis."""
    return np.array([0.0, body.SIDES[side] * person.segments.hip_width / 2, 0.0])


def _placed(joints: Float64Array, place: Place) -> Float64Array:
    """Joints (T, 32, 3) made at the origin, facing +x, put where they belong."""
    cosine, sine = np.cos(place.heading), np.sin(place.heading)
    x = place.x + cosine * joints[..., 0] - sine * joints[..., 1]
    y = place.y + sine * joints[..., 0] + cosine * joints[..., 1]
    return np.stack((x, y, joints[..., 2]), axis=-1)


def _pulse(t: Float64Array, begin: float, rise: float, hold: float, fall: float) -> Float64Array:
    """0 .. 1 .. 0 (T,): up in `rise`, down in `fall`, as hands move (Flash & Hogan 1985: least jerk)."""
    return _smooth((t - begin) / rise) * (1.0 - _smooth((t - begin - rise - hold) / fall))


def _smooth(u: Float64Array) -> Float64Array:
    """From 0 at u <= 0 to 1 at u >= 1 with least jerk."""
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10.0 - 15.0 * u + 6.0 * u**2)


def _wander(rng: np.random.Generator, t: Float64Array, deviation: float) -> Float64Array:
    """Slow irregular motion (T,) around 0: four sines of 0.1 to 0.7 Hz."""
    rates, phases = rng.uniform(0.1, 0.7, 4), rng.uniform(0.0, 2 * np.pi, 4)
    return deviation / np.sqrt(2) * np.sin(2 * np.pi * rates[:, None] * t + phases[:, None]).sum(axis=0)
