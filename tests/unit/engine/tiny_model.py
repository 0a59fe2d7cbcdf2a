"""A random inpainting model of a few thousand weights, in the architecture of Stable Diffusion 1.5 inpainting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from worker.engine.devices import Device, pick_device
from worker.models import LoadedModel
from worker.models.checker import Checker
from worker.models.loaded import assemble

CPU = pick_device("cpu")
HALF = Device("cpu", torch.float16, torch.device("cpu"))
"""The precision of CUDA, without CUDA."""
WIDTH = 32
TEXT_LAYERS = 3
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tiny_tokenizer(folder: Path, pad_token: str = "<|endoftext|>") -> CLIPTokenizer:
    """Every letter is a token, so a prompt has as many tokens as it has letters."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = [*_LETTERS, *(letter + "</w>" for letter in _LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, pad_token=pad_token
    )


def _unet(in_channels: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        block_out_channels=(32, 64),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def tiny_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        sample_size=64,
    )


def text_config() -> dict[str, Any]:
    return {
        "vocab_size": 2 * len(_LETTERS) + 2,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": TEXT_LAYERS,
        "num_attention_heads": 4,
        "bos_token_id": 2 * len(_LETTERS),
        "eos_token_id": 2 * len(_LETTERS) + 1,
        "pad_token_id": 2 * len(_LETTERS) + 1,
    }


def _checker() -> StableDiffusionSafetyChecker:
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 8}
    return StableDiffusionSafetyChecker(CLIPConfig(text_config=text_config(), vision_config=vision, projection_dim=8))


def scheduler(**changes: Any) -> DDIMScheduler:
    """Stable Diffusion's noise schedule."""
    settings = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
    return DDIMScheduler(**{**settings, "clip_sample": False, "set_alpha_to_one": False, **changes})


def tiny_pipeline(folder: Path, *, in_channels: int = 9) -> StableDiffusionInpaintPipeline:
    """A diffusers pipeline with a safety checker; `folder` takes the tokenizer's files. Same weights every time."""
    torch.manual_seed(7)
    return StableDiffusionInpaintPipeline(
        vae=tiny_vae().eval(),
        text_encoder=CLIPTextModel(CLIPTextConfig(**text_config())).eval(),
        tokenizer=tiny_tokenizer(folder),
        unet=_unet(in_channels).eval(),
        scheduler=scheduler(),
        safety_checker=_checker().eval(),
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    )


def tiny_model(folder: Path, device: Device = CPU) -> LoadedModel:
    """The same, loaded."""
    pipeline = tiny_pipeline(folder).to(device.dtype)
    return assemble("tiny", "0" * 64, pipeline, tiny_checker(pipeline), device)


def tiny_checker(pipeline: StableDiffusionInpaintPipeline) -> Checker:
    """The safety checker of a pipeline, its concepts without names."""
    names = tuple(f"concept_{index}" for index in range(17))
    return Checker(pipeline.safety_checker, pipeline.feature_extractor, names, "tiny")
