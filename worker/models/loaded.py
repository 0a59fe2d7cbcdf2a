"""A model that is ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from storage.capabilities import why_no_inpainting, why_unfit
from worker.engine.devices import Device
from worker.engine.request import CELL
from worker.errors import ModelUnusable


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """The parts of a checkpoint, in evaluation mode on `device`.

    `sha256` identifies the weights (see weights.fingerprint); `native_size` is the side in pixels that the model was
    trained at; `concept_names` are the safety checker's concepts in its own order.
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


def require_inpainting(source: str, in_channels: int) -> None:
    """Raise ModelUnusable unless the UNet reads latents, mask and masked picture: 4 + 1 + 4 channels."""
    if (reason := why_no_inpainting(in_channels)) is not None:
        raise ModelUnusable(f"{source}: {reason}")


def assemble(name: str, sha256: str, pipeline: Any, concept_names: tuple[str, ...], device: Device) -> LoadedModel:
    """The model out of a StableDiffusionInpaintPipeline, moved to `device`. Raises ModelUnusable if it does not fit."""
    if (reason := why_unfit(pipeline.unet.config, pipeline.vae.config)) is not None:
        raise ModelUnusable(f"{name}: {reason}")
    return LoadedModel(
        name=name,
        sha256=sha256,
        native_size=pipeline.unet.config.sample_size * CELL,
        device=device,
        unet=device.place(pipeline.unet),
        vae=device.place(pipeline.vae),
        text_encoder=device.place(pipeline.text_encoder),
        tokenizer=pipeline.tokenizer,
        scheduler=pipeline.scheduler,
        safety_checker=device.place(pipeline.safety_checker),
        feature_extractor=pipeline.feature_extractor,
        concept_names=concept_names,
    )
