"""Which part of the picture the model sees, and how its pixels map onto the model's."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storage.box import Box
from storage.params import Area, InpaintParams

# Absorbs the rounding of products and quotients of sizes, which are 16,383 at most.
_EPSILON = 1e-6
_WORTH_CROPPING = 1.25

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Frame:
    """A box of the picture, scaled by one factor on both axes and centred in a canvas of width x height.

    Working pixel (x, y) of the content shows the box from (x / scale, y / scale) to ((x + 1) / scale, (y + 1) /
    scale), so a circle stays a circle at any size. Around the content (`content`, in working pixels) the canvas
    repeats its edge.
    """

    box: Box
    width: int
    height: int
    scale: float
    content: Box

    @classmethod
    def fit(cls, box: Box, width: int, height: int) -> Self:
        """The largest scale at which the whole box is seen."""
        scale = min(width / box.width, height / box.height)
        across = min(width, ceil(box.width * scale - _EPSILON))
        down = min(height, ceil(box.height * scale - _EPSILON))
        left, top = (width - across) // 2, (height - down) // 2
        return cls(box, width, height, scale, Box(left, top, left + across, top + down))

    def shrink(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """From the box's pixels (box.height, box.width, 3) to the canvas (height, width, 3)."""
        across, down = self.content.width / self.scale, self.content.height / self.scale
        right = max(ceil(across - _EPSILON) - self.box.width, 0)
        bottom = max(ceil(down - _EPSILON) - self.box.height, 0)
        source = Image.fromarray(np.pad(rgb, ((0, bottom), (0, right), (0, 0)), mode="edge"))
        window = (0.0, 0.0, min(across, source.width), min(down, source.height))
        size = (self.content.width, self.content.height)
        return self._on_canvas(np.asarray(source.resize(size, Image.Resampling.LANCZOS, box=window)))

    def cover(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """From a mask of the box (box.height, box.width) to the canvas (height, width).

        True for every working pixel that shows any part of a masked one, so nothing is lost by scaling down.
        """
        rows = _any_within(mask, self.content.height, self.scale)
        return self._on_canvas(_any_within(rows.T, self.content.width, self.scale).T)

    def restore(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """From the canvas (height, width, 3) back to the box's pixels (box.height, box.width, 3)."""
        content = Image.fromarray(np.ascontiguousarray(pixels[self.content.slices]))
        across = min(self.box.width * self.scale, content.width)
        down = min(self.box.height * self.scale, content.height)
        size = (self.box.width, self.box.height)
        return np.asarray(content.resize(size, Image.Resampling.LANCZOS, box=(0.0, 0.0, across, down)))

    def _on_canvas(self, content: NDArray[Scalar]) -> NDArray[Scalar]:
        margins = [
            (self.content.top, self.height - self.content.bottom),
            (self.content.left, self.width - self.content.right),
        ]
        return np.pad(content, margins + [(0, 0)] * (content.ndim - 2), mode="edge")


def choose_frame(region: Box, width: int, height: int, params: InpaintParams) -> Frame:
    """The frame for a change within `region` of a picture of width x height; `params` must be resolved.

    whole: the whole picture. masked: the region and `padding` around it, made longer on one axis towards the
    working aspect ratio where the picture has room. auto: the same box, but at least of working size so that
    nothing is magnified, if it shows at least a quarter more detail; else the whole picture.
    """
    if params.width is None or params.height is None:
        raise ValueError("parameters are not resolved yet: call resolved() first")
    whole = Frame.fit(Box(0, 0, width, height), params.width, params.height)
    if params.area is Area.WHOLE:
        return whole
    box = region.expanded(params.padding, width, height)
    if params.area is Area.AUTO:
        box = _stretched(box, params.width, params.height, width, height)
    across = ceil(box.height * params.width / params.height)
    down = ceil(box.width * params.height / params.width)
    masked = Frame.fit(_stretched(box, across, down, width, height), params.width, params.height)
    if params.area is Area.AUTO and masked.scale < _WORTH_CROPPING * whole.scale:
        return whole
    return masked


def _stretched(box: Box, across: int, down: int, width: int, height: int) -> Box:
    """The box made at least `across` x `down`, about its centre, as far as a picture of width x height allows."""
    left, right = _longer(box.left, box.right, across, width)
    top, bottom = _longer(box.top, box.bottom, down, height)
    return Box(left, top, right, bottom)


def _longer(start: int, stop: int, length: int, limit: int) -> tuple[int, int]:
    length = min(max(length, stop - start), limit)
    start = min(max(start - (length - (stop - start)) // 2, 0), limit - length)
    return start, start + length


def _any_within(mask: NDArray[np.bool_], count: int, scale: float) -> NDArray[np.bool_]:
    """Rows of a mask gathered into `count` rows, row i being the OR of rows i / scale to (i + 1) / scale."""
    edges = np.arange(count + 1) / scale
    first = np.minimum(np.floor(edges[:-1] + _EPSILON).astype(int), len(mask) - 1)
    last = np.minimum(np.ceil(edges[1:] - _EPSILON).astype(int), len(mask))
    sums = np.cumsum(np.pad(mask, ((1, 0), (0, 0))), axis=0, dtype=np.int32)
    within: NDArray[np.bool_] = sums[np.maximum(last, first + 1)] > sums[first]
    return within
