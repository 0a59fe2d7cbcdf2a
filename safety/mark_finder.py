"""Looks for a mark where it may be: at the scales it is made at, over the whole picture and in parts of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from safety import mark_code, mark_sight
from safety.mark_keys import KeyRing, MarkKey, MarkKeys
from safety.mark_payload import opened
from safety.mark_read import Seen, Sighting, fits, sightings, votes
from safety.mark_tile import TILE, Floats, layout, slow_sync

Lattice = tuple[tuple[float, float], tuple[float, float]]

_PLACES = 2
_PARTS_TRIED = 4
_CELL = TILE // 2
_PART_CELLS = (4, 2)
_NATIVE_SIDE = 512


@dataclass(frozen=True, slots=True)
class Found:
    """What was read, with which key, where its tile begins, and how it lies in the picture.

    `lattice` is where, in pixels of the picture, a pixel right in the tile leads, and a pixel down: (x, y) each.
    """

    message: int
    ring: KeyRing
    key: MarkKey
    place: Sighting
    lattice: Lattice = ((1.0, 0.0), (0.0, 1.0))


def find(image: Image.Image, keys: MarkKeys) -> Found | None:
    """The mark of an upright picture: whole or cropped without scaling, of any size; or of a part of it."""
    for tile in periods(image.size):
        grey = _grey(image, tile)
        flat = mark_sight.flatten(grey)
        found = _in_whole(flat, keys)
        if found is None and mark_sight.clipped(grey):
            found = _in_ink(image, tile, keys)
        if found is None and tile == mark_sight.period(image.size):
            found = _in_parts(flat, keys)
        if found is not None:
            scale = tile / TILE
            return replace(found, lattice=((scale, 0.0), (0.0, scale)))
    return None


def find_plain(image: Image.Image, keys: MarkKeys) -> Found | None:
    """The mark of a whole picture as it was marked, or at most resized."""
    return _in_whole(mark_sight.flatten(_grey(image, mark_sight.period(image.size))), keys)


def periods(size: tuple[int, int]) -> list[float]:
    """Widths that a tile may have in a picture of `size`, in pixels, likeliest first.

    That of a picture as it was marked; those of a small copy, and of a part cut out, of one with the usual short side.
    """
    short = min(size)
    sides = [mark_sight.period(size)]
    if short < _NATIVE_SIDE:
        sides += [short / mark_sight.PARTS, _NATIVE_SIDE / mark_sight.PARTS]
    return list(dict.fromkeys(sides))


def read(seen: Seen, ring: KeyRing, places: Sequence[Sighting]) -> Found | None:
    """What a key of `ring` sealed and a tile that begins at one of `places` says."""
    layouts = [layout(key.layout_seed) for key in ring.keys]
    rows = np.concatenate([votes(seen, ring.sync_seed, place, layouts) for place in places])
    for number, payload in enumerate(mark_code.decode(rows)):
        key = ring.keys[number % len(layouts)]
        message = opened(payload, key)
        if message is not None:
            return Found(message, ring, key, places[number // len(layouts)])
    return None


def _grey(image: Image.Image, tile: float) -> Floats:
    return mark_sight.middle(mark_sight.luma(image, tile))


def _in_whole(flat: Floats, keys: MarkKeys) -> Found | None:
    seen = Seen.of(mark_sight.fold(flat))
    return _first(read(seen, ring, sightings(seen.sync, ring.sync_seed, _PLACES)) for ring in keys.rings)


def _in_ink(image: Image.Image, tile: float, keys: MarkKeys) -> Found | None:
    """A mark of which only the ink of a page is left, since the paper was made white again."""
    # The picture's own pixels: a mean of ink and paper is of any tone.
    ink = mark_sight.middle(mark_sight.luma(image, tile, Image.Resampling.NEAREST))
    return _in_whole(mark_sight.flatten_alike(ink), keys)


def _in_parts(flat: Floats, keys: MarkKeys) -> Found | None:
    """A mark that lies in a part of the picture only, such as the repainted one."""
    parts = list(_parts(flat))
    if not parts:
        return None
    slow = slow_sync()
    lines = np.fft.rfft2(np.stack(parts)).astype(np.complex64)[:, slow.y % TILE, slow.x]
    tries = (
        (parts[place], ring) for ring in keys.rings for place in np.argsort(-fits(lines, ring.sync_seed))[:_PARTS_TRIED]
    )
    seen = ((Seen.of(tile), ring) for tile, ring in tries)
    return _first(read(one, ring, sightings(one.sync, ring.sync_seed, 1)) for one, ring in seen)


def _first(tries: Iterator[Found | None]) -> Found | None:
    return next((found for found in tries if found is not None), None)


def _parts(flat: Floats) -> Iterator[Floats]:
    """The folds of all squares of 2 and of 1 tiles a side, half a tile apart."""
    rows, columns = (side // _CELL for side in flat.shape)
    cells = flat[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL)
    for size in _PART_CELLS:
        for top in range(0, rows - size + 1, size // 2):
            for left in range(0, columns - size + 1, size // 2):
                tile = np.zeros((2, _CELL, 2, _CELL), dtype=np.float32)
                for row in range(top, top + size):
                    for column in range(left, left + size):
                        tile[row % 2, :, column % 2] += cells[row, :, column]
                yield tile.reshape(TILE, TILE)
