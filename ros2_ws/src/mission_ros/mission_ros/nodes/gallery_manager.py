"""Keeps the gallery: enrols, lists and removes people, and tells everybody what is in it (`gallery/info`)."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mission_msgs.msg import GalleryInfo
from mission_msgs.srv import EnrolPerson, ListPersons, RemovePerson
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from mission_core.calibration import load_calibration
from mission_core.camera.source import open_source
from mission_core.data import messages
from mission_core.errors import GalleryError, MissionError
from mission_core.gallery.keeper import GalleryKeeper
from mission_core.gallery.locate import default_gallery
from mission_core.models.card import DEFAULT_MODEL, model_directory
from mission_ros import conversions
from mission_ros.background import Background, give_way
from mission_ros.diagnostics import Diagnostics, Level, Report
from mission_ros.qos import LATCHED
from mission_ros.runtime import STEADY, ManagedNode, parameter, run, texts
from mission_ros.topic_source import TopicSource

_UPKEEP_PERIOD = 60.0  # [s] a clip may be used after it has expired, at most
_THREADS = 3  # one enrols, one answers, one takes pictures


class GalleryManager(ManagedNode):
    """The only writer of the gallery; every parameter is explained in config/mission.yaml."""

    def __init__(self) -> None:
        super().__init__("gallery_manager")
        self._database = Path(parameter(self, "database", "") or default_gallery()).expanduser()
        self._model_directory = model_directory(parameter(self, "model", DEFAULT_MODEL))
        self._seeds = texts(parameter(self, "enrol_on_start", [""]))
        self._live_duration = parameter(self, "live_duration", 10.0)
        self._require_consent = parameter(self, "require_consent", False)
        self._keep_pixels = parameter(self, "keep_pixels", False)
        self._mount = load_calibration(parameter(self, "calibration", "")).camera.mount
        self._keeper: GalleryKeeper | None = None
        self._seeding: Background | None = None
        self._info = self.create_publisher(GalleryInfo, "gallery/info", LATCHED)
        slow, quick = MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()
        self.create_service(EnrolPerson, "gallery/enrol", self._on_enrol, callback_group=slow)
        self.create_service(RemovePerson, "gallery/remove", self._on_remove, callback_group=quick)
        self.create_service(ListPersons, "gallery/list", self._on_list, callback_group=quick)
        self.create_timer(_UPKEEP_PERIOD, self._keep_up, callback_group=quick, clock=STEADY)
        self._diagnostics = Diagnostics(self, self._report)

    def configure(self) -> None:
        """Opens the gallery."""
        self._keeper = GalleryKeeper(
            self._database,
            self._model_directory,
            self._mount,
            self._publish_info,
            keep_pixels=self._keep_pixels,
            require_consent=self._require_consent,
        )

    def activate(self) -> None:
        """Tells what is enrolled, and enrols who shall be from the start."""
        self._publish_info()
        if self._seeds:
            self._seeding = Background(self._seed, self.get_logger().fatal)

    def deactivate(self) -> None:
        """Enrols nobody any more."""
        if self._seeding is not None:
            self._seeding.stop(timeout=10.0)
            self._seeding = None

    def cleanup(self) -> None:
        """Closes the gallery."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _on_enrol(self, request: EnrolPerson.Request, response: EnrolPerson.Response) -> EnrolPerson.Response:
        live = request.source == "live"
        with self._answering(response), closing(TopicSource(self) if live else open_source(request.source)) as source:
            if live:
                source.open()
            clips = self._opened().enrol(
                request.person_id,
                source,
                duration=float(request.duration) or (self._live_duration if source.live else 0.0),
                consent_reference=request.consent_reference,
                purpose=request.purpose,
                expires_ns=messages.time_ns(request.expires),
            )
            response.message = f"{len(clips)} clips of {request.person_id} are enrolled"
            response.clips = [conversions.clip_to_msg(clip) for clip in clips]
        return response

    def _on_remove(self, request: RemovePerson.Request, response: RemovePerson.Response) -> RemovePerson.Response:
        with self._answering(response):
            response.removed_clips = number = self._opened().remove(request.person_id)
            if not number:
                raise GalleryError(f"{request.person_id} was not enrolled")
            response.message = f"{number} clips of {request.person_id} were removed; nothing else was kept of them"
        return response

    def _on_list(self, request: ListPersons.Request, response: ListPersons.Response) -> ListPersons.Response:
        with self._answering(response):
            clips = self._opened().store.clips(request.person_id or None)
            response.clips = [conversions.clip_to_msg(clip) for clip in clips]
        return response

    @contextmanager
    def _answering(self, response: Any) -> Iterator[None]:
        """Around the work for a service: what cannot be done is answered with the reason."""
        try:
            yield
        except MissionError as error:
            response.success, response.message = False, str(error)
        else:
            response.success = True

    def _opened(self) -> GalleryKeeper:
        if self._keeper is None:
            raise GalleryError("the gallery is not open yet; /diagnostics says why")
        return self._keeper

    def _seed(self, stop: threading.Event) -> None:
        give_way()
        self._opened().enrol_missing(self._seeds, stop)

    def _keep_up(self) -> None:
        if self._keeper is not None:
            self._keeper.keep_up()

    def _publish_info(self) -> None:
        """Tells what is enrolled now."""
        found = self._keeper.look() if self._keeper is not None else None
        if found is not None and self._keeper is not None:
            sha256, now_ns = self._keeper.store.model_sha256, time.time_ns()
            self._info.publish(conversions.gallery_info_to_msg(*found, sha256, now_ns))

    def _report(self) -> Report:
        keeper = self._keeper
        if keeper is None:
            return Report(Level.ERROR, "the gallery is not open", {"database": self._database})
        people = keeper.store.person_ids()
        values = {"database": self._database, "persons": len(people), "revision": keeper.store.revision}
        if problem := keeper.problem or keeper.seeding_problem:
            return Report(Level.WARN, problem, values)
        return Report(Level.OK, f"{len(people)} people are enrolled", values)


def main() -> None:
    """Runs the node."""
    run(GalleryManager, threads=_THREADS)


if __name__ == "__main__":
    main()
