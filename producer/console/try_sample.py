"""The sample picture of the try page: a lake at dusk, drawn here, so that nobody's photograph is needed."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 512, 384
_SHORE = 0.62
_SUN = (0.7, 0.46, 0.055)
_SKY = ((0.0, (38, 52, 96)), (0.3, (98, 92, 144)), (0.5, (222, 140, 132)), (0.62, (255, 205, 148)))
# Farthest first: height of the ridge, how much it moves, its waves over the width, its colour.
_RIDGES = (
    (0.50, 0.050, (2.1, 5.3, 11.0), (136, 108, 142)),
    (0.555, 0.040, (3.2, 7.1, 17.0), (88, 76, 118)),
    (0.605, 0.028, (2.4, 9.7, 23.0), (46, 48, 84)),
)
Pixels = NDArray[np.float64]


@cache
def sample() -> bytes:
    """The picture as PNG bytes, the same in every process; RGB, WIDTH x HEIGHT."""
    x, y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    above = _land(x, np.minimum(y, _SHORE))
    # The lake shows what lies above the shore, upside down, stirred by small waves and darker with nearness.
    depth = np.clip((y - _SHORE) / (1 - _SHORE), 0, 1)
    wave = 0.012 * depth * np.sin(160 * depth**0.6 + 9 * np.sin(6 * x))
    mirrored = _land(x + wave, _SHORE - 0.9 * (y - _SHORE) - np.abs(wave))
    lake = mirrored * (0.82 - 0.34 * depth)[..., None] + np.array([6.0, 14.0, 30.0])
    picture = np.where((y > _SHORE)[..., None], lake, above)
    grain = np.random.default_rng(7).normal(0, 2.0, (HEIGHT, WIDTH, 1))
    file = BytesIO()
    Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8)).save(file, "PNG", optimize=True)
    return file.getvalue()


def _land(x: Pixels, y: Pixels) -> Pixels:
    """Sky, sun and hills at points given in shares of the picture's sides."""
    stops = [stop for stop, _ in _SKY]
    colour = np.stack([np.interp(y, stops, [one[band] for _, one in _SKY]) for band in range(3)], axis=-1)
    distance = np.hypot((x - _SUN[0]) * WIDTH / HEIGHT, y - _SUN[1])
    glow = np.exp(-((distance / 0.2) ** 2))[..., None]
    colour = colour + glow * np.array([60.0, 48.0, 10.0])
    colour = _over(colour, np.array([255.0, 238.0, 190.0]), _edge(_SUN[2] - distance))
    for number, (height, move, waves, tone) in enumerate(_RIDGES):
        ridge = height - move * sum(np.sin(w * x * 2 + 1.7 * number + w) / (k + 1) for k, w in enumerate(waves))
        colour = _over(colour, np.array(tone, dtype=float), _edge(y - ridge))
    return colour


def _edge(inside: Pixels) -> Pixels:
    """Coverage from a distance that is positive inside, soft over about a pixel."""
    return np.clip(inside * HEIGHT + 0.5, 0, 1)


def _over(below: Pixels, colour: Pixels, coverage: Pixels) -> Pixels:
    return below + (colour - below) * coverage[..., None]
