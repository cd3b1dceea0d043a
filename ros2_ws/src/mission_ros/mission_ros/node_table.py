"""The one table of nodes that both the launch files and `mission up` start. No ROS is needed to read it."""

import time
from collections.abc import Mapping
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
        namespace: below that of the stack, for the nodes of a further radar; else empty.
    """

    name: str
    executable: str
    parameters: dict[str, ParameterValue] = field(default_factory=dict)
    namespace: str = ""

    @property
    def path(self) -> str:
        """Name with the namespace, which no other node of the stack has."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


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
    more_radars: Mapping[str, str] | None = None,
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
        more_radars: serial numbers, or empty texts, of the USB bridges of further radars, by their names in the
            calibration; each has a driver in a namespace of that name, and the tracker fuses what all see.

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
    more = dict(more_radars or {})
    if more and radar in ("file", "none"):
        raise ConfigurationError(f"radar {radar!r} goes alone: further radars ({', '.join(more)}) need device or sim")
    return (
        *_radar_nodes(radar, capture_file, people, seed, link_directory, more),
        NodeSpec("radar_tracker", "radar_tracker", {"more_radars": list(more)} if more else {}),
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


def named_radars(text: str) -> dict[str, str]:
    """Further radars as they are asked for: NAME or NAME=SERIAL_NUMBER, separated by commas.

    Raises:
        ConfigurationError: a name is empty, or occurs twice.
    """
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, serial_number = entry.partition("=")
        if not name or name in ("radar", *found):
            raise ConfigurationError(
                f"further radars are {text!r}: expected names of the calibration's more_radars, each once, "
                "as in radar_left=00F1A2B3,radar_right"
            )
        found[name] = serial_number
    return found


def _radar_nodes(
    radar: RadarChoice,
    capture_file: str,
    people: tuple[str, ...],
    seed: int,
    link_directory: str,
    more: Mapping[str, str],
) -> tuple[NodeSpec, ...]:
    def driver(name: str = "", **parameters: ParameterValue) -> NodeSpec:
        if name:
            parameters |= {"radar": name, "frame_id": name, "room_frame": f"{name}_room"}
            parameters |= _given(serial_number=more[name])
        return NodeSpec("radar_driver", "radar_driver", parameters, name)

    match radar:
        case "device":
            return (driver(source="device"), *(driver(name, source="device") for name in more))
        case "sim":
            links = Path(link_directory) if link_directory else state_directory() / "sim_radar"
            simulator: dict[str, ParameterValue] = {"people": list(people), "seed": seed}
            if more:  # so that all radars see everybody at one place
                simulator["start_time"] = time.time()
            nodes = []
            for name in ("", *more):
                own: dict[str, ParameterValue] = {"link_directory": str(links / name), **_given(radar=name)}
                nodes.append(NodeSpec("radar_simulator", "radar_simulator", simulator | own, name))
                ports = {"cli_port": str(links / name / "cli"), "data_port": str(links / name / "data")}
                nodes.append(driver(name, source="device", **ports))
            return tuple(nodes)
        case "file":
            if not capture_file:
                raise ConfigurationError("radar 'file' needs the raw capture to play: name it with capture_file")
            return (driver(source="file", capture_file=capture_file),)
        case "replay":
            return (driver(source="topic"), *(driver(name, source="topic") for name in more))
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
