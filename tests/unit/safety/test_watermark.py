import io
import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from skimage import data

from safety.errors import MarkError
from safety.mark_keys import KEYS as KEYS_OF_A_SECRET
from safety.mark_keys import MarkKeys
from safety.watermark import SMALLEST_SIDE, Mark, detect, embed, jpeg_trial

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


def _letter(side: int, paper: str = "white", ink: str = "black") -> Image.Image:
    image = Image.new("RGB", (side, side), paper)
    draw, size = ImageDraw.Draw(image), side // 36
    for line in range(23):
        words = "a page of plain text, of which no two lines begin alike " * 3
        draw.text((size, size + line * 1.5 * size), words[line:][:60], fill=ink, font=ImageFont.load_default(size))
    return image


def _gradient(side: int) -> Image.Image:
    return Image.linear_gradient("L").convert("RGB").resize((side, side))


MAKERS: dict[str, Callable[[int], Image.Image]] = {
    **{name: partial(_photo, name) for name in ("astronaut", "cat", "page", "text")},
    **{name: partial(_flat, name) for name in ("black", "white", "red", "yellow", "gray")},
    "noise": _noise,
    "drawing": _drawing,
    "gradient": _gradient,
}


def _saved(image: Image.Image, kind: str, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(buffer)


@lru_cache(maxsize=32)
def _marked(name: str, side: int = 512) -> tuple[Image.Image, Mark]:
    return embed(MAKERS[name](side), KEYS, rng_seed=name.encode())


def _carries(image: Image.Image, mark: Mark) -> bool:
    found = detect(image, KEYS)
    return found is not None and (found.id, found.key_id) == (mark.id, mark.key_id)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("side", [512, 128])
def test_the_mark_reads_back_and_is_hard_to_see(name: str, side: int) -> None:
    image, (marked, mark) = MAKERS[name](side), _marked(name, side)
    assert _carries(marked, mark)
    assert (marked.size, marked.mode) == (image.size, image.mode)
    assert mark.psnr_db is not None
    assert mark.psnr_db >= (40 if side == 512 else 29 if name == "noise" else 36)


ALTERATIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 50": lambda image: _saved(image, "JPEG", quality=50),
    "webp 80": lambda image: _saved(image, "WEBP", quality=80),
    "half size": lambda image: image.reduce(2),
    "half size and back": lambda image: image.reduce(2).resize(image.size),
    "three times the size": lambda image: image.resize((1536, 1536)),
    "a tenth cut off": lambda image: image.crop((13, 40, 474, 501)),
    "a third cut off each side": lambda image: image.crop((100, 31, 443, 374)),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "darker": lambda image: image.point([round(value * 0.8) for value in range(256)] * 3),
    "a third painted over": lambda image: _pasted(image, (0, 0, 512, 170)),
}


def _pasted(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    image = image.copy()
    image.paste("teal", box)
    return image


@pytest.mark.parametrize("name", ["astronaut", "page", "white", "drawing"])
@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_the_mark_survives_what_happens_to_pictures(name: str, alteration: str) -> None:
    marked, mark = _marked(name)
    assert _carries(ALTERATIONS[alteration](marked), mark)


def _brighter(image: Image.Image) -> Image.Image:
    return image.point([min(255, round(value * 1.2)) for value in range(256)] * 3)


@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("white", "navy"), ("oldlace", "saddlebrown")])
@pytest.mark.parametrize("side", [512, 800])
def test_a_page_made_so_bright_that_its_paper_is_plain_white_keeps_the_mark_in_its_ink(
    side: int, paper: str, ink: str
) -> None:
    marked, mark = embed(_letter(side, paper, ink), KEYS, rng_seed=ink.encode())
    bright = _brighter(marked)
    assert np.mean(np.asarray(bright) == 255) > 0.8
    assert _carries(bright, mark)
    assert detect(bright, OTHERS) is None


GEOMETRIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "mirrored": ImageOps.mirror,
    "on its side": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned": lambda image: image.rotate(-4, Image.Resampling.BICUBIC),
    "stretched": lambda image: image.resize((538, 512)),
    "cut out and enlarged": lambda image: image.crop((60, 80, 420, 440)).resize((700, 700)),
    "a cropped screenshot": lambda image: _screenshot(image),
}


def _screenshot(image: Image.Image) -> Image.Image:
    """The picture in a page, at another scale, of which a third is cut off; saved as JPEG 60."""
    page = Image.new("RGB", (900, 800), (246, 247, 249))
    page.paste(image.resize((610, 610)), (150, 120))
    return _saved(page.crop((50, 60, 650, 600)), "JPEG", quality=60)


@pytest.mark.parametrize("name", ["astronaut", "drawing"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_search_finds_the_mark_in_another_geometry(name: str, geometry: str) -> None:
    marked, mark = _marked(name)
    found = detect(GEOMETRIES[geometry](marked), KEYS, searched=True)
    assert found is not None
    assert (found.id, found.key_id) == (mark.id, mark.key_id)


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 20), ("WEBP", 20)])
@pytest.mark.parametrize("name", ["astronaut", "drawing"])
def test_a_mark_is_made_that_outlives_the_format_it_will_have(name: str, kind: str, quality: int) -> None:
    marked, mark = embed(MAKERS[name](512), KEYS, trial=lambda made: _saved(made, kind, quality=quality))
    assert _carries(_saved(marked, kind, quality=quality), mark)


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_is_found_in_unmarked_or_foreign_pictures(name: str) -> None:
    assert detect(MAKERS[name](256), KEYS, searched=True) is None
    assert detect(_marked(name)[0], OTHERS) is None


def test_alpha_stays_and_what_it_hides_may_carry_the_mark() -> None:
    image = _photo("cat", 128)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    marked, mark = embed(image, KEYS)
    assert marked.mode == "RGBA"
    assert marked.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert _carries(_saved(marked, "PNG"), mark)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(128, 700), st.integers(128, 700), st.binary(min_size=1, max_size=8))
def test_any_size_from_128_pixels_on_works(width: int, height: int, seed: bytes) -> None:
    image = _photo("coffee", 700).crop((0, 0, width, height))
    marked, mark = embed(image, KEYS, rng_seed=seed)
    assert marked.size == (width, height)
    assert _carries(marked, mark)
    assert _carries(jpeg_trial(marked), mark)


def test_the_same_seed_makes_the_same_picture_and_another_another_id() -> None:
    image = _photo("coffee", 200)
    first, mark = embed(image, KEYS, rng_seed=b"1")
    again, same = embed(image, KEYS, rng_seed=b"1")
    assert (first.tobytes(), mark) == (again.tobytes(), same)
    assert embed(image, KEYS, rng_seed=b"2")[1].id != mark.id


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(160, 200), st.integers(160, 200))
def test_a_region_is_marked_and_nothing_else_changes(left: int, top: int, width: int, height: int) -> None:
    image = _photo("astronaut", 512)
    marked, mark = embed(image, KEYS, region=(left, top, left + width, top + height))
    assert _carries(marked, mark)
    change = np.any(np.asarray(marked) != np.asarray(image), axis=2)
    assert change[top : top + height, left : left + width].any()
    change[top : top + height, left : left + width] = False
    assert not change.any()


def test_a_region_may_have_any_form() -> None:
    image = _photo("astronaut", 512)
    y, x = np.mgrid[:512, :512]
    disk = (y - 300) ** 2 + (x - 250) ** 2 < 130**2
    marked, mark = embed(image, KEYS, region=disk)
    assert _carries(marked, mark)
    assert not np.any(np.asarray(marked) != np.asarray(image), axis=2)[~disk].any()


def test_a_marked_picture_is_marked_anew_and_reads_as_the_new_one() -> None:
    marked, first = _marked("astronaut")
    for image in (marked, jpeg_trial(marked).convert("RGB"), marked.resize((300, 300))):
        again, second = embed(image, KEYS)
        assert second.id != first.id
        assert second.psnr_db is not None
        assert second.psnr_db >= 40
        assert _carries(_saved(again, "JPEG", quality=70), second)


@pytest.mark.parametrize("size", [(SMALLEST_SIDE - 1, 200), (200, SMALLEST_SIDE - 1), (1, 1)])
def test_too_small_a_picture_is_refused_not_skipped(size: tuple[int, int]) -> None:
    with pytest.raises(MarkError, match=f"{SMALLEST_SIDE} pixels"):
        embed(Image.new("RGB", size), KEYS)
    assert detect(Image.new("RGB", size), KEYS) is None


@pytest.mark.parametrize("region", [(0, 0, 63, 100), (0, 0, 300, 300), (-1, 0, 100, 100), (50, 50, 50, 150)])
def test_a_region_that_cannot_be_marked_is_refused(region: tuple[int, int, int, int]) -> None:
    with pytest.raises(MarkError, match="region"):
        embed(_photo("cat", 256), KEYS, region=region)


def test_other_modes_are_refused() -> None:
    with pytest.raises(MarkError, match="RGB"):
        embed(Image.new("L", (128, 128)), KEYS)


def test_ids_and_keys_are_random_and_an_id_is_36_bits() -> None:
    marks = [embed(_drawing(128), KEYS)[1] for _ in range(6)]
    assert len({mark.id for mark in marks}) == 6
    assert all(len(mark.id) == 9 and int(mark.id, 16) >= 0 for mark in marks)
    assert len({mark.key_id for mark in marks}) > 1
    assert len({key.key_id for key in KEYS.keys}) == KEYS_OF_A_SECRET >= 16


def test_the_mean_of_many_marks_does_not_take_one_off() -> None:
    image = _drawing(256)
    made = [embed(image, KEYS, rng_seed=bytes([n])) for n in range(12)]
    mean = np.mean([np.asarray(one, np.float32) - np.asarray(image, np.float32) for one, _ in made], axis=0)
    for one, mark in made[:3]:
        washed = np.clip(np.rint(np.asarray(one) - 2 * mean), 0, 255).astype(np.uint8)
        assert _carries(Image.fromarray(washed), mark)


def test_retired_secrets_are_still_recognized_and_the_first_marks() -> None:
    before, mark = embed(_drawing(128), OTHERS)
    rotated = MarkKeys.from_secret("a secret for tests only, another secret for tests")
    found = detect(before, rotated)
    assert found is not None
    assert (found.id, found.key_id) == (mark.id, mark.key_id)
    again, newer = embed(before, rotated)
    assert newer.key_id in {key.key_id for key in KEYS.rings[0].keys}
    assert detect(again, rotated) == Mark(newer.id, newer.key_id, None)
    assert rotated == MarkKeys.from_secret("a secret for tests only", ["another secret for tests"])


def test_a_short_secret_is_refused_and_none_is_shown() -> None:
    with pytest.raises(MarkError, match="16"):
        MarkKeys.from_secret("short")
    assert "secret for tests" not in repr(KEYS)
    assert "\\x" not in repr(KEYS)


def test_a_picture_whose_mark_its_format_destroys_is_refused() -> None:
    with pytest.raises(MarkError, match="not released"):
        embed(_drawing(128), KEYS, trial=lambda marked: marked.resize((8, 8)).resize(marked.size))


def test_the_distance_is_that_of_the_pictures() -> None:
    image, (marked, mark) = _photo("cat", 128), _marked("cat", 128)
    error = np.mean((np.asarray(marked, float) - np.asarray(image, float)) ** 2)
    assert mark.psnr_db == pytest.approx(10 * math.log10(255**2 / error), abs=1e-3)
