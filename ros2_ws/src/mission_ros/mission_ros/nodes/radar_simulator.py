"""A simulated IWR6843 evaluation module: people walk before it, and its two serial ports behave like the real ones."""

from pathlib import Path

from rclpy.node import Node

from mission_core.calibration import load_calibration
from mission_core.paths import state_directory
from mission_core.sim.evm import SimulatedEvm, walking_frames
from mission_core.sim.rooms import live_room
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
        mount = load_calibration(parameter(self, "calibration", "")).radar.mount
        self._evm = SimulatedEvm(walking_frames(live_room("radar", people, seed), mount), links)
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
