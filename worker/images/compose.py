"""The model's pixels laid into the caller's picture, with proof that the rest was left alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.box import Box
from storage.params import ColorMatch
from storage.pictures import Picture
from worker.errors import WorkerError
from worker.images.color_match import match_histogram
from worker.images.prepare import Prepared


class CompositeError(WorkerError):
    """The composite could not be made, or it changed a pixel that had to stay as it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """The whole picture after the edit, before any mark.

    `image` has the original's size and is RGBA where the original has alpha, else RGB. `support` is bool (height,
    width), True where the edit may have changed something, all of it inside the box `region`. `untouched` goes
    into the receipt: `pixels` counts the others, `sha256` is over their bytes in row order, in the channels of
    `image`.
    """

    image: Image.Image
    region: Box
    support: NDArray[np.bool_]
    untouched: dict[str, Any]


def compose(prepared: Prepared, pixels: NDArray[np.uint8]) -> Composite:
    """Lay the model's `pixels`, uint8 of the prepared image's shape, into the original.

    Raises CompositeError when they have another shape or type, or when a pixel outside the feather differs from
    the original, which would be a defect of this module.
    """
    if pixels.shape != prepared.image.shape or pixels.dtype != np.uint8:
        expected = prepared.image.shape
        raise CompositeError(f"expected uint8 pixels {expected} from the engine, got {pixels.dtype} {pixels.shape}")
    original, region, alpha = prepared.original, prepared.feather.region, prepared.feather.alpha
    fresh = _fresh(prepared, pixels)[region.within(prepared.frame.box).slices]
    rgb = original.rgb.copy()
    old = rgb[region.slices].astype(np.float32)
    rgb[region.slices] = np.rint(np.clip(old + alpha[..., None] * (fresh - old), 0, 255)).astype(np.uint8)
    support = np.zeros(rgb.shape[:2], dtype=np.bool_)
    support[region.slices] = alpha > 0
    image = Image.fromarray(_with_alpha(rgb, original))
    return Composite(image, region, support, check_untouched(image, original, support))


def _fresh(prepared: Prepared, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The model's pixels at the original's scale, uint8 (height, width of frame.box, 3), colours matched if asked."""
    restored = prepared.frame.restore(pixels)
    if prepared.color_match is ColorMatch.NONE:
        return restored
    original, box = prepared.original, prepared.frame.box.slices
    # Below full transparency lie colours that nobody sees.
    known = ~prepared.hole if original.alpha is None else ~prepared.hole & (original.alpha[box] > 0)
    return match_histogram(restored, prepared.hole, original.rgb[box][known])


def check_untouched(image: Image.Image, original: Picture, support: NDArray[np.bool_]) -> dict[str, Any]:
    """Compare `image` with the original outside `support`, byte by byte; what Composite.untouched holds.

    Raises CompositeError when anything differs.
    """
    kept = _outside(np.asarray(image), support)
    if not np.array_equal(kept, _outside(_with_alpha(original.rgb, original), support)):
        raise CompositeError("a pixel outside the edited region differs from the input: report this defect")
    return {"checked": True, "pixels": len(kept), "sha256": hashlib.sha256(kept.tobytes()).hexdigest()}


def _outside(pixels: NDArray[np.uint8], support: NDArray[np.bool_]) -> NDArray[np.uint8]:
    # Several times faster than indexing with the mask.
    return np.compress(~support.ravel(), pixels.reshape(-1, pixels.shape[2]), axis=0)


def _with_alpha(rgb: NDArray[np.uint8], original: Picture) -> NDArray[np.uint8]:
    return rgb if original.alpha is None else np.dstack((rgb, original.alpha))
