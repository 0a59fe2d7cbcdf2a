"""How a mark is laid into a picture: strong where it is not seen, bent to what the picture itself says. No keys."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety.mark_read import Seen, Sighting, votes
from safety.mark_sight import blur, flatten, fold, middle
from safety.mark_tile import TILE, Complex, Floats, Layout, band, drawn, sync_signs

_DETAIL, _AROUND = 9, 17
_UNSEEN = 4.0
_MOST_IN_DETAIL = 4.0
_WAVES, _SHARE = (3, 16, 24, 32), (1, 1, 0.8, 0.5)
"""Fast waves get less: compression spends least on them, and a smaller copy of the picture has none."""
_ROUNDS = 2
_LEAST, _MOST = 0.15, 3.0
_TRIAL_QUALITY = 50
_STRIP = 256
_FITTINGS, _NEAR = 5, 0.02

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Writing:
    """What is written: CODED signs, in a layout, with the sync of a seed, a tile beginning at `place`."""

    coded: Floats
    layout: Layout
    sync_seed: bytes
    place: Sighting

    def tile(self, strengths: Floats) -> Floats:
        """One tile, with a strength for each coded bit."""
        sync, payload = band()
        held = self.layout.spread(self.coded * strengths) * _share(payload.radius)
        return drawn(self._back(sync_signs(self.sync_seed) * _share(sync.radius), 0), self._back(held, 1))

    def _back(self, values: Complex, which: int) -> Complex:
        moved: Complex = values * np.conj(band()[which].moved(self.place.y, self.place.x))
        return moved


def _share(radius: Floats) -> Floats:
    return np.interp(radius, _WAVES, _SHARE).astype(np.float32)


def hidden(grey: Floats) -> Floats:
    """How much more of a mark stays unseen at each pixel than on even ground: 1 to 4, more where there is detail."""
    detail = grey - blur(grey, _DETAIL)
    strength = blur(np.sqrt(blur(detail**2, _AROUND) + 1), _DETAIL)
    most: Floats = np.minimum(np.sqrt(1 + strength / _UNSEEN), _MOST_IN_DETAIL)
    return most


def change(grey: Floats, where: Floats, writing: Writing, error: float) -> Floats:
    """What to add to the luma `grey` (less 128, at the reader's scale), of a mean square of `error` within `where`.

    `where` is 0 to 1. What the picture itself happens to say on the carrier of each bit, and what clipping and a JPEG
    leave of it, is read back and made up for: a bit that stands firm gets less, one that wavers gets more.
    """
    room = hidden(grey) * where
    strengths = np.ones_like(writing.coded)
    for _ in range(_ROUNDS):
        added = _scaled(_laid(writing.tile(strengths), room), where, error)
        seen = Seen.of(fold(flatten(_saved(middle(grey + added))) * middle(where)))
        firm = votes(seen, writing.sync_seed, writing.place, [writing.layout])[0] * writing.coded
        strengths = np.clip(strengths + 1 - firm / max(float(firm.mean()), 1e-6), _LEAST, _MOST)
    return _scaled(_laid(writing.tile(strengths), room), where, error)


def _laid(tile: Floats, room: Floats) -> Floats:
    height, width = room.shape
    return np.tile(tile, (-(-height // TILE), -(-width // TILE)))[:height, :width] * room


def _scaled(added: Floats, where: Floats, error: float) -> Floats:
    mean = float((added**2).sum()) / max(float(where.sum()), 1.0)
    scaled: Floats = added * np.float32(math.sqrt(error / max(mean, 1e-12)))
    return scaled


def _saved(grey: Floats) -> Floats:
    buffer = io.BytesIO()
    pixels = np.clip(np.rint(grey + 128), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_TRIAL_QUALITY)
    return np.asarray(Image.open(buffer), dtype=np.float32) - 128


def painted(image: Image.Image, added: Floats, within: Bools | None, error: float) -> Image.Image:
    """A copy of an RGB or RGBA `image` with `added`, at any scale, laid over it, outside alpha and only `within`.

    The mean square of the change there is `error`, though some of it is lost where the picture is black or white.
    """
    pixels = np.asarray(image)
    resized = Image.fromarray(added)
    if resized.size != image.size:
        resized = resized.resize(image.size, Image.Resampling.BICUBIC)
    shift = np.asarray(resized)
    if within is not None:
        shift = shift * within
    area = shift.size if within is None else int(within.sum())
    gain = math.sqrt(error * area / max(float(np.vdot(shift, shift)), 1e-9))
    for _ in range(_FITTINGS):
        marked, made = _shifted(pixels, shift, gain)
        reached = made / area / error
        if abs(reached - 1) < _NEAR:
            break
        gain *= math.sqrt(1 / max(reached, 0.25))
    return Image.fromarray(marked)


def _shifted(pixels: NDArray[np.uint8], shift: Floats, gain: float) -> tuple[NDArray[np.uint8], float]:
    """`pixels` with `gain` times `shift` on each color, and the sum of squares, over pixels, of what that changed."""
    out, made = pixels.copy(), 0.0
    # In strips, for the sums of a large picture would take several times its room.
    for top in range(0, len(out), _STRIP):
        before = pixels[top : top + _STRIP, :, :3].astype(np.int16)
        step = np.rint(shift[top : top + _STRIP] * np.float32(gain)).astype(np.int16)
        after = np.clip(before + step[..., None], 0, 255)
        out[top : top + _STRIP, :, :3] = after
        made += float(np.square(after - before, dtype=np.int32).sum()) / 3
    return out, made
