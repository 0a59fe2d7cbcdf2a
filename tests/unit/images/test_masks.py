"""One mask in any dress is one mask; one that cannot be meant is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from storage.box import Box
from storage.masks import check_inputs, read_mask
from storage.params import InpaintParams, MaskChannel
from storage.pictures import PictureError
from tests.unit.images.samples import Mask, encoded, noise, picture, rectangle, smooth

WIDTH, HEIGHT = 61, 47
IMAGE = encoded(smooth(WIDTH, HEIGHT))
WANTED = rectangle(WIDTH, HEIGHT, 5, 11, 30, 29) | rectangle(WIDTH, HEIGHT, 44, 3, 45, 40)
LEVELS = WANTED.astype(np.uint8) * 255


def mask_of(mask: bytes | None, image: bytes = IMAGE, **params: Any) -> Mask:
    return check_inputs(image, mask, InpaintParams(**params)).mask


def refused(mask: bytes | None, image: bytes = IMAGE, **params: Any) -> PictureError:
    with pytest.raises(PictureError) as caught:
        mask_of(mask, image, **params)
    return caught.value


def with_alpha(alpha: np.ndarray[Any, Any], colour: int = 0) -> Image.Image:
    image = Image.new("RGBA", (WIDTH, HEIGHT), (colour, colour, colour, 0))
    image.putalpha(Image.fromarray(alpha))
    return image


GREY = Image.fromarray(LEVELS)
DRESSES = {
    "1": encoded(GREY.convert("1")),
    "L": encoded(GREY),
    "LA": encoded(GREY.convert("LA")),
    "P": encoded(GREY.convert("P")),
    "RGB": encoded(GREY.convert("RGB")),
    "RGBA": encoded(GREY.convert("RGBA")),
    "I;16": encoded(LEVELS.astype(np.uint16) * 257),
    "webp": encoded(GREY.convert("RGB"), "WEBP", lossless=True),
    "strokes in alpha": encoded(with_alpha(LEVELS)),
    "clear white": encoded(Image.merge("RGBA", (GREY, GREY, GREY, Image.new("L", GREY.size, 0)))),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_one_mask_in_every_mode(dress: str) -> None:
    assert np.array_equal(mask_of(DRESSES[dress]), WANTED)


@pytest.mark.parametrize("quality", [75, 85, 95])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_mask_has_the_box_of_its_png(quality: int, mode: str) -> None:
    assert Box.around(mask_of(encoded(GREY.convert(mode), "JPEG", quality=quality))) == Box.around(WANTED)


def test_the_transparent_part_of_the_image_is_the_mask_when_none_is_sent() -> None:
    cut_out = with_alpha(255 - LEVELS)
    inputs = check_inputs(encoded(cut_out), None, InpaintParams())
    assert np.array_equal(inputs.mask, WANTED)
    assert inputs.image.alpha is None


def test_the_alpha_of_the_image_stays_beside_a_sent_mask() -> None:
    alpha = noise(WIDTH, HEIGHT, channels=1)[..., 0]
    inputs = check_inputs(encoded(with_alpha(alpha)), encoded(GREY), InpaintParams())
    assert inputs.image.alpha is not None
    assert np.array_equal(inputs.image.alpha, alpha)
    assert np.array_equal(inputs.mask, WANTED)


def test_channel_and_inversion_are_obeyed() -> None:
    white_strokes_left = with_alpha(LEVELS, colour=255)
    data = encoded(white_strokes_left)
    assert np.array_equal(mask_of(data, mask_channel=MaskChannel.ALPHA), WANTED)
    assert mask_of(data, mask_channel=MaskChannel.LUMA).all()
    assert np.array_equal(mask_of(data, mask_channel=MaskChannel.ALPHA, mask_invert=True), ~WANTED)


@pytest.mark.parametrize(
    ("threshold", "from_level"), [(0.0, 1), (0.1, 26), (0.5, 128), (0.8, 204), (0.999, 255), (1.0, 255)]
)
def test_the_threshold_is_a_share_of_white_and_black_is_never_painted(threshold: float, from_level: int) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    mask = mask_of(encoded(ramp), encoded(smooth(256, 1)), mask_threshold=threshold)
    assert np.array_equal(mask, ramp >= from_level)


def test_exif_turns_the_mask_as_it_turns_the_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = encoded(smooth(HEIGHT, WIDTH)[:, ::-1], "JPEG", exif=exif)
    mask = encoded(np.rot90(LEVELS, 1), exif=exif)
    assert np.array_equal(mask_of(mask, image), WANTED)


def test_what_cannot_be_meant_is_refused() -> None:
    black = encoded(LEVELS * 0)
    assert (refused(None).code, refused(None).field) == ("mask_missing", "mask")
    assert refused(None, encoded(with_alpha(255 - LEVELS)), mask_channel="luma").code == "mask_missing"
    assert refused(None, encoded(with_alpha(LEVELS | 255))).code == "mask_empty"
    assert refused(black).code == "mask_empty"
    assert refused(encoded(255 - LEVELS * 0), mask_invert=True).code == "mask_empty"
    assert refused(encoded(GREY), mask_channel="alpha").code == "mask_alpha_missing"
    assert mask_of(black, mask_invert=True).all()


def test_a_mask_of_another_size_is_refused_with_both_sizes() -> None:
    error = refused(encoded(noise(HEIGHT, WIDTH)))
    assert error.code == "mask_size_mismatch"
    assert "47x61" in error.message
    assert "61x47" in error.message


def test_an_error_says_which_file_it_is_about() -> None:
    assert (refused(b"").field, refused(b"").code) == ("mask", "image_empty")
    assert (refused(encoded(GREY), b"").field, refused(encoded(GREY), b"").code) == ("image", "image_empty")
    assert refused(encoded(GREY), encoded(LEVELS.astype(np.uint16))).code == "image_mode_unsupported"


def test_a_job_without_a_mask_picture_reads_the_alpha_it_is_given() -> None:
    alpha = np.full((4, 6), 255, dtype=np.uint8)
    alpha[1, 2] = 0
    mask = read_mask(None, picture(noise(6, 4), alpha), InpaintParams())
    assert np.argwhere(mask).tolist() == [[1, 2]]
