"""Small pictures of what a sampler is heading for, at next to no cost."""

from __future__ import annotations

import itertools
import math
from typing import Any

import structlog
import torch

from worker.engine.request import CELL, Pixels, PreviewSink
from worker.engine.runner.sampler import Sampler

log = structlog.get_logger(__name__)

LONGEST_SIDE = 128
_SHADES = (0.0, 0.5, 1.0)
_FLAT = 8 * CELL  # wide enough that the middle cell sees no border


class PreviewMaker:
    """One pixel from each latent cell, by an affine map from its channels to RGB.

    The map is fitted once, by least squares, to what the model's own VAE makes of flat colours: it needs no table of
    numbers for each model, and no decoding.
    """

    @torch.inference_mode()
    def __init__(self, vae: Any) -> None:
        colors = torch.tensor(list(itertools.product(_SHADES, repeat=3)))
        flat = (colors * 2 - 1)[:, :, None, None].expand(-1, -1, _FLAT, _FLAT)
        means = vae.encode(flat.to(vae.device, vae.dtype)).latent_dist.mean.float().cpu()
        middle = means.shape[-1] // 2
        cells = float(vae.config.scaling_factor) * means[:, :, middle, middle]
        known = torch.cat([cells, torch.ones(len(cells), 1)], dim=1)
        self._map: torch.Tensor = torch.linalg.lstsq(known.double(), colors.double()).solution.float()

    def show(self, sink: PreviewSink, sampler: Sampler, prediction: torch.Tensor, latents: torch.Tensor) -> None:
        """Shows where `sampler` is heading before it takes the step that `prediction` is for, if `sink` wants it.

        Whatever goes wrong costs the preview only, but for errors of the device.
        """
        if not sink.wants(sampler.done + 1):
            return
        try:
            sink.show(self.pixels(sampler.estimate(prediction, latents)))
        except torch.AcceleratorError:
            raise
        except Exception:
            log.exception("preview_not_made")

    def pixels(self, latents: torch.Tensor) -> Pixels:
        """float32 (1, channels, h, w) to uint8 (h, w, 3); of larger ones every n-th cell, up to LONGEST_SIDE a side."""
        stride = math.ceil(max(latents.shape[2:]) / LONGEST_SIDE)
        cells = latents[0, :, ::stride, ::stride].permute(1, 2, 0)
        by_channel, constant = self._map.to(cells.device).split([cells.shape[2], 1])
        units = torch.nan_to_num(cells @ by_channel + constant).clamp(0, 1)
        made: Pixels = (units * 255).round().to(torch.uint8).cpu().numpy()
        return made
