"""Matched colours: those of the surroundings, in the order of what was painted, and nothing changed outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from storage.params import Area, Blend, ColorMatch
from tests.unit.images.samples import Pixels, noise, picture, rectangle, resolved
from worker.images.color_match import match_histogram
from worker.images.compose import compose
from worker.images.prepare import prepare

PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))
KNOWN = arrays(np.uint8, st.tuples(st.integers(1, 80), st.just(3)))


def everywhere(made: Pixels) -> np.ndarray:
    return np.ones(made.shape[:2], dtype=np.bool_)


@given(PICTURES)
def test_what_is_spread_alike_is_left_alone(made: Pixels) -> None:
    known = np.random.default_rng(1).permutation(made.reshape(-1, 3))
    assert np.array_equal(match_histogram(made, everywhere(made), known), made)


@given(PICTURES, KNOWN)
def test_order_stays_and_no_colour_lies_beyond_the_known_ones(made: Pixels, known: Pixels) -> None:
    matched = match_histogram(made, everywhere(made), known)
    assert matched.dtype == np.uint8
    for channel in range(3):
        order = np.argsort(made[..., channel], axis=None, kind="stable")
        assert (np.diff(matched[..., channel].ravel()[order].astype(int)) >= 0).all()
        assert matched[..., channel].min() >= known[:, channel].min()
        assert matched[..., channel].max() <= known[:, channel].max()


def test_the_spread_becomes_that_of_the_known_pixels() -> None:
    rng = np.random.default_rng(2)
    made = np.clip(rng.normal(200, 10, (90, 90, 3)), 0, 255).astype(np.uint8)
    known = np.clip(rng.normal((60, 90, 120), (25, 15, 35), (5000, 3)), 0, 255).astype(np.uint8)
    matched = match_histogram(made, everywhere(made), known).reshape(-1, 3)
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.abs(np.quantile(matched, share, axis=0) - np.quantile(known, share, axis=0)).max() <= 4


def test_without_pixels_on_either_side_nothing_changes() -> None:
    made = noise(8, 8)
    assert np.array_equal(match_histogram(made, everywhere(made), made.reshape(-1, 3)[:0]), made)
    assert np.array_equal(match_histogram(made, ~everywhere(made), made.reshape(-1, 3)), made)


@pytest.mark.parametrize("area", list(Area))
@pytest.mark.parametrize("blend", list(Blend))
def test_a_result_takes_the_colours_around_it_and_the_rest_stays_exact(area: Area, blend: Blend) -> None:
    rng = np.random.default_rng(3)
    rgb = rng.integers(40, 80, (150, 200, 3)).astype(np.uint8)
    mask = rectangle(200, 150, 60, 50, 120, 100)
    params = {"area": area, "blend": blend, "mask_blur": 6}
    ready = prepare(picture(rgb), mask, resolved(128, color_match=ColorMatch.HISTOGRAM, **params))
    pixels = rng.integers(180, 250, ready.image.shape).astype(np.uint8)
    matched = compose(ready, pixels)
    made = np.asarray(matched.image)
    assert 40 <= made.min() <= made.max() < 80
    assert np.array_equal(made[~matched.support], rgb[~matched.support])
    plain = np.asarray(compose(prepare(picture(rgb), mask, resolved(128, **params)), pixels).image)
    assert plain.max() >= 150


def test_hidden_colours_are_no_example() -> None:
    rgb, alpha = np.full((64, 64, 3), 200, dtype=np.uint8), np.full((64, 64), 255, dtype=np.uint8)
    rgb[:, :20], alpha[:, :20] = 0, 0
    mask = rectangle(64, 64, 40, 20, 60, 40)
    ready = prepare(picture(rgb, alpha), mask, resolved(color_match=ColorMatch.HISTOGRAM))
    made = np.asarray(compose(ready, noise(64, 64)).image)
    assert (made[mask][:, :3] == 200).all()


def test_a_full_mask_has_no_surroundings_to_match() -> None:
    ready = prepare(picture(noise(64, 64)), everywhere(noise(64, 64)), resolved(color_match=ColorMatch.HISTOGRAM))
    assert np.array_equal(np.asarray(compose(ready, noise(64, 64, 5)).image), noise(64, 64, 5))
