"""Pictures as each dialect's callers have them."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from tests.contract.api.serving import encoded

BOX = (10, 10, 30, 30)


def transparent_in(box: tuple[int, int, int, int] = BOX, size: tuple[int, int] = (96, 64)) -> bytes:
    """A mask as OpenAI's callers make it: what is to be edited is cut out."""
    picture = Image.new("RGBA", size, (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), box)
    return encoded(picture)


def opened(data: bytes) -> Image.Image:
    """The picture in a file."""
    return Image.open(BytesIO(data))
