"""A rectangle of whole pixels."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Box(NamedTuple):
    """Left and top are inside, right and bottom are the first pixels outside, as in Pillow."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mask: NDArray[np.bool_]) -> Self:
        """The smallest box that holds every True of a mask (height, width), which must have one."""
        rows = np.flatnonzero(mask.any(axis=1))
        columns = np.flatnonzero(mask.any(axis=0))
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """The index of this box in an array (height, width, ...)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def expanded(self, margin: int, width: int, height: int) -> Self:
        """This box with `margin` pixels more on every side, as far as a picture of `width` x `height` reaches."""
        return type(self)(
            max(self.left - margin, 0),
            max(self.top - margin, 0),
            min(self.right + margin, width),
            min(self.bottom + margin, height),
        )

    def within(self, outer: Box) -> Self:
        """This box counted from the corner of `outer`."""
        return type(self)(
            self.left - outer.left, self.top - outer.top, self.right - outer.left, self.bottom - outer.top
        )
