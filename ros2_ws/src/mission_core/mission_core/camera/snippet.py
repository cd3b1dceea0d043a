"""Snippets: two-second clips of one person, cut out of camera pictures, of the kind that is enrolled and ranked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.camera.people import PeopleDetector, PersonFollower, touches_border
from mission_core.camera.source import FrameSource
from mission_core.errors import CameraError, ConfigurationError
from mission_core.geometry import optical_to_rep103, pitch_rotation
from mission_core.types import CROP_HEIGHT, CROP_WIDTH, CameraModel, Float32Array, ImageArray, Mount, Snippet

SNIPPET_FRAMES = 20
SNIPPET_RATE = 10.0
"""Frames per second of a snippet."""
SNIPPET_HOP = 10
"""Frames from the start of one snippet to the next."""
MAX_DURATION = 300.0
"""Longest time watched for one call [s]; bounds the memory of one call to some 300 MB."""

_TOLERANCE = 0.6  # periods of a frame from its place in the grid: any source of 9 fps or more without gaps fits 10 Hz

_log = logging.getLogger(__name__)


def crop_region(box: Float32Array) -> tuple[int, int, int, int]:
    """The smallest region of 2:3 shape around a box (x, y, width, height), as integer left, top, right, bottom [pixel].

    It may reach beyond the picture.
    """
    x, y, width, height = (float(value) for value in box)
    half_height = max(height, width * CROP_HEIGHT / CROP_WIDTH, 3.0) / 2
    half_width = half_height * CROP_WIDTH / CROP_HEIGHT
    centre_x, centre_y = x + width / 2, y + height / 2
    left, top = round(centre_x - half_width), round(centre_y - half_height)
    return left, top, left + max(round(2 * half_width), 1), top + round(2 * half_height)


def crop(image_bgr: ImageArray, box: Float32Array) -> ImageArray:
    """Cuts a person out of a picture, aspect kept; beyond the picture its border is replicated.

    Args:
        image_bgr: (H, W, 3).
        box: (4,) x, y, width, height [pixel] of the person, at least partly inside the picture.

    Returns:
        (CROP_HEIGHT, CROP_WIDTH, 3) uint8 RGB.
    """
    height, width = image_bgr.shape[:2]
    left, top, right, bottom = crop_region(box)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if x0 >= x1 or y0 >= y1:
        raise ConfigurationError(f"box {np.round(box).tolist()} lies outside the {width}x{height} picture")
    return finish_crop(image_bgr[y0:y1, x0:x1], (x0 - left, y0 - top, right - x1, bottom - y1))


def finish_crop(patch_bgr: ImageArray, missing: tuple[int, int, int, int]) -> ImageArray:
    """Second half of `crop`: replicates the border, scales, and turns to RGB.

    Args:
        patch_bgr: (h, w, 3) the part of the region that lies in the picture.
        missing: pixels of the region beyond the picture at left, top, right, bottom.
    """
    left, top, right, bottom = missing
    if any(missing):
        patch_bgr = np.asarray(cv2.copyMakeBorder(patch_bgr, top, bottom, left, right, cv2.BORDER_REPLICATE), np.uint8)
    shrinks = patch_bgr.shape[0] > CROP_HEIGHT
    scaled = cv2.resize(
        patch_bgr, (CROP_WIDTH, CROP_HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2RGB), np.uint8)


def box_geometry(box: Float32Array, camera: CameraModel | None, mount: Mount | None) -> Float32Array:
    """Where the person in a box stands and how large they are, in the camera's room frame.

    The lower edge of the box is taken for the nearer sole on the floor, and the person for a plane facing the camera
    there; with the feet apart that is up to half a step short.

    Args:
        box: (4,) x, y, width, height [pixel].
        camera: intrinsics, None where unknown.
        mount: None where unknown.

    Returns:
        (4,) lateral offset (left positive), distance along the floor, height, width [m]; all NaN without intrinsics or
        mount, or when the lower edge is not below the horizon.
    """
    if camera is None or mount is None:
        return np.full(4, np.nan, np.float32)
    x, y, width, height = (float(value) for value in box)
    middle, bottom = x + width / 2, y + height
    pixels = np.array([[middle, bottom], [middle, y], [x, y + height / 2], [x + width, y + height / 2]])
    rays = np.stack(
        ((pixels[:, 0] - camera.cx) / camera.fx, (pixels[:, 1] - camera.cy) / camera.fy, np.ones(4)), axis=-1
    )
    foot, head, left, right = optical_to_rep103(rays) @ pitch_rotation(mount.pitch_deg).T
    if foot[2] >= -1e-3 or min(foot[0], head[0], left[0], right[0]) <= 1e-3:
        return np.full(4, np.nan, np.float32)
    distance = -mount.height * foot[0] / foot[2]
    return np.array(
        [
            distance * (left[1] / left[0] + right[1] / right[0]) / 2,
            distance,
            mount.height + distance * head[2] / head[0],
            distance * (left[1] / left[0] - right[1] / right[0]),
        ],
        np.float32,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """The followed person in one frame; `crop` is None where they are cut by the border of the picture."""

    stamp_ns: int
    crop: ImageArray | None
    geometry: Float32Array


def snippets_from(source: FrameSource, mount: Mount | None, *, duration: float = 0.0) -> list[Snippet]:
    """Follows one person through a source and cuts snippets of SNIPPET_FRAMES frames at SNIPPET_RATE.

    The largest person of the first frames is followed; see `PersonFollower` for what happens when they are lost.
    Snippets in which the person was lost, or cut by the border of the picture, are left out.

    Args:
        source: opened; read to its end, but not closed.
        mount: of the camera, None where unknown.
        duration: how long to watch [s], by the stamps of the frames; 0 = to the end, MAX_DURATION at most.

    Raises:
        ConfigurationError: no duration for a source without end, or one that is negative or too long.
        CameraError: the source failed, or there is no usable snippet in it; the text says why.
    """
    if not 0.0 <= duration <= MAX_DURATION:
        raise ConfigurationError(f"duration is {duration:g} s; give 0 (to the end) to {MAX_DURATION:g} s")
    if source.live and not duration:
        raise ConfigurationError(f"{source.describe()} has no end: give the duration to watch it, for example 20 s")
    frames, sightings = _watch(source, mount, duration or MAX_DURATION)
    snippets = _cut(sightings)
    if not snippets:
        raise CameraError(f"{source.describe()}: no usable snippet, {_why_none(frames, sightings)}")
    return snippets


def _watch(source: FrameSource, mount: Mount | None, duration: float) -> tuple[int, list[_Sighting]]:
    """Number of frames seen, and the sightings of the person followed."""
    detector, follower = PeopleDetector(), PersonFollower()
    sightings: list[_Sighting] = []
    frames, end_ns = 0, None
    while (frame := source.read()) is not None:
        end_ns = end_ns if end_ns is not None else frame.stamp_ns + round(duration * 1e9)
        if frame.stamp_ns > end_ns:
            if not source.live and duration == MAX_DURATION:
                _log.warning("%s: only the first %g s are used", source.describe(), MAX_DURATION)
            break
        frames += 1
        box = follower.step(frame.stamp_ns, detector.find(frame))
        if box is not None:
            height, width = frame.image.shape[:2]
            whole = not touches_border(box, width, height)
            geometry = box_geometry(box, frame.camera, mount)
            sightings.append(_Sighting(frame.stamp_ns, crop(frame.image, box) if whole else None, geometry))
    return frames, sightings


def _cut(sightings: Sequence[_Sighting]) -> list[Snippet]:
    """All complete snippets in a series of sightings, SNIPPET_HOP apart."""
    whole = [sighting for sighting in sightings if sighting.crop is not None]
    if not whole:
        return []
    grid, nearest, usable = resample(np.array([sighting.stamp_ns for sighting in whole]))
    snippets, start = [], 0
    while start + SNIPPET_FRAMES <= len(grid):
        window = slice(start, start + SNIPPET_FRAMES)
        missing = np.flatnonzero(~usable[window])
        if len(missing):
            start += int(missing[-1]) + 1
            continue
        chosen = [whole[index] for index in nearest[window]]
        crops = np.stack([sighting.crop for sighting in chosen if sighting.crop is not None])
        geometry = np.stack([sighting.geometry for sighting in chosen])
        snippets.append(Snippet(crops, geometry, grid[window]))
        start += SNIPPET_HOP
    return snippets


def resample(
    stamps: NDArray[np.int64], rate: float = SNIPPET_RATE
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """A grid (G,) over ascending stamps (F,) [ns], index of the nearest stamp, and whether that is near enough.

    Args:
        stamps: of frames.
        rate: of the grid [Hz].
    """
    period_ns = round(1e9 / rate)
    grid = np.arange(stamps[0], stamps[-1] + 1, period_ns)
    after = np.searchsorted(stamps, grid).clip(0, len(stamps) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(grid - stamps[before] <= stamps[after] - grid, before, after)
    return grid, nearest, np.abs(stamps[nearest] - grid) <= _TOLERANCE * period_ns


def _why_none(frames: int, sightings: Sequence[_Sighting]) -> str:
    needed = SNIPPET_FRAMES / SNIPPET_RATE
    if not frames:
        return "it holds no frame"
    if not sightings:
        return f"nobody was found in {frames} frames: let one person walk through the picture of a camera at rest"
    whole = [sighting.stamp_ns for sighting in sightings if sighting.crop is not None]
    if not whole:
        return f"the person is cut by the border of the picture in all {len(sightings)} frames: move the camera back"
    seen = (whole[-1] - whole[0]) / 1e9
    if seen < needed:
        return f"the person is seen whole for {seen:.1f} s; {needed:g} s are needed"
    rate = (len(whole) - 1) / seen
    return (
        f"never {needed:g} s without a gap: the person is seen whole in {len(whole)} of {frames} frames, {rate:.1f} a "
        "second in the mean; 9 a second without gaps are needed"
    )
