"""The networks of a model in one precision."""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch

from worker.engine.runner.latents import PictureCodec
from worker.engine.runner.text import TextEncoder

if TYPE_CHECKING:
    from worker.models import LoadedModel


class Networks:
    """Everything that a request needs from its noise to its picture; requests of one call share one of these."""

    def __init__(self, model: LoadedModel) -> None:
        self.device = model.device
        self.unet = model.unet
        self.text = TextEncoder(model)
        self.codec = PictureCodec(model.vae)


def in_float32(model: LoadedModel) -> LoadedModel:
    """A copy of `model` whose networks compute in float32: half precision overflows at 65504."""
    modules = {field.name: getattr(model, field.name) for field in fields(model)}
    copies: dict[str, Any] = {
        name: copy.deepcopy(module).float() for name, module in modules.items() if isinstance(module, torch.nn.Module)
    }
    return replace(model, device=replace(model.device, dtype=torch.float32), **copies)
