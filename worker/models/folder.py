"""Models in diffusers layout: a folder with model_index.json and one folder for each part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from worker.engine.devices import Device
from worker.errors import ModelUnusable
from worker.models.checker import load_checker
from worker.models.loaded import LoadedModel, assemble, require_inpainting
from worker.models.weights import UNREADABLE, choose_variant, component_files, fingerprint

_PIPELINE: Any = StableDiffusionInpaintPipeline
_NETWORKS: dict[str, Any] = {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}


def load_folder(folder: Path, name: str, device: Device, safety_checker_source: str | None) -> LoadedModel:
    """Load the model in `folder`, using nothing from outside but the safety checker source.

    The fp16 files are taken on CUDA and the plain ones on CPU; where only the other kind is there, it is converted.
    Raises ModelUnusable.
    """
    require_inpainting(str(folder), int(_config(folder / "unet" / "config.json").get("in_channels", 4)))
    checker = load_checker(folder, safety_checker_source, device)
    try:
        # Built part by part, because model indexes in use still name classes that transformers no longer has.
        # The pipeline itself only corrects outdated configurations.
        pipeline = _PIPELINE(
            **{part: _network(folder, part, device) for part in _NETWORKS},
            tokenizer=load_tokenizer(folder),
            scheduler=load_scheduler(folder),
            safety_checker=checker.network,
            feature_extractor=checker.feature_extractor,
        )
    except UNREADABLE as error:
        raise ModelUnusable(f"{folder}: a part of the model cannot be loaded: {error}") from error
    return assemble(name, _hash_parts(folder, device), pipeline, checker.concept_names, device)


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a diffusers folder."""
    return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)


def load_scheduler(folder: Path) -> Any:
    """The scheduler of a diffusers folder, of the class that its configuration names. Raises ModelUnusable."""
    path = folder / "scheduler" / "scheduler_config.json"
    name = _config(path).get("_class_name", "")
    if not (name.endswith("Scheduler") and hasattr(diffusers, name)):
        raise ModelUnusable(f"{path}: no scheduler is called {name!r}; use one of diffusers' schedulers")
    return getattr(diffusers, name).from_pretrained(path.parent, local_files_only=True)


def _network(folder: Path, part: str, device: Device) -> Any:
    variant = choose_variant(folder / part, device.half)
    loaded, report = _NETWORKS[part].from_pretrained(
        folder / part, variant=variant, dtype=device.dtype, local_files_only=True, output_loading_info=True
    )
    if report["missing_keys"]:
        raise ModelUnusable(f"{folder / part}: weights are missing, such as {sorted(report['missing_keys'])[0]}")
    return loaded


def _hash_parts(folder: Path, device: Device) -> str:
    parts = [folder / part for part in (*_NETWORKS, "safety_checker") if (folder / part).is_dir()]
    return fingerprint(
        folder, [file for part in parts for file in component_files(part, choose_variant(part, device.half))]
    )


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{path} cannot be read, so this is no model in diffusers layout: {error}") from error
    return config
