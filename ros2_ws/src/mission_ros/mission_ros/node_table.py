"""The one table of nodes that both the launch files and `mission up` start. No ROS is needed to read it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from mission_core.errors import ConfigurationError
from mission_core.gallery.locate import sim_gallery
from mission_core.models.card import DEFAULT_MODEL
from mission_core.paths import state_directory

ParameterValue: TypeAlias = bool | int | float | str | list[str]
RadarChoice = Literal["device", "sim", "file", "none", "replay"]
CameraChoice = Literal["kinect", "opencv", "sim", "none", "replay"]

DEFAULT_NAMESPACE = "mission"
SIM_PEOPLE = ("P03", "P07", "P23")
"""Who walks in the simulated rooms; the last one is a stranger to their gallery."""
GALLERY_IDS = tuple(f"P{number:02d}" for number in range(10))
"""Who is enrolled in their gallery."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node of the stack.

    Attributes:
        name: of the node and of its section in config/mission.yaml.
        executable: console script of package mission_ros, module of `mission_ros.nodes`.
        parameters: what differs from config/mission.yaml.
    """

    name: str
    executable: str
    parameters: dict[str, ParameterValue] = field(default_factory=dict)


def node_table(
    radar: RadarChoice = "sim",
    camera: CameraChoice = "sim",
    *,
    capture_file: str = "",
    camera_source: str = "",
    gallery: str = "",
    model: str = "",
    people: tuple[str, ...] = SIM_PEOPLE,
    seed: int = 1,
    link_directory: str = "",
) -> tuple[NodeSpec, ...]:
    """The nodes of a stack, in the order in which they are best started. Empty texts mean: as config/mission.yaml says.

    People whom the radar sees only in simulation have a gallery of their own (see `simulated_gallery`), so that the
    operator's is never mixed with them: a `database` in a parameter file counts for real people, `gallery` for both.

    Args:
        radar: the IWR6843 ("device"), simulated at the byte ("sim"), a raw capture ("file"), recorded `radar/raw`
            ("replay"), or no driver at all ("none").
        camera: Azure Kinect, anything OpenCV opens, simulated, recorded topics ("replay") or no driver ("none").
        capture_file: raw UART capture to play with radar "file".
        camera_source: source for the camera driver, see `mission_core.camera.source.open_source`.
        gallery: path of the gallery's database.
        model: name or directory of the re-identification model.
        people: ids of the simulated people.
        seed: of the simulated walks.
        link_directory: where the simulated radar puts its ports; one per running stack.

    Raises:
        ConfigurationError: an argument is not one of its choices, or a needed one is missing.
    """
    if radar not in get_args(RadarChoice):
        raise ConfigurationError(f"radar {radar!r} is unknown: use one of {', '.join(get_args(RadarChoice))}")
    if camera not in get_args(CameraChoice):
        raise ConfigurationError(f"camera {camera!r} is unknown: use one of {', '.join(get_args(CameraChoice))}")
    store: dict[str, ParameterValue] = _given(database=gallery, model=model)
    enrolment: dict[str, ParameterValue] = {}
    if simulated_gallery(radar, camera, gallery):
        store["database"] = str(sim_gallery(model or DEFAULT_MODEL))
        enrolment["enrol_on_start"] = [
            f"{person}=sim://walk?person={person}&take={take}" for take in (0, 1) for person in GALLERY_IDS
        ]
    return (
        *_radar_nodes(radar, capture_file, people, seed, link_directory),
        NodeSpec("radar_tracker", "radar_tracker"),
        NodeSpec("gallery_manager", "gallery_manager", store | enrolment),
        NodeSpec("reid", "reid", store),
        NodeSpec("micro_doppler", "micro_doppler"),
        *_camera_nodes(camera, camera_source, people, seed),
        NodeSpec("visualizer", "visualizer"),
    )


def simulated_gallery(radar: str, camera: str, gallery: str) -> bool:
    """Whether a stack enrols the simulated people in their own gallery: it sees them, or at least nobody real."""
    return not gallery and (radar == "sim" or (radar, camera) == ("none", "sim"))


def _given(**values: str) -> dict[str, ParameterValue]:
    return {name: value for name, value in values.items() if value}


def _radar_nodes(
    radar: RadarChoice, capture_file: str, people: tuple[str, ...], seed: int, link_directory: str
) -> tuple[NodeSpec, ...]:
    def driver(**parameters: ParameterValue) -> NodeSpec:
        return NodeSpec("radar_driver", "radar_driver", parameters)

    match radar:
        case "device":
            return (driver(source="device"),)
        case "sim":
            links = Path(link_directory) if link_directory else state_directory() / "sim_radar"
            simulator: dict[str, ParameterValue] = {"people": list(people), "seed": seed, "link_directory": str(links)}
            return (
                NodeSpec("radar_simulator", "radar_simulator", simulator),
                driver(source="device", cli_port=str(links / "cli"), data_port=str(links / "data")),
            )
        case "file":
            if not capture_file:
                raise ConfigurationError("radar 'file' needs the raw capture to play: name it with capture_file")
            return (driver(source="file", capture_file=capture_file),)
        case "replay":
            return (driver(source="topic"),)
        case "none":
            return ()


def _camera_nodes(camera: CameraChoice, source: str, people: tuple[str, ...], seed: int) -> tuple[NodeSpec, ...]:
    match camera:
        case "none" | "replay":
            return ()
        case "sim":
            source = source or f"sim://room?people={','.join(people)}&seed={seed}"
        case "kinect":
            source = source or "k4a://"
        case "opencv":
            source = source or "0"
    return (NodeSpec("camera_driver", "camera_driver", {"source": source}),)
