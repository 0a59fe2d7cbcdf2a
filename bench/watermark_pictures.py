"""The pictures that the watermark is judged on: 59 of 512 x 512, grouped by kind, the same in every run.

Photographs are those that scikit-image and matplotlib carry inside their packages. SciPy has none left that needs no
download.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import matplotlib.cbook
import numpy as np
import skimage.data
from PIL import Image, ImageOps

from bench.watermark_drawings import DRAWINGS, FLATS, NOISES, PAGES

SIDE = 512

Box = tuple[float, float, float, float]

_WHOLE: Box = (0, 0, 1, 1)
_PHOTOGRAPHS: dict[str, tuple[str, Box]] = {
    "astronaut": ("astronaut", _WHOLE),
    "astronaut's face": ("astronaut", (0.25, 0.0, 0.7, 0.45)),
    "coffee": ("coffee", _WHOLE),
    "coffee, table": ("coffee", (0.0, 0.3, 0.5, 1.0)),
    "cat": ("chelsea", _WHOLE),
    "rocket": ("rocket", _WHOLE),
    "rocket, tower": ("rocket", (0.4, 0.1, 0.75, 0.6)),
    "galaxies": ("hubble_deep_field", _WHOLE),
    "galaxies, corner": ("hubble_deep_field", (0.5, 0.5, 1.0, 1.0)),
    "retina": ("retina", _WHOLE),
    "tissue": ("immunohistochemistry", _WHOLE),
    "motorcycle": ("stereo_motorcycle", (0.0, 0.0, 0.7, 1.0)),
    "motorcycle, wheel": ("stereo_motorcycle", (0.5, 0.4, 0.95, 1.0)),
    "camera": ("camera", _WHOLE),
    "coins": ("coins", _WHOLE),
    "moon": ("moon", _WHOLE),
    "clock": ("clock", _WHOLE),
}
"""Name, and what is taken: a function of `skimage.data` and the shares of its picture between which it is cut."""
_TEXTURES = ("brick", "grass", "gravel")
_SHADED = ("astronaut", "coffee", "cat", "motorcycle", "camera")
_SCANS = ("page", "text")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture, RGB, 512 x 512."""

    name: str
    kind: str
    image: Image.Image


def samples(pocket: bool = True) -> list[Sample]:
    """All of them; without the six results of the pocket model, which take some seconds to paint, if not `pocket`."""
    made = [*_photographs(), *_textures(), *_shaded(), *_drawn()]
    if pocket:
        # Here, so that tuning without them does not wait for torch to load.
        from bench.watermark_pocket import painted

        made += [Sample(name, "pocket", image) for name, image in painted(photograph)]
    return made


def spread(made: list[Sample], number: int) -> list[Sample]:
    """`number` of them, at even distances, so that every kind is among them."""
    return [made[k * len(made) // number] for k in range(min(number, len(made)))]


def photograph(name: str) -> Image.Image:
    """A photograph by the name it has here."""
    source, (left, top, right, bottom) = _PHOTOGRAPHS[name]
    whole = _load(source)
    width, height = whole.size
    return _fit(whole.crop((int(left * width), int(top * height), int(right * width), int(bottom * height))))


def _load(source: str) -> Image.Image:
    found = getattr(skimage.data, source)()
    return Image.fromarray(found[0] if isinstance(found, tuple) else found).convert("RGB")


def _fit(image: Image.Image) -> Image.Image:
    return ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS)


def _photographs() -> Iterator[Sample]:
    for name in _PHOTOGRAPHS:
        yield Sample(name, "photograph", photograph(name))
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        yield Sample("portrait", "photograph", _fit(Image.open(file)))


def _textures() -> Iterator[Sample]:
    for name in _TEXTURES:
        yield Sample(name, "texture", _fit(_load(name)))


def _shaded() -> Iterator[Sample]:
    """As underexposed as a night, and as washed out as fog: a fifth of the range at either end."""
    for name in _SHADED:
        yield Sample(f"{name}, dark", "dark", photograph(name).point([round(v * 0.2) for v in range(256)] * 3))
        yield Sample(
            f"{name}, bright", "bright", photograph(name).point([round(204 + v * 0.2) for v in range(256)] * 3)
        )


def _drawn() -> Iterator[Sample]:
    groups: dict[str, dict[str, Callable[[np.random.Generator], Image.Image]]] = {
        "drawing": DRAWINGS,
        "text": PAGES,
        "flat": FLATS,
        "noise": NOISES,
    }
    for number, (kind, group) in enumerate(groups.items()):
        for place, (name, draw) in enumerate(group.items()):
            yield Sample(name, kind, draw(np.random.default_rng((number, place))))
    for name in _SCANS:
        yield Sample(f"{name}, scanned", "text", _fit(_load(name)))
