"""Requests for the engine's benchmarks: one picture, one box to repaint, and whatever steps and guidance are asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image

from storage.params import LongPrompt, SchedulerName
from worker.engine.request import CELL, InpaintRequest, Mask, Pixels

GUIDANCE, NO_GUIDANCE = 7.5, 1.0
OUR_LEVEL, USUAL_LEVEL = 1, 6
"""Of PNG files: worker.images.encode's, and Pillow's own."""


def paint_request(
    number: int, side: int, steps: int, guided: bool, on_step: Callable[[int, int], None] | None = None
) -> InpaintRequest:
    """Request `number`, `side` pixels wide and high, with a seed and a prompt of its own."""
    return InpaintRequest(
        id=str(number),
        image=_image(side),
        mask=_mask(side),
        prompt=f"a red circle {number}",
        negative_prompt="",
        long_prompt=LongPrompt.CHUNK,
        steps=steps,
        strength=1.0,
        guidance_scale=GUIDANCE if guided else NO_GUIDANCE,
        scheduler=SchedulerName.DEFAULT,
        eta=0.0,
        clip_skip=0,
        seed=number,
        on_step=on_step,
    )


def as_png(picture: Pixels, level: int) -> bytes:
    """A file at zlib's `level`."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


@cache
def _image(side: int) -> Pixels:
    return np.random.default_rng(0).integers(60, 200, (side, side, 3), dtype=np.uint8)


@cache
def _mask(side: int) -> Mask:
    """Half the width and height, on whole cells, so that diffusers' way of shrinking a mask finds the same one."""
    mask = np.zeros((side, side), bool)
    edge = side // 4 // CELL * CELL
    mask[edge : side - edge, edge : side - edge] = True
    return mask
