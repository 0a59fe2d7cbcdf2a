"""Which weight files of a diffusers folder are loaded."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

from safetensors import SafetensorError

from worker.errors import ModelUnusable

UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, EOFError, SafetensorError, pickle.UnpicklingError)
"""What torch, diffusers, transformers and safetensors raise for files that are damaged or of another kind."""

_STEM = r"(diffusion_pytorch_model|pytorch_model|model)"
_SHARD = r"(-\d{5}-of-\d{5})?"


def component_files(folder: Path, variant: str | None) -> list[Path]:
    """The weight files of one component folder in that variant, sorted; safetensors where there are any."""
    middle = rf"\.{variant}" if variant else ""
    for suffix in ("safetensors", "bin"):
        pattern = re.compile(rf"{_STEM}{middle}{_SHARD}\.{suffix}")
        files = sorted(path for path in folder.glob(f"*.{suffix}") if pattern.fullmatch(path.name))
        if files:
            return files
    return []


def choose_variant(folder: Path, half: bool) -> str | None:
    """The variant of a component to load: "fp16" if half precision is wanted or nothing else is there, else None.

    Raises ModelUnusable where the folder holds no weights at all.
    """
    for variant in ("fp16", None) if half else (None, "fp16"):
        if component_files(folder, variant):
            return variant
    raise ModelUnusable(f"{folder}: no weights here; a diffusers folder has diffusion_pytorch_model.safetensors or so")
