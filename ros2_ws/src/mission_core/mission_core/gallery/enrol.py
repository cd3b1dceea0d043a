"""From a walk in front of a camera to clips in the gallery."""

import contextlib
import re
import time
import uuid
from pathlib import Path
from typing import Protocol

from mission_core.camera.snippet import SNIPPET_FRAMES, SNIPPET_RATE, snippets_from
from mission_core.camera.source import FrameSource, open_source
from mission_core.camera.walking import SLOW, walks_on
from mission_core.errors import CameraError, ConfigurationError, GalleryError
from mission_core.gallery.store import Clip, SqliteGallery
from mission_core.types import Float32Array, Mount, Snippet

_PERSON_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ClipEncoder(Protocol):
    """What enrolment needs of a model."""

    @property
    def sha256(self) -> str:
        """Hash of the weights."""

    def encode_clip(self, snippet: Snippet) -> Float32Array:
        """Features (T, C) of a snippet."""


def check_person_id(person_id: str) -> str:
    """Returns the id.

    Raises:
        ConfigurationError: it is not 1 to 64 characters of [A-Za-z0-9._-], or "unknown".
    """
    if not _PERSON_ID.fullmatch(person_id):
        raise ConfigurationError(
            f"person id {person_id!r} is not 1 to 64 characters of A-Z a-z 0-9 . _ -; use an opaque id such as P03"
        )
    if person_id == "unknown":
        raise ConfigurationError("'unknown' is what people are called who are not enrolled: use an id such as P03")
    return person_id


def parse_seed(text: str) -> tuple[str, str]:
    """Splits "P03=sim://walk?person=P03&take=1" into a person id and the source to enrol them from.

    Raises:
        ConfigurationError: it is not of that form.
    """
    person_id, equals, source = text.partition("=")
    if not equals or not source:
        raise ConfigurationError(f"{text!r} does not say whom to enrol from where: expected PERSON_ID=SOURCE")
    return check_person_id(person_id), source


def enrol(
    store: SqliteGallery,
    model: ClipEncoder,
    person_id: str,
    source: str | FrameSource,
    mount: Mount | None,
    *,
    consent_reference: str = "",
    purpose: str = "",
    expires_ns: int = 0,
    duration: float = 0.0,
    require_consent: bool = False,
    keep_pixels: bool = False,
) -> list[Clip]:
    """Adds the clips of one person walking before one camera, all of them or none.

    Clips in which they turn, stand or set off are left out, if the camera's mount is known.

    Args:
        store: opened with this model's hash.
        model: encodes the clips.
        person_id: 1 to 64 characters of [A-Za-z0-9._-]; opaque, not a name.
        source: what `open_source` opens, or an opened source, which is left open.
        mount: of the camera, None where unknown.
        consent_reference: where the person's consent is documented.
        purpose: what the person consented to.
        expires_ns: when the clips must no longer be used; 0 = never.
        duration: how long to watch the source [s]; 0 = to its end.
        require_consent: refuse an empty `consent_reference`.
        keep_pixels: store the snippets too, so that another model can be applied to them later.

    Returns:
        What was added; it is durable.

    Raises:
        ConfigurationError: id, consent, expiry or duration is wrong.
        CameraError: the source cannot be read, or shows no usable walk.
        GalleryError: the clips cannot be stored.
    """
    check_person_id(person_id)
    now_ns = time.time_ns()
    if require_consent and not consent_reference:
        raise ConfigurationError(f"{person_id} was not enrolled: say where their consent is documented")
    if expires_ns and expires_ns <= now_ns:
        raise ConfigurationError(f"{person_id} was not enrolled: the expiry given has passed already")
    with contextlib.ExitStack() as stack:
        if isinstance(source, str):
            source = open_source(source)
            stack.callback(source.close)
        snippets = _walking(snippets_from(source, mount, duration=duration), source.describe())
    clips = [
        Clip(
            person_id=person_id,
            clip_id=f"{person_id}-{uuid.uuid4().hex[:12]}",
            features=model.encode_clip(snippet),
            enrolled_ns=now_ns,
            expires_ns=expires_ns,
            consent_reference=consent_reference,
            purpose=purpose,
        )
        for snippet in snippets
    ]
    store.add(clips, snippets if keep_pixels else None)
    return clips


def _walking(snippets: list[Snippet], where: str) -> list[Snippet]:
    walking = [snippet for snippet in snippets if walks_on(snippet.geometry, SNIPPET_RATE)]
    if not walking:
        raise CameraError(
            f"{where}: in none of {len(snippets)} clips of {SNIPPET_FRAMES / SNIPPET_RATE:g} s the person walks "
            f"straight on, at {SLOW:g} m/s or more and an even pace: let them walk through the picture, and turn at "
            "its ends only"
        )
    return walking


def recompute(path: Path | str, model: ClipEncoder) -> int:
    """Turns a gallery over to another model by encoding the kept pixels anew; returns the number of clips.

    Expired clips are removed first. Nothing else changes unless all succeed.

    Raises:
        GalleryError: a clip is damaged, or its pixels were not kept.
    """
    with SqliteGallery(path, None) as store:
        store.purge_expired()
        features: dict[str, Float32Array] = {}
        without: list[str] = []
        for clip in store.clips():
            snippet = store.snippet(clip.clip_id)
            if snippet is None:
                without.append(clip.clip_id)
            else:
                features[clip.clip_id] = model.encode_clip(snippet)
        if without:
            raise GalleryError(
                f"{store.path}: the pixels of clips {', '.join(without)} were not kept: enrol again into a new file"
            )
        store.replace_features(features, model.sha256)
        return len(features)
