"""The safety checker: no model is loaded without one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPImageProcessor

from storage.model_hash import fingerprint
from worker.engine.devices import Device
from worker.errors import ModelUnusable
from worker.models.pins import unpinned
from worker.models.weights import UNREADABLE, choose_variant, component_files

CONCEPTS_FILE = "concepts.json"


@dataclass(frozen=True, slots=True)
class Checker:
    """The network, its picture preprocessing, and the names of its concepts in its own order.

    `version` says which weights these are: the beginning of their hash, or the hub id that they came from.
    """

    network: Any
    feature_extractor: Any
    concept_names: tuple[str, ...]
    version: str


def load_checker(own: Path | None, source: str | None, device: Device) -> Checker:
    """The checker inside the diffusers folder `own`, or else the one of `source`.

    `source` is a diffusers folder, a folder that is the checker, or a hub id such as
    CompVis/stable-diffusion-safety-checker, and may be pinned. Raises ModelUnusable where neither exists, weights are
    missing, or the pinned files have changed.
    """
    if own is not None and (own / "safety_checker" / "config.json").is_file():
        return _from_diffusers_folder(own, device)
    if source is None:
        raise ModelUnusable(
            f"{own or 'this checkpoint'} comes without a safety checker, and pictures must not leave unchecked: "
            "set the safety checker source to a folder or to CompVis/stable-diffusion-safety-checker"
        )
    source = unpinned(source)
    if (Path(source) / "safety_checker" / "config.json").is_file():
        return _from_diffusers_folder(Path(source), device)
    return _load(source, source, device, None)


def _from_diffusers_folder(folder: Path, device: Device) -> Checker:
    network = folder / "safety_checker"
    return _load(str(network), str(folder / "feature_extractor"), device, choose_variant(network, device.half))


def _load(network: str, extractor: str, device: Device, variant: str | None) -> Checker:
    try:
        loaded: Any = StableDiffusionSafetyChecker.from_pretrained(
            network, dtype=device.dtype, variant=variant, output_loading_info=True
        )
        processor = CLIPImageProcessor.from_pretrained(extractor)
    except UNREADABLE as error:
        raise ModelUnusable(f"{network}: the safety checker cannot be loaded: {error}") from error
    checker, report = loaded
    # transformers fills missing weights with random numbers: such a checker would pass everything.
    if report["missing_keys"] or report["mismatched_keys"]:
        raise ModelUnusable(f"{network}: the safety checker's weights are incomplete; download it again")
    return Checker(checker, processor, _concept_names(Path(network), len(checker.concept_embeds)), _version(network))


def _version(source: str) -> str:
    folder = Path(source)
    if not folder.is_dir():
        return source
    return fingerprint(folder, [file for variant in ("fp16", None) for file in component_files(folder, variant)])[:12]


def _concept_names(folder: Path, count: int) -> tuple[str, ...]:
    path = folder / CONCEPTS_FILE
    if not path.is_file():
        return tuple(f"concept_{index}" for index in range(count))
    content = json.loads(path.read_text(encoding="utf-8"))
    names = content.get("concepts") if isinstance(content, dict) else None
    if not isinstance(names, list) or len(names) != count:
        raise ModelUnusable(f'{path}: must hold {{"concepts": [...]}} with {count} names, one for each concept')
    return tuple(map(str, names))
