"""The road of a picture from file to composite, with whatever paints in the middle: fakes, or a model on the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from storage.masks import check_inputs
from storage.params import InpaintParams
from tests.unit.engine import requests
from tests.unit.images.samples import Pixels, encoded
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest, InpaintResult
from worker.engine.runner import DiffusersRunner
from worker.images.compose import Composite, compose
from worker.images.prepare import Prepared, prepare
from worker.models import LoadedModel

Generator = Callable[[Prepared, InpaintParams], Pixels]

_FROM_PARAMS = {field.name for field in dataclasses.fields(InpaintRequest)} & InpaintParams.model_fields.keys()


def constant(value: int) -> Generator:
    """Paints one grey, whatever it is asked for."""
    return lambda ready, _: np.full_like(ready.image, value)


def noise(seed: int = 99) -> Generator:
    """Paints noise over everything it is shown, known pixels included."""
    return lambda ready, _: np.random.default_rng(seed).integers(0, 256, ready.image.shape, dtype=np.uint8)


def painted_by(model: LoadedModel) -> Generator:
    """Paints with a model, alone on an engine of its own."""
    return lambda ready, params: paint(model, request_of("alone", ready, params))[0].pixels


def edit(image: bytes, mask: bytes | None, generator: Generator, native_size: int = 64, **params: Any) -> Composite:
    """Takes two files down the road: read, judge, prepare, paint, compose."""
    asked = InpaintParams(**params).resolved(native_size=native_size, seed=1)
    inputs = check_inputs(image, mask, asked)
    ready = prepare(inputs.image, inputs.mask, asked)
    return compose(ready, generator(ready, asked))


def request_of(name: str, ready: Prepared, params: InpaintParams) -> InpaintRequest:
    """What the engine is asked for when a job with these parameters runs."""
    asked = {field: getattr(params, field) for field in _FROM_PARAMS}
    return requests.request(name, image=ready.image, mask=ready.mask, **asked)


def paint(model: LoadedModel, *asked: InpaintRequest) -> list[InpaintResult]:
    """All of them on one engine, sharing its calls, in order. The engine is driven on this thread, so it is exact."""
    engine = Engine(DiffusersRunner(model), row_budget=64)
    futures = [engine.submit(request) for request in asked]
    while engine.turn():
        pass
    return [future.result(0) for future in futures]


def pixels(composite: Composite) -> Pixels:
    return np.asarray(composite.image)


def white_box(width: int, height: int, left: int, top: int, right: int, bottom: int) -> bytes:
    """A mask file that is white in a box."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (left, top, right, bottom))
    return encoded(mask)
