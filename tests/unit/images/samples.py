"""Pictures made for these tests: encoded files, and arrays that stand for a decoded image."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.params import InpaintParams
from storage.pictures import Picture

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def noise(width: int, height: int, seed: int = 0, channels: int = 3) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(width: int, height: int) -> Pixels:
    """A gradient, which survives JPEG."""
    down, across = np.mgrid[0:height, 0:width]
    channels = (across * 200 // max(width, 2), down * 200 // max(height, 2), 40 + 0 * down)
    return np.stack(channels, axis=2).astype(np.uint8)


def picture(rgb: Pixels, alpha: Pixels | None = None) -> Picture:
    return Picture(rgb, alpha, "image/png")


def encoded(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def rectangle(width: int, height: int, left: int, top: int, right: int, bottom: int) -> Mask:
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[top:bottom, left:right] = True
    return mask


def resolved(native_size: int = 64, **params: Any) -> InpaintParams:
    return InpaintParams(**params).resolved(native_size=native_size, seed=1)
