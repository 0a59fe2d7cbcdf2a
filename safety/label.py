"""The visible label: drawn into a result before it is marked, so that the watermark and the signature cover it."""

import math
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from safety.label_schema import Corner, Label

Box = tuple[int, int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_LEAST_PIXELS = 8
"""Lower letters cannot be read, however small the picture is."""
_PROBE = 200
_LEADING = 1.6


def draw_label(image: Image.Image, label: Label) -> tuple[Image.Image, Box]:
    """A copy of an RGB or RGBA picture with the label, opaque, and where it lies: (left, top, right, bottom).

    Capital letters are as high as the label asks, and 8 pixels at least; words that do not fit beside each other stand
    below each other.
    """
    high = max(math.ceil(label.share * min(image.size)), _LEAST_PIXELS)
    font = _font(label.font, high)
    padding = -(-high // 2)
    lines = _lines(label.text, font, image.width - 2 * padding)
    step = math.ceil(_LEADING * high)
    width = math.ceil(max(font.getlength(line) for line in lines)) + 2 * padding
    height = (len(lines) - 1) * step + high + 2 * padding
    box = _placed((min(width, image.width), min(height, image.height)), image.size, label.corner)
    labeled = image.copy()
    pen = ImageDraw.Draw(labeled)
    opaque = (255,) * (len(image.getbands()) - 3)
    pen.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(0, 0, 0, *opaque))
    for number, line in enumerate(lines):
        baseline = box[1] + padding + high + number * step
        pen.text((box[0] + padding, baseline), line, font=font, fill=(255, 255, 255, *opaque), anchor="ls")
    return labeled, box


@lru_cache(maxsize=16)
def _font(path: Path | None, high: int) -> Font:
    """The font at the size at which its capital letters are at least `high` pixels high."""
    _, top, _, bottom = _sized(path, _PROBE).getbbox("H")
    return _sized(path, math.ceil(high * _PROBE / (bottom - top)))


def _sized(path: Path | None, size: int) -> Font:
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


def _lines(text: str, font: Font, room: int) -> list[str]:
    """The text in lines of at most `room` pixels, broken between words where that is possible."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room:
            lines[-1] = longer
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _placed(size: tuple[int, int], within: tuple[int, int], corner: Corner) -> Box:
    left = 0 if corner in (Corner.TOP_LEFT, Corner.BOTTOM_LEFT) else within[0] - size[0]
    top = 0 if corner in (Corner.TOP_LEFT, Corner.TOP_RIGHT) else within[1] - size[1]
    return left, top, left + size[0], top + size[1]
