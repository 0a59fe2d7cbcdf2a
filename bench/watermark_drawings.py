"""Pictures drawn by code for the watermark's benchmark: scenes in flat colors, pages of text, flat areas, noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from worker.pocket.scenes import draw_context, draw_scene

SIDE = 512
_WORDS = (
    "the small harbor of a quiet morning where boats lie still and someone counts ropes while gulls walk the wall "
    "under a pale sky that promises rain before noon and letters wait on the table for a name and a stamp"
)

Color = tuple[int, int, int]
Draw = Callable[[np.random.Generator], Image.Image]


def _color(rng: np.random.Generator) -> Color:
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue


def _shapes(rng: np.random.Generator) -> Image.Image:
    """Thirty flat shapes over one another, with hard edges."""
    image = Image.new("RGB", (SIDE, SIDE), _color(rng))
    draw = ImageDraw.Draw(image)
    for number in range(30):
        x, y = (int(v) for v in rng.integers(-40, SIDE, 2))
        box = (x, y, x + int(rng.integers(20, 200)), y + int(rng.integers(20, 200)))
        (draw.ellipse if number % 2 else draw.rectangle)(box, fill=_color(rng))
    return image


def _landscape(_: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), (135, 206, 235))
    draw = ImageDraw.Draw(image)
    draw.ellipse((380, 40, 460, 120), fill=(255, 221, 51))
    draw.polygon([(0, 330), (150, 150), (300, 330)], fill=(112, 128, 144))
    draw.polygon([(180, 330), (360, 190), (512, 330)], fill=(95, 108, 122))
    draw.rectangle((0, 330, SIDE, SIDE), fill=(60, 160, 70))
    draw.rectangle((80, 300, 220, 420), fill=(200, 80, 60))
    draw.polygon([(65, 300), (150, 230), (235, 300)], fill=(120, 50, 40))
    draw.rectangle((130, 350, 170, 420), fill=(80, 50, 30))
    return image


def _bars(_: np.random.Generator) -> Image.Image:
    """A chart on white."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    for number, height in enumerate((120, 260, 190, 330, 90, 280, 210)):
        left = 60 + number * 60
        draw.rectangle((left, 440 - height, left + 40, 440), fill=(46, 110, 180))
        draw.text((left + 4, 448), f"Q{number + 1}", fill="black", font=ImageFont.load_default(16))
    draw.line((50, 40, 50, 440, 490, 440), fill="black", width=2)
    return image


def _lines(_: np.random.Generator) -> Image.Image:
    """A technical drawing: thin black lines on white, nothing else."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    for radius in range(20, 250, 30):
        draw.ellipse((256 - radius, 256 - radius, 256 + radius, 256 + radius), outline="black")
    for x in range(6, SIDE, 50):
        draw.line((x, 0, SIDE - x, SIDE), fill="black")
    return image


def _cartoon(rng: np.random.Generator) -> Image.Image:
    """The pocket model's own kind of training scene, at full size."""
    return Image.fromarray(draw_scene(rng, draw_context(rng, SIDE)).picture)


def _page(paper: Color, ink: Color, size: int, rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), paper)
    draw = ImageDraw.Draw(image)
    for y in range(24, SIDE - size, round(size * 1.5)):
        line = " ".join(rng.choice(_WORDS.split(), 40))
        draw.text((24, y), line[: round(860 / size)], fill=ink, font=ImageFont.load_default(size))
    return image


def _poster(_: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), (18, 70, 130))
    draw = ImageDraw.Draw(image)
    for number, word in enumerate(("OPEN", "AIR", "NIGHT")):
        draw.text((40, 40 + 140 * number), word, fill=(255, 236, 200), font=ImageFont.load_default(120))
    return image


def _flat(color: Color, _: np.random.Generator) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), color)


def _ramp(start: Color, end: Color, _: np.random.Generator) -> Image.Image:
    share = np.linspace(0, 1, SIDE)[:, None, None]
    column = np.array(start) * (1 - share) + np.array(end) * share
    return _picture(np.broadcast_to(column, (SIDE, SIDE, 3)))


def _glow(_: np.random.Generator) -> Image.Image:
    y, x = np.mgrid[:SIDE, :SIDE]
    share = np.exp(-((x - 256) ** 2 + (y - 200) ** 2) / 30000)[..., None]
    return _picture(np.array([20, 20, 40]) + share * np.array([230, 190, 120]))


def _white_noise(rng: np.random.Generator) -> Image.Image:
    return _picture(rng.uniform(0, 255, (SIDE, SIDE, 3)))


def _grain(rng: np.random.Generator) -> Image.Image:
    return _picture(rng.normal(128, 18, (SIDE, SIDE, 1)).repeat(3, axis=2))


def _clouds(rng: np.random.Generator) -> Image.Image:
    """Noise whose amplitude falls with its frequency, as in photographs."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    spectrum = np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / np.maximum(frequency, 1 / SIDE)
    field = np.fft.ifft2(spectrum).real
    return _picture(128 + 50 * (field / field.std())[..., None].repeat(3, axis=2))


def _picture(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


DRAWINGS: dict[str, Draw] = {
    "shapes": _shapes,
    "landscape": _landscape,
    "bars": _bars,
    "lines": _lines,
    "cartoon one": _cartoon,
    "cartoon two": _cartoon,
}
PAGES: dict[str, Draw] = {
    "page, black on white": partial(_page, (255, 255, 255), (0, 0, 0), 14),
    "page, light on dark": partial(_page, (24, 26, 31), (210, 215, 220), 18),
    "page, brown on cream": partial(_page, (245, 236, 215), (90, 60, 30), 28),
    "poster": _poster,
}
FLATS: dict[str, Draw] = {
    "white": partial(_flat, (255, 255, 255)),
    "black": partial(_flat, (0, 0, 0)),
    "gray": partial(_flat, (128, 128, 128)),
    "red": partial(_flat, (220, 20, 30)),
    "sky": partial(_ramp, (40, 100, 190), (200, 225, 245)),
    "black to white": partial(_ramp, (0, 0, 0), (255, 255, 255)),
    "glow": _glow,
}
NOISES: dict[str, Draw] = {"white noise": _white_noise, "grain": _grain, "clouds": _clouds}
