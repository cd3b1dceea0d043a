import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np
import pytest

from mission_core.calibration import CAMERA_MOUNT
from mission_core.camera.snippet import SNIPPET_FRAMES, snippets_from
from mission_core.camera.source import PICTURE_FPS, WALK_SECONDS, FrameSource, open_source
from mission_core.errors import CameraError, ConfigurationError
from mission_core.sim.rooms import enrolment
from mission_core.sim.view import CameraView
from mission_core.types import CameraFrame, ImageArray

SIZE = (320, 180)


def picture(number: int) -> ImageArray:
    """A picture whose grey level tells its number."""
    return np.full((SIZE[1], SIZE[0], 3), 10 * number, np.uint8)


def number_of(frame: CameraFrame) -> int:
    return round(float(frame.image.mean()) / 10)


def write_video(path: Path, pictures: list[ImageArray], fps: float) -> Path:
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (width, height))
    assert writer.isOpened()
    for image in pictures:
        writer.write(image)
    writer.release()
    return path


def read_all(source: FrameSource) -> list[CameraFrame]:
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


# --- files ---


@pytest.mark.parametrize("fps", [10.0, 25.0])
def test_a_video_is_read_to_its_end_with_its_own_stamps(tmp_path: Path, fps: float):
    path = write_video(tmp_path / "clip.avi", [picture(k) for k in range(12)], fps)
    with closing(open_source(str(path))) as source:
        assert not source.live
        assert source.fps == pytest.approx(fps)
        frames = read_all(source)
        assert source.read() is None
        assert source.describe() == str(path)
    assert [number_of(frame) for frame in frames] == list(range(12))
    assert np.diff([frame.stamp_ns for frame in frames]) == pytest.approx(np.full(11, 1e9 / fps), rel=0.01)
    assert frames[0].image.shape == (SIZE[1], SIZE[0], 3)
    assert frames[0].camera is None
    assert frames[0].bodies is None


def test_a_video_begins_anew_when_opened_again(tmp_path: Path):
    source = open_source(str(write_video(tmp_path / "clip.avi", [picture(k) for k in range(3)], 10.0)))
    read_all(source)
    source.open()
    assert [number_of(frame) for frame in read_all(source)] == [0, 1, 2]
    source.close()
    source.close()
    with pytest.raises(CameraError, match="not open"):
        source.read()


def test_snippets_are_cut_from_a_video_of_a_walk(tmp_path: Path):
    camera = CameraView(enrolment("P00", 1))
    path = write_video(tmp_path / "walk.avi", [camera.frame(k / 15, 0).image for k in range(75)], 15.0)
    with closing(open_source(str(path))) as source:
        snippets = snippets_from(source, CAMERA_MOUNT)
    assert len(snippets) >= 2
    for snippet in snippets:
        assert snippet.crops.shape[0] == SNIPPET_FRAMES
        assert np.isnan(snippet.geometry).all()  # a video has no intrinsics


def test_the_videos_of_a_directory_follow_each_other_apart_in_time(tmp_path: Path):
    write_video(tmp_path / "b.avi", [picture(k) for k in (4, 5)], 10.0)
    write_video(tmp_path / "a.avi", [picture(k) for k in (1, 2, 3)], 10.0)
    (tmp_path / "notes.txt").write_text("not a clip")
    with closing(open_source(str(tmp_path))) as source:
        frames = read_all(source)
    assert [number_of(frame) for frame in frames] == [1, 2, 3, 4, 5]
    steps = np.diff([frame.stamp_ns for frame in frames]) / 1e9
    assert steps == pytest.approx([0.1, 0.1, 1.0, 0.1], abs=0.01)


def test_numbered_pictures_are_a_clip(tmp_path: Path):
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"frame{number:04d}.png"), picture(number))
    with closing(open_source(str(tmp_path))) as source:
        assert source.fps == PICTURE_FPS
        frames = read_all(source)
    assert [number_of(frame) for frame in frames] == [0, 1, 2, 3]
    assert np.diff([frame.stamp_ns for frame in frames]) == pytest.approx(np.full(3, 1e9 / PICTURE_FPS), rel=0.01)


def test_a_damaged_picture_is_named(tmp_path: Path):
    (tmp_path / "frame0000.png").write_bytes(b"\x89PNG but not quite")
    with (
        closing(open_source(str(tmp_path))) as source,
        pytest.raises(CameraError, match=r"frame0000\.png is no picture"),
    ):
        source.read()


def test_a_directory_without_clips_is_refused(tmp_path: Path):
    with pytest.raises(CameraError, match="neither videos nor pictures"):
        open_source(str(tmp_path))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path):
    path = tmp_path / "letter.mp4"
    path.write_text("Dear all")
    with pytest.raises(CameraError, match=r"letter\.mp4 is no video that OpenCV can read"):
        open_source(str(path))


def test_what_does_not_exist_is_refused(tmp_path: Path):
    with pytest.raises(CameraError, match=r"absent\.avi does not exist"):
        open_source(str(tmp_path / "absent.avi"))


# --- devices and streams ---


@pytest.mark.parametrize("uri", ["97", "/dev/video97"])
def test_a_camera_that_is_not_plugged_in_is_named(uri: str):
    with pytest.raises(CameraError, match="/dev/video97: no such camera; plug it in"):
        open_source(uri)


def test_an_unknown_scheme_is_refused_with_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"unknown scheme gopher://.*rtsp"):
        open_source("gopher://example")


def test_a_silent_address_is_refused_without_telling_the_password():
    with pytest.raises(CameraError, match="does not answer") as refusal:
        open_source("http://someone:secret@127.0.0.1:9/stream")
    assert "127.0.0.1:9/stream" in str(refusal.value)
    assert "secret" not in str(refusal.value)


class MotionJpegCamera:
    """A network camera that sends numbered pictures, 20 a second, until it is unplugged."""

    def __init__(self) -> None:
        self.unplugged = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                number = 0
                while not camera.unplugged.wait(0.05):
                    jpeg = cv2.imencode(".jpg", picture(number % 25))[1].tobytes()
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    number += 1

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self.server.server_port}/video"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def network_camera() -> Iterator[MotionJpegCamera]:
    camera = MotionJpegCamera()
    yield camera
    camera.unplugged.set()
    camera.server.shutdown()
    camera.server.server_close()


def test_a_network_camera_delivers_its_newest_picture_until_it_is_unplugged(network_camera: MotionJpegCamera):
    with closing(open_source(network_camera.uri)) as source:
        assert source.live
        first = source.read()
        assert first is not None
        assert abs(time.time_ns() - first.stamp_ns) < 1e9
        time.sleep(0.5)  # a slow reader
        late, following = source.read(), source.read()
        assert late is not None
        assert following is not None
        assert number_of(late) - number_of(first) >= 4
        assert number_of(following) - number_of(late) in (1, 2)
        network_camera.unplugged.set()
        with pytest.raises(CameraError, match="is gone"):
            read_all(source)
        network_camera.unplugged.clear()
        source.open()
        assert source.read() is not None


class FakeCapture:
    """What OpenCV returns for a camera; `read` does what a test makes it do."""

    def __init__(self, read: Callable[[], tuple[bool, ImageArray]]) -> None:
        self.read = read
        self.released = threading.Event()

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def get(self, _: int) -> float:
        return 30.0

    def release(self) -> None:
        self.released.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_read_that_fails_gives_the_camera_back(monkeypatch: pytest.MonkeyPatch):
    def fail() -> tuple[bool, ImageArray]:
        raise cv2.error("corrupt JPEG")

    capture = FakeCapture(fail)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: capture)
    with closing(open_source("rtsp://camera/stream")) as source:
        assert capture.released.wait(1.0)
        with pytest.raises(CameraError, match="it was unplugged or the stream ended"):
            source.read()


def test_a_camera_whose_read_never_returned_says_so(monkeypatch: pytest.MonkeyPatch):
    returns = threading.Event()
    capture = FakeCapture(lambda: (returns.wait(5.0), picture(1)))
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: capture)
    monkeypatch.setattr("mission_core.camera.source.READ_TIMEOUT", 0.05)
    open_source("rtsp://camera/stuck").close()
    with pytest.raises(CameraError, match="rtsp://camera/stuck is still held by a read that does not return; unplug"):
        open_source("rtsp://camera/stuck")
    returns.set()
    assert capture.released.wait(1.0)
    monkeypatch.setattr("mission_core.camera.source.READ_TIMEOUT", 3.0)
    open_source("rtsp://camera/stuck").close()


# --- Azure Kinect ---


@pytest.mark.parametrize("name", ["k4a://", "k4a://000123", "kinect.mkv"])
def test_without_pyk4a_a_kinect_says_what_to_install(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyk4a", None)
    if name.endswith(".mkv"):
        name = str(tmp_path / name)
        Path(name).write_bytes(b"\x1aE\xdf\xa3" + b"matroska K4A_COLOR_MODE MJPG_720P")
    with pytest.raises(CameraError, match=r"pip install 'pyk4a-bundle==1\.5\.0' 'numpy<2'") as refusal:
        open_source(name)
    assert name in str(refusal.value)


def test_a_damaged_recording_of_a_kinect_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Playback:
        configuration: ClassVar = {"color_resolution": 0}  # recorded without colour
        is_open = False

        def __init__(self, _: Path) -> None:
            playbacks.append(self)

        def open(self) -> None:
            self.is_open = True

        def close(self) -> None:
            assert self.is_open
            self.is_open = False

    playbacks: list[Playback] = []
    fake = SimpleNamespace(PyK4APlayback=Playback, K4AException=type("K4AException", (Exception,), {}))
    monkeypatch.setitem(sys.modules, "pyk4a", fake)
    path = tmp_path / "kinect.mkv"
    path.write_bytes(b"K4A_")
    with pytest.raises(CameraError, match="recorded without colour"):
        open_source(str(path))
    assert [playback.is_open for playback in playbacks] == [False]


def test_a_matroska_file_of_another_camera_needs_no_pyk4a(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyk4a", None)
    path = write_video(tmp_path / "clip.mkv", [picture(k) for k in range(5)], 10.0)
    with closing(open_source(str(path))) as source:
        assert [number_of(frame) for frame in read_all(source)] == [0, 1, 2, 3, 4]


# --- simulation ---


def test_a_simulated_walk_is_finite_and_gives_snippets():
    with closing(open_source("sim://walk?person=P03&take=1")) as source:
        assert not source.live
        snippets = snippets_from(source, CAMERA_MOUNT, duration=4.0)
        rest = read_all(source)
    assert len(snippets) >= 1
    assert np.isfinite(snippets[0].geometry).all()
    assert len(rest) == pytest.approx((WALK_SECONDS - 4.0) * 15, abs=2)


def test_two_takes_of_one_person_are_different_walks():
    frames = []
    for take in (1, 2):
        with closing(open_source(f"sim://walk?person=P03&take={take}")) as source:
            frames.append(source.read())
    assert not np.array_equal(frames[0].image, frames[1].image)


def test_a_simulated_room_runs_in_real_time_and_drops_what_is_not_read():
    with closing(open_source("sim://room?people=P00,P03&seed=1")) as source:
        assert source.live
        frames = [source.read() for _ in range(5)]
        steps = np.diff([frame.stamp_ns for frame in frames])
        assert steps.min() >= 0.99e9 / 15
        assert all(abs(frame.stamp_ns - frames[0].stamp_ns) < 2e9 for frame in frames)
        time.sleep(0.4)
        late = source.read()
        assert abs(time.time_ns() - late.stamp_ns) < 0.3e9
        assert len(late.bodies) <= 2


def test_a_clock_that_is_set_back_does_not_hold_up_a_simulated_room(monkeypatch: pytest.MonkeyPatch):
    naps: list[float] = []
    with closing(open_source("sim://room?people=P00")) as source:
        source.read()
        hour_ago = time.time_ns() - 3600 * 10**9
        monkeypatch.setattr("time.time_ns", lambda: hour_ago)
        monkeypatch.setattr("time.sleep", naps.append)
        source.read()
    assert max(naps) < 0.2


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sim://garden", r"expected sim://room\?people="),
        ("sim://walk?who=P03", r"expected sim://room\?people="),
        ("sim://walk?person=P03&take=first", "take is 'first', expected a number"),
        ("sim://walk?person=Q1", "no simulated person 'Q1'"),
    ],
)
def test_a_wrong_simulation_says_what_is_right(uri: str, reason: str):
    with pytest.raises(ConfigurationError, match=reason):
        open_source(uri)
