"""From the form of the try page to an Order, by way of what reads forms for the native interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

from PIL import Image, ImageDraw

from producer.api.forms import Part
from producer.api.orders import order_from_form
from producer.console.try_sample import sample
from producer.errors import Refusal
from producer.order import Order
from storage.job import Priority
from storage.pictures import PictureError, open_picture

BOX = ("box_left", "box_top", "box_width", "box_height")
"""A rectangle in percent of the picture's sides, for those who cannot, or will not, paint."""


def order_of(parts: Mapping[str, Part], user: str, max_pixels: int) -> Order:
    """The order in the form: without a picture the sample is taken, without a mask the box is drawn. Raises Refusal."""
    sent = {name: part for name, part in parts.items() if name not in BOX and part.data}
    image = sent.setdefault("image", Part("image", is_file=True, data=bytearray(sample())))
    box = [parts[name].text().strip() for name in BOX if name in parts]
    if "mask" not in sent and any(box):
        sent["mask"] = Part("mask", is_file=True, data=bytearray(_drawn(box, bytes(image.data), max_pixels)))
    return replace(order_from_form(sent), user=user, priority=Priority.INTERACTIVE)


def _drawn(box: list[str], image: bytes, max_pixels: int) -> bytes:
    left, top, width, height = _numbers(box)
    try:
        picture = open_picture(image, max_pixels=max_pixels)
    except PictureError as error:
        raise Refusal.of_field(error.field, error.code, error.message) from error
    mask = Image.new("L", (picture.width, picture.height))
    corners = [left * picture.width, top * picture.height]
    corners += [(left + width) * picture.width - 1, (top + height) * picture.height - 1]
    x0, y0, x1, y1 = (round(corner) for corner in corners)
    ImageDraw.Draw(mask).rectangle((x0, y0, max(x0, x1), max(y0, y1)), fill=255)
    file = BytesIO()
    mask.save(file, "PNG")
    return file.getvalue()


def _numbers(box: list[str]) -> list[float]:
    """The box in shares of the sides. Raises Refusal."""
    try:
        left, top, width, height = (float(text) / 100.0 for text in box)
    except ValueError:
        raise _refused("takes four numbers") from None
    if not (0 <= left < 1 and 0 <= top < 1 and 0 < width <= 1 and 0 < height <= 1):
        raise _refused("must begin inside the picture and be wider and higher than nothing")
    return [left, top, width, height]


def _refused(what: str) -> Refusal:
    return Refusal.of_field("box", "out_of_range", f"The box {what}, in percent of the picture's width and height.")
