"""A judge that looks at a picture and says which shape of which colour was put into the hole.

It never sees the prompt. A figure is what differs both from what was there before and from most of the hole's rim:
a surround that was painted a little off changed as well, and is no figure. Colour: the palette's nearest to the
figure's median. Shape: the outline whose overlap (intersection over union) is greatest after position and scale are
taken out. tests/unit/test_pocket.py holds it against drawings whose colour and shape are known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from worker.pocket.shapes import COLOURS, SHAPES, shape_alpha

GRID = 48
# Width of the rim in pixels; a figure that fills its hole touches less of it than this share.
RIM, RIM_SHARE, RIM_SAMPLES = 3, 0.35, 96
SCALES, SHIFTS = (0.88, 0.94, 1.0, 1.06, 1.12), (-0.06, 0.0, 0.06)
_TEMPLATES = {s: shape_alpha(s, (GRID, GRID), (GRID / 2, GRID / 2), GRID / 2) > 0.5 for s in SHAPES}

Picture = NDArray[np.uint8]
Pixels = NDArray[np.bool_]


@dataclass(frozen=True)
class Sight:
    """What the judge saw; overlap is that of the best shape, 0 to 1."""

    colour: str
    shape: str
    overlap: float


def look(before: Picture, after: Picture, hole: Pixels) -> Sight:
    """Judge uint8 pictures (height, width, 3) that differ inside a boolean hole (height, width)."""
    old, new = before.astype(np.float32), after.astype(np.float32)
    strange = np.zeros(hole.shape, dtype=np.float32)
    strange[hole] = np.minimum(np.linalg.norm(new - old, axis=2)[hole], _from_rim(new, hole))
    figure = hole & (strange > _otsu(strange[hole]))
    paint = np.median(new[figure], axis=0) if figure.any() else new[hole].mean(0)
    object_pixels = hole & (np.linalg.norm(new - paint, axis=2) < strange)
    shape, overlap = _best_shape(object_pixels)
    return Sight(nearest_colour(paint), shape, overlap)


def _from_rim(picture: NDArray[np.float32], hole: Pixels) -> NDArray[np.float32]:
    """For each pixel of the hole, the distance in RGB below which RIM_SHARE of the rim's pixels lie."""
    rim = picture[hole & ~binary_erosion(hole, iterations=RIM)]
    some = rim[:: max(1, len(rim) // RIM_SAMPLES)]
    away = np.linalg.norm(picture[hole][:, None] - some[None], axis=2)
    return np.quantile(away, RIM_SHARE, axis=1).astype(np.float32)


def nearest_colour(rgb: NDArray[np.float32]) -> str:
    """The palette's colour closest to an RGB triple in 0 to 255."""
    return min(COLOURS, key=lambda name: float(np.linalg.norm(rgb - np.array(COLOURS[name]))))


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold that separates two classes best (Otsu 1979)."""
    counts, edges = np.histogram(values, 64)
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mass = np.cumsum(counts * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (mass / below - (mass[-1] - mass) / above) ** 2
    return float(middle[int(np.nanargmax(between))])


def _best_shape(pixels: Pixels) -> tuple[str, float]:
    views = list(_normalised(pixels))
    scores = {
        shape: max((float((v & t).sum() / max((v | t).sum(), 1)) for v in views), default=0.0)
        for shape, t in _TEMPLATES.items()
    }
    best = max(scores, key=lambda shape: scores[shape])
    return best, scores[best]


def _normalised(pixels: Pixels) -> list[Pixels]:
    """The object on the templates' grid, framed a little tighter, looser and aside: its box is never exact."""
    top, bottom = _extent(pixels.sum(1))
    left, right = _extent(pixels.sum(0))
    side = max(bottom - top, right - left, 4)
    views = []
    for scale in SCALES:
        for dx in SHIFTS:
            for dy in SHIFTS:
                x0 = (left + right) / 2 + dx * side - side * scale / 2
                y0 = (top + bottom) / 2 + dy * side - side * scale / 2
                views.append(_sample(pixels, x0, y0, side * scale))
    return views


def _extent(profile: NDArray[np.int_]) -> tuple[int, int]:
    """Where a row or column profile holds more than strays."""
    held = np.flatnonzero(profile > 0.06 * profile.max()) if profile.max() > 0 else np.array([0])
    return int(held[0]), int(held[-1]) + 1


def _sample(pixels: Pixels, x0: float, y0: float, side: float) -> Pixels:
    steps = (np.arange(GRID) + 0.5) / GRID * side
    x, y = np.floor(x0 + steps).astype(int), np.floor(y0 + steps).astype(int)
    height, width = pixels.shape
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None, :]
    return pixels[np.clip(y, 0, height - 1)[:, None], np.clip(x, 0, width - 1)[None, :]] & inside
