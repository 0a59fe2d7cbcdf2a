"""What the model sees: the right size, the whole mask, and at strength 1 nothing of what lies under it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.params import Area, Blend, MaskedContent
from storage.pictures import PictureError
from tests.unit.images.samples import Mask, noise, picture, rectangle, resolved
from worker.images.hole import fill_hole
from worker.images.prepare import prepare


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    width, height = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    mask = np.zeros((height, width), dtype=np.bool_)
    for _ in range(draw(st.integers(1, 3))):
        left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        mask[top : draw(st.integers(top + 1, height)), left : draw(st.integers(left + 1, width))] = True
    return mask


PARAMS = st.fixed_dictionaries(
    {
        "mask_grow": st.integers(0, 64),
        "mask_blur": st.integers(0, 64),
        "blend": st.sampled_from(list(Blend)),
        "area": st.sampled_from(list(Area)),
        "padding": st.integers(0, 256),
        "width": st.sampled_from([64, 72, 128]),
        "height": st.sampled_from([64, 72, 128]),
    }
)


@settings(deadline=None, max_examples=50)
@given(masks(), PARAMS)
def test_hidden_content_has_no_effect_at_strength_one(mask: Mask, params: dict[str, Any]) -> None:
    height, width = mask.shape
    one, other = noise(width, height, 1), noise(width, height, 2)
    other[~mask] = one[~mask]
    first, second = (prepare(picture(rgb), mask, resolved(**params)) for rgb in (one, other))
    assert first.image.shape == (params["height"], params["width"], 3)
    assert first.mask.shape == first.image.shape[:2]
    assert first.mask.any()
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.mask, second.mask)


@settings(deadline=None, max_examples=50)
@given(masks(), PARAMS)
def test_known_colour_is_not_tinged_by_what_it_surrounds(mask: Mask, params: dict[str, Any]) -> None:
    height, width = mask.shape
    rgb = noise(width, height)
    rgb[~mask] = (200, 30, 90)
    seen = prepare(picture(rgb), mask, resolved(**params))
    assert (seen.image[~seen.mask] == (200, 30, 90)).all()


def test_below_strength_one_the_content_is_the_starting_point() -> None:
    rgb, mask = noise(64, 64), rectangle(64, 64, 20, 20, 40, 40)
    assert np.array_equal(prepare(picture(rgb), mask, resolved(strength=0.99)).image, rgb)
    filled = prepare(picture(rgb), mask, resolved()).image
    assert np.array_equal(filled[~mask], rgb[~mask])
    assert not np.array_equal(filled, rgb)


@pytest.mark.parametrize("content", [MaskedContent.FILL, MaskedContent.NOISE, MaskedContent.BLANK])
def test_other_content_leaves_nothing_of_the_original_at_any_strength(content: MaskedContent) -> None:
    one, other, mask = noise(200, 150, 1), noise(200, 150, 2), rectangle(200, 150, 31, 40, 90, 77)
    other[~mask] = one[~mask]
    params = resolved(strength=0.4, masked_content=content)
    first, second = (prepare(picture(rgb), mask, params).image for rgb in (one, other))
    assert np.array_equal(first, second)


def test_a_grown_mask_hides_and_repaints_the_grown_part() -> None:
    mask = rectangle(64, 64, 30, 30, 34, 34)
    assert prepare(picture(noise(64, 64)), mask, resolved(mask_grow=3)).mask.sum() > mask.sum()


def test_a_mask_that_shrinks_to_nothing_is_refused() -> None:
    with pytest.raises(PictureError, match="mask_grow -5") as caught:
        prepare(picture(noise(64, 64)), rectangle(64, 64, 5, 5, 13, 13), resolved(mask_grow=-5))
    assert (caught.value.code, caught.value.field) == ("mask_empty", "mask")


def test_one_pixel_and_the_full_picture_work() -> None:
    image = picture(noise(101, 103))
    assert prepare(image, rectangle(101, 103, 0, 102, 1, 103), resolved()).mask.any()
    full = prepare(image, np.ones((103, 101), dtype=np.bool_), resolved())
    assert full.mask.all()
    assert len(np.unique(full.image)) == 1


def test_a_hole_is_filled_from_its_surroundings() -> None:
    rgb = np.zeros((40, 40, 3), dtype=np.uint8)
    rgb[:, :20], rgb[:, 20:] = 50, 150
    hole = rectangle(40, 40, 5, 5, 35, 35)
    filled = fill_hole(np.where(hole[..., None], np.uint8(255), rgb), hole)
    assert (filled[6:34, 5] == 50).all()
    assert (filled[6:34, 34] == 150).all()
    assert filled.max() == 150
