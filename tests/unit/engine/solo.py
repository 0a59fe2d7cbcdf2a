"""The oracle: diffusers' own pipeline, one request alone."""

from __future__ import annotations

from typing import Any

import diffusers
import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image

from storage.params import SchedulerName
from worker.engine.request import InpaintRequest, Pixels
from worker.engine.runner import DiffusersRunner
from worker.engine.runner.diffusers_runner import DiffusersTrajectory
from worker.models import LoadedModel

_CLASS_NAMES = {
    SchedulerName.DEFAULT: "DDIMScheduler",
    SchedulerName.DDIM: "DDIMScheduler",
    SchedulerName.PNDM: "PNDMScheduler",
    SchedulerName.EULER: "EulerDiscreteScheduler",
    SchedulerName.EULER_ANCESTRAL: "EulerAncestralDiscreteScheduler",
    SchedulerName.DPMPP_2M: "DPMSolverMultistepScheduler",
    SchedulerName.UNIPC: "UniPCMultistepScheduler",
    SchedulerName.LCM: "LCMScheduler",
}


def solo(model: LoadedModel, request: InpaintRequest, output_type: str) -> Any:
    """What the unmodified pipeline makes of `request`: latents (1, 4, h/8, w/8), or uint8-ready pixels for "np"."""
    scheduler = getattr(diffusers, _CLASS_NAMES[request.scheduler]).from_config(model.scheduler.config)
    pipeline = StableDiffusionInpaintPipeline(
        model.vae, model.text_encoder, model.tokenizer, model.unet, scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(**pipeline_arguments(request), output_type=output_type).images


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


class RecordingRunner(DiffusersRunner):
    """The real runner, remembering the rows of each UNet call and the latents of each finished request."""

    def __init__(self, model: LoadedModel, *, fixed_rows: int = 0) -> None:
        super().__init__(model, fixed_rows=fixed_rows)
        self.calls: list[int] = []
        self.finished: dict[str, torch.Tensor] = {}
        self._names: dict[int, str] = {}

    def begin(self, request: InpaintRequest, precise: bool = False) -> DiffusersTrajectory:
        trajectory = super().begin(request, precise)
        self._names[id(trajectory)] = request.id
        return trajectory

    def predict(self, batch: Any) -> list[torch.Tensor]:
        self.calls.append(sum(trajectory.rows for trajectory in batch))
        return super().predict(batch)

    def finish(self, batch: Any) -> list[Pixels]:
        for trajectory in batch:
            self.finished[self._names[id(trajectory)]] = trajectory.latents
        return super().finish(batch)


def pipeline_arguments(request: InpaintRequest) -> dict[str, Any]:
    """What a diffusers pipeline has to be called with to paint `request`."""
    height, width = request.mask.shape
    return {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "image": Image.fromarray(request.image),
        "mask_image": Image.fromarray(request.mask),
        "height": height,
        "width": width,
        "strength": request.strength,
        "num_inference_steps": request.steps,
        "guidance_scale": request.guidance_scale,
        "eta": request.eta,
        "generator": torch.Generator("cpu").manual_seed(request.seed),
    }
