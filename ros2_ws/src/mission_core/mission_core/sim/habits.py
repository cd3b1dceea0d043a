"""How people walk by habit, and how much that changes from person to person, walk to walk and stride to stride.

`HABITS` is the whole table of numbers; nothing about the spread of gait is written anywhere else. Each row names where
its numbers come from; the sources are

* Öberg 1993: Öberg, Karsznia, Öberg, J. Rehabil. Res. Dev. 30:210-223, tables for normal gait, ages 20-49;
* Boulic 1990: Boulic, Magnenat-Thalmann, Thalmann, The Visual Computer 6:344-358, the walking model itself.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

Sex = Literal["female", "male"]


@dataclass(frozen=True, slots=True)
class Gait:
    """How a person walks by habit; a single walk varies around it. Angles [rad].

    Attributes:
        cadence: steps per second at the preferred speed.
        step_length: [m] at the preferred speed.
        step_width: across the path, between the lines of the two ankles [m].
        step_asymmetry: (right step - left step) / mean step length.
        stance: share of the cycle in which a foot stands, less the walking model's.
        toe_out: outward rotation of the standing feet.
        clearance: height of the foot above the floor in the middle of its swing [m].
        foot_pitch: pitch of the foot relative to the walking model's.
        knee_yield: flexion of the knee under load, at the first peak of stance.
        arm_swing: range of the shoulder's flexion, mean of both sides.
        arm_asymmetry: (left range - right range) / mean range.
        arm_offset: mean flexion of the shoulder.
        arm_abduction: of the upper arms.
        elbow_flexion: mean flexion of the elbow.
        elbow_swing: range of the elbow's flexion.
        pelvic_rotation: amplitude about the vertical.
        pelvic_list: amplitude of the drop to the swinging side.
        thorax_rotation: amplitude about the vertical, against the pelvis.
        trunk_lean: forward.
        sway: lateral amplitude of the pelvis [m].
        head_pitch: downward.
    """

    cadence: float
    step_length: float
    step_width: float
    step_asymmetry: float
    stance: float
    toe_out: float
    clearance: float
    foot_pitch: float
    knee_yield: float
    arm_swing: float
    arm_asymmetry: float
    arm_offset: float
    arm_abduction: float
    elbow_flexion: float
    elbow_swing: float
    pelvic_rotation: float
    pelvic_list: float
    thorax_rotation: float
    trunk_lean: float
    sway: float
    head_pitch: float

    @property
    def speed(self) -> float:
        """Preferred speed [m/s]."""
        return self.cadence * self.step_length


@dataclass(frozen=True, slots=True)
class Spread:
    """One row of the table: mean of all people, and standard deviations around it, all in the unit of the habit.

    Attributes:
        mean: over persons.
        persons: of the persons' habits around the mean.
        walks: of a person's walks around the habit.
        strides: of the steps (or strides) of a walk around that walk's value; 0 where it does not vary.
        low: smallest value.
        high: greatest value.
    """

    mean: float
    persons: float
    walks: float
    strides: float = 0.0
    low: float = -np.inf
    high: float = np.inf

    def person(self, rng: np.random.Generator) -> float:
        """A person's habit."""
        return float(np.clip(self.mean + self.persons * _normal(rng), self.low, self.high))

    def walk(self, habit: float, rng: np.random.Generator) -> float:
        """What becomes of a habit on one walk."""
        return float(np.clip(habit + self.walks * _normal(rng), self.low, self.high))


def _degrees(mean: float, persons: float, walks: float, strides: float = 0.0, low: float = -180.0) -> Spread:
    return Spread(*(float(np.deg2rad(value)) for value in (mean, persons, walks, strides, low)))


HABITS: dict[str, Spread] = {
    "step_width": Spread(0.10, 0.025, 0.010, 0.022, low=0.03),
    "step_asymmetry": Spread(0.0, 0.03, 0.01),
    "stance": Spread(0.0, 0.010, 0.004),
    "toe_out": _degrees(7.0, 4.0, 1.2),
    "clearance": Spread(0.022, 0.006, 0.002, low=0.008),
    "foot_pitch": Spread(1.0, 0.08, 0.03, low=0.6),
    "knee_yield": _degrees(16.0, 4.0, 1.5, low=8.0),
    "arm_swing": _degrees(32.0, 11.0, 3.0, 2.0, low=4.0),
    "arm_asymmetry": Spread(0.10, 0.25, 0.08),
    "arm_offset": _degrees(-4.0, 4.0, 1.5),
    "arm_abduction": _degrees(8.0, 2.5, 1.0, low=2.0),
    "elbow_flexion": _degrees(26.0, 7.0, 2.0, low=8.0),
    "elbow_swing": _degrees(20.0, 7.0, 2.0, low=2.0),
    "pelvic_rotation": _degrees(5.0, 1.6, 0.5, low=0.5),
    "pelvic_list": _degrees(3.5, 1.2, 0.4, low=0.3),
    "thorax_rotation": _degrees(4.0, 1.6, 0.5, low=0.0),
    "trunk_lean": _degrees(3.5, 2.5, 0.8),
    "sway": Spread(0.022, 0.006, 0.002, low=0.006),
    "head_pitch": _degrees(3.0, 5.0, 2.5),
}

CADENCE = {"male": 2.00, "female": 2.12}
"""Mean cadence [steps/s]: Öberg 1993."""
STEP_LENGTH = {"male": 0.637, "female": 0.590}
"""Mean step length [m]: Öberg 1993."""
MEAN_LEG = {"male": 0.530 * 1.750, "female": 0.530 * 1.638}
SPEED_SPREAD = Spread(0.0, 0.112, 0.035)
"""Of the logarithm of speed, at a given length of leg."""
RATIO_SPREAD = Spread(0.0, 0.056, 0.015)
"""Of the logarithm of step length over cadence, at a given length of leg."""
STEP_TIME_VARIATION = 0.02
STEP_LENGTH_VARIATION = 0.03


def sample_gait(rng: np.random.Generator, sex: Sex, leg: float) -> Gait:
    """The habits of a person with legs of a length [m]."""
    speed, ratio = SPEED_SPREAD.person(rng), RATIO_SPREAD.person(rng)
    scale = leg / MEAN_LEG[sex]
    return Gait(
        cadence=float(CADENCE[sex] * np.exp((speed - ratio) / 2) / np.sqrt(scale)),
        step_length=float(STEP_LENGTH[sex] * np.exp((speed + ratio) / 2) * scale),
        **{name: spread.person(rng) for name, spread in HABITS.items()},
    )


def sample_walk(gait: Gait, rng: np.random.Generator) -> Gait:
    """The gait as it is on one walk of the person whose habits are `gait`."""
    speed, ratio = SPEED_SPREAD.walk(0.0, rng), RATIO_SPREAD.walk(0.0, rng)
    return replace(
        gait,
        cadence=float(gait.cadence * np.exp((speed - ratio) / 2)),
        step_length=float(gait.step_length * np.exp((speed + ratio) / 2)),
        **{name: spread.walk(getattr(gait, name), rng) for name, spread in HABITS.items()},
    )


def _normal(rng: np.random.Generator) -> float:
    """A normal number; what lies beyond 2.5 deviations is drawn again, so that nobody is a caricature."""
    while True:
        value = float(rng.normal())
        if abs(value) <= 2.5:
            return value


GAIT_FIELDS = tuple(field.name for field in fields(Gait))
"""Names of the habits, in the order of `Gait`."""
