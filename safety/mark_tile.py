"""Where the watermark's bits lie in its tile: carriers are lines of the tile's spectrum. Arithmetic only, no files.

A tile of 128 x 128 repeats over the picture. Its spectrum has lines at whole numbers of waves per tile; those between
`INNER` and `OUTER` waves are used: slow enough to survive compression and halving, fast enough not to look like stains.
A fifth of them, all over the band, are sync: their signs are known, which shows where a tile begins and how far each
part of the band can be trusted. Every other line carries two signs, in its real and its imaginary part. Sines and
cosines of different lines are orthogonal over a tile, so bits do not disturb one another.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from safety.mark_code import CODED

TILE = 128
INNER, SLOW, OUTER = 3.5, 24.0, 32.0
_SYNC_EVERY = 5
_BLOCKS = 16
"""Waves per tile of JPEG's blocks, where a tile is 128 pixels: no bit lies where their edges show."""

Floats = NDArray[np.float32]
Complex = NDArray[np.complex64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines of the spectrum in rising distance from zero: waves per tile down `y` and across `x`, and both, `radius`.

    Of each line and its mirror image, only the one with x > 0, or x = 0 and y > 0, is listed.
    """

    y: Ints
    x: Ints
    radius: Floats

    def moved(self, y: float, x: float) -> Complex:
        """What each line of a tile is multiplied by when the tile moves up by `y` and left by `x` pixels."""
        angle = 2 * np.pi / TILE * (self.y * y + self.x * x)
        turn: Complex = np.exp(1j * angle).astype(np.complex64)
        return turn


@lru_cache(maxsize=1)
def band() -> tuple[Lines, Lines]:
    """The lines of sync and those of the payload; of the latter as many as fill whole layers of CODED signs."""
    side = int(OUTER)
    y, x = np.mgrid[-side : side + 1, 0 : side + 1].reshape(2, -1)
    radius = np.hypot(y, x)
    kept = (radius >= INNER) & (radius <= OUTER) & ((x > 0) | (y > 0)) & ((x % _BLOCKS != 0) | (y % _BLOCKS != 0))
    order = np.flatnonzero(kept)[np.argsort(radius[kept], kind="stable")]
    is_sync = np.arange(len(order)) % _SYNC_EVERY == 0
    payload = order[~is_sync]
    payload = payload[: len(payload) * 2 // CODED * CODED // 2]
    sync, rest = (Lines(y[part], x[part], radius[part].astype(np.float32)) for part in (order[is_sync], payload))
    return sync, rest


@lru_cache(maxsize=1)
def slow_sync() -> Lines:
    """The lines of sync up to `SLOW` waves, which are its first: they show roughly and cheaply where a tile begins."""
    sync = band()[0]
    count = int(np.searchsorted(sync.radius, SLOW, side="right"))
    return Lines(sync.y[:count], sync.x[:count], sync.radius[:count])


@lru_cache(maxsize=64)
def sync_signs(seed: bytes) -> Complex:
    """What sync lines hold: one of 1+i, 1-i, -1+i, -1-i each."""
    signs = _generator(seed).choice(np.array([-1, 1], dtype=np.float32), (2, len(band()[0].y)))
    both: Complex = (signs[0] + 1j * signs[1]).astype(np.complex64)
    return both


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How one key spreads coded bits over the payload's lines.

    The values of the lines (real, imaginary, real, ...) are cut into layers of CODED, slowest first; each layer holds
    every coded bit once, so that all lose alike when a part of the band is lost. `place` is where in its layer a bit
    lies, `sign` whether it is turned over: both layers x CODED.
    """

    place: Ints
    sign: Floats

    def spread(self, coded: Floats) -> Complex:
        """What the payload's lines hold for CODED values."""
        values = np.empty(self.place.shape, dtype=np.float32)
        np.put_along_axis(values, self.place, coded * self.sign, axis=1)
        lines: Complex = values.reshape(-1, 2).view(np.complex64)[:, 0]
        return lines

    def collect(self, lines: Complex) -> Floats:
        """The sum for each coded bit, from what the payload's lines were found to hold."""
        values = np.ascontiguousarray(lines).view(np.float32).reshape(self.place.shape)
        sums: Floats = (np.take_along_axis(values, self.place, axis=1) * self.sign).sum(axis=0)
        return sums


@lru_cache(maxsize=256)
def layout(seed: bytes) -> Layout:
    """The layout of a key's seed."""
    rng = _generator(seed)
    layers = 2 * len(band()[1].y) // CODED
    place = rng.permuted(np.tile(np.arange(CODED), (layers, 1)), axis=1)
    sign = rng.choice(np.array([-1, 1], dtype=np.float32), (layers, CODED))
    return Layout(place, sign)


def drawn(sync: Complex, payload: Complex) -> Floats:
    """The tile, TILE x TILE, whose lines hold these values."""
    spectrum = np.zeros((TILE, TILE // 2 + 1), dtype=np.complex64)
    for lines, values in zip(band(), (sync, payload), strict=True):
        spectrum[lines.y % TILE, lines.x] = values
    # The first column holds its own mirror image.
    spectrum[1:, 0] += np.conj(spectrum[:0:-1, 0])
    tile: Floats = np.fft.irfft2(spectrum, s=(TILE, TILE)).astype(np.float32)
    return tile


def _generator(seed: bytes) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(seed).digest(), "big")))
