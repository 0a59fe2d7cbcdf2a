"""Which weight files of a diffusers folder are loaded, and the hash that names them."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Iterable
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


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of one file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(root: Path, files: Iterable[Path]) -> str:
    """Hex SHA-256 over `relative path NUL hex SHA-256 LF` of each file, sorted by path."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.relative_to(root).as_posix()}\0{file_sha256(path)}\n".encode())
    return total.hexdigest()
