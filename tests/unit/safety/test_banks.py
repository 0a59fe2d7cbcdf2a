"""Copies of known pictures are recognized, whatever was done to them, and nothing else is."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage import data

from safety.banks import COPY, Banked, BankSource, HashBanks, bank_picture, packaged, read_hashes
from safety.errors import BankError
from safety.evidence import Evidence
from safety.hash_tiles import tiled_hash
from safety.hashes import MIN_QUALITY, pdq
from worker.pocket.pattern import draw_pattern

NAMES = ("astronaut", "coffee", "cat", "coins", "camera")
HASH = "2d6b1af3a956c529e79ca3d2526fa834d4196c81cedd04de0a26b855fc99b724"


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)()).convert("RGB")


@pytest.fixture(scope="module")
def banks() -> HashBanks:
    return HashBanks(bank_picture("known", photograph(name), "for a test") for name in NAMES[:4])


def likeness(banks: HashBanks, image: Image.Image, bank: str = "known") -> float:
    return banks.likeness(tiled_hash(image))[bank]


def cut(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """What is left between these shares of the width and height."""
    width, height = image.size
    return image.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))


def squeezed(image: Image.Image) -> Image.Image:
    with BytesIO() as file:
        image.save(file, "JPEG", quality=50)
        return Image.open(BytesIO(file.getvalue())).convert("RGB")


@pytest.mark.parametrize("name", NAMES[:4])
def test_cropped_copies_are_found_also_scaled_squeezed_and_turned(banks: HashBanks, name: str) -> None:
    crop = cut(photograph(name), 0.02, 0.06, 0.92, 0.96)
    whole = pdq(crop).hex
    assert likeness(HashBanks([Banked("known", (whole,), "")]), photograph(name)) < COPY  # why there are tiles
    changed = squeezed(crop.resize((crop.width * 2 // 3, crop.height * 2 // 3)).transpose(Image.Transpose.ROTATE_90))
    assert likeness(banks, crop) >= COPY
    assert likeness(banks, changed) >= COPY


@pytest.mark.parametrize("name", NAMES[:4])
def test_a_copy_without_a_strip_at_one_side_is_found(banks: HashBanks, name: str) -> None:
    assert likeness(banks, cut(photograph(name), 0.0, 0.0, 1.0, 0.8)) >= COPY


def test_other_pictures_are_not_found(banks: HashBanks) -> None:
    others = [photograph("camera"), photograph("page"), photograph("brick"), Image.new("RGB", (300, 200), "gray")]
    assert max(likeness(banks, other) for other in others) < COPY - 15


@pytest.mark.parametrize("size", [(1, 1), (5, 4000), (4000, 3), (40, 40)])
def test_pictures_of_any_shape_have_hashes_or_none(banks: HashBanks, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    assert likeness(banks, Image.fromarray(noise)) < COPY


def test_a_flat_picture_is_no_copy_and_cannot_be_banked(banks: HashBanks) -> None:
    flat = Image.linear_gradient("L")
    assert likeness(banks, flat) == 0.0
    with pytest.raises(BankError, match="too flat"):
        bank_picture("known", flat, "for a test")


def test_parts_that_are_too_flat_have_no_hash() -> None:
    y, x = np.mgrid[:600, :600] - 300
    glow = 100 + 60 * np.exp(-(x**2 + y**2) / 7200)
    assert tiled_hash(Image.fromarray(glow.astype(np.uint8))).tiles == ()
    assert {tile[0].quality >= MIN_QUALITY for tile in tiled_hash(photograph("astronaut")).tiles} == {True}


def test_the_products_test_pattern_is_in_the_packaged_bank() -> None:
    pattern = Image.fromarray(draw_pattern(400).astype(np.uint8))
    banks = HashBanks(packaged())
    assert likeness(banks, squeezed(pattern), "test_pattern") >= COPY
    assert max(likeness(banks, photograph(name), "test_pattern") for name in NAMES) < COPY - 15


def test_each_view_is_compared_with_each_bank(banks: HashBanks) -> None:
    both = HashBanks([*packaged(), bank_picture("known", photograph("coffee"), "")])
    views = {"composite": photograph("camera"), "region": photograph("coffee")}
    scores = BankSource(both).measure(Evidence(views))
    assert {view: set(of) for view, of in scores.items()} == {v: {"known", "test_pattern"} for v in views}
    assert [scores[view]["known"] >= COPY for view in views] == [False, True]


def test_hash_lists_are_read_with_or_without_a_header_and_flat_ones_left_out() -> None:
    plain = read_hashes(f"{HASH}\n\n{HASH.upper()},more\n", "known", "why")
    assert plain == [Banked("known", (HASH,), "why")] * 2
    headed = f"hash,quality\n{HASH},100\n{'0' * 64},49\n"
    assert [entry.hashes for entry in read_hashes(headed, "known", "why")] == [(HASH,)]
    assert likeness(HashBanks(plain), photograph("astronaut").transpose(Image.Transpose.FLIP_LEFT_RIGHT)) >= COPY


@pytest.mark.parametrize("text", [f"{HASH}\nabc\n", f"hash,quality\n{HASH},high\n", f"hash,quality\n{HASH}\n"])
def test_a_broken_hash_list_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(BankError, match="This line"):
        read_hashes(text, "known", "why")


@pytest.mark.parametrize("name", ["", "Known", "a.b", "a b", "x" * 41])
def test_a_bank_has_a_name_that_rules_can_use(name: str) -> None:
    with pytest.raises(BankError, match="cannot be called"):
        read_hashes(HASH, name, "why")
