"""The fixed pool of training examples: drawn once, encoded once, so that the denoiser never waits for either."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from worker.pocket.scenes import NATIVE_SIZE, draw_context, draw_scene
from worker.pocket.twins import HALVES, one_core
from worker.pocket.vae import CELL, picture_tensor

CONTEXTS, ANSWERS, CHUNK = 6000, 4, 16
_ARRAYS, _CAPTIONS = ("pictures", "backgrounds", "masks"), "captions.json"


@dataclass(frozen=True)
class Pool:
    """Contexts, each with several right answers.

    pictures uint8 (contexts, answers, 128, 128, 3); backgrounds uint8 (contexts, 128, 128, 3); masks bool
    (contexts, 128, 128); captions in the order of pictures, contexts first.
    """

    pictures: NDArray[np.uint8]
    backgrounds: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    captions: list[str]

    def save(self, folder: Path) -> None:
        """Write the pool into a folder; the captions last, as the sign that it is whole."""
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name))
        (folder / _CAPTIONS).write_text(json.dumps(self.captions), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "Pool | None":
        """The pool saved there, or None."""
        if not (folder / _CAPTIONS).exists():
            return None
        pictures, backgrounds, masks = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS)
        return Pool(pictures, backgrounds, masks, json.loads((folder / _CAPTIONS).read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Latents:
    """The pool as the denoiser sees it, float32, latents scaled to unit spread.

    targets (contexts, answers, 4, 16, 16); grounds, the backgrounds, and masked, the same with the hole in mid grey,
    (contexts, 4, 16, 16); cells (contexts, 1, 16, 16), 1 = repaint.
    """

    targets: Tensor
    grounds: Tensor
    masked: Tensor
    cells: Tensor


def draw_pool(seed: int, contexts: int = CONTEXTS) -> Pool:
    """Draw the pool; the same seed gives the same bytes."""
    rng = np.random.default_rng(seed)
    pictures = np.empty((contexts, ANSWERS, NATIVE_SIZE, NATIVE_SIZE, 3), dtype=np.uint8)
    backgrounds = np.empty((contexts, NATIVE_SIZE, NATIVE_SIZE, 3), dtype=np.uint8)
    masks = np.empty((contexts, NATIVE_SIZE, NATIVE_SIZE), dtype=bool)
    captions: list[str] = []
    for i in range(contexts):
        context = draw_context(rng)
        backgrounds[i], masks[i] = context.background.astype(np.uint8), context.mask.pixels
        for j in range(ANSWERS):
            scene = draw_scene(rng, context)
            pictures[i, j] = scene.picture
            captions.append(scene.caption)
    return Pool(pictures, backgrounds, masks, captions)


def encode_pool(vae: AutoencoderKL, pool: Pool) -> Latents:
    """Encode all of it, with the posterior's mean."""
    rows = [slice(start, start + CHUNK) for start in range(0, len(pool.masks), CHUNK)]
    with ThreadPoolExecutor(HALVES, initializer=one_core) as threads:
        parts = list(threads.map(lambda chunk: _encode_rows(vae, pool, chunk), rows))
    return Latents(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.no_grad()
def _encode_rows(vae: AutoencoderKL, pool: Pool, rows: slice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    holes = torch.from_numpy(np.array(pool.masks[rows])).float()[:, None]
    grounds = picture_tensor(pool.backgrounds[rows])
    targets = [_encode(vae, picture_tensor(pool.pictures[rows, answer])) for answer in range(ANSWERS)]
    masked = _encode(vae, grounds * (holes < 0.5))
    return torch.stack(targets, dim=1), _encode(vae, grounds), masked, max_pool2d(holes, CELL)


def _encode(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    encoded = vae.encode(pictures.contiguous(memory_format=torch.channels_last)).latent_dist.mean
    return encoded.contiguous() * float(vae.config.scaling_factor)
