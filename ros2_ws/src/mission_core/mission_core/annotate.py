"""Draws what was seen into camera pictures, and the texts and colours that all views of a track share."""

from collections.abc import Sequence

import cv2
import numpy as np

from mission_core.camera.skeleton import BONES
from mission_core.geometry import project
from mission_core.types import Body, CameraFrame, CameraModel, Float32Array, ImageArray, Ranking

PALETTE = (
    (0.12, 0.47, 0.71),
    (1.00, 0.50, 0.05),
    (0.17, 0.63, 0.17),
    (0.84, 0.15, 0.16),
    (0.58, 0.40, 0.74),
    (0.55, 0.34, 0.29),
    (0.89, 0.47, 0.76),
    (0.74, 0.74, 0.13),
    (0.09, 0.75, 0.81),
)
"""RGB, 0..1, distinguishable on dark and on light ground."""

MIN_DEPTH = 0.1
"""Joints nearer to the camera's plane than this [m] are not drawn; their projection means nothing."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def colour(number: int) -> tuple[float, float, float]:
    """RGB, 0..1, of a track or body."""
    return PALETTE[number % len(PALETTE)]


def ranking_text(ranking: Ranking | None) -> str:
    """Who it is in a few characters: "P03 87 %", "unknown 62 %", or "?" while nothing can be said."""
    if ranking is None or not ranking.candidates:
        return "?"
    best = ranking.candidates[0]
    name, probability = ("unknown", ranking.unknown) if ranking.unknown > best.score else (best.person_id, best.score)
    return f"{name} {100 * probability:.0f} %"


def annotate(frame: CameraFrame, lines: Sequence[str] = ()) -> ImageArray:
    """A copy of the picture with skeletons and boxes of the people in it, and lines of text in the corner.

    Args:
        frame: skeletons are drawn where the camera's intrinsics are known, boxes in any case.
        lines: text, top to bottom.

    Returns:
        (H, W, 3) BGR.
    """
    picture = np.ascontiguousarray(frame.image).copy()
    for body in frame.bodies or ():
        if frame.camera is not None:
            draw_skeleton(picture, body, frame.camera)
        draw_box(picture, body.box, f"body {body.body_id}", colour(body.body_id))
    draw_lines(picture, lines)
    return picture


def draw_skeleton(picture: ImageArray, body: Body, camera: CameraModel) -> None:
    """Draws the bones whose both ends are known (confidence > 0) and in front of the camera."""
    seen = (body.confidence > 0) & (body.joints[:, 2] > MIN_DEPTH)
    pixels = np.zeros((len(body.joints), 2), np.float32)
    pixels[seen] = project(body.joints[seen], camera)
    # far outside the picture OpenCV's fixed-point coordinates would overflow
    corners = np.clip(np.rint(pixels), -10_000, 10_000).astype(int)
    bgr = _bgr(colour(body.body_id))
    thickness = _thickness(picture)
    for parent, child in BONES:
        if seen[parent] and seen[child]:
            cv2.line(picture, tuple(corners[parent]), tuple(corners[child]), bgr, thickness, cv2.LINE_AA)
    for corner in corners[seen]:
        cv2.circle(picture, tuple(corner), thickness + 1, bgr, -1, cv2.LINE_AA)


def draw_box(picture: ImageArray, box: Float32Array, text: str, rgb: tuple[float, float, float]) -> None:
    """Draws a box (x, y, width, height) [pixel] with a title; nothing for a box without area."""
    x, y, width, height = (round(float(value)) for value in box)
    if width <= 0 or height <= 0:
        return
    cv2.rectangle(picture, (x, y), (x + width, y + height), _bgr(rgb), _thickness(picture), cv2.LINE_AA)
    _draw_text(picture, text, (x, max(y - 6, 16)), _bgr(rgb))


def draw_lines(picture: ImageArray, lines: Sequence[str]) -> None:
    """Writes lines of text into the upper left corner."""
    step = round(34 * _text_scale(picture))
    for row, line in enumerate(lines, start=1):
        _draw_text(picture, line, (10, row * step), (255, 255, 255))


def _draw_text(picture: ImageArray, text: str, origin: tuple[int, int], bgr: tuple[int, int, int]) -> None:
    scale, thickness = _text_scale(picture), _thickness(picture)
    cv2.putText(picture, text, origin, _FONT, scale, (0, 0, 0), thickness + 3, cv2.LINE_AA)  # outline, to be legible
    cv2.putText(picture, text, origin, _FONT, scale, bgr, thickness, cv2.LINE_AA)


def _text_scale(picture: ImageArray) -> float:
    return max(picture.shape[0] / 900, 0.4)


def _thickness(picture: ImageArray) -> int:
    return max(1, round(picture.shape[0] / 360))


def _bgr(rgb: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in rgb)
    return blue, green, red
