"""From the lines of a tile's spectrum to the bits in them: sync, trust, votes. Arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from safety.mark_tile import TILE, Complex, Floats, Layout, band, sync_signs

_GROUPS = 10
_LIMIT = 2.5
_LEAST_TRUST = 0.05
_COARSE = 64
_TINY = np.float32(1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was found on the lines of sync and on those of the payload, equally strong at every radius."""

    sync: Complex
    payload: Complex

    @classmethod
    def of(cls, tile: Floats) -> "Seen":
        """From the fold of a flattened picture, TILE x TILE."""
        spectrum = np.fft.rfft2(tile).astype(np.complex64)
        return cls.level(*(spectrum[lines.y % TILE, lines.x] for lines in band()))

    @classmethod
    def level(cls, sync: Complex, payload: Complex) -> "Seen":
        """From the lines as they are."""
        return cls(level(sync), level(payload))


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a tile seems to begin, down and across in pixels of TILE, and how surely: standard deviations of chance."""

    y: float
    x: float
    score: float


def level(values: Complex) -> Complex:
    """Lines in rising radius (last axis), made equally strong at every radius, and single strong ones cut.

    A picture has more of slow waves than of fast ones, and regular patterns of it stand out as single lines.
    """
    size = np.abs(values)
    usual = np.repeat(_means(size), _groups(size.shape[-1])[1], axis=-1) + _TINY
    leveled: Complex = values / np.maximum(usual, size / np.float32(_LIMIT))
    return leveled


def sightings(seen: Complex, seed: bytes, most: int) -> list[Sighting]:
    """The `most` likeliest places of the sync of `seed` in sync lines `seen`, likeliest first."""
    match = correlation(seen * np.conj(sync_signs(seed)), TILE)
    best = np.argpartition(match, -most, axis=None)[-most:]
    ranked = best[np.argsort(-match.ravel()[best])]
    return [_between(match, *divmod(int(place), TILE)) for place in ranked]


def correlation(products: Complex, grid: int) -> Floats:
    """How well sync fits at each of `grid` x `grid` places of a tile, in standard deviations of chance.

    `products` (any number x sync lines) is what was seen times the conjugate of what is sought. Lines must be slower
    than grid / 2 waves; those beyond the length of `products` are left out.
    """
    count = products.shape[-1]
    lines = band()[0]
    y, x = lines.y[:count], lines.x[:count]
    spectrum = np.zeros((*products.shape[:-1], grid, grid // 2 + 1), dtype=np.complex64)
    # An inverse transform takes every column twice, but the first.
    spectrum[..., y % grid, x] = products * np.where(x == 0, np.float32(1), np.float32(0.5))
    sums = np.fft.irfft2(spectrum, s=(grid, grid)) * np.float32(grid * grid)
    # Signs are worth sqrt(2) each, of which chance has one half in the direction that counts.
    chance = np.sqrt((np.abs(products) ** 2).sum(axis=-1) / 2) + _TINY
    match: Floats = (sums / chance[..., None, None]).astype(np.float32)
    return match


def fits(seen: Complex, seed: bytes) -> Floats:
    """How well the sync of `seed` fits at its best place, for each row of slow sync lines as they are."""
    count = seen.shape[-1]
    match = correlation(level(seen) * np.conj(sync_signs(seed)[:count]), _COARSE)
    best: Floats = match.max(axis=(1, 2))
    return best


def _between(match: Floats, y: int, x: int) -> Sighting:
    """The top of the parabola through a place and its neighbors, in each direction."""

    def top(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return max(-0.5, min(0.5, 0.5 * (before - after) / bend)) if bend < 0 else 0.0

    here = float(match[y, x])
    dy = top(float(match[y - 1, x]), here, float(match[(y + 1) % TILE, x]))
    dx = top(float(match[y, x - 1]), here, float(match[y, (x + 1) % TILE]))
    return Sighting(y + dy, x + dx, here)


def votes(seen: Seen, seed: bytes, place: Sighting, layouts: Sequence[Layout]) -> Floats:
    """For each layout, CODED sums that are positive where a 1 is likelier, if a tile begins at `place`.

    Each radius is trusted as far as its sync lines show what they should.
    """
    sync_lines, payload_lines = band()
    agreement = seen.sync * sync_lines.moved(place.y, place.x) * np.conj(sync_signs(seed))
    signal, power = _means(agreement.real), _means(np.abs(agreement) ** 2)
    trust = np.maximum(signal, _LEAST_TRUST * max(float(signal.max()), 1e-6)) / (power + _TINY)
    smooth = np.convolve(np.pad(trust, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    weight = np.interp(payload_lines.radius, _means(sync_lines.radius), smooth).astype(np.float32)
    lines = seen.payload * payload_lines.moved(place.y, place.x) * weight
    return np.stack([one.collect(lines) for one in layouts])


def _means(values: Floats) -> Floats:
    """The mean of each group of neighbors along the last axis."""
    starts, lengths = _groups(values.shape[-1])
    means: Floats = (np.add.reduceat(values, starts, axis=-1) / lengths).astype(np.float32)
    return means


@lru_cache(maxsize=8)
def _groups(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each of _GROUPS groups out of `count` begins, and how many belong to it."""
    starts = np.arange(_GROUPS) * count // _GROUPS
    return starts, np.diff(np.append(starts, count))
