"""What people write first: one StableDiffusionInpaintPipeline, called for one job after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image

from worker.engine.request import InpaintRequest, Pixels
from worker.models import LoadedModel


def naive_pipeline(model: LoadedModel, checker: Any = None) -> Any:
    """diffusers' pipeline around the very networks of `model`, with the safety checker `checker` or none."""
    pipeline = StableDiffusionInpaintPipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=model.scheduler,
        safety_checker=checker,
        feature_extractor=model.feature_extractor,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def paint_alone(pipeline: Any, request: InpaintRequest) -> Pixels:
    """The picture of `request`, with the settings that the engine would use."""
    height, width = request.mask.shape
    made = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        image=Image.fromarray(request.image),
        mask_image=Image.fromarray(request.mask),
        height=height,
        width=width,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(request.seed),
    ).images[0]
    return np.asarray(made)
