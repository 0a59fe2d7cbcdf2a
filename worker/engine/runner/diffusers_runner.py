"""Runs the networks of a loaded diffusers model for the engine."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from worker.engine.devices import device_errors
from worker.engine.request import CELL, InpaintRequest, Pixels, PreviewSink
from worker.engine.runner.latents import PictureCodec, as_tensor, latent_mask, with_content, without_hole
from worker.engine.runner.networks import Networks, in_float32
from worker.engine.runner.preview import PreviewMaker
from worker.engine.runner.sampler import Sampler, make_scheduler
from worker.engine.runner.text import EncodedText
from worker.engine.runner.unet import UnetRows

if TYPE_CHECKING:
    from worker.models import LoadedModel


@dataclass(slots=True, eq=False)
class DiffusersTrajectory:
    """One request between noise and picture.

    On the device: `latents` float32 (1, 4, h/8, w/8); `condition` (1, 5, h/8, w/8), the mask and the masked picture;
    the rows of `text`.
    """

    networks: Networks
    guidance_scale: float
    sampler: Sampler
    latents: torch.Tensor
    condition: torch.Tensor
    text: EncodedText
    previews: PreviewSink | None = None

    @property
    def rows(self) -> int:
        """2 with guidance, else 1."""
        return len(self.text.embeds)

    @property
    def dropped_text(self) -> dict[str, str]:
        """See Trajectory."""
        return self.text.dropped_text

    @property
    def group(self) -> Hashable:
        """Rows of one UNet call need one UNet and one shape."""
        return (self.networks, *self.latents.shape[2:], self.text.embeds.shape[1])

    @property
    def work(self) -> float:
        """Rows x latent cells x weights, which is about what the arithmetic of a UNet call grows with."""
        height, width = self.latents.shape[2:]
        return float(self.rows * height * width * self.networks.unet_weights)

    @property
    def precise(self) -> bool:
        """True in float32."""
        return not self.networks.device.half

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

    def __init__(
        self, model: LoadedModel, *, fixed_rows: int = 0, compiled: bool = False, previews: bool = False
    ) -> None:
        """With `fixed_rows` every UNet call has so many rows, and a picture's bits do not depend on its neighbours.

        With `previews`, requests that ask for previews get some.
        """
        self.device = model.device
        self.native_size = model.native_size
        self.fixed_rows = fixed_rows
        self._model = model
        self._previews = PreviewMaker(model.vae) if previews else None
        self._networks = Networks(model, fixed_rows=fixed_rows, compiled=compiled)
        self._float32: Callable[[], Networks | None] = lambda: None

    def padded(self, rows: int) -> int:
        """How many rows a UNet call for `rows` rows has."""
        return self._networks.padded(rows)

    @torch.inference_mode()
    def begin(self, request: InpaintRequest, precise: bool = False) -> DiffusersTrajectory:
        """See Runner. Raises PromptTooLong, RequestUnsupported, OutOfMemory, DeviceLost."""
        with device_errors():
            networks = self._in_float32() if precise else self._networks
            text = networks.text.encode(request)
            generator = torch.Generator("cpu").manual_seed(request.seed)
            sampler = Sampler(make_scheduler(request.scheduler, self._model.scheduler), request, generator)
            image = as_tensor(request.image)
            with networks.sending:
                latents = _first_latents(networks.codec, image, request, sampler, generator)
                masked = networks.codec.encode(without_hole(image, request.mask), generator)
                condition = torch.cat([latent_mask(request.mask).to(masked.device), masked], dim=1)
                latents = latents.to(masked.device)
            return DiffusersTrajectory(
                networks, request.guidance_scale, sampler, latents, condition, text, request.previews
            )

    def _in_float32(self) -> Networks:
        """Made when a picture needs it; gone with the last picture that does, for it is as large as two models."""
        found = self._float32()
        if found is None:
            found = Networks(in_float32(self._model), fixed_rows=self.fixed_rows)
            self._float32 = weakref.ref(found)
        return found

    @torch.inference_mode()
    def try_call(self, batch: Sequence[DiffusersTrajectory]) -> None:
        """A UNet call for its memory alone. Raises OutOfMemory, DeviceLost."""
        with device_errors():
            batch[0].networks.plain(_rows_of(batch))

    @torch.inference_mode()
    def predict(self, batch: Sequence[DiffusersTrajectory]) -> list[torch.Tensor]:
        """See Runner. Predictions are float32 (1, 4, h/8, w/8), guidance applied."""
        with device_errors():
            output = batch[0].networks.unet(_rows_of(batch))
            halves = output.split([trajectory.rows for trajectory in batch])
            return [_guided(rows, trajectory.guidance_scale) for rows, trajectory in zip(halves, batch, strict=True)]

    @torch.inference_mode()
    def advance(self, trajectory: DiffusersTrajectory, prediction: torch.Tensor) -> None:
        """See Runner."""
        with device_errors():
            if self._previews is not None and trajectory.previews is not None:
                self._previews.show(trajectory.previews, trajectory.sampler, prediction, trajectory.latents)
            with trajectory.networks.sending:
                trajectory.latents = trajectory.sampler.step(prediction, trajectory.latents)

    @torch.inference_mode()
    def finish(self, batch: Sequence[DiffusersTrajectory]) -> list[Pixels]:
        """See Runner. Raises NumericalFailure, OutOfMemory, DeviceLost."""
        with device_errors():
            return batch[0].networks.codec.decode(torch.cat([trajectory.latents for trajectory in batch]))


def _first_latents(
    codec: PictureCodec, image: torch.Tensor, request: InpaintRequest, sampler: Sampler, generator: torch.Generator
) -> torch.Tensor:
    encoded = codec.encode(image, generator) if request.strength < 1 else None
    height, width = (side // CELL for side in image.shape[2:])
    noise = torch.randn((1, codec.channels, height, width), generator=generator)
    if encoded is None:
        return sampler.start_from_noise(noise)
    # Schedulers that add noise on the device would keep their tables there, and wait for them at every step.
    content = with_content(encoded.cpu(), latent_mask(request.mask), request.masked_content, generator)
    return sampler.start_from_image(content, noise)


def _rows_of(batch: Sequence[DiffusersTrajectory]) -> UnetRows:
    device = batch[0].networks.device
    sample = torch.cat([trajectory.model_rows() for trajectory in batch]).to(device.dtype)
    if device.kind == "cuda":
        sample = sample.contiguous(memory_format=torch.channels_last)
    times = [trajectory.sampler.timestep for trajectory in batch for _ in range(trajectory.rows)]
    texts = [trajectory.text for trajectory in batch]
    embeds = torch.cat([text.embeds for text in texts])
    added = {name: torch.cat([text.added[name] for text in texts]) for name in texts[0].added}
    return UnetRows(sample, device.send(torch.tensor(times)), embeds, added)


def _guided(rows: torch.Tensor, scale: float) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598); a single row is its own prediction."""
    if len(rows) == 1:
        return rows
    unconditional, conditional = rows.chunk(2)
    return unconditional + scale * (conditional - unconditional)
