"""Masks as people draw them: boxes, ellipses, brush strokes, and now and then everything."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

FULL_SHARE = 0.10
SMALLEST_SIDE = 36


@dataclass(frozen=True)
class Mask:
    """A hole to repaint: boolean pixels (size, size) and the box (left, top, right, bottom) around them."""

    pixels: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def box_mask(size: int, box: tuple[int, int, int, int]) -> Mask:
    """A mask that is exactly a box, right and bottom excluded."""
    pixels = np.zeros((size, size), dtype=bool)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = True
    return Mask(pixels, box)


def draw_mask(rng: np.random.Generator, size: int) -> Mask:
    """One mask; a tenth of them cover the whole picture."""
    if rng.random() < FULL_SHARE:
        return box_mask(size, (0, 0, size, size))
    box = _draw_box(rng, size)
    kind = rng.choice(3, p=(0.45, 0.25, 0.30))
    if kind == 0:
        return box_mask(size, box)
    canvas = Image.new("1", (size, size), 0)
    pen = ImageDraw.Draw(canvas)
    if kind == 1:
        pen.ellipse((box[0], box[1], box[2] - 1, box[3] - 1), fill=1)
    else:
        _scribble(rng, pen, box)
    return _measured(np.asarray(canvas, dtype=bool))


def _draw_box(rng: np.random.Generator, size: int) -> tuple[int, int, int, int]:
    side = rng.uniform(SMALLEST_SIDE, size * 0.92)
    stretch = float(np.exp(rng.normal(0, 0.12)))
    width, height = (int(np.clip(s, SMALLEST_SIDE, size)) for s in (side * stretch, side / stretch))
    left, top = int(rng.integers(0, size - width + 1)), int(rng.integers(0, size - height + 1))
    return left, top, left + width, top + height


def _scribble(rng: np.random.Generator, pen: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    """Zigzag with a thick round brush, rows close enough to leave few gaps."""
    left, top, right, bottom = box
    brush = min(right - left, bottom - top) * rng.uniform(0.28, 0.5)
    rows = max(3, round((bottom - top) / (brush * 0.7)))
    inset = brush / 2
    points: list[tuple[float, float]] = []
    for row in range(rows):
        y = top + inset + (bottom - top - brush) * row / (rows - 1)
        ends = [left + inset, right - inset] if row % 2 == 0 else [right - inset, left + inset]
        points += [(x + rng.normal(0, brush * 0.06), y + rng.normal(0, brush * 0.06)) for x in ends]
    pen.line(points, fill=1, width=max(1, round(brush)))
    for x, y in points:
        pen.ellipse((x - inset, y - inset, x + inset, y + inset), fill=1)


def _measured(pixels: NDArray[np.bool_]) -> Mask:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return Mask(pixels, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
