"""What a model can do, read from its configuration or from a checkpoint's header, without torch."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from storage.params import MAX_CLIP_SKIP, MAX_WORKING_SIDE, WORKING_SIDE_STEP, SchedulerName

CHANNELS = 9
"""Input channels of an inpainting UNet: latents, mask and masked picture, 4 + 1 + 4."""
LARGEST_FACTOR = 4
"""So many times its native side a model is offered at most: farther out it repeats itself instead of painting."""
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
REFINER = "this is a refiner of Stable Diffusion XL; use an inpainting checkpoint of its base"
NO_UNET = "no Stable Diffusion UNet inside; is this a LoRA or a VAE?"
_CLIP_LAYERS = 12
_OTHER_KINDS = {4: "a text-to-image", 5: "a depth-guided", 8: "an image-editing"}
# Original layout; OpenCLIP's last block is not used by Stable Diffusion 2, and diffusers does not count it.
_CLIP_BLOCK = re.compile(
    r"(cond_stage_model|conditioner\.embedders\.0)\.transformer\.text_model\.encoder\.layers\.(\d+)\."
)
_OPEN_CLIP_BLOCK = re.compile(r"cond_stage_model\.model\.transformer\.resblocks\.(\d+)\.")
_SDXL_PREFIX = "conditioner.embedders."


class Family(StrEnum):
    """Architectures that are run: Stable Diffusion 1.x and 2.x, and Stable Diffusion XL."""

    SD = "sd"
    SDXL = "sdxl"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What may be asked of a model. Sizes are sides in pixels; `native_size` is the one it was trained at.

    `text_layers` are those of its shallowest text encoder. `assumed` says that nobody could look yet.
    """

    family: Family = Family.SD
    native_size: int = 512
    text_layers: int = _CLIP_LAYERS
    schedulers: tuple[SchedulerName, ...] = tuple(SchedulerName)
    assumed: bool = False

    @property
    def max_size(self) -> int:
        """Largest working width and height."""
        return min(MAX_WORKING_SIDE, LARGEST_FACTOR * self.native_size)

    @property
    def max_clip_skip(self) -> int:
        """Largest `clip_skip`: one layer has to be left. SDXL leaves out its last layer in any case."""
        return min(MAX_CLIP_SKIP, self.text_layers - (2 if self.family is Family.SDXL else 1))


def family_of(unet: Mapping[str, Any]) -> Family:
    """The family of a UNet by its diffusers configuration."""
    return Family.SDXL if unet.get("addition_embed_type") == "text_time" else Family.SD


def why_unfit(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> str | None:
    """Why a model with these diffusers configurations cannot be used, for people; None when it can."""
    cell = 1 << (len(vae.get("block_out_channels", [64])) - 1)  # the default of diffusers' AutoencoderKL
    if (reason := why_no_inpainting(int(unet.get("in_channels", 4)))) is not None:
        return reason
    if cell != WORKING_SIDE_STEP:
        return f"the VAE shrinks pictures by {cell}; only {WORKING_SIDE_STEP} is supported"
    if vae.get("latents_mean") is not None:
        return "the VAE shifts its latents, which is not supported"
    if unet.get("time_cond_proj_dim") is not None:
        return "the UNet wants the guidance scale as an input, which is not supported"
    if unet.get("addition_embed_type") not in (None, "text_time"):
        return f"the UNet wants {unet['addition_embed_type']} as an input; use Stable Diffusion 1, 2 or XL"
    return None


def why_no_inpainting(channels: int) -> str | None:
    """Why a UNet of so many input channels cannot be used, for people; None when it can."""
    if channels == CHANNELS:
        return None
    kind = f"this is {_OTHER_KINDS[channels]} checkpoint; " if channels in _OTHER_KINDS else ""
    return f"the UNet has {channels} input channels instead of {CHANNELS}: {kind}use an inpainting one"


def of_folder(folder: Path) -> Capabilities:
    """Those of a model in diffusers layout. Raises ValueError with a sentence where there is none, or none of use."""
    unet, vae = _config(folder, "unet"), _config(folder, "vae")
    if (reason := why_unfit(unet, vae)) is not None:
        raise ValueError(reason)
    if _optional(folder, "", "model_index.json").get("requires_aesthetics_score"):
        raise ValueError(REFINER)
    family = family_of(unet)
    encoders = ["text_encoder", "text_encoder_2"] if family is Family.SDXL else ["text_encoder"]
    layers = [_optional(folder, name).get("num_hidden_layers", _CLIP_LAYERS) for name in encoders]
    sample_size = unet.get("sample_size")
    if not isinstance(sample_size, int):
        raise ValueError(f"unet/config.json says sample_size {sample_size!r}; it must be one number")
    prediction = _optional(folder, "scheduler", "scheduler_config.json").get("prediction_type")
    return Capabilities(family, sample_size * WORKING_SIDE_STEP, min(layers), _schedulers(prediction))


def of_checkpoint(shapes: Mapping[str, Collection[int]]) -> Capabilities:
    """Those of a single file in the original layout, by the shapes in its header. Raises ValueError with a sentence."""
    if FIRST_LAYER not in shapes:
        raise ValueError(NO_UNET)
    if (reason := why_no_inpainting(list(shapes[FIRST_LAYER])[1])) is not None:
        raise ValueError(reason)
    clip = {found[2] for name in shapes if (found := _CLIP_BLOCK.match(name))}
    open_clip = {found[1] for name in shapes if (found := _OPEN_CLIP_BLOCK.match(name))}
    layers = len(clip) or (len(open_clip) - 1 if open_clip else _CLIP_LAYERS)
    if any(name.startswith(_SDXL_PREFIX) for name in shapes):
        return Capabilities(Family.SDXL, 1024, layers)
    return Capabilities(text_layers=layers)


def _schedulers(prediction_type: str | None) -> tuple[SchedulerName, ...]:
    # diffusers' classes of these two know noise and velocity only.
    unfit = {SchedulerName.PNDM, SchedulerName.EULER_ANCESTRAL} if prediction_type == "sample" else set()
    return tuple(name for name in SchedulerName if name not in unfit)


def _config(folder: Path, part: str, name: str = "config.json") -> dict[str, Any]:
    try:
        config = json.loads((folder / part / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ValueError(f"{folder} is not a model in diffusers layout: {part}/{name} cannot be read") from problem
    if not isinstance(config, dict):
        raise ValueError(f"{folder} is not a model in diffusers layout: {part}/{name} is not an object")
    return config


def _optional(folder: Path, part: str, name: str = "config.json") -> dict[str, Any]:
    """What the API can do without: folders made for it may hold less than a worker needs."""
    return _config(folder, part, name) if (folder / part / name).is_file() else {}
