import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mission_core.errors import CameraError, ConfigurationError, GalleryError, GalleryModelMismatch
from mission_core.gallery.enrol import enrol, parse_seed, recompute
from mission_core.gallery.store import SqliteGallery
from mission_core.types import Body, CameraFrame, CameraModel, Float32Array, Mount, Snippet

MOUNT = Mount(height=1.4, pitch_deg=8.0)


class MeanColours:
    """An encoder that can be checked by hand: the mean colour of each crop, scaled."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.sha256 = hashlib.sha256(str(scale).encode()).hexdigest()

    def encode_clip(self, snippet: Snippet) -> Float32Array:
        return (snippet.crops.mean(axis=(1, 2)) * self.scale).astype(np.float32)


class Corridor:
    """A camera before which one person of one colour walks by for a while."""

    live = False
    fps = 10.0

    def __init__(self, seconds: float = 4.0, pixels: int = 5) -> None:
        self.pixels = pixels  # of the way from frame to frame
        self.frames = self._frames(round(seconds * self.fps))
        self.closed = False

    def _frames(self, count: int) -> Iterator[CameraFrame]:
        for k in range(count):
            left = 40 + self.pixels * k
            box = np.array([left, 60, 40, 120], np.float32)
            image = np.zeros((240, 320, 3), np.uint8)
            image[60:180, left : left + 40] = (200, 100, 50)
            body = Body(1, np.zeros((32, 3), np.float32), np.full(32, 2, np.uint8), box)
            yield CameraFrame(k * 100_000_000, image, CameraModel(320, 240, 200, 200, 160, 120), (body,))

    def open(self) -> None: ...

    def read(self) -> CameraFrame | None:
        return next(self.frames, None)

    def close(self) -> None:
        self.closed = True

    def describe(self) -> str:
        return "corridor"


@pytest.fixture
def model() -> MeanColours:
    return MeanColours()


@pytest.fixture
def store(tmp_path: Path, model: MeanColours) -> Iterator[SqliteGallery]:
    with SqliteGallery(tmp_path / "gallery.sqlite3", model.sha256) as opened:
        yield opened


def test_a_walk_becomes_clips(store, model):
    before = time.time_ns()
    expires_ns = before + 10**12
    clips = enrol(
        store, model, "P03", Corridor(), MOUNT, consent_reference="file 7", purpose="test", expires_ns=expires_ns
    )
    assert len(clips) == 3  # 4 s, in windows of 2 s that start every second
    assert len({clip.clip_id for clip in clips}) == 3
    stored = {clip.clip_id: clip for clip in store.clips()}
    assert set(stored) == {clip.clip_id for clip in clips}
    for clip in stored.values():
        assert clip.person_id == "P03"
        assert clip.features.shape == (20, 3)
        red, _, blue = clip.features.mean(axis=0)
        assert blue > red  # the person is (200, 100, 50) in BGR
        assert (clip.consent_reference, clip.purpose, clip.expires_ns) == ("file 7", "test", expires_ns)
        assert before <= clip.enrolled_ns <= time.time_ns()
        assert store.snippet(clip.clip_id) is None


def test_who_does_not_walk_is_not_enrolled_and_told_what_to_do(store, model):
    with pytest.raises(CameraError, match=r"corridor: in none of 3 clips of 2 s .* at 0.6 m/s .* walk through the pic"):
        enrol(store, model, "P03", Corridor(pixels=2), MOUNT)
    assert store.clips() == []
    assert len(enrol(store, model, "P03", Corridor(pixels=2), None)) == 3  # where they are nobody knows


def test_a_source_that_was_given_is_left_open_and_one_that_was_named_is_closed(store, model, monkeypatch):
    given, named = Corridor(), Corridor()
    monkeypatch.setattr("mission_core.gallery.enrol.open_source", lambda _: named)
    enrol(store, model, "P03", given, MOUNT)
    enrol(store, model, "P03", "corridor.mp4", MOUNT)
    assert not given.closed
    assert named.closed
    named.closed = False
    with pytest.raises(CameraError):
        enrol(store, model, "P03", "corridor.mp4", MOUNT)  # it is at its end
    assert named.closed


@pytest.mark.parametrize("person_id", ["", "John Doe", "../P03", "P03\n", "ä", "x" * 65])
def test_ids_that_could_be_names_or_paths_are_refused(store, model, person_id):
    with pytest.raises(ConfigurationError, match="opaque id"):
        enrol(store, model, person_id, Corridor(), MOUNT)
    assert store.revision == 0


def test_nobody_is_called_like_the_share_of_strangers(store, model):
    with pytest.raises(ConfigurationError, match="'unknown' is what people are called who are not enrolled"):
        enrol(store, model, "unknown", Corridor(), MOUNT)
    assert store.revision == 0


def test_consent_and_expiry_are_checked_before_anything_is_watched(store, model):
    source = Corridor()
    with pytest.raises(ConfigurationError, match="consent is documented"):
        enrol(store, model, "P03", source, MOUNT, require_consent=True)
    with pytest.raises(ConfigurationError, match="expiry given has passed"):
        enrol(store, model, "P03", source, MOUNT, expires_ns=1)
    assert store.clips() == []
    assert enrol(store, model, "P03", source, MOUNT, require_consent=True, consent_reference="file 7")


def test_too_short_a_walk_stores_nothing(store, model):
    with pytest.raises(CameraError, match="2 s are needed"):
        enrol(store, model, "P03", Corridor(seconds=1.5), MOUNT)
    assert store.revision == 0


def test_an_encoder_that_fails_half_way_stores_nothing(store):
    class Fails(MeanColours):
        calls = 0

        def encode_clip(self, snippet: Snippet) -> Float32Array:
            self.calls += 1
            return super().encode_clip(snippet) * (np.nan if self.calls == 3 else 1.0)

    with pytest.raises(GalleryError, match="finite"):
        enrol(store, Fails(), "P03", Corridor(), MOUNT)
    assert store.clips() == []


def test_kept_pixels_give_the_features_of_another_model(store, model):
    enrol(store, model, "P03", Corridor(), MOUNT, keep_pixels=True)
    before = {clip.clip_id: clip.features for clip in store.clips()}
    other = MeanColours(scale=2.0)
    with pytest.raises(GalleryModelMismatch):
        SqliteGallery(store.path, other.sha256)
    assert recompute(store.path, other) == 3
    with SqliteGallery(store.path, other.sha256) as turned:
        for clip in turned.clips():
            np.testing.assert_allclose(clip.features, 2 * before[clip.clip_id], rtol=1e-5)


def test_without_pixels_the_gallery_stays_with_its_model(store, model):
    enrol(store, model, "P03", Corridor(), MOUNT, keep_pixels=True)
    (first, *_) = enrol(store, model, "P04", Corridor(), MOUNT)
    with pytest.raises(GalleryError, match=rf"{first.clip_id}.* were not kept: enrol again into a new file"):
        recompute(store.path, MeanColours(scale=2.0))
    assert store.model_sha256 == model.sha256
    assert len(store.clips()) == 6


def test_a_seed_names_a_person_and_a_source():
    assert parse_seed("P03=sim://walk?person=P03&take=1") == ("P03", "sim://walk?person=P03&take=1")


@pytest.mark.parametrize("text", ["", "P03", "P03=", "=walk.mp4", "P 03=walk.mp4"])
def test_seeds_that_say_too_little_are_refused(text):
    with pytest.raises(ConfigurationError, match=r"expected PERSON_ID=SOURCE|opaque id"):
        parse_seed(text)
