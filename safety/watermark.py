"""The invisible watermark: 64 bits in every result, readable again with the key.

Payload: 4 bits version, 36 bits random id, 24 bits HMAC tag, so that what reads as a mark is one. Nothing in it is
about a user. An error-correcting code makes 210 signs of it, which lie on the waves of a tile that repeats over the
picture, a quarter of its short side wide: so the mark is found again at another size, and in a part of the picture.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety import mark_code, mark_sight
from safety.errors import MarkError
from safety.mark_finder import Found, Lattice, find, find_plain
from safety.mark_keys import MarkKeys
from safety.mark_payload import drawn_number, id_of, new_message, sealed
from safety.mark_read import Sighting
from safety.mark_search import search
from safety.mark_tile import TILE, layout
from safety.mark_write import Writing, change, painted

SMALLEST_SIDE = 64
_DECIBELS = (40.15, 38.5, 36.5, 34.5, 32.0, 29.5)
"""Distances to the picture before, within the marked region, that are tried in turn."""

Box = tuple[int, int, int, int]
Trial = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark. `id` is 9 hex digits; `psnr_db` is the distance to the picture before, known when embedding.

    `lattice` says how it lies in the picture it was found in: see safety/mark_view.py.
    """

    id: str
    key_id: str
    psnr_db: float | None
    lattice: Lattice = field(default=((1.0, 0.0), (0.0, 1.0)), compare=False)


def jpeg_trial(marked: Image.Image) -> Image.Image:
    """What a JPEG of quality 80 leaves of a picture."""
    buffer = io.BytesIO()
    marked.convert("RGB").save(buffer, "JPEG", quality=80)
    return Image.open(buffer)


def embed(
    image: Image.Image,
    keys: MarkKeys,
    region: Box | NDArray[np.bool_] | None = None,
    rng_seed: bytes | None = None,
    trial: Trial = jpeg_trial,
) -> tuple[Image.Image, Mark]:
    """A marked copy of an RGB or RGBA image, and the mark: same size and mode, same alpha.

    Only pixels inside `region` (left, top, right, bottom; or a bool for each pixel, height x width) change when it is
    given. The id, one of the keys and where tiles begin are random, or follow from `rng_seed`. A mark of ours that the
    picture already carries as it is is written over. The weakest strength is taken that reads back from the marked
    pixels and from what `trial` makes of them, such as the encoding they are about to get.
    Raises MarkError, and the picture must not be released, when none does, when a side of the image is shorter than
    SMALLEST_SIDE or a side of the region shorter than a tile, or on another mode.
    """
    where = _checked(image, region)
    writing, message = _writing(image, keys, rng_seed)
    tile = mark_sight.period(image.size)
    grey = mark_sight.luma(image, tile)
    weight = _weight(where, (grey.shape[1], grey.shape[0]))
    for decibels in _DECIBELS:
        error = 255**2 / 10 ** (decibels / 10)
        marked = painted(image, change(grey, weight, writing, error), where, error)
        read = find(marked, keys)
        if read is None or read.message != message:
            continue
        if _says(message, trial(marked), keys):
            return marked, _mark(read, _psnr(image, marked))
    raise MarkError(
        f"The watermark does not read back from this {image.width} x {image.height} picture at any strength, so "
        "the picture is not released; use a larger picture or a larger region."
    )


def detect(image: Image.Image, keys: MarkKeys, *, searched: bool = False) -> Mark | None:
    """The mark in a picture, tried with every key, or None. Never a mark that a key of ours did not make.

    Without `searched`, it is found in a picture of any size, in a part of one with a short side of 512 pixels, and
    where only a part of the picture carries it. With it, also in one that was mirrored, turned by up to 6 degrees,
    stretched by up to 7%, cut out and resized, or pasted into another picture.
    """
    if min(image.size) < SMALLEST_SIDE:
        return None
    found = find(image, keys)
    if found is None and searched:
        found = search(image, keys)
    return None if found is None else _mark(found, None)


def _says(message: int, image: Image.Image, keys: MarkKeys) -> bool:
    found = find(image, keys)
    return found is not None and found.message == message


def _checked(image: Image.Image, region: Box | NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    if image.mode not in ("RGB", "RGBA"):
        raise MarkError(f"A watermark goes into RGB or RGBA pictures, not {image.mode}; convert the picture first.")
    if min(image.size) < SMALLEST_SIDE:
        raise MarkError(
            f"A watermark needs {SMALLEST_SIDE} pixels on each side, and {image.width} x {image.height} is less: "
            "use a larger picture."
        )
    if region is None:
        return None
    where = _within(image, region) if isinstance(region, tuple) else region
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    least = math.ceil(mark_sight.period(image.size))
    if not len(rows) or min(np.ptp(rows), np.ptp(columns)) + 1 < least:
        raise MarkError(f"A region to mark in this picture needs {least} pixels on each side; mark the whole of it.")
    return where


def _within(image: Image.Image, box: Box) -> NDArray[np.bool_]:
    left, top, right, bottom = box
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise MarkError(f"The region to mark, {box}, must lie inside the picture of {image.size}.")
    where = np.zeros((image.height, image.width), dtype=np.bool_)
    where[top:bottom, left:right] = True
    return where


def _weight(where: NDArray[np.bool_] | None, size: tuple[int, int]) -> NDArray[np.float32]:
    if where is None:
        return np.ones(size[::-1], dtype=np.float32)
    scaled = Image.fromarray(where.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(scaled, dtype=np.float32) / np.float32(255)


def _writing(image: Image.Image, keys: MarkKeys, rng_seed: bytes | None) -> tuple[Writing, int]:
    """A new message in the place of an older one, if there is one that the first ring can write over."""
    ring, message = keys.rings[0], new_message(rng_seed)
    older = find_plain(image, MarkKeys((ring,)))
    if older is None:
        key = ring.keys[drawn_number(rng_seed, "key", len(ring.keys))]
        place = Sighting(drawn_number(rng_seed, "y", TILE), drawn_number(rng_seed, "x", TILE), 0.0)
    else:
        key, place = older.key, older.place
    coded = mark_code.encode(sealed(message, key))
    return Writing(coded, layout(key.layout_seed), ring.sync_seed, place), message


def _mark(found: Found, psnr_db: float | None) -> Mark:
    return Mark(id_of(found.message), found.key.key_id, psnr_db, found.lattice)


def _psnr(before: Image.Image, after: Image.Image) -> float:
    difference = np.asarray(before.convert("RGB"), np.float32) - np.asarray(after.convert("RGB"), np.float32)
    error = float(np.mean(difference**2))
    return 10 * math.log10(255**2 / error) if error else math.inf
