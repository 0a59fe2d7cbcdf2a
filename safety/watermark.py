"""The invisible watermark: 64 bits in every result, readable again with the key.

Payload: 4 bits version, 36 bits random id, 24 bits HMAC tag, so that what reads as a mark is one. The bits are spread,
many times over, on mid-frequency coefficients of 8 x 8 luma blocks by dithered quantization (Chen and Wornell,
"Quantization index modulation", 2001). The layout repeats every 256 pixels and follows the grid of the picture's top
left corner: a picture that was cropped off that grid, or resized, does not read back with this first scheme.
"""

import hashlib
import hmac
import io
import math
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety import mark_grid
from safety.errors import MarkError
from safety.mark_keys import MarkKey, MarkKeys

SMALLEST_SIDE = 64
_VERSION = 1
_ID_BITS, _TAG_BITS = 36, 24
_BITS = 64
_RUNGS = ((14.0, 0), (14.0, 1), (18.0, 1), (22.0, 2), (30.0, 4), (40.0, 12))
"""Quantization step, and how far values are pulled in from 0 and 255 first, so that a mark is not clipped away."""

Box = tuple[int, int, int, int]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark. `id` is 9 hex digits; `psnr_db` is the distance to the picture before, known when embedding."""

    id: str
    key_id: str
    psnr_db: float | None


def jpeg_trial(marked: Image.Image) -> Image.Image:
    """What a JPEG of quality 80 leaves of a picture."""
    buffer = io.BytesIO()
    marked.convert("RGB").save(buffer, "JPEG", quality=80)
    return Image.open(buffer)


def embed(
    image: Image.Image,
    keys: MarkKeys,
    region: Box | None = None,
    rng_seed: bytes | None = None,
    trial: Callable[[Image.Image], Image.Image] = jpeg_trial,
) -> tuple[Image.Image, Mark]:
    """A marked copy of an RGB or RGBA image, and the mark: same size and mode, same alpha.

    Only pixels inside `region` (left, top, right, bottom) change when it is given. The id is random, or follows from
    `rng_seed`. The weakest strength is taken that reads back from the marked pixels and from what `trial` makes of
    them, such as the encoding they are about to get; where no strength survives the trial, the weakest that reads back
    from the pixels.
    Raises MarkError, and the picture must not be released, when none does, when a side of the image or of the region
    is shorter than 64 pixels, or on another mode.
    """
    box = _checked(image, region)
    key, message = keys.keys[0], _message(rng_seed)
    bits = _bits(message, key)
    fallback: Image.Image | None = None
    for marked in _attempts(image, box, bits, key):
        if _decode(marked, key) != message:
            continue
        if _decode(trial(marked), key) == message:
            return marked, _mark(message, key, _psnr(image, marked))
        fallback = fallback or marked
    if fallback is None:
        raise MarkError(
            f"The watermark does not read back from this {image.width} x {image.height} picture at any strength, so "
            "the picture is not released; use a larger picture or a larger region."
        )
    return fallback, _mark(message, key, _psnr(image, fallback))


def detect(image: Image.Image, keys: MarkKeys) -> Mark | None:
    """The mark in a picture, tried with every key, or None. Never a mark that a key of ours did not make."""
    if min(image.size) < SMALLEST_SIDE:
        return None
    for key in keys.keys:
        message = _decode(image, key)
        if message is not None:
            return _mark(message, key, None)
    return None


def _checked(image: Image.Image, region: Box | None) -> Box:
    if image.mode not in ("RGB", "RGBA"):
        raise MarkError(f"A watermark goes into RGB or RGBA pictures, not {image.mode}; convert the picture first.")
    left, top, right, bottom = box = region or (0, 0, *image.size)
    if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
        raise MarkError(f"The region to mark, {box}, must lie inside the picture of {image.size}.")
    if min(right - left, bottom - top) < SMALLEST_SIDE:
        raise MarkError(
            f"A watermark needs {SMALLEST_SIDE} pixels on each side, and {right - left} x {bottom - top} is less: "
            "use a larger picture, or mark the whole of it."
        )
    return box


def _message(rng_seed: bytes | None) -> int:
    if rng_seed is None:
        mark_id = secrets.randbits(_ID_BITS)
    else:
        digest = hmac.digest(rng_seed, b"inpaintd mark: id", hashlib.sha256)
        mark_id = int.from_bytes(digest[:8], "big") >> (_BITS - _ID_BITS)
    return (_VERSION << _ID_BITS) | mark_id


def _mark(message: int, key: MarkKey, psnr_db: float | None) -> Mark:
    mark_id = message & ((1 << _ID_BITS) - 1)
    return Mark(f"{mark_id:0{_ID_BITS // 4}x}", key.key_id, psnr_db)


def _bits(message: int, key: MarkKey) -> NDArray[np.bool_]:
    payload = (message << _TAG_BITS) | key.tag(message)
    return np.array([payload >> (_BITS - 1 - k) & 1 for k in range(_BITS)], dtype=np.bool_)


def _decode(image: Image.Image, key: MarkKey) -> int | None:
    """The message whose tag is right under `key`, at any of the strengths that marking uses, or None."""
    luma = mark_grid.luma(np.asarray(image.convert("RGB"), dtype=np.float32))
    coefficients = mark_grid.analyse(luma)
    for step in dict.fromkeys(step for step, _ in _RUNGS):
        for votes in mark_grid.votes(coefficients, step, key.layout_seed):
            payload = int("".join("1" if v > 0 else "0" for v in votes), 2)
            message, tag = payload >> _TAG_BITS, payload & ((1 << _TAG_BITS) - 1)
            if message >> _ID_BITS == _VERSION and tag == key.tag(message):
                return message
    return None


def _attempts(image: Image.Image, box: Box, bits: NDArray[np.bool_], key: MarkKey) -> Iterator[Image.Image]:
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    for step, inset in _RUNGS:
        yield _attempt(image, pixels, box, mark_grid.Writing(bits, step, key.layout_seed), inset)


def _attempt(image: Image.Image, pixels: Floats, box: Box, writing: mark_grid.Writing, inset: int) -> Image.Image:
    left, top, right, bottom = mark_grid.aligned(box)
    inside = np.s_[top:bottom, left:right]
    host = np.clip(pixels[inside], inset, 255 - inset)
    change = mark_grid.change(mark_grid.luma(host), writing, (left, top))
    marked = pixels.copy()
    marked[inside] = host + change[..., None]
    out = Image.fromarray(np.clip(np.rint(marked), 0, 255).astype(np.uint8))
    if image.mode == "RGBA":
        out.putalpha(image.getchannel("A"))
    return out


def _psnr(before: Image.Image, after: Image.Image) -> float:
    difference = np.asarray(before.convert("RGB"), np.float32) - np.asarray(after.convert("RGB"), np.float32)
    error = float(np.mean(difference**2))
    return 10 * math.log10(255**2 / error) if error else math.inf
