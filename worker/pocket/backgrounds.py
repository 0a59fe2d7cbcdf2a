"""Backgrounds drawn by code, some of them with the statistics of photographs."""

import colorsys

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Picture = NDArray[np.float32]


def draw_background(rng: np.random.Generator, size: int) -> Picture:
    """One background.

    :returns: float32 array (size, size, 3), 0 to 255
    """
    kinds = (_flat, _gradient, _stripes, _checker, _clouds, _leaves)
    kind = kinds[int(rng.choice(len(kinds), p=(0.12, 0.16, 0.08, 0.07, 0.25, 0.32)))]
    picture = kind(rng, size)
    if rng.random() < 0.5:
        picture = picture + rng.normal(0, rng.uniform(1, 7), picture.shape).astype(np.float32)
    return np.clip(picture, 0, 255)


def _tone(rng: np.random.Generator) -> Picture:
    """Muted more often than not, because surfaces in photographs are."""
    saturation = rng.beta(1.2, 2.6)
    rgb = colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.12, 1.0))
    return np.array(rgb, dtype=np.float32) * 255


def _flat(rng: np.random.Generator, size: int) -> Picture:
    return np.broadcast_to(_tone(rng), (size, size, 3)).astype(np.float32)


def _ramp(rng: np.random.Generator, size: int) -> Picture:
    steps = np.linspace(-1, 1, size, dtype=np.float32)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    return ((along + 1.4143) / 2.8286).astype(np.float32)


def _gradient(rng: np.random.Generator, size: int) -> Picture:
    ramp = _ramp(rng, size)[..., None]
    return (_tone(rng) * (1 - ramp) + _tone(rng) * ramp).astype(np.float32)


def _stripes(rng: np.random.Generator, size: int) -> Picture:
    odd = np.floor(_ramp(rng, size) * rng.integers(5, 16)) % 2
    return np.where(odd[..., None] > 0, _tone(rng), _tone(rng)).astype(np.float32)


def _checker(rng: np.random.Generator, size: int) -> Picture:
    cell = int(rng.integers(8, 33))
    index = np.arange(size) // cell
    odd = (index[:, None] + index[None, :]) % 2
    return np.where(odd[..., None] > 0, _tone(rng), _tone(rng)).astype(np.float32)


def _octaves(rng: np.random.Generator, size: int) -> Picture:
    """Sum of noise whose amplitude halves with each octave: the 1/f spectrum of natural scenes, in [0, 1]."""
    total = np.zeros((size, size), dtype=np.float32)
    decay = rng.uniform(0.45, 0.7)
    for octave in range(1, 7):
        cells = min(2**octave, size)
        coarse = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
        total += decay**octave * np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def _clouds(rng: np.random.Generator, size: int) -> Picture:
    blend, hue = _octaves(rng, size)[..., None], _octaves(rng, size)[..., None]
    first, second, third = _tone(rng), _tone(rng), _tone(rng)
    return ((first * (1 - blend) + second * blend) * 0.8 + third * hue * 0.3).astype(np.float32)


def _leaves(rng: np.random.Generator, size: int) -> Picture:
    """Dead leaves: occluding discs and boxes of power-law sizes give the edge statistics of photographs."""
    picture = _clouds(rng, size)
    steps = np.arange(size, dtype=np.float32)
    texture = (_octaves(rng, size)[..., None] - 0.5) * rng.uniform(10, 80)
    for _ in range(int(rng.integers(6, 40))):
        reach = size * 0.5 * float(rng.power(0.6)) + 2
        x, y = rng.uniform(0, size, 2)
        dx, dy = abs(steps[None, :] - x) / rng.uniform(0.5, 1.5), abs(steps[:, None] - y)
        inside = dx**2 + dy**2 < reach**2 if rng.random() < 0.6 else np.maximum(dx, dy) < reach
        picture[inside] = _tone(rng)
    picture = picture * rng.uniform(0.8, 1.0) + texture
    return _soften(picture, rng.uniform(0.0, 1.6))


def _soften(picture: Picture, radius: float) -> Picture:
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
