"""The data set of activities in a room."""

import pytest

from mission_core.data import activities as data
from mission_core.data.activities import KNOWN, KNOWN_OTHERS, KNOWN_WALKS, STRANGER_SEED, activities
from mission_core.data.sets import POPULATION_SEED, Settings
from mission_core.errors import ConfigurationError
from mission_core.paths import share_directory
from mission_core.sim.activity import Kind

RADAR = Settings(share_directory() / "config" / "radar" / "walking_10fps.cfg")


def test_known_people_do_everything_often_and_strangers_once():
    recipe, jobs = activities(RADAR, 3)
    assert sum(job.planned for job in jobs) == 10 * (KNOWN_WALKS + 6 * KNOWN_OTHERS) + 3 * 7
    assert len({job.name for job in jobs}) == len(jobs)
    assert recipe.name == "activities"
    assert recipe.directory(RADAR.profile) != activities(RADAR, 4)[0].directory(RADAR.profile)
    assert STRANGER_SEED > POPULATION_SEED + 10_000  # nobody whom other networks learn from


@pytest.mark.parametrize("kind", [Kind.WALK, Kind.BOX])
def test_takes_are_of_what_is_done(kind, monkeypatch):
    monkeypatch.setattr(data, "KNOWN_WALKS", 2)
    monkeypatch.setattr(data, "KNOWN_OTHERS", 1)
    (job,) = [job for job in activities(RADAR, 1)[1] if job.name == f"{KNOWN[0]}-{kind}"]
    takes = job.make()
    assert {(take.info.person_id, take.info.activity, take.info.sensor) for take in takes} == {("P00", kind, "radar")}
    assert len({take.info.take_id for take in takes}) == len(takes) > 0
    if kind is Kind.WALK:
        assert {take.info.route for take in takes} == {"straight", "laps"}
    assert all(take.doppler.any() for take in takes)


def test_strangers_are_needed():
    with pytest.raises(ConfigurationError, match="0 strangers"):
        activities(RADAR, 0)
