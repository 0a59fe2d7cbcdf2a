"""A random inpainting model of a few thousand weights, in the architecture of Stable Diffusion XL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import StableDiffusionXLInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from storage.params import SchedulerName
from tests.unit.engine.solo import _CLASS_NAMES, pipeline_arguments
from tests.unit.engine.tiny_model import (
    CPU,
    WIDTH,
    scheduler,
    text_config,
    tiny_checker,
    tiny_pipeline,
    tiny_tokenizer,
    tiny_vae,
)
from worker.engine.devices import Device
from worker.engine.request import InpaintRequest
from worker.models import LoadedModel
from worker.models.loaded import assemble

SECOND_WIDTH, POOLED, TIME_WIDTH = 48, 24, 8
SECOND_LAYERS = 4


def _unet(sizes: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=9,
        block_out_channels=(32, 64),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2),
        cross_attention_dim=WIDTH + SECOND_WIDTH,
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_WIDTH,
        projection_class_embeddings_input_dim=POOLED + sizes * TIME_WIDTH,
        norm_num_groups=16,
    )


def _second_text_config() -> dict[str, Any]:
    wide = {"hidden_size": SECOND_WIDTH, "intermediate_size": 2 * SECOND_WIDTH, "num_hidden_layers": SECOND_LAYERS}
    return {**text_config(), **wide, "projection_dim": POOLED, "hidden_act": "gelu"}


def tiny_xl_pipeline(
    folder: Path, *, sizes: int = 6, zero_empty_negative: bool = True
) -> StableDiffusionXLInpaintPipeline:
    """A diffusers pipeline; `folder` takes the tokenizers' files. Same weights every time.

    The second tokenizer pads with another token, as Stable Diffusion XL's does.
    """
    torch.manual_seed(11)
    return StableDiffusionXLInpaintPipeline(
        vae=tiny_vae().eval(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**text_config())).eval(),
        text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(**_second_text_config())).eval(),
        tokenizer=tiny_tokenizer(folder / "1"),
        tokenizer_2=tiny_tokenizer(folder / "2", pad_token="a"),
        unet=_unet(sizes).eval(),
        scheduler=scheduler(),
        force_zeros_for_empty_prompt=zero_empty_negative,
        add_watermarker=False,
    )


def tiny_xl_model(folder: Path, device: Device = CPU, **changes: Any) -> LoadedModel:
    """The same, loaded, with the checker of the tiny SD model."""
    checker = tiny_checker(tiny_pipeline(folder / "sd"))
    return assemble("tiny-xl", "0" * 64, tiny_xl_pipeline(folder, **changes).to(device.dtype), checker, device)


def solo_xl(model: LoadedModel, request: InpaintRequest) -> torch.Tensor:
    """What the unmodified pipeline makes of `request`: latents (1, 4, h/8, w/8).

    PNDM's Runge-Kutta steps are left out, as the pipeline of Stable Diffusion 1 insists.
    """
    kind = getattr(diffusers, _CLASS_NAMES[request.scheduler])
    extra = {"skip_prk_steps": True} if request.scheduler is SchedulerName.PNDM else {}
    pipeline = StableDiffusionXLInpaintPipeline(
        model.vae, model.text_encoder, model.text_encoder_2, model.tokenizer, model.tokenizer_2, model.unet,
        kind.from_config(model.scheduler.config, **extra), add_watermarker=False,
        force_zeros_for_empty_prompt=model.zero_empty_negative,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    arguments = pipeline_arguments(request) | {"negative_prompt": request.negative_prompt or None}
    latents: torch.Tensor = pipeline(**arguments, output_type="latent").images
    return latents
