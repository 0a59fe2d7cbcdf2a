"""What of a picture the watermark's reader looks at: its luma at a common scale, flattened, laid tile upon tile."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety.mark_tile import TILE

PARTS = 4
"""Tiles along the short side of a picture."""
SMALLEST_PERIOD = 64
"""No tile is less wide than this many pixels, or it could not hold all of its lines."""
_LONGEST = 2048
_DETAIL = 5
_AROUND = 5
_FLOOR = 1.5
_LIMIT = 2.0
_CLIPPED = 125
_ALIKE, _NEIGHBORS = 16, 9

Floats = NDArray[np.float32]


def period(size: tuple[int, int]) -> float:
    """The width of a tile, in pixels, with which a picture of `size` is marked."""
    return max(min(size) / PARTS, SMALLEST_PERIOD)


def scaled_size(size: tuple[int, int], tile: float) -> tuple[int, int]:
    """`size` at the scale at which a tile of `tile` pixels is TILE pixels wide."""
    width, height = size
    return max(1, round(width * TILE / tile)), max(1, round(height * TILE / tile))


def luma(image: Image.Image, tile: float, resampling: Image.Resampling = Image.Resampling.BICUBIC) -> Floats:
    """Luma less 128, at the scale of `scaled_size`."""
    grey = image.convert("L")
    size = scaled_size(grey.size, tile)
    if size != grey.size:
        grey = grey.resize(size, resampling)
    found: Floats = np.asarray(grey, dtype=np.float32) - 128
    return found


def middle(grey: Floats) -> Floats:
    """As much of a very long picture as is worth reading, whole tiles off its beginning."""
    top, left = (max(0, side - _LONGEST) // 2 // TILE * TILE for side in grey.shape)
    return grey[top : top + _LONGEST, left : left + _LONGEST]


def blur(values: Floats, side: int) -> Floats:
    """Means over squares of `side`, odd, cut off at the edges, where values repeat."""
    padded = np.pad(values, side // 2, mode="edge")
    return _runs(_runs(padded, side).T, side).T / np.float32(side * side)


def _runs(values: Floats, length: int) -> Floats:
    """The sum of each `length` rows that follow one another, from sums of 1, 2, 4, ... rows."""
    count = len(values) - length + 1
    total, taken, power = np.zeros((count, values.shape[1]), dtype=np.float32), 0, 1
    while taken < length:
        if length & power:
            total += values[taken : taken + count]
            taken += power
        values = values[:-power] + values[power:]
        power *= 2
    return total


def flatten(grey: Floats) -> Floats:
    """The detail of a picture, made equally strong everywhere: what it shows fades, a mark stays."""
    return _even(grey - blur(grey, _DETAIL))


def clipped(grey: Floats) -> bool:
    """Whether most of a picture is plain white or black, where nothing is left of a mark."""
    return float(np.mean(np.abs(grey + 0.5) >= _CLIPPED)) > 0.5


def flatten_alike(grey: Floats) -> Floats:
    """As `flatten`, but each pixel is held against those around it that are about as bright: ink against ink.

    Beside the step from ink to paper, what a mark changes in ink is nothing. The detail is what Lee's filter takes
    away: "Digital image smoothing and the sigma filter", 1983.
    """
    height, width = grey.shape
    tones = np.rint(grey).astype(np.int16)
    around = np.pad(tones, _NEIGHBORS // 2, mode="edge")
    steps, count = np.zeros_like(tones), np.zeros_like(tones)
    for top, left in product(range(_NEIGHBORS), repeat=2):
        step = around[top : top + height, left : left + width] - tones
        alike = np.abs(step) <= _ALIKE
        steps += step * alike
        count += alike
    return _even((-steps / count).astype(np.float32))


def _even(detail: Floats) -> Floats:
    strength = np.sqrt(blur(detail**2, _AROUND) + _FLOOR**2)
    flat: Floats = np.clip(detail / strength, -_LIMIT, _LIMIT).astype(np.float32)
    return flat


def fold(flat: Floats) -> Floats:
    """The sum of all tiles, TILE x TILE."""
    height, width = flat.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((rows * TILE, columns * TILE), dtype=np.float32)
    padded[:height, :width] = flat
    total: Floats = padded.reshape(rows, TILE, columns, TILE).sum(axis=(0, 2))
    return total
