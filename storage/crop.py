"""What a job repaints of a picture, and which part of it the model sees: known to API and worker alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.box import Box
from storage.feather import Feather, feather, grow
from storage.frame import Frame, choose_frame
from storage.params import InpaintParams
from storage.pictures import PictureError


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """`hole`, bool (height, width) of the picture, is the grown mask; `edge` its seam; `frame` what the model sees."""

    hole: NDArray[np.bool_]
    edge: Feather
    frame: Frame

    @property
    def box(self) -> Box:
        """The part of the picture that the model sees."""
        return self.frame.box


def crop(mask: NDArray[np.bool_], params: InpaintParams) -> Crop:
    """The crop of a picture whose `mask`, bool (height, width), has at least one True; `params` must be resolved.

    Raises PictureError `mask_empty` when a negative `mask_grow` leaves nothing of the mask.
    """
    hole = grow(mask, params.mask_grow)
    if not hole.any():
        message = f"mask_grow {params.mask_grow} leaves nothing of the mask: choose a value closer to 0."
        raise PictureError("mask_empty", message, "mask")
    height, width = mask.shape
    edge = feather(hole, params.mask_blur, params.blend)
    return Crop(hole, edge, choose_frame(edge.region, width, height, params))
