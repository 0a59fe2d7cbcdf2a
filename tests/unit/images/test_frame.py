"""The part of the picture that the model sees: one scale on both axes, nothing masked lost on the way down."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.box import Box
from storage.frame import Frame, choose_frame
from storage.params import Area
from tests.unit.images.samples import Mask, Pixels, noise, rectangle, resolved

SIDES = st.one_of(st.sampled_from([1, 2, 3, 127, 128, 131, 257]), st.integers(1, 300))
WORKING = st.integers(8, 24).map(lambda cells: cells * 8)


def disc(width: int, height: int, x: float, y: float, radius: float) -> Mask:
    down, across = np.mgrid[0:height, 0:width]
    inside: Mask = (across + 0.5 - x) ** 2 + (down + 0.5 - y) ** 2 <= radius**2
    return inside


def white(mask: Mask) -> Pixels:
    return np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255


def spread(rgb: Pixels) -> list[float]:
    """Standard deviation of the light in `rgb`, across and down, in pixels."""
    light = rgb[..., 0].astype(float)
    profiles = [light.sum(axis=0), light.sum(axis=1)]
    return [float(np.sqrt(np.cov(np.arange(len(p)), aweights=p, ddof=0))) for p in profiles]


@pytest.mark.parametrize("size", [(211, 97), (97, 211), (509, 503), (64, 64), (83, 300), (1021, 331)])
@pytest.mark.parametrize("working", [(64, 64), (512, 512), (320, 192), (192, 320)])
def test_a_circle_stays_a_circle_there_and_back(size: tuple[int, int], working: tuple[int, int]) -> None:
    radius = min(size) * 0.3
    frame = Frame.fit(Box(0, 0, *size), *working)
    seen = frame.shrink(white(disc(*size, size[0] / 2, size[1] / 2, radius)))
    # A disc's coordinates spread by half its radius on both axes; a resize blurs, which adds a little.
    for rgb, expected in ((seen, radius * frame.scale / 2), (frame.restore(seen), radius / 2)):
        across, down = spread(rgb)
        assert across == pytest.approx(expected, rel=0.03)
        assert across == pytest.approx(down, rel=0.01)


@settings(deadline=None)
@given(SIDES, SIDES, WORKING, WORKING)
def test_any_size_goes_through_and_comes_back(width: int, height: int, across: int, down: int) -> None:
    frame = Frame.fit(Box(0, 0, width, height), across, down)
    seen = frame.shrink(np.full((height, width, 3), 77, dtype=np.uint8))
    assert seen.shape == (down, across, 3)
    assert (seen == 77).all()
    assert frame.restore(seen).shape == (height, width, 3)
    assert (frame.restore(seen) == 77).all()


@pytest.mark.parametrize("size", [(16_383, 1), (1, 16_383)])
def test_a_line_of_the_longest_side_goes_through(size: tuple[int, int]) -> None:
    frame = Frame.fit(Box(0, 0, *size), 512, 512)
    assert frame.restore(frame.shrink(noise(*size))).shape == (size[1], size[0], 3)


def test_at_scale_one_not_a_bit_changes() -> None:
    rgb = noise(128, 96)
    frame = Frame.fit(Box(0, 0, 128, 96), 128, 128)
    seen = frame.shrink(rgb)
    assert np.array_equal(seen[16:112], rgb)
    assert (seen[:16] == rgb[0]).all()
    assert (seen[112:] == rgb[-1]).all()
    assert np.array_equal(frame.restore(seen), rgb)


@settings(deadline=None)
@given(SIDES, SIDES, WORKING, WORKING, st.data())
def test_every_masked_pixel_is_covered(width: int, height: int, across: int, down: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    frame = Frame.fit(Box(0, 0, width, height), across, down)
    covered = frame.cover(rectangle(width, height, x, y, x + 1, y + 1))
    assert covered.shape == (down, across)
    inner = covered[frame.content.slices]
    middle = (int((y + 0.5) * frame.scale), int((x + 0.5) * frame.scale))
    assert inner[middle]
    # No further than the working pixels that the masked one touches.
    touched = Box.around(inner)
    assert touched.left >= int(x * frame.scale + 1e-6)
    assert touched.right <= np.ceil((x + 1) * frame.scale - 1e-6)
    assert touched.top >= int(y * frame.scale + 1e-6)
    assert touched.bottom <= np.ceil((y + 1) * frame.scale - 1e-6)


def test_one_pixel_survives_at_all_64_offsets_of_a_cell() -> None:
    frame = Frame.fit(Box(0, 0, 512, 512), 64, 64)
    for x, y in product(range(8), repeat=2):
        covered = frame.cover(rectangle(512, 512, 80 + x, 40 + y, 81 + x, 41 + y))
        assert np.argwhere(covered).tolist() == [[5, 10]]


def test_a_mask_at_the_edge_goes_on_into_the_margin() -> None:
    frame = Frame.fit(Box(0, 0, 100, 50), 64, 64)
    covered = frame.cover(rectangle(100, 50, 0, 0, 100, 10))
    assert frame.content.top == 16
    assert covered[:16].all()
    assert not covered[frame.content.bottom :].any()


def test_masked_takes_the_region_its_padding_and_the_aspect() -> None:
    params = resolved(area=Area.MASKED, padding=10, width=128, height=64)
    frame = choose_frame(Box(200, 100, 220, 140), 400, 300, params)
    assert frame.box == (150, 90, 270, 150)
    assert frame.scale == pytest.approx(128 / 120)


def test_masked_stays_inside_the_picture() -> None:
    params = resolved(area=Area.MASKED, padding=10, width=64, height=64)
    assert choose_frame(Box(0, 0, 4, 60), 400, 300, params).box == (0, 0, 70, 70)
    assert choose_frame(Box(396, 240, 400, 300), 400, 300, params).box == (330, 230, 400, 300)
    assert choose_frame(Box(10, 5, 30, 300), 40, 300, params).box == (0, 0, 40, 300)


def test_auto_crops_where_that_shows_more_and_magnifies_nothing() -> None:
    small = Box(500, 500, 520, 520)
    frame = choose_frame(small, 1000, 800, resolved(native_size=128))
    assert (frame.scale, frame.box.width, frame.box.height) == (1, 128, 128)
    assert choose_frame(small, 1000, 800, resolved(native_size=1024)).box == (0, 0, 1000, 800)
    assert choose_frame(Box(50, 50, 900, 750), 1000, 800, resolved(native_size=128)).box == (0, 0, 1000, 800)
    assert choose_frame(small, 1000, 800, resolved(native_size=128, area=Area.WHOLE)).box == (0, 0, 1000, 800)


@given(SIDES, SIDES, WORKING, WORKING, st.sampled_from(list(Area)), st.integers(0, 256), st.data())
def test_the_crop_holds_the_region_whatever_is_asked(
    width: int, height: int, across: int, down: int, area: Area, padding: int, data: st.DataObject
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    region = Box(left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))
    params = resolved(area=area, padding=padding, width=across, height=down)
    box = choose_frame(region, width, height, params).box
    assert 0 <= box.left <= max(region.left - padding * (area is Area.MASKED), 0)
    assert 0 <= box.top <= region.top
    assert region.right <= box.right <= width
    assert region.bottom <= box.bottom <= height


def test_unresolved_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="resolved"):
        choose_frame(Box(0, 0, 1, 1), 8, 8, resolved().model_copy(update={"width": None}))
