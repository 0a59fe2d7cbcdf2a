"""Telling a picture, and parts of it, from others by a few hundred bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safety.fingerprint import MOST_CELLS, Fingerprint, Placement, fingerprint, place, spread

SIZE = (480, 384)


def scene(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Soft blobs with some grain."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (size[1] // 24, size[0] // 24, 3), dtype=np.uint8))
    blobs = np.asarray(small.resize(size, Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray(np.clip(blobs + rng.integers(-9, 9, blobs.shape), 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def on_desktop(image: Image.Image) -> Image.Image:
    """A screenshot with what lay around the picture."""
    desktop = scene(99, (600, 500))
    desktop.paste(image, (70, 60))
    return desktop


@pytest.mark.parametrize(
    ("changed", "scale", "corner"),
    [
        (jpeg(scene(1), 40), 1.0, (0, 0)),
        (scene(1).crop((100, 60, 420, 316)), 1.0, (-100, -60)),
        (scene(1).resize((240, 192)), 0.5, (0, 0)),
        (jpeg(scene(1).crop((80, 40, 400, 296)).resize((416, 333)), 60), 1.3, (-104, -52)),
        (on_desktop(scene(1)), 1.0, (70, 60)),
        (scene(1).point(lambda level: int(level * 0.7 + 30)), 1.0, (0, 0)),
    ],
)
def test_a_changed_copy_is_known_and_its_place_with_it(
    changed: Image.Image, scale: float, corner: tuple[int, int]
) -> None:
    kept = fingerprint(scene(1))
    for scales in ([scale], spread(0.25, 4.0)):
        found = place(changed, kept, SIZE, scales)
        assert found is not None
        assert found.fits
    exact = place(changed, kept, SIZE, [scale])
    assert exact is not None
    assert np.allclose((exact.left, exact.top), corner, atol=6)
    assert np.allclose((exact.width, exact.height), np.multiply(SIZE, scale), rtol=0.03)


@given(seeds=st.lists(st.integers(0, 10_000), min_size=2, max_size=2, unique=True), part=st.booleans())
@settings(max_examples=15, deadline=None)
def test_another_picture_does_not_fit(seeds: list[int], part: bool) -> None:
    first, second = map(scene, seeds)
    found = place(second.crop((60, 60, 400, 340)) if part else second, fingerprint(first), SIZE, [1.0])
    assert found is not None
    assert found.fits is False


def test_a_picture_that_was_half_repainted_is_not_called_another() -> None:
    repainted = scene(1)
    repainted.paste(scene(2).crop((0, 0, 240, 384)), (0, 0))
    found = place(repainted, fingerprint(scene(1)), SIZE, [1.0])
    assert found is not None
    assert found.fits is not False


@pytest.mark.parametrize(
    ("image", "kept"),
    [
        (Image.new("RGB", SIZE, "grey"), fingerprint(scene(1))),
        (scene(1), fingerprint(Image.new("RGB", SIZE, "grey"))),
        (scene(1).crop((0, 0, 60, 60)), fingerprint(scene(1))),
    ],
    ids=["flat", "of a flat one", "a scrap"],
)
def test_where_there_is_too_little_to_see_nothing_is_said(image: Image.Image, kept: Fingerprint) -> None:
    assert place(image, kept, SIZE, [1.0]) is None


@pytest.mark.parametrize("size", [(64, 64), (4000, 64), (64, 1000), (1, 1), (2000, 20)])
def test_every_size_has_a_fingerprint_and_knows_itself_or_says_nothing(size: tuple[int, int]) -> None:
    image = scene(1, (max(size[0], 48), max(size[1], 48))).resize(size)
    kept = fingerprint(image)
    assert kept.rows * kept.columns <= MOST_CELLS * 16
    assert Fingerprint.from_dict(kept.as_dict()) == kept
    found = place(image, kept, size, [1.0])
    assert found is None or found.fits
    assert found is not None or min(size) < 64 or max(size) > 8 * min(size)


def test_a_box_is_carried_over_as_far_as_the_copy_reaches() -> None:
    placed = Placement(0.9, 9.0, -50.0, -25.0, 200.0, 100.0)
    assert placed.box((40, 30, 90, 50), (100, 50), (120, 60)) == (30, 35, 120, 60)
    assert placed.box((0, 0, 20, 10), (100, 50), (120, 60)) is None
