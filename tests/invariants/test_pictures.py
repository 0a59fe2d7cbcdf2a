"""Pictures of every kind reach the model as three channels, upright, and are refused by their header: 12, 13, 26."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageFile

from storage.pictures import PictureError
from tests.invariants.road import constant, edit, painted_by, pixels, white_box
from tests.unit.images import samples
from tests.unit.images.samples import encoded
from tests.unit.images.test_open_picture import UPRIGHT, jpeg_claiming, png_header
from worker.models import LoadedModel

WIDTH, HEIGHT = 90, 70
RGBA = np.dstack((samples.smooth(WIDTH, HEIGHT), samples.noise(WIDTH, HEIGHT, channels=1)))
MASK = white_box(WIDTH, HEIGHT, 20, 15, 60, 50)


def photo(mode: str) -> bytes:
    return encoded(Image.fromarray(RGBA).convert(mode))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_the_vae_sees_three_channels_of_every_mode_and_alpha_comes_back(model: LoadedModel, mode: str) -> None:
    channels: list[int] = []
    hook = model.vae.encoder.register_forward_pre_hook(lambda _, arguments: channels.append(arguments[0].shape[1]))
    made = edit(photo(mode), MASK, painted_by(model), steps=1, strength=0.9)
    hook.remove()
    assert channels == [3, 3]
    source = Image.fromarray(RGBA).convert(mode)
    assert made.image.mode == ("RGBA" if source.has_transparency_data else "RGB")
    if made.image.mode == "RGBA":
        assert np.array_equal(pixels(made)[..., 3], np.asarray(source.convert("RGBA"))[..., 3])


@pytest.mark.parametrize(
    "data",
    [
        encoded(samples.noise(90, 70, channels=1)[..., 0].astype(np.uint16)),
        encoded(Image.fromarray(RGBA).convert("CMYK"), "JPEG"),
    ],
)
def test_what_cannot_become_three_channels_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        edit(data, MASK, constant(0))
    assert caught.value.code == "image_mode_unsupported"


def turned(upright: np.ndarray, orientation: int) -> bytes:
    """A file that is stored the way this orientation says, and so looks like `upright`."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    inverse = UPRIGHT[{6: 8, 8: 6}.get(orientation, orientation)]
    return encoded(np.ascontiguousarray(inverse(upright)), exif=exif)


@pytest.mark.parametrize(("image", "mask"), list(product(range(1, 9), repeat=2)))
def test_all_orientations_of_image_and_mask_are_one_job(image: int, mask: int) -> None:
    rgb = samples.noise(WIDTH, HEIGHT)
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    drawn[10:30, 40:85] = 255
    drawn[30:60, 40:50] = 255
    params = {"blend": "hard", "area": "masked"}
    plain = edit(encoded(rgb), encoded(drawn), constant(7), **params)
    stored = np.repeat(drawn[..., None], 3, axis=2)
    made = edit(turned(rgb, image), turned(stored, mask), constant(7), **params)
    assert np.array_equal(pixels(made), pixels(plain))
    assert np.array_equal(made.support, drawn > 0)


@pytest.mark.parametrize("data", [png_header(20_000, 20_000), jpeg_claiming(16_000, 16_000)])
@pytest.mark.parametrize("as_mask", [False, True])
def test_the_cap_is_judged_from_the_header_and_nothing_is_decoded(
    monkeypatch: pytest.MonkeyPatch, data: bytes, as_mask: bool
) -> None:
    rgb = encoded(samples.noise(64, 64))
    image, mask = (rgb, data) if as_mask else (data, MASK)
    loads: list[tuple[int, int]] = []
    real = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: (loads.append(self.size), real(self))[1])
    with pytest.raises(PictureError) as caught:
        edit(image, mask, constant(0))
    assert (caught.value.code, caught.value.field) == ("image_too_large", "mask" if as_mask else "image")
    assert all(max(size) <= 64 for size in loads)
