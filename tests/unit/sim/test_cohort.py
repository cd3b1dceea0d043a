from dataclasses import asdict
from functools import lru_cache

import numpy as np
import pytest

from mission_core.sim.cohort import (
    GIRTHS,
    LENGTHS,
    PARAMETERS,
    POPULATION_SEED,
    STATURE_LIMITS,
    Person,
    parameter_vector,
    sample_person,
    walkers,
)
from mission_core.sim.habits import HABITS


@lru_cache(maxsize=1)
def population() -> tuple[Person, ...]:
    return tuple(sample_person(POPULATION_SEED + seed) for seed in range(600))


def test_the_cohort_is_composed_as_the_papers():
    cohort = walkers()
    assert [person.person_id for person in cohort] == [f"P{seed:02d}" for seed in range(58)]
    assert [person.seed for person in cohort] == list(range(58))
    assert sum(person.sex == "male" for person in cohort) == 36
    assert all(19 <= person.age <= 51 for person in cohort)
    assert all(1.52 <= person.stature <= 1.87 for person in cohort)
    assert len({round(person.stature, 9) for person in cohort}) == 58


def test_a_seed_is_always_the_same_person_and_seeds_are_independent():
    assert sample_person(POPULATION_SEED + 3) == sample_person(POPULATION_SEED + 3)
    assert sample_person(4, "me").person_id == "me"
    statures = np.array([person.stature for person in population()])
    shares = np.array([person.segments.thigh / person.stature for person in population()])
    for values in (statures, shares):
        assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.12


def test_the_population_is_drawn_like_the_cohort():
    people = population()
    assert sum(person.sex == "male" for person in people) / len(people) == pytest.approx(36 / 58, abs=0.03)
    assert min(person.age for person in people) == 19
    assert max(person.age for person in people) == 51
    for sex, stature in (("male", 1.748), ("female", 1.638)):  # ANSUR II, cut to the paper's range
        values = [person.stature for person in people if person.sex == sex]
        assert np.mean(values) == pytest.approx(stature, abs=0.01)
        assert min(values) >= STATURE_LIMITS[0]
        assert max(values) <= STATURE_LIMITS[1]


def test_segments_add_up_to_the_stature():
    for person in population()[:100]:
        parts = person.segments
        total = parts.ankle_height + parts.shank + parts.thigh + parts.trunk + parts.head
        assert total == pytest.approx(person.stature, abs=1e-12)
        assert parts.leg == pytest.approx(parts.ankle_height + parts.shank + parts.thigh)
        assert min(asdict(parts).values()) > 0.05


@pytest.mark.parametrize("sex", ["male", "female"])
def test_segments_spread_as_in_the_table(sex):
    people = [person for person in population() if person.sex == sex]
    for name, (fraction, deviation) in LENGTHS[sex].items():
        shares = np.log([getattr(person.segments, name) / person.stature for person in people])
        assert np.exp(shares.mean()) == pytest.approx(fraction, rel=0.012), name
        assert shares.std() == pytest.approx(deviation, rel=0.15), name
    legs = [person.segments.leg / person.stature for person in people]
    assert np.std(legs) / np.mean(legs) == pytest.approx(0.028, rel=0.2)  # of the trochanter's height in ANSUR II


@pytest.mark.parametrize("sex", ["male", "female"])
def test_girths_follow_mass_and_spread_as_in_the_table(sex):
    people = [person for person in population() if person.sex == sex]
    for name, (base, tall, heavy, ageing, spread) in GIRTHS[sex].items():
        expected = [
            np.log(base)
            + tall * np.log(person.stature / 1.7)
            + heavy * np.log(person.mass / 70)
            + ageing * (person.age - 30) / 10
            for person in people
        ]
        rest = np.log([getattr(person.girths, name) for person in people]) - expected
        assert rest.mean() == pytest.approx(0.0, abs=0.2 * spread), name
        assert rest.std() == pytest.approx(spread, rel=0.15), name
    waist, mass = [person.girths.waist for person in people], [person.mass for person in people]
    assert np.corrcoef(waist, mass)[0, 1] > 0.7


def test_body_mass_indices_are_of_healthy_adults():
    indices = np.array([person.body_mass_index for person in population()])
    assert indices.mean() == pytest.approx(23.1, abs=0.5)
    assert indices.std() == pytest.approx(3.3, abs=0.4)


def test_habits_spread_between_persons_as_in_the_table():
    for name, spread in HABITS.items():
        values = np.array([getattr(person.gait, name) for person in population()])
        assert values.mean() == pytest.approx(spread.mean, abs=0.2 * spread.persons), name
        assert values.std() == pytest.approx(spread.persons, rel=0.12), name


@pytest.mark.parametrize(
    ("sex", "cadence", "step"), [("male", (2.00, 0.13), (0.637, 0.05)), ("female", (2.12, 0.15), (0.590, 0.048))]
)
def test_cadence_and_step_length_are_obergs(sex, cadence, step):
    gaits = [person.gait for person in population() if person.sex == sex]
    cadences, steps = np.array([(gait.cadence, gait.step_length) for gait in gaits]).T
    assert cadences.mean() == pytest.approx(cadence[0], rel=0.015)
    assert cadences.std() == pytest.approx(cadence[1], rel=0.15)
    assert steps.mean() == pytest.approx(step[0], rel=0.015)
    assert steps.std() == pytest.approx(step[1], rel=0.15)
    speeds = cadences * steps
    assert 0.09 < speeds.std() / speeds.mean() < 0.14


def test_tall_people_step_longer_and_less_often():
    legs = [person.segments.leg for person in population()]
    assert np.corrcoef(legs, [person.gait.step_length for person in population()])[0, 1] > 0.4
    assert np.corrcoef(legs, [person.gait.cadence for person in population()])[0, 1] < -0.2


def test_parameter_vector_is_named_and_finite():
    vectors = np.stack([parameter_vector(person) for person in population()[:50]])
    assert vectors.shape == (50, len(PARAMETERS))
    assert len(set(PARAMETERS)) == len(PARAMETERS)
    assert np.isfinite(vectors).all()
    assert (vectors.std(axis=0) > 0).all()
    person = population()[0]
    assert vectors[0, PARAMETERS.index("stature")] == person.stature
    assert vectors[0, PARAMETERS.index("waist_girth")] == person.girths.waist
    assert vectors[0, PARAMETERS.index("arm_swing")] == person.gait.arm_swing
