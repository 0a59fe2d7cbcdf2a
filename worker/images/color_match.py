"""Colours of the repainted region, brought to the distribution that its surroundings have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def match_histogram(made: NDArray[np.uint8], hole: NDArray[np.bool_], known: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`made`, uint8 (height, width, 3), with each channel mapped so that the part inside `hole` is spread as `known`.

    `hole` is bool (height, width); `known` is uint8 (n, 3), the pixels to resemble. One increasing function of
    0..255 per channel maps the cumulative histogram of the hole onto that of `known` (histogram specification:
    Gonzalez and Woods, Digital Image Processing, section 3.3), so order and edges stay, and a part that is spread
    like `known` already is left as it is. The same function is applied outside the hole, for the feather lies there.
    Without any pixel on either side nothing changes.
    """
    inside = made[hole]
    if not len(inside) or not len(known):
        return made
    return np.stack([_mapping(inside[:, c], known[:, c])[made[..., c]] for c in range(3)], axis=2)


def _mapping(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The level that stands for each of 256 levels."""
    present = np.flatnonzero(np.bincount(target, minlength=256))
    levels = np.interp(_ranks(source), _ranks(target)[present], present)
    return np.rint(levels).astype(np.uint8)


def _ranks(values: NDArray[np.uint8]) -> NDArray[np.float64]:
    """For each level the share of `values` below it, its own counted half."""
    counts = np.bincount(values, minlength=256)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - counts / 2) / len(values)
    return ranks
