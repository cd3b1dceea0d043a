"""radar_simulator, radar_driver, radar_tracker and micro_doppler, byte to track, as processes of their own."""

import itertools
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from mission_msgs.msg import (
    ActivityArray,
    DopplerTimeMap,
    RadarFrame,
    RadarHeatmap,
    RadarTrackArray,
    RankedIdentitiesArray,
    VitalSigns,
)
from radar_frames import ONE_POINT, frame_of
from ros_harness import TIMEOUT, Listener, NodeProcess, wait_for
from sensor_msgs.msg import PointCloud2

from mission_core.calibration import SensorPose
from mission_core.data import messages
from mission_core.models.card import model_sha256
from mission_core.paths import share_directory, shared_file
from mission_core.radar.profile import RadarProfile, load_profile
from mission_core.radar.tlv import decode_frame
from mission_core.sim.evm import Clock, SimulatedEvm, captured_frames, walking_frames
from mission_core.sim.placed import seen_from
from mission_core.sim.rooms import live_room
from mission_core.types import Mount
from mission_ros import conversions
from mission_ros.qos import RESULT, SENSOR_PUBLISHER, SENSOR_SUBSCRIBER

DOORS = "uart_captures/ti_doors_xwr68xx_processed_stream.dat"


@pytest.fixture
def evm(tmp_path: Path) -> Iterator[SimulatedEvm]:
    """Two people walking before a radar."""
    scenario = live_room("radar", ("P00", "P03"), seed=1)
    with SimulatedEvm(walking_frames(scenario, Mount(1.0)), tmp_path / "ports") as evm:
        yield evm


def driver(evm: SimulatedEvm, **parameters: str) -> NodeProcess:
    return NodeProcess("radar_driver", cli_port=str(evm.cli_path), data_port=str(evm.data_path), **parameters)


def stamps(received: list) -> list[int]:
    return [messages.stamp_ns(message) for message in received]


def test_real_capture_through_the_ports(mission_data: Path, tmp_path: Path, listener: Listener) -> None:
    """The recorded frames 209 to 309 of a real IWR6843, byte for byte at UART pace into the running driver."""
    raw = listener.collect(RadarFrame, "radar/raw", RESULT)
    clouds = listener.collect(PointCloud2, "radar/points", RESULT)
    tracks = listener.collect(RadarTrackArray, "radar/tracks", RESULT)
    health = listener.diagnostics()
    everybody_listens = threading.Event()
    recorded = captured_frames(mission_data / DOORS)

    def frames(profile: RadarProfile, clock: Clock) -> Iterator[bytes]:
        everybody_listens.wait(TIMEOUT)
        yield from recorded(profile, clock)

    with (
        NodeProcess("radar_tracker") as tracker,
        SimulatedEvm(frames, tmp_path / "ports") as evm,
        driver(evm, frame_id="front_radar") as node,
    ):
        wait_for(lambda: {"radar_tracker", "radar_driver"} <= set(health), "diagnostics")
        topics = ("radar/raw", "radar/points")
        wait_for(lambda: all(listener.node.count_subscribers(topic) == 2 for topic in topics), "subscriptions")
        time.sleep(1.0)  # that the graph is known here does not mean that it is there
        everybody_listens.set()
        wait_for(lambda: len(clouds) >= 101, f"101 clouds, {node.output}", timeout=40.0)
        wait_for(lambda: len(tracks) >= 101, f"101 track arrays, {tracker.output}")
        wait_for(lambda: health["radar_driver"][0] == 2, "an error, for the recording has ended", timeout=3.0)
    assert [message.frame_number for message in raw] == list(range(209, 310))
    assert stamps(raw) == stamps(clouds) == stamps(tracks)
    assert [message.frame_number for message in tracks] == list(range(209, 310))
    assert {cloud.header.frame_id for cloud in clouds} == {"front_radar"}
    for message, cloud in zip(raw, clouds, strict=True):
        points = decode_frame(messages.radar_frame(message)).points
        np.testing.assert_array_equal(messages.points(cloud), points)
    assert max(len(message.tracks) for message in tracks) >= 1


def test_walkers_become_tracks_and_doppler_maps(evm: SimulatedEvm, listener: Listener) -> None:
    raw = listener.collect(RadarFrame, "radar/raw", RESULT)
    tracks = listener.collect(RadarTrackArray, "radar/tracks", RESULT)
    labelled = listener.collect(PointCloud2, "radar/points_labelled", RESULT)
    maps = listener.collect(DopplerTimeMap, "micro_doppler/map", RESULT)
    with NodeProcess("radar_tracker"), NodeProcess("micro_doppler"), driver(evm):
        wait_for(lambda: tracks and len(tracks[-1].tracks) == 2 and maps and maps[-1].num_frames >= 10, "two tracks")
    by_stamp = dict(zip(stamps(raw), raw, strict=True))
    for message, cloud in zip(tracks, labelled, strict=False):
        frame = messages.tracked_frame(message, cloud)
        assert frame.frame_number == by_stamp[frame.stamp_ns].frame_number
        assert {track.track_id for track in frame.tracks} >= set(frame.labels.tolist()) - {-1}
    doppler = messages.doppler_time_map(maps[-1])
    assert doppler.kind == "points"
    assert doppler.values.max() > 0.0
    assert maps[-1].header.stamp in [message.header.stamp for message in tracks]


def test_what_tracks_do_and_who_they_are_is_told_of_their_maps(
    evm: SimulatedEvm, listener: Listener, recognition_directory: Path
) -> None:
    tracks = listener.collect(RadarTrackArray, "radar/tracks", RESULT)
    activities = listener.collect(ActivityArray, "micro_doppler/activities", RESULT)
    identities = listener.collect(RankedIdentitiesArray, "micro_doppler/identities", RESULT)
    model = str(recognition_directory)
    with NodeProcess("radar_tracker"), NodeProcess("micro_doppler", model=model) as node, driver(evm):
        wait_for(
            lambda: activities and [bool(each.activities) for each in activities[-1].activities] == [True, True],
            f"opinions on two tracks, {node.output}",
        )
    told = {message.header.stamp.sec * 10**9 + message.header.stamp.nanosec: message for message in activities}
    assert set(told) <= set(stamps(tracks))
    sha256 = model_sha256(recognition_directory)
    for message in (*activities, *identities):
        assert (message.model_id, message.model_sha256) == ("mra_net_walking", sha256)
    for opinion in messages.activities(activities[-1]):
        assert opinion.activities == ("box", "walk")
        assert 0.0 < sum(opinion.probabilities) < 1.0  # the rest is none of these
    for ranking in messages.rankings(identities[-1]):
        if ranking.candidates:
            assert sum(each.score for each in ranking.candidates) + ranking.unknown == pytest.approx(1.0, abs=1e-5)
    by_second = Counter(message.header.stamp.sec for message in activities)
    assert max(by_second.values()) >= 2


def test_a_model_of_other_maps_is_refused(recognition_directory: Path) -> None:
    model = str(recognition_directory)
    with NodeProcess("micro_doppler", model=model, profile="walking_20fps.cfg") as node:
        wait_for(lambda: "run the profile it was trained for" in str(node.output), f"a refusal, {node.output}")


def test_doppler_maps_of_the_heatmap(evm: SimulatedEvm, listener: Listener) -> None:
    profile = "walking_heatmap_10fps.cfg"
    heatmaps = listener.collect(RadarHeatmap, "radar/heatmaps", RESULT)
    maps = listener.collect(DopplerTimeMap, "micro_doppler/map", RESULT)
    with (
        NodeProcess("radar_tracker"),
        NodeProcess("micro_doppler", kind="heatmap", profile=profile) as node,
        driver(evm, profile=profile),
    ):
        wait_for(lambda: maps and maps[-1].num_frames >= 10, f"maps, {node.output}")
    assert maps[-1].kind == "heatmap"
    assert messages.doppler_time_map(maps[-1]).values.max() > 0.0
    heatmap = heatmaps[-1]
    assert (heatmap.kind, heatmap.header.frame_id) == (RadarHeatmap.KIND_RANGE_DOPPLER, "radar")
    axes = load_profile(shared_file(profile, "config/radar"))
    np.testing.assert_allclose(heatmap.ranges, axes.ranges)
    np.testing.assert_allclose(heatmap.columns, axes.velocities, atol=1e-6)
    values = np.reshape(heatmap.values, (len(axes.ranges), len(axes.velocities)))
    assert values.max() > np.median(values) + 10.0


def test_people_whom_the_radar_follows_itself(tmp_path: Path, listener: Listener) -> None:
    """Firmware of another demo in the place of ours: 48 bytes of header, compressed points, targets."""
    target = struct.pack("<I27f", 7, 1.0, 4.0, 0.2, 0.0, 1.0, *[0.0] * 4, *[1.0] * 16, 3.0, 0.9)

    def frames(_profile: RadarProfile, _clock: Clock) -> Iterator[bytes]:
        for number in itertools.count(1):
            yield frame_of("people_counting", ONE_POINT["people_counting"], (7, target), (8, b"\7"), number=number)

    clouds = listener.collect(PointCloud2, "radar/points", SENSOR_SUBSCRIBER)
    targets = listener.collect(RadarTrackArray, "radar/targets", RESULT)
    health = listener.diagnostics()
    with SimulatedEvm(frames, tmp_path / "ports") as evm, driver(evm) as node:
        wait_for(lambda: clouds and targets, f"targets, {node.output}")
        wait_for(lambda: health.get("radar_driver", (3, "", {}))[2].get("layout") == "people_counting", "the layout")
    assert targets[0].header.frame_id == "radar_room"
    (track,) = targets[0].tracks
    assert (track.track_id, track.num_points) == (7, 1)
    assert (track.position.x, track.position.y) == pytest.approx((4.0, -1.0), abs=1e-4)
    assert track.position.z == pytest.approx(1.2, abs=1e-4)  # config/calibration.yaml: the radar stands 1 m high
    assert messages.points(clouds[0])[0, 0] == pytest.approx(0.550, abs=1e-3)


def test_breath_and_heart(tmp_path: Path, listener: Listener) -> None:
    block = 1040, struct.pack("<2H33f", 2, 40, 0.1, 72.0, 15.0, *range(15), *range(15, 30))

    def frames(_profile: RadarProfile, _clock: Clock) -> Iterator[bytes]:
        for number in itertools.count(1):
            yield frame_of("sdk3", ONE_POINT["sdk3"], block, number=number)

    found = listener.collect(VitalSigns, "radar/vital_signs", RESULT)
    with SimulatedEvm(frames, tmp_path / "ports") as evm, driver(evm) as node:
        wait_for(lambda: found, f"vital signs, {node.output}")
    assert (found[0].target_id, found[0].heart_rate, found[0].breath_rate) == (2, 72.0, 15.0)
    assert found[0].range == pytest.approx(
        40 * load_profile(shared_file("walking_10fps.cfg", "config/radar")).range_step
    )
    assert list(found[0].breath_wave) == list(range(15, 30))


LEFT = SensorPose(Mount(1.0), position=(4.8, -4.8), yaw_deg=90.0)


def test_two_radars_of_one_room_are_fused(tmp_path: Path, listener: Listener) -> None:
    """The second one sees the person whom the first one cannot see, and neither takes the other's for somebody else."""
    calibration = tmp_path / "calibration.yaml"
    calibration.write_text(
        (share_directory() / "config" / "calibration.yaml").read_text()
        + "more_radars:\n  left: {height: 1.0, pitch_deg: 0.0, position: [4.8, -4.8], yaw_deg: 90.0}\n"
    )
    scenario = live_room("radar", ("P00", "P03"), seed=1)
    one = replace(scenario, motions=scenario.motions[:1], seeds=scenario.seeds[:1])
    began = time.time()
    ahead = SimulatedEvm(walking_frames(one, Mount(1.0), lambda: time.time() - began), tmp_path / "ahead")
    aside = SimulatedEvm(
        walking_frames(seen_from(scenario, LEFT), Mount(1.0), lambda: time.time() - began), tmp_path / "aside"
    )
    tracks = listener.collect(RadarTrackArray, "radar/tracks", RESULT)
    labelled = listener.collect(PointCloud2, "left/radar/points_labelled", RESULT)
    shared = {"calibration": str(calibration)}
    with (
        NodeProcess("radar_tracker", more_radars="[left]", **shared) as tracker,
        ahead,
        aside,
        driver(ahead, **shared),
        driver(
            aside, namespace="mission/left", radar="left", frame_id="left", room_frame="left_room", **shared
        ) as second,
    ):
        wait_for(lambda: tracks and len(tracks[-1].tracks) == 2 and labelled, f"two, {tracker.output} {second.output}")
        time.sleep(2.0)
        now = time.time()
        message = tracks[-1]
    assert len(message.tracks) == 2
    t = messages.stamp_ns(message) * 1e-9 - began
    assert now - began - t < 1.0
    there = np.array([motion.joints(np.array([t]))[0, 0, :2] for motion in scenario.motions])
    found = np.array([[track.position.x, track.position.y] for track in message.tracks])
    gaps = np.linalg.norm(there[:, np.newaxis] - found, axis=2)
    assert gaps.min(axis=1).max() < 0.6
    assert labelled[-1].header.frame_id == "radar_room"
    assert set(messages.labels(labelled[-1]).tolist()) >= {track.track_id for track in message.tracks}


def test_radar_that_loses_power_is_reported_and_taken_up_again(tmp_path: Path, listener: Listener) -> None:
    evm = SimulatedEvm(walking_frames(live_room("radar", ("P00",), seed=1), Mount(1.0)), tmp_path / "ports")
    health = listener.diagnostics()
    raw = listener.collect(RadarFrame, "radar/raw", RESULT)

    def level() -> int:
        return health.get("radar_driver", (3, "", {}))[0]

    with driver(evm) as node:
        wait_for(lambda: level() == 2, "an error while the radar is absent")
        evm.start()
        wait_for(lambda: level() == 0 and raw, f"frames, {node.output}")
        evm.stop()
        wait_for(lambda: level() == 2, "an error after the power was cut")
        count = len(raw)
        evm.start()
        wait_for(lambda: level() == 0 and len(raw) > count, f"frames again, {node.output}")
        assert health["radar_driver"][2]["reopened"] == "1"
        evm.stop()


def test_radar_that_was_deactivated_goes_on_with_fresh_frames(evm: SimulatedEvm, listener: Listener) -> None:
    raw = listener.collect(RadarFrame, "radar/raw", RESULT)

    def change(transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(listener.call(ChangeState, "radar_driver/change_state", request).success)

    with driver(evm):
        wait_for(lambda: len(raw) > 5, "frames")
        assert change(Transition.TRANSITION_DEACTIVATE)
        time.sleep(1.0)
        before = len(raw)
        assert change(Transition.TRANSITION_ACTIVATE)
        wait_for(lambda: len(raw) > before + 5, "frames again")
    period = 0.1
    elapsed = np.diff(stamps(raw)) * 1e-9
    missed = np.diff([message.frame_number for message in raw]) - 1
    assert missed[before - 1] >= 5  # what was sent meanwhile is gone
    # the rest was stamped when it was measured, give or take what a busy machine delays a read
    np.testing.assert_allclose(elapsed, (missed + 1) * period, atol=0.5)


def test_capture_file_is_played_at_its_own_rate(mission_data: Path, listener: Listener) -> None:
    raw = listener.collect(RadarFrame, "radar/raw", RESULT)
    health = listener.diagnostics()
    with NodeProcess("radar_driver", source="file", capture_file=str(mission_data / DOORS), capture_rate="4.0"):
        wait_for(lambda: "played to its end" in health.get("radar_driver", (0, "", {}))[1], "the end", timeout=40.0)
    numbers = [message.frame_number for message in raw]
    assert numbers == list(range(numbers[0], 310))  # DDS may take a moment to find the listener
    assert len(numbers) > 40
    periods = np.diff(stamps(raw)) * 1e-9
    assert 0.9 < np.median(periods) * 4 / 0.1 < 1.1


def test_recorded_frames_are_decoded_with_their_stamps(mission_data: Path, listener: Listener) -> None:
    clouds = listener.collect(PointCloud2, "radar/points", SENSOR_SUBSCRIBER)
    health = listener.diagnostics()
    publisher = listener.node.create_publisher(RadarFrame, "radar/raw", SENSOR_PUBLISHER)
    capture = (mission_data / DOORS).read_bytes()
    frame = decode_frame(capture[: capture.index(b"\x02\x01\x04\x03\x06\x05\x08\x07", 1)])
    with NodeProcess("radar_driver", source="topic"):
        wait_for(lambda: publisher.get_subscription_count() and "radar_driver" in health, "driver")
        damaged = conversions.radar_frame_to_msg(frame, 5, "radar")
        damaged.data = damaged.data[:50]
        publisher.publish(damaged)
        publisher.publish(conversions.radar_frame_to_msg(frame, 1_234_567_891, "recorded_radar"))
        wait_for(lambda: clouds, "cloud")
        wait_for(lambda: health["radar_driver"][2].get("error_frames") == "1", "count of damaged frames")
    assert len(clouds) == 1
    assert stamps(clouds) == [1_234_567_891]
    assert clouds[0].header.frame_id == "recorded_radar"
    np.testing.assert_array_equal(messages.points(clouds[0]), frame.points)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"source": "radio"}, "source is 'radio', expected device, file or topic"),
        ({"source": "file", "capture_file": "/no/such.dat"}, "/no/such.dat"),
        ({"profile": "unheard_of.cfg"}, "unheard_of.cfg"),
        ({"cli_port": "/dev/no_cli", "data_port": "/dev/no_data"}, "/dev/no_cli cannot be opened"),
    ],
)
def test_wrong_parameter_is_named_and_the_node_lives(
    parameters: dict[str, str], words: str, listener: Listener
) -> None:
    with NodeProcess("radar_driver", **parameters) as node:
        wait_for(lambda: words in node.output, words)
        assert node.process.poll() is None
