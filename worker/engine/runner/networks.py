"""The networks of a model in one precision."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import torch

from storage.capabilities import Family
from worker.engine.runner.graphs import MOST_GRAPHS, CudaRecorder, GraphedUnet
from worker.engine.runner.latents import PictureCodec
from worker.engine.runner.lead import Lead
from worker.engine.runner.sending import Sending
from worker.engine.runner.text import TextEncoder
from worker.engine.runner.text_cache import TextCache
from worker.engine.runner.text_xl import XlTextEncoder
from worker.engine.runner.unet import LADDER, BucketedUnet, PlainUnet, UnetCall, UnetRows, next_size

if TYPE_CHECKING:
    from worker.models import LoadedModel


class Networks:
    """Everything that a request needs from its noise to its picture; requests of one call share one of these."""

    def __init__(self, model: LoadedModel, *, fixed_rows: int = 0, compiled: bool = False) -> None:
        """With `fixed_rows` every UNet call has so many rows. `compiled` counts on CUDA only."""
        self.device = model.device
        encoder = XlTextEncoder(model) if model.family is Family.SDXL else TextEncoder(model)
        self.text = TextCache(encoder.encode)
        self.codec = PictureCodec(model.vae)
        self.unet_weights = sum(weight.numel() for weight in model.unet.parameters())
        self.plain = PlainUnet(model.unet)
        """The UNet without padding and graphs."""
        self._call: UnetCall = self.plain
        self._lead: Lead | None = None
        self.sending: AbstractContextManager[Any] = nullcontext()
        """What a sampler sends to the device inside this is not waited for."""
        if self.device.kind == "cuda":
            self.sending = Sending(self.device.send)
            self._call = PlainUnet(compiled_unet(model.unet)) if compiled else self._call
            self._call = GraphedUnet(self._call, CudaRecorder())
            self._lead = Lead(lambda: torch.cuda.Event(blocking=True))
        self._ladder = (fixed_rows,) if fixed_rows else LADDER if self.device.kind == "cuda" else ()
        if self._ladder:
            self._call = BucketedUnet(self._call, self._ladder)

    def padded(self, count: int) -> int:
        """How many rows a call for `count` rows has."""
        return next_size(count, self._ladder)

    def unet(self, rows: UnetRows) -> torch.Tensor:
        """Predictions float32 (n, 4, h, w) of n rows."""
        output = self._call(rows)
        if self._lead is not None:
            self._lead.launched()
        return output.float()


def compiled_unet(unet: Any) -> Any:
    """One program for each set of shapes, as many as there may be graphs; without torch's own graphs inside ours."""
    torch._dynamo.config.recompile_limit = MOST_GRAPHS
    return torch.compile(unet, dynamic=False, options={"triton.cudagraphs": False})


def in_float32(model: LoadedModel) -> LoadedModel:
    """A copy of `model` whose networks compute in float32: half precision overflows at 65504."""
    modules = {field.name: getattr(model, field.name) for field in fields(model)}
    copies: dict[str, Any] = {
        name: copy.deepcopy(module).float() for name, module in modules.items() if isinstance(module, torch.nn.Module)
    }
    return replace(model, device=replace(model.device, dtype=torch.float32), **copies)
