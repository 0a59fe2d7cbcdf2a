import io
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from skimage import data

from safety.errors import MarkError
from safety.mark_keys import MarkKeys
from safety.watermark import detect, embed

KEYS = MarkKeys.from_secret("a secret for tests only")
OTHERS = MarkKeys.from_secret("another secret for tests")


def _photo(name: str, side: int) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB").resize((side, side))


def _flat(name: str, side: int) -> Image.Image:
    return Image.new("RGB", (side, side), name)


def _noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))


def _drawing(side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, side // 3, side // 3), fill="blue")
    draw.ellipse((side // 4, side // 4, side * 3 // 4, side * 3 // 4), fill="red", outline="black")
    return image


def _gradient(side: int) -> Image.Image:
    return Image.linear_gradient("L").convert("RGB").resize((side, side))


PHOTOS = ("astronaut", "coffee", "cat", "rocket", "camera", "page", "text")
FLATS = ("black", "white", "red", "lime", "blue", "yellow", "gray")
MAKERS: dict[str, Callable[[int], Image.Image]] = {
    **{name: partial(_photo, name) for name in PHOTOS},
    **{name: partial(_flat, name) for name in FLATS},
    "noise": _noise,
    "drawing": _drawing,
    "gradient": _gradient,
}


def _saved(image: Image.Image, kind: str, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(buffer)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("side", [512, 128, 64])
def test_the_mark_reads_back_and_is_hard_to_see(name: str, side: int) -> None:
    image = MAKERS[name](side)
    marked, mark = embed(image, KEYS)
    found = detect(marked, KEYS)
    assert found is not None
    assert (found.id, found.key_id) == (mark.id, KEYS.keys[0].key_id)
    assert (marked.size, marked.mode) == (image.size, image.mode)
    assert mark.psnr_db is not None
    assert mark.psnr_db >= (40 if side > 64 else 36)
    difference = np.abs(np.asarray(marked, np.int16) - np.asarray(image, np.int16))
    assert difference.max() <= 24


@pytest.mark.parametrize("name", ["astronaut", "page", "black", "red", "noise", "drawing", "gradient"])
def test_the_mark_survives_common_formats(name: str) -> None:
    marked, mark = embed(MAKERS[name](512), KEYS)
    for saved in (
        _saved(marked, "JPEG", quality=80),
        _saved(marked, "JPEG", quality=95),
        _saved(marked, "PNG"),
        _saved(marked, "WEBP", lossless=True),
    ):
        found = detect(saved, KEYS)
        assert found is not None
        assert found.id == mark.id


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 50), ("WEBP", 90), ("WEBP", 60)])
@pytest.mark.parametrize("name", ["astronaut", "drawing", "black"])
def test_a_stronger_mark_is_made_for_a_harsher_format(name: str, kind: str, quality: int) -> None:
    marked, mark = embed(MAKERS[name](512), KEYS, trial=lambda made: _saved(made, kind, quality=quality))
    found = detect(_saved(marked, kind, quality=quality), KEYS)
    assert found is not None
    assert found.id == mark.id


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_is_found_in_unmarked_or_foreign_pictures(name: str) -> None:
    image = MAKERS[name](256)
    assert detect(image, KEYS) is None
    assert detect(embed(image, OTHERS)[0], KEYS) is None


def test_alpha_stays_and_what_it_hides_may_carry_the_mark() -> None:
    image = _photo("cat", 128)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    marked, mark = embed(image, KEYS)
    assert marked.mode == "RGBA"
    assert marked.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    found = detect(_saved(marked, "PNG"), KEYS)
    assert found is not None
    assert found.id == mark.id


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(64, 300), st.integers(64, 300), st.binary(min_size=1, max_size=8))
def test_any_size_from_64_pixels_on_works(width: int, height: int, seed: bytes) -> None:
    image = _photo("coffee", 300).crop((0, 0, width, height))
    marked, mark = embed(image, KEYS, rng_seed=seed)
    found = detect(marked, KEYS)
    assert marked.size == (width, height)
    assert found is not None
    assert found.id == mark.id == embed(image, KEYS, rng_seed=seed)[1].id


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(80, 200), st.integers(80, 200))
def test_a_region_is_marked_and_nothing_else_changes(left: int, top: int, width: int, height: int) -> None:
    image = _photo("astronaut", 512)
    box = (left, top, left + width, top + height)
    marked, mark = embed(image, KEYS, region=box)
    found = detect(marked, KEYS)
    assert found is not None
    assert found.id == mark.id
    change = np.any(np.asarray(marked) != np.asarray(image), axis=2)
    assert change[top : top + height, left : left + width].any()
    change[top : top + height, left : left + width] = False
    assert not change.any()


def test_a_third_painted_over_afterwards_leaves_the_mark() -> None:
    marked, mark = embed(_photo("rocket", 512), KEYS)
    marked.paste("white", (0, 0, 512, 170))
    found = detect(marked, KEYS)
    assert found is not None
    assert found.id == mark.id


@pytest.mark.parametrize("size", [(63, 200), (200, 63), (1, 1)])
def test_too_small_a_picture_is_refused_not_skipped(size: tuple[int, int]) -> None:
    with pytest.raises(MarkError, match="64 pixels"):
        embed(Image.new("RGB", size), KEYS)
    assert detect(Image.new("RGB", size), KEYS) is None


@pytest.mark.parametrize("region", [(0, 0, 63, 100), (0, 0, 300, 300), (-1, 0, 100, 100), (50, 50, 50, 150)])
def test_a_region_that_cannot_be_marked_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(MarkError):
        embed(_photo("cat", 256), KEYS, region=region)


def test_other_modes_are_refused() -> None:
    with pytest.raises(MarkError, match="RGB"):
        embed(Image.new("L", (128, 128)), KEYS)


def test_ids_are_random_and_36_bits() -> None:
    ids = {embed(_drawing(64), KEYS)[1].id for _ in range(8)}
    assert len(ids) == 8
    assert all(len(mark_id) == 9 and int(mark_id, 16) >= 0 for mark_id in ids)


def test_retired_keys_are_still_recognized_and_the_first_marks() -> None:
    before, mark = embed(_drawing(128), OTHERS)
    rotated = MarkKeys.from_secret("a secret for tests only, another secret for tests")
    found = detect(before, rotated)
    assert found is not None
    assert (found.id, found.key_id) == (mark.id, OTHERS.keys[0].key_id)
    assert embed(_drawing(128), rotated)[1].key_id == KEYS.keys[0].key_id
    assert rotated == MarkKeys.from_secret("a secret for tests only", ["another secret for tests"])


def test_a_short_secret_is_refused_and_none_is_shown() -> None:
    with pytest.raises(MarkError, match="16"):
        MarkKeys.from_secret("short")
    assert "secret for tests" not in repr(KEYS)


def test_a_picture_that_cannot_carry_the_mark_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safety.watermark._decode", lambda image, key: None)
    with pytest.raises(MarkError, match="not released"):
        embed(_drawing(128), KEYS)


def test_the_distance_is_that_of_the_pictures() -> None:
    image = _photo("cat", 128)
    marked, mark = embed(image, KEYS)
    error = np.mean((np.asarray(marked, float) - np.asarray(image, float)) ** 2)
    assert mark.psnr_db == pytest.approx(10 * math.log10(255**2 / error), abs=1e-3)
