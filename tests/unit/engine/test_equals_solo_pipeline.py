"""Whoever shares the UNet calls, each picture is the one that diffusers' pipeline makes alone."""

import random
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from storage.params import MaskedContent, SchedulerName
from tests.unit.engine.requests import cell_mask, mixed_requests, noise_image, request
from tests.unit.engine.solo import RecordingRunner, relative_error, solo
from tests.unit.engine.tiny_model import HALF, scheduler, tiny_model
from worker.engine.engine import Engine
from worker.engine.request import InpaintRequest, InpaintResult
from worker.errors import RequestCanceled
from worker.models import LoadedModel

pytestmark = [
    # diffusers' sigma schedulers still convert tensors the way of NumPy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # The solo pipeline corrects PNDM's configuration and says so.
    pytest.mark.filterwarnings("ignore:The configuration file of this scheduler:FutureWarning"),
]

TOLERANCE = 1e-5


@pytest.fixture
def runner(model: LoadedModel) -> RecordingRunner:
    return RecordingRunner(model)


@pytest.fixture
def engine(runner: RecordingRunner) -> Iterator[Engine]:
    engine = Engine(runner)
    engine.start()
    yield engine
    engine.close()


class Crowd:
    """Submits requests while another one runs: whenever that one makes a step, up to three more join."""

    def __init__(self, engine: Engine, requests: list[InpaintRequest], order: random.Random) -> None:
        self.futures: dict[str, Future[InpaintResult]] = {}
        self._engine, self._waiting, self._order = engine, list(requests), order
        self.pace = engine.submit(request("pace", steps=12, on_step=self._let_join))
        self.neighbour = engine.submit(request("neighbour", steps=12, seed=99))

    def _let_join(self, done: int, total: int) -> None:
        if done == 5:
            self._engine.cancel("neighbour")
        joining = len(self._waiting) if done == total else self._order.randint(0, 3)
        for item in self._waiting[:joining]:
            self.futures[item.id] = self._engine.submit(item)
        del self._waiting[:joining]


@pytest.mark.parametrize("seed", [0, 1])
def test_every_scheduler_equals_its_solo_run_in_a_changing_crowd(
    model: LoadedModel, engine: Engine, runner: RecordingRunner, seed: int
) -> None:
    order = random.Random(seed)
    requests = mixed_requests(order, range(3, 8))
    crowd = Crowd(engine, requests, order)
    crowd.pace.result(60)
    with pytest.raises(RequestCanceled):
        crowd.neighbour.result(60)
    for item in requests:
        crowd.futures[item.id].result(60)
        error = relative_error(runner.finished[item.id], solo(model, item, "latent"))
        assert error <= TOLERANCE, f"{item.id} differs by {error}"
    assert max(runner.calls) > 2, "nobody shared a UNet call, so this proves nothing"
    assert "neighbour" not in runner.finished


@pytest.mark.parametrize("name", [SchedulerName.DDIM, SchedulerName.EULER, SchedulerName.DPMPP_2M])
def test_v_prediction_is_left_to_the_scheduler(model: LoadedModel, name: SchedulerName) -> None:
    turned = replace(model, scheduler=scheduler(prediction_type="v_prediction"))
    runner, item = RecordingRunner(turned), request("v", scheduler=name)
    latents = run_alone(runner, item)
    assert relative_error(latents, solo(turned, item, "latent")) <= TOLERANCE
    assert relative_error(latents, solo(model, item, "latent")) > 0.01


def run_alone(runner: RecordingRunner, item: InpaintRequest) -> torch.Tensor:
    trajectory = runner.begin(item)
    while trajectory.calls_left:
        runner.advance(trajectory, runner.predict([trajectory])[0])
    return trajectory.latents


def test_pixels_equal_the_pipeline_to_one_level(model: LoadedModel, engine: Engine) -> None:
    item = request("wide", image=noise_image(3, 64, 128), mask=cell_mask(64, 128))
    ours = engine.submit(item).result(60).pixels
    theirs = np.round(solo(model, item, "np")[0] * 255)
    assert ours.shape == (64, 128, 3)
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("name", list(SchedulerName))
@pytest.mark.parametrize("steps", [1, 2, 150])
def test_shortest_and_longest_runs_stay_finite(runner: RecordingRunner, name: SchedulerName, steps: int) -> None:
    trajectory = runner.begin(request("edge", scheduler=name, steps=steps, guidance_scale=1.0))
    assert trajectory.calls_left - steps in ({0, 1} if name is SchedulerName.PNDM else {0})
    latents = trajectory.latents
    while trajectory.calls_left:
        # The UNet is not what is tried here, and 150 calls of it would take long.
        runner.advance(trajectory, latents / latents.std())
    assert torch.isfinite(trajectory.latents).all()


def test_half_precision_draws_the_same_noise(model: LoadedModel, tmp_path: Path) -> None:
    item = request("r", scheduler=SchedulerName.EULER_ANCESTRAL, strength=0.6)
    half = run_alone(RecordingRunner(tiny_model(tmp_path, HALF)), item)
    assert half.dtype == torch.float32
    assert relative_error(half, run_alone(RecordingRunner(model), item)) < 0.02


def test_what_lies_under_the_mask_has_no_effect_at_full_strength(runner: RecordingRunner) -> None:
    image, other = noise_image(1), noise_image(1)
    other[cell_mask()] = 0
    first, second = (run_alone(runner, request("r", image=pixels)) for pixels in (image, other))
    assert torch.equal(first, second)
    weaker = (run_alone(runner, request("r", image=pixels, strength=0.5)) for pixels in (image, other))
    assert not torch.equal(*weaker)


def test_masked_content_is_where_a_weaker_job_starts_from(runner: RecordingRunner) -> None:
    made = {
        (content, strength): run_alone(runner, request("r", masked_content=content, strength=strength))
        for content in (MaskedContent.ORIGINAL, MaskedContent.NOISE, MaskedContent.BLANK)
        for strength in (0.5, 1.0)
    }
    assert len({tuple(latents.flatten().tolist()) for (_, strength), latents in made.items() if strength < 1}) == 3
    assert len({tuple(latents.flatten().tolist()) for (_, strength), latents in made.items() if strength == 1}) == 1


def test_the_seed_decides(runner: RecordingRunner) -> None:
    first, again, other = (run_alone(runner, request("r", seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
