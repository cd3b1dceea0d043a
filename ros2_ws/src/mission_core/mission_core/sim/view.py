"""What the two sensors see of a scenario, moment by moment: for the live simulated room and for data sets alike."""

from functools import lru_cache

import numpy as np

from mission_core.calibration import RADAR_MOUNT
from mission_core.radar.profile import RadarProfile
from mission_core.sim.body import Body
from mission_core.sim.cohort import Person
from mission_core.sim.fmcw import Effects, FmcwRadar, Observation, Wall
from mission_core.sim.rooms import Scenario, Scene
from mission_core.sim.scatter import Scatterers, scatterers
from mission_core.types import Mount

DIFFERENCE = 0.005  # half the interval over which targets' velocities are measured [s]

EFFECTS: dict[Scene, Effects] = {
    "hall": Effects(frame_loss=0.003, point_loss=0.02),
    "classroom": Effects(walls=(Wall((0.0, 1.0, 0.0), 4.5),), clutter=30, frame_loss=0.003, point_loss=0.02),
    "corridor": Effects(
        walls=(Wall((0.0, 1.0, 0.0), 4.0), Wall((0.0, -1.0, 0.0), 4.0)), clutter=10, frame_loss=0.003, point_loss=0.02
    ),
}
"""What each scene does to the radar: ghosts by the side walls, furniture, frames and points lost on the way."""


@lru_cache(maxsize=8)
def body_of(person: Person) -> Body:
    """The body of a person; the latest few are kept."""
    return Body(person)


class RadarView:
    """A radar before a scenario.

    Args:
        scenario: who moves.
        profile: the radar runs.
        mount: of the radar.
    """

    def __init__(self, scenario: Scenario, profile: RadarProfile, mount: Mount = RADAR_MOUNT) -> None:
        self.scenario = scenario
        self.mount = mount
        self._radar = FmcwRadar(profile, mount, scenario.seed, effects=EFFECTS[scenario.scene])

    def targets(self, t: float) -> Scatterers:
        """What reflects at time t [s]."""
        around = t + np.array([-DIFFERENCE, 0.0, DIFFERENCE])
        surfaces = [body_of(motion.person).samples(motion.joints(around)) for motion in self.scenario.motions]
        return scatterers(surfaces, DIFFERENCE, self.mount, self.scenario.seeds)

    def observe(self, t: float) -> Observation:
        """The frame whose middle is at time t [s]; noise and losses are new with every call."""
        return self._radar.observe(self.targets(t))
