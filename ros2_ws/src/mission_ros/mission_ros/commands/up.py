"""`mission up`: the whole stack in one terminal, without ros2 launch. Starts the nodes of `node_table`."""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO, get_args

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rich.console import Console
from rich.live import Live

from mission_core.errors import ConfigurationError
from mission_core.parameters import node_parameters
from mission_core.paths import share_directory, state_directory
from mission_core.types import Ranking
from mission_ros import live_table, shared_memory
from mission_ros.bag import require_free
from mission_ros.environment import node_environment
from mission_ros.live_subscriber import LiveSubscriber
from mission_ros.node_table import (
    DEFAULT_NAMESPACE,
    GALLERY_IDS,
    SIM_PEOPLE,
    CameraChoice,
    NodeSpec,
    ParameterValue,
    RadarChoice,
    named_radars,
    node_table,
    simulated_gallery,
)
from mission_ros.process import StopSignal, die_with_parent
from mission_ros.supervisor import Supervisor

_POLL_PERIOD = 0.1  # [s]
_TABLE_PERIOD = 0.5  # [s]
_LINES_PERIOD = 1.0  # [s]
_RECORDER = "record"
_RECORDER_PATIENCE = 30.0  # [s] to write what is pending


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of `mission up`."""
    sensors = parser.add_argument_group("sensors")
    sensors.add_argument("--radar", choices=get_args(RadarChoice), default="sim", help="default: %(default)s")
    sensors.add_argument(
        "--more-radars",
        default="",
        metavar="NAME[=SERIAL],...",
        help="further radars of the calibration file, for --radar device or sim",
    )
    sensors.add_argument("--camera", choices=get_args(CameraChoice), default="sim", help="default: %(default)s")
    sensors.add_argument("--capture", default="", metavar="FILE", help="raw radar capture to play, for --radar file")
    sensors.add_argument("--camera-source", default="", metavar="URI", help="device, rtsp://, video file, k4a://serial")
    sensors.add_argument(
        "--people", default=",".join(SIM_PEOPLE), help="who walks in simulation (default: %(default)s)"
    )
    sensors.add_argument("--seed", type=int, default=1, help="of the simulated walks (default: %(default)s)")
    stack = parser.add_argument_group("stack")
    stack.add_argument("--gallery", default="", metavar="PATH", help="database of the people enrolled")
    stack.add_argument("--model", default="", metavar="NAME", help="model by name or directory")
    stack.add_argument(
        "--params-file", type=Path, metavar="YAML", help="parameters that differ from config/mission.yaml"
    )
    stack.add_argument(
        "--set", action="append", default=[], metavar="NODE.PARAM=VALUE", dest="settings", help="one parameter"
    )
    stack.add_argument("--namespace", default=DEFAULT_NAMESPACE, help="of all nodes (default: %(default)s)")
    stack.add_argument("--log-level", default="info", choices=("debug", "info", "warn", "error"))
    stack.add_argument("--record", type=Path, metavar="PATH", help="record a bag of everything")
    stack.add_argument("--seconds", type=float, metavar="N", help="end after so long (default: at Ctrl-C)")
    stack.add_argument("--json", action="store_true", help="print every ranking as one line of JSON instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Runs the stack until Ctrl-C, SIGTERM, or the time is up.

    Raises:
        ConfigurationError: an argument is wrong.
        BagError: no recording can begin at `--record`.
    """
    die_with_parent()
    stop = StopSignal()
    os.environ.update(node_environment())
    stdout = _take_stdout()
    with tempfile.TemporaryDirectory(prefix="mission-") as links, _output(arguments.json, stdout) as (log, show):
        table = _table(arguments, links)
        commands = _commands(table, arguments)
        environment = dict(os.environ) | {"RCUTILS_CONSOLE_OUTPUT_FORMAT": "[{severity}] {message}"}
        supervisor = Supervisor(commands, environment, log, once=(_RECORDER,))
        own_shared_memory: set[str] = set()
        try:
            supervisor.start()
            _watch(supervisor, arguments, stop, show, stdout, own_shared_memory)
        except BrokenPipeError:  # whoever read the output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        finally:
            supervisor.stop([_RECORDER], _RECORDER_PATIENCE)  # while the others live: what they say is recorded
            supervisor.stop()
            shared_memory.remove_orphans(own_shared_memory, unlocked_too=True)
        return _report_recording(supervisor, arguments, log)


def _report_recording(supervisor: Supervisor, arguments: argparse.Namespace, log: Callable[[str, str], None]) -> int:
    """Exit status of the stack: an asked-for recording must be a whole one."""
    status = supervisor.health()[_RECORDER].last_exit if arguments.record else 0
    if status:
        log(_RECORDER, f"[ERROR] {arguments.record} was not recorded to the end: the recorder ended with {status}")
    return 1 if status else 0


def _table(arguments: argparse.Namespace, links: str) -> tuple[NodeSpec, ...]:
    return node_table(
        arguments.radar,
        arguments.camera,
        capture_file=str(Path(arguments.capture).absolute()) if arguments.capture else "",
        camera_source=arguments.camera_source,
        gallery=str(Path(arguments.gallery).absolute()) if arguments.gallery else "",
        model=arguments.model,
        people=tuple(arguments.people.split(",")),
        seed=arguments.seed,
        link_directory=links,
        more_radars=named_radars(arguments.more_radars),
    )


def _commands(table: Sequence[NodeSpec], arguments: argparse.Namespace) -> dict[str, list[str]]:
    """What to run, by name."""
    config = share_directory() / "config" / "mission.yaml"
    files = [config, *([arguments.params_file] if arguments.params_file else [])]
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise ConfigurationError(f"parameter file {', '.join(missing)} does not exist")
    settings = _settings(arguments.settings, table)
    commands = {node.path: _node_command(node, files, settings.get(node.path, []), arguments) for node in table}
    if arguments.record:
        require_free(arguments.record)
        commands[_RECORDER] = [
            *(sys.executable, "-m", "mission_core.cli", "record"),
            *("--output", str(arguments.record), "--namespace", arguments.namespace),
        ]
    return commands


def _node_command(
    node: NodeSpec, files: Sequence[Path], settings: Sequence[str], arguments: argparse.Namespace
) -> list[str]:
    # of two values for one parameter the later counts
    parameters = [f"{name}:={_yaml(value)}" for name, value in node.parameters.items()]
    namespace = "/".join(filter(None, (arguments.namespace.strip("/"), node.namespace)))
    return [
        *(sys.executable, "-m", f"mission_ros.nodes.{node.executable}", "--ros-args"),
        *("-r", f"__ns:=/{namespace}", "-r", f"__node:={node.name}"),
        *("--log-level", arguments.log_level),
        *(word for file in files for word in ("--params-file", str(file))),
        *(word for parameter in (*parameters, *settings) for word in ("-p", parameter)),
    ]


def _yaml(value: ParameterValue) -> str:
    return json.dumps(value)  # YAML's flow style holds JSON


def _settings(settings: Sequence[str], table: Sequence[NodeSpec]) -> dict[str, list[str]]:
    """What `--set` asks for, by node, as ROS writes it; rclpy would ignore a name that no node has."""
    found: dict[str, list[str]] = {}
    for setting in settings:
        target, equals, value = setting.partition("=")
        node, dot, name = target.partition(".")
        if not (equals and dot):
            raise ConfigurationError(f"--set {setting}: expected NODE.PARAM=VALUE, such as reid.period=1.0")
        if node not in {spec.path for spec in table}:
            raise ConfigurationError(f"--set {setting}: no node {node!r} is started; there are {_names(table)}")
        known = node_parameters(node.rpartition("/")[2])
        if name not in known:
            raise ConfigurationError(f"--set {setting}: {node} has no parameter {name!r}; it has {', '.join(known)}")
        found.setdefault(node, []).append(f"{name}:={value}")
    return found


def _names(table: Sequence[NodeSpec]) -> str:
    return ", ".join(spec.path for spec in table)


def _take_stdout() -> TextIO:
    """The standard output, for this module alone: Fast DDS prints its errors there, and now prints them on stderr."""
    sys.stdout.flush()
    stdout = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return stdout


@contextmanager
def _output(
    as_json: bool, stdout: TextIO
) -> Iterator[tuple[Callable[[str, str], None], Callable[[live_table.Snapshot], None] | None]]:
    """How to log a node's line, and how to show a snapshot (None: not at all).

    In a terminal the table stays in place: nodes' lines go to a file, and warnings above the table as well.
    """
    if as_json:
        yield _log_to_stderr, None
    elif not stdout.isatty():
        yield _log_to_stderr, lambda snapshot: print("\n".join(live_table.lines(snapshot)), file=stdout, flush=True)
    else:
        console = Console(file=stdout)
        path = state_directory() / "up.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file, Live(console=console, auto_refresh=False) as live:

            def log(name: str, line: str) -> None:
                print(f"[{name}] {line}", file=file, flush=True)
                if not line.startswith(("[INFO]", "[DEBUG]")):
                    console.print(f"[{name}] {line}", markup=False, highlight=False)

            yield log, lambda snapshot: live.update(live_table.table(snapshot), refresh=True)


def _log_to_stderr(name: str, line: str) -> None:
    sys.stderr.write(f"[{name}] {line}\n")
    sys.stderr.flush()


def _print_json(stdout: TextIO, stamp_ns: int, rankings: Sequence[Ranking]) -> None:
    for ranking in rankings:
        candidates = [{"person_id": c.person_id, "score": round(c.score, 6)} for c in ranking.candidates]
        entry = {"stamp": stamp_ns * 1e-9, "track_id": ranking.track_id, "candidates": candidates}
        print(json.dumps(entry | {"unknown": round(ranking.unknown, 6)}), file=stdout, flush=True)


def _watch(
    supervisor: Supervisor,
    arguments: argparse.Namespace,
    stop: StopSignal,
    show: Callable[[live_table.Snapshot], None] | None,
    stdout: TextIO,
    used_shared_memory: set[str],
) -> None:
    """Until the end: restarts what dies, and shows what comes; notes what shared memory this process used."""
    started = time.monotonic()
    end = started + (arguments.seconds or float("inf"))
    period = _TABLE_PERIOD if stdout.isatty() else _LINES_PERIOD
    next_poll, next_show = started, started + period
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    live = LiveSubscriber(arguments.namespace, partial(_print_json, stdout) if arguments.json else lambda *_: None)
    executor.add_node(live)
    try:
        while not stop.is_set() and (now := time.monotonic()) < end:
            executor.spin_once(timeout_sec=min(_POLL_PERIOD, end - now))
            if now >= next_poll:
                supervisor.poll()
                next_poll = now + _POLL_PERIOD
            if show is not None and now >= next_show:
                show(_snapshot(arguments, live, supervisor))
                next_show = now + period
    finally:
        used_shared_memory |= shared_memory.mapped(os.getpid())
        executor.shutdown(timeout_sec=1.0)
        live.destroy_node()
        rclpy.try_shutdown()


def _snapshot(arguments: argparse.Namespace, live: LiveSubscriber, supervisor: Supervisor) -> live_table.Snapshot:
    simulated = simulated_gallery(arguments.radar, arguments.camera, arguments.gallery)
    return live_table.Snapshot(
        scene=_scene(arguments),
        tracks=live.tracks,
        rankings=live.rankings,
        frame_rate=live.frames.read(),
        enrolled=live.enrolled,
        expected=len(GALLERY_IDS) if simulated else 0,
        nodes=live.node_states({name: state for name, state in supervisor.health().items() if name != _RECORDER}),
        activities=live.activities,
    )


def _scene(arguments: argparse.Namespace) -> tuple[str, ...]:
    people = arguments.people.replace(",", ", ")
    strangers = ", ".join(person for person in arguments.people.split(",") if person not in GALLERY_IDS)
    radar = {
        "sim": f"simulated IWR6843, {people} walk in front of it{f' ({strangers} not enrolled)' * bool(strangers)}",
        "device": "IWR6843",
        "file": f"capture {arguments.capture}",
        "replay": "recorded frames",
        "none": "no driver",
    }[arguments.radar]
    camera = {
        "sim": f"simulated, {people} walk in another room",
        "kinect": "Azure Kinect",
        "opencv": arguments.camera_source or "device 0",
        "replay": "recorded pictures",
        "none": "no driver",
    }[arguments.camera]
    return f"Radar: {radar}", f"Camera: {camera}"
