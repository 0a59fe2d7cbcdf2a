"""Results of the pocket model for the watermark's benchmark: photographs with a hole that it painted in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from bench.pocket_quality import Task, inpaint, load_pipeline
from worker.pocket.export import MODEL_FOLDER
from worker.pocket.masks import box_mask
from worker.pocket.scenes import NATIVE_SIZE

SIDE = 512
_STEPS, _GUIDANCE = 12, 7.5
_WISHES = (
    ("coffee", "a blue heart", (96, 96, 352, 352)),
    ("cat", "a purple ring", (224, 32, 448, 256)),
    ("rocket", "a yellow star", (32, 64, 288, 320)),
    ("motorcycle", "a red circle", (128, 128, 512, 512)),
    ("coins", "a green square", (64, 200, 320, 456)),
    ("moon", "an orange diamond", (160, 160, 448, 448)),
)
"""Photograph, prompt, hole in pixels."""


def painted(photograph: Callable[[str], Image.Image]) -> Iterator[tuple[str, Image.Image]]:
    """A name and a picture of 512 x 512 for each: what the model painted at 128, enlarged, in a photograph's hole."""
    grounds = [photograph(name) for name, _, _ in _WISHES]
    small = [np.asarray(one.resize((NATIVE_SIZE, NATIVE_SIZE), Image.Resampling.LANCZOS)) for one in grounds]
    tasks = [
        Task(prompt, before, box_mask(NATIVE_SIZE, (box[0] // 4, box[1] // 4, box[2] // 4, box[3] // 4)), 7 + number)
        for number, ((_, prompt, box), before) in enumerate(zip(_WISHES, small, strict=True))
    ]
    drawn = inpaint(load_pipeline(MODEL_FOLDER), tasks, _STEPS, _GUIDANCE)
    for (name, prompt, box), ground, result in zip(_WISHES, grounds, drawn, strict=True):
        ground.paste(Image.fromarray(result).resize((SIDE, SIDE), Image.Resampling.BICUBIC).crop(box), box[:2])
        yield f"{prompt} on {name}", ground
