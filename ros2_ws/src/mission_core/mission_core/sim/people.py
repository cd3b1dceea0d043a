"""Simulated people: bodies by published proportions, each with a gait of their own.

What tells people apart in the simulator is drawn here, once per person, and nowhere else: segment lengths, girth and
the parameters of the gait. `motion` turns them into joints; radar and camera only ever see those joints and girths.

Sources: segment lengths as fractions of stature from Drillis & Contini (1966) as printed in Winter, "Biomechanics and
Motor Control of Human Movement"; a walk ratio (step length over cadence) near 0.0065 m/(steps/min) in adults from
Sekiya & Nagasaki (1998); comfortable speeds of 1.2-1.5 m/s from Bohannon (1997), of which people use the lower end in
a room. The spreads between persons are of the size that gait studies report, rounded by us; they are not fitted.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sex = Literal["female", "male"]

MALE_SHARE = 36 / 58  # the paper's cohort: 36 men, 22 women, 19-51 years, 1.52-1.87 m
AGES = (19, 51)
STATURES = {"female": (1.63, 0.055), "male": (1.74, 0.06)}  # mean and deviation [m]
STATURE_LIMITS = (1.52, 1.87)


@dataclass(frozen=True, slots=True)
class Physique:
    """Body dimensions [m]: lengths between joint centres, and radii of the flesh around them.

    Attributes:
        ankle_height: ankle above the sole.
        hip_width: between the hip joints.
        shoulder_width: between the shoulder joints.
        trunk: from the hip line to the shoulder line.
        head: from the shoulder line to the vertex.
        torso_depth: half the chest's depth.
        torso_width: half the chest's width.
    """

    ankle_height: float
    foot: float
    shank: float
    thigh: float
    hip_width: float
    trunk: float
    shoulder_width: float
    upper_arm: float
    forearm: float
    hand: float
    head: float
    torso_depth: float
    torso_width: float
    thigh_radius: float
    shank_radius: float
    upper_arm_radius: float
    forearm_radius: float
    head_radius: float

    @property
    def leg(self) -> float:
        """Length of the leg from hip joint to sole [m]."""
        return self.thigh + self.shank + self.ankle_height


@dataclass(frozen=True, slots=True)
class Gait:
    """How a person walks by habit; a single walk varies around it. Angles in degrees, amplitudes are half of the range.

    Attributes:
        cadence: steps per second at the preferred speed.
        step_length: [m] at the preferred speed.
        step_width: distance between the lines of the two ankles [m].
        hip_offset: shift of the hip curve, + flexed.
        knee_scale: knee flexion relative to the textbook curve.
        knee_offset: shift of the knee curve, + flexed.
        ankle_scale: ankle motion relative to the textbook curve.
        toe_out: outward rotation of the feet.
        leg_asymmetry: right leg's relative amplitude minus the left's.
        step_asymmetry: right step's delay from half a cycle [cycles].
        arm_swing: amplitudes of the left and the right shoulder.
        arm_offset: mean shoulder flexion.
        arm_lag: delay of the arms behind the opposite leg [cycles].
        arm_abduction: of the upper arms.
        elbow_flexion: mean flexion of the elbows.
        elbow_swing: amplitude of elbow flexion with the arm swing.
        pelvic_rotation: amplitude about the vertical.
        pelvic_list: amplitude of the drop to the swinging side.
        thorax_rotation: amplitude, against the pelvis.
        trunk_lean: forward lean.
        sway: lateral amplitude of the pelvis [m].
        head_pitch: downward.
    """

    cadence: float
    step_length: float
    step_width: float
    hip_offset: float
    knee_scale: float
    knee_offset: float
    ankle_scale: float
    toe_out: float
    leg_asymmetry: float
    step_asymmetry: float
    arm_swing: tuple[float, float]
    arm_offset: float
    arm_lag: float
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
class Person:
    """One simulated person; stature [m], mass [kg], age [years]."""

    person_id: str
    seed: int
    sex: Sex
    age: int
    stature: float
    mass: float
    physique: Physique
    gait: Gait

    @property
    def girth(self) -> float:
        """Thickness of the limbs relative to a person of the same stature with a body mass index of 22."""
        return girth(self.stature, self.mass)


GAIT_NAMES = (
    *("stature", "girth", "leg", "thigh", "trunk", "shoulder_width", "hip_width"),
    *("cadence", "step_length", "step_width", "knee_scale", "arm_swing", "arm_asymmetry", "elbow_flexion"),
    *("trunk_lean", "pelvic_rotation", "sway"),
)
"""Parameters of `gait_vector`."""
NUM_GAIT = len(GAIT_NAMES)


def gait_vector(person: Person) -> NDArray[np.float64]:
    """What stays the same from walk to walk and could be seen: (NUM_GAIT,) in the units of Physique and Gait."""
    body, gait = person.physique, person.gait
    return np.array(
        [
            *(person.stature, person.girth, body.leg, body.thigh, body.trunk, body.shoulder_width, body.hip_width),
            *(gait.cadence, gait.step_length, gait.step_width, gait.knee_scale, sum(gait.arm_swing) / 2),
            *(gait.arm_swing[1] - gait.arm_swing[0], gait.elbow_flexion, gait.trunk_lean, gait.pelvic_rotation),
            gait.sway,
        ]
    )


def girth(stature: float, mass: float) -> float:
    """Thickness relative to a body mass index of 22; flesh is a cylinder, so its radius goes with the root."""
    return float(np.sqrt(mass / (22.0 * stature**2)))


def sample_person(seed: int, person_id: str | None = None) -> Person:
    """The person of a seed, always the same one.

    Args:
        seed: non-negative; people of different seeds are independent draws.
        person_id: by default "P" and the seed, at least two digits.
    """
    rng = np.random.default_rng(seed)
    sex: Sex = "male" if rng.random() < MALE_SHARE else "female"
    mean, deviation = STATURES[sex]
    stature = float(np.clip(rng.normal(mean, deviation), *STATURE_LIMITS))
    mass = float(np.clip(rng.normal(23.0, 2.8), 18.0, 31.0)) * stature**2
    physique = _sample_physique(rng, sex, stature, mass)
    return Person(
        person_id=person_id if person_id is not None else f"P{seed:02d}",
        seed=seed,
        sex=sex,
        age=int(rng.integers(AGES[0], AGES[1] + 1)),
        stature=stature,
        mass=mass,
        physique=physique,
        gait=_sample_gait(rng, sex, stature, physique.leg),
    )


def _sample_physique(rng: np.random.Generator, sex: Sex, stature: float, mass: float) -> Physique:
    def length(fraction: float, deviation: float = 0.03) -> float:
        return stature * fraction * (1.0 + deviation * float(np.clip(rng.normal(), -2.5, 2.5)))

    ankle_height, shank, thigh = length(0.039), length(0.246), length(0.245)
    head = length(0.182)
    thick = girth(stature, mass)
    male = sex == "male"
    return Physique(
        ankle_height=ankle_height,
        foot=length(0.152),
        shank=shank,
        thigh=thigh,
        # joint centres lie inside the breadths (0.191 and 0.259 of stature) that Drillis & Contini measure outside
        hip_width=length(0.100 if male else 0.108, 0.06),
        trunk=stature - ankle_height - shank - thigh - head,
        shoulder_width=length(0.215 if male else 0.200, 0.05),
        upper_arm=length(0.186),
        forearm=length(0.146),
        hand=length(0.108),
        head=head,
        torso_depth=length(0.062, 0.06) * thick,
        torso_width=length(0.092 if male else 0.084, 0.05) * thick,
        thigh_radius=length(0.044 if male else 0.047, 0.06) * thick,
        shank_radius=length(0.029, 0.06) * thick,
        upper_arm_radius=length(0.026 if male else 0.024, 0.06) * thick,
        forearm_radius=length(0.021, 0.06) * thick,
        head_radius=length(0.052),
    )


def _sample_gait(rng: np.random.Generator, sex: Sex, stature: float, leg: float) -> Gait:
    def around(mean: float, deviation: float) -> float:
        return mean + deviation * float(np.clip(rng.normal(), -2.5, 2.5))

    # a leg swings like a pendulum, so cadence falls with the root of its length; women step a little faster
    cadence = around(1.0, 0.05) * (106.0 if sex == "male" else 109.0) / 60.0 * np.sqrt(0.53 * 1.70 / leg)
    walk_ratio = around(0.0059, 0.00035) * stature / 1.70
    swing = abs(around(17.0, 6.0)) + 2.0
    return Gait(
        cadence=float(cadence),
        step_length=float(walk_ratio * cadence * 60.0),
        step_width=max(around(0.09, 0.025), 0.03),
        hip_offset=around(0.0, 3.0),
        knee_scale=around(1.0, 0.08),
        knee_offset=abs(around(0.0, 2.5)),
        ankle_scale=around(1.0, 0.15),
        toe_out=around(7.0, 4.0),
        leg_asymmetry=around(0.0, 0.03),
        step_asymmetry=around(0.0, 0.008),
        arm_swing=(swing * around(1.0, 0.15), swing * around(1.0, 0.15)),
        arm_offset=around(-3.0, 4.0),
        arm_lag=around(0.02, 0.025),
        arm_abduction=max(around(7.0, 2.5), 1.0),
        elbow_flexion=max(around(24.0, 7.0), 6.0),
        elbow_swing=abs(around(9.0, 4.0)),
        pelvic_rotation=max(around(4.5 if sex == "male" else 5.5, 1.5), 0.5),
        pelvic_list=max(around(2.5 if sex == "male" else 4.0, 1.0), 0.3),
        thorax_rotation=max(around(4.5, 1.8), 0.0),
        trunk_lean=around(3.5, 2.5),
        sway=max(around(0.020, 0.006), 0.005),
        head_pitch=around(3.0, 6.0),
    )
