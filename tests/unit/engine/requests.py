"""Requests for tests: a noise picture with a rectangle of whole latent cells to repaint."""

import random
from collections.abc import Sequence
from itertools import product
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


def mixed_requests(order: random.Random, steps: Sequence[int]) -> list[InpaintRequest]:
    """Every scheduler with and without guidance, some starting from the image, of different lengths."""
    requests = [
        request(
            f"{name}-{guidance}",
            scheduler=name,
            guidance_scale=guidance,
            steps=order.choice(steps),
            strength=order.choice([1.0, 0.6]),
            eta=order.choice([0.0, 0.7]),
            seed=order.randrange(2**32),
            image=noise_image(order.randrange(100)),
            prompt=order.choice(["", "a red ball", "green tree"]),
        )
        for name, guidance in product(SchedulerName, [1.0, 7.5])
    ]
    order.shuffle(requests)
    return requests
