"""One request's own diffusers scheduler, so that requests at different steps can share a UNet call."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    UniPCMultistepScheduler,
)

from storage.params import SchedulerName
from worker.engine.request import InpaintRequest

_CLASSES: dict[SchedulerName, Any] = {
    SchedulerName.DDIM: DDIMScheduler,
    SchedulerName.PNDM: PNDMScheduler,
    SchedulerName.EULER: EulerDiscreteScheduler,
    SchedulerName.EULER_ANCESTRAL: EulerAncestralDiscreteScheduler,
    SchedulerName.DPMPP_2M: DPMSolverMultistepScheduler,
    SchedulerName.UNIPC: UniPCMultistepScheduler,
    SchedulerName.LCM: LCMScheduler,
}

_LEAST_SIGNAL = 1e-4  # some schedules begin with pure noise


def make_scheduler(name: SchedulerName, checkpoint: Any) -> Any:
    """A fresh scheduler of that name with the noise schedule of the checkpoint's own scheduler.

    PNDM skips its Runge-Kutta steps, as StableDiffusionInpaintPipeline insists.
    """
    cls = _CLASSES.get(name, type(checkpoint))
    extra = {"skip_prk_steps": True} if cls is PNDMScheduler else {}
    return cls.from_config(checkpoint.config, **extra)


class Sampler:
    """A scheduler set up for one request, at the step where its strength begins.

    The timesteps stay on the host and the begin index is set, so that no step waits for the device.
    """

    def __init__(self, scheduler: Any, request: InpaintRequest, generator: torch.Generator) -> None:
        _set_timesteps(scheduler, request.steps)
        start = (request.steps - request.actual_steps) * scheduler.order
        self._timesteps = scheduler.timesteps[start:]
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(start)
        self._scheduler = scheduler
        self._extra = _step_arguments(scheduler, request.eta, generator)
        self.done = 0
        """Steps taken."""

    @property
    def calls_left(self) -> int:
        """UNet calls still to be made. PNDM makes one more in all than it has steps."""
        return len(self._timesteps) - self.done

    @property
    def timestep(self) -> float:
        """The noise level of the next UNet call, as the model was trained to read it."""
        return float(self._timesteps[self.done])

    def start_from_noise(self, noise: torch.Tensor) -> torch.Tensor:
        """Latents for strength 1."""
        scaled: torch.Tensor = noise * self._scheduler.init_noise_sigma
        return scaled

    def start_from_image(self, latents: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Latents for a smaller strength: the picture under as much noise as the first step expects."""
        noised: torch.Tensor = self._scheduler.add_noise(latents, noise, self._timesteps[:1])
        return noised

    def model_input(self, latents: torch.Tensor) -> torch.Tensor:
        """The latents as the UNet wants them now. May be asked for repeatedly."""
        scaled: torch.Tensor = self._scheduler.scale_model_input(latents, self._timesteps[self.done])
        return scaled

    def estimate(self, prediction: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """The finished latents as far as `prediction`, which is for the next step, can tell.

        x0 by equation 15 of Ho et al. 2020 (arXiv 2006.11239), or for models that predict velocity by appendix D of
        Salimans & Ho 2022 (arXiv 2202.00512).
        """
        kept = float(self._scheduler.alphas_cumprod[round(self.timestep)])
        sample, signal, noise = self.model_input(latents), math.sqrt(kept), math.sqrt(1 - kept)
        if self._scheduler.config.prediction_type == "v_prediction":
            return signal * sample - noise * prediction
        return (sample - noise * prediction) / max(signal, _LEAST_SIGNAL)

    def step(self, prediction: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """The latents one step further."""
        timestep = self._timesteps[self.done]
        stepped = self._scheduler.step(prediction, timestep, latents, **self._extra, return_dict=False)
        self.done += 1
        following: torch.Tensor = stepped[0]
        return following


def _set_timesteps(scheduler: Any, steps: int) -> None:
    # LCM picks its steps from a schedule of 50 and refuses to take more; a finer schedule allows all we offer.
    original = getattr(scheduler.config, "original_inference_steps", None)
    extra = {"original_inference_steps": max(steps, original)} if original is not None else {}
    scheduler.set_timesteps(steps, **extra)


def _step_arguments(scheduler: Any, eta: float, generator: torch.Generator) -> dict[str, Any]:
    accepted = inspect.signature(scheduler.step).parameters
    offered = {"eta": eta, "generator": generator}
    return {name: value for name, value in offered.items() if name in accepted}
