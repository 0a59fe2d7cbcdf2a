"""Covering what lies under the mask, so that a resize cannot carry it into the pixels around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from storage.box import Box

_MARGIN = 8
_GREY = 128


def fill_hole(rgb: NDArray[np.uint8], hole: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A copy of `rgb` (height, width, 3) with the True pixels of `hole` (height, width) painted from around them.

    What they held has no influence on the outcome. Without any known pixel the copy is grey.
    """
    if hole.all():
        return np.full_like(rgb, _GREY)
    filled = rgb.copy()
    if not hole.any():
        return filled
    height, width = hole.shape
    inside = Box.around(hole).expanded(_MARGIN, width, height).slices
    known = ~hole[inside][..., None]
    colours = _push_pull(np.where(known, rgb[inside], 0).astype(np.float32), known.astype(np.float32))
    np.copyto(filled[inside], np.rint(colours).astype(np.uint8), where=~known)
    return filled


def _push_pull(colours: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average known colours into ever coarser pixels, then take what is unknown from the next coarser level.

    `colours` (h, w, 3) are multiplied by `weights` (h, w, 1), 0 where unknown. After Gortler et al., The Lumigraph,
    1996, section 3.4.3.
    """
    means = np.divide(colours, np.maximum(weights, 1), dtype=np.float32)
    if weights.all():
        return means
    height, width = weights.shape[:2]
    coarse = _push_pull(_quarter(colours), _quarter(weights))
    return np.where(weights > 0, means, coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width])


def _quarter(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over blocks of 2x2 pixels; a missing last row or column counts as zero."""
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
