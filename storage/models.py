"""Which models there are, and what each can do: the API knows them without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storage.aliases import POCKET
from storage.capabilities import Capabilities, Family, of_checkpoint, of_folder
from storage.errors import SettingsError
from storage.model_hash import split_pin
from storage.safetensors_header import read_shapes
from storage.settings import hub_cache

POCKET_NAME = "inpaint-pocket"
POCKET_FOLDER = Path(__file__).parent.parent / "worker" / "pocket" / "model"
CHECKPOINT_SUFFIXES = (".safetensors", ".ckpt")
# Hub checkpoints that the API need not have on its disk.
KNOWN = {
    "sd-legacy/stable-diffusion-inpainting": Capabilities(),
    "runwayml/stable-diffusion-inpainting": Capabilities(),
    "stabilityai/stable-diffusion-2-inpainting": Capabilities(text_layers=23),
    "diffusers/stable-diffusion-xl-1.0-inpainting-0.1": Capabilities(Family.SDXL, 1024),
}


@dataclass(frozen=True, slots=True)
class ModelDescriptor:
    """A model a caller can name, and what may be asked of it; `source` stays inside."""

    alias: str
    source: str
    name: str
    can: Capabilities

    @property
    def folder(self) -> Path | None:
        """Its files in diffusers layout on this machine; None where there are none, or not yet."""
        path = Path(self.source).expanduser()
        if self.source == POCKET:
            return POCKET_FOLDER
        return path if path.is_dir() else _snapshot(self.source)

    def as_dict(self) -> dict[str, str | None]:
        """The `model` object of a job; the hash is filled in by the worker that ran it."""
        return {"alias": self.alias, "name": self.name, "sha256": None}


def load_registry(sources: Mapping[str, str]) -> dict[str, ModelDescriptor]:
    """The models on offer by alias. Raises SettingsError for a source that cannot be an inpainting model."""
    return {alias: describe(alias, source) for alias, source in sources.items()}


def describe(alias: str, source: str) -> ModelDescriptor:
    """One model, as far as it can be known without loading it. Raises SettingsError."""
    try:
        plain, _pin = split_pin(source)
        name, can = _look_at(plain)
    except (OSError, ValueError) as problem:
        raise SettingsError(f"The model {alias}={source} (INPAINTD_MODEL, INPAINTD_MODELS): {problem}.") from problem
    return ModelDescriptor(alias, plain, name, can)


def _look_at(source: str) -> tuple[str, Capabilities]:
    path = Path(source).expanduser()
    if source == POCKET:
        return POCKET_NAME, of_folder(POCKET_FOLDER)
    if path.is_dir():
        return path.resolve().name, of_folder(path)
    if path.suffix in CHECKPOINT_SUFFIXES:
        return path.stem, _of_file(path)
    if source.count("/") == 1 and not source.startswith((".", "/", "~")):
        return source, _of_hub(source)
    raise ValueError("this is neither `pocket`, a hub id, a folder nor a checkpoint file")


def _of_file(path: Path) -> Capabilities:
    if not path.is_file():
        raise ValueError("there is no such file; give the path of a checkpoint")
    # A .ckpt is a pickle, which nothing but torch reads; the worker refuses one that cannot inpaint.
    return of_checkpoint(read_shapes(path)) if path.suffix == ".safetensors" else Capabilities(assumed=True)


def _of_hub(source: str) -> Capabilities:
    if source in KNOWN:
        return KNOWN[source]
    folder = _snapshot(source)
    return Capabilities(assumed=True) if folder is None else of_folder(folder)


def _snapshot(source: str) -> Path | None:
    """The folder into which the hub's libraries downloaded the model."""
    folder = hub_cache() / f"models--{source.replace('/', '--')}" / "snapshots"
    found = sorted(path.parents[1] for path in folder.glob("*/unet/config.json"))
    return found[-1] if found else None
