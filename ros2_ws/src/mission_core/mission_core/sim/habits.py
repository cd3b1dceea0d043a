"""How people walk by habit, and how much that changes from person to person, walk to walk and step to step.

`HABITS` and the few constants beneath it are the whole table of numbers; nothing about the spread of gait is written
anywhere else. Sources, by the names used in the table:

* Öberg 1993: Öberg, Karsznia, Öberg, J. Rehabil. Res. Dev. 30:210-223; normal gait indoors, ages 20-49, as means over
  the decades and rounded. Step frequency 2.00 (deviation 0.13) and 2.12 (0.16) 1/s, step length 0.637 (0.042) and
  0.590 (0.060) m, speed with a coefficient of variation of 9-14 %; men and women.
* Menz 2004: Menz et al., Gait Posture 20:20-25; young adults two weeks apart: coefficients of variation 1.4-3.5 % for
  speed, cadence and step length, 8.3-17.7 % for base of support and toe-out.
* Almarwani 2016: Almarwani et al., Gait Posture 44:94-99 and, as tabulated in Skiadopoulos et al. 2020, J. Neuroeng.
  Rehabil. 17:41: deviation of the step width from step to step in young adults 2.4 (0.6) cm.
* Hausdorff 1996: Hausdorff et al., J. Appl. Physiol. 80:1448-1457, and Beauchet et al. 2009, Gerontology 55:702-706:
  coefficients of variation of stride time and stride length of young adults of 1-2 % and 2-3 %. A stride is two steps,
  here independent ones, so a step varies by the root of two more.
* Owings & Grabiner 2004, J. Biomech. 37:935-938: mean step width of young adults about 0.1 m.
* Killeen 2018: Killeen et al., Sci. Rep. 8:12803: the left arm swings 22 % more than the right, deviation 40 %, in
  older adults; less is taken for younger ones.
* Winter 1991: "The Biomechanics and Motor Control of Human Gait": the toe clears the floor by 13 mm; the knee yields by
  some 20 degrees under load.
* Boulic 1990: the walking model's own curve at 1.35 m/s.
* JPMRS 2013: "Variability of walking in able-bodied adults across different time intervals", J. Phys. Med. Rehabil.
  Sci.: joint angles of young adults vary with a deviation of 1-2 degrees from session to session, markers left on.
* ours: no published figure was found; the size is our estimate, of the order of the rows with a source.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Sex = Literal["female", "male"]

TAIL = 2.5  # beyond so many deviations a normal number is drawn again
TAIL_DEVIATION = 0.9546  # deviation of a normal number cut so


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
        steps: of the steps of a walk around that walk's value; 0 where it does not vary.
        source: of mean, persons, walks, steps.
        low: smallest value.
        high: greatest value.
    """

    mean: float
    persons: float
    walks: float
    steps: float
    source: str
    low: float = -np.inf
    high: float = np.inf

    def person(self, rng: np.random.Generator) -> float:
        """A person's habit."""
        return float(np.clip(self.mean + self.persons * bounded_normal(rng), self.low, self.high))

    def walk(self, habit: float, rng: np.random.Generator) -> float:
        """What becomes of a habit on one walk."""
        return float(np.clip(habit + self.walks * bounded_normal(rng), self.low, self.high))


def _degrees(mean: float, persons: float, walks: float, steps: float, source: str, low: float = -180.0) -> Spread:
    mean, persons, walks, steps, low = (float(np.deg2rad(value)) for value in (mean, persons, walks, steps, low))
    return Spread(mean, persons, walks, steps, source, low)


HABITS: dict[str, Spread] = {
    # mean, deviation of persons, of walks, of steps
    "step_width": Spread(0.105, 0.027, 0.012, 0.024, "Owings & Grabiner 2004; ours; Menz 2004; Almarwani 2016", 0.03),
    "step_asymmetry": Spread(0.0, 0.03, 0.01, 0.0, "ours"),
    "stance": Spread(0.0, 0.012, 0.005, 0.0, "Boulic 1990; ours"),
    "toe_out": _degrees(7.0, 4.4, 1.2, 0.0, "ours; ours; Menz 2004"),
    "clearance": Spread(0.013, 0.004, 0.0015, 0.0, "Winter 1991; ours", 0.004),
    "foot_pitch": Spread(1.0, 0.08, 0.03, 0.0, "Boulic 1990; ours"),
    "knee_yield": _degrees(16.0, 4.0, 1.5, 0.0, "Winter 1991; ours; JPMRS 2013", 8.0),
    "arm_swing": _degrees(30.0, 9.0, 3.0, 3.0, "Boulic 1990; ours", 4.0),
    "arm_asymmetry": Spread(0.15, 0.25, 0.12, 0.0, "Killeen 2018; ours", -0.9, 0.9),
    "arm_offset": _degrees(-4.0, 4.0, 2.0, 0.0, "Boulic 1990; ours"),
    "arm_abduction": _degrees(8.0, 2.5, 1.0, 0.0, "ours", 2.0),
    "elbow_flexion": _degrees(26.0, 7.0, 2.5, 0.0, "Boulic 1990; ours", 8.0),
    "elbow_swing": _degrees(20.0, 7.0, 2.5, 0.0, "ours", 2.0),
    "pelvic_rotation": _degrees(5.5, 1.6, 0.8, 0.0, "Boulic 1990; ours; JPMRS 2013, of the range", 0.5),
    "pelvic_list": _degrees(3.5, 1.2, 0.5, 0.0, "ours; ours; JPMRS 2013, of the range", 0.3),
    "thorax_rotation": _degrees(4.0, 1.6, 0.8, 0.0, "ours", 0.0),
    "trunk_lean": _degrees(3.5, 2.5, 1.3, 0.0, "ours; ours; JPMRS 2013"),
    "sway": Spread(0.022, 0.006, 0.0025, 0.0, "Boulic 1990, 0.027; ours", 0.006),
    "head_pitch": _degrees(3.0, 5.0, 2.5, 0.0, "ours"),
}

CADENCE: dict[Sex, float] = {"male": 2.00, "female": 2.12}
"""Mean [steps/s]: Öberg 1993."""
STEP_LENGTH: dict[Sex, float] = {"male": 0.637, "female": 0.590}
"""Mean [m]: Öberg 1993."""
MEAN_LEG: dict[Sex, float] = {"male": 0.928, "female": 0.868}
"""Legs [m] of the mean statures: step lengths go with the leg, cadences with one over its root, as of a pendulum."""
SPEED = Spread(0.0, 0.112, 0.035, 0.0, "Öberg 1993; Menz 2004")
"""Of the logarithm of speed, at a given leg; half of it is cadence and half step length, as in Boulic 1990."""
WALK_RATIO = Spread(0.0, 0.056, 0.015, 0.0, "Öberg 1993; Menz 2004")
"""Of the logarithm of step length over cadence, at a given leg."""
STEP_TIME_VARIATION, STEP_LENGTH_VARIATION = 0.022, 0.035
"""Coefficients of variation from step to step: Hausdorff 1996, Beauchet 2009."""


def sample_gait(rng: np.random.Generator, sex: Sex, leg: float) -> Gait:
    """The habits of a person with legs of a length [m]."""
    speed, ratio = SPEED.person(rng), WALK_RATIO.person(rng)
    scale = leg / MEAN_LEG[sex]
    return Gait(
        cadence=float(CADENCE[sex] * np.exp((speed - ratio) / 2) / np.sqrt(scale)),
        step_length=float(STEP_LENGTH[sex] * np.exp((speed + ratio) / 2) * scale),
        **{name: spread.person(rng) for name, spread in HABITS.items()},
    )


def sample_walk(gait: Gait, rng: np.random.Generator) -> Gait:
    """The gait as it is on one walk of the person whose habits are `gait`."""
    speed, ratio = SPEED.walk(0.0, rng), WALK_RATIO.walk(0.0, rng)
    return replace(
        gait,
        cadence=float(gait.cadence * np.exp((speed - ratio) / 2)),
        step_length=float(gait.step_length * np.exp((speed + ratio) / 2)),
        **{name: spread.walk(getattr(gait, name), rng) for name, spread in HABITS.items()},
    )


def bounded_normal(rng: np.random.Generator) -> float:
    """A number with mean 0 and deviation 1, normal but for its tails: nobody is a caricature."""
    while True:
        value = float(rng.normal())
        if abs(value) <= TAIL:
            return value / TAIL_DEVIATION
