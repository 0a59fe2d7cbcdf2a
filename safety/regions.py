"""Boxes in a picture, and how much of them a mask covers."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from safety.evidence import Box, Evidence

BODY_WIDTHS = 3.0
BODY_HEIGHTS = 6.0
"""A body below a face, in faces: as wide as the shoulders, as long as down to the knees (figure drawing's canon of
7.5 heads puts the knees about 5.5 heads below the crown; a detector's box is a little smaller than the head)."""


def selected(evidence: Evidence) -> NDArray[np.bool_]:
    """Which pixels the mask selects, (height, width). Raises ValueError where there is no mask."""
    if evidence.submission is None:
        raise ValueError("there is no mask to measure")
    return np.asarray(evidence.submission.mask.convert("L")) > 0


def body_below(face: Box, size: tuple[int, int]) -> Box | None:
    """Where the body that belongs to an upright `face` is to be expected, inside a picture of `size`; None outside."""
    left, top, right, bottom = face
    margin = (BODY_WIDTHS - 1) / 2 * (right - left)
    length = BODY_HEIGHTS * (bottom - top)
    box = (
        max(0, round(left - margin)),
        bottom,
        min(size[0], round(right + margin)),
        min(size[1], round(bottom + length)),
    )
    return box if box[0] < box[2] and box[1] < box[3] else None


def covered(boxes: Iterable[Box], mask: NDArray[np.bool_]) -> float:
    """The largest share, 0..1, of any of `boxes` that `mask` covers; 0 without boxes."""
    shares = (float(mask[top:bottom, left:right].mean()) for left, top, right, bottom in boxes)
    return max(shares, default=0.0)
