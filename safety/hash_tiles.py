"""Hashes of parts of a picture, placed by what is in it, so that a cropped copy still has some in common.

PDQ forgives scaling and noise, but a crop by a tenth defeats it: it tolerates a shift of about 1% and a change of
scale of about 3%. Tiles on a fixed grid would have to be that dense. These stand instead where the picture itself
says: on the extrema of its differences of Gaussians over place and scale (Lindeberg 1998; Lowe 2004), which stay where
they are in the scene, whatever is cut away around them. A tile is a square around such a blob, as large as the blob's
scale says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety.hashes import MIN_QUALITY, Pdq, dihedral, of_luma

BANKED: Final = 64
SOUGHT: Final = 32
_EDGE = 128
_LONGEST = 512
_FINEST = 2.0
_STEP = 2 ** (1 / 6)
_WIDTH = 9.0
_SMALLEST = 20.0
_FAINTEST = 0.5
_PIXELS = 64
Plane = NDArray[np.floating[Any]]
Square = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TiledHash:
    """A picture's hash, and those of its tiles, each in the eight orientations of `safety.hashes.dihedral`.

    What is too flat to be told apart (quality below 50) is left out; `quality` is that of the whole picture.
    """

    quality: int
    whole: tuple[Pdq, ...]
    tiles: tuple[tuple[Pdq, ...], ...]


def tiled_hash(image: Image.Image, tiles: int = SOUGHT) -> TiledHash:
    """The hashes of `image` and of at most `tiles` squares in it, the most pronounced first."""
    whole = dihedral(image)
    gray = image.convert("RGB").convert("L")
    cut = (_tile(gray, square) for square in _squares(gray)[:tiles])
    kept = tuple(hashes for hashes in cut if hashes[0].quality >= MIN_QUALITY)
    return TiledHash(whole[0].quality, whole if whole[0].quality >= MIN_QUALITY else (), kept)


def _tile(gray: Image.Image, square: Square) -> tuple[Pdq, ...]:
    x, y, half = square
    box = (max(0.0, x - half), max(0.0, y - half), min(float(gray.width), x + half), min(float(gray.height), y + half))
    filtering = Image.Resampling.BOX if half > _PIXELS else Image.Resampling.BILINEAR
    return of_luma(np.asarray(gray.resize((_PIXELS, _PIXELS), filtering, box), dtype=np.float32))


def _squares(gray: Image.Image) -> list[Square]:
    """Center and half the side of each tile, in pixels of `gray`, the most pronounced first."""
    # By the short side, so that most crops change the scale little; but a very long picture stays affordable.
    factor = min(_EDGE / min(gray.size), _LONGEST / max(gray.size))
    width, height = (max(1, round(side * factor)) for side in gray.size)
    small = np.asarray(gray.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
    steps = _differences(small)
    found = sorted(_blobs(steps), key=lambda at: -abs(steps[at])) if len(steps) >= 3 else []
    across, down = gray.width / width, gray.height / height
    squares = (_refined(steps, at) for at in found)
    return [(x * across, y * down, half * across) for x, y, half in squares if _fits(x, y, half, width, height)]


def _differences(plane: Plane) -> Plane:
    """What each blur takes away from the one before: (scale, height, width)."""
    height, width = plane.shape
    sigmas = [_FINEST]
    while sigmas[-1] * _WIDTH <= 1.3 * min(height, width):
        sigmas.append(sigmas[-1] * _STEP)
    blurred = np.stack([_blur(height, sigma) @ plane @ _blur(width, sigma).T for sigma in sigmas])
    return np.diff(blurred, axis=0)


def _blobs(steps: Plane) -> Iterator[tuple[int, int, int]]:
    """Where a value is the largest or the smallest among its 26 neighbors, and not faint."""
    inner = steps[1:-1, 1:-1, 1:-1]
    largest, smallest = inner > _FAINTEST, inner < -_FAINTEST
    scales, height, width = inner.shape
    for dz, dy, dx in product(range(3), repeat=3):
        if (dz, dy, dx) != (1, 1, 1):
            neighbor = steps[dz : dz + scales, dy : dy + height, dx : dx + width]
            largest &= inner >= neighbor
            smallest &= inner <= neighbor
    for z, y, x in np.argwhere(largest | smallest) + 1:
        yield int(z), int(y), int(x)


def _refined(steps: Plane, at: tuple[int, int, int]) -> Square:
    """Center and half side of the tile at a blob, by a parabola through it and its neighbors along each axis."""
    z, y, x = at
    dz = _vertex(steps[z - 1 : z + 2, y, x])
    dy = _vertex(steps[z, y - 1 : y + 2, x])
    dx = _vertex(steps[z, y, x - 1 : x + 2])
    sigma = _FINEST * _STEP ** (z + dz + 0.5)
    return x + dx + 0.5, y + dy + 0.5, _WIDTH * sigma / 2


def _vertex(three: Plane) -> float:
    before, middle, after = map(float, three)
    bend = before - 2 * middle + after
    return 0.0 if bend == 0 else min(0.5, max(-0.5, (before - after) / (2 * bend)))


def _fits(x: float, y: float, half: float, width: int, height: int) -> bool:
    inside = min(x, y, width - x, height - y) >= half
    return inside and 2 * half >= _SMALLEST


@lru_cache(maxsize=256)
def _blur(length: int, sigma: float) -> Plane:
    """A Gaussian filter along an axis as a matrix (length, length), renewed to a mean at the borders."""
    place = np.arange(length)
    weights = np.exp(-((place[:, np.newaxis] - place[np.newaxis, :]) ** 2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
