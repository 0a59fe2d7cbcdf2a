"""A law: facts judge a pair of pictures exactly as the pictures themselves are judged."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from storage.masks import check_inputs
from storage.params import InpaintParams, MaskChannel
from storage.picture_facts import PictureFacts, check_facts
from storage.pictures import PictureError, open_picture
from tests.unit.images.samples import encoded

CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
# Few levels, so that pictures of one level, and masks on the edge of a threshold, come up often.
LEVELS = st.sampled_from([0, 1, 127, 128, 254, 255])


@st.composite
def files(draw: st.DrawFn, sizes: st.SearchStrategy[tuple[int, int]]) -> bytes:
    mode, (height, width) = draw(st.sampled_from(sorted(CHANNELS))), draw(sizes)
    shape = (height, width, CHANNELS[mode])
    pixels = draw(arrays.arrays(np.uint8, shape, elements=LEVELS))
    return encoded(Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode))


SIZES = st.sampled_from([(1, 1), (2, 2), (2, 3)])
PARAMS = st.builds(
    InpaintParams,
    mask_channel=st.sampled_from(MaskChannel),
    mask_threshold=st.sampled_from([0.0, 0.5, 1.0]),
    mask_invert=st.booleans(),
)


def code_of(image: bytes, mask: bytes | None, params: InpaintParams) -> tuple[str, str] | None:
    try:
        check_inputs(image, mask, params)
    except PictureError as error:
        return error.code, error.message
    return None


@given(image=files(SIZES), mask=st.none() | files(SIZES), params=PARAMS)
def test_facts_say_what_pixels_say(image: bytes, mask: bytes | None, params: InpaintParams) -> None:
    facts = PictureFacts.of(open_picture(image))
    of_mask = None if mask is None else PictureFacts.of(open_picture(mask, as_mask=True))
    try:
        check_facts(facts, of_mask, params)
        found = None
    except PictureError as error:
        found = (error.code, error.message)
    assert found == code_of(image, mask, params)
