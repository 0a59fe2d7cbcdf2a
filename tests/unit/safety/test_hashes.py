"""PDQ must be everybody's PDQ: hash lists of others are compared with it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from safety.hashes import MAX_DISTANCE, MIN_QUALITY, dihedral, distance, pdq

# What pdqhash 0.2.8, the binding of Meta's own implementation, gives for these pictures of scikit-image 0.26.
REFERENCE = {
    "astronaut": ("2d6b1af3a956c529e79ca3d2526fa834d4196c81cedd04de0a26b855fc99b724", 100),
    "coffee": ("8c629e779a663698b9a33866c026726c21a679f61eb6e1f8c79ba7e23c8299e0", 100),
    "camera": ("dc9c9d3b746978f888f40ce6e5c3f70f7266623e8d989cb99f21f2010841e1c7", 100),
    "page": ("965b26d62ed3636b192ccdddcc91d88c3925812979849815e37b1cce4732a6fb", 100),
    "moon": ("131645cde366d981e1e371b264d8b25b9e4d13771d8c4f366d946ca57133d0c9", 83),
    "clock": ("26cc3ccc933373334c34d778acc94cccb326f3394c932666934cd99d25337674", 34),
}
FLIPS = (
    lambda i: i,
    lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    lambda i: i.transpose(Image.Transpose.ROTATE_180),
)
DIHEDRAL = (*FLIPS, *(lambda i, f=f: f(i.transpose(Image.Transpose.TRANSPOSE)) for f in FLIPS))


def photograph(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)())


@pytest.mark.parametrize("name", REFERENCE)
def test_it_is_the_hash_that_everybody_else_computes(name: str) -> None:
    found, (hex_digits, quality) = pdq(photograph(name)), REFERENCE[name]
    assert distance(found.hex, hex_digits) <= 4  # rounding in another order may turn a bit or two over
    assert found.quality == quality


@given(st.integers(0, 2**32 - 1))
def test_the_eight_hashes_are_those_of_the_flipped_and_turned_pictures(seed: int) -> None:
    # At 64x64 nothing is resampled, so that the law holds exactly, but for ties in rounding.
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64), dtype=np.uint8))
    for turn, expected in zip(DIHEDRAL, dihedral(picture), strict=True):
        assert distance(pdq(turn(picture)).hex, expected.hex) <= 2


def test_a_flipped_or_turned_photograph_is_found_by_the_hashes_of_the_upright_one() -> None:
    picture = photograph("coffee")
    known = dihedral(picture)
    for turn, expected in zip(DIHEDRAL, known, strict=True):
        assert distance(pdq(turn(picture)).hex, expected.hex) <= MAX_DISTANCE
    assert distance(known[0].hex, known[1].hex) > MAX_DISTANCE


def test_small_and_squeezed_copies_match_and_other_pictures_do_not() -> None:
    original, other = pdq(photograph("astronaut")), pdq(photograph("coffee"))
    small = photograph("astronaut").resize((200, 200))
    with io.BytesIO() as squeezed:
        small.save(squeezed, "JPEG", quality=40)
        copy = pdq(Image.open(squeezed))
    assert distance(original.hex, copy.hex) <= MAX_DISTANCE
    assert distance(original.hex, other.hex) > 90


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "P", "CMYK", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (65, 63)])
def test_any_mode_and_any_size_has_a_hash(mode: str, size: tuple[int, int]) -> None:
    found = pdq(Image.new(mode, size))
    assert len(found.hex) == 64
    assert found.quality == 0


def test_a_flat_picture_says_that_it_is_too_flat_to_tell() -> None:
    gentle = Image.linear_gradient("L").resize((512, 512))
    assert pdq(gentle).quality < MIN_QUALITY


def test_what_is_no_hash_is_not_compared() -> None:
    with pytest.raises(ValueError, match="64 hexadecimal"):
        distance("ff", "00")
    with pytest.raises(ValueError, match="base 16"):
        distance("z" * 64, "0" * 64)
