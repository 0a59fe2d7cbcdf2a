"""How the repainted region meets the picture around it: growing the mask, and the ramp along its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.box import Box
from storage.params import Blend


@dataclass(frozen=True, slots=True, eq=False)
class Feather:
    """The share of the new picture in each pixel: `alpha`, float32 0..1, shape (region.height, region.width).

    Outside `region` it is 0; region is the smallest box for which that holds.
    """

    region: Box
    alpha: NDArray[np.float32]


def grow(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """The mask dilated (or, if negative, eroded) by a disc of that radius. The picture's border erodes nothing.

    The mask must have a True; the outcome of an erosion may have none.
    """
    if pixels == 0:
        return mask
    height, width = mask.shape
    # One pixel around the mask holds the nearest unmasked pixel of each masked one.
    inside = Box.around(mask).expanded(max(pixels, 1), width, height).slices
    grown = mask.copy()
    if pixels > 0:
        grown[inside] = _squared_distance(mask[inside], pixels) <= pixels**2
    else:
        grown[inside] = _squared_distance(~mask[inside], -pixels) > pixels**2
    return grown


def feather(mask: NDArray[np.bool_], blur: int, blend: Blend) -> Feather:
    """The ramp of a mask that has a True.

    hard: 1 on the mask, 0 elsewhere. outward: 1 on the mask, falling to exactly 0 at a distance of `blur` pixels.
    inward: 0 outside the mask, rising from its edge to 1 over `blur` pixels, or over half of a mask that is thinner.
    """
    height, width = mask.shape
    box = Box.around(mask).expanded(blur if blend is Blend.OUTWARD else 1, width, height)
    inner = mask[box.slices]
    if blend is Blend.OUTWARD and blur > 0:
        alpha = _smooth(1 - _distance(inner, blur) / np.float32(blur))
    elif blend is Blend.INWARD:
        depth = _distance(~inner, blur)
        alpha = _smooth(depth / min(np.float32(blur + 1), depth.max()))
    else:
        alpha = inner.astype(np.float32)
    tight = Box.around(alpha > 0)
    region = Box(box.left + tight.left, box.top + tight.top, box.left + tight.right, box.top + tight.bottom)
    return Feather(region, alpha[tight.slices])


def _smooth(ramp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smoothstep, 3t^2 - 2t^3: a straight ramp shows its two ends as lines."""
    clipped = np.clip(ramp, 0, 1)
    return clipped * clipped * (3 - 2 * clipped)


def _distance(mask: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    return np.sqrt(_squared_distance(mask, reach), dtype=np.float32)


def _squared_distance(mask: NDArray[np.bool_], reach: int) -> NDArray[np.uint16]:
    """Squared Euclidean distance of each pixel to the nearest True one, exact up to `reach`, (reach + 1)**2 beyond.

    Columns first, then rows (Saito and Toriwaki 1994). `reach` up to 128 keeps the sums within 16 bits.
    """
    far = np.uint16(reach + 1)
    down = np.where(mask, np.uint16(0), far)
    for row in range(1, len(down)):
        np.minimum(down[row], down[row - 1] + 1, out=down[row])
    for row in range(len(down) - 2, -1, -1):
        np.minimum(down[row], down[row + 1] + 1, out=down[row])
    squares = down * down
    best = squares.copy()
    for shift in range(1, min(reach, mask.shape[1] - 1) + 1):
        if best.max() <= shift**2:
            break
        candidate = squares + np.uint16(shift**2)
        np.minimum(best[:, shift:], candidate[:, :-shift], out=best[:, shift:])
        np.minimum(best[:, :-shift], candidate[:, shift:], out=best[:, :-shift])
    return best
