"""Where people are in a picture, as boxes (x, y, width, height) in pixels, and following one of them."""

from collections.abc import Sequence

import cv2
import numpy as np

from mission_core.types import CameraFrame, Float32Array, ImageArray

LOST_AFTER_NS = 500_000_000
"""A person unseen for longer is lost."""

_MIN_OVERLAP = 0.2  # intersection over union from one frame to the next
_BORDER = 2.0  # [pixel], a box this near to the border is cut by it

_WORK_HEIGHT = 360  # [pixel], the foreground is found at this height
_MIN_HEIGHT = 50  # [pixel] at working height; HOG misses smaller people anyway
_MAX_COVER = 0.5  # of the picture; more foreground means that camera or light changed
_SHAPE = (1.2, 5.5)  # height over width of somebody upright, striding included
_HOG_HEIGHT = 160  # [pixel] of a region shown to HOG, whose people are about 100 of a window's 128 high


class PeopleDetector:
    """Boxes of people: those of the bodies where a source tracks bodies, else those of moving upright shapes.

    The second way needs no weights: MOG2 foreground (Zivkovic 2004), shapes of a person's proportions, and OpenCV's HOG
    people detector (Dalal & Triggs 2005), which must have seen a person in a shape at least once while it is in view.
    It is a fallback with known limits: the camera must be at rest; a person must walk, whole, upright and apart from
    others, at least an eighth of the picture high; touching people become one box. Use a body tracker for more.
    """

    def __init__(self) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(history=300, varThreshold=30, detectShadows=True)
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
        self._confirmed: list[Float32Array] = []

    def find(self, frame: CameraFrame) -> list[Float32Array]:
        """Boxes (4,) of the people in a frame, largest first; frames must come in order."""
        if frame.bodies is not None:
            boxes = [body.box for body in frame.bodies if body.box.any()]
        else:
            shapes = self._moving_shapes(frame.image)
            boxes = [box for box in shapes if self._was_confirmed(box) or self._looks_human(frame.image, box)]
            self._confirmed = boxes
        return sorted(boxes, key=lambda box: -float(box[2] * box[3]))

    def _moving_shapes(self, image: ImageArray) -> list[Float32Array]:
        scale = min(_WORK_HEIGHT / image.shape[0], 1.0)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        foreground = (self._background.apply(small) == 255).astype(np.uint8)  # 127 marks shadows
        if foreground.mean() > _MAX_COVER:
            return []
        opened = cv2.morphologyEx(foreground, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((15, 5), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(closed)
        boxes = stats[1:, :4].astype(np.float32)
        shape = boxes[:, 3] / boxes[:, 2]
        upright = (boxes[:, 3] >= _MIN_HEIGHT) & (shape >= _SHAPE[0]) & (shape <= _SHAPE[1])
        return list((boxes[upright] / scale).astype(np.float32))

    def _was_confirmed(self, box: Float32Array) -> bool:
        return any(overlap(box, other) >= _MIN_OVERLAP for other in self._confirmed)

    def _looks_human(self, image: ImageArray, box: Float32Array) -> bool:
        """Asks HOG, with the margin around the person that it was trained with."""
        x, y, width, height = box
        margin = 0.3 * height
        side = max(width, 0.5 * height) / 2
        x0, x1 = x + width / 2 - side - margin, x + width / 2 + side + margin
        y0, y1 = y - margin, y + height + margin
        region = image[max(int(y0), 0) : int(y1), max(int(x0), 0) : int(x1)]
        scale = _HOG_HEIGHT / region.shape[0]
        scaled = cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if scaled.shape[1] < 64:
            return False
        found, _ = self._hog.detectMultiScale(scaled, winStride=(8, 8), scale=1.05)
        return len(found) > 0


class PersonFollower:
    """Follows one person through the boxes of successive frames by overlap.

    It starts with the largest person. Once they are lost (unseen for LOST_AFTER_NS) it starts again only when exactly
    one person is in view, so that a bystander does not slip into someone's enrolment.
    """

    def __init__(self) -> None:
        self._box: Float32Array | None = None
        self._seen_ns = 0
        self._started = False

    def step(self, stamp_ns: int, boxes: Sequence[Float32Array]) -> Float32Array | None:
        """Box (4,) of the person followed, None where they are not seen.

        Args:
            stamp_ns: of the frame.
            boxes: of all people in it, largest first.
        """
        if self._box is not None and stamp_ns - self._seen_ns > LOST_AFTER_NS:
            self._box = None
        chosen: Float32Array | None = None
        if self._box is not None:
            followed = self._box
            best = max(boxes, key=lambda box: overlap(box, followed), default=None)
            chosen = best if best is not None and overlap(best, followed) >= _MIN_OVERLAP else None
        elif len(boxes) == 1 or (boxes and not self._started):
            chosen = boxes[0]
        if chosen is not None:
            self._box, self._seen_ns, self._started = chosen, stamp_ns, True
        return chosen


def overlap(first: Float32Array, second: Float32Array) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    common = float(np.prod(np.maximum(high - low, 0.0)))
    union = float(first[2] * first[3] + second[2] * second[3]) - common
    return common / union if union > 0 else 0.0


def touches_border(box: Float32Array, image: ImageArray) -> bool:
    """Whether a box reaches the border of the picture, where the person may be cut."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
    return bool(x0 < _BORDER or y0 < _BORDER or x1 > width - _BORDER or y1 > height - _BORDER)
