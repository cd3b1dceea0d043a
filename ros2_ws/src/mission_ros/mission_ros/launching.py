"""What the launch files share: arguments, and actions made from the one node table. Needs `launch` and `launch_ros`."""

import math
import os
from collections.abc import Callable, Iterable
from typing import get_args

from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.condition import Condition
from launch.event_handlers import OnProcessExit
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from mission_core.calibration import load_calibration
from mission_core.data.bags import BagReader
from mission_core.gallery.locate import find_gallery
from mission_core.models.card import DEFAULT_MODEL
from mission_ros.environment import node_environment
from mission_ros.node_table import DEFAULT_NAMESPACE, CameraChoice, NodeSpec, RadarChoice, named_radars, node_table
from mission_ros.topics import INPUTS, MORE_RADAR, RECORDED, SHOWN, below

RESPAWN_DELAY = 2.0  # [s]


def namespace_argument() -> DeclareLaunchArgument:
    """Argument of every launch file."""
    return DeclareLaunchArgument("namespace", default_value=DEFAULT_NAMESPACE, description="Of all topics and nodes")


def common_arguments(use_sim_time: str = "false") -> list[DeclareLaunchArgument]:
    """Arguments of every launch file that starts nodes."""
    return [
        namespace_argument(),
        DeclareLaunchArgument(
            "params_file",
            default_value=PathJoinSubstitution([FindPackageShare("mission"), "config", "mission.yaml"]),
            description="Parameters of all nodes",
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value="info",
            choices=["debug", "info", "warn", "error", "fatal"],
            description="Of nodes",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value=use_sim_time,
            choices=["true", "false"],
            description="Take the time from /clock",
        ),
    ]


def sensor_arguments() -> list[DeclareLaunchArgument]:
    """Which sensors there are; the perception nodes need it too, for the gallery of simulated people."""
    return [
        DeclareLaunchArgument(
            "radar",
            default_value="device",
            choices=_live(get_args(RadarChoice)),
            description="An IWR6843, one simulated at the byte, a raw capture of one, or none",
        ),
        DeclareLaunchArgument(
            "camera",
            default_value="none",
            choices=_live(get_args(CameraChoice)),
            description="An Azure Kinect, whatever OpenCV opens, a simulated camera, or none",
        ),
        more_radars_argument(),
        DeclareLaunchArgument("capture_file", default_value="", description="Raw UART capture for radar:=file"),
        DeclareLaunchArgument("camera_source", default_value="", description="Device, URL or file for camera:=opencv"),
        *gallery_arguments(),
    ]


def more_radars_argument() -> DeclareLaunchArgument:
    """Further radars of the room."""
    return DeclareLaunchArgument(
        "more_radars",
        default_value="",
        description="Further radars of the calibration file: NAME or NAME=SERIAL_NUMBER, separated by commas",
    )


def gallery_arguments() -> list[DeclareLaunchArgument]:
    """Whom to look for, and with which network."""
    return [
        DeclareLaunchArgument("gallery", default_value="", description="Gallery database; empty: as params_file says"),
        DeclareLaunchArgument(
            "model", default_value="", description="Model by name or path; empty: as params_file says"
        ),
    ]


def environment() -> list[SetEnvironmentVariable]:
    """What nodes need and the caller has not set, see `mission_ros.environment`."""
    return [
        SetEnvironmentVariable(name, value)
        for name, value in node_environment().items()
        if os.environ.get(name) != value
    ]


def sensor_nodes() -> OpaqueFunction:
    """Drivers, and the simulators they talk to."""
    return OpaqueFunction(function=lambda context: _nodes(context, _is_sensor))


def perception_nodes(replay: bool = False) -> OpaqueFunction:
    """Everything behind the drivers; with `replay` also the radar driver, which then decodes recorded frames."""
    return OpaqueFunction(
        function=lambda context: _nodes(context, lambda spec: replay or not _is_sensor(spec), replay=replay)
    )


def include(launch_file: str, condition: Condition | None = None, **arguments: str) -> IncludeLaunchDescription:
    """Another launch file of mission, with this one's arguments except for those given."""
    path = PathJoinSubstitution([FindPackageShare("mission"), "launch", launch_file])
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments=arguments.items(), condition=condition
    )


def rviz(condition: Condition) -> Node:
    """rviz2 with mission's displays, in the namespace of the stack."""
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", PathJoinSubstitution([FindPackageShare("mission"), "config", "rviz", "mission.rviz"])],
        parameters=[{"use_sim_time": LaunchConfiguration("use_sim_time")}],
        remappings=[(f"/{DEFAULT_NAMESPACE}/{topic}", _topic(topic)) for topic in SHOWN],
        condition=condition,
    )


def bag_recorder() -> OpaqueFunction:
    """`ros2 bag record` of everything that matters, into the directory `output`."""

    def record(context: LaunchContext) -> list[ExecuteProcess]:
        radars = named_radars(context.launch_configurations.get("more_radars", ""))
        topics = [_topic(topic) for topic in (*RECORDED, *below(radars, MORE_RADAR))]
        options = ["--storage", "mcap", "--output", LaunchConfiguration("output"), "--topics"]
        return [ExecuteProcess(cmd=["ros2", "bag", "record", *options, *topics], output="screen")]

    return OpaqueFunction(function=record)


def bag_player() -> OpaqueFunction:
    """`ros2 bag play` of what the sensors measured, with /clock; when it ends, so does everything."""

    def player(context: LaunchContext) -> list[Action]:
        radars = _recorded_radars(context.launch_configurations["bag"])
        topics = [_topic(topic) for topic in (*INPUTS, *below(radars, ["radar/raw"]))]
        times = ["--rate", LaunchConfiguration("rate"), "--delay", LaunchConfiguration("delay")]
        play = ExecuteProcess(
            cmd=["ros2", "bag", "play", LaunchConfiguration("bag"), "--clock", *times, "--topics", *topics],
            output="screen",
        )
        ended = Shutdown(reason="the bag has been played")
        # what was played last is still being worked on
        return [
            play,
            RegisterEventHandler(OnProcessExit(target_action=play, on_exit=TimerAction(period=3.0, actions=[ended]))),
        ]

    return OpaqueFunction(function=player)


def camera_transforms() -> list[Node]:
    """Where the camera is, for a replay without camera driver; live, the drivers say so themselves.

    As all that is derived from a bag, it follows from the calibration of today: the bag's /tf_static is not played.
    """
    camera = load_calibration().camera
    yaw, pitch = math.radians(camera.yaw_deg), math.radians(camera.mount.pitch_deg)
    x, y = camera.position
    return [
        _static_transform("map", "camera_room", (x, y, 0.0), (0.0, 0.0, yaw)),
        _static_transform("camera_room", "camera", (0.0, 0.0, camera.mount.height), (0.0, pitch, 0.0)),
        # REP-103: x right, y down, z forward
        _static_transform("camera", "camera_color_optical_frame", (0.0,) * 3, (-math.pi / 2, 0.0, -math.pi / 2)),
    ]


def _static_transform(parent: str, child: str, xyz: tuple[float, ...], roll_pitch_yaw: tuple[float, ...]) -> Node:
    names = ("--x", "--y", "--z", "--roll", "--pitch", "--yaw")
    values = zip(names, (*xyz, *roll_pitch_yaw), strict=True)
    return Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        arguments=[
            *(part for name, value in values for part in (name, str(value))),
            "--frame-id",
            parent,
            "--child-frame-id",
            child,
        ],
    )


def _topic(name: str) -> str | list[SomeSubstitutionsType]:
    """Full name of a topic of the stack."""
    return name if name.startswith("/") else ["/", LaunchConfiguration("namespace"), "/", name]


def _nodes(context: LaunchContext, wanted: Callable[[NodeSpec], bool], *, replay: bool = False) -> list[Node]:
    def value(name: str) -> str:
        return context.launch_configurations.get(name, "")

    gallery = value("gallery") or (_recorded_gallery(value("bag"), value("model")) if replay else "")
    more_radars = _recorded_radars(value("bag")) if replay else named_radars(value("more_radars"))
    table = node_table(
        "replay" if replay else value("radar"),  # type: ignore[arg-type]
        "replay" if replay else value("camera"),  # type: ignore[arg-type]
        capture_file=value("capture_file"),
        camera_source=value("camera_source"),
        gallery=gallery,
        model=value("model"),
        more_radars=more_radars,
    )
    return [_node(spec) for spec in table if wanted(spec)]


def _recorded_gallery(bag: str, model: str) -> str:
    """The gallery here that holds the people enrolled at a recording, as `mission replay` takes it; else empty."""
    with BagReader(bag) as reader:
        return str(find_gallery(reader.enrolled(), model or DEFAULT_MODEL) or "")


def _recorded_radars(bag: str) -> dict[str, str]:
    """Further radars of a recording."""
    with BagReader(bag) as reader:
        return dict.fromkeys(reader.more_radars(), "")


def _node(spec: NodeSpec) -> Node:
    """A process that is started again when it dies. Lifecycle nodes configure and activate themselves."""
    return Node(
        package="mission_ros",
        executable=spec.executable,
        name=spec.name,
        namespace=[LaunchConfiguration("namespace"), f"/{spec.namespace}" if spec.namespace else ""],
        parameters=[
            LaunchConfiguration("params_file"),
            {**spec.parameters, "use_sim_time": LaunchConfiguration("use_sim_time")},
        ],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
        respawn=True,
        respawn_delay=RESPAWN_DELAY,
    )


def _is_sensor(spec: NodeSpec) -> bool:
    return spec.name not in {other.name for other in node_table("none", "none")}


def _live(choices: Iterable[str]) -> list[str]:
    return [choice for choice in choices if choice != "replay"]
