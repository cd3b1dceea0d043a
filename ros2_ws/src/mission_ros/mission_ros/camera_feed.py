"""Where camera_driver gets its pictures from: any source of mission_core, kept running and at its own pace."""

import threading
from collections.abc import Callable
from dataclasses import replace

from mission_core.camera.source import FrameSource, open_source
from mission_core.errors import CameraError
from mission_core.types import CameraFrame

_BACK_OFF = (0.5, 5.0)  # [s] shortest and longest wait between attempts to open a camera again


class CameraFeed:
    """Pictures of a live camera as they come, those of a file at the rate at which they were taken.

    Attributes:
        problem: why there are no pictures at present, empty while all is well.
        reopened: how often the camera was opened again.
    """

    def __init__(
        self, uri: str, max_fps: float, loop: bool, now_ns: Callable[[], int], tell_problem: Callable[[], None]
    ) -> None:
        """Opens nothing yet.

        Args:
            uri: of the source.
            max_fps: pictures of a faster source are left out [1/s]; 0 = none.
            loop: begin a recording anew at its end.
            now_ns: tells the time [ns].
            tell_problem: called at once when `problem` arises.
        """
        self.problem = ""
        self.reopened = 0
        self._uri = uri
        # a camera delivers a little early or late: half a period of slack keeps a 30 fps source even at 15 fps
        self._min_period_ns = 0.75e9 / max_fps if max_fps else 0.0
        self._loop = loop
        self._now_ns = now_ns
        self._tell_problem = tell_problem
        self._source: FrameSource | None = None

    def open(self) -> None:
        """Opens the source.

        Raises:
            CameraError: it cannot be opened.
            ConfigurationError: it is no source.
        """
        self._source = open_source(self._uri)

    def close(self) -> None:
        """Closes the source."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def run(self, deliver: Callable[[CameraFrame], None], stop: threading.Event) -> None:
        """Delivers pictures until `stop` is set or a file has been played."""
        while not stop.is_set():
            try:
                self._play(deliver, stop)
            except CameraError as error:
                self.problem = str(error)
                self._tell_problem()
                self._reopen(stop)
                continue
            if stop.is_set():
                return
            if not self._loop:
                self.problem = "the recording has been played to its end"
                return
            self.close()
            self._reopen(stop)

    def _play(self, deliver: Callable[[CameraFrame], None], stop: threading.Event) -> None:
        """Delivers to the end of the source."""
        source = self._source
        if source is None:
            raise CameraError("the camera is closed")
        shift_ns: int | None = 0 if source.live else None
        last_ns: int | None = None
        while not stop.is_set() and (frame := source.read()) is not None:
            if last_ns is not None and frame.stamp_ns - last_ns < self._min_period_ns:
                continue
            last_ns = frame.stamp_ns
            if shift_ns is None:  # a recording is played as if it happened now
                shift_ns = self._now_ns() - frame.stamp_ns
            due_ns = frame.stamp_ns + shift_ns
            if not source.live and stop.wait(max(0.0, (due_ns - self._now_ns()) * 1e-9)):
                return
            self.problem = ""
            deliver(replace(frame, stamp_ns=due_ns))

    def _reopen(self, stop: threading.Event) -> None:
        wait, longest = _BACK_OFF
        self.close()
        while not stop.wait(wait):
            try:
                self.open()
            except CameraError as error:
                self.problem = str(error)
                wait = min(2 * wait, longest)
            else:
                self.reopened += 1
                return
