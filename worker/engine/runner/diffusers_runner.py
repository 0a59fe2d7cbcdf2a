"""Runs the networks of a loaded diffusers model for the engine."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.devices import device_errors
from worker.engine.request import CELL, InpaintRequest, Pixels
from worker.engine.runner.latents import PictureCodec, as_tensor, latent_mask, with_content, without_hole
from worker.engine.runner.sampler import Sampler, make_scheduler
from worker.engine.runner.text import TextEncoder

if TYPE_CHECKING:
    from worker.models import LoadedModel


@dataclass(slots=True, eq=False)
class DiffusersTrajectory:
    """One request between noise and picture.

    On the device: `latents` float32 (1, 4, h/8, w/8); `condition` (1, 5, h/8, w/8), the mask and the masked picture;
    `embeds` (rows, tokens, width).
    """

    guidance_scale: float
    sampler: Sampler
    latents: torch.Tensor
    condition: torch.Tensor
    embeds: torch.Tensor
    dropped_text: dict[str, str]

    @property
    def rows(self) -> int:
        """2 with guidance, else 1."""
        return len(self.embeds)

    @property
    def group(self) -> Hashable:
        """Rows of one UNet call need one shape."""
        return (*self.latents.shape[2:], self.embeds.shape[1])

    @property
    def calls_left(self) -> int:
        """UNet calls until the latents are finished."""
        return self.sampler.calls_left

    def model_rows(self) -> torch.Tensor:
        """(rows, 9, h/8, w/8): latents, mask, masked picture, once for each half of the guidance."""
        row = torch.cat([self.sampler.model_input(self.latents), self.condition], dim=1)
        return row.expand(self.rows, -1, -1, -1)


class DiffusersRunner:
    """Makes each picture as StableDiffusionInpaintPipeline alone would, whoever shares its UNet calls.

    All randomness of a request comes from one CPU generator in the pipeline's order and in float32, so a seed draws
    the same noise on every device. Three defects of the pipeline are left out: see `latent_mask`,
    `PictureCodec.encode` and `TextEncoder`.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._unet = model.unet
        self._scheduler = model.scheduler
        self._device = model.device
        self._text = TextEncoder(model)
        self._codec = PictureCodec(model.vae)

    @torch.inference_mode()
    def begin(self, request: InpaintRequest) -> DiffusersTrajectory:
        """See Runner. Raises PromptTooLong, RequestUnsupported, OutOfMemory, DeviceLost."""
        with device_errors():
            text = self._text.encode(request)
            generator = torch.Generator("cpu").manual_seed(request.seed)
            sampler = Sampler(make_scheduler(request.scheduler, self._scheduler), request, generator)
            image = as_tensor(request.image)
            latents = self._first_latents(image, request, sampler, generator)
            masked = self._codec.encode(without_hole(image, request.mask), generator)
            condition = torch.cat([latent_mask(request.mask), masked], dim=1)
            place = self._device.torch_device
            return DiffusersTrajectory(
                request.guidance_scale, sampler, latents.to(place), condition.to(place), text.embeds, text.dropped_text
            )

    def _first_latents(
        self, image: torch.Tensor, request: InpaintRequest, sampler: Sampler, generator: torch.Generator
    ) -> torch.Tensor:
        encoded = self._codec.encode(image, generator) if request.strength < 1 else None
        height, width = (side // CELL for side in image.shape[2:])
        noise = torch.randn((1, self._codec.channels, height, width), generator=generator)
        if encoded is None:
            return sampler.start_from_noise(noise)
        content = with_content(encoded, latent_mask(request.mask), request.masked_content, generator)
        return sampler.start_from_image(content, noise)

    @torch.inference_mode()
    def predict(self, batch: Sequence[DiffusersTrajectory]) -> list[torch.Tensor]:
        """See Runner. Predictions are float32 (1, 4, h/8, w/8), guidance applied."""
        with device_errors():
            place = self._device.torch_device
            sample = torch.cat([trajectory.model_rows() for trajectory in batch]).to(self._device.dtype)
            levels = [trajectory.sampler.timestep for trajectory in batch for _ in range(trajectory.rows)]
            embeds = torch.cat([trajectory.embeds for trajectory in batch])
            output = self._unet(sample, torch.tensor(levels).to(place), embeds, return_dict=False)[0].float()
            halves = output.split([trajectory.rows for trajectory in batch])
            return [_guided(rows, trajectory.guidance_scale) for rows, trajectory in zip(halves, batch, strict=True)]

    @torch.inference_mode()
    def advance(self, trajectory: DiffusersTrajectory, prediction: torch.Tensor) -> None:
        """See Runner."""
        with device_errors():
            trajectory.latents = trajectory.sampler.step(prediction, trajectory.latents)

    @torch.inference_mode()
    def finish(self, batch: Sequence[DiffusersTrajectory]) -> list[Pixels]:
        """See Runner. Raises NumericalFailure, OutOfMemory, DeviceLost."""
        with device_errors():
            return self._codec.decode(torch.cat([trajectory.latents for trajectory in batch]))


def _guided(rows: torch.Tensor, scale: float) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598); a single row is its own prediction."""
    if len(rows) == 1:
        return rows
    unconditional, conditional = rows.chunk(2)
    return unconditional + scale * (conditional - unconditional)
