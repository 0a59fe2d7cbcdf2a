"""A model that is ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.capabilities import REFINER, Family, family_of, why_unfit
from worker.engine.devices import Device
from worker.engine.request import CELL
from worker.errors import ModelUnusable
from worker.models.checker import Checker

_SIZES = 6
"""Original height and width, crop's top and left, target height and width."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """The parts of a checkpoint, in evaluation mode on `device`.

    `sha256` identifies the weights (see weights.fingerprint); `native_size` is the side in pixels that the model was
    trained at; `concept_names` are the safety checker's concepts in its own order, and `checker_version` names its
    weights. Stable Diffusion XL has a second text encoder, and may want zeros instead of an empty negative prompt.
    """

    name: str
    sha256: str
    native_size: int
    device: Device
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    safety_checker: Any
    feature_extractor: Any
    concept_names: tuple[str, ...]
    family: Family = Family.SD
    checker_version: str = "unnamed"
    text_encoder_2: Any = None
    tokenizer_2: Any = None
    zero_empty_negative: bool = False


def assemble(name: str, sha256: str, pipeline: Any, checker: Checker, device: Device) -> LoadedModel:
    """The model out of an inpainting pipeline of diffusers, moved to `device`. Raises ModelUnusable if it is unfit."""
    unet, vae = pipeline.unet.config, pipeline.vae.config
    family = family_of(unet)
    reason = why_unfit(unet, vae) or (_why_unfit_xl(pipeline) if family is Family.SDXL else None)
    if reason is not None:
        raise ModelUnusable(f"{name}: {reason}")
    return LoadedModel(
        name=name,
        sha256=sha256,
        native_size=unet.sample_size * CELL,
        device=device,
        unet=device.place(pipeline.unet),
        vae=device.place(pipeline.vae.float() if keeps_float32(family, vae) else pipeline.vae),
        text_encoder=device.place(pipeline.text_encoder),
        tokenizer=pipeline.tokenizer,
        scheduler=pipeline.scheduler,
        safety_checker=device.place(checker.network),
        feature_extractor=checker.feature_extractor,
        concept_names=checker.concept_names,
        checker_version=checker.version,
        family=family,
        **(_second_text(pipeline, device) if family is Family.SDXL else {}),
    )


def keeps_float32(family: Family, vae: Mapping[str, Any]) -> bool:
    """Whether half precision is too small for this VAE. Only Stable Diffusion XL heeds what the configuration says:
    diffusers writes the same into that of every VAE."""
    return family is Family.SDXL and bool(vae.get("force_upcast", True))


def _second_text(pipeline: Any, device: Device) -> dict[str, Any]:
    return {
        "text_encoder_2": device.place(pipeline.text_encoder_2),
        "tokenizer_2": pipeline.tokenizer_2,
        "zero_empty_negative": bool(pipeline.config.force_zeros_for_empty_prompt),
    }


def _why_unfit_xl(pipeline: Any) -> str | None:
    """The UNet reads the pooled text and _SIZES numbers; refiners read fewer, of another meaning."""
    unet, width = pipeline.unet.config, pipeline.text_encoder_2.config.projection_dim
    fits = width + _SIZES * unet.addition_time_embed_dim == unet.projection_class_embeddings_input_dim
    return REFINER if pipeline.config.requires_aesthetics_score or not fits else None
