import itertools

import numpy as np
import pytest

from mission_core.errors import ConfigurationError
from mission_core.sim import scenario
from mission_core.sim.people import sample_person

T = np.arange(0.0, 30.0, 0.1)


def test_gallery_is_of_the_cohort():
    assert len(set(scenario.GALLERY_IDS)) == 10
    assert scenario.person("P03") == sample_person(3)


@pytest.mark.parametrize("person_id", ["P58", "P3", "", "Q03", "P003"])
def test_unknown_person_is_refused(person_id):
    with pytest.raises(ConfigurationError, match=r"P00 \.\. P57"):
        scenario.person(person_id)


@pytest.mark.parametrize("seed", range(5))
def test_radar_room_keeps_people_in_view_and_apart(seed):
    walks = scenario.radar_room(("P00", "P03", "P05"), seed)
    assert [walk.person.person_id for walk in walks] == ["P00", "P03", "P05"]
    pelvis = np.stack([walk.joints(T)[:, 0, :2] for walk in walks])
    distance = np.linalg.norm(pelvis, axis=-1)
    assert distance.min() > 1.5
    assert distance.max() < 7.0
    assert np.abs(np.arctan2(pelvis[..., 1], pelvis[..., 0])).max() < np.deg2rad(55)
    assert min(np.linalg.norm(a - b, axis=-1).min() for a, b in itertools.combinations(pelvis, 2)) > 0.8
    assert np.ptp(distance, axis=1).min() > 1.5  # towards and away, not across


@pytest.mark.parametrize("seed", range(5))
def test_camera_room_keeps_people_in_the_picture(seed):
    walks = scenario.camera_room(("P00", "P03", "P05"), seed)
    pelvis = np.stack([walk.joints(T)[:, 0, :2] for walk in walks])
    assert pelvis[..., 0].min() > 2.2
    assert pelvis[..., 0].max() < 6.2
    assert (np.abs(pelvis[..., 1]) < 0.9 * pelvis[..., 0]).all()
    assert min(np.linalg.norm(a - b, axis=-1).min() for a, b in itertools.combinations(pelvis, 2)) > 0.8


def test_rooms_and_takes_are_different_walks():
    radar, camera = scenario.radar_room(("P03",), 1)[0], scenario.camera_room(("P03",), 1)[0]
    takes = [scenario.enrolment_walk("P03", take) for take in range(4)]
    walks = [radar, camera, *takes]
    assert len({walk.seed for walk in walks}) == len({walk.route for walk in walks}) == len(walks)
    np.testing.assert_array_equal(takes[2].joints(T), scenario.enrolment_walk("P03", 2).joints(T))


def test_enrolment_covers_the_angles_of_the_paper():
    angles = []
    for take in range(40):
        near, far = np.array(scenario.enrolment_walk("P01", take).route.waypoints)
        angles.append(np.rad2deg(np.arctan2(*(far - near)[::-1])))
    assert -65 < min(angles) < -40
    assert 40 < max(angles) < 65


def test_too_many_people_are_refused():
    with pytest.raises(ConfigurationError, match="room for 1 to"):
        scenario.radar_room(scenario.GALLERY_IDS, 1)
