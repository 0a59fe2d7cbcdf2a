"""Models in one file, as users of the AUTOMATIC1111 web UI have them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from storage.capabilities import Family, of_checkpoint
from storage.model_hash import file_sha256
from storage.safetensors_header import read_shapes
from worker.engine.devices import Device
from worker.errors import ModelUnusable
from worker.models.checker import load_checker
from worker.models.folder import load_small_parts
from worker.models.layouts import LAYOUTS
from worker.models.loaded import LoadedModel, assemble
from worker.models.pins import unpinned
from worker.models.weights import UNREADABLE


def load_single_file(
    path: Path, device: Device, safety_checker_source: str | None, config_source: str | None
) -> LoadedModel:
    """Load a checkpoint in the original Stable Diffusion layout; its `sha256` is that of the file.

    The configuration comes from `config_source` (a diffusers folder or a hub id), else from the folder the file lies
    in if that is one, else from the hub's entry for this kind of checkpoint. The safety checker, which such a file
    never contains, comes from the same folder or from `safety_checker_source`. Raises ModelUnusable.
    """
    config_source = None if config_source is None else unpinned(config_source)
    layout = LAYOUTS[_family(path)]
    folder = _config_folder(path, config_source)
    checker = load_checker(folder, safety_checker_source, device)
    small = {} if folder is None else load_small_parts(folder, layout)
    config = str(folder) if folder is not None else config_source
    try:
        pipeline = layout.pipeline.from_single_file(
            str(path),
            config=config,
            dtype=device.dtype,
            local_files_only=folder is not None,
            **small,
            **layout.settings,
        )
    except UNREADABLE as error:
        raise ModelUnusable(
            f"{path}: cannot be loaded ({error}). If it is not a plain Stable Diffusion inpainting checkpoint, set the "
            "model's config source to a diffusers folder of the same architecture."
        ) from error
    return assemble(path.stem, file_sha256(path), pipeline, checker, device)


def _config_folder(path: Path, config_source: str | None) -> Path | None:
    candidate = Path(config_source) if config_source is not None else path.parent
    return candidate if (candidate / "model_index.json").is_file() else None


def _family(path: Path) -> Family:
    shapes = _shapes_in_safetensors(path) if path.suffix == ".safetensors" else _shapes_in_pickle(path)
    try:
        return of_checkpoint(shapes).family
    except ValueError as error:
        raise ModelUnusable(f"{path}: {error}") from error


def _shapes_in_safetensors(path: Path) -> dict[str, list[int]]:
    try:
        return read_shapes(path)
    except UNREADABLE as error:
        raise ModelUnusable(f"{path}: not a readable safetensors file: {error}") from error


def _shapes_in_pickle(path: Path) -> dict[str, list[int]]:
    """A .ckpt is a pickle, which may run code when it is read: only torch's weights-only reader touches it.

    diffusers reads it the same way later on; reading it here first gives a refusal that says why.
    """
    try:
        content = torch.load(path, map_location="meta", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelUnusable(
            f"{path}: contains more than weights and might run code when read; convert it to .safetensors on a "
            f"machine you can afford to lose: {error}"
        ) from error
    except UNREADABLE as error:
        raise ModelUnusable(f"{path}: not a readable checkpoint: {error}") from error
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {name: list(weight.shape) for name, weight in content.items() if isinstance(weight, torch.Tensor)}
