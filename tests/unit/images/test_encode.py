"""Results as files: exact where the format allows it, and of the input's file only what is asked for."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from storage.params import OutputFormat, OutputParams
from storage.pictures import MAX_SIDE, open_picture
from tests.unit.images.samples import noise, picture, smooth
from worker.images.encode import encode

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
BARE = picture(noise(8, 8))


def test_png_holds_every_bit_also_below_transparency() -> None:
    rgba = noise(31, 19, channels=4)
    rgba[:5, :, 3] = 0
    read = np.asarray(Image.open(BytesIO(encode(Image.fromarray(rgba), OutputParams(), BARE))))
    assert np.array_equal(read, rgba)


@pytest.mark.parametrize("kind", list(OutputFormat))
@pytest.mark.parametrize("keep", [True, False])
def test_each_format_opens_again_and_keeps_the_profile_if_asked(kind: OutputFormat, keep: bool) -> None:
    rgb = smooth(64, 48)
    profiled = replace(BARE, icc=PROFILE)
    read = open_picture(encode(Image.fromarray(rgb), OutputParams(format=kind, keep_icc=keep), profiled))
    assert read.content_type == kind.content_type
    assert read.icc == (PROFILE if keep else None)
    assert np.abs(read.rgb.astype(int) - rgb).mean() < 3


@pytest.mark.parametrize("kind", [OutputFormat.WEBP, OutputFormat.JPEG])
def test_quality_is_obeyed(kind: OutputFormat) -> None:
    low, high = (encode(Image.fromarray(noise(64, 64)), OutputParams(format=kind, quality=q), BARE) for q in (20, 95))
    assert len(low) < len(high)


def test_webp_keeps_alpha_and_jpeg_lays_it_over_white() -> None:
    rgba = np.dstack((smooth(64, 48), np.zeros((48, 64), dtype=np.uint8)))
    rgba[:, :32, 3] = 255
    webp, jpeg = (
        open_picture(encode(Image.fromarray(rgba), OutputParams(format=kind), BARE))
        for kind in (OutputFormat.WEBP, OutputFormat.JPEG)
    )
    assert webp.alpha is not None
    assert np.array_equal(webp.alpha, rgba[..., 3])
    assert np.abs(webp.rgb.astype(int) - rgba[..., :3]).mean() < 3
    assert (jpeg.rgb[:, 40:] > 250).all()
    assert (jpeg.rgb[:, :24, 2] < 60).all()


@pytest.mark.parametrize("kind", list(OutputFormat))
def test_the_longest_side_that_is_read_can_be_written(kind: OutputFormat) -> None:
    data = encode(Image.fromarray(smooth(MAX_SIDE, 1)), OutputParams(format=kind), BARE)
    assert open_picture(data).width == MAX_SIDE
