"""Pictures to latents and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from storage.params import MaskedContent
from worker.engine.request import CELL, Mask, Pixels
from worker.errors import NumericalFailure


def as_tensor(image: Pixels) -> torch.Tensor:
    """uint8 (h, w, 3) to float32 (1, 3, h, w) in -1..1."""
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None] * 2 - 1


def without_hole(image: torch.Tensor, mask: Mask) -> torch.Tensor:
    """The picture with mid grey where it is to be repainted, so that nothing under the mask is seen."""
    return image * torch.from_numpy(~mask).to(image.dtype)


def latent_mask(mask: Mask) -> torch.Tensor:
    """bool (h, w) to float32 (1, 1, h/8, w/8): a cell is 1 when any of its 64 pixels is masked.

    diffusers samples one corner pixel of each cell instead, so strokes up to 7 pixels wide can vanish
    (leejet/stable-diffusion.cpp PR 1357 made the same change).
    """
    return torch.nn.functional.max_pool2d(torch.from_numpy(mask).float()[None, None], CELL)


def with_content(
    latents: torch.Tensor, hole: torch.Tensor, content: MaskedContent, generator: torch.Generator
) -> torch.Tensor:
    """The latents (1, channels, h/8, w/8) of a picture with what it is to start from in the cells where `hole` is 1.

    noise is of unit variance, blank is zero: "latent noise" and "latent nothing" of AUTOMATIC1111. For original and
    fill the picture itself has that content already.
    """
    if content is MaskedContent.NOISE:
        return torch.where(hole > 0, torch.randn(latents.shape, generator=generator), latents)
    return latents * (1 - hole) if content is MaskedContent.BLANK else latents


class PictureCodec:
    """A VAE with its scaling factor. Latents outside are float32; only the networks run in half precision."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        self._scale = float(vae.config.scaling_factor)

    @property
    def channels(self) -> int:
        """Channels of a latent."""
        return int(self._vae.config.latent_channels)

    def encode(self, image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """float32 (1, 3, h, w) to float32 (1, channels, h/8, w/8) on the VAE's device: a sample of the posterior.

        The sample is drawn from the request's own generator, so it is the same whoever shares the device, and the
        same as in a pipeline that makes one picture; a pipeline that makes several draws this one for all of them.
        """
        posterior = self._vae.encode(image.to(self._vae.device, self._vae.dtype)).latent_dist
        mean, std = posterior.mean.float(), posterior.std.float()
        sample: torch.Tensor = mean + std * torch.randn(mean.shape, generator=generator).to(mean.device)
        return self._scale * sample

    def decode(self, latents: torch.Tensor) -> list[Pixels]:
        """float32 (n, channels, h/8, w/8) to n times uint8 (h, w, 3). Raises NumericalFailure for NaN or infinity."""
        images = self._vae.decode((latents / self._scale).to(self._vae.dtype), return_dict=False)[0].float()
        finite = torch.stack([torch.isfinite(latents).all(), torch.isfinite(images).all()])
        units = (images / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1)
        pixels = (units * 255).round().to(torch.uint8)
        _require_finite(finite)  # not before the whole of the work is on its way: reading it waits for the device
        return list(pixels.cpu().numpy())


def _require_finite(finite: torch.Tensor) -> None:
    # NaN passes the safety checker, whose comparisons are all false then, and would come out as black.
    for name, fine in zip(("latents", "pixels"), finite.tolist(), strict=True):
        if not fine:
            raise NumericalFailure(
                f"the model produced NaN or infinite {name}: try another seed or a lower guidance_scale"
            )
