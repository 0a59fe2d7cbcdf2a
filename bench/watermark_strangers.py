"""Pictures in which no mark of ours may be found: unmarked ones, and ones that carry somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

from bench.watermark_attacks import brighter, cropped, jpeg, scaled
from bench.watermark_pictures import Sample
from bench.watermark_schemes import Ours
from safety.mark_keys import MarkKeys

_OTHER_KEYS = MarkKeys.from_secret("the secret of another deployment")


def strangers(made: list[Sample], number: int) -> Iterator[Image.Image]:
    """`number` pictures, by turns unmarked and marked with other keys, each cropped, scaled and saved its own way."""
    theirs = Ours(_OTHER_KEYS)
    grounds = [image for k, one in enumerate(made) for image in (one.image, theirs.embed(one.image, k)[0])]
    for k in range(number):
        yield _handled(grounds[k % len(grounds)], np.random.default_rng(k))


def _handled(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    image = cropped(rng.uniform(0, 0.4), (rng.random(), rng.random()), image)
    image = brighter(rng.uniform(0.8, 1.2), scaled(rng.uniform(0.6, 1.4), image))
    return jpeg(int(rng.integers(50, 96)), ImageOps.mirror(image) if rng.random() < 0.3 else image)
