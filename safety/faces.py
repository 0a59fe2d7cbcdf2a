"""Faces, found by the cascade that OpenCV comes with, and how much of them and of the bodies below a mask covers.

The only file of this package that knows cv2, which the API's image does not carry. The cascade sees upright faces from
the front, of about a tenth of the picture's longer side or more; profiles, tilted and covered faces escape it, and now
and then it sees one that is none. So a rule should combine it with something else, and must not rely on it alone.
"""

import threading
from collections.abc import Sequence

import cv2
import cv2.data
import numpy as np
from PIL import Image

from safety.evidence import APPEARED, COMPOSITE, INPUT, Box, Evidence, Scores
from safety.regions import body_below, covered, selected

_CASCADE = "haarcascade_frontalface_alt2.xml"
_LONGEST = 320
_SMALLEST = 24
_GROWTH = 1.15
_NEIGHBORS = 5
_SAME = 0.3


class FaceSource:
    """`faces.count` in each view.

    Of an input also `faces.mask_overlap` and `faces.body_overlap`: the largest share, 0..1, of any face, and of any
    body below a face, that the mask covers. Of a result also `faces.count@appeared`: how many the edited region has
    that were not there before.
    """

    name = "faces"
    version = f"{_CASCADE} of OpenCV {cv2.__version__}"

    def __init__(self) -> None:
        self._cascade = cv2.CascadeClassifier(cv2.data.haarcascades + _CASCADE)
        # A cascade keeps state while it searches.
        self._one_at_a_time = threading.Lock()

    def measure(self, evidence: Evidence) -> Scores:
        """See SignalSource."""
        if evidence.submission is not None:
            return {INPUT: self._of_input(evidence)}
        composite = evidence.images[COMPOSITE]
        found = self._find(composite)
        scores = {COMPOSITE: {"count": float(len(found))}}
        if evidence.before is not None and evidence.region is not None:
            new = _new(found, self._find(evidence.before), evidence.region)
            scores[APPEARED] = {"count": float(new)}
        return scores

    def _of_input(self, evidence: Evidence) -> dict[str, float]:
        image, mask = evidence.images[INPUT], selected(evidence)
        found = self._find(image)
        bodies = (body_below(face, image.size) for face in found)
        return {
            "count": float(len(found)),
            "mask_overlap": covered(found, mask),
            "body_overlap": covered((body for body in bodies if body is not None), mask),
        }

    def _find(self, image: Image.Image) -> list[Box]:
        """Every face, in pixels of `image`."""
        factor = min(1.0, _LONGEST / max(image.size))
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        gray = np.asarray(image.convert("RGB").convert("L").resize(size, Image.Resampling.BOX))
        with self._one_at_a_time:
            faces = self._cascade.detectMultiScale(gray, _GROWTH, _NEIGHBORS, 0, (_SMALLEST, _SMALLEST))
        return [_box(face, factor, image.size) for face in faces]


def _box(face: Sequence[int], factor: float, size: tuple[int, int]) -> Box:
    left, top, width, height = (int(value) / factor for value in face)
    return round(left), round(top), min(size[0], round(left + width)), min(size[1], round(top + height))


def _new(found: Sequence[Box], before: Sequence[Box], region: Box) -> int:
    """How many of `found` lie in the region by their middle, where there was none before."""
    inside = (face for face in found if _middle_in(face, region))
    return sum(all(_likeness(face, known) < _SAME for known in before) for face in inside)


def _middle_in(face: Box, region: Box) -> bool:
    x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    return region[0] <= x < region[2] and region[1] <= y < region[3]


def _likeness(one: Box, other: Box) -> float:
    """What two boxes have in common, as a share of what they cover together."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0, width) * max(0, height)
    return common / (_area(one) + _area(other) - common)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
