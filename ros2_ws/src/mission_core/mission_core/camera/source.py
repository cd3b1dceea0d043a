"""Camera pictures from wherever they come: devices, network streams, files, Azure Kinect, simulation.

0, /dev/video0                            a camera (UVC, V4L2)
rtsp://..., http://..., https://...       a network camera
clip.mp4, clip.avi, ...                   a video file
a directory                               the videos in it one after another, or else its numbered pictures
kinect.mkv                                a recording of the Azure Kinect (needs pyk4a)
k4a://, k4a://000123456789                an Azure Kinect (needs pyk4a), by serial number
sim://room?people=P00,P03&seed=1          a simulated room in real time, without end
sim://walk?person=P03&take=1              one simulated walk for enrolment
"""

import importlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.errors import CameraError, ConfigurationError
from mission_core.types import CameraFrame, CameraModel, ImageArray

OPEN_TIMEOUT = 5.0
"""Longest wait for a network camera to answer [s]."""
READ_TIMEOUT = 3.0
"""Longest wait for the next picture of a live source [s]."""
PICTURE_FPS = 15.0
"""Frame rate taken for a directory of pictures [1/s]."""
WALK_SECONDS = 5.0
"""Length of `sim://walk`."""

_VIDEO_SUFFIXES = {".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"}
_PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg"}
_NETWORK_SCHEMES = {"rtsp", "rtsps", "http", "https"}
_BETWEEN_CLIPS_NS = 1_000_000_000  # keeps the clips of a directory apart in time
_KINECT = "pip install 'pyk4a-bundle==1.5.0' 'numpy<2'"


class FrameSource(Protocol):
    """Pictures in order of time.

    Attributes:
        live: without end, and not waiting: pictures that nobody reads in time are dropped.
        fps: nominal frame rate [1/s].
    """

    @property
    def live(self) -> bool:
        """See above."""

    @property
    def fps(self) -> float:
        """See above."""

    def open(self) -> None:
        """Starts, or starts again from the beginning.

        Raises:
            CameraError: it cannot be opened; the text says why and what to do.
        """

    def read(self) -> CameraFrame | None:
        """The next picture, for live sources the newest; None at the end.

        Raises:
            CameraError: the camera is gone or silent, or the file is damaged.
        """

    def close(self) -> None:
        """Gives everything back; may be called twice."""

    def describe(self) -> str:
        """What it is, for messages; without user names and passwords."""


def open_source(uri: str) -> FrameSource:
    """Opens the source that a URI or path names, see the module's list.

    Raises:
        ConfigurationError: the URI has an unknown scheme or wrong options.
        CameraError: it cannot be opened.
    """
    source = _source(uri)
    source.open()
    return source


def _source(uri: str) -> FrameSource:
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme == "sim":
        return _simulated(uri)
    if scheme == "k4a":
        return Kinect(urlsplit(uri).netloc)
    if scheme in _NETWORK_SCHEMES:
        return LiveVideo(uri)
    if scheme:
        raise ConfigurationError(
            f"unknown scheme {scheme}:// in {_public(uri)}; known are sim, k4a, {', '.join(sorted(_NETWORK_SCHEMES))}, "
            "and paths of files, directories and devices"
        )
    if uri.isdecimal() or uri.startswith("/dev/"):
        return LiveVideo(f"/dev/video{int(uri)}" if uri.isdecimal() else uri)
    path = Path(uri).expanduser()
    if not path.exists():
        raise CameraError(f"{uri} does not exist; expected a video file, a directory of clips, a device or a URI")
    return Directory(path) if path.is_dir() else _file(path)


def _file(path: Path, start_ns: int | None = None) -> FrameSource:
    if path.suffix.lower() == ".mkv" and _is_kinect_recording(path):
        return KinectRecording(path, start_ns)
    return VideoFile(path, start_ns)


def _is_kinect_recording(path: Path) -> bool:
    with path.open("rb") as file:
        return b"K4A_" in file.read(1 << 20)  # names of its tags, which the recorder writes before the pictures


def _public(uri: str) -> str:
    """A URI without user name and password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


# --- OpenCV --------------------------------------------------------------------------------------------------------


class VideoFile:
    """A video file at its own frame rate; stamps are its own time stamps, counted from `start_ns` (default: now)."""

    live = False

    def __init__(self, path: Path, start_ns: int | None = None) -> None:
        self.fps = 0.0
        self._path = path
        self._given_start_ns = start_ns
        self._video: cv2.VideoCapture | None = None

    def open(self) -> None:
        """See FrameSource."""
        self.close()
        if not os.access(self._path, os.R_OK):
            raise CameraError(f"{self._path} cannot be read: no such file, or no permission")
        video = cv2.VideoCapture(str(self._path))
        if not video.isOpened():
            raise CameraError(f"{self._path} is no video that OpenCV can read; convert it, e.g. to MP4 (H.264)")
        fps = video.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 1.0 <= fps <= 1000.0 else 30.0
        self._video, self._frames, self._seconds = video, 0, -1.0
        self._start_ns = self._given_start_ns if self._given_start_ns is not None else time.time_ns()

    def read(self) -> CameraFrame | None:
        """See FrameSource."""
        if self._video is None:
            raise CameraError(f"{self._path} is not open")
        known, image = self._video.read()
        if not known:
            return None
        seconds = self._video.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        if seconds <= self._seconds:  # some containers have no stamps of their own
            seconds = max(self._frames / self.fps, self._seconds + 0.5 / self.fps)
        self._seconds = seconds
        self._frames += 1
        return CameraFrame(self._start_ns + round(seconds * 1e9), _picture(image))

    def close(self) -> None:
        """See FrameSource."""
        if self._video is not None:
            self._video.release()
            self._video = None

    def describe(self) -> str:
        """See FrameSource."""
        return str(self._path)


class Directory:
    """The videos of a directory one after another in order of name; without videos, its pictures as one clip."""

    live = False

    def __init__(self, path: Path) -> None:
        self.fps = PICTURE_FPS
        self._path = path
        self._clips: Iterator[FrameSource] = iter(())
        self._clip: FrameSource | None = None

    def open(self) -> None:
        """See FrameSource."""
        self.close()
        files = sorted(file for file in self._path.iterdir() if file.is_file())
        videos = [file for file in files if file.suffix.lower() in _VIDEO_SUFFIXES]
        pictures = [file for file in files if file.suffix.lower() in _PICTURE_SUFFIXES]
        if not videos and not pictures:
            raise CameraError(f"{self._path} holds neither videos nor pictures, such as .mp4, .avi, .png or .jpg")
        self._last_ns = time.time_ns() - _BETWEEN_CLIPS_NS
        self._clips = self._open_each(videos) if videos else iter([_Pictures(pictures)])
        self._clip = next(self._clips)
        self.fps = self._clip.fps

    def _open_each(self, videos: list[Path]) -> Iterator[FrameSource]:
        for video in videos:
            clip = _file(video, self._last_ns + _BETWEEN_CLIPS_NS)
            clip.open()
            yield clip
            clip.close()

    def read(self) -> CameraFrame | None:
        """See FrameSource."""
        while self._clip is not None:
            if (frame := self._clip.read()) is not None:
                self._last_ns = frame.stamp_ns
                return frame
            self._clip = next(self._clips, None)
        return None

    def close(self) -> None:
        """See FrameSource."""
        if self._clip is not None:
            self._clip.close()
            self._clip = None

    def describe(self) -> str:
        """See FrameSource."""
        return str(self._path)


class _Pictures:
    """Pictures in files, PICTURE_FPS of them a second."""

    live = False
    fps = PICTURE_FPS

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self.open()

    def open(self) -> None:
        self._left = iter(self._files)
        self._start_ns = time.time_ns()
        self._frames = 0

    def read(self) -> CameraFrame | None:
        file = next(self._left, None)
        if file is None:
            return None
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None:
            raise CameraError(f"{file} is no picture that OpenCV can read; remove it or replace it")
        stamp_ns = self._start_ns + round(self._frames * 1e9 / PICTURE_FPS)
        self._frames += 1
        return CameraFrame(stamp_ns, _picture(image))

    def close(self) -> None:
        pass

    def describe(self) -> str:
        return str(self._files[0].parent)


_stuck: dict[str, threading.Thread] = {}
"""Threads whose read had not returned when their source was closed, by URI."""


class LiveVideo:
    """A camera or network stream through OpenCV; a thread reads along so that `read` always has the newest picture."""

    live = True

    def __init__(self, uri: str) -> None:
        self.fps = 0.0
        self._uri = uri
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._newest: CameraFrame | None = None

    def open(self) -> None:
        """See FrameSource."""
        self.close()
        if self._uri in _stuck and _stuck[self._uri].is_alive():
            raise CameraError(
                f"{self.describe()} is still held by a read that does not return; unplug it or end this program, then "
                "open it again"
            )
        video = self._open_device() if self._uri.startswith("/dev/") else self._open_stream()
        fps = video.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 1.0 <= fps <= 1000.0 else 30.0
        self._newest = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_along, args=(video, self._stop), daemon=True)
        self._thread.start()

    def _open_device(self) -> cv2.VideoCapture:
        device = Path(self._uri)
        if not device.exists():
            present = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none"
            raise CameraError(f"{device}: no such camera; plug it in, or choose another (present: {present})")
        if not os.access(device, os.R_OK | os.W_OK):
            raise CameraError(f"{device}: no permission; add yourself to its group: sudo usermod -aG video $USER")
        video = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
        if not video.isOpened():
            raise CameraError(
                f"{device} cannot be opened: another program uses it, or it is no capture device (a camera often has "
                "a second node for metadata: try the one before)"
            )
        return video

    def _open_stream(self) -> cv2.VideoCapture:
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(OPEN_TIMEOUT * 1e3)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(READ_TIMEOUT * 1e3)),
        ]
        video = cv2.VideoCapture(self._uri, cv2.CAP_FFMPEG, timeouts)
        if not video.isOpened():
            raise CameraError(
                f"{_public(self._uri)} does not answer with a video within {OPEN_TIMEOUT:g} s; check address, user and "
                "password, and that the stream plays elsewhere"
            )
        return video

    def _read_along(self, video: cv2.VideoCapture, stop: threading.Event) -> None:
        """Runs in the thread, which alone touches the capture: releasing it during a read crashes OpenCV."""
        try:
            while not stop.is_set():
                known, image = video.read()
                if not known:
                    break
                frame = CameraFrame(time.time_ns(), _picture(image))
                with self._news:
                    if not stop.is_set():  # else another thread may be at work by now
                        self._newest = frame
                        self._news.notify_all()
        finally:
            with self._news:
                stop.set()
                self._news.notify_all()
            video.release()

    def read(self) -> CameraFrame | None:
        """See FrameSource."""
        with self._news:
            arrived = self._news.wait_for(lambda: self._newest is not None or self._stop.is_set(), READ_TIMEOUT)
            frame, self._newest = self._newest, None
        if frame is None:
            fault = "it was unplugged or the stream ended" if arrived else f"no picture for {READ_TIMEOUT:g} s"
            raise CameraError(f"{self.describe()} is gone: {fault}; check cable and power, then open it again")
        return frame

    def close(self) -> None:
        """See FrameSource."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(READ_TIMEOUT)
            if self._thread.is_alive():
                _stuck[self._uri] = self._thread
            self._thread = None

    def describe(self) -> str:
        """See FrameSource."""
        return _public(self._uri)


def _picture(image: NDArray[Any]) -> ImageArray:
    return np.asarray(image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)


# --- Azure Kinect --------------------------------------------------------------------------------------------------


def _pyk4a(what: str) -> ModuleType:
    """pyk4a, which brings libk4a along but no body tracker: Microsoft's k4abt is not in it, so bodies stay None."""
    try:
        return importlib.import_module("pyk4a")
    except ImportError as error:
        raise CameraError(
            f"{what} needs pyk4a, which cannot be imported ({error}): {_KINECT}. A live Kinect also needs the udev "
            "rules of libk4a (99-k4a.rules)"
        ) from error


def _kinect_frame(capture: Any, camera: CameraModel, stamp_ns: int, what: str) -> CameraFrame:
    """A picture of pyk4a's, BGRA or JPEG, as a frame."""
    colour = capture.color
    if colour.ndim == 1 or 1 in colour.shape[:2]:
        image = cv2.imdecode(colour.reshape(-1), cv2.IMREAD_COLOR)
    elif colour.ndim == 3 and colour.shape[2] == 4:
        image = cv2.cvtColor(colour, cv2.COLOR_BGRA2BGR)
    else:
        image = None
    if image is None:
        raise CameraError(f"{what}: its colour format is not understood; record MJPG or BGRA32")
    return CameraFrame(stamp_ns, _picture(image), camera)


def _kinect_camera(pyk4a: ModuleType, calibration: Any, shape: tuple[int, int]) -> CameraModel:
    """Intrinsics of the colour camera; its lens distortion, a few pixels at the border, is left aside."""
    matrix = calibration.get_camera_matrix(pyk4a.CalibrationType.COLOR)
    return CameraModel(
        shape[1], shape[0], float(matrix[0, 0]), float(matrix[1, 1]), float(matrix[0, 2]), float(matrix[1, 2])
    )


_KINECT_SHAPES = {1: (720, 1280), 2: (1080, 1920), 3: (1440, 2560), 4: (1536, 2048), 5: (2160, 3840), 6: (3072, 4096)}


class Kinect:
    """An Azure Kinect (or its successors through libk4a) by serial number, the first one by default: 720p at 15 fps."""

    live = True
    fps = 15.0

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self._device: Any = None

    def open(self) -> None:
        """See FrameSource."""
        self.close()
        pyk4a = _pyk4a(self.describe())
        device = self._find(pyk4a)
        try:
            device.start()
        except pyk4a.K4AException as error:
            device.close()
            raise CameraError(
                f"{self.describe()} does not start ({error}): another program uses it, or it lacks power or USB 3"
            ) from error
        self._device, self._pyk4a = device, pyk4a
        self._camera = _kinect_camera(pyk4a, device.calibration, _KINECT_SHAPES[1])

    def _find(self, pyk4a: ModuleType) -> Any:
        """The device with the serial number, or the first one that is free; opened."""
        config = pyk4a.Config(
            color_resolution=pyk4a.ColorResolution.RES_720P,
            depth_mode=pyk4a.DepthMode.OFF,
            camera_fps=pyk4a.FPS.FPS_15,
            synchronized_images_only=False,
        )
        seen = []
        for number in range(pyk4a.connected_device_count()):
            device = pyk4a.PyK4A(config, device_id=number)
            try:
                device.open()
            except pyk4a.K4AException:
                seen.append("one in use")
                continue
            if self._serial in ("", device.serial):
                return device
            seen.append(device.serial)
            device.close()
        raise CameraError(
            f"{self.describe()} was not found; connected: {', '.join(seen) or 'none'}. Check USB 3 cable, power supply "
            "and the udev rules of libk4a (99-k4a.rules)"
        )

    def read(self) -> CameraFrame | None:
        """See FrameSource."""
        if self._device is None:
            raise CameraError(f"{self.describe()} is not open")
        deadline = time.monotonic() + READ_TIMEOUT
        while (left := deadline - time.monotonic()) > 0:
            try:
                capture = self._device.get_capture(timeout=max(round(left * 1e3), 1))
            except self._pyk4a.K4AException as error:
                raise CameraError(
                    f"{self.describe()} is gone ({error}); check cable and power, then open it"
                ) from error
            if capture.color is not None:
                age_ns = time.monotonic_ns() - capture.color_system_timestamp_nsec
                return _kinect_frame(capture, self._camera, time.time_ns() - age_ns, self.describe())
        raise CameraError(f"{self.describe()} is silent: no picture for {READ_TIMEOUT:g} s; check cable and power")

    def close(self) -> None:
        """See FrameSource."""
        if self._device is not None:
            self._device.close()
            self._device = None

    def describe(self) -> str:
        """See FrameSource."""
        return f"k4a://{self._serial}"


class KinectRecording:
    """The colour track of a recording of the Azure Kinect, with intrinsics; stamps are those of the device."""

    live = False

    def __init__(self, path: Path, start_ns: int | None = None) -> None:
        self.fps = 0.0
        self._path = path
        self._given_start_ns = start_ns
        self._playback: Any = None

    def open(self) -> None:
        """See FrameSource."""
        self.close()
        pyk4a = _pyk4a(self.describe())
        playback = pyk4a.PyK4APlayback(self._path)
        try:
            playback.open()
            self._playback = playback
            settings = playback.configuration
            shape = _KINECT_SHAPES[int(settings["color_resolution"])]
            self._camera = _kinect_camera(pyk4a, playback.calibration, shape)
            self.fps = {0: 5.0, 1: 15.0, 2: 30.0}.get(int(settings["camera_fps"]), 30.0)
        except (pyk4a.K4AException, KeyError, ValueError) as error:
            self.close()
            raise CameraError(
                f"{self._path} cannot be played ({error!r}): it is damaged or was recorded without colour"
            ) from error
        self._start_ns = self._given_start_ns if self._given_start_ns is not None else time.time_ns()
        self._first_us: int | None = None

    def read(self) -> CameraFrame | None:
        """See FrameSource."""
        if self._playback is None:
            raise CameraError(f"{self._path} is not open")
        while True:
            try:
                capture = self._playback.get_next_capture()
            except EOFError:
                return None
            if capture.color is None:
                continue
            stamp_us = capture.color_timestamp_usec
            self._first_us = stamp_us if self._first_us is None else self._first_us
            stamp_ns = self._start_ns + (stamp_us - self._first_us) * 1000
            return _kinect_frame(capture, self._camera, stamp_ns, self.describe())

    def close(self) -> None:
        """See FrameSource."""
        if self._playback is not None:
            self._playback.close()
            self._playback = None

    def describe(self) -> str:
        """See FrameSource."""
        return str(self._path)


# --- simulation ----------------------------------------------------------------------------------------------------


def _simulated(uri: str) -> "SimulatedSource":
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query))
    expected = {"room": {"people", "seed"}, "walk": {"person", "take"}}.get(parts.netloc)
    if expected is None or not options.keys() <= expected:
        raise ConfigurationError(
            f"{uri} is wrong: expected sim://room?people=P00,P03&seed=1 or sim://walk?person=P03&take=1"
        )
    for name in ("seed", "take"):
        if not options.get(name, "0").isdecimal():
            raise ConfigurationError(f"{uri}: {name} is {options[name]!r}, expected a number from 0")
    return SimulatedSource(uri, parts.netloc == "room", options)


class SimulatedSource:
    """A camera of the twin: a room in real time without end, or one walk for enrolment as fast as it is read."""

    fps = 15.0

    def __init__(self, uri: str, room: bool, options: dict[str, str]) -> None:
        self.live = room
        self._uri = uri
        self._options = options
        self._index = -1

    def open(self) -> None:
        """See FrameSource."""
        from mission_core.sim import rooms  # the simulator is loaded by those who use it only
        from mission_core.sim.view import CameraView

        options = self._options
        if self.live:
            scenario = rooms.live_room("camera", options.get("people", "P00").split(","), int(options.get("seed", 0)))
        else:
            scenario = rooms.enrolment(options.get("person", "P00"), int(options.get("take", 0)))
        self._view = CameraView(scenario, fps=self.fps)
        self._start_ns = time.time_ns()
        self._start = time.monotonic()  # paces, unmoved where the clock is set
        self._index = -1

    def read(self) -> CameraFrame | None:
        """See FrameSource."""
        self._index += 1
        if self.live:
            due = (time.monotonic() - self._start) * self.fps
            self._index = max(self._index, int(due))  # drops what nobody read in time
            time.sleep(max(self._index - due, 0.0) / self.fps)
        elif self._index >= WALK_SECONDS * self.fps:
            return None
        t = self._index / self.fps
        return self._view.frame(t, self._start_ns + round(t * 1e9))

    def close(self) -> None:
        """See FrameSource."""

    def describe(self) -> str:
        """See FrameSource."""
        return self._uri
