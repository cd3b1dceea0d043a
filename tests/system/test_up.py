"""`mission up` as users run it: the simulated room, killed nodes, the end."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from mission_msgs.msg import DopplerTimeMap, GalleryInfo, RadarFrame, RadarTrackArray, RankedIdentitiesArray
from ros_harness import TIMEOUT, Listener, Up, fastdds_files, wait_for
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import MarkerArray

from mission_core.data.bags import unfinished_directory
from mission_ros.qos import LATCHED, RESULT, SENSOR_SUBSCRIBER


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State directory, with the simulated gallery once it has been made."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Up]]:
    """Starts `mission up` with arguments; none outlives the test."""
    with contextlib.ExitStack() as started:
        yield lambda *arguments: started.enter_context(Up(home, *arguments))


@pytest.fixture
def up(start: Callable[..., Up]) -> Up:
    return start()


def _gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def _ranked_tracks(up: Up) -> set[int]:
    """Tracks that were compared with anybody."""
    return {entry["track_id"] for entry in up.entries if entry.get("candidates")}


@pytest.mark.slow
def test_ranks_three_people_then_leaves_nothing(up: Up) -> None:
    wait_for(lambda: len(up.nodes()) == 8, "nodes")
    wait_for(lambda: len(_ranked_tracks(up)) >= 3, "rankings of three people", 2 * TIMEOUT)  # enrolment gives way
    pids = [up.process.pid, *up.nodes().values()]
    shared_memory = fastdds_files(pids)
    assert any(file.exists() for file in shared_memory)
    assert up.end() == 0, up.log
    assert _gone(pids)
    assert not [file for file in shared_memory if file.exists()]
    assert "Traceback" not in up.log
    assert [set(entry) for entry in up.entries] == [{"stamp", "track_id", "candidates", "unknown"}] * len(up.entries)
    last = [entry for entry in up.entries if entry["candidates"]][-1]
    scores = [candidate["score"] for candidate in last["candidates"]]
    assert scores == sorted(scores, reverse=True)
    assert abs(sum(scores) + last["unknown"] - 1.0) < 1e-4
    assert all(candidate["person_id"].startswith("P") for candidate in last["candidates"])
    assert abs(time.time() - last["stamp"]) < 60.0


def test_ends_by_itself_after_the_seconds_asked_for(start: Callable[..., Up]) -> None:
    up = start("--radar", "none", "--camera", "none", "--seconds", "3")
    assert up.wait(TIMEOUT) == 0, up.log


def _published_by(listener: Listener) -> dict[str, list[object]]:
    """What each node publishes, by its name; the simulated radar's frames come out of the driver."""
    frames = listener.collect(RadarFrame, "radar/raw", SENSOR_SUBSCRIBER)
    return {
        "radar_simulator": frames,
        "radar_driver": frames,
        "radar_tracker": listener.collect(RadarTrackArray, "radar/tracks", RESULT),
        "gallery_manager": listener.collect(GalleryInfo, "gallery/info", LATCHED),
        "reid": listener.collect(RankedIdentitiesArray, "reid/identities", RESULT),
        "micro_doppler": listener.collect(DopplerTimeMap, "micro_doppler/map", RESULT),
        "camera_driver": listener.collect(CameraInfo, "camera/color/camera_info", SENSOR_SUBSCRIBER),
        "visualizer": listener.collect(MarkerArray, "viz/markers", RESULT),
    }


@pytest.mark.slow
def test_killed_nodes_publish_again_and_the_others_stay(up: Up, listener: Listener) -> None:
    published = _published_by(listener)
    wait_for(lambda: all(published.values()), "first messages of every node")
    wait_for(lambda: any(entry["candidates"] for entry in up.entries), "ranking")
    for name, messages in published.items():
        before = up.nodes()
        assert set(before) == set(published)
        os.kill(before[name], signal.SIGKILL)
        killed = time.time()
        time.sleep(0.3)  # what the dead process sent has arrived by then
        messages.clear()
        wait_for(lambda new=messages: new, f"messages of {name} after it was killed")  # benchmarks/restart.py: how soon
        wait_for(lambda when=killed: up.newest() > when + 0.5, f"rankings after {name} was killed")
        after = up.nodes()
        assert after[name] != before[name]
        assert {other: pid for other, pid in after.items() if other != name} == {
            other: pid for other, pid in before.items() if other != name
        }
    assert up.end() == 0, up.log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delay", "number"),
    [(0.0, signal.SIGINT), (0.0, signal.SIGTERM), (0.5, signal.SIGINT), (1.0, signal.SIGTERM), (3.0, signal.SIGINT)],
)
def test_ends_in_order_at_any_time(delay: float, number: signal.Signals, start: Callable[..., Up]) -> None:
    up = start()
    wait_for(lambda: len(up.nodes()) == 8, "nodes")
    time.sleep(delay)
    pids = [up.process.pid, *up.nodes().values()]
    shared_memory = fastdds_files(pids)
    assert up.end(number) == 0, up.log
    assert _gone(pids)
    assert not [file for file in shared_memory if file.exists()]
    assert "Traceback" not in up.log


@pytest.mark.slow
def test_nodes_die_with_a_killed_supervisor(up: Up) -> None:
    wait_for(lambda: len(up.nodes()) == 8, "nodes")
    time.sleep(3.0)
    pids = list(up.nodes().values())
    up.process.kill()
    up.process.wait()
    wait_for(lambda: _gone(pids), "end of the nodes")


def test_a_recording_that_failed_is_told_and_the_stack_ends_with_an_error(
    start: Callable[..., Up], tmp_path: Path
) -> None:
    up = start("--radar", "none", "--camera", "none", "--record", str(tmp_path / "walk"))
    wait_for(unfinished_directory(tmp_path / "walk").is_dir, "the recorder")
    (recorder,) = (c for c in psutil.Process(up.process.pid).children() if "record" in c.cmdline())
    recorder.kill()
    wait_for(lambda: "[record] [ERROR] ended with status -9" in up.log, "a word about it")
    assert up.end() == 1
    assert f"[ERROR] {tmp_path / 'walk'} was not recorded to the end" in up.log


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--radar", "file"), "needs the raw capture"),
        (("--set", "reid.colour=red"), "reid has no parameter 'colour'"),
        (("--set", "lidar.period=1"), "no node 'lidar'"),
        (("--params-file", "/no/such.yaml"), "/no/such.yaml does not exist"),
        (("--record", "/"), "exists already"),
    ],
)
def test_wrong_argument_is_told_in_one_line(arguments: tuple[str, ...], words: str, start: Callable[..., Up]) -> None:
    up = start(*arguments)
    assert up.wait(20.0) == 1
    assert words in up.log
    assert len(up.log.splitlines()) == 1
