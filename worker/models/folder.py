"""Models in diffusers layout: a folder with model_index.json and one folder for each part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
from transformers import CLIPTokenizer

from storage.capabilities import family_of, why_unfit
from storage.model_hash import fingerprint
from worker.engine.devices import Device
from worker.errors import ModelUnusable
from worker.models.checker import load_checker
from worker.models.layouts import LAYOUTS, Layout
from worker.models.loaded import LoadedModel, assemble
from worker.models.weights import UNREADABLE, choose_variant, component_files


def load_folder(folder: Path, name: str, device: Device, safety_checker_source: str | None) -> LoadedModel:
    """Load the model in `folder`, using nothing from outside but the safety checker source.

    The fp16 files are taken on CUDA and the plain ones on CPU; where only the other kind is there, it is converted.
    Raises ModelUnusable.
    """
    unet = _config(folder / "unet" / "config.json")
    if (reason := why_unfit(unet, _config(folder / "vae" / "config.json"))) is not None:
        raise ModelUnusable(f"{folder}: {reason}")
    layout = LAYOUTS[family_of(unet)]
    checker = load_checker(folder, safety_checker_source, device)
    try:
        # Built part by part, because model indexes in use still name classes that transformers no longer has.
        # The pipeline itself only corrects outdated configurations.
        pipeline = layout.pipeline(
            **{part: _network(folder, part, kind, device) for part, kind in layout.networks.items()},
            **load_small_parts(folder, layout),
            **layout.settings,
            **_options(folder, layout),
        )
    except UNREADABLE as error:
        raise ModelUnusable(f"{folder}: a part of the model cannot be loaded: {error}") from error
    return assemble(name, _hash_parts(folder, layout, device), pipeline, checker, device)


def load_small_parts(folder: Path, layout: Layout) -> dict[str, Any]:
    """What the pipeline needs beside its networks: tokenizers and the scheduler."""
    tokenizers = {
        name: CLIPTokenizer.from_pretrained(folder / name, local_files_only=True) for name in layout.tokenizers
    }
    return {**tokenizers, "scheduler": load_scheduler(folder)}


def load_scheduler(folder: Path) -> Any:
    """The scheduler of a diffusers folder, of the class that its configuration names. Raises ModelUnusable."""
    path = folder / "scheduler" / "scheduler_config.json"
    name = _config(path).get("_class_name", "")
    if not (name.endswith("Scheduler") and hasattr(diffusers, name)):
        raise ModelUnusable(f"{path}: no scheduler is called {name!r}; use one of diffusers' schedulers")
    return getattr(diffusers, name).from_pretrained(path.parent, local_files_only=True)


def _network(folder: Path, part: str, kind: Any, device: Device) -> Any:
    variant = choose_variant(folder / part, device.half)
    loaded, report = kind.from_pretrained(
        folder / part, variant=variant, dtype=device.dtype, local_files_only=True, output_loading_info=True
    )
    if report["missing_keys"]:
        raise ModelUnusable(f"{folder / part}: weights are missing, such as {sorted(report['missing_keys'])[0]}")
    return loaded


def _options(folder: Path, layout: Layout) -> dict[str, Any]:
    index = folder / "model_index.json"
    found = _config(index) if index.is_file() else {}
    return {name: found[name] for name in layout.options if name in found}


def _hash_parts(folder: Path, layout: Layout, device: Device) -> str:
    parts = [folder / part for part in (*layout.networks, "safety_checker") if (folder / part).is_dir()]
    return fingerprint(
        folder, [file for part in parts for file in component_files(part, choose_variant(part, device.half))]
    )


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{path} cannot be read, so this is no model in diffusers layout: {error}") from error
    return config
