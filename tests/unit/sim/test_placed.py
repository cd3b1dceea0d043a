import numpy as np

from mission_core.calibration import RADAR_MOUNT, SensorPose
from mission_core.sim.placed import seen_from
from mission_core.sim.rooms import live_room


def test_a_sensor_elsewhere_has_the_same_people_in_its_own_frame() -> None:
    scenario = live_room("radar", ("P00", "P03"), seed=1)
    pose = SensorPose(RADAR_MOUNT, position=(4.8, -4.8), yaw_deg=90.0)
    placed = seen_from(scenario, pose)
    times = np.array([0.0, 1.7])
    for here, there in zip(scenario.motions, placed.motions, strict=True):
        joints, beside = here.joints(times), there.joints(times)
        np.testing.assert_allclose(pose.to_map(beside), joints, atol=1e-9)
        # the other sensor looks along y: ahead of it is left of the first one
        np.testing.assert_allclose(beside[..., 0], joints[..., 1] + 4.8)
        assert there.person is here.person
    assert placed.seed != scenario.seed
    assert placed.seeds == scenario.seeds
