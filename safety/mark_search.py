"""Looks for a mark in a picture that was cropped, resized, turned, mirrored, stretched or pasted into a larger one.

The lines of a repeated tile lie on a grid of the whole picture's spectrum. Scaling or turning the picture moves that
grid in a known way, so one transform of the picture serves every geometry: each is tried by picking the sync lines
from where they would be then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety import mark_sight
from safety.mark_finder import Found, Lattice, read
from safety.mark_keys import MarkKeys
from safety.mark_read import Seen, fits, sightings
from safety.mark_tile import TILE, Complex, Floats, Lines, band, slow_sync

_SHORT_SIDES = (512, 1024)
_LONGEST = 3
_STEP = 0.008
_TURNS = 0.007
_BATCH = 64
_REFINED, _READ = 12, 6
_REFINEMENTS = 6
_FASTEST = 0.48

Geometry = NDArray[np.float64]
"""2 x 2: how far right and down (columns) in the picture a pixel right and a pixel down in the tile lead (rows)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Spectrum:
    """The transform of a picture about its middle."""

    values: Complex
    height: int

    @classmethod
    def of(cls, flat: Floats) -> _Spectrum:
        # Twice the size, for lines between two of the picture's own; whole tiles, so that plain ones fall on it.
        height, width = (-(-2 * side // TILE) * TILE for side in flat.shape)
        padded = np.zeros((height, width), dtype=np.float32)
        padded[: flat.shape[0], : flat.shape[1]] = flat
        middle = np.roll(padded, (-(flat.shape[0] // 2), -(flat.shape[1] // 2)), axis=(0, 1))
        return cls(np.fft.rfft2(middle).astype(np.complex64), height)

    def at(self, lines: Lines, geometries: Geometry) -> Complex:
        """What a tile's `lines` hold in each of `geometries` (n x 2 x 2): n x lines."""
        back = np.linalg.inv(geometries)
        waves = np.stack([lines.x, lines.y]).astype(np.float64) / TILE
        across, down = back[:, 0] @ waves, back[:, 1] @ waves
        mirrored = across < 0
        across, down = np.where(mirrored, -across, across), np.where(mirrored, -down, down)
        beyond = (np.abs(across) > _FASTEST) | (np.abs(down) > _FASTEST)
        width = 2 * (self.values.shape[1] - 1)
        column = np.where(beyond, 0, np.rint(across * width)).astype(np.intp)
        row = np.where(beyond, 0, np.rint(down * self.height)).astype(np.intp)
        held = self.values[row % self.height, column]
        found: Complex = np.where(mirrored, np.conj(held), held)
        found[beyond] = 0
        return found


def search(image: Image.Image, keys: MarkKeys) -> Found | None:
    """The mark of a picture in another geometry: about half a second where there is none."""
    image = _middle(image)
    for side in _SHORT_SIDES:
        if side > _SHORT_SIDES[0] and min(image.size) < side * 0.7:
            break  # nothing more to see at a larger scale
        grey = mark_sight.luma(image, TILE * min(image.size) / side)
        spectrum = _Spectrum.of(mark_sight.flatten(grey))
        for ring in keys.rings:
            best = _best(spectrum, ring.sync_seed)
            for geometry in best:
                seen = Seen.level(*(spectrum.at(lines, geometry[None])[0] for lines in band()))
                found = read(seen, ring, sightings(seen.sync, ring.sync_seed, 1))
                if found is not None:
                    return replace(found, lattice=_lattice(geometry * min(image.size) / side))
    return None


def _lattice(geometry: Geometry) -> Lattice:
    (a, b), (c, d) = geometry.tolist()
    return (a, b), (c, d)


def _middle(image: Image.Image) -> Image.Image:
    """As much of a very long picture as is worth searching: it would be enlarged as a whole before."""
    longest = _LONGEST * min(image.size)
    left, top = (max(0, side - longest) // 2 for side in image.size)
    return image.crop((left, top, image.width - left, image.height - top))


def _best(spectrum: _Spectrum, seed: bytes) -> Sequence[Geometry]:
    """The likeliest geometries, likeliest first."""
    tried = _geometries()
    scores = np.concatenate(
        [fits(spectrum.at(slow_sync(), tried[start : start + _BATCH]), seed) for start in range(0, len(tried), _BATCH)]
    )
    promising = np.argsort(-scores)[:_REFINED]
    refined = [_refined(spectrum, seed, tried[place], float(scores[place])) for place in promising]
    refined.sort(key=lambda one: -one[1])
    return [geometry for geometry, _ in refined[:_READ]]


def _refined(spectrum: _Spectrum, seed: bytes, start: Geometry, score: float) -> tuple[Geometry, float]:
    """The best geometry near `start`: small changes of size, aspect, turn and slant as long as they help."""
    step = _STEP / 2
    for _ in range(_REFINEMENTS):
        moves = start @ (np.eye(2) + step * _MOVES)
        scores = fits(spectrum.at(slow_sync(), moves), seed)
        best = int(scores.argmax())
        if scores[best] > score:
            start, score = moves[best], float(scores[best])
        else:
            step /= 2
    return start, score


_BASIS = np.array([[[1, 0], [0, 1]], [[1, 0], [0, -1]], [[0, -1], [1, 0]], [[0, 1], [1, 0]]], dtype=np.float64)
_MOVES = np.concatenate([_BASIS, -_BASIS])


@lru_cache(maxsize=1)
def _geometries() -> Geometry:
    """All that are tried, in a picture whose short side is four tiles."""
    return np.array(list(_listed()))


def _listed() -> Iterator[Geometry]:
    mirror = np.diag([-1.0, 1.0])
    for quarter in range(4):
        yield _turned(quarter * math.pi / 2)
        yield _turned(quarter * math.pi / 2) @ mirror
    for scale in _steps(0.28, 2.1):
        yield np.eye(2) * scale
        yield mirror * scale
    for angle in np.arange(-15, 16) * _TURNS:
        for scale in _steps(0.86, 1.16):
            yield _turned(angle) * scale
    for stretch in _steps(0.93, 1.08):
        yield np.diag([stretch, 1.0])
        yield np.diag([1.0, stretch])


def _steps(least: float, most: float) -> NDArray[np.float64]:
    count = math.ceil(math.log(most / least) / _STEP) + 1
    return np.geomspace(least, most, count)


def _turned(angle: float) -> Geometry:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
