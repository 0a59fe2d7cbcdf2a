"""PDQ, a perceptual hash: 256 bits that hardly change when a picture is scaled, re-encoded or touched up.

Written from "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019; hashing.pdf
in ThreatExchange): luminance, two passes of a box filter along both axes, decimation to 64x64, the 16x16 lowest
frequencies of a DCT without the constant one, and of each whether it lies above the median. Two pictures count as
copies at 31 bits of distance or less where both have a quality above 49.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

MAX_DISTANCE: Final = 31
MIN_QUALITY: Final = 50
_GRID = 64
_FREQUENCIES = 16
_PASSES = 2
_QUALITY_DIVISOR = 90
Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Pdq:
    """A hash: `hex` is 64 digits, most significant bit first; `quality` 0..100, where below 50 says "too flat"."""

    hex: str
    quality: int


def pdq(image: Image) -> Pdq:
    """The hash of `image`, of any mode and size, in a few milliseconds for 512x512."""
    return dihedral(image)[0]


def dihedral(image: Image) -> tuple[Pdq, ...]:
    """The hashes of `image` as it is, flipped and turned, at the price of one.

    In order: as it is, mirrored left to right, mirrored top to bottom, turned by 180 degrees; then the same four of
    the transposed picture. They are what `pdq` gives for the transformed pictures but for a few bits of rounding.
    """
    return of_luma(luma(image))


def luma(image: Image) -> Matrix:
    """Luminance 0..255 (height, width), by ITU-R 601."""
    return np.asarray(image.convert("RGB").convert("L"), dtype=np.float32)


def of_luma(luminance: Matrix) -> tuple[Pdq, ...]:
    """Like `dihedral`, of luminance 0..255 (height, width)."""
    height, width = luminance.shape
    small = _decimation(height) @ luminance @ _decimation(width).T
    quality = _quality(small)
    spectrum = _cosines() @ small @ _cosines().T
    # Mirroring an axis changes the sign of its odd frequencies; the frequencies count from 1.
    sign = np.where(np.arange(1, _FREQUENCIES + 1) % 2, -1.0, 1.0)
    across, down = sign[np.newaxis, :], sign[:, np.newaxis]
    return tuple(
        Pdq(_bits(oriented), quality)
        for upright in (spectrum, spectrum.T)
        for oriented in (upright, upright * across, upright * down, upright * across * down)
    )


def distance(a: str, b: str) -> int:
    """In how many bits, 0..256, two hashes (64 hex digits each) differ. Raises ValueError on anything else."""
    if len(a) != 64 or len(b) != 64:
        raise ValueError("A PDQ hash has 64 hexadecimal digits.")
    return (int(a, 16) ^ int(b, 16)).bit_count()


def _bits(spectrum: Matrix) -> str:
    middle = np.partition(spectrum, spectrum.size // 2 - 1, axis=None)[spectrum.size // 2 - 1]
    above = (spectrum > middle).ravel()
    return np.packbits(above[::-1]).tobytes().hex()


def _quality(small: Matrix) -> int:
    steps = (np.diff(small, axis=0), np.diff(small, axis=1))
    gradients = sum(int(np.abs(step * 100 / 255).astype(np.int64).sum()) for step in steps)
    return min(100, gradients // _QUALITY_DIVISOR)


@lru_cache(maxsize=1)
def _cosines() -> Matrix:
    """The 16 lowest rows of the 64-point DCT matrix but the constant one: (16, 64)."""
    row = np.arange(1, _FREQUENCIES + 1)[:, np.newaxis]
    column = np.arange(_GRID)[np.newaxis, :]
    cosines = np.sqrt(2 / _GRID) * np.cos(np.pi / 2 / _GRID * row * (2 * column + 1))
    return np.asarray(cosines, dtype=np.float32)


@lru_cache(maxsize=64)
def _decimation(length: int) -> Matrix:
    """Both box filters and the choice of 64 samples along an axis of `length` pixels, as one matrix (64, length)."""
    window = (length + 2 * _GRID - 1) // (2 * _GRID)
    half = (window + 2) // 2
    place = np.arange(length)
    first = np.maximum(place - (window - half), 0)
    beyond = np.minimum(place + half, length)
    weights = np.zeros((length, _GRID))
    weights[((np.arange(_GRID) + 0.5) * length / _GRID).astype(int), np.arange(_GRID)] = 1
    for _ in range(_PASSES):
        # Each output is the mean of first..beyond; what a sample takes from an input is found by a running sum.
        share = weights / (beyond - first)[:, np.newaxis]
        steps = np.zeros((length + 1, _GRID))
        np.add.at(steps, first, share)
        np.subtract.at(steps, beyond, share)
        weights = np.cumsum(steps, axis=0)[:length]
    return np.ascontiguousarray(weights.T, dtype=np.float32)
