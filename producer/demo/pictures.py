"""The photographs and masks of the demonstration, as PNG files in memory. Nothing is downloaded."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from producer.demo.scenes import Mask, Scene
from producer.errors import ProducerError


class PhotographsMissing(ProducerError):
    """scikit-image, whose photographs are used, is not installed."""


def photograph(scene: Scene) -> Image.Image:
    """The scene's photograph, cropped and scaled to its size, RGB."""
    with Image.open(_folder() / scene.photo) as image:
        return ImageOps.fit(image.convert("RGB"), scene.size)


def drawn(mask: Mask, size: tuple[int, int]) -> Image.Image:
    """The mask in white on black, of `size` pixels, L."""
    picture = Image.new("L", size)
    draw = ImageDraw.Draw(picture)
    points = [(x * size[0], y * size[1]) for x, y in mask.points]
    if mask.kind == "brush":
        width = mask.width * min(size)
        draw.line(points, fill=255, width=round(width))
        for x, y in points:  # round ends and joints
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    elif mask.kind == "ellipse":
        draw.ellipse((*points[0], *points[1]), fill=255)
    else:
        draw.rectangle((*points[0], *points[1]), fill=255)
    return picture


def png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def _folder() -> Path:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise PhotographsMissing(
            "The demonstration needs the photographs of scikit-image: pip install 'inpaintd[demo]'."
        )
    return Path(spec.origin).parent / "data"
