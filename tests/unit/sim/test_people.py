import numpy as np
import pytest

from mission_core.sim.people import AGES, STATURE_LIMITS, sample_person

COHORT = [sample_person(seed) for seed in range(58)]


def test_seed_determines_the_person():
    assert sample_person(7) == sample_person(7)
    assert sample_person(7) != sample_person(8)
    assert sample_person(7).person_id == "P07"
    assert sample_person(7, "someone").person_id == "someone"


@pytest.mark.parametrize("person", COHORT, ids=lambda person: person.person_id)
def test_body_adds_up_to_the_stature(person):
    body = person.physique
    assert body.leg + body.trunk + body.head == pytest.approx(person.stature)
    assert STATURE_LIMITS[0] <= person.stature <= STATURE_LIMITS[1]
    assert AGES[0] <= person.age <= AGES[1]
    assert 0.45 * person.stature < body.leg < 0.58 * person.stature
    assert 0.7 < person.gait.speed < 1.7


def test_sexes_and_spread_of_the_cohort():
    men = [person for person in COHORT if person.sex == "male"]
    women = [person for person in COHORT if person.sex == "female"]
    assert 25 <= len(men) <= 47
    assert np.mean([p.stature for p in men]) > np.mean([p.stature for p in women])
    assert 0.03 < np.std([p.gait.cadence for p in COHORT]) / np.mean([p.gait.cadence for p in COHORT]) < 0.12


def test_longer_legs_step_slower():
    people = [sample_person(seed) for seed in range(1000, 1300)]
    correlation = np.corrcoef([p.physique.leg for p in people], [p.gait.cadence for p in people])[0, 1]
    assert correlation < -0.2
