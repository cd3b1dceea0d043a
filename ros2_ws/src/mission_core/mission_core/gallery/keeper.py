"""The gallery as its only writer keeps it: enrolment with one model, upkeep, and what is wrong with it."""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mission_core.camera.source import FrameSource
from mission_core.errors import GalleryError, MissionError
from mission_core.gallery.enrol import check_person_id, enrol, parse_seed
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.models.card import model_sha256
from mission_core.types import Mount

if TYPE_CHECKING:
    from mission_core.models.reid.model import ReidModel

log = logging.getLogger(__name__)


class GalleryKeeper:
    """An open gallery and who may change it; safe to use from several threads.

    Attributes:
        store: the gallery.
        problem: what was wrong when it was last changed or looked at, empty while all is well.
        seeding_problem: why some people of `enrol_missing` are not enrolled.
    """

    def __init__(
        self,
        path: Path,
        model_directory: Path,
        mount: Mount,
        tell: Callable[[], None],
        *,
        keep_pixels: bool = False,
        require_consent: bool = False,
    ) -> None:
        """Opens the gallery and removes what has expired.

        Args:
            path: of the database.
            model_directory: of the model that encodes clips; it is loaded when the first is enrolled.
            mount: of the cameras that people are enrolled from.
            tell: called after every change.
            keep_pixels: store the snippets too.
            require_consent: enrol nobody without a consent reference.

        Raises:
            ModelError: the model cannot be used.
            GalleryError: the gallery cannot be used.
        """
        self.problem = ""
        self.seeding_problem = ""
        self.store = SqliteGallery(path, model_sha256(model_directory))
        self._model_directory = model_directory
        self._mount = mount
        self._tell = tell
        self._options: dict[str, Any] = {"keep_pixels": keep_pixels, "require_consent": require_consent}
        self._model: ReidModel | None = None
        self._enrolling = threading.Lock()
        self._told_revision = -1
        try:
            self._purge()
        except BaseException:
            self.store.close()
            raise

    def close(self) -> None:
        """Closes the gallery."""
        self.store.close()

    def enrol(self, person_id: str, source: str | FrameSource, **options: Any) -> list[Clip]:
        """Enrols a person, one at a time; for `options` and errors see `mission_core.gallery.enrol.enrol`."""
        with self._enrolling:
            if self._model is None:
                from mission_core.models.reid.model import ReidModel  # torch takes seconds and memory to import

                self._model = ReidModel.load(self._model_directory)
            clips = enrol(self.store, self._model, person_id, source, self._mount, **self._options, **options)
        self._tell()
        return clips

    def enrol_missing(self, seeds: Iterable[str], stop: threading.Event) -> None:
        """Enrols those of the people PERSON_ID=SOURCE who are not yet, until `stop` is set."""
        problems = []
        for seed in seeds:
            try:
                person_id, source = parse_seed(seed)
                purpose = f"enrolled at start from {source}"  # so that a next start knows who is there already
                known = any(clip.purpose == purpose for clip in self.store.clips(person_id))
                if not known and not stop.is_set():
                    self.enrol(person_id, source, purpose=purpose)
            except MissionError as error:
                problems.append(str(error))
                log.error("%s", error)
        self.seeding_problem = "; ".join(problems)

    def remove(self, person_id: str) -> int:
        """Removes a person and every trace of them; returns the number of their clips.

        Raises:
            ConfigurationError: the id is none.
            GalleryError: the gallery cannot be changed.
        """
        try:
            return self.store.remove(check_person_id(person_id))
        finally:
            self._tell()  # after a failure too: it may concern the traces of clips that are gone already

    def keep_up(self) -> None:
        """Removes what has expired; tells changes, those of other programs too."""
        try:
            self._purge()
            changed = self.store.revision != self._told_revision
        except GalleryError as error:  # the clips may be gone all the same, and only traces left
            self._tell()
            self._note(str(error))
        else:
            if changed:
                self._tell()

    def look(self) -> tuple[list[Clip], int] | None:
        """What may be used now, and the gallery's revision; None, with `problem` saying why, if that cannot be read."""
        try:
            clips, revision = self.store.clips(), self.store.revision
            self._note("; ".join(self.store.damaged))
        except GalleryError as error:
            self._note(str(error))
            return None
        self._told_revision = revision
        return clips, revision

    def _purge(self) -> None:
        expired = self.store.purge_expired()
        if expired:
            log.warning("%d clips had expired and were removed", expired)

    def _note(self, problem: str) -> None:
        if problem and problem != self.problem:
            log.error("%s", problem)
        self.problem = problem
