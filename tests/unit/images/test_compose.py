"""Promise 2: pixels outside mask and feather are the input's own pixels, whatever the model made."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from storage.params import Area, Blend
from tests.unit.images.samples import Mask, noise, picture, rectangle, resolved
from tests.unit.images.test_prepare import PARAMS, masks
from worker.images.compose import Composite, CompositeError, check_untouched, compose
from worker.images.prepare import prepare


def edited(rgb: NDArray[np.uint8], mask: Mask, made: int, **params: Any) -> Composite:
    """An edit by a generator that paints one colour, or noise where `made` is negative."""
    ready = prepare(picture(rgb), mask, resolved(**params))
    height, width = ready.mask.shape
    pixels = noise(width, height, 99) if made < 0 else np.full((height, width, 3), made, dtype=np.uint8)
    return compose(ready, pixels)


@settings(deadline=None, max_examples=50)
@given(masks(), PARAMS, st.sampled_from([-1, 0, 255]))
def test_far_pixels_are_the_inputs_own(mask: Mask, params: dict[str, Any], made: int) -> None:
    height, width = mask.shape
    rgb = noise(width, height)
    result = edited(rgb, mask, made, **params)
    pixels = np.asarray(result.image)
    reach = params["mask_grow"] + (params["mask_blur"] if params["blend"] is Blend.OUTWARD else 0)
    far = distance_transform_edt(~mask) > reach if (~mask).any() else mask & False
    assert pixels.shape == rgb.shape
    assert np.array_equal(pixels[far], rgb[far])
    assert not (result.support & far).any()
    outside = np.ones_like(mask)
    outside[result.region.slices] = False
    assert np.array_equal(pixels[outside], rgb[outside])


@settings(deadline=None, max_examples=50)
@given(masks(), PARAMS)
def test_the_masked_part_is_new(mask: Mask, params: dict[str, Any]) -> None:
    height, width = mask.shape
    params["blend"] = Blend.OUTWARD
    pixels = np.asarray(edited(np.zeros((height, width, 3), dtype=np.uint8), mask, 255, **params).image)
    near = distance_transform_edt(~mask) <= params["mask_grow"] if (~mask).any() else mask
    assert (pixels[near] == 255).all()


def test_the_ramp_mixes_old_and_new_to_the_nearest_value() -> None:
    mask = rectangle(64, 64, 20, 20, 40, 40)
    ready = prepare(picture(np.zeros((64, 64, 3), dtype=np.uint8)), mask, resolved(mask_blur=16))
    result = compose(ready, np.full_like(ready.image, 255))
    mixed = np.asarray(result.image)[result.region.slices][..., 0]
    assert len(np.unique(mixed)) > 20
    assert np.abs(mixed - 255 * ready.feather.alpha).max() <= 0.5


@settings(deadline=None, max_examples=50)
@given(masks(), PARAMS)
def test_the_receipt_counts_and_hashes_what_was_left_alone(mask: Mask, params: dict[str, Any]) -> None:
    height, width = mask.shape
    rgb = noise(width, height)
    result = edited(rgb, mask, -1, **params)
    kept = rgb[~result.support]
    expected = {"checked": True, "pixels": len(kept), "sha256": hashlib.sha256(kept.tobytes()).hexdigest()}
    assert result.untouched == expected


PLACES = [(x, y) for x in (0, 68, 136) for y in (0, 43, 86)]


@pytest.mark.parametrize(("x", "y"), PLACES)
@pytest.mark.parametrize("blend", list(Blend))
@pytest.mark.parametrize(("side", "params"), [(64, {"area": Area.MASKED, "mask_blur": 0}), (20, {"area": Area.AUTO})])
def test_crop_and_stitch_of_the_same_pixels_is_the_identity(
    x: int, y: int, blend: Blend, side: int, params: dict[str, Any]
) -> None:
    rgb = noise(200, 150)
    mask = rectangle(200, 150, x, y, x + side, y + side)
    ready = prepare(picture(rgb), mask, resolved(strength=0.5, padding=0, blend=blend, **params))
    assert ready.frame.scale == 1
    assert (ready.crop_box.width, ready.crop_box.height) == (64, 64)
    assert np.array_equal(np.asarray(compose(ready, ready.image).image), rgb)


def test_ten_jobs_in_a_row_leave_what_was_never_masked() -> None:
    original = noise(331, 173)
    rgb, touched = original, np.zeros((173, 331), dtype=np.bool_)
    for job in range(10):
        mask = rectangle(331, 173, 30 * job, 10 * job, 30 * job + 25, 10 * job + 40)
        result = edited(rgb, mask, -1, mask_grow=job, mask_blur=2 * job, area=list(Area)[job % 3])
        rgb, touched = np.asarray(result.image), touched | result.support
    assert 0.2 < touched.mean() < 0.8
    assert np.array_equal(rgb[~touched], original[~touched])


def test_alpha_comes_back_beside_a_mask() -> None:
    rgb, alpha = noise(50, 40), noise(50, 40, 5, channels=1)[..., 0]
    ready = prepare(picture(rgb, alpha), rectangle(50, 40, 10, 10, 20, 20), resolved())
    result = compose(ready, np.zeros_like(ready.image))
    assert result.image.mode == "RGBA"
    assert np.array_equal(np.asarray(result.image)[..., 3], alpha)
    assert np.array_equal(np.asarray(result.image)[~result.support], np.dstack((rgb, alpha))[~result.support])


def test_without_alpha_the_result_is_opaque() -> None:
    assert edited(noise(50, 40), rectangle(50, 40, 10, 10, 20, 20), 0).image.mode == "RGB"


@pytest.mark.parametrize("channel", [0, 3])
def test_one_changed_byte_outside_is_found(channel: int) -> None:
    rgba = noise(30, 20, channels=4)
    original = picture(rgba[..., :3], rgba[..., 3])
    support = rectangle(30, 20, 5, 5, 10, 10)
    changed = rgba.copy()
    changed[5:10, 5:10] = 0
    assert check_untouched(Image.fromarray(changed), original, support)["pixels"] == 575
    changed[12, 4, channel] ^= 1
    with pytest.raises(CompositeError, match="outside the edited region"):
        check_untouched(Image.fromarray(changed), original, support)


@pytest.mark.parametrize("pixels", [np.zeros((64, 65, 3), np.uint8), np.zeros((64, 64, 3), np.float32)])
def test_pixels_of_another_kind_are_refused(pixels: NDArray[Any]) -> None:
    ready = prepare(picture(noise(64, 64)), rectangle(64, 64, 1, 1, 9, 9), resolved())
    with pytest.raises(CompositeError, match="expected uint8"):
        compose(ready, pixels)


def test_four_megapixels_take_about_a_second() -> None:
    image, mask = picture(noise(2048, 2048)), rectangle(2048, 2048, 300, 300, 1700, 1700)
    start = time.process_time()
    ready = prepare(image, mask, resolved(native_size=512))
    compose(ready, ready.image)
    # Measured at half of this on one busy core; an accidental pass over every pixel in Python takes minutes.
    assert time.process_time() - start < 2
