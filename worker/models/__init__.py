"""Loading models: the built-in one, a diffusers folder, a hub id, or a single checkpoint file."""

from __future__ import annotations

import re
from pathlib import Path

from storage.aliases import POCKET
from storage.model_hash import split_pin
from storage.models import CHECKPOINT_SUFFIXES, POCKET_FOLDER, POCKET_NAME
from worker.engine.devices import Device
from worker.errors import ModelUnusable
from worker.models.folder import load_folder
from worker.models.hub import fetch
from worker.models.loaded import LoadedModel
from worker.models.pins import check_pin
from worker.models.quiet import silence_progress_bars
from worker.models.single_file import load_single_file

__all__ = ["LoadedModel", "load_model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def load_model(
    source: str, device: Device, safety_checker_source: str | None = None, config_source: str | None = None
) -> LoadedModel:
    """Load an inpainting model that is ready to run on `device`, always with a safety checker.

    `source` is "pocket", a diffusers folder, a .safetensors or .ckpt file, or a hub id (owner/name); with a pin behind
    it, the files are hashed before anything of them is read.
    `safety_checker_source` stands in where the model brings no checker. `config_source` describes the architecture of
    a single file. Raises ModelUnusable with a sentence.
    """
    silence_progress_bars()
    source, pin = split_pin(source)
    if source == POCKET:
        check_pin(POCKET_FOLDER, pin)
        return load_folder(POCKET_FOLDER, POCKET_NAME, device, safety_checker_source)
    path = Path(source).expanduser()
    if path.exists():
        check_pin(path, pin)
    if path.is_dir():
        return load_folder(path, path.resolve().name, device, safety_checker_source)
    if path.is_file():
        if path.suffix not in CHECKPOINT_SUFFIXES:
            raise ModelUnusable(f"{path}: a model file ends in {' or '.join(CHECKPOINT_SUFFIXES)}")
        return load_single_file(path, device, safety_checker_source, config_source)
    if not _HUB_ID.fullmatch(source):
        raise ModelUnusable(f"{source}: no such folder or file, and not a hub id such as owner/name")
    folder = fetch(source, device)
    check_pin(folder, pin)
    return load_folder(folder, source, device, safety_checker_source)
