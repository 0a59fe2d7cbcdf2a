"""Brings a picture back to the shape in which it was marked, as its mark tells: size, turn, mirror, aspect."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from safety.mark_finder import Lattice
from safety.mark_sight import period
from safety.mark_tile import TILE

_LONGEST = 1024

Box = tuple[int, int, int, int]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture as it was marked. A point (x, y) of `image` lies at `(x, y) @ matrix + offset` in the changed picture.

    `scale` is pixels of `image` for a pixel of the picture that was marked.
    """

    image: Image.Image
    scale: float
    matrix: Matrix
    offset: Matrix

    @property
    def size_kept(self) -> float:
        """How large the changed picture shows the marked one, 1 where nothing was scaled."""
        return math.sqrt(abs(float(np.linalg.det(self.matrix)))) * self.scale

    @property
    def mirrored(self) -> bool:
        """Whether left and right were swapped."""
        return bool(np.linalg.det(self.matrix) < 0)

    @property
    def degrees(self) -> float:
        """How far it was turned clockwise, after mirroring, -180 to 180."""
        across, down = self.matrix[0] * (-1 if self.mirrored else 1)
        return math.degrees(math.atan2(down, across))

    def box(self, box: Box, within: tuple[int, int]) -> Box | None:
        """What surrounds a box of `image` in the changed picture of the size `within`; None if it lies outside."""
        left, top, right, bottom = box
        corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)]) @ self.matrix + self.offset
        low, high = np.clip(np.rint([corners.min(axis=0), corners.max(axis=0)]), 0, within).astype(int).tolist()
        return (*low, *high) if low[0] < high[0] and low[1] < high[1] else None


def as_marked(image: Image.Image, lattice: Lattice, size: tuple[int, int]) -> View:
    """`image` upright and unstretched, if it comes from a picture of `size` (width, height) and its mark lies so."""
    # How far a pixel right and a pixel down in the marked picture lead in this one.
    matrix = np.asarray(lattice) * (TILE / period(size))
    width, height = image.size
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ np.linalg.inv(matrix)
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = min(1.0, _LONGEST / float((high - low).max()))
    matrix, start = matrix / scale, low * scale
    offset = start @ matrix
    across, down = (math.ceil(side) for side in (high - low) * scale)
    # Pillow asks, for each pixel of the new picture, where it lies in the old one.
    back = (matrix[0, 0], matrix[1, 0], offset[0], matrix[0, 1], matrix[1, 1], offset[1])
    view = image.transform((max(across, 1), max(down, 1)), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
    return View(view, scale, matrix, offset)
