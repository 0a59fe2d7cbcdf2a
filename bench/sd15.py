"""Stable Diffusion 1.5 inpainting with random weights: the full architecture, and a small one that a CPU can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import worker.pocket
from worker.engine.devices import Device
from worker.engine.request import CELL
from worker.models import LoadedModel

_TOKENIZER = Path(worker.pocket.__file__).parent / "model" / "tokenizer"
_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Architecture:
    """What differs between the full model and the small one; everything else is as in Stable Diffusion 1.5."""

    side: int
    unet: tuple[int, ...]
    layers: int
    vae: tuple[int, ...]
    groups: int
    text: dict[str, int]
    vision: dict[str, int]
    projection: int


FULL = Architecture(
    side=512,
    unet=(320, 640, 1280, 1280),
    layers=2,
    vae=(128, 256, 512, 512),
    groups=32,
    text={"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    vision={
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
        "image_size": 224, "patch_size": 14,
    },
    projection=768,
)  # fmt: skip
SMALL = Architecture(
    side=64,
    unet=(16, 32),
    layers=1,
    vae=(8, 8, 16, 16),
    groups=8,
    text={"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
    vision={
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "image_size": 224, "patch_size": 56,
    },
    projection=16,
)  # fmt: skip


def random_model(architecture: Architecture, device: Device) -> LoadedModel:
    """The model on `device`, its weights drawn as for a training that is about to begin, the same ones each time.

    Such weights keep activations at the scale of a trained network, since every block is normalized, so that no
    kernel meets only zeros or denormal numbers.
    """
    torch.manual_seed(0)
    with torch.device(device.torch_device):
        unet, vae, text, checker = (make(architecture) for make in (_unet, _vae, _text, _checker))
    placed = [device.place(network.to(device.dtype)) for network in (unet, vae, text, checker)]
    return LoadedModel(
        name="random-sd15",
        sha256="0" * 64,
        native_size=architecture.side,
        device=device,
        unet=placed[0],
        vae=placed[1],
        text_encoder=placed[2],
        tokenizer=CLIPTokenizer.from_pretrained(_TOKENIZER, local_files_only=True),
        scheduler=_scheduler(),
        safety_checker=placed[3],
        feature_extractor=CLIPImageProcessor(),
        concept_names=tuple(f"concept_{number}" for number in range(17)),
    )


def row_tflop(architecture: Architecture) -> float:
    """TFLOP of one row of a UNet call, counted without a device; products of attention included."""
    cells, width = architecture.side // CELL, architecture.text["hidden_size"]
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        _unet(architecture)(torch.randn(1, 9, cells, cells), torch.ones(1), torch.randn(1, 77, width))
    return float(counter.get_total_flops()) / 1e12


def _unet(architecture: Architecture) -> Any:
    attending = len(architecture.unet) - 1
    return UNet2DConditionModel(
        sample_size=architecture.side // CELL,
        in_channels=9,
        block_out_channels=architecture.unet,
        layers_per_block=architecture.layers,
        down_block_types=("CrossAttnDownBlock2D",) * attending + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * attending,
        cross_attention_dim=architecture.text["hidden_size"],
        norm_num_groups=architecture.groups,
    )


def _vae(architecture: Architecture) -> Any:
    return AutoencoderKL(
        sample_size=architecture.side,
        block_out_channels=architecture.vae,
        down_block_types=("DownEncoderBlock2D",) * _BLOCKS,
        up_block_types=("UpDecoderBlock2D",) * _BLOCKS,
        layers_per_block=2,
        norm_num_groups=min(architecture.groups, architecture.vae[0]),
    )


def _text(architecture: Architecture) -> Any:
    return CLIPTextModel(CLIPTextConfig(**architecture.text, projection_dim=architecture.projection))


def _checker(architecture: Architecture) -> Any:
    config = CLIPConfig(
        text_config=architecture.text, vision_config=architecture.vision, projection_dim=architecture.projection
    )
    return StableDiffusionSafetyChecker(config)


def _scheduler() -> Any:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
