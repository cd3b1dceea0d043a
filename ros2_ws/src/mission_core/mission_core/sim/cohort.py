"""Simulated people: bodies by published proportions, each with a gait of their own.

What tells people apart in the simulator is drawn here and in `habits`, once per person, and nowhere else.

Sources:

* sexes, ages and statures: the cohort of the Mission paper, 36 men and 22 women, 19-51 years, 1.52-1.87 m;
* mean lengths between joint centres as fractions of stature: Drillis & Contini (1966) as printed in Winter,
  "Biomechanics and Motor Control of Human Movement", figure "body segment lengths";
* statures, the spread of every length at a given stature, and girths given stature, mass and age: ANSUR II (Gordon et
  al. 2014, "2012 Anthropometric Survey of U.S. Army Personnel", public data, 3970 men and 1901 women of 19-51 years).
  The regressions on those data are ours: ln(length) on ln(stature); ln(girth) on ln(stature), ln(mass) and age.
  What these leave unexplained is drawn independently for each length and girth, as their correlations are small
  (thigh, shank and ankle height below 0.3, and together they give the deviation of the leg, 2.9 %);
* body mass index: deviations from the ranges of quartiles of Chinese adults of 18-45 years in 2011, 4.8 for men and
  4.4 for women (China Health and Nutrition Survey), divided by 1.35; means of 23 or so are usual there.
"""

from dataclasses import dataclass, fields

import numpy as np

from mission_core.sim.habits import Gait, Sex, bounded_normal, sample_gait
from mission_core.types import Float64Array

MEN, WOMEN = 36, 22
AGES = (19, 51)
STATURE_LIMITS = (1.52, 1.87)
POPULATION_SEED = 10_000
"""From this seed on people are the training population; below are test cohorts."""

STATURES: dict[Sex, tuple[float, float]] = {"male": (1.757, 0.069), "female": (1.629, 0.064)}
"""Mean and deviation [m], before the limits cut the tails: ANSUR II."""
BODY_MASS_INDEX: dict[Sex, tuple[float, float]] = {"male": (23.5, 3.5), "female": (22.5, 3.2)}
"""Mean and deviation [kg/m^2], before the limits cut the tails; ANSUR's soldiers are heavier (27.7 and 25.5)."""
BODY_MASS_INDEX_LIMITS = (17.0, 33.0)


@dataclass(frozen=True, slots=True)
class Segments:
    """Lengths between joint centres [m].

    ankle_height + shank + thigh + trunk + head is the stature.

    Attributes:
        ankle_height: ankle above the sole.
        foot: heel to toe.
        shank: ankle to knee.
        thigh: knee to hip.
        hip_width: between the hip joints.
        trunk: hip line to shoulder line.
        shoulder_width: between the shoulder joints.
        upper_arm: shoulder to elbow.
        forearm: elbow to wrist.
        hand: wrist to fingertip.
        head: shoulder line to vertex, neck included.
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

    @property
    def leg(self) -> float:
        """Hip joint to sole [m]."""
        return self.thigh + self.shank + self.ankle_height


@dataclass(frozen=True, slots=True)
class Girths:
    """Circumferences [m], as ANSUR II measures them."""

    neck: float
    head: float
    chest: float
    waist: float
    hip: float
    thigh: float
    calf: float
    ankle: float
    upper_arm: float
    forearm: float
    wrist: float


@dataclass(frozen=True, slots=True)
class Person:
    """One simulated person; age [years], stature [m], mass [kg]."""

    person_id: str
    seed: int
    sex: Sex
    age: int
    stature: float
    mass: float
    segments: Segments
    girths: Girths
    gait: Gait

    @property
    def body_mass_index(self) -> float:
        """[kg/m^2]."""
        return self.mass / self.stature**2


# fraction of stature, and deviation of its logarithm at a given stature. Joint centres lie inside the breadths that
# are measured outside: shoulders at 0.9 of the biacromial breadth (ANSUR II: 0.237 and 0.224 of stature), hips at 0.1
LENGTHS: dict[Sex, dict[str, tuple[float, float]]] = {
    "male": {
        "ankle_height": (0.039, 0.069),
        "shank": (0.246, 0.033),
        "thigh": (0.245, 0.052),
        "head": (0.182, 0.051),
        "foot": (0.152, 0.034),
        "hip_width": (0.100, 0.055),
        "shoulder_width": (0.213, 0.039),
        "upper_arm": (0.186, 0.032),
        "forearm": (0.146, 0.040),
        "hand": (0.108, 0.038),
    },
    "female": {
        "ankle_height": (0.039, 0.074),
        "shank": (0.246, 0.043),
        "thigh": (0.245, 0.046),
        "head": (0.182, 0.046),
        "foot": (0.152, 0.035),
        "hip_width": (0.108, 0.075),
        "shoulder_width": (0.202, 0.042),
        "upper_arm": (0.186, 0.034),
        "forearm": (0.146, 0.046),
        "hand": (0.108, 0.042),
    },
}

# girth [m] at 1.70 m, 70 kg and 30 years, exponents of stature and mass, change of its logarithm in ten years, and
# deviation of its logarithm from all that
GIRTHS: dict[Sex, dict[str, tuple[float, float, float, float, float]]] = {
    "male": {
        "neck": (0.3767, -0.35, 0.34, 0.0064, 0.0362),
        "head": (0.5639, 0.08, 0.08, -0.0038, 0.0237),
        "chest": (0.9768, -0.45, 0.49, 0.0102, 0.0285),
        "waist": (0.8404, -0.75, 0.69, 0.0208, 0.0434),
        "hip": (0.9406, -0.27, 0.46, -0.0056, 0.0246),
        "thigh": (0.5674, -0.60, 0.60, -0.0147, 0.0326),
        "calf": (0.3649, -0.34, 0.43, -0.0082, 0.0398),
        "ankle": (0.2163, -0.00, 0.30, -0.0174, 0.0413),
        "upper_arm": (0.3285, -0.63, 0.55, -0.0019, 0.0511),
        "forearm": (0.2907, -0.18, 0.36, 0.0016, 0.0409),
        "wrist": (0.1681, 0.27, 0.19, 0.0015, 0.0340),
    },
    "female": {
        "neck": (0.3307, -0.22, 0.30, 0.0057, 0.0361),
        "head": (0.5653, 0.12, 0.07, -0.0043, 0.0313),
        "chest": (0.9445, -0.53, 0.50, 0.0125, 0.0432),
        "waist": (0.8518, -0.86, 0.70, 0.0129, 0.0544),
        "hip": (1.0268, -0.30, 0.46, 0.0003, 0.0281),
        "thigh": (0.6151, -0.55, 0.58, -0.0038, 0.0358),
        "calf": (0.3745, -0.27, 0.43, -0.0103, 0.0441),
        "ankle": (0.2178, 0.04, 0.28, -0.0186, 0.0513),
        "upper_arm": (0.3031, -0.73, 0.62, 0.0053, 0.0445),
        "forearm": (0.2655, -0.22, 0.39, -0.0032, 0.0389),
        "wrist": (0.1577, 0.28, 0.19, -0.0047, 0.0335),
    },
}

SEGMENT_NAMES = ("leg", "thigh", "trunk", "shoulder_width", "hip_width", "upper_arm", "forearm")
GIRTH_NAMES = ("chest", "waist", "hip", "thigh")
PARAMETERS: tuple[str, ...] = (
    *("stature", "mass", *SEGMENT_NAMES),
    *(f"{name}_girth" for name in GIRTH_NAMES),
    *(field.name for field in fields(Gait)),
)
"""What stays the same from walk to walk and could identify somebody; the columns of `parameter_vector`."""


def parameter_vector(person: Person) -> Float64Array:
    """(P,) in the order of `PARAMETERS`, in the units of Person, Segments, Girths and Gait."""
    return np.array(
        [
            *(person.stature, person.mass),
            *(getattr(person.segments, name) for name in SEGMENT_NAMES),
            *(getattr(person.girths, name) for name in GIRTH_NAMES),
            *(getattr(person.gait, field.name) for field in fields(Gait)),
        ]
    )


def sample_person(seed: int, person_id: str | None = None) -> Person:
    """The person of a seed, always the same one; people of different seeds are independent draws.

    Args:
        seed: not negative. Seeds 0..57 are the `walkers`, those from POPULATION_SEED on are for training.
        person_id: by default "P" and the seed, at least two digits.
    """
    rng = np.random.default_rng(seed)
    sex = _sex(seed)
    stature = _within(rng, *STATURES[sex], *STATURE_LIMITS)
    mass = _within(rng, *BODY_MASS_INDEX[sex], *BODY_MASS_INDEX_LIMITS) * stature**2
    age = int(rng.integers(AGES[0], AGES[1] + 1))
    segments = _sample_segments(rng, sex, stature)
    return Person(
        person_id=person_id if person_id is not None else f"P{seed:02d}",
        seed=seed,
        sex=sex,
        age=age,
        stature=stature,
        mass=mass,
        segments=segments,
        girths=_sample_girths(rng, sex, stature, mass, age),
        gait=sample_gait(rng, sex, segments.leg),
    )


def walkers() -> tuple[Person, ...]:
    """The 58 people of the test cohort: P00 .. P57 of the seeds 0 .. 57, 36 men and 22 women."""
    return tuple(sample_person(seed) for seed in range(MEN + WOMEN))


def _sex(seed: int) -> Sex:
    """Drawn with the cohort's shares; in every full block of 58 seeds exactly 36 are men."""
    block, place = divmod(seed, MEN + WOMEN)
    order = np.random.default_rng((block, MEN, WOMEN)).permutation(MEN + WOMEN)
    return "male" if order[place] < MEN else "female"


def _sample_segments(rng: np.random.Generator, sex: Sex, stature: float) -> Segments:
    lengths = {
        name: stature * fraction * float(np.exp(deviation * bounded_normal(rng)))
        for name, (fraction, deviation) in LENGTHS[sex].items()
    }
    below_and_above = ("ankle_height", "shank", "thigh", "head")
    return Segments(trunk=stature - sum(lengths[name] for name in below_and_above), **lengths)


def _sample_girths(rng: np.random.Generator, sex: Sex, stature: float, mass: float, age: int) -> Girths:
    return Girths(
        **{
            name: base
            * (stature / 1.70) ** tall
            * (mass / 70.0) ** heavy
            * float(np.exp(ageing * (age - 30) / 10 + spread * bounded_normal(rng)))
            for name, (base, tall, heavy, ageing, spread) in GIRTHS[sex].items()
        }
    )


def _within(rng: np.random.Generator, mean: float, deviation: float, low: float, high: float) -> float:
    """A normal number between limits: what lies outside is drawn again."""
    while True:
        value = float(rng.normal(mean, deviation))
        if low <= value <= high:
            return value
