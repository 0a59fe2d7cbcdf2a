"""Where watermark bits lie in a picture: blocks, coefficients, dither. Arithmetic only, no keys and no files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
_GROUP = 8
_GROUPS = 4
_BITS = 64
_PLACES = ((0, 2), (1, 1), (2, 0), (0, 3), (1, 2), (2, 1), (3, 0), (1, 3), (2, 2), (3, 1), (0, 4), (4, 0))
"""Row and column of the coefficients that carry bits: low enough to survive JPEG, high enough to stay unseen."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Writing:
    """What to write: 64 bits, at one quantization step (in units of luma), in the layout of `seed`."""

    bits: NDArray[np.bool_]
    step: float
    seed: bytes


def _dct_matrix() -> Floats:
    """The orthonormal 8-point DCT-II, the one JPEG uses."""
    k, n = np.arange(BLOCK)[:, None], np.arange(BLOCK)[None]
    matrix = np.cos((2 * n + 1) * k * np.pi / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    matrix[0] /= np.sqrt(2)
    rounded: Floats = matrix.astype(np.float32)
    return rounded


_DCT = _dct_matrix()
# Analysis and synthesis of just the places used, as one matrix each: 64 pixels by 12 coefficients.
_BASIS = np.stack([np.outer(_DCT[r], _DCT[c]).ravel() for r, c in _PLACES], axis=1)


def luma(rgb: Floats) -> Floats:
    """Height x width x 3 in 0..255 to height x width (ITU-R BT.601)."""
    grey: Floats = rgb @ _LUMA
    return grey


def aligned(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """The largest part of `box` that is made of whole blocks of the picture's grid."""
    left, top, right, bottom = box
    return -(-left // BLOCK) * BLOCK, -(-top // BLOCK) * BLOCK, right // BLOCK * BLOCK, bottom // BLOCK * BLOCK


def analyse(grey: Floats) -> Floats:
    """Coefficients of every whole block of a picture: rows x columns of blocks x 12."""
    height, width = (side // BLOCK for side in grey.shape)
    blocks = grey[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK).swapaxes(1, 2)
    found: Floats = blocks.reshape(height, width, BLOCK * BLOCK) @ _BASIS
    return found


def change(grey: Floats, writing: Writing, corner: tuple[int, int]) -> Floats:
    """What to add to the luma `grey` so that it carries the writing.

    `grey` is a part of a picture, whole blocks, with its top left at `corner` (x, y) of it.
    """
    coefficients = analyse(grey)
    which, dither = _layout(writing.seed, coefficients.shape[:2], (corner[0] // BLOCK, corner[1] // BLOCK))
    offset = (dither + writing.bits[which] / 2) * writing.step
    nearest = np.rint((coefficients - offset) / writing.step) * writing.step + offset
    blocks: Floats = ((nearest - coefficients) @ _BASIS.T).astype(np.float32)
    height, width = coefficients.shape[:2]
    return blocks.reshape(height, width, BLOCK, BLOCK).swapaxes(1, 2).reshape(grey.shape)


def votes(coefficients: Floats, step: float, seed: bytes) -> Iterator[Floats]:
    """64 sums, positive where a bit is more likely 1: first of all blocks alike, then of marked-looking blocks more.

    A coefficient that carries a 0 lies near a multiple of the step past its dither, one that carries a 1 halfway
    between two; unmarked ones lie anywhere. At twice the frequency both bits look alike, which tells marked blocks
    from others when only a region is marked or part of it was painted over.
    """
    which, dither = _layout(seed, coefficients.shape[:2], (0, 0))
    phase = 2 * np.pi * (coefficients / step - dither)
    toward_one = -np.cos(phase)
    yield _summed(which, toward_one)
    trust = np.clip(np.cos(2 * phase).mean(axis=2, keepdims=True), 0, None)
    yield _summed(which, toward_one * trust**2)


def _summed(which: NDArray[np.intp], values: Floats) -> Floats:
    sums: Floats = np.bincount(which.ravel(), values.ravel(), minlength=_BITS).astype(np.float32)
    return sums


def _layout(seed: bytes, shape: tuple[int, int], start: tuple[int, int]) -> tuple[NDArray[np.intp], Floats]:
    """Bit number and dither (-0.5 to 0.5 steps) of every coefficient of `shape` blocks from block `start` (x, y) on."""
    which, dither = _tile(seed)
    side = _GROUP * _GROUPS
    rows = (np.arange(shape[0]) + start[1]) % side
    columns = (np.arange(shape[1]) + start[0]) % side
    return which[np.ix_(rows, columns)], dither[np.ix_(rows, columns)]


@lru_cache(maxsize=32)
def _tile(seed: bytes) -> tuple[NDArray[np.intp], Floats]:
    """The layout of 32 x 32 blocks. Each 8 x 8 of them, 64 pixels square, carries every bit 12 times."""
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(seed).digest(), "big")))
    places = _GROUP * _GROUP * len(_PLACES)
    every_bit = np.repeat(np.arange(_BITS), places // _BITS)
    groups = rng.permuted(np.tile(every_bit, (_GROUPS * _GROUPS, 1)), axis=1)
    shaped = groups.reshape(_GROUPS, _GROUPS, _GROUP, _GROUP, len(_PLACES)).swapaxes(1, 2)
    side = _GROUP * _GROUPS
    dither = rng.uniform(-0.5, 0.5, (side, side, len(_PLACES))).astype(np.float32)
    return shaped.reshape(side, side, len(_PLACES)).astype(np.intp), dither
