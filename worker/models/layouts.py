"""The parts that diffusers' inpainting pipelines are made of, family by family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diffusers import (
    AutoencoderKL,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from storage.capabilities import Family


@dataclass(frozen=True, slots=True)
class Layout:
    """`networks` and `tokenizers` by the names of their folders; `settings` makes the pipeline do without the rest.

    `options` are entries of model_index.json that say how the model is to be used.
    """

    pipeline: Any
    networks: dict[str, Any]
    tokenizers: tuple[str, ...]
    settings: dict[str, Any]
    options: tuple[str, ...] = ()


_SD: dict[str, Any] = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}

LAYOUTS: dict[Family, Layout] = {
    Family.SD: Layout(
        pipeline=StableDiffusionInpaintPipeline,
        networks=_SD,
        tokenizers=("tokenizer",),
        settings={"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    ),
    Family.SDXL: Layout(
        pipeline=StableDiffusionXLInpaintPipeline,
        networks={**_SD, "text_encoder_2": CLIPTextModelWithProjection},
        tokenizers=("tokenizer", "tokenizer_2"),
        settings={"add_watermarker": False},
        options=("requires_aesthetics_score", "force_zeros_for_empty_prompt"),
    ),
}
