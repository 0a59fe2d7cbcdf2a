"""Previews of what a sampler is heading for: they look like the picture, and nobody pays who does not want them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from storage.params import SchedulerName
from tests.unit.engine.requests import request
from worker.engine.devices import pick_device
from worker.engine.engine import Engine
from worker.engine.request import Pixels
from worker.engine.runner import DiffusersRunner
from worker.engine.runner import preview as preview_module
from worker.engine.runner.preview import PreviewMaker
from worker.models import LoadedModel, load_model

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Sink:
    """Keeps what is shown."""

    def __init__(self, *steps: int) -> None:
        self._steps = steps
        self.shown: list[Pixels] = []

    def wants(self, step: int) -> bool:
        return step in self._steps

    def show(self, pixels: Pixels) -> None:
        self.shown.append(pixels)


@pytest.fixture(scope="module")
def pocket() -> LoadedModel:
    return load_model("pocket", pick_device("cpu"))


def painted(runner: DiffusersRunner, **changes: Any) -> Pixels:
    """The picture that the engine makes."""
    engine = Engine(runner)
    future = engine.submit(request("a", **changes))
    while engine.turn():
        pass
    return future.result().pixels


def shrunk(pixels: Pixels) -> np.ndarray:
    """A picture at the size of its latents."""
    small = Image.fromarray(pixels).reduce(8)
    return np.asarray(small, dtype=float)


def test_flat_colours_come_back_as_themselves(pocket: LoadedModel) -> None:
    maker = PreviewMaker(pocket.vae)
    for color in ((255, 0, 0), (0, 200, 0), (40, 40, 250), (128, 128, 128)):
        flat = torch.tensor(color).div(255)[None, :, None, None].expand(1, 3, 64, 64) * 2 - 1
        latents = pocket.vae.encode(flat).latent_dist.mean * pocket.vae.config.scaling_factor
        made = maker.pixels(latents)
        assert made.shape == (8, 8, 3)
        assert np.abs(made[4, 4].astype(int) - color).max() < 40, color


@pytest.mark.parametrize("scheduler", list(SchedulerName))
def test_the_last_preview_is_the_picture_in_small(pocket: LoadedModel, scheduler: SchedulerName) -> None:
    """Whatever form the scheduler keeps its latents in."""
    sink = Sink(13 if scheduler is SchedulerName.PNDM else 12)  # PNDM makes one call more
    mask, image = np.zeros((128, 128), dtype=bool), np.full((128, 128, 3), (60, 120, 90), np.uint8)
    mask[32:96, 32:96] = True
    runner = DiffusersRunner(pocket, previews=True)
    asked = {"image": image, "mask": mask, "prompt": "a red circle", "negative_prompt": "", "steps": 12}
    picture = painted(runner, **asked, scheduler=scheduler, previews=sink)
    (shown,) = sink.shown
    assert shown.shape == (16, 16, 3)
    likeness = np.corrcoef(shown.ravel(), shrunk(picture).ravel())[0, 1]
    assert likeness > 0.85


def test_an_early_preview_is_no_noise(pocket: LoadedModel) -> None:
    """The estimate, not the noisy latents: the surroundings, which are known from the start, show at once."""
    sink = Sink(2)
    mask, image = np.zeros((128, 128), dtype=bool), np.full((128, 128, 3), (200, 60, 40), np.uint8)
    mask[48:80, 48:80] = True
    painted(DiffusersRunner(pocket, previews=True), image=image, mask=mask, steps=20, previews=sink)
    (shown,) = sink.shown
    corner = shown[:4, :4].reshape(-1, 3).astype(float)
    assert corner.std(axis=0).max() < 40
    assert corner.mean(axis=0)[0] > corner.mean(axis=0)[2] + 60


def test_previews_change_no_picture(model: LoadedModel) -> None:
    without = painted(DiffusersRunner(model))
    sink = Sink(1, 2, 3, 4)
    assert np.array_equal(painted(DiffusersRunner(model, previews=True), previews=sink), without)
    assert len(sink.shown) == 4


def test_without_the_operators_word_nothing_is_shown(model: LoadedModel) -> None:
    sink = Sink(1, 2, 3, 4)
    painted(DiffusersRunner(model), previews=sink)
    assert sink.shown == []


def test_a_large_picture_is_shown_small(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = PreviewMaker(model.vae)
    assert maker.pixels(torch.zeros(1, 4, 100, 257)).shape == (34, 86, 3)
    assert maker.pixels(torch.full((1, 4, 8, 8), float("nan"))).shape == (8, 8, 3)
    assert preview_module.LONGEST_SIDE == 128


def test_a_preview_that_fails_costs_itself_only(model: LoadedModel) -> None:
    class Broken(Sink):
        def show(self, pixels: Pixels) -> None:
            raise RuntimeError("nobody there")

    picture = painted(DiffusersRunner(model, previews=True), previews=Broken(1, 2))
    assert np.array_equal(picture, painted(DiffusersRunner(model)))
