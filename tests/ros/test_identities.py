"""gallery_manager and reid: enrolment survives, changes are followed, wrong files are refused by name."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from mission_msgs.msg import ActivityArray, GalleryInfo, RadarTrackArray, RankedIdentitiesArray
from mission_msgs.srv import EnrolPerson, ListPersons, RemovePerson
from ros_harness import Listener, NodeProcess, wait_for
from sensor_msgs.msg import CameraInfo, PointCloud2

from mission_core.data import messages
from mission_core.models.card import read_card, write_card
from mission_core.models.reid.second_opinion import share_of
from mission_core.types import NO_TRACK, ActivityOpinion, Candidate, Ranking, Track, TrackedFrame
from mission_ros import conversions
from mission_ros.qos import LATCHED, RESULT, SENSOR_SUBSCRIBER

WALK = "sim://walk?person={}&take=0"
SLOW = 90.0  # [s] rendering and encoding a walk, and loading torch, on a machine that does other things too


class Gallery:
    """gallery_manager with a database of its own."""

    def __init__(self, listener: Listener, model: Path, database: Path, **parameters: str) -> None:
        self.listener = listener
        self.options = {"database": str(database), "model": str(model), **parameters}

    def start(self) -> NodeProcess:
        return NodeProcess("gallery_manager", **self.options)

    def enrol(self, person: str, source: str = "", **fields: object) -> EnrolPerson.Response:
        request = EnrolPerson.Request(person_id=person, source=source or WALK.format(person), **fields)
        return self.listener.call(EnrolPerson, "gallery/enrol", request, SLOW)

    def enrolled(self, person: str = "") -> list[str]:
        """Sorted clip ids."""
        clips = self.listener.call(ListPersons, "gallery/list", ListPersons.Request(person_id=person)).clips
        return sorted(clip.clip_id for clip in clips)

    def remove(self, person: str) -> RemovePerson.Response:
        return self.listener.call(RemovePerson, "gallery/remove", RemovePerson.Request(person_id=person))


@pytest.fixture
def gallery(listener: Listener, model_directory: Path, tmp_path: Path) -> Gallery:
    return Gallery(listener, model_directory, tmp_path / "gallery.sqlite3")


@pytest.fixture(scope="module")
def enrolled_database(
    rclpy_context: None, model_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A gallery of P03 and P07, enrolled at start."""
    database = tmp_path_factory.mktemp("gallery") / "gallery.sqlite3"
    seeds = json.dumps([f"{person}={WALK.format(person)}" for person in ("P03", "P07")])
    listener = Listener()
    infos = listener.collect(GalleryInfo, "gallery/info", LATCHED)
    with Gallery(listener, model_directory, database, enrol_on_start=seeds).start() as node:
        wait_for(lambda: infos and infos[-1].num_persons == 2, f"enrolment, {node.output}", SLOW)
    listener.close()
    return database


def test_enrol_list_remove(gallery: Gallery, listener: Listener) -> None:
    infos = listener.collect(GalleryInfo, "gallery/info", LATCHED)
    expires = Time(sec=int(time.time()) + 1000)
    with gallery.start():
        wait_for(lambda: infos and infos[-1].num_persons == 0, "state of the empty gallery")
        response = gallery.enrol("P03", consent_reference="form 7", purpose="tests", expires=expires)
        assert response.success, response.message
        clips = response.clips
        assert clips
        assert {(clip.person_id, clip.consent_reference, clip.expires.sec) for clip in clips} == {
            ("P03", "form 7", expires.sec)
        }
        wait_for(lambda: infos[-1].person_ids == ["P03"], "news of the change")
        assert infos[-1].num_clips == len(clips)
        assert gallery.enrolled() == gallery.enrolled("P03") == sorted(clip.clip_id for clip in clips)
        assert gallery.enrolled("P04") == []
        assert gallery.remove("P04").success is False
        removed = gallery.remove("P03")
        assert (removed.success, removed.removed_clips) == (True, len(clips))
        wait_for(lambda: infos[-1].num_persons == 0, "news of the removal")
        assert gallery.enrolled() == []


@pytest.mark.parametrize(
    ("person", "source", "words"),
    [
        ("a name", WALK.format("P03"), "person id 'a name'"),
        ("P03", "/no/such/walk.mp4", "/no/such/walk.mp4"),
        ("P03", "live", "camera_driver"),
    ],
)
def test_refused_enrolment_says_why(gallery: Gallery, person: str, source: str, words: str) -> None:
    with gallery.start():
        response = gallery.enrol(person, source)
        assert not response.success
        assert words in response.message
        assert not response.clips
        assert gallery.enrolled() == []


def test_consent_can_be_required(listener: Listener, model_directory: Path, tmp_path: Path) -> None:
    gallery = Gallery(listener, model_directory, tmp_path / "g.sqlite3", require_consent="true")
    with gallery.start():
        assert "consent" in gallery.enrol("P03").message
        assert gallery.enrolled() == []


def test_acknowledged_enrolment_survives_kill(gallery: Gallery, listener: Listener) -> None:
    node = gallery.start()
    clips = sorted(clip.clip_id for clip in gallery.enrol("P03").clips)
    node.process.send_signal(signal.SIGKILL)
    node.process.wait()
    assert clips
    # DDS takes the killed server for alive until its lease is over, and sends it the request
    wait_for(lambda: listener.node.count_services("gallery/list") == 0, "end of the lease")
    with gallery.start():
        assert gallery.enrolled() == clips


def test_enrols_from_the_running_camera_while_it_answers_others(gallery: Gallery, listener: Listener) -> None:
    cameras = listener.collect(CameraInfo, "camera/color/camera_info", SENSOR_SUBSCRIBER)
    with NodeProcess("camera_driver", source='"sim://room?people=P05&seed=1"'), gallery.start():
        wait_for(lambda: cameras, "the room to be furnished, and pictures of it")
        client = listener.node.create_client(EnrolPerson, "gallery/enrol")
        assert client.wait_for_service(20.0)
        pending = client.call_async(EnrolPerson.Request(person_id="P05", source="live", duration=8.0))
        time.sleep(1.0)
        started = time.monotonic()
        assert gallery.enrolled() == []
        assert time.monotonic() - started < 3.0
        assert not pending.done()
        wait_for(pending.done, "enrolment", SLOW)
        assert pending.result().success, pending.result().message
        assert gallery.enrolled("P05")


def test_second_start_enrols_nobody_twice(enrolled_database: Path, listener: Listener, model_directory: Path) -> None:
    seeds = json.dumps([f"{person}={WALK.format(person)}" for person in ("P03", "P07")])
    gallery = Gallery(listener, model_directory, enrolled_database, enrol_on_start=seeds)
    with gallery.start() as node:
        before = gallery.enrolled()
        time.sleep(2.0)
        assert gallery.enrolled() == before
        assert "Traceback" not in node.output


def test_gallery_of_another_model_is_not_touched(
    enrolled_database: Path, listener: Listener, model_directory: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(model_directory, other)
    card = (other / "card.yaml").read_text()
    (other / "card.yaml").write_text(card.replace("sha256: ", "sha256: 00"))
    with Gallery(listener, other, enrolled_database).start() as node:
        wait_for(lambda: "holds features of model" in node.output, "refusal")
        assert node.process.poll() is None


def walking(track_id: int, frame: int) -> TrackedFrame:
    """One person walking along x, with twelve detections in each frame."""
    x = 2.0 + 0.1 * frame
    rng = np.random.default_rng(frame)
    points = np.column_stack((rng.normal((x, 0.0, 1.0, 1.0), 0.2, (12, 4)), np.full((12, 2), 15.0)))
    track = Track(track_id, np.array([x, 0.0, 1.0]), np.array([1.0, 0, 0]), np.full(3, 0.5), np.ones(4), 1.0, 12, 0)
    labels = np.full(12, track_id, np.int32)
    labels[0] = NO_TRACK
    return TrackedFrame(10**9 + frame * 100_000_000, frame, (track,), points.astype(np.float32), labels)


class Tracker:
    """Publishes what radar_tracker would."""

    def __init__(self, listener: Listener) -> None:
        self.tracks = listener.node.create_publisher(RadarTrackArray, "radar/tracks", RESULT)
        self.cloud = listener.node.create_publisher(PointCloud2, "radar/points_labelled", RESULT)

    def wait(self) -> None:
        wait_for(lambda: self.tracks.get_subscription_count() and self.cloud.get_subscription_count(), "reid", SLOW)

    def publish(self, frame: TrackedFrame) -> None:
        tracks, cloud = conversions.tracked_frame_to_msgs(frame, "radar_room")
        self.cloud.publish(cloud)
        self.tracks.publish(tracks)


def reid(model: Path, database: Path, **parameters: str) -> NodeProcess:
    return NodeProcess("reid", model=str(model), database=str(database), **parameters)


def test_ranks_every_frame_against_everybody(
    enrolled_database: Path, listener: Listener, model_directory: Path
) -> None:
    rankings = listener.collect(RankedIdentitiesArray, "reid/identities", RESULT)
    tracker = Tracker(listener)
    with reid(model_directory, enrolled_database) as node:
        tracker.wait()
        for number in range(40):
            tracker.publish(walking(3, number))
            time.sleep(0.05)
        wait_for(lambda: len(rankings) == 40, f"rankings, {node.output}")
    assert [messages.stamp_ns(r) for r in rankings] == [walking(3, n).stamp_ns for n in range(40)]
    assert {r.header.frame_id for r in rankings} == {"radar_room"}
    first, last = (messages.rankings(message)[0] for message in (rankings[0], rankings[-1]))
    assert (first.candidates, first.unknown) == ((), 1.0)
    assert last.track_id == 3
    assert {candidate.person_id for candidate in last.candidates} == {"P03", "P07"}
    assert abs(sum(candidate.score for candidate in last.candidates) + last.unknown - 1.0) < 1e-5
    assert last.frames_used == 20
    assert rankings[-1].model_id == "random"
    assert rankings[-1].gallery_revision > 0


@pytest.mark.parametrize("gate", ["true", "false"])
def test_who_is_told_to_do_something_else_is_not_ranked(
    gate: str, enrolled_database: Path, listener: Listener, model_directory: Path
) -> None:
    rankings = listener.collect(RankedIdentitiesArray, "reid/identities", RESULT)
    activities = listener.node.create_publisher(ActivityArray, "micro_doppler/activities", RESULT)
    tracker = Tracker(listener)
    with reid(model_directory, enrolled_database, gate=gate):
        tracker.wait()
        wait_for(lambda: activities.get_subscription_count() == (gate == "true"), "the gate", SLOW)
        for number in range(40):
            frame = walking(3, number)
            opinion = ActivityOpinion(3, ("box", "walk"), (0.9, 0.1))
            activities.publish(
                conversions.activities_to_msg([opinion], frame.stamp_ns, "radar_room", model_id="m", model_sha256="a")
            )
            time.sleep(0.05)
            tracker.publish(frame)
        wait_for(lambda: len(rankings) == 40, "rankings")
    last = messages.rankings(rankings[-1])[0]
    assert bool(last.candidates) == (gate == "false")


def test_a_second_opinion_is_joined_and_one_of_another_model_refused(
    enrolled_database: Path, listener: Listener, model_directory: Path, recognition_directory: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    shutil.copytree(recognition_directory, second)
    card = read_card(second)
    write_card(second, card | {"second_opinion": {"with": "random", "weight": 1.0, "prior_unknown": 0.5}})
    rankings = listener.collect(RankedIdentitiesArray, "reid/identities", RESULT)
    opinions = listener.node.create_publisher(RankedIdentitiesArray, "micro_doppler/identities", RESULT)
    diagnostics = listener.diagnostics()
    tracker = Tracker(listener)
    told = Ranking(3, (Candidate("P07", 0.999, "", 0.0), Candidate("P03", 0.0005, "", 0.0)), 0.0005, 20)
    with reid(model_directory, enrolled_database, second_opinion=str(second)):
        tracker.wait()
        wait_for(opinions.get_subscription_count, "the second opinion", SLOW)
        for number, sha256 in enumerate([card["sha256"]] * 40 + ["ab" * 32] * 40):
            frame = walking(3, number)
            opinions.publish(
                conversions.rankings_to_msg(
                    [told], frame.stamp_ns, "radar_room", model_id="m", model_sha256=sha256, gallery_revision=0
                )
            )
            time.sleep(0.05)
            tracker.publish(frame)
        wait_for(lambda: len(rankings) == 80, "rankings")
        wait_for(lambda: "model m, which is not reid's" in diagnostics.get("reid", (0, "", {}))[1], "a word of it")
    joined, alone = (messages.rankings(rankings[number])[0] for number in (39, 79))
    assert joined.candidates[0].person_id == "P07"
    assert share_of(joined, "P03") < 0.1 * share_of(alone, "P03")


def test_frame_without_tracks_is_answered_too(listener: Listener, model_directory: Path, tmp_path: Path) -> None:
    rankings = listener.collect(RankedIdentitiesArray, "reid/identities", RESULT)
    tracker = Tracker(listener)
    with reid(model_directory, tmp_path / "no_gallery_yet.sqlite3"):
        tracker.wait()
        tracker.publish(TrackedFrame(5, 1, (), np.zeros((0, 6), np.float32), np.zeros(0, np.int32)))
        wait_for(lambda: rankings, "ranking")
    assert list(rankings[0].identities) == []
    assert messages.stamp_ns(rankings[0]) == 5


def test_follows_the_gallery(
    enrolled_database: Path, listener: Listener, model_directory: Path, tmp_path: Path
) -> None:
    database = tmp_path / "copy.sqlite3"
    shutil.copy(enrolled_database, database)
    gallery = Gallery(listener, model_directory, database)
    rankings = listener.collect(RankedIdentitiesArray, "reid/identities", RESULT)
    tracker = Tracker(listener)
    numbers = iter(range(10_000))

    def people() -> set[str]:
        tracker.publish(walking(1, next(numbers)))
        time.sleep(0.05)
        latest = messages.rankings(rankings[-1]) if rankings else ()
        return {candidate.person_id for ranking in latest for candidate in ranking.candidates}

    with gallery.start(), reid(model_directory, database):
        tracker.wait()
        wait_for(lambda: people() == {"P03", "P07"}, "both")
        assert gallery.remove("P07").success
        wait_for(lambda: people() == {"P03"}, "removal")


def test_altered_model_is_refused_by_name(listener: Listener, model_directory: Path, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(model_directory, altered)
    with (altered / "model.pt").open("ab") as file:
        file.write(b"!")
    health = listener.diagnostics()
    with reid(altered, tmp_path / "g.sqlite3") as node:
        wait_for(lambda: f"{altered}/model.pt has SHA-256" in node.output, "refusal", SLOW)
        wait_for(lambda: health.get("reid", (0, "", {}))[0] == 2, "an error")
        assert node.process.poll() is None
        shutil.copy(model_directory / "model.pt", altered / "model.pt")
        wait_for(lambda: health["reid"][0] < 2, "the repaired model to be taken", SLOW)
