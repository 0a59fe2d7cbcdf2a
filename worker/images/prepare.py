"""What the model gets to see of a job's picture and mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.box import Box
from storage.crop import crop
from storage.feather import Feather
from storage.frame import Frame
from storage.params import ColorMatch, InpaintParams, MaskedContent
from storage.pictures import Picture
from worker.images.hole import fill_hole


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A job's picture at working size, and what compose() needs to put the model's pixels back.

    `image` is uint8 (params.height, params.width, 3); `mask` is bool (params.height, params.width), True where the
    model repaints. `frame` and `feather` are in pixels of `original`, as is `hole`, bool (height, width of
    frame.box), True where the pixels are new.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    original: Picture
    frame: Frame
    feather: Feather
    hole: NDArray[np.bool_]
    color_match: ColorMatch

    @property
    def crop_box(self) -> Box:
        """The part of the original that the model sees."""
        return self.frame.box


def prepare(image: Picture, mask: NDArray[np.bool_], params: InpaintParams) -> Prepared:
    """Grow the mask, choose the crop, and scale both to the working size of resolved `params`.

    At strength 1 what lies under the mask is covered first, so nothing of it reaches the model. Below that it is
    the starting point and stays, unless `masked_content` asks for another. `mask` is bool (image.height,
    image.width) with at least one True. Raises PictureError `mask_empty` when a negative `mask_grow` leaves nothing
    of it.
    """
    cut = crop(mask, params)
    seen, hidden = image.rgb[cut.box.slices], cut.hole[cut.box.slices]
    if params.strength == 1 or params.masked_content is not MaskedContent.ORIGINAL:
        seen = fill_hole(seen, hidden)
    frame = cut.frame
    return Prepared(frame.shrink(seen), frame.cover(hidden), image, frame, cut.edge, hidden, params.color_match)
