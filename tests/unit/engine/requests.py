"""Requests for tests: a noise picture with a rectangle of whole latent cells to repaint."""

from typing import Any

import numpy as np

from storage.params import LongPrompt, SchedulerName
from worker.engine.request import InpaintRequest


def noise_image(seed: int, height: int = 64, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def cell_mask(height: int = 64, width: int = 64) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[16:48, 8:40] = True
    return mask


def request(name: str, **changes: Any) -> InpaintRequest:
    values: dict[str, Any] = {
        "id": name,
        "image": noise_image(1),
        "mask": cell_mask(),
        "prompt": "a red ball",
        "negative_prompt": "blurry",
        "long_prompt": LongPrompt.CHUNK,
        "steps": 4,
        "strength": 1.0,
        "guidance_scale": 7.5,
        "scheduler": SchedulerName.DDIM,
        "eta": 0.0,
        "clip_skip": 0,
        "seed": 0,
    }
    return InpaintRequest(**{**values, **changes})
