"""Every file a caller may send: read rightly, or refused with a code."""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from storage.pictures import MAX_SCANS, MAX_SIDE, PictureError, open_picture
from tests.unit.images.samples import Pixels, encoded, noise, smooth

RGB = smooth(23, 17)
RGBA = np.dstack((RGB, noise(23, 17, channels=1)))
GREY16 = noise(23, 17, channels=1)[..., 0].astype(np.uint16) * 257
FRAMES = [Image.fromarray(noise(9, 9, seed)) for seed in (1, 2)]


def refused(data: bytes, **options: Any) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(data, **options)
    assert caught.value.message.endswith(".")
    return caught.value.code


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    data = encoded(RGB, "JPEG")
    size_at = data.index(b"\xff\xc0") + 5
    return data[:size_at] + struct.pack(">HH", height, width) + data[size_at + 4 :]


def with_srgb(image: Image.Image, kind: str) -> bytes:
    return encoded(image, kind, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_lossless_files_are_read_exactly(kind: str) -> None:
    picture = open_picture(encoded(RGBA, kind, lossless=True, exact=True))
    assert picture.alpha is not None
    assert (picture.width, picture.height, picture.content_type) == (23, 17, f"image/{kind.lower()}")
    assert np.array_equal(picture.rgb, RGB)
    assert np.array_equal(picture.alpha, RGBA[..., 3])


def test_a_jpeg_is_read_without_alpha() -> None:
    picture = open_picture(encoded(RGB, "JPEG", quality=95))
    assert (picture.content_type, picture.alpha) == ("image/jpeg", None)
    assert np.abs(picture.rgb.astype(int) - RGB).max() < 16


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_8_bit_mode_becomes_three_channels(mode: str) -> None:
    source = Image.fromarray(RGBA).convert(mode)
    picture = open_picture(encoded(source))
    assert picture.rgb.dtype == np.uint8
    assert np.array_equal(picture.rgb, np.asarray(source.convert("RGB")))
    assert (picture.alpha is not None) == source.has_transparency_data


def test_a_transparent_palette_entry_becomes_alpha() -> None:
    indexed = Image.fromarray((RGB[..., 0] > 90).astype(np.uint8)).convert("P")
    alpha = open_picture(encoded(indexed, transparency=1)).alpha
    assert alpha is not None
    assert np.array_equal(alpha == 0, RGB[..., 0] > 90)


def test_bad_files_are_refused_by_name() -> None:
    assert refused(b"") == "image_empty"
    assert refused(b"not a picture at all") == "image_type_unsupported"
    assert refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "image_type_unsupported"
    assert refused(encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG")) == "image_mode_unsupported"
    assert refused(encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:])) == "image_animated"
    assert refused(encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:])) == "image_animated"


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF", "PPM"])
def test_other_types_are_refused_with_the_accepted_ones_named(kind: str) -> None:
    with pytest.raises(PictureError, match="PNG, JPEG or WebP") as caught:
        open_picture(encoded(RGB, kind))
    assert caught.value.code == "image_type_unsupported"


@pytest.mark.parametrize("colour_type", [2, 4, 6])
def test_16_bit_colour_is_refused_as_image_and_as_mask(colour_type: int) -> None:
    data = bytearray(encoded(RGBA if colour_type == 6 else RGB))
    data[24:26] = bytes((16, colour_type))
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    assert refused(bytes(data)) == "image_mode_unsupported"
    assert refused(bytes(data), as_mask=True) == "image_mode_unsupported"


def test_16_bit_grey_is_a_mask_but_not_an_image() -> None:
    data = encoded(GREY16)
    assert refused(data) == "image_mode_unsupported"
    assert np.array_equal(open_picture(data, as_mask=True).rgb[..., 1], GREY16 // 257)


@pytest.mark.parametrize("size", [(10_000, 10_000), (40_000, 40_000), (MAX_SIDE + 1, 1), (1, MAX_SIDE + 1)])
@pytest.mark.parametrize("claiming", [png_header, jpeg_claiming])
@pytest.mark.parametrize("filtering", ["error", "ignore"])
def test_size_is_judged_from_the_header(filtering: Any, claiming: Any, size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(filtering)
        assert refused(claiming(*size)) == "image_too_large"


@pytest.mark.parametrize(("more", "is_taken"), [(5, True), (MAX_SCANS, False)])
def test_a_jpeg_whose_last_scan_comes_again_and_again(more: int, is_taken: bool) -> None:
    """Each is a few bytes, and a pass over all pixels."""
    data = encoded(RGB, "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    repeated = data[:-2] + scan * more + data[-2:]
    if is_taken:
        assert open_picture(repeated).width == RGB.shape[1]
    else:
        assert refused(repeated) == "image_corrupt"


def test_the_pixel_limit_is_inclusive_and_named() -> None:
    data = encoded(RGB)
    assert open_picture(data, max_pixels=23 * 17).width == 23
    with pytest.raises(PictureError, match=r"23x17 .* 390 pixels"):
        open_picture(data, max_pixels=23 * 17 - 1)


@pytest.mark.parametrize(
    ("data", "signature"),
    [
        (encoded(RGBA), 8),
        (encoded(RGB, "JPEG"), 3),
        (encoded(RGB, "JPEG", progressive=True), 3),
        (encoded(RGB, "WEBP"), 12),
        (encoded(RGBA, "WEBP", lossless=True), 12),
    ],
    ids=["png", "jpeg", "progressive", "webp", "webp-lossless"],
)
def test_a_file_cut_anywhere_is_truncated(data: bytes, signature: int) -> None:
    assert {refused(data[:length]) for length in range(signature, len(data))} == {"image_truncated"}


def test_damage_inside_a_whole_file_is_corruption() -> None:
    data = encoded(noise(64, 64))
    assert refused(data[:200] + bytes(40) + data[240:]) == "image_corrupt"
    header_cut_short = data[:11] + b"\x01" + data[12:]
    assert refused(header_cut_short) == "image_corrupt"


UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("as_mask", [False, True])
def test_exif_orientation_is_applied(orientation: int, kind: str, as_mask: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = open_picture(encoded(RGBA, kind, exif=exif, lossless=True, exact=True), as_mask=as_mask)
    assert picture.alpha is not None
    assert np.array_equal(np.dstack((picture.rgb, picture.alpha)), UPRIGHT[orientation](RGBA))


@pytest.mark.parametrize("exif", [b"Exif\x00\x00nonsense", b"Exif\x00\x00II*\x00\xff\xff\xff\xff"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_unreadable_exif_does_not_cost_the_photograph(kind: str, exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert open_picture(encoded(RGB, kind, exif=exif)).width == 23


def test_a_jpeg_of_several_pictures_is_its_first() -> None:
    data = encoded(Image.fromarray(RGB), "MPO", save_all=True, append_images=FRAMES)
    picture = open_picture(data)
    assert (picture.width, picture.content_type) == (23, "image/jpeg")


def test_only_rgb_profiles_are_kept() -> None:
    assert open_picture(with_srgb(Image.fromarray(RGB), "PNG")).icc is not None
    assert open_picture(with_srgb(Image.fromarray(RGB), "JPEG")).icc is not None
    assert open_picture(with_srgb(Image.fromarray(RGB).convert("L"), "PNG")).icc is None
    assert open_picture(encoded(RGB)).icc is None


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


SEEDS = [
    encoded(RGB),
    encoded(RGBA, exif=exif_of(7)),
    encoded(GREY16),
    encoded(Image.fromarray(RGB).convert("P"), transparency=3),
    encoded(Image.fromarray(RGB).convert("1")),
    encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]),
    with_srgb(Image.fromarray(RGB), "PNG"),
    encoded(RGB, "JPEG", exif=exif_of(6)),
    encoded(RGB, "JPEG", progressive=True),
    encoded(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
    encoded(Image.fromarray(RGB), "MPO", save_all=True, append_images=FRAMES),
    encoded(RGB, "WEBP", exif=exif_of(5)),
    encoded(RGBA, "WEBP", lossless=True),
    encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    # Headers decide more than pixels do, so half of the damage goes there.
    places = st.one_of(st.integers(0, min(120, len(data) - 1)), st.integers(0, len(data) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        data[place] = value
    start, stop = sorted((draw(places), draw(places)))
    edit = draw(st.sampled_from(["none", "remove", "repeat", "append"]))
    if edit == "remove":
        del data[start:stop]
    elif edit == "repeat":
        data[start:start] = data[start:stop]
    elif edit == "append":
        data += draw(st.binary(max_size=20))
    return bytes(data)


@settings(max_examples=300, deadline=None)
@given(mutated(), st.booleans())
def test_nothing_but_picture_errors_comes_out(data: bytes, as_mask: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = open_picture(data, as_mask=as_mask, max_pixels=1_000_000)
        except PictureError:
            return
    check_shape(picture.rgb, picture.alpha)


def check_shape(rgb: Pixels, alpha: Pixels | None) -> None:
    assert rgb.dtype == np.uint8
    assert rgb.shape[2] == 3
    assert alpha is None or (alpha.shape, alpha.dtype) == (rgb.shape[:2], rgb.dtype)
