"""The eight shapes and ten colours the pocket model knows, as geometry and numbers."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 28, 32),
    "orange": (255, 138, 0),
    "yellow": (252, 228, 36),
    "green": (28, 148, 48),
    "cyan": (36, 208, 218),
    "blue": (28, 62, 212),
    "purple": (122, 38, 172),
    "pink": (255, 142, 194),
    "white": (250, 250, 250),
    "black": (16, 16, 16),
}
SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "star", "heart", "diamond", "cross", "ring")

RING_HOLE = 0.52
CROSS_ARM = 0.34
OVERSAMPLE = 4

Points = list[tuple[float, float]]


def _turn(count: int, radius_of: tuple[float, ...], start: float = -math.pi / 2) -> Points:
    angles = [start + 2 * math.pi * i / count for i in range(count)]
    radii = [radius_of[i % len(radius_of)] for i in range(count)]
    return [(r * math.cos(a), r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]


def _heart() -> Points:
    """The classic heart curve (x = 16 sin^3 t), point down."""
    turns = [2 * math.pi * i / 96 for i in range(96)]
    return [
        (
            16 * math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)),
        )
        for t in turns
    ]


def _cross() -> Points:
    a = CROSS_ARM
    return [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]


def _fitted(points: Points) -> Points:
    """Shift and scale alike in both directions until the longer side of the outline spans [-1, 1]."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    half = max(max(xs) - min(xs), max(ys) - min(ys)) / 2
    cx, cy = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return [((x - cx) / half, (y - cy) / half) for x, y in points]


OUTLINES: dict[str, Points] = {
    "circle": _fitted(_turn(96, (1.0,))),
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "triangle": _fitted([(0, -1), (1, 0.75), (-1, 0.75)]),
    "star": _fitted(_turn(10, (1.0, 0.42))),
    "heart": _fitted(_heart()),
    "diamond": [(0, -1), (0.72, 0), (0, 1), (-0.72, 0)],
    "cross": _cross(),
    "ring": _fitted(_turn(96, (1.0,))),
}


def shape_alpha(shape: str, size: tuple[int, int], centre: tuple[float, float], radius: float) -> NDArray[np.float32]:
    """Coverage of one shape on a canvas.

    :param size: canvas (height, width) in pixels
    :param centre: (x, y) in pixels
    :param radius: half of the shape's longer side, pixels
    :returns: float32 array of the canvas size in [0, 1], anti-aliased
    """
    height, width = size
    canvas = Image.new("L", (width * OVERSAMPLE, height * OVERSAMPLE), 0)
    pen = ImageDraw.Draw(canvas)
    _fill(pen, OUTLINES[shape], centre, radius, 255)
    if shape == "ring":
        _fill(pen, OUTLINES["ring"], centre, radius * RING_HOLE, 0)
    small = canvas.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255.0


def _fill(pen: ImageDraw.ImageDraw, outline: Points, centre: tuple[float, float], radius: float, value: int) -> None:
    (cx, cy), k = centre, OVERSAMPLE
    pen.polygon([((cx + x * radius) * k, (cy + y * radius) * k) for x, y in outline], fill=value)
