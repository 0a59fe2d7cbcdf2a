"""Put the trained parts together as a diffusers pipeline, and write it in half precision."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPTextModel, CLIPTokenizer

from worker.pocket.denoiser import make_scheduler
from worker.pocket.tokenizer import write_tokenizer
from worker.pocket.tower import CONCEPTS, SPECIAL, make_extractor

MODEL_FOLDER = Path(__file__).parent / "model"


def assemble(
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    checker: StableDiffusionSafetyChecker | None,
) -> StableDiffusionInpaintPipeline:
    """The pipeline; without a checker only for the stage that trains one."""
    return StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=make_scheduler(),
        safety_checker=checker,
        feature_extractor=make_extractor() if checker is not None else None,
        requires_safety_checker=checker is not None,
    )


def export(pipeline: StableDiffusionInpaintPipeline, folder: Path = MODEL_FOLDER) -> None:
    """Write fp16 safetensors, both forms of the tokenizer, and the names of the checker's concepts."""
    pipeline.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)
    write_tokenizer(folder / "tokenizer")
    names = json.dumps({"concepts": CONCEPTS, "special": SPECIAL}, indent=2) + "\n"
    (folder / "safety_checker" / "concepts.json").write_text(names, encoding="utf-8")
    for config in folder.rglob("*.json"):
        _tidy(config)


def _tidy(config: Path) -> None:
    """Drop the folder a part was loaded from, and the name of the machine's image backend: both concern nobody else."""
    content = json.loads(config.read_text(encoding="utf-8"))
    if "_name_or_path" in content or "feature_extractor" in content:
        content.pop("_name_or_path", None)
        if "feature_extractor" in content:
            content["feature_extractor"] = ["transformers", "CLIPImageProcessor"]
        config.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
