"""What happens to pictures after they were handed out: each a pure function from an RGB picture to an RGB picture.

"Crop 33%" takes a third off the width and a third off the height, so that 45% of the area is left, and so on: the
harder of two readings.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Change = Callable[[Image.Image], Image.Image]
Floats = NDArray[np.float32]

_CORNERS = {"top left": (0.0, 0.0), "middle": (0.5, 0.5), "bottom right": (1.0, 1.0), "off the grid": (0.37, 0.71)}


@dataclass(frozen=True, slots=True)
class Attack:
    """`row` is its line in the table; several variants of it share one. `share`: of how many pictures the mark must be
    read, 0 to 1, None without a promise. `searched`: only a search through other geometries can find it."""

    row: str
    variant: str
    change: Change
    share: float | None
    searched: bool = False


def attacks() -> list[Attack]:
    """All of them, in the order of the table."""
    return [*_encodings(), *_sizes(), *_crops(), *_changed_pixels(), *_geometries(), *_screenshots()]


def jpeg(quality: int, image: Image.Image) -> Image.Image:
    """Saved as a JPEG (with 4:2:0 color below 90, as most programs do) and opened again."""
    return _stored(image, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)


def webp(quality: int, image: Image.Image) -> Image.Image:
    """Saved as a lossy WebP and opened again."""
    return _stored(image, "WEBP", quality=quality)


def scaled(factor: float, image: Image.Image) -> Image.Image:
    """Resized, both sides alike."""
    return stretched(factor, factor, image)


def stretched(wide: float, high: float, image: Image.Image) -> Image.Image:
    """Resized, each side by its own factor."""
    return image.resize((round(image.width * wide), round(image.height * high)), Image.Resampling.LANCZOS)


def there_and_back(factor: float, image: Image.Image) -> Image.Image:
    """Resized, and then to its old size again."""
    return scaled(factor, image).resize(image.size, Image.Resampling.BICUBIC)


def cropped(share: float, anchor: tuple[float, float], image: Image.Image) -> Image.Image:
    """Without `share` of its width and of its height; an anchor of (0, 0) keeps the top left corner."""
    width, height = round(image.width * (1 - share)), round(image.height * (1 - share))
    left, top = round((image.width - width) * anchor[0]), round((image.height - height) * anchor[1])
    return image.crop((left, top, left + width, top + height))


def noisy(sigma: float, image: Image.Image) -> Image.Image:
    """With normal noise on each channel."""
    rng = np.random.default_rng(1)
    return _image(_floats(image) + rng.normal(0, sigma, (image.height, image.width, 3)).astype(np.float32))


def blurred(radius: float, image: Image.Image) -> Image.Image:
    """Softened; the radius is the normal distribution's sigma in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def brighter(factor: float, image: Image.Image) -> Image.Image:
    """Every value times `factor`."""
    return ImageEnhance.Brightness(image).enhance(factor)


def contrasted(factor: float, image: Image.Image) -> Image.Image:
    """Every value's distance to the mean times `factor`."""
    return ImageEnhance.Contrast(image).enhance(factor)


def repainted(share: float, image: Image.Image) -> Image.Image:
    """A square in the middle that takes `share` of the area painted over with another picture."""
    width, height = round(image.width * share**0.5), round(image.height * share**0.5)
    tones = np.random.default_rng(2).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    patch = Image.fromarray(tones).resize((width, height), Image.Resampling.BICUBIC)
    out = image.copy()
    out.paste(patch, ((image.width - width) // 2, (image.height - height) // 2))
    return out


def turned(degrees: float, image: Image.Image) -> Image.Image:
    """Rotated about the middle, same size, the corners black."""
    return image.rotate(degrees, Image.Resampling.BICUBIC)


def screenshot(scale: float, image: Image.Image) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """The picture as a browser shows it, scaled, in a page around it, and the box that it takes there."""
    shown = scaled(scale, image)
    left, top = 213, 161
    page = Image.new("RGB", (shown.width + 700, shown.height + 300), (246, 247, 249))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 70), fill=(52, 58, 70))
    draw.rounded_rectangle((30, 12, page.width // 2, 58), 8, fill=(250, 250, 250))
    draw.text((44, 26), "https://pictures.example/album/17", fill=(60, 60, 60), font=ImageFont.load_default(16))
    draw.text((left, 110), "A picture somebody shared", fill=(20, 20, 20), font=ImageFont.load_default(24))
    for x in (20, left + shown.width + 20):
        for y in range(top, top + 300, 60):
            draw.rounded_rectangle((x, y, x + 170, y + 36), 6, fill=(220, 226, 235), outline=(150, 160, 175))
    page.paste(shown, (left, top))
    return page, (left, top, left + shown.width, top + shown.height)


def tight_screenshot(scale: float, image: Image.Image) -> Image.Image:
    """A screenshot of which two thirds of the picture's width and height are kept, and nothing else; JPEG 60."""
    page, box = screenshot(scale, image)
    return jpeg(60, cropped(1 / 3, _CORNERS["off the grid"], page.crop(box)))


def loose_screenshot(scale: float, image: Image.Image) -> Image.Image:
    """A screenshot of which two thirds of the page's width and height are kept: the picture less a strip at the left
    and at the top, and much of the page; JPEG 60."""
    page, _ = screenshot(scale, image)
    return jpeg(60, cropped(1 / 3, (0.6, 0.7), page))


def mean_residual(pairs: Sequence[tuple[Image.Image, Image.Image]]) -> Floats:
    """What marking adds on average, height x width x 3, from pairs of a picture before and after it.

    More than most who want to be rid of a mark have: they must guess the picture before.
    """
    return np.mean([_floats(after) - _floats(before) for before, after in pairs], axis=0, dtype=np.float32)


def without(residual: Floats, strength: float, image: Image.Image) -> Image.Image:
    """The picture less `strength` times a residual of its size."""
    return _image(_floats(image) - strength * residual)


def _encodings() -> Iterator[Attack]:
    for quality, share in ((95, 0.98), (90, 0.98), (80, 0.98), (70, 0.98), (60, 0.98), (50, 0.98), (30, 0.8)):
        yield Attack(f"JPEG {quality}", "", partial(jpeg, quality), share)
    yield Attack("JPEG 10", "", partial(jpeg, 10), None)
    yield Attack("WebP 80", "", partial(webp, 80), 0.98)


def _sizes() -> Iterator[Attack]:
    yield Attack("half size and back", "", partial(there_and_back, 0.5), 0.98)
    yield Attack("half size", "", partial(scaled, 0.5), 0.98)
    yield Attack("0.35 of its size", "", partial(scaled, 0.35), None)
    yield Attack("twice its size", "", partial(scaled, 2.0), None)


def _crops() -> Iterator[Attack]:
    for share, promised in ((0.1, 0.98), (0.33, 0.98), (0.5, 0.8)):
        for name, anchor in _CORNERS.items():
            yield Attack(f"crop {share:.0%}", name, partial(cropped, share, anchor), promised)


def _changed_pixels() -> Iterator[Attack]:
    yield Attack("noise 10", "", partial(noisy, 10.0), 0.98)
    yield Attack("blur 1", "", partial(blurred, 1.0), 0.98)
    yield Attack("brightness +-20%", "darker", partial(brighter, 0.8), 0.98)
    yield Attack("brightness +-20%", "brighter", partial(brighter, 1.2), 0.98)
    yield Attack("contrast +-20%", "less", partial(contrasted, 0.8), None)
    yield Attack("contrast +-20%", "more", partial(contrasted, 1.2), None)
    yield Attack("a quarter repainted", "", partial(repainted, 0.25), None)


def _geometries() -> Iterator[Attack]:
    yield Attack("flip", "", ImageOps.mirror, 0.9, searched=True)
    for degrees in (1.0, -2.0, 3.0, -4.0, 5.0):
        yield Attack("rotation 1..5 degrees", f"{degrees:+g}", partial(turned, degrees), 0.9, searched=True)
    for wide, high in ((1.05, 1.0), (0.95, 1.0), (1.0, 1.05), (1.0, 0.95)):
        yield Attack("aspect +-5%", f"{wide:g} x {high:g}", partial(stretched, wide, high), 0.9, searched=True)


def _screenshots() -> Iterator[Attack]:
    for scale in (0.8, 1.0, 1.1, 1.3):
        yield Attack(
            "screenshot, a third of it cut, JPEG 60", f"{scale:g}", partial(tight_screenshot, scale), None, True
        )
        yield Attack("same, with interface left", f"{scale:g}", partial(loose_screenshot, scale), None, True)


def _stored(image: Image.Image, kind: str, **how: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return Image.open(buffer).convert("RGB")


def _floats(image: Image.Image) -> Floats:
    return np.asarray(image.convert("RGB"), dtype=np.float32)


def _image(values: Floats) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
