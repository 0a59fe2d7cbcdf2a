"""What the checks at submit need to know of a picture, so that one that was looked at need not be decoded again.

Whether a mask selects anything depends on its darkest and brightest levels alone, so two pixels stand in for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.masks import mask_size_mismatch, read_mask
from storage.params import InpaintParams, MaskChannel
from storage.pictures import Picture


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest level of a channel, 0 to 255."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Pixels across and down, and the ranges of brightness and of alpha; `alpha` is None without transparency."""

    width: int
    height: int
    luma: Range
    alpha: Range | None

    @classmethod
    def of(cls, picture: Picture) -> PictureFacts:
        """The facts of a decoded picture."""
        luma = np.asarray(Image.fromarray(picture.rgb).convert("L"))
        span = None if picture.alpha is None else _range_of(picture.alpha)
        return cls(picture.width, picture.height, _range_of(luma), span)

    def stand_in(self) -> Picture:
        """A grey picture of two pixels with the same ranges."""
        grey = np.array([[self.luma.low, self.luma.high]], np.uint8)
        alpha = None if self.alpha is None else np.array([[self.alpha.low, self.alpha.high]], np.uint8)
        return Picture(np.repeat(grey[..., None], 3, axis=2), alpha, "image/png")


def _range_of(levels: NDArray[np.uint8]) -> Range:
    return Range(int(levels.min()), int(levels.max()))


def check_facts(image: PictureFacts, mask: PictureFacts | None, params: InpaintParams) -> None:
    """Judges both as storage.masks.check_inputs does, from facts alone. Raises PictureError, and the same one."""
    if mask is not None and (mask.width, mask.height) != (image.width, image.height):
        raise mask_size_mismatch((mask.width, mask.height), (image.width, image.height))
    _check(image, mask, params.mask_channel, params.mask_threshold, params.mask_invert)


@lru_cache(maxsize=4096)  # of those that pass; a call that raises is not remembered
def _check(
    image: PictureFacts, mask: PictureFacts | None, channel: MaskChannel, threshold: float, invert: bool
) -> None:
    params = InpaintParams(mask_channel=channel, mask_threshold=threshold, mask_invert=invert)
    read_mask(None if mask is None else mask.stand_in(), image.stand_in(), params)
