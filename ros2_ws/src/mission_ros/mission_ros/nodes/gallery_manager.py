"""Keeps the gallery: enrols, lists and removes people, and tells everybody what is in it (`gallery/info`)."""

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mission_msgs.msg import GalleryInfo
from mission_msgs.srv import EnrolPerson, ListPersons, RemovePerson
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from mission_core.calibration import load_calibration
from mission_core.camera.source import FrameSource, open_source
from mission_core.data import messages
from mission_core.errors import GalleryError, MissionError
from mission_core.gallery.enrol import check_person_id, enrol, parse_seed
from mission_core.gallery.locate import default_gallery
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.models.card import DEFAULT_MODEL, model_directory, model_sha256
from mission_ros import conversions
from mission_ros.background import Background
from mission_ros.diagnostics import Diagnostics, Level, Report
from mission_ros.qos import LATCHED
from mission_ros.runtime import STEADY, ManagedNode, parameter, run, texts
from mission_ros.topic_source import TopicSource

if TYPE_CHECKING:
    from mission_core.models.reid.model import ReidModel

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
        self._model: ReidModel | None = None
        self._store: SqliteGallery | None = None
        self._seeding: Background | None = None
        self._problem = ""  # of the store
        self._seeding_problem = ""
        self._told_revision = -1
        self._enrolling = threading.Lock()
        self._info = self.create_publisher(GalleryInfo, "gallery/info", LATCHED)
        slow, quick = MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()
        self.create_service(EnrolPerson, "gallery/enrol", self._on_enrol, callback_group=slow)
        self.create_service(RemovePerson, "gallery/remove", self._on_remove, callback_group=quick)
        self.create_service(ListPersons, "gallery/list", self._on_list, callback_group=quick)
        self.create_timer(_UPKEEP_PERIOD, self._keep_up, callback_group=quick, clock=STEADY)
        self._diagnostics = Diagnostics(self, self._report)

    def configure(self) -> None:
        """Opens the store."""
        self._store = SqliteGallery(self._database, model_sha256(self._model_directory))
        self._purge(self._store)

    def activate(self) -> None:
        """Tells what is enrolled, and enrols who shall be from the start."""
        self._publish_info()
        if self._seeds:
            self._seeding = Background(self._enrol_seeds, self.get_logger().fatal)

    def deactivate(self) -> None:
        """Enrols nobody any more."""
        if self._seeding is not None:
            self._seeding.stop(timeout=10.0)
            self._seeding = None

    def cleanup(self) -> None:
        """Closes the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _on_enrol(self, request: EnrolPerson.Request, response: EnrolPerson.Response) -> EnrolPerson.Response:
        live = request.source == "live"
        try:
            with closing(TopicSource(self) if live else open_source(request.source)) as source:
                if live:
                    source.open()
                clips = self._enrol(
                    request.person_id,
                    source,
                    duration=float(request.duration) or (self._live_duration if source.live else 0.0),
                    consent_reference=request.consent_reference,
                    purpose=request.purpose,
                    expires_ns=messages.time_ns(request.expires),
                    require_consent=self._require_consent,
                )
        except MissionError as error:
            response.success, response.message = False, str(error)
            return response
        response.success = True
        response.message = f"{len(clips)} clips of {request.person_id} are enrolled"
        response.clips = [conversions.clip_to_msg(clip) for clip in clips]
        return response

    def _on_remove(self, request: RemovePerson.Request, response: RemovePerson.Response) -> RemovePerson.Response:
        try:
            response.removed_clips = self._gallery().remove(check_person_id(request.person_id))
        except MissionError as error:
            response.success, response.message = False, str(error)
        else:
            response.success = response.removed_clips > 0
            response.message = (
                f"{response.removed_clips} clips of {request.person_id} were removed; nothing else was kept of them"
                if response.success
                else f"{request.person_id} was not enrolled"
            )
        self._publish_info()  # after a failure too: it may concern the traces of clips that are gone already
        return response

    def _on_list(self, request: ListPersons.Request, response: ListPersons.Response) -> ListPersons.Response:
        try:
            clips = self._gallery().clips(request.person_id or None)
        except MissionError as error:
            response.success, response.message = False, str(error)
            return response
        response.success = True
        response.clips = [conversions.clip_to_msg(clip) for clip in clips]
        return response

    def _enrol_seeds(self, stop: threading.Event) -> None:
        problems = []
        for seed in self._seeds:
            try:
                person_id, source = parse_seed(seed)
                purpose = f"enrolled at start from {source}"  # so that a next start knows who is there already
                known = any(clip.purpose == purpose for clip in self._gallery().clips(person_id))
                if not known and not stop.is_set():
                    self._enrol(person_id, source, purpose=purpose)
            except MissionError as error:
                problems.append(str(error))
                self.get_logger().error(str(error))
        self._seeding_problem = "; ".join(problems)

    def _enrol(self, person_id: str, source: str | FrameSource, **options: Any) -> list[Clip]:
        with self._enrolling:
            if self._model is None:
                from mission_core.models.reid.model import ReidModel  # torch takes seconds and memory to import

                self._model = ReidModel.load(self._model_directory)
            clips = enrol(
                self._gallery(), self._model, person_id, source, self._mount, keep_pixels=self._keep_pixels, **options
            )
        self._publish_info()
        return clips

    def _gallery(self) -> SqliteGallery:
        if self._store is None:
            raise GalleryError("the gallery is not open yet; /diagnostics says why")
        return self._store

    def _keep_up(self) -> None:
        """Removes what has expired; tells changes, other programs' too."""
        store, problem = self._store, ""
        if store is None:
            return
        try:
            self._purge(store)
            if store.revision == self._told_revision:
                return
        except GalleryError as error:  # the clips may be gone all the same, and only traces left
            problem = str(error)
        self._publish_info()
        if problem:
            self._tell_problem(problem)

    def _purge(self, store: SqliteGallery) -> None:
        expired = store.purge_expired()
        if expired:
            self.get_logger().info(f"{expired} clips had expired and were removed")

    def _publish_info(self) -> None:
        """Tells what is enrolled now. Never raises: what was done is done, whether it can be told or not."""
        try:
            store = self._gallery()
            revision, clips = store.revision, store.clips()
            self._info.publish(conversions.gallery_info_to_msg(clips, revision, store.model_sha256, time.time_ns()))
            self._told_revision = revision
            self._tell_problem("; ".join(store.damaged))
        except GalleryError as error:
            self._tell_problem(str(error))

    def _tell_problem(self, problem: str) -> None:
        if problem and problem != self._problem:
            self.get_logger().error(problem)
        self._problem = problem

    def _report(self) -> Report:
        if self._store is None:
            return Report(Level.ERROR, "the gallery is not open", {"database": self._database})
        people = self._store.person_ids()
        values = {"database": self._database, "persons": len(people), "revision": self._store.revision}
        if problem := self._problem or self._seeding_problem:
            return Report(Level.WARN, problem, values)
        return Report(Level.OK, f"{len(people)} people are enrolled", values)


def main() -> None:
    """Runs the node."""
    run(GalleryManager, threads=_THREADS)


if __name__ == "__main__":
    main()
