"""Where people are in a picture, as boxes (x, y, width, height) in pixels, and following one of them."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mission_core.types import CameraFrame, Float32Array, ImageArray

LOST_AFTER_NS = 500_000_000
"""A person unseen for longer is lost."""

_MIN_OVERLAP = 0.2  # intersection over union from one frame to the next
_BORDER = 2.0  # [pixel], a box this near to the border is cut by it

_SCAN_HEIGHT = 360  # [pixel], the whole picture is searched at this height
_SCAN_EVERY = {True: 15, False: 5}  # frames, when somebody is known and when nobody is
_LOOK_HEIGHT = 200  # [pixel] of the surroundings of a known person, who is then some 120 high
_LOOK_MARGIN = 0.35  # of a person's height, around them
_HOG_SHARE = (0.6, 0.75)  # width and height of a person within HOG's window; its box leaves a margin all round
_MIN_MOTION = 0.03  # share of moving pixels in the box of somebody new
_SAME = 0.4  # intersection over union of two boxes of one person


class PeopleDetector:
    """Boxes of people: those of the bodies where a source tracks bodies, else those of people found walking.

    The second way needs no weights: OpenCV's HOG people detector (Dalal & Triggs 2005) searches the whole picture now
    and then, and the surroundings of known people in every frame; where it misses one of those for a moment, the MOG2
    foreground (Zivkovic 2004) there stands in. It is a fallback with known limits: the camera must be at rest; a person
    must walk, upright, apart from others, a quarter of the picture high when first found; boxes vary by some
    per cent in size and place. Use a body tracker for more.
    """

    def __init__(self) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(history=300, detectShadows=True)
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector()))
        self._known: list[Float32Array] = []
        self._frames_unscanned = max(_SCAN_EVERY.values())

    def find(self, frame: CameraFrame) -> list[Float32Array]:
        """Boxes (4,) of the people in a frame, largest first; frames must come in order."""
        if frame.bodies is not None:
            boxes = [body.box for body in frame.bodies if body.box.any()]
        else:
            boxes = self._known = self._find_walking(frame.image)
        return sorted(boxes, key=lambda box: -float(box[2] * box[3]))

    def _find_walking(self, image: ImageArray) -> list[Float32Array]:
        scale = _SCAN_HEIGHT / image.shape[0]
        small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        moving = (self._background.apply(small) == 255).astype(np.uint8)  # 127 marks shadows
        people: list[Float32Array] = []
        for known in self._known:
            box = self._look_near(image, known)
            box = box if box is not None else _moving_shape(moving, known * scale, scale)
            if box is not None and not _any_same(box, people):
                people.append(box)
        self._frames_unscanned += 1
        if self._frames_unscanned >= _SCAN_EVERY[bool(people)]:
            self._frames_unscanned = 0
            for box in self._hog_boxes(small):
                x, y, width, height = box.astype(int).clip(0)
                moves = moving[y : y + height, x : x + width].mean() >= _MIN_MOTION
                if moves and not _any_same(box / scale, people):
                    people.append(box / scale)
        return people

    def _look_near(self, image: ImageArray, known: Float32Array) -> Float32Array | None:
        """Box of a known person in the next picture."""
        x, y, width, height = known
        half = max(0.5 * width, 0.3 * height) + _LOOK_MARGIN * height
        left, top = int(x + width / 2 - half), int(y - _LOOK_MARGIN * height)
        right, bottom = int(x + width / 2 + half), int(y + (1 + _LOOK_MARGIN) * height)
        inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if not inside.size:
            return None
        above, below = max(-top, 0), max(bottom - image.shape[0], 0)
        before, after = max(-left, 0), max(right - image.shape[1], 0)
        region = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
        scale = _LOOK_HEIGHT / region.shape[0]
        boxes = self._hog_boxes(cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
        found = [box / scale + np.array([left, top, 0, 0], np.float32) for box in boxes]
        best = max(found, key=lambda box: overlap(box, known), default=None)
        return best if best is not None and overlap(best, known) >= _SAME else None

    def _hog_boxes(self, image: NDArray[Any]) -> list[Float32Array]:
        windows, _ = self._hog.detectMultiScale(image, winStride=(8, 8), scale=1.05)
        boxes = np.array(windows, np.float32).reshape(-1, 4)
        size = boxes[:, 2:] * _HOG_SHARE
        corner = boxes[:, :2] + (boxes[:, 2:] - size) / 2
        return list(np.concatenate((corner, size), axis=1).astype(np.float32))


def _moving_shape(moving: ImageArray, known: Float32Array, scale: float) -> Float32Array | None:
    """Box, in the full picture, of the foreground shape that a person known in the small picture has become."""
    closed = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((15, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(closed)
    shapes = list(stats[1:, :4].astype(np.float32))
    best = max(shapes, key=lambda box: overlap(box, known), default=None)
    return best / scale if best is not None and overlap(best, known) >= _SAME else None


def _any_same(box: Float32Array, others: Sequence[Float32Array]) -> bool:
    return any(overlap(box, other) >= _SAME for other in others)


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


def touches_border(box: Float32Array, width: int, height: int) -> bool:
    """Whether a box reaches the border of a picture of that size, where the person may be cut."""
    x0, y0, x1, y1 = box[0], box[1], box[0] + box[2], box[1] + box[3]
    return bool(x0 < _BORDER or y0 < _BORDER or x1 > width - _BORDER or y1 > height - _BORDER)
