"""Models on the Hugging Face hub, or in its local cache when HF_HUB_OFFLINE is set.

`python -P -m worker.models.hub OWNER/NAME` downloads what a GPU would read, for images with weights in them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionInpaintPipeline

from worker.engine.devices import Device
from worker.errors import ModelUnusable
from worker.models.weights import component_files

_FP16 = "fp16"


def fetch(source: str, device: Device) -> Path:
    """The local folder of hub model `source`, downloaded if need be. Raises ModelUnusable.

    On CUDA only half-precision weights will do: the fp16 files, or the branch named fp16, where the card of Stable
    Diffusion inpainting has them. The full files would be twice the download and memory for the same picture.
    """
    if not device.half:
        return _download(source)
    try:
        folder = _download(source, variant=_FP16)
        if component_files(folder / "unet", _FP16):
            return folder
        reason = "its UNet has no fp16 file"
    except ModelUnusable as error:
        reason = str(error)
    try:
        return _download(source, revision=_FP16)
    except ModelUnusable as error:
        raise ModelUnusable(
            f"{source} has neither fp16 files ({reason}) nor a branch named fp16 ({error}). "
            "Save it once with variant='fp16' and point to that folder, or run it on cpu."
        ) from error


def _download(source: str, **choice: Any) -> Path:
    try:
        return Path(StableDiffusionInpaintPipeline.download(source, **choice))
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{source}: not a folder or file here, and not to be had from the hub: {error}") from error


if __name__ == "__main__":
    sys.stdout.write(f"{fetch(sys.argv[1], Device('cuda', torch.float16, torch.device('cuda')))}\n")
