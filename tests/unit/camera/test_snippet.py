from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from mission_core.camera.snippet import (
    CROP_HEIGHT,
    CROP_WIDTH,
    MAX_DURATION,
    SNIPPET_FRAMES,
    box_geometry,
    crop,
    snippets_from,
)
from mission_core.errors import CameraError, ConfigurationError
from mission_core.geometry import project, rep103_to_optical, room_to_sensor
from mission_core.types import Body, CameraFrame, CameraModel, Mount

CAMERA = CameraModel(320, 180, 160.0, 160.0, 160.0, 90.0)
MIDDLE = (140.0, 40.0, 40.0, 100.0)


class Film:
    """A source of given frames."""

    fps = 15.0

    def __init__(self, frames: Sequence[CameraFrame], live: bool = False) -> None:
        self.live = live
        self._frames = iter(frames)

    def open(self) -> None: ...

    def read(self) -> CameraFrame | None:
        return next(self._frames, None)

    def close(self) -> None: ...

    def describe(self) -> str:
        return "the film"


def picture(seconds: float, *boxes: tuple[float, ...]) -> CameraFrame:
    """A frame with people in boxes, its grey level the hundredths of a second modulo 256."""
    joints, confidence = np.zeros((32, 3), np.float32), np.full(32, 2, np.uint8)
    bodies = tuple(Body(i, joints, confidence, np.array(box, np.float32)) for i, box in enumerate(boxes))
    image = np.full((180, 320, 3), round(seconds * 100) % 256, np.uint8)
    return CameraFrame(round(seconds * 1e9), image, CAMERA, bodies)


def film(seconds: float, fps: float = 15.0, box: tuple[float, ...] = MIDDLE) -> list[CameraFrame]:
    return [picture(k / fps, box) for k in range(round(seconds * fps) + 1)]


# --- crop ---


def test_a_crop_is_rgb_with_the_person_filling_its_height():
    image = np.zeros((180, 320, 3), np.uint8)
    image[40:140, 150:170] = (255, 100, 0)  # blue-green-red
    result = crop(image, np.array([150, 40, 20, 100], np.float32))
    assert result.shape == (CROP_HEIGHT, CROP_WIDTH, 3)
    assert result.dtype == np.uint8
    assert result[CROP_HEIGHT // 2, CROP_WIDTH // 2].tolist() == [0, 100, 255]
    filled = result[:, :, 2] > 128
    assert filled[:, CROP_WIDTH // 2].mean() > 0.97
    assert not filled[:, :10].any()
    assert not filled[:, -10:].any()


@pytest.mark.parametrize("box", [(100, 40, 30, 90), (80, 70, 90, 30), (-20, 20, 60, 120), (290, 100, 60, 120)])
def test_a_crop_keeps_the_aspect_of_what_it_shows(box: tuple[int, ...]):
    image = np.zeros((180, 320, 3), np.uint8)
    x, y, width, height = box
    centre = (int(np.clip(x + width // 2, 10, 310)), int(np.clip(y + height // 2, 10, 170)))
    cv2.circle(image, centre, 8, (255, 255, 255), -1)
    shown = crop(image, np.array(box, np.float32))[:, :, 0] > 128
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1.01)
    assert np.ptp(rows) > 3


def test_beyond_the_picture_its_border_is_replicated():
    image = np.full((180, 320, 3), 77, np.uint8)
    assert (crop(image, np.array([-30, -20, 60, 120], np.float32)) == 77).all()


def test_a_box_outside_the_picture_cannot_be_cropped():
    with pytest.raises(ConfigurationError, match="outside the 320x180 picture"):
        crop(np.zeros((180, 320, 3), np.uint8), np.array([400, 10, 20, 60], np.float32))


# --- geometry ---


@pytest.mark.parametrize("pitch", [0.0, 8.0, 20.0])
@pytest.mark.parametrize(("lateral", "distance"), [(0.0, 3.0), (1.2, 4.5), (-0.8, 2.5)])
def test_geometry_of_a_plate_standing_on_the_floor(pitch: float, lateral: float, distance: float):
    mount = Mount(1.4, pitch)
    height, width = 1.7, 0.5

    def pixel(y: float, z: float) -> np.ndarray:
        return project(rep103_to_optical(room_to_sensor(np.array([distance, y, z]), mount)), CAMERA)

    foot, head = pixel(lateral, 0.0), pixel(lateral, height)
    # left and right edge at the height that the middle row of the box shows
    rows = np.linspace(0, height, 400)
    middle = min(rows, key=lambda z: abs(pixel(lateral, z)[1] - (foot[1] + head[1]) / 2))
    left, right = pixel(lateral + width / 2, middle)[0], pixel(lateral - width / 2, middle)[0]
    box = np.array([left, head[1], right - left, foot[1] - head[1]])
    assert box_geometry(box, CAMERA, mount) == pytest.approx([lateral, distance, height, width], abs=0.06)


def test_geometry_is_unknown_without_intrinsics_or_mount_or_floor():
    box, mount = np.array(MIDDLE, np.float32), Mount(1.4, 8.0)
    assert np.isfinite(box_geometry(box, CAMERA, mount)).all()
    assert np.isnan(box_geometry(box, None, mount)).all()
    assert np.isnan(box_geometry(box, CAMERA, None)).all()
    above_horizon = np.array([140, 10, 40, 30], np.float32)
    assert np.isnan(box_geometry(above_horizon, CAMERA, mount)).all()


# --- snippets ---


@pytest.mark.parametrize("fps", [10.0, 15.0, 30.0])
def test_snippets_are_resampled_to_10_hz_from_the_nearest_frames(fps: float):
    snippets = snippets_from(Film(film(4.0, fps)), Mount(1.4, 8.0))
    assert len(snippets) == 3  # 41 places in the grid, 20 long, 10 apart
    for number, snippet in enumerate(snippets):
        assert snippet.crops.shape == (SNIPPET_FRAMES, CROP_HEIGHT, CROP_WIDTH, 3)
        assert snippet.geometry.shape == (SNIPPET_FRAMES, 4)
        assert np.isfinite(snippet.geometry).all()
        assert (np.diff(snippet.stamps_ns) == 100_000_000).all()
        assert snippet.stamps_ns[0] == number * 1_000_000_000
        shown = snippet.crops[:, 0, 0, 0].astype(float)  # hundredths of a second, see `picture`
        due = (snippet.stamps_ns / 1e7) % 256
        apart = np.abs((shown - due + 128) % 256 - 128)
        assert apart.max() <= 50 / fps + 1


def test_a_gap_is_never_bridged():
    frames = [frame for frame in film(8.0) if not 3.5 < frame.stamp_ns / 1e9 < 3.9]
    snippets = snippets_from(Film(frames), None)
    assert len(snippets) >= 4
    for snippet in snippets:
        first, last = snippet.stamps_ns[[0, -1]] / 1e9
        assert last < 3.6 or first > 3.8


def test_frames_in_which_the_person_is_cut_by_the_border_are_left_out():
    cut = [picture(k / 15, (0.0, 40.0, 40.0, 100.0)) for k in range(45)]
    whole = [picture(3 + k / 15, (5.0, 40.0, 40.0, 100.0)) for k in range(45)]
    snippets = snippets_from(Film(cut + whole), None)
    assert [snippet.stamps_ns[0] for snippet in snippets] == [3_000_000_000, 4_000_000_000]


def test_the_largest_person_is_followed_past_others():
    small = (20.0, 60.0, 20.0, 50.0)
    frames = [picture(k / 15, small, (100.0 + 2 * k, 40.0, 40.0, 100.0)) for k in range(40)]
    geometry = snippets_from(Film(frames), Mount(1.4, 8.0))[0].geometry
    assert geometry[:, 2] == pytest.approx(np.full(SNIPPET_FRAMES, geometry[0, 2]), rel=0.05)
    assert geometry[-1, 0] < geometry[0, 0]  # they walk to the right


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "holds no frame"),
        ([picture(k / 15) for k in range(60)], "nobody was found in 60 frames"),
        (film(1.5), "seen whole for 1.5 s; 2 s are needed"),
        (film(4.0, box=(290.0, 40.0, 40.0, 100.0)), "cut by the border"),
        (film(6.0, fps=5.0), "without a gap.* 5.0 a second"),
    ],
)
def test_no_snippet_says_why(frames: list[CameraFrame], reason: str):
    with pytest.raises(CameraError, match=f"the film: no usable snippet, .*{reason}"):
        snippets_from(Film(frames), None)


def test_a_duration_ends_the_watch():
    assert len(snippets_from(Film(film(10.0)), None)) == 9
    assert len(snippets_from(Film(film(10.0), live=True), None, duration=3.0)) == 2


def test_a_source_without_end_needs_a_duration():
    with pytest.raises(ConfigurationError, match="the film has no end: give the duration"):
        snippets_from(Film(film(3.0), live=True), None)


@pytest.mark.parametrize("duration", [-1.0, MAX_DURATION + 1, float("nan")])
def test_an_impossible_duration_is_refused(duration: float):
    with pytest.raises(ConfigurationError, match="duration is"):
        snippets_from(Film(film(3.0)), None, duration=duration)
