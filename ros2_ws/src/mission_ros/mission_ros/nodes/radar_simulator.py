"""A simulated IWR6843 evaluation module: people walk before it, and its two serial ports behave like the real ones."""

import time
from pathlib import Path

from rclpy.node import Node

from mission_core.calibration import load_calibration
from mission_core.paths import state_directory
from mission_core.sim.evm import SimulatedEvm, walking_frames
from mission_core.sim.placed import seen_from
from mission_core.sim.rooms import live_room
from mission_core.sim.stops import stopping_room
from mission_ros.diagnostics import Diagnostics, Level, Report
from mission_ros.node_table import SIM_PEOPLE
from mission_ros.runtime import parameter, run, texts


class RadarSimulator(Node):
    """Keeps the simulated module running; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("radar_simulator")
        people = texts(parameter(self, "people", list(SIM_PEOPLE)))
        seed = parameter(self, "seed", 1)
        links = Path(parameter(self, "link_directory", "") or state_directory() / "sim_radar").expanduser()
        radar = parameter(self, "radar", "radar")
        start_time = parameter(self, "start_time", 0.0)
        calibration = load_calibration(parameter(self, "calibration", ""))
        scenario, pose = live_room("radar", people, seed), calibration.pose_of_radar(radar)
        if stops := parameter(self, "stops", ""):
            scenario = stopping_room(scenario, stops)
        if pose is not calibration.radar:
            scenario = seen_from(scenario, pose.seen_from(calibration.radar))
        walked = (lambda: time.time() - start_time) if start_time else None
        self._evm = SimulatedEvm(walking_frames(scenario, pose.mount, walked), links)
        self._evm.start()
        self._people = people
        self._diagnostics = Diagnostics(self, self._report, hardware_id="simulated IWR6843")
        self.get_logger().info(f"simulated radar at {self._evm.cli_path} and {self._evm.data_path}")

    def destroy_node(self) -> None:
        """Takes the ports away."""
        self._evm.stop()
        super().destroy_node()

    def _report(self) -> Report:
        return Report(Level.OK, f"{len(self._people)} people walk", {"people": " ".join(self._people)})


def main() -> None:
    """Runs the node."""
    run(RadarSimulator)


if __name__ == "__main__":
    main()
