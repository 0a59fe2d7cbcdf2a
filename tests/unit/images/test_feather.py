"""Where the edit begins and ends, against distances computed by SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from storage.box import Box
from storage.feather import Feather, feather, grow
from storage.params import Blend
from tests.unit.images.samples import Mask, rectangle

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
MASKS = arrays(np.bool_, SHAPES, elements=st.sampled_from([False] * 7 + [True])).filter(lambda mask: bool(mask.any()))


def distance_to(mask: Mask) -> NDArray[np.float64]:
    if not mask.any():
        return np.full(mask.shape, np.inf)
    distances: NDArray[np.float64] = distance_transform_edt(~mask)
    return distances


def whole(made: Feather, shape: tuple[int, ...]) -> NDArray[np.float32]:
    alpha = np.zeros(shape, dtype=np.float32)
    alpha[made.region.slices] = made.alpha
    return alpha


@settings(deadline=None)
@given(MASKS, st.integers(0, 64))
def test_growing_reaches_exactly_the_disc(mask: Mask, pixels: int) -> None:
    assert np.array_equal(grow(mask, pixels), distance_to(mask) <= pixels)


@settings(deadline=None)
@given(MASKS, st.integers(1, 64))
def test_shrinking_is_growing_of_the_rest_and_spares_the_border(mask: Mask, pixels: int) -> None:
    assert np.array_equal(grow(~mask, -pixels) if (~mask).any() else ~mask, distance_to(mask) > pixels)


@settings(deadline=None)
@given(MASKS, st.integers(0, 64))
def test_outward_is_one_on_the_mask_and_zero_from_blur_on(mask: Mask, blur: int) -> None:
    alpha = whole(feather(mask, blur, Blend.OUTWARD), mask.shape)
    distance = distance_to(mask)
    assert (alpha[mask] == 1).all()
    assert (alpha[~mask & (distance >= blur)] == 0).all()
    assert (alpha[~mask & (distance < blur)] > 0).all()
    order = np.argsort(distance, axis=None)
    assert (np.diff(alpha.ravel()[order]) <= 1e-6).all()


@settings(deadline=None)
@given(MASKS, st.integers(0, 64))
def test_inward_leaves_every_unmasked_pixel_and_still_paints(mask: Mask, blur: int) -> None:
    alpha = whole(feather(mask, blur, Blend.INWARD), mask.shape)
    distance = distance_to(~mask)
    assert (alpha[~mask] == 0).all()
    assert (alpha[mask] > 0).all()
    assert alpha.max() == 1
    assert (alpha[mask & (distance >= blur + 1)] == 1).all()


@given(MASKS, st.integers(0, 64))
def test_hard_is_the_mask(mask: Mask, blur: int) -> None:
    assert np.array_equal(whole(feather(mask, blur, Blend.HARD), mask.shape), mask)


@settings(deadline=None)
@given(MASKS, st.integers(0, 64), st.sampled_from(list(Blend)))
def test_the_region_is_the_smallest_box(mask: Mask, blur: int, blend: Blend) -> None:
    made = feather(mask, blur, blend)
    assert made.alpha.shape == (made.region.height, made.region.width)
    assert Box.around(whole(made, mask.shape) > 0) == made.region


@pytest.mark.parametrize("blend", list(Blend))
def test_a_full_mask_takes_everything_new(blend: Blend) -> None:
    made = feather(np.ones((30, 20), dtype=np.bool_), 64, blend)
    assert (made.alpha == 1).all()
    assert made.region == (0, 0, 20, 30)


def test_the_ramp_of_a_straight_edge_is_even_on_both_sides() -> None:
    half = rectangle(40, 5, 0, 0, 20, 5)
    outward = whole(feather(half, 8, Blend.OUTWARD), half.shape)[2, 19:29]
    inward = whole(feather(half, 8, Blend.INWARD), half.shape)[2, 10:20]
    assert outward[[0, 4, 8]].tolist() == [1, 0.5, 0]
    assert (inward[0], inward[-1] > 0) == (1, True)
    assert (np.diff(inward[1:]) < 0).all()
