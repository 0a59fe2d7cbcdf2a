"""Masks as callers send them, turned into one array: which pixels are to be repainted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.params import InpaintParams, MaskChannel
from storage.pictures import MAX_PIXELS, Picture, PictureError, open_picture


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """The two pictures of a job. `mask` is bool (height, width) of the image's size, True where it is repainted.

    Where the image's own alpha served as the mask, `image.alpha` is None: the result will be opaque.
    """

    image: Picture
    mask: NDArray[np.bool_]


def check_inputs(image: bytes, mask: bytes | None, params: InpaintParams, *, max_pixels: int = MAX_PIXELS) -> Inputs:
    """Decode and judge both files as the worker will. Raises PictureError, whose `field` says which of the two."""
    picture = open_picture(image, max_pixels=max_pixels)
    if mask is None:
        return Inputs(replace(picture, alpha=None), read_mask(None, picture, params))
    return Inputs(picture, read_mask(open_picture(mask, as_mask=True, max_pixels=max_pixels), picture, params))


def read_mask(mask: Picture | None, image: Picture, params: InpaintParams) -> NDArray[np.bool_]:
    """The pixels to repaint, bool (height, width), before `mask_grow` and `mask_blur`.

    Of a mask picture, white or opaque means repaint: `mask_channel` auto reads its alpha where that varies, else
    its brightness. Without a mask picture the image's alpha is the mask, and transparent means repaint. A pixel
    counts from `mask_threshold` on (as a share of white), and black never does, so that 0 means "any trace";
    `mask_invert` swaps the outcome. Raises PictureError: mask_missing, mask_alpha_missing, mask_size_mismatch,
    mask_empty.
    """
    levels = _image_alpha(image, params) if mask is None else _mask_levels(mask, image, params)
    chosen = (levels >= params.mask_threshold * 255) & (levels > 0)
    result: NDArray[np.bool_] = chosen != params.mask_invert
    if not result.any():
        raise _error(
            "mask_empty",
            f"The mask selects no pixel at mask_threshold {params.mask_threshold}: paint the region to replace in "
            "white (or make it transparent in the image when no mask is sent), or check mask_invert.",
        )
    return result


def _image_alpha(image: Picture, params: InpaintParams) -> NDArray[np.uint8]:
    if image.alpha is None or params.mask_channel is MaskChannel.LUMA:
        message = "There is no mask: send one as `mask`, or an image whose transparent pixels are to be repainted."
        raise _error("mask_missing", message)
    return np.bitwise_not(image.alpha)


def _mask_levels(mask: Picture, image: Picture, params: InpaintParams) -> NDArray[np.uint8]:
    if (mask.width, mask.height) != (image.width, image.height):
        raise mask_size_mismatch((mask.width, mask.height), (image.width, image.height))
    if params.mask_channel is MaskChannel.ALPHA:
        if mask.alpha is None:
            raise _error("mask_alpha_missing", "The mask has no alpha channel: set mask_channel to luma or auto.")
        return mask.alpha
    if params.mask_channel is MaskChannel.AUTO and mask.alpha is not None and np.ptp(mask.alpha) > 0:
        return mask.alpha
    # ITU-R BT.601 in fixed point; a grey pixel keeps its value exactly.
    return np.asarray(Image.fromarray(mask.rgb).convert("L"))


def mask_size_mismatch(mask: tuple[int, int], image: tuple[int, int]) -> PictureError:
    """The error for a mask of another size than its image; both (width, height) in pixels."""
    sizes = f"The mask is {mask[0]}x{mask[1]} pixels and the image {image[0]}x{image[1]}"
    return _error("mask_size_mismatch", f"{sizes}: send a mask of the image's size.")


def _error(code: str, message: str) -> PictureError:
    return PictureError(code, message, "mask")
