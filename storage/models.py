"""Which models there are, read from their configuration files alone: the API knows them without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from storage.errors import SettingsError

POCKET = "pocket"
POCKET_FOLDER = Path(__file__).parent.parent / "worker" / "pocket" / "model"
# Native sizes of hub checkpoints whose configuration is not on disk yet when the API starts.
HUB_SIZES = {"sd-legacy/stable-diffusion-inpainting": 512}


@dataclass(frozen=True, slots=True)
class ModelDescriptor:
    """A model a caller can name. `native_size` is the side in pixels it was trained at; `source` stays inside."""

    alias: str
    source: str
    name: str
    native_size: int

    def as_dict(self) -> dict[str, str | None]:
        """The `model` object of a job; the hash is filled in by the worker that ran it."""
        return {"alias": self.alias, "name": self.name, "sha256": None}


def load_registry(source: str) -> dict[str, ModelDescriptor]:
    """The models on offer by alias. Raises SettingsError for a source that cannot be a model."""
    if source == POCKET:
        model = ModelDescriptor("default", source, "inpaint-pocket", _native_size(POCKET_FOLDER))
    elif Path(source).is_dir():
        model = ModelDescriptor("default", source, Path(source).resolve().name, _native_size(Path(source)))
    elif Path(source).suffix in {".safetensors", ".ckpt"}:
        if not Path(source).is_file():
            raise SettingsError(f"INPAINTD_MODEL={source!r} does not exist; give the path of a checkpoint file.")
        model = ModelDescriptor("default", source, Path(source).stem, 512)
    elif source.count("/") == 1 and not source.startswith((".", "/")):
        model = ModelDescriptor("default", source, source, HUB_SIZES.get(source, 512))
    else:
        raise SettingsError(f"INPAINTD_MODEL={source!r} is neither `pocket`, a hub id, a folder nor a checkpoint file.")
    return {model.alias: model}


def _native_size(folder: Path) -> int:
    try:
        unet = json.loads((folder / "unet" / "config.json").read_text())
        vae = json.loads((folder / "vae" / "config.json").read_text())
        return int(unet["sample_size"] << (len(vae["block_out_channels"]) - 1))
    except (OSError, ValueError, KeyError) as problem:
        raise SettingsError(
            f"{folder} is not a model in diffusers layout ({problem}); it needs unet/config.json and vae/config.json."
        ) from problem
